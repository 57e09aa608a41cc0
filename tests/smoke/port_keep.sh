#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Addresses of the kernel's own on the device of an AF_XDP port: what is for them goes to the kernel and nothing else does, by
# IPv4 and IPv6, ARP and neighbour discovery included, while leatd runs, is killed and comes back.
. "$(dirname "$0")/../lib/smoke.sh"

host h1 p1 10.0.0.1/24 fd00::1/64
host h2 p2 10.0.0.2/24 fd00::2/64
in_ns daemon sysctl -qw net.ipv6.conf.p1.disable_ipv6=0 net.ipv6.conf.p1.accept_dad=0
for address in 10.0.0.9/24 10.0.0.8/24 fd00::9/64 fd00::8/64; do ip -n "$TAG-daemon" address add $address dev p1; done
leatd_start - --memory 128 <<<'return { ports = { p1 = { device = "p1", keep = { "10.0.0.9", "fd00::9" } }, p2 = { device = "p2" } },
	switches = { s = { ports = { p1 = {}, p2 = {} } } } }'
links_up
expect_eq "$(leat_json '.[0].driver' ports p1)" af_xdp-native driver
reach() { in_ns h1 ping -c 1 -W "${2:-1}" "$1"; }
forget() { ip -n "$TAG-$1" neigh flush dev "$2"; }

# An interactive session each, as ssh would be: a line every 20 ms, and its echo, over one connection.
cat >"$T/session.py" <<'PY'
import os, socket, sys, time
s = socket.create_connection((sys.argv[1], 2222), timeout=30)
lines = 0
while not os.path.exists(sys.argv[2]):
    s.sendall(b'%8d' % lines)
    assert int(s.recv(8, socket.MSG_WAITALL)) == lines
    lines += 1
    if lines % 10 == 0: print('lines', lines, flush=True)
    time.sleep(0.02)
PY
sessions=()
for address in 10.0.0.9 fd00::9; do
	family=$([[ $address = *:* ]] && echo 6 || echo 4)
	bg "server-$address" ip netns exec "$TAG-daemon" socat "TCP$family-LISTEN:2222,bind=$address,fork,reuseaddr" PIPE
	wait_until "in_ns daemon ss -lnt | grep -F '$address' | grep :2222"
	bg "session-$address" ip netns exec "$TAG-h1" /usr/bin/python3 "$T/session.py" $address "$T/stop"
	sessions+=($!)
done
lines() { tail -qn 1 "$T/session-$1.log" | tr -dc 0-9; }
go_on() { # both sessions, and the switch beside them
	local address before
	for address in 10.0.0.9 fd00::9; do
		before=$(lines $address)
		wait_until "[ \$(lines $address) -gt ${before:-0} ]" 20
		[ "$1" = killed ] || wait_until "reach ${address/9/2}" 20
	done
}
go_on running
dump elsewhere h2 'host 10.0.0.9 or host fd00::9'
for side in 'h1 eth0' 'daemon p1'; do forget $side; done # both ask again
go_on running
for way in '' -R; do # in bulk, both ways
	bg iperf ip netns exec "$TAG-daemon" iperf3 -s -1 -B fd00::9
	wait_until "in_ns daemon ss -lnt | grep :5201"
	expect "in_ns h1 timeout 20 iperf3 -c fd00::9 -n 10M $way"
done
[ "$(leat_json '.[0].xdp_kept' ports p1)" -gt 100 ] || fail "xdp_kept does not count"

# Other addresses of the kernel are the switch's, until they are kept as well.
for address in 10.0.0.8 fd00::8; do refuse "reach $address 0.3" "the kernel answers for what is not kept"; done
leat set ports.p1.keep '["10.0.0.9", "fd00::8/127", "10.0.0.8"]' >/dev/null
for address in 10.0.0.8 fd00::8; do wait_until "reach $address"; done
leat set ports.p1.keep '["10.0.0.9", "fd00::9"]' >/dev/null
go_on running
for address in 10.0.0.8 fd00::8; do forget h1 eth0 && refuse "reach $address 0.3" "the kernel answers for what is kept no more"; done

leatd_kill
go_on killed
leatd_start --memory 128
links_up
expect_eq "$(leat_json '.[0].driver' ports p1)" af_xdp-native "driver after a kill"
go_on running
touch "$T/stop"
for pid in "${sessions[@]}"; do wait "$pid" || fail "a session has ended: $(cat "$T"/session-*.log)"; done
! grep -E 'ICMP|Flags' "$T/elsewhere.log" || fail "the switch has seen what is for the kernel"
