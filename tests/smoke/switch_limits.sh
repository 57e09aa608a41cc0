#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A port's limit refuses newcomers, the switch's limit makes the port with most stations pay; both are told, and
# frames of stations that are not learnt pass nevertheless.
. "$(dirname "$0")/../lib/smoke.sh"

for n in 1 2 3; do host h$n p$n; done
leatd_start - <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, p3 = { device = "p3" } },
	switches = { s = { mac_limit = 64, ports = { p1 = { mac_limit = 8 }, p2 = {}, p3 = {} } } } }'
links_up
bg events "$LEAT" -r "$RUN" events --json switch.fdb-full
speak() { # HOST FIRST LAST: stations with these numbers speak there
	frames <<-PY
	w, sink = wire('$1'), wire('h3' if '$1' != 'h3' else 'h1')
	for n in range($2, $3 + 1):
	    w.send(Ether(src=mac(n), dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / Raw(bytes(60)))
	sink.expect(Ether(src=mac($3), dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / Raw(bytes(60)), seconds=5)
	PY
}
count() { stations "$@" | wc -l; }
told() { # LIMIT PORT
	wait_until "jq -e 'select(.data.limit == \"$1\" and .data.port == \"$2\")' '$T/events.log'" 5
}

# The port's own limit: the first eight stay.
speak h1 1 50
wait_until '[ "$(leat_json ".[0].refused_port" switches)" = 42 ]' 5
expect_eq "$(stations | awk '{ print $1, $3 }' | xargs)" "$(printf 'p1 02:00:5e:00:00:%02x ' 1 2 3 4 5 6 7 8 | xargs)" "stations of p1"
told port p1
expect_eq "$(leat_json '.[] | select(.port == "p1") | .stations' switchports)" 8 "stations as switchports shows them"

# The switch's: p2 has most and pays, oldest first; p1 and p3 keep theirs.
speak h3 301 304
wait_until '[ "$(count port=p3)" = 4 ]' 5
speak h2 401 600
wait_until '[ "$(leat_json ".[0].evicted" switches)" = 148 ]' 5
expect_eq "$(count) $(count port=p1) $(count port=p3) $(count port=p2)" "64 8 4 52" "stations of all, p1, p3, p2"
expect_eq "$(stations port=p2 mac=02:00:5e:00:02:58)" "p2 1 02:00:5e:00:02:58 dynamic" "the newest"
# The switch tells of a full table once in 10 s, and has just told of p1.
[ "$(jq -s length "$T/events.log")" -le 10 ] || fail "too many events: $(cat "$T/events.log")"

# Limits that change at run time.
leat set switches.s.mac_limit 32
expect_eq "$(count) $(count port=p1) $(count port=p3)" "32 8 4" "stations of all, p1, p3 after a lower limit"
leat set switches.s.ports.p1.mac_limit 2
expect_eq "$(count port=p1)" 2 "stations of p1 after a lower limit"
leat unset switches.s.ports.p1.mac_limit
leat set switches.s.mac_limit 1000
speak h1 1 50
wait_until '[ "$(count port=p1)" = 50 ]' 5
status=0
text=$(leat set switches.s.mac_limit 0 2>&1) || status=$?
expect_eq "$status" 1 "exit status of a limit of 0"
grep -q 'switches\.s\.mac_limit.*1\.\.' <<<"$text" || fail "the message does not name path and range: $text"
