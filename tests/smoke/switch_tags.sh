#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Access, trunk, native, priority-tagged and QinQ: each frame leaves with exactly the bytes it should.
. "$(dirname "$0")/../lib/smoke.sh"

host acc acc 10.0.10.1/24
host nat nat
host trunk trunk
host bare bare
host cust cust
host core core
vlan_dev trunk eth0 10 10.0.10.2/24
leatd_start - <<'END'
local ports = {}
for _, name in ipairs { "acc", "nat", "trunk", "bare", "cust", "core" } do ports[name] = { device = name } end
return { ports = ports, switches = { s = { ports = {
	acc = { access = 10 }, nat = { access = 30 }, trunk = { trunk = { 10, 20 }, native = 30 },
	bare = { trunk = { 10, 30 } }, cust = { qinq = { outer = 100 } }, core = { trunk = { 100 } } } } } }
END
links_up

# A kernel's own VLAN interface, and what tshark makes of its frames.
bg tshark ip netns exec "$TAG-trunk" tshark -lni eth0 -Y icmp -c 2 -T fields -e icmp.type -e vlan.etype -e vlan.id -e vlan.priority
wait_until "in_ns acc ping -c 1 -W 1 10.0.10.2; [ \$(grep -cE '^[08]\s+0x0800\s+10\s+0' '$T/tshark.log') = 2 ]" 20

frames <<'PY'
w = {name: wire(name) for name in ('acc', 'nat', 'trunk', 'bare', 'cust', 'core')}
n = 0
def case(source, tags, **want):
    """A frame with `tags` into `source`; `want` says with which tags it leaves elsewhere, and nowhere else."""
    global n
    n += 1
    head, data = Ether(src=mac(0x100 + n), dst='ff:ff:ff:ff:ff:ff'), Raw(os.urandom(60))
    def frame(tags):
        """[(type, PCP, VID)...], then 0x88b5."""
        at, rest = bytes(head)[:12], b'\x88\xb5' + bytes(data)
        return at + b''.join(struct.pack('!HH', tpid, pcp << 13 | vid) for tpid, pcp, vid in tags) + rest
    w[source].send(frame(tags))
    for name, out in want.items():
        w[name].expect(frame(out), seconds=5)
    for name in w.keys() - want.keys():
        w[name].expect_none(lambda got: got.endswith(bytes(data)), seconds=0.02)
C, S = 0x8100, 0x88a8
case('acc', [], trunk=[(C, 0, 10)], bare=[(C, 0, 10)])
case('acc', [(C, 5, 0)], trunk=[(C, 5, 10)], bare=[(C, 5, 10)])          # priority-tagged
case('acc', [(C, 0, 10)])                                                # an access port takes no tags
case('trunk', [(C, 3, 10)], acc=[], bare=[(C, 3, 10)])
case('trunk', [], nat=[], bare=[(C, 0, 30)])                             # native
case('trunk', [(C, 6, 0)], nat=[], bare=[(C, 6, 30)])
case('trunk', [(C, 0, 30)], nat=[], bare=[(C, 0, 30)])
case('trunk', [(C, 0, 20)])                                              # nobody else is in 20
case('trunk', [(C, 0, 99)])
case('trunk', [(S, 0, 10)])                                              # a service tag, but no service VLAN
case('bare', [])                                                         # no native VLAN
case('bare', [(C, 7, 30)], nat=[], trunk=[])
case('bare', [(C, 1, 10), (C, 2, 77)], acc=[(C, 2, 77)], trunk=[(C, 1, 10), (C, 2, 77)])  # what is inside stays
case('cust', [], core=[(S, 0, 100)])                                     # QinQ
case('cust', [(C, 4, 10)], core=[(S, 4, 100), (C, 4, 10)])
case('cust', [(C, 4, 10), (C, 2, 20)], core=[(S, 4, 100), (C, 4, 10), (C, 2, 20)])
case('core', [(S, 2, 100), (C, 4, 10)], cust=[(C, 4, 10)])
case('core', [(S, 2, 100)], cust=[])
case('core', [(C, 2, 100)])                                              # the wrong type of tag
PY
