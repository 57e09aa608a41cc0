#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Real clients behind a masquerading box: fetch, ping, traceroute, a forwarded range of ports, and what a commit ends.
. "$(dirname "$0")/../lib/smoke.sh"

host net wan 192.0.2.1/24 2001:db8::1/64
host pc lan 10.0.10.9/24 2001:db8:10::9/64
host web dmz 10.0.20.10/24
in_ns pc ip route add default via 10.0.10.1
in_ns pc ip -6 route add default via 2001:db8:10::1
in_ns web ip route add default via 10.0.20.1 # the Internet knows no way to them
leatd_start - <<'LUA'
return {
  ports = { wan = { device = "wan" }, lan = { device = "lan" }, dmz = { device = "dmz" } },
  routers = { main = {
    interfaces = {
      wan = { port = "wan", addresses = { "192.0.2.2/24", "2001:db8::2/64" }, zone = "internet" },
      lan = { port = "lan", addresses = { "10.0.10.1/24", "2001:db8:10::1/64" }, zone = "staff" },
      dmz = { port = "dmz", addresses = { "10.0.20.1/24" }, zone = "servers" } },
    routes = { ["0.0.0.0/0"] = { via = "192.0.2.1" } } } },
  firewall = {
    rules = { { from = { "staff", "servers" }, action = "accept" },
      { name = "ping", to = "self", icmp = "echo-request", action = "accept" },
      { from = "internet", to = "servers", dst = "10.0.20.10", proto = "tcp", dport = "8000-8009", action = "accept" } },
    nat = {
      { name = "web", to = "internet", proto = "tcp", dport = "9000-9009", dnat = "10.0.20.10:8000-8009" },
      { name = "out", from = { "staff", "servers" }, to = "internet", masquerade = true } } },
}
LUA
links_up

serve() { bg "serve_$1_$2" ip netns exec "$TAG-$1" socat "TCP6-LISTEN:$2,ipv6only=0,fork,reuseaddr" 'SYSTEM:echo $SOCAT_PEERADDR'; }
ask() { in_ns "$1" timeout 15 socat -u "TCP:$2:$3,connect-timeout=10" -; }
serve net 80; serve web 8003
wait_until "in_ns net ss -Hltn sport = :80 | grep -q ."
wait_until "in_ns web ss -Hltn sport = :8003 | grep -q ."

expect_eq "$(ask pc 192.0.2.1 80)" "[0000:0000:0000:0000:0000:ffff:c000:0202]" "outside it is the box"
expect_eq "$(ask pc '[2001:db8::1]' 80)" "[2001:0db8:0000:0000:0000:0000:0000:0002]" "by IPv6, too"
expect "in_ns pc ping -q -c 3 -i 0.2 -W 5 192.0.2.1" "echo replies come back"
expect_eq "$(ask net 192.0.2.2 9003)" "[0000:0000:0000:0000:0000:ffff:c000:0201]" "a forwarded port"
expect_eq "$(ask pc 192.0.2.2 9003)" "[0000:0000:0000:0000:0000:ffff:0a00:0a09]" "and from inside, by the address outside"
refuse "in_ns net timeout 3 socat -u TCP:192.0.2.2:9004,connect-timeout=2 - 2>/dev/null" "nobody listens there"
expect "leat show nat --json | jq -e '.[] | select(.name == \"web\") | .hits == 3'"
expect "leat show nat-ports --json | jq -e 'map(select(.address == \"192.0.2.2\" and .proto == \"tcp\") | .used) == [1]'"

# What would become of a packet, in words.
explain() { leat explain packet interface="$1" src="$2" dst="$3" proto=tcp sport=4000 dport="$4"; }
expect "explain wan 198.51.100.9 192.0.2.2 9005 | grep -q 'it becomes 198.51.100.9:4000 to 10.0.20.10:8005'"
expect "explain lan 10.0.10.9 192.0.2.1 80 | grep -q 'it becomes 192.0.2.2:4000 to 192.0.2.1:80'"
expect "explain lan 10.0.10.9 192.0.2.1 80 | grep -q 'nat_snat passes: rule 2 out, masquerade'"

# At some length, and a file.
bg iperf ip netns exec "$TAG-net" iperf3 -s -1
wait_until "in_ns net ss -Hltn sport = :5201 | grep -q ."
expect "in_ns pc timeout 60 iperf3 -c 192.0.2.1 -n 20M -J | jq -e '.end.sum_received.bytes >= 10000000'"
head -c 3000000 /dev/urandom >"$T/file"
bg http ip netns exec "$TAG-web" /usr/bin/python3 -m http.server -d "$T" 8000
wait_until "in_ns web ss -Hltn sport = :8000 | grep -q ."
expect "in_ns net curl -s -m 60 http://192.0.2.2:9000/file | cmp - $T/file"

# An error from outside, and one of this box about what it has translated already.
in_ns net ip addr add 198.51.100.1/32 dev lo
expect "in_ns pc traceroute -n -q 1 -w 3 -m 4 198.51.100.1 >$T/trace; grep -q '^ 1  10.0.10.1' $T/trace && grep -q '^ 2  198.51.100.1' $T/trace" "traceroute"
expect "(in_ns pc ping -c 1 -W 5 -t 1 198.51.100.1 || true) | grep -q 'From 10.0.10.1.*exceeded'" "time exceeded, of a ping"

# What a commit takes away ends; the rest goes on.
bg ping_on ip netns exec "$TAG-pc" ping -i 0.1 -W 5 192.0.2.1
wait_until "grep -q icmp_seq=5 $T/ping_on.log"
leat set 'firewall.nat[1].enabled' false
wait_until "grep -q icmp_seq=20 $T/ping_on.log"
leat set 'firewall.nat[2].enabled' false
wait_until "leat show sessions proto=icmp --json | jq -e 'map(select(.to)) == []'"
