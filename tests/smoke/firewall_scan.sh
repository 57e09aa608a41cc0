#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# nmap's scans from the Internet: what is not allowed does not arrive, whatever flags it has, and what is not
# a beginning arrives nowhere.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/firewall_lab.sh"

from_net='tcp and (src host 192.0.2.1 or ip6 src 2001:db8::1) or ip[6:2] & 0x3fff != 0'
dump web web -U "$from_net" # also fragments, if any should come through
dump pc pc -U "$from_net"
seen() { grep -c '>' "$T/$1.log" || true; }
scan() { # NAME OPTION...: both families, of two machines
	bg "$1" ip netns exec "$TAG-net" nmap -n -Pn -T5 --max-retries 1 --host-timeout 30s "${@:2}" -p 22,80,445 10.0.20.10 10.0.10.9
	bg "$1_6" ip netns exec "$TAG-net" nmap -6 -n -Pn -T5 --max-retries 1 --host-timeout 30s "${@:2}" -p 22,80,445 2001:db8:20::10 2001:db8:10::9
}
scanned() { # NAME: nmap was done with both
	wait_until "grep -q '^Nmap done' '$T/$1.log' && { [ ! -e '$T/$1_6.log' ] || grep -q '^Nmap done' '$T/${1}_6.log'; }" 60
}

# Neither open nor closed: nothing answers, as nothing arrives.
for kind in A F X N M; do scan "s$kind" "-s$kind"; done
for kind in A F X N M; do scanned "s$kind"; done
expect_eq "$(seen web) $(seen pc)" "0 0" "ACK, FIN, Xmas, null and Maimon scans that arrived"
refuse "grep -hE '(22|80|445)/tcp +(un)?(filtered|closed|open) ' $T/s?.log $T/s?_6.log | grep -vE ' (filtered|open.filtered) '" "what they found"
expect "[ $(dropped session_tcp_state wan) -gt 20 ] && [ $(dropped session_tcp_flags wan) -gt 5 ]" "drops by name"

# A SYN is judged by the rules; one in pieces too small for that is nobody's (RFC 1858).
scan sS -sS
bg pieces ip netns exec "$TAG-net" nmap -n -Pn -T5 -f --max-retries 1 --host-timeout 30s -sS -p 22,80,445 10.0.20.10 10.0.10.9
for name in sS pieces; do scanned "$name"; done
for log in sS sS_6; do
	expect_eq "$(grep -cE '^80/tcp +open' "$T/$log.log")" 1 "ports that $log found open"
	expect_eq "$(grep -cE '^(22|445)/tcp +filtered' "$T/$log.log")" 4 "ports that $log found filtered"
done
expect_eq "$(grep -cE '^(22|80|445)/tcp +filtered' "$T/pieces.log")" 6 "ports that were filtered in pieces"
expect "[ $(dropped ip_reass_tiny wan) -ge 6 ]" "pieces are dropped by name"
expect "[ $(seen web) -gt 0 ]" "what is allowed arrives"
expect_eq "$(seen pc)" 0 "what arrived at staff"
refuse "grep -E '[.](22|445): ' $T/web.log" "what arrived at closed ports"
