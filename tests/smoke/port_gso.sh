#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A frame that a TCP sender left to be cut leaves a packet socket in one piece when the interface cuts, and as frames of the MTU with their
# checksums when it does not; either way what was sent arrives.
. "$(dirname "$0")/../lib/smoke.sh"

host h1 whole 10.0.0.1/24
host h2 cut 10.0.0.2/24
in_ns daemon ethtool -K cut tso off >/dev/null
leatd_start - --memory 128 <<<'return { ports = { whole = { device = "whole", driver = "af_packet" },
	cut = { device = "cut", driver = "af_packet" }, box = { device = "tap:box0" } },
	switches = { s = { ports = { whole = {}, cut = {}, box = {} } } } }'
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
send_to h1 10.0.0.1
[ "$longest" -gt 10000 ] || fail "the longest frame has $longest bytes: cut, although the interface would do it"
send_to h2 10.0.0.2
[ "$longest" -le 1514 ] || fail "a frame of $longest bytes, although the interface does not cut"
refuse "grep -i incorrect '$T/h2.log'" "a bad checksum on the wire"
expect_eq "$(dropped port_tx_offload)" 0 "frames that could not be completed"
