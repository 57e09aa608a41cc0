#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A scan of a /16 and of a /64 through the router, with little room for neighbours: those that live stay, and are reached meanwhile.
. "$(dirname "$0")/../lib/smoke.sh"

host a pa 10.1.0.9/24 2001:db8:1::9/64
host b pb 10.2.0.9/16 2001:db8:2::9/64
ip -n "$TAG-a" route add default via 10.1.0.1
ip -n "$TAG-b" route add default via 10.2.0.1
ip -6 -n "$TAG-a" route add default via 2001:db8:1::1
ip -6 -n "$TAG-b" route add default via 2001:db8:2::1
for n in $(seq 10 19); do
	ip -n "$TAG-b" address add 10.2.0.$n/16 dev eth0
	ip -n "$TAG-b" address add 2001:db8:2::$n/64 dev eth0
done
leatd_start - <<<'return { ports = { pa = { device = "pa" }, pb = { device = "pb" } },
	routers = { r = { interfaces = {
		a = { port = "pa", addresses = { "10.1.0.1/24", "2001:db8:1::1/64" } },
		b = { port = "pb", addresses = { "10.2.0.1/16", "2001:db8:2::1/64" }, neighbor_limit = 64 } } } } }'
links_up
living() { # those that were reached, by their address
	leat_json '[.[] | select(.interface == "b" and (.mac != "-")) | .address] | sort | join(" ")' neighbors
}
for n in 9 $(seq 10 19); do
	expect "in_ns a ping -q -c 1 -W 10 10.2.0.$n && in_ns a ping -q -c 1 -W 10 2001:db8:2::$n"
done
before=$(living)
expect "[ $(wc -w <<<"$before") -ge 22 ]" "neighbours before the scan: $before"
in_ns a /usr/bin/python3 - <<'PY'
import socket
v4, v6 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for n in range(65536):
    for one, to in (v4, f'10.2.{n >> 8}.{n & 255}'), (v6, f'2001:db8:2::{n + 1:x}:7777'):
        try:
            one.sendto(b'x', (to, 9))
        except OSError:
            pass
PY
expect "in_ns a ping -q -c 3 -i 0.1 -W 5 10.2.0.9 && in_ns a ping -q -c 3 -i 0.1 -W 5 2001:db8:2::9" "reached after the scan"
for address in $before; do
	[[ " $(living) " == *" $address "* ]] || fail "the scan has driven $address out: $(living)"
done
expect "[ $(leat_json '[.[] | select(.interface == "b")] | length' neighbors) -le 64 ]" "no more than there is room for"
