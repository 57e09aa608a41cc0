#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 120
# The DHCP server and stock clients: options, a reservation, a VLAN of a switch, an address that is taken, a pool that is empty; leases survive
# kill -9, and a damaged file loses what is damaged only.
. "$(dirname "$0")/../lib/smoke.sh"

for h in a b c; do host $h p$h; done
cat >"$T/script" <<'SH'
#!/bin/bash
# udhcpc tells what it was given; the address is set, nothing else of the machine is touched.
env | grep -E '^(ip|mask|router|dns|domain|ntpsrv|serverid|lease|staticroutes|search|hostname)=' >"$OUT.new"
echo "event=$1" >>"$OUT.new"
[ "$1" = bound ] && ip address replace "$ip/$mask" dev "$interface"
[ "$1" = deconfig ] || mv "$OUT.new" "$OUT"
SH
chmod +x "$T/script"
lease() { # HOST [OPTION...]: one lease of udhcpc, which ends then
	in_ns "$1" ip address flush dev eth0
	OUT=$T/$1.env in_ns "$1" busybox udhcpc -i eth0 -f -q -n -t 4 -T 2 -s "$T/script" "${@:2}" >"$T/$1.udhcpc" 2>&1
}
got() { sed -n "s/^$2=//p" "$T/$1.env"; }
leatd_start - <<<"return { ports = { pa = { device = 'pa' }, pb = { device = 'pb' }, pc = { device = 'pc' } },
	switches = { s = { ports = { pb = { access = 20 }, pc = { access = 20 } } } },
	routers = { r = { interfaces = {
		a = { port = 'pa', addresses = { '10.1.0.1/24' }, dad = false, dhcp = { server = { subnets = { ['10.1.0.0/24'] = {
			ranges = { '10.1.0.100-10.1.0.199' }, lease = '1h', dns = { '10.1.0.1', '192.0.2.53' }, domain = 'example.com',
			search = { 'example.com', 'example.net' }, ntp = { '192.0.2.123' }, routes = { ['10.2.0.0/24'] = '10.1.0.1' } } } } } },
		v = { switch = 's', vlan = 20, addresses = { '10.2.0.1/24' }, dad = false, dhcp = { server = { probe = '1s', subnets = {
			['10.2.0.0/24'] = { ranges = { '10.2.0.50-10.2.0.51' },
				reservations = { ['10.2.0.9'] = { mac = '$(mac_of b)', hostname = 'printer' } } } } } } } } } } }"
links_up

expect "lease a -O search -O staticroutes -O ntpsrv -x hostname:laptop"
expect_eq "$(got a ip) $(got a mask) $(got a router) $(got a lease)" "10.1.0.100 24 10.1.0.1 3600" "what a was given"
expect_eq "$(got a dns)|$(got a domain)|$(got a search)|$(got a ntpsrv)" \
	"10.1.0.1 192.0.2.53|example.com|example.com example.net|192.0.2.123" "options"
expect_eq "$(got a staticroutes)" "10.2.0.0/24 10.1.0.1 0.0.0.0/0 10.1.0.1" "option 121"
expect "in_ns a ping -q -c 1 -W 5 10.1.0.1"
expect_eq "$(leat_json '.[0] | "\(.state) \(.mac) \(.hostname)"' dhcp-leases address=10.1.0.100)" "bound $(mac_of a) laptop" "lease"

# On a VLAN of a switch: who has a reservation gets it, another client another address.
expect "lease b -O hostname"
expect_eq "$(got b ip) $(got b hostname)" "10.2.0.9 printer" "reservation"
# Somebody has 10.2.0.50 without asking: it is not offered.
ip -n "$TAG-b" address add 10.2.0.50/24 dev eth0
expect "lease c"
expect_eq "$(got c ip)" 10.2.0.51 "the address that nobody has"
expect_eq "$(leat_json '.[0].state' dhcp-leases address=10.2.0.50)" declined "the one that is taken"
# Nothing is left: a newcomer is refused, counted, and whoever has a lease keeps it.
refuse "lease c -C -x 0x3d:01020304050607 -t 1" "the pool is empty"
expect "leat show dhcp-servers interface=v --json | jq -e '.[0].refused >= 1'"
expect "lease c"
expect_eq "$(got c ip)" 10.2.0.51 "its lease again"

# kill -9 loses none that was acknowledged; dhclient's comes back by INIT-REBOOT, and is renewed.
leatd_kill
leatd_start
links_up
wait_until "[ \"\$(leat_json '.[0].state' dhcp-leases address=10.1.0.100)\" = bound ]"
expect_eq "$(leat_json '[.[] | select(.state == "bound")] | length' dhcp-leases)" 3 "leases after kill -9"
bg dhclient ip netns exec "$TAG-a" dhclient -4 -1 -d -sf /bin/true -lf "$T/a.leases" -pf "$T/a.pid" eth0
wait_until "grep -q 'fixed-address 10.1.0.' $T/a.leases" 20
# A damaged file: a message, a copy, and the rest of the leases.
leatd_stop
sed -i '1s/10\.[0-9.]*/10.9.9.9/' "$STATE/dhcp-leases"
leatd_start
expect "grep -q 'msg=\"the leases.* damaged' $leatd_log"
expect "test -s $STATE/dhcp-leases.damaged"
expect "leat show dhcp-leases --json | jq -e 'length >= 2'"
expect "leat flush dhcp-leases | grep -q flushed"
expect_eq "$(leat_json length dhcp-leases)" 0 "leases after the flush"
