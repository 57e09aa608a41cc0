#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: alone
# smoke: timeout 240
# Ports of kernel interfaces come and go and change, flooded all the while; when the last has gone, every buffer is back,
# and so are descriptors and programs.
. "$(dirname "$0")/../lib/smoke.sh"

host h1 p1
host h2 p2
host h3 p3
cat >"$T/all.lua" <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, p3 = { device = "p3" } },
	switches = { s = { ports = { p1 = {}, p2 = {}, p3 = {} } } } }'
echo 'return {}' >"$T/none.lua"
leatd_start "$T/none.lua" --memory 128
used() { leat_json '.[0].buffers_used' system; }
descriptors() { find "/proc/$leatd_pid/fd" -mindepth 1 -printf '%l\n' | grep -cE 'bpf|btf|socket|packet' || true; }
change() { leat "$@" >/dev/null; }

expect_eq "$(used)" 0 "buffers in use without ports"
change apply "$T/all.lua"
change apply "$T/none.lua"
wait_until "[ \$(leat_json '.[0].buffers_used' system) = 0 ]" 5
before=$(descriptors)

# In bursts that are longer than a socket's ring.
cat >"$T/flood.py" <<'PY'
import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
mac = bytes.fromhex('020000') + __import__('os').urandom(3)
while True:
    for _ in range(3000):
        try:
            s.send(b'\xff' * 6 + mac + b'\x88\xb5' + bytes(100))
        except OSError:
            time.sleep(0.001)
    time.sleep(0.01)
PY
for host in h1 h2 h3; do bg "flood-$host" ip netns exec "$TAG-$host" /usr/bin/python3 "$T/flood.py"; done

for round in $(seq "${ROUNDS:-6}"); do
	change apply "$T/all.lua"
	wait_until "leat show ports p2 --json | jq -e '.[0].rx_packets > 3000'"
	change set ports.p2.driver "$([ $((round % 2)) = 1 ] && echo af_packet || echo af_xdp-copy)"
	change set ports.p3.mtu 9000
	change set ports.p1.enabled false
	change unset ports.p3.mtu
	change set ports.p1.enabled true
	change apply "$T/none.lua"
	[ "$(leat_json length ports)" = 0 ] || fail "ports are left"
	try_until "[ \$(used) = 0 ]" 3 || fail "round $round: $(used) buffers are lost"
done
expect_eq "$(descriptors)" "$before" "descriptors of sockets and programs"
refuse "ip -n $TAG-daemon -d link | grep -w prog" "a program is left"
