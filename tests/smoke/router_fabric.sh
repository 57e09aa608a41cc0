#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# configs/vxlan-fabric.lua at two sites: one VLAN at both, routed VLANs across, TCP, and who is behind which end.
. "$(dirname "$0")/../lib/smoke.sh"

link daemon wan peer wan 1600
for ns in daemon peer; do in_ns $ns ethtool -K wan tx off tso off gso off gro on >/dev/null 2>&1; done
host d1 desk 10.0.10.11/24 2001:db8:10::11/64
host r1 rack 10.0.20.11/24
on_peer host d2 desk 10.0.10.12/24 2001:db8:10::12/64
on_peer host r2 rack 10.0.20.12/24
for n in 1 2; do
	ip -n "$TAG-d$n" route add 10.0.20.0/24 via 10.0.10.$n
	ip -n "$TAG-r$n" route add 10.0.10.0/24 via 10.0.20.$n
done
leatd_start "$TOP/configs/vxlan-fabric.lua"
sed 's/^local site = 1/local site = 2/' "$TOP/configs/vxlan-fabric.lua" | on_peer leatd_start -
links_up
on_peer links_up

expect "in_ns d1 ping -q -c 3 -i 0.1 -W 5 10.0.10.12" "one VLAN at two sites"
expect "in_ns d1 ping -6 -q -c 3 -i 0.1 -W 5 2001:db8:10::12"
expect "in_ns r1 ping -q -c 3 -i 0.1 -W 5 10.0.20.12" "another one"
expect "in_ns d1 ping -q -c 3 -i 0.1 -W 5 -M 'do' -s 1472 10.0.10.12" "1500 bytes in one piece"
expect "in_ns d1 ping -q -c 3 -i 0.1 -W 5 10.0.10.2" "the other site's router, by ARP through the tunnel"
expect "in_ns d1 ping -q -c 3 -i 0.1 -W 5 10.0.20.12" "from VLAN to VLAN, across"
expect "leat show vteps --json | jq -e --arg mac '$(mac_of d2)' 'any(.mac == \$mac and .remote == \"192.0.2.2\" and .vni == 10010)'"
bg iperf ip netns exec "$TAG-d2" iperf3 -s -1
wait_until "in_ns d2 ss -Htln 'sport = 5201' | grep -q ."
expect "in_ns d1 iperf3 -c 10.0.10.12 -t 1 -J | jq -e '.end.sum_received.bytes > 1000000'" "TCP"
expect "leat show ports fabric --json | jq -e '.[0].rx_packets > 10 and .[0].tx_packets > 10'"
