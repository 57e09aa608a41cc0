#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: alone
# smoke: timeout 240
# keepalived and leatd as one virtual router per family on two networks: each is backup and master, each preempts the other, and pings
# through the virtual addresses go on; what is lost is less than a second of them.
. "$(dirname "$0")/../lib/smoke.sh"
command -v keepalived >/dev/null || skip "no keepalived"
. "$(dirname "$0")/../lib/vrrp.sh"

vrrp_lab # client - lan - { leatd, ka } - wan - net
ka_instance() { # NAME IF ID PRIORITY ADDRESS...
	printf 'vrrp_instance %s {\n interface %s\n virtual_router_id %s\n advert_int 0.1\n priority %s\n' "${@:1:4}"
	printf ' virtual_ipaddress {\n' && printf '  %s\n' "${@:5}" && printf ' }\n}\n'
}
ka_start() { # PRIORITY
	{
		printf 'global_defs {\n vrrp_version 3\n vrrp_rt_priority 1\n vrrp_rlimit_rttime 10000000\n}\n' # its timers on a busy machine
		ka_instance lan4 lan 7 "$1" 10.1.0.254/24
		ka_instance lan6 lan 7 "$1" fe80::fe 2001:db8:1::fe/64
		ka_instance wan4 wan 8 "$1" 10.2.0.254/24
		ka_instance wan6 wan 8 "$1" fe80::fe 2001:db8:2::fe/64
	} >"$T/ka.conf"
	rm -f "$T/ka.pid" "$T/ka-vrrp.pid" # of one that was killed: it may not have been waited for yet
	bg ka ip netns exec "$TAG-ka" keepalived -nlPD -f "$T/ka.conf" -p "$T/ka.pid" -r "$T/ka-vrrp.pid"
}
ka_is() { [ "$(ip -n "$TAG-ka" address show | grep -cE '(10.[12].0.254|2001:db8:[12]::fe)/')" = "$1" ]; }
is() { leat show vrrp --json | jq -e --arg s "$1" 'length == 4 and all(.state == $s)'; }

ka_start 100
wait_until 'ka_is 4' 60
vrrp_config 150 >"$T/leatd.lua"
leatd_start "$T/leatd.lua"
links_up
# Our higher priority preempts; pings reach the far side by the virtual addresses, in both families.
wait_until 'is master && ka_is 0' 60
expect "in_ns client ping -q -c 3 -i 0.1 -W 5 10.2.0.9"
expect "in_ns client ping -q -c 3 -i 0.1 -W 5 2001:db8:2::9"
expect "in_ns client ping -q -c 1 -W 5 10.1.0.254" "the master answers at the address"
expect "in_ns client ping -q -c 1 -W 5 2001:db8:1::fe"
expect "in_ns client ping -q -c 1 -W 5 fe80::fe%eth0"
expect "ip -n $TAG-client neighbor show 10.1.0.254 | grep -q 00:00:5e:00:01:07" "the virtual MAC address"
expect "ip -n $TAG-client neighbor show 2001:db8:1::fe | grep -q 00:00:5e:00:02:07"

# Asked to, it resigns, and comes back when it is no longer to hold back.
resign() { leat resign vrrp lan hold="$1" && leat resign vrrp wan hold="$1"; }
resign 10m
wait_until 'is backup && ka_is 4' 60
expect "leat show vrrp --json | jq -e 'all(.priority == 1)'"
resign 0s
wait_until 'is master && ka_is 0' 60

# With more priority keepalived preempts; when it is gone, leatd takes over; with more priority that preempts.
priority() { leat set routers.r.interfaces.lan.vrrp.7.priority "$1" && leat set routers.r.interfaces.wan.vrrp.8.priority "$1"; }
ka_wins() { priority 50 && wait_until 'is backup && ka_is 4' 60; }
ka_dies() { kill -9 "$(cat "$T/ka.pid")" "$(cat "$T/ka-vrrp.pid")"; ip -n "$TAG-ka" link set dev lan down; ip -n "$TAG-ka" link set dev wan down; wait_until 'is master' 60; }
ka_again() {
	local lan
	for lan in lan wan; do
		ip -n "$TAG-ka" address flush dev $lan
		ip -n "$TAG-ka" link set dev $lan up
	done
	ka_addresses
	ka_start 100
	wait_until 'is backup && ka_is 4' 60
}
leatd_wins() { priority 150 && wait_until 'is master && ka_is 0' 60; }
loses_less ka_wins leatd_wins
loses_less ka_dies ka_again
ka_again
loses_less leatd_wins ka_wins
expect "leat show vrrp --json | jq -e 'all(.received > 3 and .mismatched == 0)'"
expect_eq "$(leat show drops --json | jq '[.[] | select(.drop | startswith("drop_vrrp"))] | length')" 0 "advertisements dropped"

# Killed, it is followed; started again, it preempts; stopped well, it says so.
killed() { leatd_kill && wait_until 'ka_is 4' 60; }
started() { leatd_start "$T/leatd.lua" && wait_until 'is master && ka_is 0' 60; }
stopped() { leatd_stop && wait_until 'ka_is 4' 60; }
loses_less killed started
loses_less started killed
loses_less stopped started
grep -q 'Backup received priority 0' "$T/ka.log" || fail "no resignation heard"
