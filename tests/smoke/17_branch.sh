#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 120
# configs/branch.lua: the uplink gets its address, route and name servers from a stock server, and keeps them over a restart; stock clients
# in both VLANs get theirs, and reach the world by the provider.
. "$(dirname "$0")/../lib/smoke.sh"

host isp wan 192.0.2.1/24
for h in desk hall; do host $h $h; done
for net in 10.0.10 10.0.20; do ip -n "$TAG-isp" route add $net.0/24 via 192.0.2.70; done
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
expect "ip -n $TAG-daemon address show dev rtr-wan | grep -q 192.0.2.70/24" "the twin has it too"

cat >"$T/script" <<'SH'
#!/bin/bash
[ "$1" = bound ] || exit 0
ip address replace "$ip/$mask" dev "$interface" && ip route replace default via "$router"
SH
chmod +x "$T/script"
ip -n "$TAG-desk" link set dev eth0 address 02:00:00:00:00:09
for h in desk hall; do
	expect "in_ns $h busybox udhcpc -i eth0 -f -q -n -t 5 -T 2 -s $T/script"
	wait_until "in_ns $h ping -q -c 1 -W 1 192.0.2.1" 15
done
expect "ip -n $TAG-desk address show dev eth0 | grep -q 10.0.10.9/24" "the printer's reservation"

# A restart asks for the same address again; the client that is removed gives it back.
leatd_kill
leatd_start
links_up
wait_until "[ \"\$(uplink address)\" = 192.0.2.70/24 ]" 30
expect "grep -q 'DHCPREQUEST' $T/dnsmasq.out"
leat set routers.main.interfaces.wan.dhcp.client false
wait_until "grep -q DHCPRELEASE $T/dnsmasq.out"
expect_eq "$(leat_json '.[0].addresses' interfaces interface=wan)" "" "the address is gone"
