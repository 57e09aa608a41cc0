#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 120
# Where a short cut is not: beside a firewall, behind filters and shaping of the twin's own, when somebody has taken a part of it away, for
# others' connections, for junk that nobody listens to, and beyond a class's share.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/shortcut_lab.sh"
again() { leat set routers.r.interfaces.p.mtu "$1" && wait_until "short | grep -q ."; } # a change: it is tried again
said() { grep -c "has no short cut any more.*$1" "$leatd_log"; }

# Somebody else's filters and shaping on the twin; what it sends is for them.
stream 10.1.0.1 7002
in_ns box tc qdisc replace dev twin root tbf rate 100mbit burst 100k latency 50ms
wait_until "[ \$(said filters) = 1 ] && [ -z \"\$(short)\" ]"
in_ns box tc qdisc del dev twin root
again 1490
in_ns box tc filter add dev twin egress prio 10 bpf bytecode '1,6 0 0 0,' flowid 1:1
wait_until "[ \$(said filters) = 2 ] && [ -z \"\$(short)\" ]"
expect "in_ns box tc filter show dev twin egress | grep 'pref 10 bpf' >/dev/null" "theirs stays"
in_ns box tc qdisc del dev twin clsact
stream_kill && bulk 10.1.0.1 7001

# A part of it is gone: leatd takes over.
for part in "daemon tc qdisc del dev p clsact" "box ip link del \$(in_ns box ip -o link | grep -o 'leat[0-9a-f]*i')"; do
	again $((n = ${n:-1490} + 1))
	before=$(said taken) || true
	eval "in_ns $part"
	wait_until "[ \$(said taken) -gt ${before:-0} ] && [ -z \"\$(short)\" ]"
	rx=$(leat_json '.[0].rx_packets' ports p)
	wait_until "[ \$(leat_json '.[0].rx_packets' ports p) -gt $((rx + 1000)) ]"
done

# A firewall that comes is obeyed.
again 1495
config "firewall = { rules = { { to = 'self', proto = 'tcp', dport = 7001, action = 'drop' }, { to = 'self', action = 'accept' } } }," >"$T/firewall.lua"
leat apply "$T/firewall.lua"
wait_until "[ -z \"\$(short)\" ] && [ -z \"\$(pair box)\" ]"
wait_until "leat show drops --json | jq -e 'any(.[]; .drop | startswith(\"drop_session\"))'" # the stream's packets
stream_kill
bulk 10.1.0.1 7002
rx=$(interface rx_packets)
wait_until "[ \$(interface rx_packets) -gt $((rx + 5000)) ]"
expect_eq "$(short)" "" "short cuts beside a firewall"
stream_kill

# Junk to where nobody listens, and what box says in another's name, take no place; a class's share is its share.
config "" >"$T/plain.lua"
leat apply "$T/plain.lua"
junk() { # NAMESPACE DEVICE SOURCE TARGET PORT: long segments without a connection
	bg junk ip netns exec "$TAG-$1" /usr/bin/python3 -c '
import sys
from scapy.all import Ether, IP, TCP, conf
dev, src, dst, mac, port = sys.argv[1:]
frame = bytes(Ether(dst=mac) / IP(src=src, dst=dst) / TCP(sport=40000, dport=int(port), flags="A") / bytes(1400))
s = conf.L2socket(iface=dev)
while True:
    s.outs.send(frame)' "$2" "$3" "$4" "$(interface mac)" "$5"
	wait_until "[ \$(leat_json '.[0].rx_packets + .[1].rx_packets' ports) -gt $(($(leat_json '.[0].rx_packets + .[1].rx_packets' ports) + 20000)) ]" 20
	expect_eq "$(short | sed '/:700[0-2]$/d')" "" "short cuts of junk" # connections of before may still end
	kill $! && { wait $! || true; }
}
junk a eth0 10.1.0.9 10.1.0.1 9
junk box twin 10.2.0.9 10.1.0.9 9
stream 10.1.0.1 7001
leat set routers.r.punt.other 10
wait_until "short | grep -q ." 20
wait_until "[ \$(interface shortcut_bytes) -gt 0 ] && [ -z \"\$(short)\" ]" 20
stream_kill
