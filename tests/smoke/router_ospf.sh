#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 240
# OSPFv2 and OSPFv3 between FRR on the twins and BIRD; and BIRD on the twins of another namespace, whose next hops are in its routes. Both
# leave the kernel the routes that leatd forwards by, and both lose them with the neighbour.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/routing.sh"

host far p1 192.0.2.1/24 2001:db8:1::1/64
host pc lan 10.0.0.9/24 2001:db8:a::9/64
ns_add edge
ns_add bird
for ns in edge bird far; do in_ns $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0; done
ip -n "$TAG-pc" route add default via 10.0.0.1
ip -6 -n "$TAG-pc" route add default via 2001:db8:a::1
conf() { # NAMESPACE
	echo "return { ports = { p1 = { device = 'p1' }, lan = { device = 'lan' } }, routers = { r = { interfaces = {
		wan = { port = 'p1', addresses = { '192.0.2.2/24', '2001:db8:1::2/64' }, twin = { namespace = '$TAG-$1' } },
		lan = { port = 'lan', addresses = { '10.0.0.1/24', '2001:db8:a::1/64' }, twin = { namespace = '$TAG-$1' } } } } } }"
}
conf edge >"$T/edge.lua"
conf bird >"$T/bird.lua"
leatd_start "$T/edge.lua"
links_up

ip -n "$TAG-far" address add 100.64.1.9/32 dev lo
ip -n "$TAG-far" address add 2001:db8:c1::9/128 dev lo
ospf() { # ROUTER-ID INTERFACE [NETWORK4 NETWORK6]: a BIRD that speaks both
	local v
	printf 'router id %s;\nprotocol device { scan time 1; }\n' "$1"
	for v in 4 6; do
		printf 'protocol kernel { ipv%s { export where source = RTS_OSPF || source = RTS_OSPF_IA; }; }\n' $v
		printf 'protocol ospf v%s o%s { ipv%s { import all; export none; }; area 0 {\n' $((v == 4 ? 2 : 3)) $v $v
		printf 'interface "%s" { hello 1; dead 4; type pointopoint; };\n' "$2"
		[ $# = 2 ] || printf 'stubnet %s;\n' "$([ $v = 4 ] && echo "$3" || echo "$4")"
		printf '}; }\n'
	done
}
ospf 192.0.2.1 eth0 100.64.1.9/32 2001:db8:c1::9/128 | bird_start far
frr_start edge ospfd ospf6d <<'END'
interface wan
 ip ospf area 0
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ipv6 ospf6 area 0
 ipv6 ospf6 network point-to-point
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
interface lan
 ip ospf area 0
 ip ospf passive
 ipv6 ospf6 area 0
 ipv6 ospf6 passive
router ospf
 ospf router-id 192.0.2.2
router ospf6
 ospf6 router-id 192.0.2.2
END

has() { leat_json "[.[] | select(.source == \"kernel\") | .prefix] | contains([\"100.64.1.9/32\", \"2001:db8:c1::9/128\"])" routes; }
both() {
	wait_until "[ \"\$(has)\" = true ]" 60
	for to in 100.64.1.9 2001:db8:c1::9; do wait_until "in_ns pc ping -q -c 1 -W 1 $to" 30; done
}
both
expect_eq "$(leat_routes)" "$(vty_routes edge ospf)" "what FRR has"
expect_eq "$(leat_routes)" "$(kernel_routes edge ospf)" "what the kernel has"
expect_eq "$(leat_json '[.[] | select(.source == "kernel") | .distance] | unique | tostring' routes)" "[110]" distance

# The neighbour dies without a word: so do its routes. And comes back.
birds far down
wait_until "[ -z \"\$(leat_routes)\" ]" 30
ospf 192.0.2.1 eth0 100.64.1.9/32 2001:db8:c1::9/128 | bird_start far
both

# The twins move to another namespace, where BIRD is; what FRR's had is gone.
leat apply "$T/bird.lua" >/dev/null
ospf 192.0.2.2 wan 10.0.0.0/24 2001:db8:a::/64 | bird_start bird
both
expect "ip -n $TAG-bird route show proto bird | grep -q 100.64.1.9"
birds bird down
wait_until "[ -z \"\$(leat_routes)\" ]" 30
