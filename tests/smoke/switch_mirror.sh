#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A mirror shows both directions of a port, or one, with a tag of its own if asked; and nothing of other ports.
. "$(dirname "$0")/../lib/smoke.sh"

for n in 1 2 3; do host h$n p$n 10.0.0.$n/24; done
host watcher watch
leatd_start - <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, p3 = { device = "p3" }, watch = { device = "watch" } },
	switches = { s = { ports = { p1 = { access = 10 }, p2 = { access = 10 }, p3 = { access = 10 } },
	mirror = { m = { from = { "p1" }, to = "watch" } } } } }'
links_up
for pair in "h1 10.0.0.2" "h2 10.0.0.3"; do expect "in_ns ${pair% *} ping -c 3 -i 0.1 -W 5 ${pair#* }"; done

# Pings while the mirror is watched; the last frame through p1 says when the watcher has seen all of it.
watch() { # NAME
	dump "$1" watcher
	expect "in_ns h1 ping -c 5 -i 0.05 -W 2 10.0.0.2"
	expect "in_ns h2 ping -c 5 -i 0.05 -W 2 10.0.0.3"
	frames <<<"wire('h1').send(Ether(src=mac(1), dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / Raw(bytes(60)))
wire('h2').send(Ether(src=mac(2), dst='ff:ff:ff:ff:ff:ff', type=0x88b6) / Raw(bytes(60)))"
	wait_until "grep -qE '0x88b[56]' '$T/$1.log'" 5
}
seen() { # NAME PATTERN
	grep -c "$2" "$T/$1.log" || true
}

watch both
wait_until "[ \"\$(seen both 'echo request') \$(seen both 'echo reply')\" = '5 5' ]" 5
expect_eq "$(seen both '> 10.0.0.3: ICMP')" 0 "frames of a port that is not watched"
leat set switches.s.mirror.m.direction rx
watch rx
wait_until "[ \"\$(seen rx 'echo request') \$(seen rx 0x88b5)\" = '5 1' ]" 5
expect_eq "$(seen rx 'echo reply') $(seen rx 0x88b6)" "0 0" "frames out of the port, mirrored rx only"
leat set switches.s.mirror.m.direction tx
leat set switches.s.mirror.m.vlan 900
watch tx
wait_until "[ \$(seen tx 'vlan 900.*echo reply') = 5 ]" 5
expect_eq "$(seen tx 'echo request') $(seen tx 0x88b5)" "0 0" "frames into the port, mirrored tx only"
leat unset switches.s.mirror.m.vlan

# Copies are whole and unchanged; what the watcher says goes nowhere.
frames <<'PY'
a, b, watcher = wire('h1'), wire('h2'), wire('watcher')
frame = Ether(src=mac(2), dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / Raw(os.urandom(1400))
b.send(frame)
watcher.expect(frame, seconds=5)
watcher.send(Ether(src=mac(9), dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / Raw(b'forged' + bytes(60)))
a.expect_none(lambda got: b'forged' in got)
PY
leat unset switches.s.mirror.m.direction
expect_eq "$(leat_json '.[] | select(.port == "p1") | .mirrored > 15 and .mirror_failed == 0' switchports)" true "mirrored"
