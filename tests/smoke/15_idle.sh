#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: alone
# Without packets, leatd over four AF_XDP ports takes less than a tenth of a CPU, and is there at once for the first one.
. "$(dirname "$0")/../lib/smoke.sh"

for i in 1 2 3 4; do host "h$i" "p$i" "10.0.0.$i/24"; done
leatd_start - <<'LUA'
local ports, members = {}, {}
for i = 1, 4 do ports["p" .. i], members["p" .. i] = { device = "p" .. i }, {} end
return { system = { idle = "adaptive" }, ports = ports, switches = { s = { ports = members } } }
LUA
links_up
expect "in_ns h1 ping -c 3 -i 0.2 -W 5 10.0.0.2"

# Time on a CPU, not time on the wall: whatever else the machine does is not in it.
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) * 1000 / hz }' "/proc/$leatd_pid/stat"; }
idle_share() { # SECONDS: percent of one CPU over so long
	local from cpu
	from=$(now_ms) cpu=$(cpu_ms)
	wait_until "[ \$(now_ms) -ge $((from + $1 * 1000)) ]" $(($1 * 3))
	awk -v cpu="$(($(cpu_ms) - cpu))" -v wall="$(($(now_ms) - from))" 'BEGIN { printf "%.1f", cpu * 100 / wall }'
}

share=$(idle_share 5)
say "$share % of one CPU over 5 s"
awk -v share="$share" 'BEGIN { exit !(share < 10) }' || fail "idle leatd takes $share % of a CPU"
# A machine under load lets it sleep longer than it asked for, so the time is not judged; that none is lost is.
expect "in_ns h3 ping -c 1 -W 5 10.0.0.4" "the first packet after 5 s without any"
expect "leat show workers --json | jq -e 'all(.state == \"idle\" or .state == \"running\")'"

leat set system.idle busy >/dev/null
busy=$(idle_share 2)
say "$busy % when it never sleeps"
awk -v busy="$busy" -v idle="$share" 'BEGIN { exit !(busy > 2 * idle) }' || fail "busy takes $busy %: does the measurement see anything?"
