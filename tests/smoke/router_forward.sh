#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# configs/router.lua with real hosts: both families between ports, VLANs and back, a VRF that leaks one way, counters, neighbours.
. "$(dirname "$0")/../lib/smoke.sh"

host net wan 192.0.2.1/24 2001:db8::1/64
host guest guests 172.16.0.9/24
host pc desk 10.0.10.9/24 2001:db8:10::9/64
host tel phone 10.0.20.9/24 2001:db8:20::9/64
host trunk uplink
vlan_dev trunk eth0 10 10.0.10.8/24
via() { ip -n "$TAG-$1" route add default via "$2"; }
via6() { ip -6 -n "$TAG-$1" route add default via "$2"; }
via pc 10.0.10.1 && via tel 10.0.20.1 && via guest 172.16.0.1 && via trunk 10.0.10.1
via6 pc 2001:db8:10::1 && via6 tel 2001:db8:20::1
ip -n "$TAG-net" route add 10.0.0.0/8 via 192.0.2.2
ip -n "$TAG-net" route add 172.16.0.0/24 via 192.0.2.2
ip -6 -n "$TAG-net" route add 2001:db8::/32 via 2001:db8::2
leatd_start "$TOP/configs/router.lua"
links_up

ping4() { in_ns "$1" ping -q -c 3 -i 0.1 -W 5 "$2"; }
ping6() { in_ns "$1" ping -6 -q -c 3 -i 0.1 -W 5 "$2"; }
for to in 192.0.2.2 10.0.10.1 10.0.20.1; do expect "ping4 net $to" "the router itself"; done
expect "ping6 net 2001:db8::2"
expect "ping6 pc 2001:db8:10::1"
expect "ping4 pc 192.0.2.1" "VLAN to port"
expect "ping6 pc 2001:db8::1"
expect "ping4 net 10.0.20.9" "port to VLAN"
expect "ping4 pc 10.0.20.9" "VLAN to VLAN"
expect "ping6 tel 2001:db8:10::9"
expect "ping4 trunk 192.0.2.1" "from a trunk"
expect_eq "$(in_ns pc ping -c 1 -W 5 192.0.2.1 | sed -n 's/.*ttl=\([0-9]*\).*/\1/p')" 63 "TTL after one hop"

# ECMP, blackhole, a route taken away: live.
refuse "ping4 pc 10.77.0.1"
expect "(in_ns pc ping -c 1 -W 5 10.77.0.1 || true) | grep -q 'Host Unreachable'" "the router says that it is unreachable"
leat set 'routers.main.routes["10.77.0.0/16"].type' blackhole
wait_until "leat show routes prefix=10.77.0.0/16 --json | jq -e '.[0].via == \"blackhole\"'"
expect_eq "$(in_ns pc ping -c 2 -i 0.1 -W 1 10.77.0.1 | grep -c Unreach || true)" 0 "answers of a blackhole"
expect_eq "$(dropped ip_lookup_blackhole desk)" 2 "dropped in the blackhole"

# The neighbours that were used are known, in both families.
expect "leat show neighbors --json | jq -e '[.[] | select(.state == \"reachable\" or .state == \"stale\" or .state == \"delay\") | .address] |
	contains([\"192.0.2.1\", \"10.0.10.9\", \"2001:db8::1\", \"2001:db8:10::9\"])'"
expect "leat show interfaces wan --json | jq -e '.[0].rx_packets > 10 and .[0].tx_packets > 10'"
