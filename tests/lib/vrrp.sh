# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # leatd_ns is of smoke.sh
# Two routers on two networks, for the smoke tests of VRRP; sourced after smoke.sh.
#
#   vrrp_lab [peer]      client (10.1.0.9, 2001:db8:1::9) - lan - { leatd, ka } - wan - net (10.2.0.9, 2001:db8:2::9); both hosts
#                        route by the virtual addresses .254 and ::fe; ka is a Linux router (.2), leatd's ports are lan and wan; the
#                        second leatd, `peer`, may be in its place
#   vrrp_config PRIORITY [LAST]   leatd's configuration, as router LAST (1); who loses one network leaves the other as well
#   loses_less CMD UNDO  CMD, while client pings net by both: fewer than 20 of a 50 ms train are lost, at one of several tries

member() { # LAN NAMESPACE IF: an interface there, on the bridge LAN
	link "$1" "$2" "$2" "$3"
	in_ns "$1" ethtool -K "$2" tx off tso off gso off gro on >/dev/null 2>&1
	in_ns "$2" ethtool -K "$3" tx off tso off gso off >/dev/null 2>&1
	ip -n "$TAG-$1" link set dev "$2" master br0
}

v6_on() { # NAMESPACE IF
	in_ns "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=0" "net.ipv6.conf.$2.accept_dad=0" "net.ipv6.conf.$2.accept_ra=0"
}

vrrp_lab() {
	local lan n=0 host second=${1-ka}
	for lan in lan wan; do
		n=$((n + 1))
		ns_add $lan
		ip -n "$TAG-$lan" link add br0 type bridge mcast_snooping 0
		ip -n "$TAG-$lan" link set dev br0 up
		member $lan "$leatd_ns" $lan
		member $lan "$second" $lan
		[ "$second" != ka ] || v6_on ka $lan
		host=client
		[ $lan = lan ] || host=net
		member $lan $host eth0
		v6_on $host eth0
		ip -n "$TAG-$host" address add 10.$n.0.9/24 dev eth0
		ip -n "$TAG-$host" address add 2001:db8:$n::9/64 dev eth0
		ip -n "$TAG-$host" route add default via 10.$n.0.254
		ip -6 -n "$TAG-$host" route add default via 2001:db8:$n::fe
	done
	[ "$second" = ka ] || return 0
	ka_addresses
	in_ns ka sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

ka_addresses() {
	ip -n "$TAG-ka" address add 10.1.0.2/24 dev lan
	ip -n "$TAG-ka" address add 10.2.0.2/24 dev wan
	ip -n "$TAG-ka" address add 2001:db8:1::2/64 dev lan
	ip -n "$TAG-ka" address add 2001:db8:2::2/64 dev wan
}

vrrp_config() { # PRIORITY [LAST]
	cat <<-LUA
		local function i(port, n, id, other) return { port = port, dad = false,
			addresses = { "10." .. n .. ".0.${2-1}/24", "2001:db8:" .. n .. "::${2-1}/64" },
			vrrp = { [id] = { priority = $1, interval = "100ms", track = { { interface = other, drop = 100 } },
				addresses = { "10." .. n .. ".0.254", "fe80::fe", "2001:db8:" .. n .. "::fe" } } } } end
		return { ports = { lan = { device = "lan" }, wan = { device = "wan" } },
			routers = { r = { interfaces = { lan = i("lan", 1, 7, "wan"), wan = i("wan", 2, 8, "lan") } } } }
	LUA
}

train() { # NAME ADDRESS
	bg "$1" ip netns exec "$TAG-client" ping -i 0.05 "$2"
	train_pids+=($!)
}

train_lost() { # NAME: how many of it were
	sed -nE 's/^([0-9]+) packets transmitted, ([0-9]+) received.*/\1 - \2/p' "$T/$1.log" | sed 's/^/echo $((/; s/$/))/' | bash
}

loses_less() { # CMD UNDO
	local try pid v4 v6
	for try in 1 2 3 4 5; do
		train_pids=()
		train ping4 10.2.0.9
		train ping6 2001:db8:2::9
		wait_until "[ \$(grep -c time= '$T/ping4.log') -gt 5 ] && [ \$(grep -c time= '$T/ping6.log') -gt 5 ]"
		"$1"
		sleep 0.5 # what comes after counts, too
		for pid in "${train_pids[@]}"; do kill -INT "$pid" && wait "$pid" || true; done
		v4=$(train_lost ping4) v6=$(train_lost ping6)
		say "$1: lost $v4 of IPv4 and $v6 of IPv6, 50 ms apart"
		[ "$v4" -ge 20 ] || [ "$v6" -ge 20 ] || return 0
		[ $try = 5 ] || "$2"
	done
	fail "$1: lost $v4 and $v6"
}
