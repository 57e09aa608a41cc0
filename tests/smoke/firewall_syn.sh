#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# SYN cookies with real TCPs at both ends: small and large transfers of both families and by DNAT, a server that speaks first and one that is
# not there, sums left to devices; then a flood of SYNs by senders who are not there, beside which connections go on and begin.
. "$(dirname "$0")/../lib/smoke.sh"

host net wan 192.0.2.1/24 2001:db8::1/64
host evil bad 198.51.100.1/24
host web dmz 10.0.20.10/24 2001:db8:20::10/64
in_ns web ethtool -K eth0 tx on tso on gso on >/dev/null
for h in "net 192.0.2.2 2001:db8::2" "web 10.0.20.1 2001:db8:20::1"; do
	read -r name via4 via6 <<<"$h"
	in_ns "$name" ip route add default via "$via4"
	in_ns "$name" ip -6 route add default via "$via6"
done
leatd_start - <<'LUA'
return {
  ports = { wan = { device = "wan" }, bad = { device = "bad" }, dmz = { device = "dmz", driver = "af_packet" } },
  sessions = { max = 1000, reserve = 10 },
  routers = { main = { interfaces = {
    wan = { port = "wan", addresses = { "192.0.2.2/24", "2001:db8::2/64" }, zone = "internet" },
    bad = { port = "bad", addresses = { "198.51.100.2/24" }, zone = "internet", mac = "02:00:00:00:00:01" },
    dmz = { port = "dmz", addresses = { "10.0.20.1/24", "2001:db8:20::1/64" }, zone = "servers" } },
    routes = { ["0.0.0.0/0"] = { via = "198.51.100.1" } } } },
  firewall = {
    rules = { { name = "web", from = "internet", to = "servers", proto = "tcp", syn_cookies = "0/s", action = "accept" } },
    nat = { { to = "internet", proto = "tcp", dport = 9000, dnat = "10.0.20.10:80" } } },
}
LUA
links_up
head -c 20000000 /dev/urandom >"$T/file"
bg http ip netns exec "$TAG-web" /usr/bin/python3 -m http.server --bind :: -d "$T" 80
bg first ip netns exec "$TAG-web" socat TCP6-LISTEN:81,ipv6only=0,fork,reuseaddr,backlog=100 'EXEC:echo hello'
for port in 80 81; do wait_until "in_ns web ss -Hltn sport = :$port | grep -q ."; done
fetch() { in_ns net curl -s -m 60 "http://$1/file" | cmp - "$T/file"; }
ask() { in_ns net timeout 20 socat -u "TCP:$1:$2,connect-timeout=20" -; }
of_rule() { leat_json ".[] | select(.name == \"web\").$1" rules; }

for address in 10.0.20.10 '[2001:db8:20::10]' 192.0.2.2:9000; do expect "fetch $address" "20 MB from $address"; done
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

# Senders who are not there: each SYN of another address and port, as fast as they can be sent.
leat set 'firewall.rules[1].syn_cookies' 500/s
leat flush sessions
cat >"$T/flood.py" <<'PY'
import random, socket, sys
sys.path.insert(0, sys.argv[1])
from frames import Ether, IP, TCP
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(('eth0', 0))
some = [bytes(Ether(src='02:00:00:00:00:09', dst='02:00:00:00:00:01') / IP(src=f'203.0.113.{n % 250}', dst='10.0.20.10') /
    TCP(sport=random.randrange(1024, 65535), dport=80, seq=random.randrange(1 << 32), flags='S')) for n in range(4000)]
while True:
    for frame in some:
        try:
            raw.send(frame)
        except OSError:
            pass
PY
bg flood ip netns exec "$TAG-evil" /usr/bin/python3 "$T/flood.py" "$SMOKE_LIB"
flood=$!
wait_until "[ \$(of_rule cookies) -gt 20000 ]" 60
expect_eq "$(of_rule under_attack)" true "the attack is noticed"
began=$(now_ms)
expect_eq "$(ask 10.0.20.10 81)" hello "a new connection"
say "a new connection during the flood took $(($(now_ms) - began)) ms"
expect "fetch 10.0.20.10" "and a download"
expect "leat show session_table --json | jq -e '.[0].used <= 600 and .[0].refused == 0'" "the flood has no sessions"
expect "leat show firewall --json | jq -e '.[0].cookies_proven >= 2'"
stop_pid $flood
wait_until "[ \$(of_rule under_attack) = false ]" 40
say "$(of_rule cookies) SYNs were answered with cookies"
