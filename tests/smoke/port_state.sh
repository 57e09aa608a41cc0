#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# enabled and promiscuous of an AF_XDP port, live; and its device is as it was found when the port goes, or leatd does.
. "$(dirname "$0")/../lib/smoke.sh"

host h1 p1 10.0.0.1/24
host h2 p2 10.0.0.2/24
in_ns daemon ethtool -K p1 gro on
state() { # what we change of a device
	in_ns daemon ethtool -k p1 | grep -E '^(generic-receive|large-receive|rx-vlan-offload)'
	ip -n "$TAG-daemon" -d -j link show p1 | jq -c '.[0] | [.mtu, .promiscuity, .xdp, (.flags | contains(["UP"]))]'
}
field() { ip -n "$TAG-daemon" -d -j link show p1 | jq -c ".[0]$1"; }
before=$(state)
leatd_start - --memory 128 <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" } },
	switches = { s = { ports = { p1 = {}, p2 = {} } } } }'
links_up
program=$(field .xdp.prog.id)
expect_eq "$(field .xdp.mode) $(field .promiscuity)" '1 1' "program and promiscuity"
in_ns daemon ethtool -k p1 | grep -x 'generic-receive-offload: off' >/dev/null || fail "frames would be merged"
wait_until "in_ns h1 ping -c 1 -W 1 10.0.0.2"

for _ in 1 2 3; do
	leat set ports.p1.promiscuous false >/dev/null
	expect_eq "$(field .promiscuity)" 0 promiscuity
	expect "in_ns h1 ping -c 1 -W 5 10.0.0.2"
	leat unset ports.p1.promiscuous >/dev/null
	expect_eq "$(field .promiscuity)" 1 promiscuity

	leat set ports.p1.enabled false >/dev/null
	expect_eq "$(leat_json '.[0].state' ports p1) $(field '.flags | contains(["UP"])')" 'disabled false' "the port"
	wait_until "ip -n $TAG-h1 link show eth0 | grep NO-CARRIER"
	refuse "in_ns h2 ping -c 1 -W 0.2 10.0.0.1"
	leat unset ports.p1.enabled >/dev/null
	wait_until "in_ns h2 ping -c 1 -W 1 10.0.0.1"
	expect_eq "$(field .xdp.prog.id)" "$program" "the program, all the while"
done

echo 'return {}' >"$T/none.lua"
for settings in '' ', mtu = 2000' ', driver = "af_xdp-copy"' ', promiscuous = false' ', enabled = false' ', mtu = 9000'; do
	echo "return { ports = { p1 = { device = 'p1' $settings } } }" >"$T/one.lua"
	leat apply "$T/one.lua" >/dev/null
	[ "$(state)" != "$before" ] || fail "nothing of the device has changed$settings"
	leat apply "$T/none.lua" >/dev/null
	expect_eq "$(state)" "$before" "the device after its port$settings"
done
leat apply "$T/one.lua" >/dev/null
leatd_stop
expect_eq "$(state)" "$before" "the device after leatd"
