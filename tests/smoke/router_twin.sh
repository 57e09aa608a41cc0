#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 120
# The host twin: sockets of a namespace speak with the router's addresses, both families, both ways, bulk included; its link follows the
# port's; what is configured changes live; discovery is answered once; and it is gone with the router.
. "$(dirname "$0")/../lib/smoke.sh"

host a pa 10.1.0.9/24 2001:db8:1::9/64
host b pb 10.2.0.9/24
ns_add mgmt
in_ns mgmt sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
ip -n "$TAG-a" route add default via 10.1.0.1
ip -n "$TAG-b" route add default via 10.2.0.1
leatd_start - <<<"return { ports = { pa = { device = 'pa' }, pb = { device = 'pb' } },
	routers = { r = { interfaces = {
		a = { port = 'pa', addresses = { '10.1.0.1/24', '2001:db8:1::1/64' }, twin = { namespace = '$TAG-mgmt', name = 'wan0' } },
		b = { port = 'pb', addresses = { '10.2.0.1/24' }, mtu = 1400, twin = { namespace = '$TAG-mgmt' } } } } } }"
links_up
twin() { ip -n "$TAG-mgmt" -json address show dev "$1" | jq -r ".[0] | $2"; }
addresses() { twin "$1" '[.addr_info[] | select(.scope != "link") | "\(.local)/\(.prefixlen)"] | sort | join(" ")'; }

# The kernel's interface is as the router's: MAC, MTU, addresses.
expect_eq "$(twin wan0 .address)" "$(leat_json '.[0].mac' ports pa)" "MAC address"
expect_eq "$(twin b .mtu)" 1400 MTU
expect_eq "$(addresses wan0)" "10.1.0.1/24 2001:db8:1::1/64" "addresses"
expect_eq "$(twin wan0 '[.addr_info[] | select(.scope == "link")] | length')" 1 "link-local addresses"
wait_until "[ \$(twin wan0 .operstate) = UP ]"

# From the namespace out, and from outside to a socket in it; by way of another interface too.
expect "in_ns mgmt ping -q -c 3 -i 0.1 -W 5 10.1.0.9"
expect "in_ns mgmt ping -q -c 3 -i 0.1 -W 5 2001:db8:1::9"
expect "in_ns a ping -q -c 3 -i 0.1 -W 5 10.1.0.1" "the router answers by itself"
mkdir "$T/www" && head -c 3000000 /dev/urandom >"$T/www/file"
bg http ip netns exec "$TAG-mgmt" /usr/bin/python3 -m http.server 80 --bind :: --directory "$T/www"
wait_until "in_ns mgmt ss -Htln 'sport = 80' | grep -q ."
fetch() { in_ns "$1" curl -sS --max-time 20 "http://$2/file" | cmp - "$T/www/file"; }
expect "fetch a 10.1.0.1"
expect "fetch a 10.2.0.1" "the address of another interface"
expect "fetch a '[2001:db8:1::1]'"
expect "fetch b 10.2.0.1" "through an MTU of 1400"
bg iperf ip netns exec "$TAG-mgmt" iperf3 -s
wait_until "in_ns mgmt ss -Htln 'sport = 5201' | grep -q ."
for way in '' -R; do
	expect "in_ns a iperf3 -c 10.1.0.1 -t 2 $way -J | jq -e '.end.sum_received.bytes > 10000000'" "bulk $way"
done
# Nobody listens there: the kernel says so.
expect "rc=0; in_ns a curl -s --max-time 10 http://10.1.0.1:81/ || rc=\$?; [ \$rc = 7 ]" "refused, not timed out"

# One answer per question.
dump arp a 'arp[6:2] = 2'
expect "in_ns a arping -q -c 1 -w 5 -I eth0 10.1.0.1"
expect "in_ns a ping -q -c 1 -W 5 10.1.0.1"
expect_eq "$(grep -c 'Reply 10.1.0.1 is-at' "$T/arp.log")" 1 "answers to one ARP request"

# Its link follows the port's, and its addresses the configuration.
ip -n "$TAG-b" link set dev eth0 down
wait_until "[ \$(twin b .operstate) = DOWN ]"
ip -n "$TAG-b" link set dev eth0 up
wait_until "[ \$(twin b .operstate) = UP ]"
ip -n "$TAG-b" route add default via 10.2.0.1
leat set routers.r.interfaces.a.addresses 10.1.0.1/24,10.1.0.2/24
expect_eq "$(addresses wan0)" "10.1.0.1/24 10.1.0.2/24" "new addresses"
wait_until "fetch a 10.1.0.2"
leat set routers.r.interfaces.a.mtu 1300
expect_eq "$(twin wan0 .mtu)" 1300 "new MTU"

# What cannot be is refused, and nothing has changed.
refuse "leat set routers.r.interfaces.b.twin.namespace nowhere$TAG" "no such namespace"
refuse "leat set routers.r.interfaces.b.twin.name wan0" "a name that the other twin has"
expect "in_ns mgmt ping -q -c 1 -W 5 10.2.0.9"
leat unset routers.r.interfaces.b.twin
refuse "ip -n $TAG-mgmt link show dev b" "the twin is gone"
leat set routers.r.interfaces.b.twin true
expect "ip -n $TAG-daemon link show dev rtr-b"
leatd_stop
refuse "ip -n $TAG-mgmt link show dev wan0" "gone with the router"
