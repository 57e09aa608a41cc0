#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two leatd back to back over a bond of two cables, by LACP and without it: both cables carry, the traffic outlives
# either of them, and an end that dies without a word. (Where the kernel has no bonding, no other peer is at hand.)
. "$(dirname "$0")/../lib/smoke.sh"

link daemon u0 peer u0
link daemon u1 peer u1
host h1 p1
on_peer host h2 p1
both() { "$@" && on_peer "$@"; }
config() {
	cat <<-END
		return { ports = { p1 = { device = "p1" }, up = { bond = { $1, members = { "u0", "u1" } } } },
		  switches = { s = { ports = { p1 = {}, up = {} } } } }
	END
}
mode() { config "$1" >"$T/new.lua" && both leat apply "$T/new.lua" >/dev/null; }
in_use() { wait_until "[ \"\$(both leat_json '.[] | select(.name == \"up\").peer' ports | uniq)\" = '$1' ]" 20; }
cable() { ip -n "$TAG-$1" link set dev "$2" "$3"; } # NS CABLE up|down: one end of it
received() { in_ns peer cat /sys/class/net/{u0,u1}/statistics/rx_packets; }
expect_spread() { # u0|u1|both: 64 flows each way arrive, each frame once, and the far end gets them by these cables
	local before n
	before=$(received)
	frames <<-'PY'
		h = [wire('h1'), wire('h2')]
		for i in 0, 1:
		    flows = [bytes(Ether(src=mac(i), dst=mac(1 - i)) / IP(src=f'10.0.{n}.{i}', dst=f'10.1.{n}.{i}') /
		             UDP(sport=n, dport=9) / Raw(bytes(18))) for n in range(64)]
		    for flow in flows:
		        h[i].send(flow, 3)
		    got, end = [], time.monotonic() + 5 * SLOW
		    while len(got) < 192 and time.monotonic() < end:
		        got += h[1 - i].collect(0.2, lambda frame: frame in flows)
		    sys.exit(f'{len(got)} of 192 frames from h{i + 1}') if sorted(got) != sorted(flows * 3) else None
	PY
	n=$(paste -d ' ' <(echo "$before") <(received) | awk '{ n[NR] = $2 - $1 } # LACPDUs are a few more
		END { print(n[2] < 25 ? "u0" : n[1] < 25 ? "u1" : n[1] < 50 || n[2] < 50 ? n[1] ":" n[2] : "both") }')
	expect_eq "$n" "$1" "cables that carried"
}

leatd_start - --memory 128 < <(config 'mode = "lacp", fast = true')
on_peer leatd_start - --memory 128 < <(config 'mode = "lacp"')
in_use 'u0 u1'
expect_spread both
stream_start h1 h2 1000
cable peer u0 down && in_use u1
cable peer u0 up && in_use 'u0 u1'
cable daemon u1 down && in_use u0
stream_stop
[ "$(jq .lost <<<"$stream")" -lt $((1000 * ${LEAT_SLOW:-1})) ] || fail "the traffic stood still"
on_peer leatd_kill
on_peer leatd_start --memory 128
cable daemon u1 up && in_use 'u0 u1'

mode 'mode = "balance-xor"' && in_use 'u0 u1'
expect_spread both
mode 'mode = "active-backup", primary = "u1"' && in_use u1
expect_spread u1
cable peer u1 down && in_use u0
expect_spread u0
cable peer u1 up && in_use u1
