#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 240
# configs/edge-router.lua with FRR as it is there, and FRR at both providers: full tables of both families (LEAT_ROUTES of them, 3,000) share the
# flows; a provider's link goes while pings and TCP go on, and it comes back; policy, MSS, reverse path filter, the management's VRF.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/routing.sh"
n4=${LEAT_ROUTES:-3000} n6=$((${LEAT_ROUTES:-3000} / 3))

host isp1 isp1 192.0.2.1/30 2001:db8:1::1/64
host isp2 isp2 192.0.2.5/30 2001:db8:2::1/64
host server core 198.51.100.9/25 2001:db8:a:1::9/64
host rig lab 198.51.100.200/25 2001:db8:a:2::9/64
host noc mgmt 10.255.0.9/24
for ns in edge mgmt isp1 isp2; do
	[ -n "${smoke_ns[$ns]-}" ] || ns_add $ns
	in_ns $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
done
for route in "server 198.51.100.1 2001:db8:a:1::1" "rig 198.51.100.129 2001:db8:a:2::1"; do
	read -r ns v4 v6 <<<"$route"
	ip -n "$TAG-$ns" route add default via "$v4"
	ip -6 -n "$TAG-$ns" route add default via "$v6"
done
sed "s/namespace = \"/&$TAG-/" "$TOP/configs/edge-router.lua" >"$T/edge.lua"
leatd_start "$T/edge.lua"
expect "leat check '$T/edge.lua' | grep 'routers.edge: 1200000 IPv4 and 300000 IPv6 routes fit: about [0-9]* MiB of'" "what fits"
links_up

provider() { # NS AS OTHER OTHER6: every address of the world answers there
	ip -n "$TAG-$1" route add local 16.0.0.0/4 dev lo
	ip -6 -n "$TAG-$1" route add local 2a00::/16 dev lo
	{
		printf 'router bgp %s\n bgp router-id %s\n no bgp network import-check\n no bgp ebgp-requires-policy\n' "$2" "10.0.0.${1: -1}"
		printf ' timers bgp 3 9\n neighbor %s remote-as 64500\n neighbor %s remote-as 64500\n' "$3" "$4"
		printf ' address-family ipv4 unicast\n neighbor %s default-originate\n no neighbor %s activate\n' "$3" "$4"
		for ((i = 0; i < n4; i++)); do echo " network $((16 + i / 65536)).$((i / 256 % 256)).$((i % 256)).0/24"; done
		printf ' network 198.51.100.128/25\n exit-address-family\n' # ours: not believed
		printf ' address-family ipv6 unicast\n neighbor %s activate\n neighbor %s default-originate\n' "$4" "$4"
		for ((i = 0; i < n6; i++)); do printf ' network 2a00:%x:%x::/48\n' $((i / 65536)) $((i % 65536)); done
		printf ' exit-address-family\n'
	} | frr_start "$1" bgpd
	bg "iperf-$1" ip netns exec "$TAG-$1" iperf3 -s
}
provider isp1 64501 192.0.2.2 2001:db8:1::2
provider isp2 64502 192.0.2.6 2001:db8:2::2
frr_start edge bgpd <"$TOP/configs/edge-router.frr"

