#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A stop while sessions are begun, used and translated by thousands a second ends well, and every start in the file of records has its end.
. "$(dirname "$0")/../lib/smoke.sh"

host net wan 192.0.2.1/24
host pc lan 10.0.10.9/24
ip -n "$TAG-pc" route add default via 10.0.10.1
cat >"$T/nat.lua" <<LUA
return {
  ports = { wan = { device = "wan" }, lan = { device = "lan" } },
  sessions = { log = "$T/records.jsonl", log_all = true },
  routers = { main = { interfaces = {
      wan = { port = "wan", addresses = { "192.0.2.2/24" }, zone = "internet" },
      lan = { port = "lan", addresses = { "10.0.10.1/24" }, zone = "staff" } } } },
  firewall = { default = "accept", nat = { { name = "out", from = "staff", to = "internet", masquerade = true } } },
}
LUA
bg flood ip netns exec "$TAG-pc" /usr/bin/python3 -c '
import random, socket
s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(64)]
while True:
    try:
        random.choice(s).sendto(b"x" * 100, ("192.0.2.1", random.randrange(1024, 65536)))
    except OSError:
        pass'
for _ in 1 2; do
	leatd_start "$T/nat.lua"
	wait_until "leat show session_table --json | jq -e '.[0].begun > 1000'" 30
	leatd_stop
done
/usr/bin/python3 - "$T/records.jsonl" <<'PY' >"$T/judged" || fail "$(cat "$T/judged")"
import collections, json, sys
living, why = collections.Counter(), collections.Counter()
with open(sys.argv[1]) as file:
    for r in map(json.loads, file):
        key = r['proto'], r['src'], r['sport'], r['dst'], r['dport']
        living[key] += 1 if r['event'] == 'start' else -1
        if r['event'] == 'end':
            why[r['why']] += 1
            if not r['packets'][0] or r['bytes'][0] < 20:
                sys.exit(f'an end without what it carried: {r}')
odd = [key for key, n in living.items() if n]
if odd or why['stopped'] < 1000:
    sys.exit(f'{len(odd)} sessions have no start or no end, as {odd[:3]}; ends: {dict(why)}')
print(dict(why))
PY
say "ends: $(cat "$T/judged")"
