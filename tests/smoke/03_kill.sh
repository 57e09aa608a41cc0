#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: alone
# smoke: timeout 600
# SIGKILL at random instants, until 100 of them hit an apply before its answer: the daemon always starts again, with every
# revision that was acknowledged, and never with half of one. Some daemons side by side: a start waits more than it works.
. "$(dirname "$0")/../lib/smoke.sh"

kills=${KILLS:-100} lanes=4
config() { # N: each part of the file carries the number
	echo "return { switches = { s = { ageing = $1 }, t = { ageing = $1 } } }" >"$STATE.lua"
}
running() { leat show config --json | jq -r '[.switches.s.ageing, .switches.t.ageing] | map(tostring) | unique | join(" ")'; }

# Instants spread evenly over what an apply takes; a busy machine changes that, and the lane follows.
span_us() {
	local n before
	before=$(now_ms)
	for n in $(seq 101 110); do
		config "$n"
		leat apply "$STATE.lua" >/dev/null
	done
	echo $((($(now_ms) - before) * 80))
}

lane() { # SEED CUTS: kills until CUTS of them came before the answer
	T=$T/$1 RANDOM=$1
	RUN=$T/run STATE=$T/state
	local span acknowledged=110 ahead=0 cut=0 round=0 try now client
	mkdir "$T"
	config 100
	leatd_start "$STATE.lua" --memory 64
	span=$(span_us)
	while [ "$cut" -lt "$2" ]; do
		round=$((round + 1)) try=$((111 + round))
		[ $round -le $(($2 * 4)) ] || fail "only $cut of $((round - 1)) kills hit an apply"
		config "$try"
		leat apply "$STATE.lua" >/dev/null 2>&1 &
		client=$!
		pause $((RANDOM * span / 32768))
		leatd_kill
		if wait $client; then acknowledged=$try span=$((span * 3 / 4)); else cut=$((cut + 1)) span=$((span * 21 / 20)); fi
		leatd_start '' --memory 64
		now=$(running)
		case $now in
		"$acknowledged") ;;
		"$try") ahead=$((ahead + 1)) acknowledged=$try ;;
		*) fail "lane $1, round $round: runs '$now'; acknowledged was $acknowledged, tried was $try" ;;
		esac
	done
	leatd_stop
	say "$round kills: $cut before the answer, of these $ahead after the revision was on disk; none was lost"
}

ns_add daemon
pids=()
for seed in $(seq $lanes); do
	lane "$seed" $(((kills + lanes - 1) / lanes)) &
	pids+=($!) smoke_bg+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "a lane failed"; done
