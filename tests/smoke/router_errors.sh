#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a router says when it cannot: traceroute and path MTU discovery work through it, in both families, and fragments are made.
. "$(dirname "$0")/../lib/smoke.sh"

host a pa 10.1.0.9/24 2001:db8:1::9/64
host b pb 10.2.0.9/24 2001:db8:2::9/64
ip -n "$TAG-a" route add default via 10.1.0.1
ip -n "$TAG-b" route add default via 10.2.0.1
ip -6 -n "$TAG-a" route add default via 2001:db8:1::1
ip -6 -n "$TAG-b" route add default via 2001:db8:2::1
leatd_start - <<<'return { ports = { pa = { device = "pa" }, pb = { device = "pb" } },
	routers = { r = { interfaces = {
		a = { port = "pa", addresses = { "10.1.0.1/24", "2001:db8:1::1/64" } },
		b = { port = "pb", addresses = { "10.2.0.1/24", "2001:db8:2::1/64" }, mtu = 1300 } } } } }'
links_up

# The hops that probes with a growing TTL are answered by.
hops() { # HOST TARGET [-6]
	local ttl
	for ttl in 1 2; do
		(in_ns "$1" ping ${3-} -n -c 1 -W 5 -t $ttl "$2" || true) | sed -n 's/^\(From\|64 bytes from\) \([0-9a-f.:]*[0-9a-f]\)[: ].*/\2/p'
	done | tr '\n' ' '
}
expect "in_ns a ping -q -c 1 -W 5 10.2.0.9"
expect "in_ns a ping -6 -q -c 1 -W 5 2001:db8:2::9"
expect_eq "$(hops a 10.2.0.9)" "10.1.0.1 10.2.0.9 " "hops of IPv4"
expect_eq "$(hops a 2001:db8:2::9 -6)" "2001:db8:1::1 2001:db8:2::9 " "hops of IPv6"

# 1300 bytes is what fits: DF is told so; without DF there are fragments that the host puts together.
expect "in_ns a ping -q -c 1 -W 5 -M 'do' -s 1272 10.2.0.9"
expect "(in_ns a ping -c 1 -W 5 -M 'do' -s 1400 10.2.0.9 2>&1 || true) | grep -q 'mtu *= *1300'"
expect "in_ns a ip route get 10.2.0.9 | grep -q 'mtu 1300'" "the kernel has learnt the path MTU"
in_ns a ip route flush cache
expect "in_ns a ping -q -c 3 -i 0.1 -W 5 -M dont -s 1400 10.2.0.9" "fragments"
refuse "in_ns a ping -6 -q -c 1 -W 2 -M 'do' -s 1400 2001:db8:2::9"
expect "in_ns a ip -6 route get 2001:db8:2::9 | grep -q 'mtu 1300'"

# Errors are limited: 20 at once and then 20 a second, however long the flood takes; the others are counted.
began=$(now_ms)
in_ns a ping -q -f -c 500 -W 1 -t 1 10.2.0.9 >"$T/flood" || true
allowed=$((25 + 20 * ($(now_ms) - began + 1000) / 1000))
errors=$(sed -n 's/.*+\([0-9]*\) errors.*/\1/p' "$T/flood")
expect "[ '${errors:-0}' -ge 5 ] && [ '${errors:-0}' -le $allowed ]" "answers to 500 hopeless packets: ${errors:-0}, at most $allowed"
expect "[ $(($(dropped icmp_error_rate) + ${errors:-0})) -ge 480 ]" "the others are counted"
# TCP through it: the path MTU of 1300 is found or fragmented; nothing stalls.
bg iperf ip netns exec "$TAG-b" iperf3 -s -1 -B 10.2.0.9
wait_until "in_ns b ss -Htln 'sport = 5201' | grep -q ."
expect "in_ns a iperf3 -c 10.2.0.9 -t 2 -J | jq -e '.end.sum_received.bytes > 1000000'"
