#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 180
# Commits that keep the control thread busy make no second master: keepalived, a backup that waits 0.4 s for an advertisement, stays one.
. "$(dirname "$0")/../lib/smoke.sh"
command -v keepalived >/dev/null || skip "no keepalived"

LEAT_SANITIZE=${LEAT_SANITIZE:-0}
config() { # ROUTES
	cat <<-LUA
		local routes = {}
		for i = 0, $1 - 1 do routes[string.format("100.%d.%d.%d/32", 64 + (i >> 16), i >> 8 & 255, i & 255)] = { via = "10.1.0.2" } end
		return { ports = { lan = { device = "lan" } }, routers = { r = { limits = { routes4 = 262144 }, routes = routes,
			interfaces = { lan = { port = "lan", dad = false, addresses = { "10.1.0.1/24" },
				vrrp = { [7] = { priority = 150, interval = "100ms", addresses = { "10.1.0.254" } } } } } } } }
	LUA
}
host ka lan 10.1.0.2/24
config 1 >"$T/few.lua"
config $((LEAT_SANITIZE ? 10000 : 100000)) >"$T/many.lua" # what takes longer than a client waits is nothing that is tested here
leatd_start "$T/few.lua"
wait_until "leat show vrrp --json | jq -e '.[0].state == \"master\"'" 30
printf '%s\n' 'global_defs {' ' vrrp_version 3' '}' 'vrrp_instance lan {' ' interface eth0' ' virtual_router_id 7' ' advert_int 0.1' \
	' priority 100' ' virtual_ipaddress {' '  10.1.0.254/24' ' }' '}' >"$T/ka.conf"
bg ka ip netns exec "$TAG-ka" keepalived -nlPD -f "$T/ka.conf" -p "$T/ka.pid" -r "$T/ka-vrrp.pid"
wait_until "grep -q 'Entering BACKUP' '$T/ka.log'" 30
took_over() { grep -c 'Entering MASTER' "$T/ka.log" || true; }
# On a machine with more to do than it can, the worker itself may be late: one of several commits must go unnoticed, and take long enough.
for _ in 1 2 3 4; do
	before=$(took_over)
	leat apply "$T/many.lua" >/dev/null
	took=$(grep -o 'duration_ms=[0-9]*' "$leatd_log" | tail -n 1 | cut -d= -f2)
	say "a commit of $took ms: keepalived took over $(($(took_over) - before)) times"
	[ "$took" -le 400 ] || [ "$(took_over)" != "$before" ] || exit 0
	leat apply "$T/few.lua" >/dev/null
	wait_until "leat show vrrp --json | jq -e '.[0].state == \"master\"'" 30
done
fail "a second master at every commit that takes longer than a backup waits"
