#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A TAP of this host on a switch: traffic both ways, large frames in one piece on the TAP and whole ones, with their
# checksums, on the wire.
. "$(dirname "$0")/../lib/smoke.sh"

host h1 p1 10.0.0.1/24
in_ns daemon ethtool -K p1 tso off >/dev/null # or TCP frames leave in one piece: port_gso
leatd_start - --memory 128 <<<'return { ports = { p1 = { device = "p1" }, box = { device = "tap:box0" } },
	switches = { s = { ports = { p1 = {}, box = {} } } } }'
ip -n "$TAG-daemon" address add 10.0.0.9/24 dev box0
links_up
expect "in_ns daemon ping -c 3 -i 0.2 -W 5 10.0.0.1"
dump wire h1 -vv tcp
bg server in_ns h1 iperf3 -s -1 -B 10.0.0.1
wait_until "in_ns h1 ss -lnt | grep -q :5201"
expect "in_ns daemon iperf3 -c 10.0.0.1 -n 10M"
wait_until "grep -q 'Flags \[F' '$T/wire.log'" 5
refuse "grep -i incorrect '$T/wire.log'" "a bad checksum on the wire"
longest=$(grep -o ', length [0-9]*: ' "$T/wire.log" | tr -dc '0-9\n' | sort -n | tail -n 1)
[ "$longest" -le 1514 ] || fail "a frame of $longest bytes on the wire"
bg back in_ns daemon iperf3 -s -1 -B 10.0.0.9
wait_until "in_ns daemon ss -lnt | grep -q :5201"
expect "in_ns h1 iperf3 -c 10.0.0.9 -n 10M"
leat set ports.box.enabled false >/dev/null
refuse "in_ns h1 ping -c 1 -W 1 10.0.0.9" "a disabled port"
leat unset ports.box.enabled >/dev/null
wait_until "in_ns h1 ping -c 1 -W 1 10.0.0.9" 5
