#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 9000 bytes end to end: ping without fragments, TCP, tagged; and a port with a smaller MTU drops and counts.
. "$(dirname "$0")/../lib/smoke.sh"

host a a 10.0.0.1/24 mtu 9000
host b b 10.0.0.2/24 mtu 9000
host small small 10.0.0.3/24
host tagged tagged mtu 9000
vlan_dev tagged eth0 10 10.0.0.4/24
leatd_start - <<<'return { ports = { a = { device = "a", mtu = 9000 }, b = { device = "b", mtu = 9000 },
	small = { device = "small" }, tagged = { device = "tagged", mtu = 9000 } },
	switches = { s = { ports = { a = { access = 10 }, b = { access = 10 }, small = { access = 10 },
	tagged = { trunk = { 10 } } } } } }'
links_up

for to in 2 4; do
	expect "in_ns a ping -c 3 -i 0.1 -W 5 10.0.0.$to"
	expect "in_ns a ping -c 10 -i 0.05 -W 2 -s 8972 -M do 10.0.0.$to" "9000 B in one piece"
done
expect "in_ns a ping -c 1 -W 5 10.0.0.3"
refuse "in_ns a ping -c 3 -i 0.1 -W 1 -s 8972 -M do 10.0.0.3" "9000 B to a port of 1500"
expect_eq "$(dropped port_tx_mtu)" 3 "frames too long for the port"

bg server ip netns exec "$TAG-b" iperf3 -s -1
wait_until "in_ns b ss -Htln 'sport = 5201' | grep -q ."
in_ns a iperf3 -J -t 2 -c 10.0.0.2 >"$T/iperf.json" || fail "iperf3: $(tail -n 5 "$T/iperf.json")"
jq -e '.start.tcp_mss_default >= 8900 and .end.sum_received.bytes > 1e6' "$T/iperf.json" >/dev/null ||
	fail "iperf3: $(jq -c '[.start.tcp_mss_default, .end.sum_received]' "$T/iperf.json")"

frames <<'PY'
a, b, t = wire('a'), wire('b'), wire('tagged')
for size in 64, 1518, 4000, 9014:   # with the Ethernet header
    data = Raw(os.urandom(size - 14))
    a.send(Ether(src=mac(1), dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / data)
    b.expect(Ether(src=mac(1), dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / data, seconds=5)
    t.expect(Ether(src=mac(1), dst='ff:ff:ff:ff:ff:ff') / Dot1Q(vlan=10, type=0x88b5) / data, seconds=5)
PY
