#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: alone
# The MTU of a port in use: within what AF_XDP can do it changes at once, beyond it the port goes down the ladder and comes
# back up; other ports lose nothing.
. "$(dirname "$0")/../lib/smoke.sh"

host h1 p1
host h2 p2
host h3 p3 10.0.0.3/24 fd00::3/64
host h4 p4 10.0.0.4/24 fd00::4/64 mtu 9000
leatd_start - --memory 128 <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, p3 = { device = "p3" },
	p4 = { device = "p4", mtu = 9000 } }, switches = { s = { ports = { p1 = {}, p2 = {}, p3 = {}, p4 = {} } } } }'
links_up
expect_eq "$(leat_json 'map(.driver) | unique | join(" ")' ports)" 'af_packet af_xdp-native' drivers
expect_eq "$(leat_json '.[0].driver' ports p3)" af_xdp-native "driver at 1500"

stream_start h1 h2 2000
bg ping ip netns exec "$TAG-h3" ping -D -i 0.05 10.0.0.4
ping_pid=$!
for round in 1 2; do
	for step in '3000 af_xdp-native' '3498 af_xdp-native' '3499 af_packet' '9000 af_packet' '9216 af_packet' \
		'3498 af_xdp-native' '1280 af_xdp-native' '9000 af_packet' '1500 af_xdp-native'; do
		read -r mtu driver <<<"$step"
		ip -n "$TAG-h3" link set eth0 mtu 1280 # a veth takes no XDP program while its peer's MTU is too large for one
		leat set ports.p3.mtu "$mtu" >/dev/null
		expect_eq "$(leat_json '.[0] | "\(.mtu) \(.driver)"' ports p3)" "$mtu $driver" "port p3, round $round"
		expect_eq "$(in_ns daemon cat /sys/class/net/p3/mtu)" "$mtu" "MTU of the device"
		packet=$((mtu < 9000 ? mtu : 9000))
		ip -n "$TAG-h3" link set eth0 mtu $packet
		# What fits passes; what is longer, beyond the room of two tags, does not.
		for address in 10.0.0.4 fd00::4; do
			data=$((packet - (${#address} < 8 ? 48 : 28)))
			wait_until "in_ns h3 ping -M do -c 1 -W 1 -s $data $address" 10
			[ "$mtu" -ge 9000 ] || refuse "in_ns h4 ping -M do -c 1 -W 0.2 -s $((data + 9)) ${address/4/3}" "over the MTU"
		done
	done
done
leat set ports.p3.mtu 9000 >/dev/null
ip -n "$TAG-h3" link set eth0 mtu 9000
leat set ports.p3.mtu 1500 >/dev/null
leat_json '.[0] | "\(.driver) \(.why)"' ports p3 | grep 'af_packet af_xdp-native: the kernel says: veth: Peer MTU is too large' >/dev/null ||
	fail "the reason of a veth is lost: $(leat show ports p3 --wide)"
stream_stop
jq -e '.lost == 0 and .duplicated == 0 and .reordered == 0' >/dev/null <<<"$stream" || fail "other ports lost frames: $stream"
kill -INT $ping_pid
wait $ping_pid || true
lost=$(grep -oE '[0-9.]+% packet loss' "$T/ping.log" | cut -d% -f1)
say "pings of the port that changed: $lost % lost in $((2 * 9)) changes"
awk "BEGIN { exit !(${lost:-100} < 50) }" || fail "the port that changed was mostly away"
