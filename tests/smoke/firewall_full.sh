#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A table full of answered flows, which nobody may push out: newcomers are refused, and ssh to the box goes on, old and new.
. "$(dirname "$0")/../lib/smoke.sh"

host net wan 192.0.2.1/24
host pc lan 10.0.10.9/24
ns_add mgmt
ip -n "$TAG-pc" route add default via 10.0.10.1
leatd_start - <<LUA
return {
  ports = { wan = { device = "wan" }, lan = { device = "lan" } },
  sessions = { max = 1000, reserve = 100 },
  routers = { main = { interfaces = {
      wan = { port = "wan", addresses = { "192.0.2.2/24" }, zone = "internet" },
      lan = { port = "lan", addresses = { "10.0.10.1/24" }, zone = "staff", twin = { namespace = "$TAG-mgmt" } } } } },
  firewall = {
    rules = { { from = "staff", to = "self", proto = "tcp", dport = 22, action = "accept" },
      { from = "staff", to = "internet", action = "accept" } },
    nat = { { to = "internet", masquerade = true } } },
}
LUA
links_up
table() { leat_json ".[0].$1" session_table; }

# What listens on port 22 of the box stands for ssh; one connection is open all the time.
bg ssh ip netns exec "$TAG-mgmt" socat TCP-LISTEN:22,fork,reuseaddr EXEC:cat
wait_until "in_ns mgmt ss -Hltn sport = :22 | grep -q ."
mkfifo "$T/keys"
exec 7<>"$T/keys"
bg login ip netns exec "$TAG-pc" socat "OPEN:$T/keys,rdonly!!OPEN:$T/heard,creat,wronly" TCP:10.0.10.1:22
echo before >&7
wait_until "grep -q before '$T/heard'" 20

bg echo ip netns exec "$TAG-net" /usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 9))
while True:
    s.sendto(*s.recvfrom(100))'
wait_until "in_ns net ss -Hlun sport = :9 | grep -q ."
bg open ip netns exec "$TAG-net" socat TCP-LISTEN:80,fork,reuseaddr EXEC:true
wait_until "in_ns net ss -Hltn sport = :80 | grep -q ."
expect "in_ns pc timeout 10 bash -c 'echo >/dev/tcp/192.0.2.1/80'" "a newcomer while there is room"
cat >"$T/flood.py" <<'PY'
import socket, time
held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(1000)]
for s in held:
    s.connect(('192.0.2.1', 9))
    s.setblocking(False)
while True:  # whoever got no answer asks again; the others keep theirs alive
    for s in held:
        try:
            s.send(b'x')
        except OSError:
            pass
        time.sleep(.002)
PY
bg flood ip netns exec "$TAG-pc" /usr/bin/python3 "$T/flood.py"
wait_until "[ \"\$(leat_json '[.[] | select(.state == \"udp\") | .sessions] | add' session_states)\" -ge 890 ]" 60
wait_until "[ \$(table refused) -gt 100 ]" 60
refuse "in_ns pc timeout 2 bash -c 'echo >/dev/tcp/192.0.2.1/80'" "a newcomer"

for n in 1 2 3 4 5; do
	expect_eq "$(echo "key $n" | in_ns pc timeout 20 socat -t 5 - TCP:10.0.10.1:22)" "key $n" "a new login when the table is full"
done
echo after >&7
wait_until "grep -q after '$T/heard'" 20
expect "[ $(table used) -le 1000 ] && [ $(table used) -ge 890 ]" "it is full, and no fuller"
