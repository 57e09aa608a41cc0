#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 120
# configs/branch.lua: the uplink gets its address, route and name servers from a stock server, and keeps them over a restart; stock clients
# in both VLANs get theirs in both families. The staff's gateway is the virtual router, guests leave by the line and reach nobody else.
. "$(dirname "$0")/../lib/smoke.sh"

host isp wan 192.0.2.1/24
host line dsl 203.0.113.1/30 2001:db8:f::1/64
for h in desk hall; do
	host $h $h
	in_ns $h sysctl -qw net.ipv6.conf.eth0.accept_ra=2 net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.router_solicitation_interval=1
	in_ns $h sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
done
for ns in isp line; do ip -n "$TAG-$ns" address add 198.51.100.1/32 dev lo; done # the world, by either way
for net in 10.0.10 10.0.20; do ip -n "$TAG-isp" route add $net.0/24 via 192.0.2.70; done
ip -n "$TAG-line" route add 10.0.20.0/24 via 203.0.113.2
ip -6 -n "$TAG-line" route add 2001:db8::/32 via 2001:db8:f::2
bg dnsmasq ip netns exec "$TAG-isp" dnsmasq -k -C /dev/null -p 0 --interface=eth0 --bind-interfaces --no-ping --leasefile-ro --user=root \
	--dhcp-range=192.0.2.70,192.0.2.70,255.255.255.0,10m --dhcp-option=3,192.0.2.1 --dhcp-option=6,192.0.2.53 \
	--dhcp-option=26,1400 --log-dhcp --pid-file= --log-facility="$T/dnsmasq.out"
leatd_start "$(dirname "$0")/../../configs/branch.lua"
links_up
uplink() { leat_json ".[0].$1" dhcp-clients; }
wait_until "[ \"\$(uplink state)\" = bound ]" 30
expect_eq "$(uplink address) $(uplink gateway) $(uplink dns)" "192.0.2.70/24 192.0.2.1 192.0.2.53" "what the provider gave"
expect_eq "$(leat_json '.[0] | "\(.addresses) \(.mtu)"' interfaces interface=wan)" "192.0.2.70/24(dhcp) 1400" "the interface"
expect_eq "$(leat_json '.[0] | "\(.source) \(.distance)"' routes prefix=0.0.0.0/0)" "dhcp 210" "default route"
expect "ip -n $TAG-daemon address show dev rtr-wan | grep 192.0.2.70/24" "the twin has it too"

cat >"$T/script" <<'SH'
#!/bin/bash
[ "$1" = bound ] || exit 0
ip address replace "$ip/$mask" dev "$interface" && ip route replace default via "$router"
SH
chmod +x "$T/script"
ip -n "$TAG-desk" link set dev eth0 address 02:00:00:00:00:09
for h in desk hall; do
	expect "in_ns $h busybox udhcpc -i eth0 -f -q -n -t 5 -T 2 -s $T/script"
done
expect "ip -n $TAG-desk address show dev eth0 | grep 10.0.10.9/24" "the printer's reservation"
expect "ip -n $TAG-desk route show default | grep 'via 10.0.10.254'" "the virtual router"

# Who goes where: staff by the uplink, guests by the line; all of IPv6 by the line, the staff's by the virtual router's address.
dump isp isp 'icmp[0] = 8'
dump line line 'icmp[0] = 8 or ip6[40] = 128'
for h in desk hall; do
	wait_until "ip -6 -n $TAG-$h address show dev eth0 | grep -q 'inet6 2001:db8:[12]0:'" 30
	wait_until "in_ns $h ping -q -c 1 -W 1 198.51.100.1" 15
	wait_until "in_ns $h ping -q -c 1 -W 1 2001:db8:f::1" 15
done
expect "ip -6 -n $TAG-desk route show default | grep 'via fe80::10:254 '" "the virtual router in IPv6"
went() { grep -cE "$2.* > $3: ICMP" "$T/$1.log" || true; }
wait_until "[ \$(went isp 10.0.10.9 198.51.100.1) -ge 1 ] && [ \$(went line 10.0.20.1.. 198.51.100.1) -ge 1 ]"
expect_eq "$(went isp 10.0.20.1.. 198.51.100.1) $(went line 10.0.10.9 198.51.100.1)" "0 0" "the other way"
for to in 10.0.10.9 192.0.2.1 2001:db8:10::1:1; do refuse "in_ns hall ping -q -c 1 -W 1 $to" "guests reach the staff or the provider"; done
wait_until "[ \$(went line 10.0.20.1.. 10.0.10.9) -ge 1 ]" # it went out, and came to nothing
wait_until "leat show vrrp --json | jq -e 'length == 2 and all(.state == \"master\")'" 20

# A restart asks for the same address again; the client that is removed gives it back.
leatd_kill
leatd_start
links_up
wait_until "[ \"\$(uplink address)\" = 192.0.2.70/24 ]" 30
expect "grep -q 'DHCPREQUEST' $T/dnsmasq.out"
leat set routers.main.interfaces.wan.dhcp.client false
wait_until "grep -q DHCPRELEASE $T/dnsmasq.out"
expect_eq "$(leat_json '.[0].addresses' interfaces interface=wan)" "" "the address is gone"
