#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# configs/campus-bond.lua: customer tags travel inside service tags, and the uplink outlives a cable.
. "$(dirname "$0")/../lib/smoke.sh"

link daemon eth0 core eth0
link daemon eth1 core eth1
host north eth2
host south eth3
host console eth4
leatd_start "$TOP/configs/campus-bond.lua"

across() { # frames to and from the core, by whichever cable is in use
	frames <<-'PY'
	cables = [wire('core', 'eth0'), wire('core', 'eth1')]
	north, south, console = wire('north'), wire('south'), wire('console')
	data = Raw(bytes(range(60)))
	def seen(frame, seconds=3):
	    end = time.monotonic() + seconds
	    got = []
	    while time.monotonic() < end:
	        for cable in cables:
	            got.append(cable.recv(0.05))
	            if got[-1] == bytes(frame):
	                return cable
	    sys.exit(f'the core did not see {bytes(frame).hex()}, but {[g.hex() for g in got if g]}')
	inner = Ether(src=mac(1), dst=mac(9)) / Dot1Q(prio=3, vlan=10, type=0x88b5) / data
	for customer, outer in (north, 100), (south, 200):
	    customer.send(inner)
	    seen(Ether(src=mac(1), dst=mac(9)) / Dot1AD(prio=3, vlan=outer) / Dot1Q(prio=3, vlan=10, type=0x88b5) / data)
	north.send(Ether(src=mac(1), dst=mac(9), type=0x88b5) / data)
	cable = seen(Ether(src=mac(1), dst=mac(9)) / Dot1AD(vlan=100, type=0x88b5) / data)
	cable.send(Ether(src=mac(9), dst=mac(1)) / Dot1AD(vlan=100) / Dot1Q(vlan=10, type=0x88b5) / data)
	north.expect(Ether(src=mac(9), dst=mac(1)) / Dot1Q(vlan=10, type=0x88b5) / data)
	south.expect_none(lambda frame: frame.endswith(bytes(data)))
	console.send(Ether(src=mac(5), dst=mac(9), type=0x88b5) / data)
	cable = seen(Ether(src=mac(5), dst=mac(9)) / Dot1Q(vlan=99, type=0x88b5) / data)
	print(cable.name.split(':')[1])
	PY
}

first=$(across)
expect_eq "$first" eth0 "cable in use at first"
ip -n "$TAG-core" link set dev "$first" down
wait_until '[ "$(across)" = eth1 ]' 20
ip -n "$TAG-core" link set dev "$first" up
wait_until across 20
