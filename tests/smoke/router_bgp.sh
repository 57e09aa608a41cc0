#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 240
# FRR, unchanged, on the twins: BGP with two BIRDs in both families. What they announce is forwarded; `leat show routes`, `ip route` and `vtysh`
# agree; routes of both share the flows by a next-hop object; those of a lost link go and come back.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/routing.sh"

host one p1 192.0.2.1/24 2001:db8:1::1/64
host two p2 198.51.100.1/24 2001:db8:2::1/64
host pc lan 10.0.0.9/24 2001:db8:a::9/64
ns_add edge
for ns in edge one two; do in_ns $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0; done
ip -n "$TAG-pc" route add default via 10.0.0.1
ip -6 -n "$TAG-pc" route add default via 2001:db8:a::1
twin="twin = { namespace = '$TAG-edge' }"
leatd_start - <<<"return { ports = { p1 = { device = 'p1' }, p2 = { device = 'p2' }, lan = { device = 'lan' } }, routers = { r = { interfaces = {
	one = { port = 'p1', addresses = { '192.0.2.2/24', '2001:db8:1::2/64' }, $twin },
	two = { port = 'p2', addresses = { '198.51.100.2/24', '2001:db8:2::2/64' }, $twin },
	lan = { port = 'lan', addresses = { '10.0.0.1/24', '2001:db8:a::1/64' }, $twin } } } } }"
links_up
# Each has networks of its own, and one that both have; its addresses are on lo.
peer() { # NS AS SUBNET SUBNET6 OWN OWN6
	for address in "$5.9/32" "$6::9/128" 203.0.113.9/32 2001:db8:cc::9/128; do ip -n "$TAG-$1" address add "$address" dev lo; done
	bird_start "$1" <<-END
		router id $3.1;
		protocol device { }
		protocol static { ipv4; route $5.0/24 unreachable; route 203.0.113.0/24 unreachable; }
		protocol static { ipv6; route $6::/48 unreachable; route 2001:db8:cc::/48 unreachable; }
		protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }
		protocol kernel { ipv6 { import none; export where source = RTS_BGP; }; }
		template bgp edge { local as $2; connect retry time 1; connect delay time 1; error wait time 1,1; hold time 9; }
		protocol bgp v4 from edge { neighbor $3.2 as 65000; ipv4 { import all; export where source = RTS_STATIC; next hop self; }; }
		protocol bgp v6 from edge { neighbor $4::2 as 65000; ipv6 { import all; export where source = RTS_STATIC; next hop self; }; }
	END
}
peer one 65001 192.0.2 2001:db8:1 100.64.1 2001:db8:c1
peer two 65002 198.51.100 2001:db8:2 100.64.2 2001:db8:c2
frr_start edge bgpd <<'END'
router bgp 65000
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 no bgp suppress-duplicates
 bgp bestpath as-path multipath-relax
 timers bgp 1 3
 neighbor 192.0.2.1 remote-as 65001
 neighbor 192.0.2.1 timers connect 1
 neighbor 198.51.100.1 remote-as 65002
 neighbor 198.51.100.1 timers connect 1
 neighbor 2001:db8:1::1 remote-as 65001
 neighbor 2001:db8:1::1 timers connect 1
 neighbor 2001:db8:2::1 remote-as 65002
 neighbor 2001:db8:2::1 timers connect 1
 address-family ipv4 unicast
  network 10.0.0.0/24
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:a::/64
  neighbor 2001:db8:1::1 activate
  neighbor 2001:db8:2::1 activate
 exit-address-family
END

all=$(printf '%s\n' 100.64.1.0/24 100.64.2.0/24 203.0.113.0/24 2001:db8:c1::/48 2001:db8:c2::/48 2001:db8:cc::/48 | sort)
agree() { # PREFIXES: leatd, the kernel and FRR have exactly these
	wait_until "[ \"\$(leat_routes)\" = '$1' ]" 60
	wait_until "[ \"\$(kernel_routes edge bgp)\" = '$1' ]"
	wait_until "[ \"\$(vty_routes edge bgp)\" = '$1' ]"
}
via() { leat_json '.[0].via // "none"' routes "prefix=$1"; }
reach() { for to in "$@"; do wait_until "in_ns pc ping -q -c 1 -W 1 $to" 20; done; }
agree "$all"
reach 100.64.1.9 100.64.2.9 203.0.113.9 2001:db8:c1::9 2001:db8:c2::9 2001:db8:cc::9
for prefix in 203.0.113.0/24 2001:db8:cc::/48; do wait_until "via $prefix | grep one | grep -q two"; done
expect "ip -n $TAG-edge nexthop show groups | grep -q group" "by a next-hop group"

# A link goes: what came by it goes, what both have goes by the other; and it all comes back. (FRR 8.4 does not put the returned
# next hop back into its group in the kernel.)
ip -n "$TAG-two" link set dev eth0 down
agree "$(grep -v -e 100.64.2 -e db8:c2 <<<"$all")"
expect_eq "$(via 203.0.113.0/24)" "192.0.2.1 one" "by the one that is left"
reach 203.0.113.9 2001:db8:cc::9
ip -n "$TAG-two" link set dev eth0 up
ip -n "$TAG-two" address replace 2001:db8:2::1/64 dev eth0
agree "$all"
reach 100.64.2.9 2001:db8:c2::9
