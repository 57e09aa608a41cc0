# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Routing daemons for smoke tests, in namespaces, with files and sockets of their own in $T. After smoke.sh.
#
#   frr_start NS DAEMON...   zebra and the daemons named, with the configuration on stdin
#   vty NS CMD               vtysh there: vty edge 'show ip route'
#   bird_start NS            BIRD with the configuration on stdin; birdc: birds NS CMD...
#   bgp_start NS ARGUMENT... tests/lib/bgp_speaker.py; then: bgp NS announce|withdraw|stop
#   kernel_routes NS PROTO   prefixes that the kernel there has from PROTO, sorted, both families
#   leat_routes              those that leatd has from the kernel, sorted
#   vty_routes NS PROTO      those that FRR has chosen and installed, sorted
[ -x /usr/lib/frr/zebra ] || skip "frr is not installed"
command -v bird >/dev/null || skip "bird2 is not installed"

frr_start() { # NS DAEMON...
	local ns=$1 dir=$T/frr-$1 daemon conf
	shift
	mkdir -p "$dir"
	chmod 755 "$T" # FRR leaves root
	cat >"$dir/routing.conf"
	touch "$dir/zebra.conf"
	chown -R frr:frr "$dir"
	for daemon in zebra "$@"; do
		conf=$dir/routing.conf
		[ $daemon != zebra ] || conf=$dir/zebra.conf
		bg "$ns-$daemon" ip netns exec "$TAG-$ns" "/usr/lib/frr/$daemon" --vty_socket "$dir" -z "$dir/zserv.api" -P 0 \
			-i "$dir/$daemon.pid" -f "$conf" --log stdout --log-level warnings
		wait_until "[ -S '$dir/$daemon.vty' ]"
	done
}

vty() { # NS CMD
	local ns=$1
	shift
	in_ns "$ns" vtysh --vty_socket "$T/frr-$ns" -c "$*"
}

bird_start() { # NS
	cat >"$T/$1-bird.conf"
	bg "$1-bird" ip netns exec "$TAG-$1" bird -f -c "$T/$1-bird.conf" -s "$T/$1-bird.ctl" -P "$T/$1-bird.pid"
	wait_until "[ -S '$T/$1-bird.ctl' ]"
}

birds() { # NS CMD...
	local ns=$1
	shift
	in_ns "$ns" birdc -s "$T/$ns-bird.ctl" "$@"
}

bgp_start() { # NS ARGUMENT...
	local ns=$1
	shift
	mkfifo "$T/bgp-$ns"
	bg "$ns-bgp" ip netns exec "$TAG-$ns" /usr/bin/python3 "$SMOKE_LIB/bgp_speaker.py" "$@" --commands "$T/bgp-$ns"
}

bgp() { # NS COMMAND
	echo "$2" >"$T/bgp-$1"
}

kernel_routes() { # NS PROTO
	{
		ip -n "$TAG-$1" -4 route show proto "$2"
		ip -n "$TAG-$1" -6 route show proto "$2"
	} | awk '/^[0-9a-f]/ { print $1 ~ /\// ? $1 : $1 (/:/ && $1 ~ /:/ ? "/128" : "/32") }' | sort
}

leat_routes() { leat_json '.[] | select(.source == "kernel") | .prefix' routes limit=1000000 | sort; }

vty_routes() { # NS PROTO; ospf6 is another protocol there
	local family
	for family in ip ipv6; do
		vty "$1" "show $family route ${2/ospf/$([ $family = ip ] && echo ospf || echo ospf6)} json" |
			jq -r 'to_entries[] | select(any(.value[]; .selected and .installed)) | .key'
	done | sort
}
