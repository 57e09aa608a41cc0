#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# configs/office-switch.lua: desks with a phone each, a printer with a fixed address, tags on the uplink.
. "$(dirname "$0")/../lib/smoke.sh"

host building eth0
host desk1 eth1 10.0.0.1/24
host desk2 eth2 10.0.0.2/24
link daemon eth3 spare eth3
link daemon eth4 spare eth4
host printer eth5 10.0.0.55/24
ip -n "$TAG-printer" link set eth0 address 02:00:5e:00:00:55
leatd_start "$TOP/configs/office-switch.lua"

expect "in_ns desk1 ping -c 3 -i 0.1 -W 2 10.0.0.2" "desks talk"
expect "in_ns desk1 ping -c 3 -i 0.1 -W 2 10.0.0.55" "the printer answers"
expect_eq "$(leat_json '[.. | objects | select(.mac? == "02:00:5e:00:00:55") | .port] | join(",")' fdb)" printer \
	"port of the printer's fixed address"

frames <<'PY'
up, desk, other = wire('building'), wire('desk1'), wire('desk2')
data = Raw(bytes(range(60)))
untagged = Ether(src=mac(1), dst=mac(9), type=0x88b5) / data
voice = Ether(src=mac(2), dst='ff:ff:ff:ff:ff:ff') / Dot1Q(prio=5, vlan=20, type=0x88b5) / data
desk.send(untagged)
up.expect(Ether(src=mac(1), dst=mac(9)) / Dot1Q(vlan=10, type=0x88b5) / data)
desk.send(voice)
up.expect(voice)
other.expect(voice)
up.send(Ether(src=mac(9), dst=mac(1)) / Dot1Q(vlan=10, type=0x88b5) / data)
desk.expect(Ether(src=mac(9), dst=mac(1), type=0x88b5) / data)
up.send(Ether(src=mac(9), dst='ff:ff:ff:ff:ff:ff') / Dot1Q(vlan=30, type=0x88b5) / data)
desk.expect_none(lambda frame: frame.endswith(bytes(data)))

# A storm under one desk: 5,000 broadcasts at once, of which about a second's worth may pass.
up.clear()
storm = Ether(src=mac(1), dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / Raw(b'storm' + bytes(55))
desk.send(storm, count=5000)
passed = len(up.collect(1.0, lambda frame: b'storm' in frame))
assert 1 <= passed <= 1600, f'{passed} of 5000 broadcasts have passed a limit of 500 a second'
PY
