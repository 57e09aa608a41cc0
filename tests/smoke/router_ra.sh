#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Router advertisements: a Linux host makes an address and a default route of them, reaches what is behind the router, and forgets the router
# when it says that it goes; rdisc6 reads what was configured.
. "$(dirname "$0")/../lib/smoke.sh"
command -v rdisc6 >/dev/null || skip "no rdisc6"

host far wan 2001:db8:2::9/64
ip -6 -n "$TAG-far" route add default via 2001:db8:2::1
host pc lan
# like any desktop: link-local address, SLAAC, default router
in_ns pc sysctl -qw net.ipv6.conf.eth0.accept_ra=2 net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.router_solicitation_interval=1
in_ns pc sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
leatd_start - <<'LUA'
return { ports = { lan = { device = "lan" }, wan = { device = "wan" } }, routers = { r = { interfaces = {
	wan = { port = "wan", dad = false, addresses = { "2001:db8:2::1/64" } },
	lan = { port = "lan", dad = false, addresses = { "10.1.0.1/24", "2001:db8:1::1/64" },
		ra = { preference = "high", managed = true, mtu = 1400, hop_limit = 33, dns = { "2001:db8:1::53" },
			search = { "branch.example", "lab.example" }, routes = { ["2001:db8:2::/48"] = { preference = "low", lifetime = "1h" } } } } } } } }
LUA
links_up
wait_until "ip -6 -n $TAG-pc -json address show dev eth0 | jq -e 'any(.[0].addr_info[]; .local | startswith(\"2001:db8:1:\"))'" 30
wait_until "ip -6 -n $TAG-pc route show default | grep -q 'via fe80::.* dev eth0 .*hoplimit 33.*pref high'" 30
expect_eq "$(in_ns pc cat /proc/sys/net/ipv6/conf/eth0/mtu)" 1400 "MTU of the host"
wait_until "in_ns pc ping -q -c 1 -W 5 2001:db8:2::9" 30

# What is said, as rdisc6 reads it; the answer comes to all, 3 s after the last one at the earliest.
wait_until "in_ns pc rdisc6 -1 -r 1 -w 8000 eth0 >'$T/rdisc6.out'" 60
for line in 'Hop limit *: *33' 'Stateful address conf. *: *Yes' 'Stateful other conf. *: *No' 'Router preference *: *high' 'Router lifetime *: *1800' \
	'Prefix *: 2001:db8:1::/64' 'On-link *: *Yes' 'Autonomous address conf.: *Yes' 'Valid time *: *2592000' 'Pref. time *: *604800' \
	'MTU *: *1400' 'Recursive DNS server *: 2001:db8:1::53' 'DNS server lifetime *: *1800' \
	'DNS search list *: branch.example' 'DNS search list *: lab.example' 'Route *: 2001:db8:2::/48' 'Route preference *: *low' 'Route lifetime *: *3600'; do
	grep -qE "$line" "$T/rdisc6.out" || fail "rdisc6 does not see '$line': $(cat "$T/rdisc6.out")"
done
expect "leat show ra lan --json | jq -e '.[0].advertises and .[0].sent >= 1 and .[0].solicited >= 1 and .[0].differing == 0'"

# Taken away, it is the default router no more; set again, it is.
leat unset routers.r.interfaces.lan.ra
wait_until "! ip -6 -n $TAG-pc route show default | grep -q fe80::" 20
leat set routers.r.interfaces.lan.ra.interval 4s
wait_until "ip -6 -n $TAG-pc route show default | grep -q fe80::" 30
