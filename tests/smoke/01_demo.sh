#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: alone
# What `make run` shows, from the same script.
. "$(dirname "$0")/../lib/smoke.sh"

DEMO_SECONDS=1 "$TOP/scripts/run-demo" || fail "the demo does not work"
