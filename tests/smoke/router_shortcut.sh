#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 120
# The short cut of a host twin: bulk takes it, byte for byte, and is counted; captures see it all the same; a twin in leatd's own namespace
# has one, too; and nothing of it is left, even of a leatd that was killed.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/shortcut_lab.sh"

# What is sent comes back as it was, both families, and is counted.
head -c 100000000 /dev/urandom >"$T/file"
for to in 10.1.0.1 '[2001:db8:1::1]'; do
	rx=$(interface rx_bytes) cut=$(interface shortcut_bytes)
	expect "in_ns a socat -t 30 TCP:$to:7000 - <'$T/file' | cmp - '$T/file'" "$to"
	wait_until "[ \$(interface rx_bytes) -gt $((rx + 100000000)) ]"
	expect "[ $(interface shortcut_bytes) -gt $((cut + 50000000)) ]" "by the short cut"
done

# Whoever wants to see packets sees them, and then the short cut is taken again.
for port in 7001 7002; do
	stream 10.1.0.1 $port
	expect_eq "$(leat capture port=p count=200 filter="tcp port $port" | tcpdump -nr - 2>/dev/null | grep -c "10.1.0.1.$port")" 200 "captured, $port"
	wait_until "short | grep -q ."
	stream_end
done

# A change ends it, and it begins again; not where it is not wanted.
stream '[2001:db8:1::1]' 7001
leat set routers.r.interfaces.p.twin.shortcut false
expect_eq "$(short)" ""
rx=$(interface rx_packets)
wait_until "[ \$(interface rx_packets) -gt $((rx + 100)) ]"
leat set routers.r.interfaces.p.twin.shortcut true
wait_until "short | grep -q ."
expect_eq "$(pair box | wc -l) $(pair daemon | wc -l)" "1 1" "ends of the pair"

# Killed in the middle of it: the next leatd clears up, and has its own.
leatd_kill
stream_kill
left=$(pair daemon)
leatd_start
links_up
refuse "pair daemon | grep -qx '$left'" "what was left over"
stream 10.1.0.1 7002
stream_end

# In one namespace there is no pair; the bytes are the same.
leat set routers.r.interfaces.p.twin true
serve daemon 7003 EXEC:cat
cut=$(interface shortcut_bytes)
expect "in_ns a socat -t 30 TCP:10.1.0.1:7003 - <'$T/file' | cmp - '$T/file'" "in leatd's own namespace"
wait_until "[ \$(interface shortcut_bytes) -gt $((cut + 50000000)) ]"
expect_eq "$(pair daemon)$(pair box)" "" pairs
leatd_stop
refuse "ip netns exec $TAG-daemon tc qdisc show dev p | grep -q clsact" "gone with leatd"
