#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 240
# Commits while connections speak: rules come, go and change places, sets and NAT change, and no session that is allowed is lost.
# LEAT_COMMITS=N: more of them.
. "$(dirname "$0")/../lib/smoke.sh"

commits=${LEAT_COMMITS:-40}
host net wan 192.0.2.1/24 2001:db8::1/64
host pc lan 10.0.10.9/24 2001:db8:10::9/64
ip -n "$TAG-pc" route add default via 10.0.10.1
for route in "pc default 2001:db8:10::1" "net 2001:db8:10::/64 2001:db8::2"; do
	read -r name to via <<<"$route"
	ip -6 -n "$TAG-$name" route add "$to" via "$via"
done
write() { # NUMBER: rules around the one that matters, in another order each time
	local n=$1 before='' after='' i
	for i in $(seq $((n % 7))); do
		before+="{ name = \"b$i\", from = \"internet\", src = \"198.51.100.$i\", action = \"drop\" }, "
		after+="{ name = \"a$i\", from = \"staff\", proto = \"tcp\", dport = $((n + i)), action = \"reject\" }, "
	done
	cat >"$T/rules.lua" <<-END
		return { ports = { wan = { device = "wan" }, lan = { device = "lan" } },
		  routers = { main = { interfaces = {
		    wan = { port = "wan", addresses = { "192.0.2.2/24", "2001:db8::2/64" }, zone = "internet" },
		    lan = { port = "lan", addresses = { "10.0.10.1/24", "2001:db8:10::1/64" }, zone = "staff" } } } },
		  sets = { web = { addresses = { "192.0.2.1", "2001:db8::1", "203.0.113.$((n % 250))" } } },
		  firewall = { rules = { $before { name = "web", from = "staff", dst = "@web", proto = "tcp", dport = 5555, action = "accept" }, $after },
		    nat = { { name = "other", to = "internet", proto = "udp", dport = $((n + 1)), dnat = "10.0.10.9" },
		      { name = "out", from = "staff", to = "internet", family = "ipv4", masquerade = true } } } }
	END
}

write 0
leatd_start "$T/rules.lua"
links_up
bg serve ip netns exec "$TAG-net" "$SMOKE_LIB/keepalive.py" serve 5555
wait_until "in_ns net ss -Hltn sport = :5555 | grep -q ."
bg four ip netns exec "$TAG-pc" "$SMOKE_LIB/keepalive.py" 192.0.2.1 5555 20 "$T/stop"
bg six ip netns exec "$TAG-pc" "$SMOKE_LIB/keepalive.py" 2001:db8::1 5555 20 "$T/stop"
wait_until "grep -q open $T/four.log && grep -q open $T/six.log" 60
begun=$(leat_json '[.[] | select(.dport == 5555) | .session] | sort | join(" ")' sessions)
expect_eq "$(wc -w <<<"$begun")" 40 "sessions of connections"

start=$(now_ms)
for n in $(seq "$commits"); do
	write "$n"
	leat apply "$T/rules.lua"
done >"$T/applies.log" 2>&1 || fail "a commit was refused: $(tail -n 3 "$T/applies.log")"
took=$(($(now_ms) - start))
touch "$T/stop"
wait_until "grep -q live $T/four.log && grep -q live $T/six.log" 60
for log in four six; do expect_eq "$(sed -n 's/ live.*//p' "$T/$log.log")" 20 "connections that live: $(cat "$T/$log.log")"; done
expect_eq "$(leat_json '[.[] | select(.dport == 5555) | .session] | sort | join(" ")' sessions)" "$begun" "they are the same sessions"
say "$commits commits in $took ms; IPv4: $(tail -n 1 "$T/four.log"); IPv6: $(tail -n 1 "$T/six.log")"
