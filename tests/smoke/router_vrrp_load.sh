#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 180
# Commits that keep the control thread busy make no second master: keepalived, a backup that waits 0.4 s for an advertisement, stays one.
. "$(dirname "$0")/../lib/smoke.sh"
command -v keepalived >/dev/null || skip "no keepalived"

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
config 20000 >"$T/many.lua"
leatd_start "$T/few.lua"
wait_until "leat show vrrp --json | jq -e '.[0].state == \"master\"'" 30
printf '%s\n' 'global_defs {' ' vrrp_version 3' '}' 'vrrp_instance lan {' ' interface eth0' ' virtual_router_id 7' ' advert_int 0.1' \
	' priority 100' ' virtual_ipaddress {' '  10.1.0.254/24' ' }' '}' >"$T/ka.conf"
bg ka ip netns exec "$TAG-ka" keepalived -nlPD -f "$T/ka.conf" -p "$T/ka.pid" -r "$T/ka-vrrp.pid"
wait_until "grep -q 'Entering BACKUP' '$T/ka.log'" 30
for _ in 1 2; do
	leat apply "$T/many.lua" >/dev/null
	leat apply "$T/few.lua" >/dev/null
done
say "longest commit: $(grep -o 'duration_ms=[0-9]*' "$leatd_log" | cut -d= -f2 | sort -n | tail -n 1) ms"
expect_eq "$(leat_json '.[0].changes' vrrp)" 1 "changes of mastership here"
refuse "grep 'Entering MASTER' '$T/ka.log'" "keepalived took over"
