#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The kernel as the router's VPN gateway, as docs/guide.md has it: a TAP between the two, a twin of the uplink for the outer packets. A
# plain link stands for wg0; what comes by the uplink for a UDP socket of the kernel stands for the encrypted packets.
. "$(dirname "$0")/../lib/smoke.sh"

host net wan 192.0.2.1/24
host pc lan 10.0.10.9/24
ip -n "$TAG-pc" route add default via 10.0.10.1
link daemon wg0 peer1 eth0
ip -n "$TAG-peer1" address add 10.66.0.9/24 dev eth0
ip -n "$TAG-peer1" route add default via 10.66.0.1
leatd_start - <<<'return { ports = { wan = { device = "wan" }, lan = { device = "lan" }, vpn = { device = "tap:vpn0" } },
	routers = { main = { interfaces = {
		wan = { port = "wan", addresses = { "192.0.2.2/24" }, twin = true },
		lan = { port = "lan", addresses = { "10.0.10.1/24" } },
		vpn = { port = "vpn", mac = "02:00:00:00:fe:01", addresses = { "10.254.0.1/30" } } },
	routes = { ["0.0.0.0/0"] = { via = "192.0.2.1" }, ["10.66.0.0/24"] = { via = "10.254.0.2" } } } } }'
ip -n "$TAG-daemon" address add 10.66.0.1/24 dev wg0
ip -n "$TAG-daemon" address add 10.254.0.2/30 dev vpn0
ip -n "$TAG-daemon" link set vpn0 up
links_up
ip -n "$TAG-daemon" route add 10.0.0.0/16 via 10.254.0.1
ip -n "$TAG-daemon" route add default via 192.0.2.1 dev rtr-wan
in_ns daemon sysctl -qw net.ipv4.ip_forward=1

expect "in_ns pc ping -q -c 3 -i 0.1 -W 5 10.66.0.9" "to the peer"
expect "in_ns peer1 ping -q -c 3 -i 0.1 -W 5 10.0.10.9" "from the peer"
expect_eq "$(in_ns peer1 ping -c 1 -W 5 10.0.10.9 | sed -n 's/.*ttl=\([0-9]*\).*/\1/p')" 62 "kernel and router are a hop each"
bg sink ip netns exec "$TAG-daemon" socat -u UDP4-LISTEN:51820,bind=192.0.2.2 OPEN:"$T/got",creat
wait_until "in_ns daemon ss -Hlun 'sport = 51820' | grep -q ."
echo handshake | in_ns net socat -u - UDP4:192.0.2.2:51820
wait_until "grep -q handshake '$T/got'"
