#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Fragments of real hosts: to the router itself, through it as they are, and through it put together and cut again; with several workers.
. "$(dirname "$0")/../lib/smoke.sh"

host a pa 10.1.0.9/24 2001:db8:1::9/64
host b pb 10.2.0.9/24 2001:db8:2::9/64
ip -n "$TAG-a" route add default via 10.1.0.1
ip -n "$TAG-b" route add default via 10.2.0.1
ip -6 -n "$TAG-a" route add default via 2001:db8:1::1
ip -6 -n "$TAG-b" route add default via 2001:db8:2::1
leatd_start - <<<'return { system = { workers = 2 }, ports = { pa = { device = "pa" }, pb = { device = "pb" } },
	routers = { r = { interfaces = {
		a = { port = "pa", addresses = { "10.1.0.1/24", "2001:db8:1::1/64" } },
		b = { port = "pb", addresses = { "10.2.0.1/24", "2001:db8:2::1/64" } } } } } }'
links_up
ask() { in_ns a ping -q -c 2 -i 0.1 -W 5 -s "$2" "$1"; }
packets() { leat_json '[.[] | select(.node == "'"$1"'") | .packets] | add // 0' nodes; }

for size in 100 4000 20000; do
	expect "ask 10.1.0.1 $size" "the router, $size bytes"
	expect "ask 2001:db8:1::1 $size"
	expect "ask 10.2.0.9 $size" "the other side, $size bytes"
	expect "ask 2001:db8:2::9 $size"
done
expect_eq "$(packets ip_reass)" 0 "nothing on the way is put together"
leat set routers.r.interfaces.a.reassemble true
leat set routers.r.interfaces.b.reassemble true
dump frags b 'ip[6:2] & 0x3fff != 0 or ip6[6] = 44'
for size in 100 4000 20000; do
	expect "ask 10.2.0.9 $size" "put together, $size bytes"
	expect "ask 2001:db8:2::9 $size"
done
expect "[ $(packets ip_reass) -gt 40 ]"
expect "[ $(packets ip_refrag) -gt 0 ]"
wait_until "[ \$(grep -c 'length 1514' '$T/frags.log') -ge 40 ]"
refuse "grep -q 'length 1[6-9][0-9][0-9]' '$T/frags.log'" "longer than the link"
# What is too much for one source is refused by name.
frames <<'PY'
a = wire('a')
import subprocess
router = subprocess.check_output(['ip', 'netns', 'exec', sys.argv[1] + '-a', 'ip', 'neigh', 'show', '10.1.0.1'], text=True).split()
at = router[router.index('lladdr') + 1]
for n in range(80):
    a.send(Ether(src=mac(1), dst=at) / IP(src='10.1.0.77', dst='10.2.0.9', id=n, flags='MF', proto=17) / Raw(bytes(64)))
PY
wait_until "[ \$(dropped ip_reass_source) = 16 ]"
