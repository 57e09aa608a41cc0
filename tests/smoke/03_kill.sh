#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 300
# SIGKILL at random instants, until 100 of them hit an apply before its answer: the daemon always starts again, with every
# revision that was acknowledged, and never with half of one.
. "$(dirname "$0")/../lib/smoke.sh"

kills=${KILLS:-100}
config() { # N: each part of the file carries the number
	echo "return { switches = { s = { ageing = $1 }, t = { ageing = $1 } } }"
}
running() { leat show config --json | jq -r '[.switches.s.ageing, .switches.t.ageing] | map(tostring) | unique | join(" ")'; }

config 100 >"$T/config.lua"
leatd_start "$T/config.lua" --memory 64
# Instants spread evenly over what an apply takes, less what `sleep` itself takes to start; the same in every run.
RANDOM=1
before=$(now_ms)
for n in $(seq 101 110); do
	config "$n" >"$T/config.lua"
	leat apply "$T/config.lua" >/dev/null
done
span_us=$((($(now_ms) - before) * 28))
acknowledged=110 ahead=0 cut=0
for round in $(seq $((kills * 4))); do
	[ "$cut" -lt "$kills" ] || break
	try=$((110 + round))
	config "$try" >"$T/config.lua"
	leat apply "$T/config.lua" >/dev/null 2>&1 &
	client=$!
	sleep "$(printf '0.%06d' $((RANDOM * span_us / 32768)))"
	leatd_kill
	if wait $client; then acknowledged=$try; else cut=$((cut + 1)); fi
	leatd_start '' --memory 64
	now=$(running | sed 's/[^0-9 ]//g')
	case $now in
	"$acknowledged") ;;
	"$try") ahead=$((ahead + 1)) acknowledged=$try ;;
	*) fail "round $round: runs '$now'; acknowledged was $acknowledged, tried was $try" ;;
	esac
done
leatd_stop
say "$((round - 1)) kills: $cut before the answer, of these $ahead after the revision was on disk; none was lost"
[ "$cut" -ge "$kills" ] || fail "only $cut kills hit an apply"
