#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What `make run` shows, from the same script; and KEEP=1 leaves it up until it is taken down.
. "$(dirname "$0")/../lib/smoke.sh"

DEMO_SECONDS=1 "$TOP/scripts/run-demo" || fail "the demo does not work"
