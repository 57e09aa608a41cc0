#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 180
# Routes that something puts into the kernel's tables of the twins' namespace are the router's: they forward, in both families, with several
# next hops, by next-hop objects; they are replaced and withdrawn; what the kernel takes away silently goes; and so it is with thousands.
. "$(dirname "$0")/../lib/smoke.sh"

host a pa 10.1.0.9/24 2001:db8:1::9/64
host b pb 10.2.0.9/24 2001:db8:2::9/64
host c pc 10.3.0.9/24
ns_add bgp
in_ns bgp sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
ip -n "$TAG-a" route add default via 10.1.0.1
ip -6 -n "$TAG-a" route add default via 2001:db8:1::1
# Behind b and c there is more.
for h in b c; do
	for address in 192.0.2.9/32 198.51.100.9/32; do ip -n "$TAG-$h" address add $address dev lo; done
	ip -n "$TAG-$h" route add default via "$([ $h = b ] && echo 10.2.0.1 || echo 10.3.0.1)"
done
ip -6 -n "$TAG-b" route add default via 2001:db8:2::1
in_ns b sysctl -qw net.ipv6.conf.lo.disable_ipv6=0
ip -n "$TAG-b" address add 2001:db8:99::9/128 dev lo
leatd_start - <<<"return { ports = { pa = { device = 'pa' }, pb = { device = 'pb' }, pc = { device = 'pc' } },
	routers = { r = { limits = { routes4 = 50000, routes6 = 1000 }, interfaces = {
		a = { port = 'pa', addresses = { '10.1.0.1/24', '2001:db8:1::1/64' }, twin = { namespace = '$TAG-bgp' } },
		b = { port = 'pb', addresses = { '10.2.0.1/24', '2001:db8:2::1/64' }, twin = { namespace = '$TAG-bgp' } },
		c = { port = 'pc', addresses = { '10.3.0.1/24' }, twin = { namespace = '$TAG-bgp' } } } } } }"
links_up
kernel() { ip -n "$TAG-bgp" "$@"; }
for twin in a b c; do wait_until "kernel link show dev $twin | grep -q LOWER_UP"; done
via() { leat_json '.[0].via // "none"' routes "prefix=$1"; }
seen() { leat_json '[.[] | select(.source == "kernel")] | length' routes limit=100000; }

# A route and its end.
kernel route add 192.0.2.0/24 via 10.2.0.9 proto bgp
wait_until "via 192.0.2.0/24 | grep -q '10.2.0.9'"
expect_eq "$(leat_json '.[0] | "\(.source) \(.distance)"' routes prefix=192.0.2.0/24)" "kernel 20" "source and distance"
expect "in_ns a ping -q -c 3 -i 0.1 -W 5 192.0.2.9"
kernel -6 route add 2001:db8:99::/48 via 2001:db8:2::9 proto bgp
wait_until "via 2001:db8:99::/48 | grep -q '2001:db8:2::9'"
expect "in_ns a ping -6 -q -c 3 -i 0.1 -W 5 2001:db8:99::9"
# Replaced, by another protocol too: there is one.
kernel route replace 192.0.2.0/24 via 10.3.0.9 proto ospf
wait_until "via 192.0.2.0/24 | grep -q '10.3.0.9'"
expect_eq "$(leat_json length routes prefix=192.0.2.0/24)" 1 "candidates"
expect "in_ns a ping -q -c 3 -i 0.1 -W 5 192.0.2.9"
kernel route del 192.0.2.0/24
wait_until "[ \"\$(via 192.0.2.0/24)\" = none ]"
refuse "in_ns a ping -q -c 1 -W 1 192.0.2.9"
# Several next hops; an unreachable one; not ours: another table, the kernel's own.
kernel route add 198.51.100.0/24 proto bgp nexthop via 10.2.0.9 nexthop via 10.3.0.9 weight 3
wait_until "via 198.51.100.0/24 | grep 10.2.0.9 | grep -q 10.3.0.9"
expect "in_ns a ping -q -c 3 -i 0.1 -W 5 198.51.100.9"
kernel route add blackhole 203.0.113.0/24 proto bgp
kernel route add 100.64.0.0/10 via 10.2.0.9 table 77
wait_until "[ \"\$(via 203.0.113.0/24)\" = blackhole ]"
expect_eq "$(via 100.64.0.0/10)" none "another table"

# Next-hop objects: a change of the object changes its routes.
kernel nexthop add id 1 via 10.2.0.9 dev b
kernel nexthop add id 2 via 10.3.0.9 dev c
kernel nexthop add id 10 group 1
kernel route add 192.0.2.0/24 nhid 10 proto bgp
wait_until "via 192.0.2.0/24 | grep -q 10.2.0.9"
expect "in_ns a ping -q -c 3 -i 0.1 -W 5 192.0.2.9"
kernel nexthop replace id 10 group 1/2
wait_until "via 192.0.2.0/24 | grep 10.2.0.9 | grep -q 10.3.0.9"
kernel nexthop replace id 10 group 2
wait_until "! via 192.0.2.0/24 | grep -q 10.2.0.9"
expect "in_ns a ping -q -c 3 -i 0.1 -W 5 192.0.2.9"

# A link that goes takes its routes along, and the kernel does not say which.
ip -n "$TAG-c" link set dev eth0 down
wait_until "[ \"\$(via 192.0.2.0/24)\" = none ]"
ip -n "$TAG-c" link set dev eth0 up
wait_until "kernel link show dev c | grep -q LOWER_UP"

# Thousands at once, and gone.
before=$(seen)
python3 -c "for i in range(20000): print(f'route add 20.{i >> 8}.{i & 255}.0/24 via 10.2.0.9 proto bgp')" >"$T/add"
sed 's/ add / del /' "$T/add" >"$T/del"
kernel -batch "$T/add"
wait_until "[ \$(seen) = $((before + 20000)) ]" 30
kernel -batch "$T/del"
wait_until "[ \$(seen) = $before ]" 30
# After a restart they are read again.
leatd_stop
leatd_start
links_up
wait_until "kernel link show dev b | grep -q LOWER_UP"
kernel route add 192.0.2.0/24 via 10.2.0.9 proto bgp
wait_until "in_ns a ping -q -c 1 -W 1 192.0.2.9"
