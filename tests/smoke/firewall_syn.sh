#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# SYN cookies with real TCPs at both ends: transfers of both families, by DNAT and of this box itself, a server that speaks first and one that is
# not there, options left out, sums left to devices.
. "$(dirname "$0")/../lib/smoke.sh"

host net wan 192.0.2.1/24 2001:db8::1/64
host web dmz 10.0.20.10/24 2001:db8:20::10/64
in_ns web ethtool -K eth0 tx on tso on gso on >/dev/null
for h in "net 192.0.2.2 2001:db8::2" "web 10.0.20.1 2001:db8:20::1"; do
	read -r name via4 via6 <<<"$h"
	in_ns "$name" ip route add default via "$via4"
	in_ns "$name" ip -6 route add default via "$via6"
done
ns_add mgmt
in_ns mgmt sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
leatd_start - <<LUA
return {
  ports = { wan = { device = "wan" }, dmz = { device = "dmz", driver = "af_packet" } },
  sessions = { max = 1000, reserve = 10 },
  routers = { main = { interfaces = {
    wan = { port = "wan", twin = { namespace = "$TAG-mgmt" }, addresses = { "192.0.2.2/24", "2001:db8::2/64" }, zone = "internet" },
    dmz = { port = "dmz", addresses = { "10.0.20.1/24", "2001:db8:20::1/64" }, zone = "servers" } } } },
  firewall = {
    rules = { { name = "web", from = "internet", to = "servers", proto = "tcp", syn_cookies = "0/s", action = "accept" },
      { name = "own", from = "internet", to = "self", proto = "tcp", syn_cookies = "0/s", action = "accept" } },
    nat = { { to = "internet", proto = "tcp", dport = 9000, dnat = "10.0.20.10:80" } } },
}
LUA
links_up
head -c 5000000 /dev/urandom >"$T/file"
bg own ip netns exec "$TAG-mgmt" /usr/bin/python3 -m http.server --bind :: -d "$T" 8000
bg http ip netns exec "$TAG-web" /usr/bin/python3 -m http.server --bind :: -d "$T" 80
bg first ip netns exec "$TAG-web" socat TCP6-LISTEN:81,ipv6only=0,fork,reuseaddr,backlog=100 'EXEC:echo hello'
for port in 80 81; do wait_until "in_ns web ss -Hltn sport = :$port | grep -q ."; done
wait_until "in_ns mgmt ss -Hltn sport = :8000 | grep -q ."
fetch() { in_ns net curl -s -m 60 "http://$1/file" | cmp - "$T/file"; }
ask() { in_ns net timeout 20 socat -u "TCP:$1:$2,connect-timeout=20" -; }
of_rule() { leat_json ".[] | select(.name == \"web\").$1" rules; }

for address in 10.0.20.10 '[2001:db8:20::10]' 192.0.2.2:9000 192.0.2.2:8000 '[2001:db8::2]:8000'; do
	expect "fetch $address" "5 MB from $address"
done
for address in 10.0.20.10 '[2001:db8:20::10]'; do expect_eq "$(ask $address 81)" hello "who speaks first is heard"; done
ask 10.0.20.10 82 2>"$T/refused" || true
expect "leat show sessions --json | jq -e '.[] | select(.dport == 82) | .state == \"reset\"'" "nobody listens there"
in_ns net sysctl -qw net.ipv4.tcp_window_scaling=0 net.ipv4.tcp_sack=0 net.ipv4.tcp_timestamps=0
expect "fetch '[2001:db8:20::10]'" "to a client without options"
in_ns web sysctl -qw net.ipv4.tcp_window_scaling=0
in_ns net sysctl -qw net.ipv4.tcp_window_scaling=1 net.ipv4.tcp_sack=1 net.ipv4.tcp_timestamps=1
expect "fetch 10.0.20.10" "from a server that does not scale"
in_ns web sysctl -qw net.ipv4.tcp_window_scaling=1
expect "[ $(of_rule cookies) -ge 8 ]" "SYNs were answered with cookies"
expect "leat explain packet interface=wan src=192.0.2.1 dst=10.0.20.10 proto=tcp sport=4000 dport=80 | grep -q 'rule 1 web, a SYN cookie first'"
