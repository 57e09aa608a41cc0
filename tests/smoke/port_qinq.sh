#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Service tags (0x88a8) through every way into a kernel interface, byte for byte: in the frame, and beside it, where a local
# sender leaves them to the device.
. "$(dirname "$0")/../lib/smoke.sh"

host cust cust
host core core
host beside beside
# Whatever leaves this host gets the service tag 100 as an interface of its kernel would put it: beside the frame.
clang -O2 -target bpf "-I/usr/include/$(uname -m)-linux-gnu" -c -x c - -o "$T/push.o" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
SEC("push") int push_tag(struct __sk_buff *skb) { return bpf_skb_vlan_push(skb, bpf_htons(0x88a8), 3 << 13 | 100) ? 2 : 0; }
char _license[] SEC("license") = "GPL";
END
tc -n "$TAG-beside" qdisc add dev eth0 clsact
tc -n "$TAG-beside" filter add dev eth0 egress bpf da obj "$T/push.o" sec push
leatd_start - --memory 128 <<'END'
local ports = {}
for _, name in ipairs { "cust", "core", "beside" } do ports[name] = { device = name, driver = "af_xdp-native" } end
return { ports = ports, switches = { s = { ports = {
	cust = { qinq = { outer = 100 } }, core = { trunk = { 100 } }, beside = { trunk = { 100 } } } } } }
END
for driver in af_xdp-native af_packet af_xdp-copy; do
	for port in cust core beside; do leat set "ports.$port.driver" $driver >/dev/null; done
	links_up
	# The generic hook does not see what is beside a frame, which is why it is not chosen for a veth.
	BESIDE=$([ $driver = af_xdp-copy ] || echo yes)
	export BESIDE
	frames <<'PY'
w = {name: wire(name) for name in ('cust', 'core', 'beside')}
n = 0
def case(source, tags, **want):
    """A frame with [(type, PCP, VID)...] into `source`; `want` says with which tags it leaves elsewhere, and nowhere else."""
    global n
    n += 1
    addresses, data = b'\xff' * 6 + bytes.fromhex(mac(0x200 + n).replace(':', '')), os.urandom(60)
    def frame(tags):
        return addresses + b''.join(struct.pack('!HH', tpid, pcp << 13 | vid) for tpid, pcp, vid in tags) + b'\x88\xb5' + data
    w[source].send(frame(tags))
    for name, out in want.items():
        w[name].expect(frame(out), seconds=5)
    for name in w.keys() - want.keys():
        w[name].expect_none(lambda got: got.endswith(data), seconds=0.02)
C, S = 0x8100, 0x88a8
case('cust', [], core=[(S, 0, 100)], beside=[(S, 0, 100)])
case('cust', [(C, 4, 10)], core=[(S, 4, 100), (C, 4, 10)], beside=[(S, 4, 100), (C, 4, 10)])
case('cust', [(C, 4, 10), (C, 2, 20)], core=[(S, 4, 100), (C, 4, 10), (C, 2, 20)],
     beside=[(S, 4, 100), (C, 4, 10), (C, 2, 20)])
case('core', [(S, 2, 100)], cust=[], beside=[(S, 2, 100)])
case('core', [(S, 2, 100), (C, 4, 10)], cust=[(C, 4, 10)], beside=[(S, 2, 100), (C, 4, 10)])
case('core', [(S, 7, 100), (C, 4, 10), (C, 1, 11)], cust=[(C, 4, 10), (C, 1, 11)], beside=[(S, 7, 100), (C, 4, 10), (C, 1, 11)])
case('core', [(S, 2, 101)])                                  # another service VLAN
case('core', [(C, 2, 100)])                                  # the wrong type of tag
case('core', [(C, 2, 100), (S, 2, 100)])
if os.environ['BESIDE']:                                     # these get (S, 3, 100) on their way
    case('beside', [], cust=[], core=[(S, 3, 100)])
    case('beside', [(C, 5, 20)], cust=[(C, 5, 20)], core=[(S, 3, 100), (C, 5, 20)])
PY
done
