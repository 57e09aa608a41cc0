#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# VXLAN with the Linux kernel at the other end, over IPv4 and IPv6: ping both ways, TCP, jumbo frames; two VNIs by VLAN.
. "$(dirname "$0")/../lib/smoke.sh"

host pc lan 10.5.0.1/24 mtu 9000
host other lan2 10.6.0.1/24
host far wan 192.0.2.9/24 2001:db8:ff::9/64 mtu 9216
vtep() { # NAME VNI ADDRESS LINK-OPTION...
	ip -n "$TAG-far" link add "$1" type vxlan id "$2" dstport 4789 "${@:4}" 2>/dev/null || skip "this kernel has no VXLAN"
	ip -n "$TAG-far" address add "$3" dev "$1"
	ip -n "$TAG-far" link set "$1" address "02:00:00:00:05:0$2" mtu 9000 up
}
vtep v5 5 10.5.0.9/24 local 192.0.2.9 remote 192.0.2.1
vtep v6 6 10.6.0.9/24 local 192.0.2.9 remote 192.0.2.1
config() { # SOURCE REMOTE
	cat <<-LUA
	return { ports = { lan = { device = "lan", mtu = 9000 }, lan2 = { device = "lan2" }, wan = { device = "wan", mtu = 9216 },
		x = { device = "tunnel:x", mtu = 9000 } },
		switches = { s = { ports = { lan = { access = 10 }, lan2 = { access = 20 }, x = { trunk = { 10, 20 } } } } },
		routers = { r = { interfaces = { wan = { port = "wan", addresses = { "192.0.2.1/24", "2001:db8:ff::1/64" } } },
			vxlan = { x = { source = "$1", remotes = { "$2" }, vnis = { [10] = 5, [20] = 6 } } } } } }
	LUA
}
config 192.0.2.1 192.0.2.9 | leatd_start -
links_up

works() {
	expect "in_ns pc ping -q -c 3 -i 0.1 -W 5 10.5.0.9" "to the kernel, $1"
	expect "in_ns far ping -q -c 3 -i 0.1 -W 5 10.5.0.1" "from the kernel, $1"
	expect "in_ns pc ping -q -c 3 -i 0.1 -W 5 -M 'do' -s 8972 10.5.0.9" "9000 bytes, $1"
	expect "in_ns far iperf3 -c 10.5.0.1 -t 1 -J | jq -e '.end.sum_received.bytes > 1000000'" "TCP, $1"
}
bg iperf ip netns exec "$TAG-pc" iperf3 -s
wait_until "in_ns pc ss -Htln 'sport = 5201' | grep -q ."
works IPv4
expect "in_ns other ping -q -c 3 -i 0.1 -W 5 10.6.0.9" "the other VNI"
expect "leat show vteps --json | jq -e 'length == 2 and all(.remote == \"192.0.2.9\")'"
for v in v5 v6; do ip -n "$TAG-far" link del $v; done
vtep v5 5 10.5.0.9/24 local 2001:db8:ff::9 remote 2001:db8:ff::1
config 2001:db8:ff::1 2001:db8:ff::9 >"$T/six.lua"
leat apply "$T/six.lua" >/dev/null
works IPv6
