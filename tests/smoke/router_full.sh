#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 300
# As many routes as a BGP peer has (LEAT_ROUTES, default 40,000 of IPv4 and a fifth of that of IPv6; LEAT_ROUTES=1000000 for the Internet's): learned by FRR,
# withdrawn, learned again, while leatd answers and forwards; more changes than a socket holds; a fault in the forwarding table.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/routing.sh"
n4=${LEAT_ROUTES:-40000} n6=$((${LEAT_ROUTES:-40000} / 5))
patience=$((60 + n4 / 2500))

host isp p1 192.0.2.1/24 2001:db8:1::1/64
host pc lan 10.0.0.9/24 2001:db8:a::9/64
ns_add edge
for ns in edge isp; do in_ns $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0; done
ip -n "$TAG-pc" route add default via 10.0.0.1
ip -6 -n "$TAG-pc" route add default via 2001:db8:a::1
ip -n "$TAG-isp" route add 10.0.0.0/24 via 192.0.2.2
ip -6 -n "$TAG-isp" route add 2001:db8:a::/64 via 2001:db8:1::2
ip -n "$TAG-isp" route add local 16.0.0.0/4 dev lo # any address there answers
ip -6 -n "$TAG-isp" route add local 2a00::/16 dev lo
twin="twin = { namespace = '$TAG-edge' }"
leatd_start - --plugin "$BUILD/tests/damage/damage.so" <<<"return { ports = { p1 = { device = 'p1' }, lan = { device = 'lan' } },
	routers = { r = { limits = { routes4 = $((n4 * 2)), routes6 = $((n6 * 2)) }, interfaces = {
		wan = { port = 'p1', addresses = { '192.0.2.2/24', '2001:db8:1::2/64' }, $twin },
		lan = { port = 'lan', addresses = { '10.0.0.1/24', '2001:db8:a::1/64' }, $twin } } } } }"
links_up
bgp_start isp --listen 192.0.2.1 --as 65001 --next-hop 192.0.2.1 --next-hop6 2001:db8:1::1 --routes4 "$n4" --routes6 "$n6"
wait_until "grep -q ready '$T/isp-bgp.log'" 30
frr_start edge bgpd <<'END'
router bgp 65000
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 neighbor 192.0.2.1 remote-as 65001
 neighbor 192.0.2.1 timers connect 1
 address-family ipv6 unicast
  neighbor 192.0.2.1 activate
 exit-address-family
END
count() { leat_json '.[0] | "\(.routes4) \(.routes6)"' sources source=kernel; }
for family in ipv4Unicast ipv6Unicast; do
	wait_until "vty edge show bgp summary json | jq -e '.$family.peers[\"192.0.2.1\"].state == \"Established\"'" 60
done
quiet=$(count)
full="$((${quiet% *} + n4)) $((${quiet#* } + n6))"
last4=$((n4 - 1))
last4=$((16 + last4 / 65536)).$((last4 / 256 % 256)).$((last4 % 256)).9
last6=$(printf '2a00:%x:%x::9' $(((n6 - 1) / 65536)) $(((n6 - 1) % 65536)))
reach() { for to in 16.0.0.9 2a00:0:0::9 "$last4" "$last6"; do wait_until "in_ns pc ping -q -c 1 -W 1 $to" 20; done; }
timed() { # WHAT COMMAND WANTED: how long until so many are there, and how long leatd took to answer meanwhile
	local start worst=0 before now
	start=$(now_ms)
	bgp isp "$2"
	until before=$(now_ms); [ "$(count)" = "$3" ]; do
		now=$(now_ms)
		[ $((now - before)) -le $worst ] || worst=$((now - before))
		[ $((now - start)) -lt $((patience * 1000)) ] || fail "$1: $(count), want $3"
	done
	say "$1 $n4 + $n6 routes in $(($(now_ms) - start)) ms; slowest answer meanwhile: $worst ms"
}
timed learned announce "$full"
reach
timed withdrawn withdraw "$quiet"
timed 'learned again' announce "$full"
reach

# More news than the socket holds while leatd does not read: it notices, and has it right afterwards.
overruns() { leat_json '.[0].overruns' netlink; }
ip -n "$TAG-edge" route add 198.18.0.1/32 via 192.0.2.1 proto static
wait_until "[ \"\$(leat_json length routes prefix=198.18.0.1/32)\" = 1 ]"
python3 - >"$T/batch" <<'END'
for i in range(100000):
    print(f'route add 40.{i >> 16}.{i >> 8 & 255}.{i & 255}/32 via 192.0.2.1 proto static')
END
kill -STOP "$leatd_pid"
ip -n "$TAG-edge" -batch "$T/batch"
sed -i 's/ add / del /' "$T/batch"
ip -n "$TAG-edge" -batch "$T/batch"
ip -n "$TAG-edge" route replace 198.18.0.1/32 via 10.0.0.9 proto static
ip -n "$TAG-edge" route add 198.18.0.2/32 via 192.0.2.1 proto static
kill -CONT "$leatd_pid"
wait_until "[ \"\$(overruns)\" -gt 0 ]" 30
wait_until "leat_json '.[0].via' routes prefix=198.18.0.1/32 | grep -q 10.0.0.9" "$patience"
wait_until "[ \"\$(leat_json length routes prefix=198.18.0.2/32)\" = 1 ]" "$patience"
expect_eq "$(count)" "$((${full% *} + 2)) ${full#* }" "routes after an overrun"
reach

# A fault: packets go wrong, the audit finds it, names it and sets it right.
leat damage routes prefix=16.0.0.0/24 router=r
wait_until "grep -q 'forwarding table differed.*prefix=16.0.0.0/24' '$leatd_log'" "$patience"
expect_eq "$(leat_json '.[0].repaired' routers)" 1 repaired
reach
