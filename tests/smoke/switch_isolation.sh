#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# VLANs are apart, isolated ports are apart, and trying hard (fixed ARP entries, forged tags) does not help.
. "$(dirname "$0")/../lib/smoke.sh"

host a a 10.0.0.1/24
host b b 10.0.0.2/24
host c c 10.0.0.3/24
host guest1 guest1 10.0.0.4/24
host guest2 guest2 10.0.0.5/24
host server server
for vlan in 10 20 30; do vlan_dev server eth0 $vlan 10.0.$vlan.9/24; done
leatd_start - <<'END'
local ports = {}
for _, name in ipairs { "a", "b", "c", "guest1", "guest2", "server" } do ports[name] = { device = name } end
return { ports = ports, switches = { s = { ports = {
	a = { access = 10 }, b = { access = 10 }, c = { access = 20 }, server = { trunk = { 10, 20, 30 } },
	guest1 = { access = 30, isolated = true }, guest2 = { access = 30, isolated = true } } } } }
END
links_up

know() { # WHO WHOM ADDRESS [MAC]: no ARP is needed, and no route
	ip -n "$TAG-$1" neigh replace "$3" lladdr "${4-$(mac_of "$2")}" dev eth0
}
all_silent() { # WHY: none of $pairs hears the other; a ping that nobody answers takes its seconds, so all at once
	local pids=() from address pid
	while read -r from _ address; do
		in_ns "$from" ping -q -c 3 -i 0.1 -W 1 "$address" >/dev/null 2>&1 &
		pids+=($!)
	done <<<"$pairs"
	for pid in "${pids[@]}"; do ! wait "$pid" || fail "an answer, $1: one of"$'\n'"$pairs"; done
}
pairs="a c 10.0.0.3
c a 10.0.0.1
guest1 guest2 10.0.0.5
guest1 a 10.0.0.1"

expect "in_ns a ping -q -c 3 -i 0.1 -W 5 10.0.0.2" "one VLAN"
for pair in "a 10" "b 10" "c 20" "guest1 30" "guest2 30"; do
	read -r from vlan <<<"$pair"
	ip -n "$TAG-$from" address add "10.0.$vlan.$((RANDOM % 100 + 100))/24" dev eth0
	expect "in_ns $from ping -q -c 2 -i 0.1 -W 5 10.0.$vlan.9" "$from to the server in VLAN $vlan"
done
all_silent "asking by ARP"
while read -r from to address; do know "$from" "$to" "$address"; done <<<"$pairs"
all_silent "knowing the MAC address"
[ "$(dropped switch_input_isolated guest1)" -ge 1 ] || fail "no drop for isolation: $(leat show drops)"

frames <<'PY'
w = {name: wire(name) for name in ('a', 'b', 'c', 'guest1', 'guest2', 'server')}
broadcast, cases = 'ff:ff:ff:ff:ff:ff', []
def hear(sender, frame, who):
    """Exactly these are to hear what `sender` sends."""
    mark = os.urandom(20)
    w[sender].send(frame / Raw(mark + bytes(40)))
    cases.append((mark, set(who), f'{sender} sent {bytes(frame).hex()}'))
for dst in broadcast, '01:00:5e:01:02:03', mac(99):
    hear('a', Ether(src=mac(1), dst=dst, type=0x88b5), ['b', 'server'])
    hear('c', Ether(src=mac(3), dst=dst, type=0x88b5), ['server'])
    hear('guest1', Ether(src=mac(4), dst=dst, type=0x88b5), ['server'])
    hear('guest2', Ether(src=mac(5), dst=dst) / Dot1Q(vlan=10, type=0x88b5), [])
    hear('server', Ether(src=mac(6), dst=dst) / Dot1Q(vlan=30, type=0x88b5), ['guest1', 'guest2'])
    hear('server', Ether(src=mac(6), dst=dst) / Dot1Q(vlan=40, type=0x88b5), [])
    hear('server', Ether(src=mac(6), dst=dst, type=0x88b5), [])
heard = {name: w[name].collect(1 if name == 'a' else 0.1) for name in w}
for mark, who, what in cases:
    hearers = {name for name in w if any(mark in frame for frame in heard[name])}
    assert hearers == who, f'{what}: heard by {hearers}, not {who}'
PY
expect_eq "$(dropped switch_input_tagged guest2) $(dropped switch_input_vlan server) $(dropped switch_input_untagged server)" \
	"3 3 3" "drops of forged tags"
