#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The generator for kernel peers: every frame that it makes comes through a bridge, through a router and through leatd, and
# no program of it stays on an interface, however it ends. No speed is judged.
. "$(dirname "$0")/../lib/smoke.sh"

generator() { # PROFILE OPTION...: starts it; `ask COMMAND` sets $answer
	coproc gen { exec "$BUILD/bench/pktgen/xdp_gen" --out "eth0@$TAG-a" --sink "eth0@$TAG-b" --profile "$1" "${@:2}" 2>"$T/gen.log"; }
	smoke_bg+=("$gen_PID")
	heard
}
heard() { read -r -t 60 answer <&"${gen[0]}" || fail "no answer from the generator: $(cat "$T/gen.log")"; }
ask() { echo "$*" >&"${gen[1]}" && heard; }
holds() { jq -e "$1" >/dev/null <<<"$answer" || fail "not $1: $answer"; }
whole() { holds '.packets > 100 and .lost == 0 and .reordered == 0 and .cycles > 0 and .cpu_share > 0'; }
attached() { ip -n "$TAG-b" link show eth0 | grep -q xdp; }
gone() { # SIGNAL: it ends by it, and takes its program along
	local pid=$gen_PID
	kill "-$1" "$pid"
	wait_until "! [ -e /proc/$pid ] || grep -q '^State:.Z' /proc/$pid/status"
	wait_until '! attached' 5
}

host a pa 192.0.2.2/30
host b pb 192.0.2.6/30
for port in pa pb; do in_ns daemon ethtool -K $port gro on >/dev/null; done # NAPI, for frames of XDP

ip -n "$TAG-daemon" link add br0 type bridge mcast_snooping 0
for port in pa pb; do ip -n "$TAG-daemon" link set $port master br0; done
ip -n "$TAG-daemon" link set br0 up
wait_until "ip netns exec $TAG-daemon bridge link show | grep -c forwarding | grep -q 2" 20
generator macs=100,flows=1000,order=rand
attached || fail "no sink"
ask learn && holds '.sent == 1000'
expect_eq "$(in_ns daemon bridge fdb show dynamic | grep -c 'dev pb')" 100 "stations behind pb"
ask window ms=100 warm_ms=20 && whole
ask window && holds '.ms >= 500' && whole
ask window rate=1000 ms=200 && holds '.generated > 0 and .generated <= .ms + 1 and .lost == 0 and .late == 0'
ask search min=100 max=2000 trial_ms=200 && holds '.rate > 1900 and .fails == 0 and .window.rate == .rate'
ask window seconds=1 && holds '.error | test("no .seconds=")'
gone TERM
generator l3=ip6,l4=tcp,vlan=7,size=1518,flows=10
ask window ms=100 && whole
gone KILL

ip -n "$TAG-daemon" link del br0
in_ns daemon sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.pa.rp_filter=0
ip -n "$TAG-daemon" address add 192.0.2.1/30 dev pa
ip -n "$TAG-daemon" address add 192.0.2.5/30 dev pb
ip -n "$TAG-daemon" route add 198.19.0.0/16 via 192.0.2.6
ip -n "$TAG-daemon" neighbour replace 192.0.2.6 lladdr 02:00:00:00:02:00 dev pb
generator "flows=1000,dst_mac=$(mac_of daemon pa)"
ask window ms=100 && whole
gone HUP
ip -n "$TAG-daemon" address flush dev pa
ip -n "$TAG-daemon" address flush dev pb

leatd_start - --memory 128 <<<'return { ports = { pa = { device = "pa" }, pb = { device = "pb" } }, switches = { s = { ports = { pa = {}, pb = {} } } } }'
links_up
generator macs=10,flows=10 --pid "$leatd_pid"
ask learn passes=3
wait_until "[ \"\$(stations port=pb | wc -l)\" -ge 10 ]" 5
ask window ms=100 && holds '.packets > 100 and .reordered == 0 and .cycles > 0'
gone TERM
