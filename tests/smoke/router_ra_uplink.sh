#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 120
# An uplink that accepts radvd's advertisements: address, default router, a more specific route, MTU, DNS; hosts behind it reach the world; a commit
# keeps it all; a router that goes takes its route along; an address that somebody else has is not used.
. "$(dirname "$0")/../lib/smoke.sh"
command -v radvd >/dev/null || skip "no radvd"

host isp wan 2001:db8:1::1/64
host pc lan 2001:db8:a::9/64
ip -6 -n "$TAG-pc" route add default via 2001:db8:a::1
in_ns isp sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.lo.disable_ipv6=0
for address in 2001:db8:ff::1 2001:db8:5::1; do ip -6 -n "$TAG-isp" address add $address/128 dev lo; done
in_ns daemon sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 # for the twin
in_ns daemon ip link set dev wan address 02:00:00:00:00:07
own=2001:db8:1::ff:fe00:7
ip -6 -n "$TAG-isp" route add 2001:db8:a::/64 via $own
cat >"$T/radvd.conf" <<'END'
interface eth0 {
	AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 1800; AdvDefaultPreference high; AdvLinkMTU 1400;
	prefix 2001:db8:1::/64 { AdvValidLifetime 86400; AdvPreferredLifetime 14400; };
	route 2001:db8:5::/48 { AdvRoutePreference low; AdvRouteLifetime 600; };
	RDNSS 2001:db8:ff::53 { AdvRDNSSLifetime 600; };
	DNSSL isp.example { AdvDNSSLLifetime 600; };
};
END
radvd_start() { bg radvd ip netns exec "$TAG-isp" radvd -n -C "$T/radvd.conf" -p "$T/radvd.pid" -m stderr; }
leatd_start - <<'LUA'
return { ports = { lan = { device = "lan" }, wan = { device = "wan" } }, routers = { r = { interfaces = {
	wan = { port = "wan", accept_ra = true, twin = true },
	lan = { port = "lan", dad = false, addresses = { "2001:db8:a::1/64" } } } } } }
LUA
links_up
wait_until "[ \$(leat_json '.[0].solicited' ra-uplinks) -ge 1 ]" # it asks before there is anybody
radvd_start
address() { leat_json '.[0].addresses' interfaces interface=wan | grep -q "$own/64(ra)"; }
route() { leat_json '.[0] | "\(.source) \(.distance) \(.metric)"' routes "prefix=$1"; }
learnt() { leat_json ".[0].$1" ra-uplinks; }
wait_until address 20
wait_until "[ \"\$(route ::/0)\" = 'ra 230 0' ]"
expect_eq "$(route 2001:db8:5::/48)" "ra 230 2" "the more specific route, of low preference"
expect_eq "$(learnt dns) $(learnt search) $(learnt mtu)" "2001:db8:ff::53 isp.example 1400" "DNS and MTU"
expect_eq "$(leat_json '.[0].mtu' interfaces interface=wan)" 1400 "MTU of the interface"
expect "learnt defaults | grep -Eq '^fe80::.* high 1[78][0-9][0-9]s$'"
expect "learnt addresses | grep -Eq '^$own 1(4[34])[0-9][0-9]s/86[34][0-9][0-9]s$'"
wait_until "ip -6 -n $TAG-daemon address show dev rtr-wan | grep -q $own/64" # the twin has it too
for to in 2001:db8:ff::1 2001:db8:5::1; do wait_until "in_ns pc ping -q -c 1 -W 1 $to" 20; done

# Another change of the routers leaves it as it is, and so does a link that was away for a moment.
leat set routers.r.interfaces.lan.mtu 1450
expect address
expect "in_ns pc ping -q -c 1 -W 5 2001:db8:ff::1"
ip -n "$TAG-isp" link set dev eth0 down
ip -n "$TAG-isp" link set dev eth0 up
ip -6 -n "$TAG-isp" address replace 2001:db8:1::1/64 dev eth0
ip -6 -n "$TAG-isp" route replace 2001:db8:a::/64 via $own
wait_until "in_ns pc ping -q -c 1 -W 1 2001:db8:ff::1" 20

# radvd says that it goes; the address stays for its time.
kill "$(cat "$T/radvd.pid")"
wait_until "[ \$(leat_json length routes prefix=::/0) = 0 ]" 20
expect address
refuse "in_ns pc ping -q -c 1 -W 1 2001:db8:ff::1"

# Off: all of it goes. On again, with the address taken: a duplicate.
leat set routers.r.interfaces.wan.accept_ra false
refuse address
expect_eq "$(leat_json length routes prefix=2001:db8:5::/48) $(leat_json '.[0].mtu' interfaces interface=wan)" "0 1500" "what is left"
ip -6 -n "$TAG-isp" address add $own/128 dev eth0 nodad
leat set routers.r.interfaces.wan.accept_ra true
radvd_start
wait_until "learnt addresses | grep -q '^$own .* duplicate$'" 30
refuse address
