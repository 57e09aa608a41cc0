#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: alone
# 200 commits that add, change and remove other ports and switches, while frames are counted between two
# ports that no commit touches: not one is lost, doubled or out of order.
. "$(dirname "$0")/../lib/smoke.sh"

host a a
host b b
for i in 1 2 3; do link daemon "x$i" daemon "y$i"; done
write() { # FURTHER-PORTS FURTHER-MEMBERS OPTIONS
	cat >"$T/config.lua" <<-END
		return { ports = { a = { device = "a" }, b = { device = "b" }, $1 },
		  switches = { s = { $3 ports = { a = { access = 10 }, b = { access = 10 }, $2 } } } }
	END
}
x() { echo "x$1 = { device = 'x$1' }"; }

write '' '' ''
leatd_start "$T/config.lua"
stream_start a b 400
start=$(now_ms)
for i in $(seq 40); do
	write "$(x 1)" "x1 = { access = 10 }" '' && leat apply "$T/config.lua"
	write "$(x 1), $(x 2), $(x 3)" "x1 = { access = 20 }, x2 = { trunk = { 10, $((i + 20)) } }" '' && leat apply "$T/config.lua"
	write "$(x 2), $(x 3)" "x2 = { trunk = { 10 }, native = 30, isolated = true }" "ageing = $((i + 60))," &&
		leat apply "$T/config.lua"
	leat set switches.s.mac_limit $((1000 + i))
	write '' '' '' && leat apply "$T/config.lua"
done >"$T/applies.log" 2>&1 || fail "a commit was refused"
took=$(($(now_ms) - start))
stream_stop
expect_eq "$(jq -c '[.lost, .duplicated, .reordered]' <<<"$stream")" '[0,0,0]' "lost, doubled, reordered"
commits=$(leat history --json | jq '[.. | .revision? // empty] | max')
[ "$commits" -ge 200 ] || fail "only $commits revisions were made"
say "200 commits in $took ms"