count() { leat_json '.[0] | "\(.routes4) \(.routes6)"' sources source=kernel; }
via() { leat_json '.[0].via // "none"' routes router=edge "prefix=$1"; }
paths() { [ "$(via "$1" | grep -o isp. | sort -u | tr '\n' ' ')" = "$2 " ]; }
last4=16.$(((n4 - 1) / 256)).$(((n4 - 1) % 256)) last6=2a00:0:$(printf %x $((n6 - 1)))
wait_until "[ \"\$(count)\" = '$((n4 + 1)) $((n6 + 1))' ]" 90
for prefix in 0.0.0.0/0 ::/0 "$last4.0/24" "$last6::/48"; do wait_until "paths $prefix 'isp1 isp2'" 20; done
expect_eq "$(vty edge show bgp ipv4 unicast neighbors 192.0.2.1 advertised-routes json | jq .totalPrefixCounter)" 1 "nothing but ours goes out"
reach() { for to in "$@"; do wait_until "in_ns server ping -q -c 1 -W 1 $to" 20; done; }
reach 31.0.0.1 2a00:ffff::1 "$last4.1" "$last6::1" 198.51.100.200 2001:db8:a:2::9
speak() { # HOST TO
	expect "in_ns $1 iperf3 -c $2 -t 1 --connect-timeout 5000 -J | jq -e '.end.sum_received.bytes > 1000000'" "TCP from $1 to $2"
}

# The lab goes by isp2, with an MSS that fits; what is not ours does not leave.
dump syn isp2 '(tcp[tcpflags] & tcp-syn != 0) or (ip6[6] = 6 and ip6[53] & 2 != 0)'
speak rig "$last4.1"
speak rig "$last6::1"
wait_until "grep -q '198.51.100.200.*$last4.1.*mss 1452' '$T/syn.log' && grep -q 'db8:a:2:.*$last6::1.*mss 1432' '$T/syn.log'"
expect "in_ns rig ping -q -c 1 -W 5 198.51.100.9" "and its neighbours by the core"
ip -n "$TAG-server" address add 203.0.113.66/32 dev lo
refuse "in_ns server ping -q -c 1 -W 1 -I 203.0.113.66 192.0.2.1"
expect "[ \$(dropped ip_lookup_urpf core) -ge 1 ]" "reverse path filter"
expect "in_ns noc ping -q -c 1 -W 5 10.255.0.1"
refuse "in_ns mgmt ping -q -c 1 -W 1 192.0.2.1" "VRFs are apart"

# The first provider's link goes: the pings that are on their way go by the other, and so do new connections.
by_isp1() { leat_json '.[0].tx_packets' ports isp1; }
before=$(by_isp1)
for to in "$last4" "$last6:"; do
	for flow in 1 2 3; do bg "ping-$to-$flow" ip netns exec "$TAG-server" ping -i 0.05 "$to$([ -z "${to##*:*}" ] && echo : || echo .)$flow"; done
done
heard() { local log && for log in "$T"/ping-*.log; do [ "$(grep -c time= "$log")" -gt "$1" ] || return; done; }
wait_until 'heard 20' 20
[ $(($(by_isp1) - before)) -gt 15 ] || fail "no flow goes by isp1"
ip -n "$TAG-isp1" link set dev eth0 down
for prefix in 0.0.0.0/0 ::/0 "$last4.0/24" "$last6::/48"; do wait_until "paths $prefix isp2" 30; done
expect_eq "$(count)" "$((n4 + 1)) $((n6 + 1))" "routes"
wait_until "heard $(($(cat "$T"/ping-*.log | grep -c time=) / 6 + 20))" 20
for pid in "${smoke_bg[@]: -6}"; do kill -INT "$pid" && wait "$pid" || true; done
for log in "$T"/ping-*.log; do
	lost=$(sed -nE 's/^([0-9]+) packets transmitted, ([0-9]+) received.*/\1-\2/p' "$log")
	say "${log##*/}: lost $((lost)), 50 ms apart"
	[ $((lost)) -lt 40 ] || fail "${log##*/}: $((lost)) of them were lost"
done
speak server "$last4.1"
speak server "$last6::1"

# It comes back.
ip -n "$TAG-isp1" link set dev eth0 up
ip -n "$TAG-isp1" address replace 2001:db8:1::1/64 dev eth0
wait_until "[ \$(vty edge show bgp summary json | jq '[.[].peers[] | select(.state == \"Established\")] | length') = 4 ]" 60
reach 31.0.0.1 2a00:ffff::1 "$last4.1" "$last6::1"
