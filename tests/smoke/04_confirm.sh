#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# apply --confirm: reverts by itself, stays when confirmed, and does not survive a restart unconfirmed.
. "$(dirname "$0")/../lib/smoke.sh"

ageing() { leat show config switches.s.ageing --json | tr -d '"'; }
write() { echo "return { switches = { s = { ageing = '$1' } } }" >"$T/config.lua"; }

write 100s
leatd_start "$T/config.lua"
old=$(ageing)

write 200s
leat apply "$T/config.lua" --confirm 2 >/dev/null
new=$(ageing)
[ "$new" != "$old" ] || fail "the configuration to be confirmed does not run"
expect "leat history | grep -q pending" "history says that it is pending"
wait_until "[ '$old' = \"\$(ageing)\" ]" 8
refuse "leat confirm" "there is nothing to confirm any more"

leat apply "$T/config.lua" --confirm 2 >/dev/null
expect "leat confirm"
# Longer than the two seconds in which it would have gone back.
refuse "try_until \"[ '$old' = \\\"\\\$(ageing)\\\" ]\" 4" "a confirmed one stays"

write 300s
leat apply "$T/config.lua" --confirm 600 >/dev/null
leatd_kill
leatd_start
expect_eq "$(ageing)" "$new" "after a restart, the last one confirmed"

leat rollback >/dev/null
expect_eq "$(ageing)" "$old" "after a rollback"
leatd_stop
leatd_start
expect_eq "$(ageing)" "$old" "a rollback survives a restart"
