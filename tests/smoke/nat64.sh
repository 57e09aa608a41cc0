#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# configs/nat64.lua: clients that have IPv6 only reach servers that have IPv4 only: fetch, ping, traceroute, long packets, UDP, at speed.
. "$(dirname "$0")/../lib/smoke.sh"

host net wan 192.0.2.1/24
host pc lan 2001:db8:10::9/64
ip -6 -n "$TAG-pc" route add default via 2001:db8:10::1
ip -n "$TAG-net" addr add 198.51.100.1/32 dev lo
leatd_start "$TOP/configs/nat64.lua"
links_up
v4=64:ff9b::192.0.2.1 far=64:ff9b::198.51.100.1

head -c 3000000 /dev/urandom >"$T/file"
bg http ip netns exec "$TAG-net" /usr/bin/python3 -m http.server --bind 192.0.2.1 -d "$T" 80
bg who ip netns exec "$TAG-net" socat TCP4-LISTEN:81,fork,reuseaddr 'SYSTEM:echo $SOCAT_PEERADDR'
bg echo ip netns exec "$TAG-net" socat UDP4-LISTEN:7,fork PIPE
wait_until "[ \$(in_ns net ss -Hltn | grep -c ':8[01] ') = 2 ] && in_ns net ss -Hlun sport = :7 | grep -q ."

expect "in_ns pc curl -6 -s -m 60 'http://[64:ff9b::c000:201]/file' | cmp - $T/file" "a file"
expect_eq "$(in_ns pc timeout 15 socat -u "TCP6:[$v4]:81,connect-timeout=10" -)" 192.0.2.2 "outside it is the box"
expect_eq "$(echo hello | in_ns pc timeout 15 socat -T 2 - "UDP6:[$v4]:7")" hello "UDP"
expect_eq "$(head -c 5000 /dev/zero | tr '\0' x | in_ns pc timeout 15 socat -b 5000 -T 2 - "UDP6:[$v4]:7" | wc -c)" 5000 "UDP in fragments"
expect "in_ns pc ping -6 -q -c 3 -i 0.2 -W 5 $v4"
for size in 1200 1400 1452 3000; do expect "in_ns pc ping -6 -q -c 2 -i 0.2 -W 5 -s $size $v4" "a ping of $size bytes"; done
expect "in_ns pc traceroute -6 -n -q 1 -w 3 -m 4 $far >$T/trace; grep -q '^ 1  2001:db8:10::1' $T/trace && grep -q '^ 2  64:ff9b::c633:6401' $T/trace" "traceroute"
expect "(in_ns pc timeout 10 socat -u 'TCP6:[$v4]:82' - 2>&1 || true) | grep -q refused" "nobody listens: a reset"
expect "(in_ns pc timeout 10 socat -u 'TCP6:[$v4]:25' - 2>&1 || true) | grep -q refused" "a rule rejects"
expect "(echo x | in_ns pc timeout 10 socat -T 3 - 'UDP6:[$v4]:9' 2>&1 || true) | grep -q refused" "an ICMP error of the server"
refuse "in_ns pc ping -6 -q -c 1 -W 1 64:ff9b::10.0.0.1" "the well-known prefix is for public addresses"
expect "[ $(dropped session_nat64 lan) -ge 1 ]"

bg iperf ip netns exec "$TAG-net" iperf3 -s
wait_until "in_ns net ss -Hltn sport = :5201 | grep -q ."
expect "in_ns pc timeout 60 iperf3 -6 -c $v4 -n 20M -J | jq -e '.end.sum_received.bytes >= 10000000'" "up"
expect "in_ns pc timeout 60 iperf3 -6 -R -c $v4 -n 20M -J | jq -e '.end.sum_received.bytes >= 10000000'" "down"

# IPv4 packets grow by 20 bytes: an answer of 1493 that must not be cut is too long then; its sender is told, and cuts it.
long() { head -c 1465 /dev/zero | tr '\0' x | in_ns pc timeout 15 socat -b 5000 -T 1 - "UDP6:[$v4]:7" | wc -c; }
wait_until '[ "$(long)" = 1465 ]' 20
expect "in_ns net ip route get 192.0.2.2 | grep -q 'mtu 1480'" "the server has learnt of it"

expect "leat show sessions --json | jq -e 'map(select(.dport == 80 and (.to | startswith(\"192.0.2.2:\")))) | length >= 1'" "$(leat show sessions)"
expect "leat show nat --json | jq -e '.[0] | .kind == \"nat64\" and .hits >= 10'"
expect "leat show nat-ports --json | jq -e 'map(select(.address == \"192.0.2.2\" and .proto == \"tcp\") | .used > 0) == [true]'"
leat explain packet port=lan src=2001:db8:10::9 dst=64:ff9b::c633:6401 proto=tcp sport=4000 dport=443 >"$T/explain"
expect "grep -q 'it becomes IPv4, from 192.0.2.2 port 4000 to 198.51.100.1 port 443' $T/explain && grep -q 'leaves by port wan' $T/explain" "$(cat "$T/explain")"
