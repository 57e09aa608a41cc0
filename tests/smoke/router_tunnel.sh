#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# GRE and IPIP between two leatds back to back (a kernel may lack them), over IPv4 and IPv6: ping, path MTU, fragments, TCP; kernels behind
# host twins at both ends, whose segments are cut before they are wrapped.
. "$(dirname "$0")/../lib/smoke.sh"

host a pa 10.1.0.9/24 2001:db8:1::9/64
on_peer host b pb 10.2.0.9/24 2001:db8:2::9/64
link daemon wan peer wan
ns_add t1 && ns_add t2
in_ns daemon ethtool -K wan tx off tso off gso off gro on >/dev/null 2>&1
in_ns peer ethtool -K wan tx off tso off gso off gro on >/dev/null 2>&1
for to in "a 10.1.0.1 2001:db8:1::1" "b 10.2.0.1 2001:db8:2::1"; do
	read -r ns v4 v6 <<<"$to"
	ip -n "$TAG-$ns" route add default via "$v4"
	ip -6 -n "$TAG-$ns" route add default via "$v6"
done

config() { # OUR-NUMBER THEIR-NUMBER: the underlay is a router of its own
	cat <<-LUA
	local function tunnel(n, type, six, more)
		local t = { type = type, source = six and "2001:db8:ff::$1" or "192.0.2.$1",
			remote = six and "2001:db8:ff::$2" or "192.0.2.$2", underlay = "wan" }
		for k, v in pairs(more or {}) do t[k] = v end
		return { tunnel = t, addresses = { "10.9." .. n .. ".$1/30", "2001:db8:9" .. n .. "::$1/64" } }
	end
	local function twin(t) t.twin = { namespace = "$TAG-t$1", name = "gre" } return t end
	return { ports = { lan = { device = "$3" }, wan = { device = "wan" } }, routers = {
		wan = { interfaces = { wan = { port = "wan", addresses = { "192.0.2.$1/24", "2001:db8:ff::$1/64" } } } },
		main = { interfaces = {
			lan = { port = "lan", addresses = { "10.$1.0.1/24", "2001:db8:$1::1/64" } },
			gre = twin(tunnel(0, "gre", false, { key = 7 })), gre6 = tunnel(1, "gre", true),
			ipip = tunnel(2, "ipip", false), ipip6 = tunnel(3, "ipip", true, { encapsulation_limit = 4 }) },
			routes = { ["10.$2.0.0/24"] = { interface = "gre" }, ["2001:db8:$2::/64"] = { interface = "gre" } } } } }
	LUA
}
config 1 2 pa | leatd_start -
config 2 1 pb | on_peer leatd_start -
links_up
on_peer links_up
wait_until "leat show tunnels --json | jq -e 'length == 4 and all(.state == \"up\")'"

for way in gre gre6 ipip ipip6; do
	for side in "" on_peer; do
		other=$([ -n "$side" ] && echo 1 || echo 2)
		$side leat set "routers.main.routes[\"10.$other.0.0/24\"].interface" $way >/dev/null
		$side leat set "routers.main.routes[\"2001:db8:$other::/64\"].interface" $way >/dev/null
	done
	expect "in_ns a ping -q -c 3 -i 0.1 -W 5 10.2.0.9" "IPv4 by $way"
	expect "in_ns a ping -6 -q -c 3 -i 0.1 -W 5 2001:db8:2::9" "IPv6 by $way"
	expect_eq "$(in_ns a ping -c 1 -W 5 10.2.0.9 | sed -n 's/.*ttl=\([0-9]*\).*/\1/p')" 62 "TTL: the tunnel is one hop"
	mtu=$(leat_json '.[0].mtu' tunnels $way)
	expect "in_ns a ping -q -c 1 -W 5 -M 'do' -s $((mtu - 28)) 10.2.0.9" "what fits into $way"
	expect "(in_ns a ping -c 1 -W 5 -M 'do' -s $((mtu - 27)) 10.2.0.9 2>&1 || true) | grep -q 'mtu *= *$mtu'"
	expect "in_ns a ping -q -c 2 -i 0.1 -W 5 -M dont -s 3000 10.2.0.9" "in fragments"
	in_ns a ip route flush cache
done
bg iperf ip netns exec "$TAG-b" iperf3 -s
wait_until "in_ns b ss -Htln 'sport = 5201' | grep -q ."
for to in 10.2.0.9 2001:db8:2::9; do
	expect "in_ns a iperf3 -c $to -t 1 -J | jq -e '.end.sum_received.bytes > 1000000'" "TCP to $to"
done
bg twin ip netns exec "$TAG-t2" iperf3 -s
wait_until "in_ns t2 ss -Htln 'sport = 5201' | grep -q ."
expect "in_ns t1 ping -q -c 3 -i 0.1 -W 5 10.9.0.2" "from twin to router"
expect "in_ns t1 iperf3 -c 10.9.0.2 -t 1 -J | jq -e '.end.sum_received.bytes > 1000000'" "TCP from twin to twin"
# The other end is gone: the state follows the underlay, and the sender is told.
leat set routers.main.interfaces.ipip6.tunnel.remote 2001:db8:fe::1 >/dev/null
wait_until "leat show tunnels ipip6 --json | jq -e '.[0].state == \"no-route\"'"
expect "(in_ns a ping -c 1 -W 5 10.2.0.9 2>&1 || true) | grep -qi unreachable"
