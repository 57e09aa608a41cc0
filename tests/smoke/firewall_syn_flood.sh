#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A flood of SYNs by senders who are not there, at the web server of configs/firewall.lua: it is noticed, it has no sessions, and beside it
# connections begin and a download goes on, both families.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/firewall_lab.sh"

of_rule() { leat_json ".[] | select(.name == \"web\").$1" rules; }
head -c 5000000 /dev/urandom >"$T/file"
bg http ip netns exec "$TAG-web" /usr/bin/python3 -m http.server --bind :: -d "$T" 443
wait_until "in_ns web ss -Hltn sport = :443 | grep -q ."
expect_eq "$(ask net 10.0.20.10 80)" hello
expect_eq "$(of_rule cookies)" 0 "cookies while all is quiet"

bg events timeout 100 curl -sN --unix-socket "$RUN/leat.sock" http://leat/v1/events
cat >"$T/flood.py" <<'PY'
import random, socket, sys
sys.path.insert(0, sys.argv[2])
from frames import Ether, IP, IPv6, TCP
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(('eth0', 0))
def syn(n):
    tcp = TCP(sport=random.randrange(1024, 65535), dport=random.choice((80, 443)), seq=random.randrange(1 << 32), flags='S')
    ip = IPv6(src=f'2001:db8:77::{n:x}', dst='2001:db8:20::10') if n % 2 else IP(src=f'203.0.113.{n % 250}', dst='10.0.20.10')
    return bytes(Ether(src='02:00:00:00:00:09', dst=sys.argv[1]) / ip / tcp)
some = [syn(n) for n in range(4000)]
while True:
    for frame in some:
        try:
            raw.send(frame)
        except OSError:
            pass
PY
bg flood ip netns exec "$TAG-net" /usr/bin/python3 "$T/flood.py" "$(leat_json '.[] | select(.interface == "wan").mac' interfaces)" "$SMOKE_LIB"
wait_until "[ \$(of_rule cookies) -gt 10000 ]" 60
expect_eq "$(of_rule under_attack)" true "that the attack is noticed"
wait_until "grep -q 'firewall.syn-attack' $T/events.log"
for address in 10.0.20.10 '[2001:db8:20::10]'; do
	began=$(now_ms)
	expect_eq "$(ask net "$address" 80)" hello "a new connection"
	say "a new connection to $address took $(($(now_ms) - began)) ms"
	expect "in_ns net curl -s -m 60 http://$address:443/file | cmp - $T/file" "a download"
done
expect "leat show session_table --json | jq -e '.[0].used < 3000 and .[0].refused == 0'" "the flood has no sessions"
expect "leat show firewall --json | jq -e '.[0].cookies_proven >= 4 and .[0].cookies > 10000'"
heard=$(in_ns web nstat -asz TcpExtTCPReqQFullDoCookies TcpExtTCPReqQFullDrop TcpExtListenDrops | awk '/^Tcp/ { n += $2 } END { print n + 0 }')
expect "[ $heard -lt $(($(of_rule cookies) / 5)) ]" "the server hears of few"
say "$(of_rule cookies) SYNs were answered with cookies"
