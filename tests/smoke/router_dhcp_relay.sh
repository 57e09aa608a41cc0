#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The DHCP relay between stock clients and two stock servers: each client gets an address of its own network by the server that knows it; option
# 82 says where it is and does not come back; renewals go straight; what is a lie goes no further.
. "$(dirname "$0")/../lib/smoke.sh"
command -v dnsmasq >/dev/null || skip "no dnsmasq"

host a pa && host b pb
host one ps 10.9.0.5/24 && host two pt 10.8.0.5/24
ip -n "$TAG-one" route add default via 10.9.0.1
ip -n "$TAG-two" route add default via 10.8.0.1
cat >"$T/script" <<'SH'
#!/bin/bash
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
env | grep -E '^(ip|router|dns|serverid)=' >"$OUT"
ip address replace "$ip/$mask" dev "$interface" && ip route replace default via "$router"
SH
chmod +x "$T/script"
server() { # HOST ADDRESS NETWORK CIRCUIT: of one network; another's requests it does not answer
	bg "$1" ip netns exec "$TAG-$1" dnsmasq -k -C /dev/null -p 0 --listen-address="$2" --bind-interfaces --no-ping --user=root --log-dhcp \
		--dhcp-leasefile="$T/$1.leases" --dhcp-range="$3.100,$3.199,255.255.255.0,2m" --dhcp-option=6,"$2" \
		--dhcp-circuitid=set:floor,"$4" --dhcp-option=tag:floor,15,"$4.example" --pid-file= --log-facility="$T/$1.out"
}
server one 10.9.0.5 10.1.0 first-floor
server two 10.8.0.5 10.2.0 b
leatd_start - <<'LUA'
local function far(port, net, more)
	local relay = { servers = { "10.9.0.5", "10.8.0.5" } }
	for k, v in pairs(more or {}) do relay[k] = v end
	return { port = port, dad = false, addresses = { net .. ".1/24" }, dhcp = { relay = relay } }
end
return { ports = { pa = { device = "pa" }, pb = { device = "pb" }, ps = { device = "ps" }, pt = { device = "pt" } }, routers = { r = { interfaces = {
	a = far("pa", "10.1.0", { circuit_id = "first-floor" }), b = far("pb", "10.2.0"),
	one = { port = "ps", dad = false, addresses = { "10.9.0.1/24" } }, two = { port = "pt", dad = false, addresses = { "10.8.0.1/24" } } } } } }
LUA
links_up
got() { sed -n "s/^$2=//p" "$T/$1.env"; }
dump offers a 'udp port 68 and udp[8] = 2' -vvv
declare -A pid
for h in a b; do OUT=$T/$h.env bg "udhcpc-$h" ip netns exec "$TAG-$h" busybox udhcpc -i eth0 -f -t 20 -T 5 -A 1 -s "$T/script" -O domain; pid[$h]=$!; done
for h in a b; do wait_until "[ -s $T/$h.env ]" 30; done
expect "got a ip | grep -q '^10.1.0.1' && got b ip | grep -q '^10.2.0.1'" "each from its own network"
expect_eq "$(got a router) $(got a dns) $(got b router) $(got b dns)" "10.1.0.1 10.9.0.5 10.2.0.1 10.8.0.5" "options"
expect "grep -q 'DHCPACK.*$(got a ip)' '$T/one.out' && grep -q 'tags:.*floor' '$T/one.out'" "the circuit that was configured"
expect "grep -q 'DHCPACK.*$(got b ip)' '$T/two.out' && grep -q 'tags:.*floor' '$T/two.out'" "the interface's name"
wait_until "grep -q 'DHCP.*ACK\|Message.*: ACK' '$T/offers.log'"
refuse "grep -qi 'agent-information' '$T/offers.log'" "option 82 comes back to the client"
for h in a b; do expect "in_ns $h ping -q -c 1 -W 5 10.9.0.5"; done

# A renewal goes to the server itself, by the router.
requests() { leat_json '.[] | select(.interface == "a") | .requests' dhcp-relays; }
before=$(requests) acks=$(grep -c 'DHCPACK' "$T/one.out")
kill -USR1 "${pid[a]}"
wait_until "[ \$(grep -c DHCPACK $T/one.out) -gt $acks ]"
expect_eq "$(requests)" "$before" "relayed"

# Option 82 from a client, too many hops.
frames <<'PY'
from scapy.layers.dhcp import BOOTP, DHCP
a = wire('a')
def ask(hops, *more):
    return Ether(src=mac(9), dst='ff:ff:ff:ff:ff:ff') / IP(src='0.0.0.0', dst='255.255.255.255') / UDP(sport=68, dport=67) / \
        BOOTP(chaddr=b'\2\0\0\0\0\x99', hops=hops) / DHCP(options=[('message-type', 'discover'), *more, 'end'])
a.send(ask(0, (82, b'\1\4liar')))
a.send(ask(16))
PY
wait_until "leat show dhcp-relays --json | jq -e '.[] | select(.interface == \"a\") | .untrusted == 1 and .hops == 1'"
expect_eq "$(requests)" "$before" "relayed"
