#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A port that loses its link forgets its stations, others do not notice; with the link traffic comes back.
. "$(dirname "$0")/../lib/smoke.sh"

for n in 1 2 3; do host h$n p$n 10.0.0.$n/24; done
leatd_start - <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, p3 = { device = "p3" } },
	switches = { s = { ports = { p1 = { access = 10 }, p2 = { access = 10 }, p3 = { access = 10 } } } } }'
links_up
bg events "$LEAT" -r "$RUN" events --json port.link
state() { # PORT STATE: is it, or will it be soon?
	wait_until "[ \"\$(leat_json '.[0].state' ports $1)\" = $2 ]" 10
}

expect "in_ns h1 ping -c 2 -i 0.1 -W 5 10.0.0.2"
wait_until '[ -n "$(stations port=p2)" ]' 5
stream_start h1 h3 500
for round in 1 2 3; do
	ip -n "$TAG-h2" link set eth0 down
	state p2 down
	wait_until '[ -z "$(stations port=p2)" ]' 5
	refuse "in_ns h1 ping -c 2 -i 0.1 -W 1 10.0.0.2" "round $round: no link"
	[ -n "$(stations port=p1)" ] && [ -n "$(stations port=p3)" ] || fail "other ports have forgotten: $(stations)"
	ip -n "$TAG-h2" link set eth0 up
	state p2 up
	ip -n "$TAG-h2" route replace 10.0.0.0/24 dev eth0
	expect "in_ns h1 ping -c 3 -i 0.2 -W 5 10.0.0.2" "round $round: traffic returns"
done
stream_stop
expect_eq "$(jq -c '[.lost, .duplicated]' <<<"$stream")" '[0,0]' "frames of others, lost or doubled"
wait_until "[ \"\$(jq -r '.data | select(.port == \"p2\") | .up' '$T/events.log' | xargs)\" = 'false true false true false true' ]" 5
expect_eq "$(jq -r .data.port "$T/events.log" | sort -u)" p2 "ports with an event"

# The same by configuration.
leat set ports.p2.enabled false
state p2 disabled
wait_until '[ -z "$(stations port=p2)" ]' 5
refuse "in_ns h1 ping -c 2 -i 0.1 -W 1 10.0.0.2" "a disabled port"
leat unset ports.p2.enabled
state p2 up
expect "in_ns h1 ping -c 3 -i 0.2 -W 5 10.0.0.2" "enabled again"
