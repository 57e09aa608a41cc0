#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A station that moves is followed; one that moves too often is held; a static one is not to be moved at all.
. "$(dirname "$0")/../lib/smoke.sh"

for n in 1 2 3; do host h$n p$n; done
leatd_start - <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, p3 = { device = "p3" } },
	switches = { s = { move_limit = 5, move_window = "1h", move_hold = "1h", ports = { p1 = {}, p2 = {}, p3 = {} },
	static = { ["02:00:5e:00:00:99"] = { port = "p1", vlan = 1 } } } } }'
links_up
bg events "$LEAT" -r "$RUN" events --json switch.
speak() { # NUMBER HOST: station NUMBER speaks there
	frames <<<"wire('$2').send(Ether(src=mac($1), dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / Raw(bytes(60)))"
}
heard_by() { # NUMBER: which of h1 and h2 hear a frame of h3 to station NUMBER?
	frames <<-PY
	a, b, c = wire('h1'), wire('h2'), wire('h3')
	frame = bytes(Ether(src=mac(3), dst=mac($1), type=0x88b5) / Raw(os.urandom(60)))
	c.send(frame)
	got = [name for name, w, s in (('h1', a, 0.5), ('h2', b, 0.1)) if frame in w.collect(s)]
	print(' '.join(got))
	PY
}
on() { # NUMBER PORT: the station is there, now or soon
	wait_until "stations mac=02:00:5e:00:00:0$1 | grep -q '^$2 '" 5
}

speak 1 h1 && on 1 p1
expect_eq "$(heard_by 1)" h1 "before the move"
speak 1 h2 && on 1 p2
expect_eq "$(heard_by 1)" h2 "after the move"
told() { # FROM TO HELD: an event says so
	wait_until "jq -e '.data | select(.mac == \"02:00:5e:00:00:01\" and .from == \"$1\" and .to == \"$2\" and .held == $3)' '$T/events.log'" 5
}
told p1 p2 false

# Four more moves are allowed within the window; the next one is one too many.
for host in h1 h2 h1 h2; do speak 1 $host && on 1 p${host#h}; done
speak 1 h1
wait_until "leat_json '.[] | select(.held) | .mac' fdb | grep -q 02:00:5e:00:00:01" 5
expect_eq "$(stations mac=02:00:5e:00:00:01)" "p2 1 02:00:5e:00:00:01 dynamic" "held where it was"
told p2 p1 true
speak 1 h1
wait_until '[ "$(leat_json ".[0].refused_held" switches)" -ge 1 ]' 5
expect_eq "$(heard_by 1)" h2 "while it is held"
expect_eq "$(leat_json '.[0].moved' switches)" 5 "moves counted"
leat flush fdb mac=02:00:5e:00:00:01
speak 1 h1 && on 1 p1

# Static: not moved by a forger, whose frames go nowhere, and not flushed.
speak 153 h2
wait_until '[ "$(dropped switch_input_pinned p2)" = 1 ]' 5
leat flush fdb
expect_eq "$(stations)" "p1 1 02:00:5e:00:00:99 static" "stations after a flush"
expect_eq "$(heard_by 153)" h1 "frames to the static station"
leat set switches.s.static '{"02:00:5e:00:00:98":[{"port":"p2","vlan":1}]}'
expect_eq "$(stations type=static)" "p2 1 02:00:5e:00:00:98 static" "static stations after a change"
expect_eq "$(heard_by 152) $(heard_by 153)" "h2 h1 h2" "frames to the new one, and to the one that is unknown now"
