#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 240
# Routes from files (LEAT_ROUTES, default 50,000 of IPv4 and a fifth of that of IPv6; LEAT_ROUTES=1000000 for a full table): one commit, and leatd answers and
# forwards meanwhile; mistakes are named by file and line; other files take their place; a restart needs no file; limits.
. "$(dirname "$0")/../lib/smoke.sh"
n4=${LEAT_ROUTES:-50000} n6=$((${LEAT_ROUTES:-50000} / 5))
host a pa 10.1.0.9/24 2001:db8:1::9/64
host b pb 10.2.0.9/24 2001:db8:2::9/64
in_ns b sysctl -qw net.ipv6.conf.all.disable_ipv6=0
ip -n "$TAG-a" route add default via 10.1.0.1
ip -6 -n "$TAG-a" route add default via 2001:db8:1::1
ip -n "$TAG-b" route add default via 10.2.0.1
ip -6 -n "$TAG-b" route add default via 2001:db8:2::1
ip -n "$TAG-b" route add local 16.0.0.0/4 dev lo
ip -6 -n "$TAG-b" route add local 2a00::/16 dev lo
/usr/bin/python3 - "$n4" "$n6" "$T" <<'PY'
import sys
n4, n6, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
with open(folder + '/full4.txt', 'w') as out:
    print('# a table', file=out)
    for i in range(n4):
        print(f'{16 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24 via 10.2.0.9 dev b proto bgp metric {20 + i % 50}', file=out)
with open(folder + '/full6.txt', 'w') as out:
    for i in range(n6):
        print(f'2a00:{i >> 16:x}:{i & 65535:x}::/48 via 2001:db8:2::9 dev b proto bgp metric 20 pref medium', file=out)
PY
config() { # LIMIT FILES
	echo "return { ports = { pa = { device = 'pa' }, pb = { device = 'pb' } }, routers = { r = { limits = { routes4 = $1, routes6 = $((n6 + 300)) },
		interfaces = { a = { port = 'pa', addresses = { '10.1.0.1/24', '2001:db8:1::1/64' } },
			b = { port = 'pb', addresses = { '10.2.0.1/24', '2001:db8:2::1/64' } } }, route_files = { $2 } } } }"
}
config $((n4 + 300)) "" >"$T/none.lua"
config $((n4 + 300)) "'$T/full4.txt', '$T/full6.txt'" >"$T/full.lua"
leatd_start "$T/none.lua"
links_up
count() { leat_json '.[0] | "\(.routes4) \(.routes6)"' sources source=file; }
loads() { grep -c 'routes of files loaded' "$leatd_log" || true; }

# One commit; pings and questions go on.
expect "in_ns a ping -q -c 1 -W 5 10.2.0.9"
bg ping ip netns exec "$TAG-a" ping -q -i 0.01 -w $((3 + n4 / 100000)) 10.2.0.9
leat apply "$T/full.lua" >/dev/null
slowest=0
for ((done = 0; !done; )); do
	start=$(now_ms)
	[ "$(count)" = "$n4 $n6" ] && [ "$(loads)" = 1 ] && done=1
	took=$(($(now_ms) - start))
	[ $took -le $slowest ] || slowest=$took
	[ $took -lt 5000 ] || fail "leatd took $took ms to answer"
done
wait "$!" || true
say "$(grep -o 'msg="config applied" revision=2.*' "$leatd_log"); $(grep -o 'msg="routes of files.*' "$leatd_log"); slowest answer $slowest ms"
say "pings meanwhile: $(grep -o '[0-9.]*% packet loss' "$T/ping.log")"
for to in 16.0.0.1 2a00:: $((16 + (n4 - 1) / 65536)).$(((n4 - 1) / 256 % 256)).$(((n4 - 1) % 256)).9; do expect "in_ns a ping -q -c 2 -W 5 $to"; done
expect_eq "$(leat_json '.[0] | "\(.prefix) \(.source) \(.via)"' routes 16.0.1.77)" "16.0.1.0/24 file 10.2.0.9 b" "the route of an address"
expect_eq "$(leat_json length routes source=file limit=7)" 7 limited
# Another change does not touch them.
leat set routers.r.interfaces.a.mtu 1400 >/dev/null
leat unset routers.r.interfaces.a.mtu >/dev/null
expect_eq "$(loads)" 1 "loads"

# Mistakes, by file and line; nothing has changed.
mistake() { # TEXT WANTED
	printf '%b' "$1" >"$T/wrong.txt"
	config $((n4 + 300)) "'$T/wrong.txt'" >"$T/wrong.lua"
	refuse "leat apply $T/wrong.lua"
	expect "(leat apply $T/wrong.lua 2>&1 || true) | grep -q '$2'"
}
mistake '10.9.0.0/16 via 10.2.0.9\n10.9.0.1/16 via 10.2.0.9\n' 'wrong.txt:2: the address has bits'
mistake '\n\n10.9.0.0/16 via 10.77.0.9\n' 'wrong.txt:3: .*10.77.0.9 is on no subnet'
mistake '10.9.0.0/16 via 10.2.0.9 to nowhere\n' 'wrong.txt:1: an unknown word'
config $((n4 - 1)) "'$T/full4.txt', '$T/full6.txt'" >"$T/small.lua"
expect "(leat apply $T/small.lua 2>&1 || true) | grep -q 'limits.routes4: $((n4 - 1)) is too small for the'"
expect_eq "$(count)" "$n4 $n6" "nothing has changed"

# Another file in its place: what it has not goes, what both have stays.
sed -n '1,11s/10.2.0.9 dev b/10.1.0.9 dev a/p' "$T/full4.txt" >"$T/few.txt"
config $((n4 + 300)) "'$T/few.txt'" >"$T/few.lua"
leat apply "$T/few.lua" >/dev/null
wait_until "[ \"\$(count)\" = '10 0' ] && [ \"\$(loads)\" = 2 ]" 60
expect_eq "$(leat_json '.[0].via' routes 16.0.1.77)" "10.1.0.9 a" "the next hop of the other file"
# Back, and a restart, without the files.
rm "$T"/*.txt
leat rollback >/dev/null
wait_until "[ \"\$(count)\" = '$n4 $n6' ]" 60
leatd_kill
leatd_start
wait_until "[ \"\$(count)\" = '$n4 $n6' ]" 60
