#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# tests/hello as a shared object: leatd --plugin loads it, and what it declares is there like built-in parts.
. "$(dirname "$0")/../lib/smoke.sh"

plugin=$(find "$BUILD/tests/hello" -name '*hello*.so' | head -n 1)
[ -n "$plugin" ] || fail "no plugin was built in $BUILD/tests/hello"
status=0
text=$("$LEATD" --plugin "$T/none.so" --state-dir "$STATE" --run-dir "$RUN" 2>&1) || status=$?
[ "$status" != 0 ] || fail "a plugin that is not there was loaded"
grep -q 'none\.so' <<<"$text" || fail "the message does not name the plugin: $text"

leatd_start '' --plugin "$plugin"
api GET /v1/schema >"$T/schema"
jq -e '[.. | .name? // empty] | any(test("hello"))' "$T/schema" >/dev/null || fail "the schema does not know hello"
leatd_stop
leatd_start
api GET /v1/schema >"$T/schema"
jq -e '[.. | .name? // empty] | any(test("hello")) | not' "$T/schema" >/dev/null || fail "hello without --plugin"
