#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 64,000 connections for a thousand ports: those that have one keep it, the rest is refused, counted and told; other protocols go on.
. "$(dirname "$0")/../lib/smoke.sh"

host net wan 192.0.2.1/24
host pc lan 10.0.10.9/24
in_ns pc ip route add default via 10.0.10.1
leatd_start - <<'LUA'
return {
  ports = { wan = { device = "wan" }, lan = { device = "lan" } },
  routers = { main = { interfaces = {
      wan = { port = "wan", addresses = { "192.0.2.2/24" }, zone = "internet" },
      lan = { port = "lan", addresses = { "10.0.10.1/24" }, zone = "staff" } } } },
  firewall = { default = "accept", nat = {
      { name = "out", from = "staff", to = "internet", masquerade = true, ports = "20000-20999" } } },
}
LUA
links_up
ports() { leat_json ".[] | select(.proto == \"$1\") | .$2" nat-ports; }

in_ns pc ping -q -c 1 -W 10 192.0.2.1 >/dev/null # neighbours are known
bg flood ip netns exec "$TAG-pc" /usr/bin/python3 -c '
import socket
for port in range(1536, 65536):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind(("", port))
        s.sendto(b"x", ("192.0.2.1", 9))
    except OSError:
        pass
    s.close()
print("sent", flush=True)'
wait_until "grep -q sent $T/flood.log" 120
wait_until '[ "$(ports udp left)" = 0 ]' 20
expect_eq "$(ports udp used)" 1000 "every port is in use"
expect "[ $(ports udp refused) -gt 1000 ]" "the rest was refused"
expect "[ $(dropped session_exhausted lan) -gt 1000 ]"
wait_until "grep -q 'no port is left.*address=192.0.2.2' $T/leatd-1.log" 20
expect "in_ns pc ping -q -c 2 -i 0.2 -W 10 192.0.2.1" "pings have identifiers of their own"
bg serve ip netns exec "$TAG-net" socat TCP-LISTEN:80,fork,reuseaddr 'EXEC:echo hello'
wait_until "in_ns net ss -Hltn sport = :80 | grep -q ."
expect_eq "$(in_ns pc timeout 15 socat -u TCP:192.0.2.1:80 -)" hello "and TCP has ports of its own"

leat flush sessions proto=udp >/dev/null
expect_eq "$(ports udp left)" 1000 "they come back"
