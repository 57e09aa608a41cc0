#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A veth leaves checksums and segmentation to whoever comes next: on the other side of the switch every checksum is
# right and no frame is longer than the MTU, whatever drivers are on the way.
. "$(dirname "$0")/../lib/smoke.sh"

host xdp1 xdp1 10.0.0.1/24 fd00::1/64
host xdp2 xdp2 10.0.0.2/24 fd00::2/64
host packet packet 10.0.0.3/24 fd00::3/64
host big1 big1 10.0.0.4/24 mtu 9000
host big2 big2 10.0.0.5/24 mtu 9000
for name in xdp1 xdp2 packet big1 big2; do
	in_ns $name ethtool -K eth0 tx on tso on gso on sg on >/dev/null 2>&1 || true
	in_ns $name ethtool -k eth0 | grep -q 'tx-checksum-ip-generic: on' || skip "this kernel's veth has no checksum offload"
done
for name in xdp1 xdp2 packet big1 big2; do in_ns daemon ethtool -K $name tso off >/dev/null; done # or 64 KiB come in one piece: port_gso
leatd_start - <<'END'
return { ports = { xdp1 = { device = "xdp1" }, xdp2 = { device = "xdp2" }, packet = { device = "packet", driver = "af_packet" },
	big1 = { device = "big1", mtu = 9000 }, big2 = { device = "big2", mtu = 9000 } },
	switches = { s = { ports = { xdp1 = {}, xdp2 = {}, packet = {}, big1 = {}, big2 = {} } } } }
END
links_up
expect_eq "$(leat_json '.[0].driver' ports packet)" af_packet "the driver that was asked for"

# 200 kB by TCP and some datagrams; tcpdump at the receiver judges every frame.
talk() { # FROM TO ADDRESS MTU
	local from=$1 to=$2 address=$3 log=$T/$1-$2-$RANDOM.log
	expect "in_ns $from ping -c 3 -i 0.1 -W 5 $address"
	in_ns "$to" tcpdump --immediate-mode -lnvvei eth0 -Q in 'tcp port 9 or udp port 9' >"$log" 2>&1 &
	smoke_bg+=($!)
	wait_until "grep -q 'listening on' '$log'"
	bg "sink-$from-$to" ip netns exec "$TAG-$to" socat -u "TCP-LISTEN:9,pf=ip$([[ $address = *:* ]] && echo 6 || echo 4)" "OPEN:$T/sink,creat,trunc"
	wait_until "in_ns $to ss -Htln 'sport = 9' | grep -q ."
	[[ $address != *:* ]] || address="[$address]"
	in_ns "$from" timeout 30 socat -u "OPEN:$T/source" "TCP:$address:9" || fail "$from to $to: no connection"
	for size in 1 101 1400; do
		head -c $size "$T/source" | in_ns "$from" socat -u -b 65000 - "UDP:$address:9" || true
	done
	wait_until "cmp -s '$T/source' '$T/sink'" 10
	wait_until "[ \$(grep -cE 'UDP, length (1|101|1400)\$' '$log') -ge 3 ]" 10
	expect_eq "$(grep -ciE 'incorrect|bad udp cksum|bad cksum' "$log" || true)" 0 "bad checksums, $from to $to: $(grep -iE -m 2 'incorrect|bad' "$log")"
	[ "$(grep -cE 'correct|udp sum ok' "$log")" -ge 10 ] || fail "$from to $to: too few frames judged: $(tail -n 5 "$log")"
	awk -v max=$(($4 + 14)) '/ethertype/ && match($0, /length [0-9]+:/) { n = substr($0, RSTART + 7) + 0; if (n > max) bad = n }
		END { exit bad != 0 }' "$log" || fail "$from to $to: a frame is longer than the MTU"
}
head -c 200000 /dev/urandom >"$T/source"
talk xdp1 xdp2 10.0.0.2 1500
talk xdp1 xdp2 fd00::2 1500
talk xdp2 packet 10.0.0.3 1500
talk packet xdp1 10.0.0.1 1500
talk packet xdp1 fd00::1 1500
talk big1 big2 10.0.0.5 9000
talk packet big1 10.0.0.4 1500
