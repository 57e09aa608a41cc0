#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The ways into a kernel interface: the best is chosen, any can be forced and changed while the port is in use, and one
# that cannot work is refused and leaves everything as it was.
. "$(dirname "$0")/../lib/smoke.sh"

host h1 p1 10.0.0.1/24
host h2 p2 10.0.0.2/24
host h3 v3 10.0.0.3/24
ip -n "$TAG-daemon" link add br0 type bridge # has no XDP of its own
ip -n "$TAG-daemon" link set v3 master br0
leatd_start - --memory 128 <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, b = { device = "br0" } },
	switches = { s = { ports = { p1 = {}, p2 = {}, b = {} } } } }'
links_up

# What is chosen, whether it passes frames, and where the program is: `xdp` or `xdpgeneric` in `ip link`.
port_is() { # PORT DRIVER HOOK WHY: the last two are patterns
	expect_eq "$(leat_json '.[0].driver' ports "$1")" "$2" "driver of $1"
	leat_json '.[0].why' ports "$1" | grep -E "$4" >/dev/null || fail "$1 by $2: why is '$(leat_json '.[0].why' ports "$1")'"
	expect_eq "$(ip -n "$TAG-daemon" -j link show "$1" | jq -r '.[0] | .xdp.mode // 0')" "$3" "XDP of $1"
}
reach() { wait_until "in_ns h1 ping -c 1 -W 1 $1" 10; }
no_copy='frames are copied: veth has no zero-copy'

port_is p2 af_xdp-native 1 "^$no_copy"
expect_eq "$(leat_json '.[0].driver' ports b)" af_packet "driver of a bridge"
leat_json '.[0].why' ports b | grep 'af_xdp-native: VLAN tags could be lost' >/dev/null || fail "no reason for af_packet"
reach 10.0.0.2
reach 10.0.0.3
for _ in 1 2 3; do
	for way in 'af_xdp-copy 2' 'af_packet 0' 'af_xdp-native 1' 'af_packet 0' 'af_xdp-copy 2' 'af_xdp-native 1'; do
		read -r driver hook <<<"$way"
		leat set ports.p2.driver "$driver" >/dev/null
		port_is p2 "$driver" "$hook" "$([ $hook = 0 ] && echo '^null$' || echo "^$no_copy")"
		reach 10.0.0.2
	done
done
leat show ports --wide | grep -E "^p2 +af_xdp-native .*$no_copy" >/dev/null || fail "the table does not say why"
steered=$(leat_json '.[0].xdp_steered' ports p2)
in_ns h1 ping -c 1 -W 5 10.0.0.2 >/dev/null
[ "$(leat_json '.[0].xdp_steered' ports p2)" -gt "$steered" ] || fail "xdp_steered does not count"
api GET /metrics | grep -E '^leat_ports?_xdp_steered.*"p2".* [1-9]' >/dev/null || fail "no metric of xdp_steered"

refuse_with() { # PATTERN CMD...
	! leat "${@:2}" >"$T/refused.log" 2>&1 || fail "not refused: ${*:2}"
	grep -qE "$1" "$T/refused.log" || fail "${*:2} says: $(cat "$T/refused.log")"
}
before=$(leat diff) revision=$(leat_json '.[0].revision' control)
refuse_with 'ports.b: br0: no driver works: af_xdp-native: its driver has no XDP' set ports.b.driver af_xdp-native
refuse_with 'ports.p2: mtu: 9000 does not fit .* 3498' set ports.p2.mtu 9000
expect_eq "$(leat diff) $(leat_json '.[0].revision' control)" "$before $revision" "configuration after refusals"
expect_eq "$(leat_json '.[0].driver' ports b)" af_packet "driver of a bridge"
port_is p2 af_xdp-native 1 "^$no_copy"
reach 10.0.0.2
reach 10.0.0.3
