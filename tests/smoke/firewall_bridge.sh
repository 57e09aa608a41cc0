#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# configs/transparent.lua in the wire between real hosts: who may passes in both families, tagged and not, in fragments and at speed; who may
# not is told or is not; the same addresses in two VLANs do not meet; a DHCP client gets its address through it.
. "$(dirname "$0")/../lib/smoke.sh"

host net up; host pc hall; host web servers 10.0.10.80/24 2001:db8:10::80/64
for h in net pc; do in_ns $h sysctl -qw net.ipv6.conf.{all,default,eth0}.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0; done
vlan_dev net eth0 10 10.0.10.1/24 2001:db8:10::1/64
vlan_dev net eth0 20 10.0.20.1/24
vlan_dev pc eth0 10 10.0.10.9/24 2001:db8:10::9/64
vlan_dev pc eth0 20
leatd_start "$TOP/configs/transparent.lua"
links_up

serve() { bg "serve_$1_$2" ip netns exec "$TAG-$1" socat "TCP6-LISTEN:$2,ipv6only=0,fork,reuseaddr" 'EXEC:echo hello'; }
ask() { in_ns "$1" timeout "${4:-10}" socat -u "TCP:$2:$3,connect-timeout=${4:-10}" -; }
serve web 80; serve web 22; serve net 80; serve pc 445
for s in "web 80" "web 22" "net 80" "pc 445"; do
	read -r name port <<<"$s"
	wait_until "in_ns $name ss -Hltn sport = :$port | grep -q ."
done

for to in 10.0.10.80 '[2001:db8:10::80]'; do
	expect_eq "$(ask net "$to" 80)" hello "from outside to the web server"
	expect_eq "$(ask pc "$to" 80)" hello "and from the office"
	refuse "ask net $to 22 1" "no ssh from outside"
	expect "(ask pc $to 22 2>&1 || true) | grep -q refused" "a reset, at once"
done
for to in 10.0.10.1 '[2001:db8:10::1]'; do expect_eq "$(ask pc "$to" 80)" hello "the office goes out"; done
for to in 10.0.10.9 '[2001:db8:10::9]'; do refuse "ask net $to 445 1" "nobody comes in"; done
expect "in_ns pc traceroute -n -q 1 -w 5 -m 1 10.0.10.80 | grep -q '!X'" "an ICMP error for the rest"
for to in 10.0.10.80 2001:db8:10::80; do
	expect "in_ns pc ping -q -c 3 -i 0.2 -W 5 -s 4000 $to" "fragments"
	expect "in_ns net ping -q -c 2 -i 0.2 -W 5 -s 4000 $to"
done
bg iperf ip netns exec "$TAG-net" iperf3 -s
wait_until "in_ns net ss -Hltn sport = :5201 | grep -q ."
expect "in_ns pc timeout 60 iperf3 -c 2001:db8:10::1 -n 20M -J | jq -e '.end.sum_received.bytes >= 10000000'"
expect "in_ns pc timeout 60 iperf3 -u -b 5M -l 4000 -c 10.0.10.1 -t 1 -J | jq -e '.end.sum.lost_percent < 50'"

# DHCP is broadcast: a rule each way.
bg dnsmasq ip netns exec "$TAG-net" dnsmasq -k -C /dev/null -p 0 --interface=eth0.20 --bind-interfaces --no-ping --leasefile-ro --user=root \
	--dhcp-range=10.0.20.50,10.0.20.50,255.255.255.0,10m --pid-file= --log-facility=-
printf '#!/bin/bash\n[ "$1" != bound ] || ip address replace "$ip/$mask" dev "$interface"\n' >"$T/script"
chmod +x "$T/script"
expect "in_ns pc busybox udhcpc -i eth0.20 -f -q -n -t 10 -T 1 -s $T/script" "an address through the firewall"
expect "ip -n $TAG-pc address show dev eth0.20 | grep -q 10.0.20.50"

# What is shown: ports as interfaces, the VLAN as domain; the same addresses in VLAN 20 are others.
ip -n "$TAG-net" addr add 10.0.77.1/24 dev eth0.10; ip -n "$TAG-pc" addr add 10.0.77.9/24 dev eth0.10
expect "in_ns pc ping -q -c 2 -i 0.2 -W 5 -e 77 10.0.77.1"
ip -n "$TAG-net" addr del 10.0.77.1/24 dev eth0.10; ip -n "$TAG-pc" addr del 10.0.77.9/24 dev eth0.10
ip -n "$TAG-net" addr add 10.0.77.1/24 dev eth0.20; ip -n "$TAG-pc" addr add 10.0.77.9/24 dev eth0.20
expect "in_ns pc ping -q -c 2 -i 0.2 -W 5 -e 77 10.0.77.1"
expect_eq "$(leat_json 'map(select(.dst == "10.0.77.1") | .domain) | sort | join(" ")' sessions)" "4106 4116" "VLANs 10 and 20"
expect_eq "$(leat_json 'map(select(.dst == "10.0.77.1") | "\(.in) \(.out)") | unique | join(",")' sessions)" "hall up" "ports"
leat explain packet port=hall vlan=10 mac_dst="$(mac_of web)" src=10.0.10.9 dst=10.0.10.80 proto=tcp dport=23 >"$T/explain"
expect "grep -q 'fw_policy answers: rule 6 inside' $T/explain && grep -q 'leaves by port hall' $T/explain" "$(cat "$T/explain")"
expect "[ $(dropped session_bridge_no_rule up) -ge 2 ]"
