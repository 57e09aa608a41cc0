#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A frame that a TCP sender left to be cut leaves by a kernel interface in one piece when the interface cuts, and as frames of the MTU with
# their checksums when it does not; either way, by AF_XDP and by a packet socket, what was sent arrives. And what comes by AF_XDP as
# segments goes into a TAP as few frames.
. "$(dirname "$0")/../lib/smoke.sh"

host h1 whole 10.0.0.1/24
host h2 cut 10.0.0.2/24
host h3 xdp 10.0.0.3/24
host h4 cutxdp 10.0.0.4/24
for port in cut cutxdp; do in_ns daemon ethtool -K $port tso off >/dev/null; done
leatd_start - --memory 128 <<<'return { ports = { whole = { device = "whole", driver = "af_packet" },
	cut = { device = "cut", driver = "af_packet" }, xdp = { device = "xdp" }, cutxdp = { device = "cutxdp" },
	box = { device = "tap:box0" } },
	switches = { s = { ports = { whole = {}, cut = {}, xdp = {}, cutxdp = {}, box = {} } } } }'
ip -n "$TAG-daemon" address add 10.0.0.9/24 dev box0
links_up
head -c 4000000 /dev/urandom >"$T/source"

# 4 MB from the TAP; the longest frame that the receiver saw is in $longest.
send_to() { # HOST ADDRESS
	dump "$1" "$1" -Q in -vv 'tcp port 9'
	bg "sink-$1" ip netns exec "$TAG-$1" socat -u TCP-LISTEN:9 "OPEN:$T/sink-$1,creat"
	wait_until "in_ns $1 ss -Htln 'sport = 9' | grep -q ."
	expect "in_ns daemon timeout 30 socat -u -b 200000 'OPEN:$T/source' TCP:$2:9"
	wait_until "cmp -s '$T/source' '$T/sink-$1'" 10
	longest=$(grep -o ', length [0-9]*: ' "$T/$1.log" | tr -dc '0-9\n' | sort -n | tail -n 1)
}
for n in 1 3; do
	send_to h$n 10.0.0.$n
	[ "$longest" -gt 10000 ] || fail "the longest frame to h$n has $longest bytes: cut, although the interface would do it"
done
for n in 2 4; do
	send_to h$n 10.0.0.$n
	[ "$longest" -le 1514 ] || fail "a frame of $longest bytes to h$n, although the interface does not cut"
	refuse "grep -i incorrect '$T/h$n.log'" "a bad checksum on the wire"
done

# The other way, from a host that cuts by itself: fewer frames than segments reach the TAP.
bg back in_ns daemon socat -u TCP-LISTEN:9 "OPEN:$T/back,creat"
wait_until "in_ns daemon ss -Htln 'sport = 9' | grep -q ."
before=$(leat_json '.[0].tx_packets' ports box)
expect "in_ns h3 timeout 30 socat -u -b 200000 'OPEN:$T/source' TCP:10.0.0.9:9"
wait_until "cmp -s '$T/source' '$T/back'" 10
frames=$(($(leat_json '.[0].tx_packets' ports box) - before))
[ $frames -lt $((4000000 / 1448 / 2)) ] || fail "$frames frames into the TAP for $((4000000 / 1448)) segments"
expect_eq "$(dropped port_tx_offload)" 0 "frames that could not be completed"
