#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# traceroute and tracepath themselves, through two routers that leak to each other, in both families: hops, the way's MTU, who says so.
. "$(dirname "$0")/../lib/smoke.sh"

host a pa 10.1.0.9/24 2001:db8:1::9/64
host b pb 10.2.0.9/24 2001:db8:2::9/64
ip -n "$TAG-a" route add default via 10.1.0.1
ip -n "$TAG-b" route add default via 10.2.0.1
ip -6 -n "$TAG-a" route add default via 2001:db8:1::1
ip -6 -n "$TAG-b" route add default via 2001:db8:2::1
leatd_start - <<<'return { ports = { pa = { device = "pa" }, pb = { device = "pb" } }, routers = {
	r = { interfaces = { a = { port = "pa", addresses = { "10.1.0.1/24", "2001:db8:1::1/64" } } },
		routes = { ["10.2.0.0/24"] = { router = "q" }, ["2001:db8:2::/64"] = { router = "q" } } },
	q = { interfaces = { b = { port = "pb", addresses = { "10.2.0.1/24", "2001:db8:2::1/64" }, mtu = 1300 } },
		routes = { ["10.1.0.0/24"] = { router = "r" }, ["2001:db8:1::/64"] = { router = "r" } } } } }'
links_up
expect "in_ns a ping -q -c 1 -W 5 10.2.0.9"
expect "in_ns a ping -6 -q -c 1 -W 5 2001:db8:2::9"

hops() { # FAMILY TARGET OPTION...
	in_ns a traceroute "$1" -n -q 1 -w 5 "${@:3}" "$2" 2>"$T/err" | awk 'NR > 1 { print $2 }' | tr '\n' ' '
}
for way in '' -I '-T -p 9'; do
	# shellcheck disable=SC2086
	expect_eq "$(hops -4 10.2.0.9 $way)" "10.1.0.1 10.2.0.9 " "traceroute $way"
	# shellcheck disable=SC2086
	expect_eq "$(hops -6 2001:db8:2::9 $way)" "2001:db8:1::1 2001:db8:2::9 " "traceroute -6 $way"
done
expect "in_ns a tracepath -n 10.2.0.9 | tee '$T/path4' | grep -q 'Resume: pmtu 1300 hops 2'"
expect "in_ns a tracepath -6 -n 2001:db8:2::9 | tee '$T/path6' | grep -q 'Resume: pmtu 1300 hops 2'"
expect "grep -q '10.1.0.1 .*pmtu 1300' '$T/path4'" "the router says which MTU"
expect "grep -q '2001:db8:1::1 .*pmtu 1300' '$T/path6'"
