#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A frame to a station that nobody knows goes everywhere, once; after that only to the station's port, until the
# station is flushed or was silent for the ageing time.
. "$(dirname "$0")/../lib/smoke.sh"

for n in 1 2 3; do host h$n p$n 10.0.0.$n/24; done
leatd_start - <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, p3 = { device = "p3" } },
	switches = { s = { ports = { p1 = { access = 10 }, p2 = { access = 10 }, p3 = { access = 10 } } } } }'
links_up

# One frame of station 1 on h1 to station 2: how many copies do h1, h2 and h3 get?
copies() {
	frames <<-'PY'
	a, rest = wire('h1'), [wire('h1'), wire('h2'), wire('h3')]
	frame = Ether(src=mac(1), dst=mac(2), type=0x88b5) / Raw(os.urandom(60))
	a.send(frame)
	rest[1].expect(frame, seconds=5)
	rest[1].expect_none(frame)
	print(0, 1, len(rest[2].collect(0.01, bytes(frame).__eq__)))
	PY
}
answer() { # station 2 speaks on h2
	frames <<<"wire('h2').send(Ether(src=mac(2), dst=mac(1), type=0x88b5) / Raw(bytes(60)))"
}

expect_eq "$(copies)" "0 1 1" "copies to an unknown station"
wait_until '[ "$(stations)" = "p1 10 02:00:5e:00:00:01 dynamic" ]' 5
answer
wait_until '[ "$(stations port=p2)" = "p2 10 02:00:5e:00:00:02 dynamic" ]' 5
expect_eq "$(copies)" "0 1 0" "copies to a known station"

# Real stations: a third hears that they look for each other, and nothing of what they say.
expect "in_ns h1 ping -c 3 -i 0.1 -W 5 10.0.0.2"
wait_until '[ "$(stations | wc -l)" = 4 ]' 5
dump third h3
expect "in_ns h1 ping -c 20 -i 0.02 -W 2 10.0.0.2"
frames <<<"wire('h1').send(Ether(src=mac(1), dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / Raw(b'the end' + bytes(60)))"
wait_until "grep -q 0x88b5 '$T/third.log'" 5
refuse "grep ICMP '$T/third.log'" "what others say to each other"

expect_eq "$(leat flush fdb mac=02:00:5e:00:00:02 --json | jq .flushed)" 1 "stations flushed"
expect_eq "$(copies)" "0 1 1" "copies to a station that was flushed"
answer
wait_until '[ -n "$(stations mac=02:00:5e:00:00:02)" ]' 5
leat flush fdb switch=s
expect_eq "$(stations)" "" "stations after flushing all"

# A port that does not learn; and a station that falls silent.
leat set switches.s.ports.p2.learning false
answer
expect_eq "$(copies)" "0 1 1" "copies to a station on a port that does not learn"
leat set switches.s.ageing 1s
wait_until '[ -z "$(stations)" ]' 10
# At least that one: the kernels of h1 and h2 may have asked for each other once more meanwhile.
expect "leat show switches --json | jq -e '.[0].aged >= 1'" "stations aged are counted"
