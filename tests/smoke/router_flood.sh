#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Floods at the router's address, by UDP and by SYNs at the ports of BGP and ssh: the kernel gets each class's share and no more, connections
# that stand (of BGP, of ssh) go on, and so does what is forwarded.
. "$(dirname "$0")/../lib/smoke.sh"

host evil pe 10.1.0.9/24
host peer pp 10.2.0.9/24
host pc pc 10.3.0.9/24
ns_add mgmt
ip -n "$TAG-evil" route add default via 10.1.0.1
ip -n "$TAG-peer" route add default via 10.2.0.1
ip -n "$TAG-pc" route add default via 10.3.0.1
twin="twin = { namespace = '$TAG-mgmt' }"
leatd_start - <<<"return { ports = { pe = { device = 'pe' }, pp = { device = 'pp' }, pc = { device = 'pc' } },
	routers = { r = { punt = { routing = 500, management = 500, other = 500 }, interfaces = {
		e = { port = 'pe', addresses = { '10.1.0.1/24' }, $twin },
		p = { port = 'pp', addresses = { '10.2.0.1/24' }, $twin },
		c = { port = 'pc', addresses = { '10.3.0.1/24' }, $twin } } } } }"
links_up
began=$(now_ms)
for port in 22 179; do
	bg "echo$port" ip netns exec "$TAG-mgmt" socat "TCP-LISTEN:$port,fork" EXEC:cat
	wait_until "in_ns mgmt ss -Htln 'sport = $port' | grep -q ."
done
expect "in_ns pc ping -q -c 1 -W 10 10.2.0.9"
cat >"$T/talk.py" <<'PY'
import os, socket, sys, time
both = [socket.create_connection(('10.2.0.1', port), 20) for port in (22, 179)]
print('connected')
while not os.path.exists(os.environ['T'] + '/go'):
    time.sleep(0.05)
for n in range(100):
    for one in both:
        one.sendall(b'%08d' % n)
        got = b''
        while len(got) < 8:
            got += one.recv(8 - len(got)) or sys.exit('closed')
        assert got == b'%08d' % n
    time.sleep(0.02)  # within the share
print('done')
PY
bg talk ip netns exec "$TAG-peer" /usr/bin/python3 -u "$T/talk.py"
wait_until "grep -q connected '$T/talk.log'"
cat >"$T/flood.py" <<'PY'
import random, socket, struct
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
for one in udp, raw:
    one.connect(('10.1.0.1', 9))
def syn(source, port):
    tcp = struct.pack('!HHIIBBHHH', source, port, 1, 0, 0x50, 2, 1000, 0, 0)
    data = socket.inet_aton('10.1.0.9') + socket.inet_aton('10.1.0.1') + struct.pack('!BBH', 0, 6, 20) + tcp
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total & 0xffff) + (total >> 16)
    return tcp[:16] + struct.pack('!HH', ~((total & 0xffff) + (total >> 16)) & 0xffff, 0)
syns = [syn(1024 + n, port) for n in range(2000) for port in (22, 179)]
sent = 0
while True:
    for packet in syns:
        try:
            raw.send(packet)
            udp.send(b'flood')
        except OSError:
            pass
        sent += 2
    print(sent)
PY
bg flood ip netns exec "$TAG-evil" /usr/bin/python3 -u "$T/flood.py"
flood=$!
share() { leat_json ".[] | select(.class == \"$1\").$2" punt; }
wait_until "[ \$(share other dropped) -gt 10000 ] && [ \$(share management dropped_new) -gt 1000 ] && [ \$(share routing dropped_new) -gt 1000 ]" 60
touch "$T/go"
in_ns pc ping -q -c 200 -i 0.01 -W 5 10.2.0.9 >"$T/ping" || true
wait_until "grep -q done '$T/talk.log'" 60
stop_pid $flood
got=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$T/ping")
expect "[ $got -ge 180 ]" "$got of 200 forwarded pings are back"
for class in routing management other; do
	passed=$(share $class passed) most=$((550 * ($(now_ms) - began + 2000) / 1000))
	[ "$passed" -le $most ] || fail "class $class: the kernel got $passed packets, more than its share of $most"
	say "$class: passed $passed, dropped $(share $class dropped), new connections $(share $class dropped_new)"
done
expect "[ $(dropped punt_other) -gt 10000 ]" "what was too much is counted as a drop"
leat set routers.r.punt.other 100000
expect_eq "$(share other rate)" 100000 "a rate that was changed live"
