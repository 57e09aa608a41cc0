#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# leat trace shows the nodes of a packet and why it was dropped; leat capture writes what tshark reads, both ways,
# with its filter honoured.
. "$(dirname "$0")/../lib/smoke.sh"

for n in 1 2 3; do host h$n p$n 10.0.0.$n/24; done
leatd_start - <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, p3 = { device = "p3" } },
	switches = { s = { ports = { p1 = { access = 10 }, p2 = { trunk = { 10 }, native = 10 }, p3 = { access = 20 } } } } }'
links_up
expect "in_ns h1 ping -c 2 -i 0.1 -W 5 10.0.0.2"
wait_until '[ "$(stations | wc -l)" = 2 ]' 5

# A known station's way, and one that ends; the filter leaves others out.
trace() { # NAME COUNT FILTER
	bg "$1" "$LEAT" -r "$RUN" trace -n "$2" "$3"
	trace_pid=$!
}
until_done() { # 'CMD': repeats what is traced until the trace has enough
	wait_until "($1) >/dev/null 2>&1 || true; ! kill -0 $trace_pid" 20
	wait "$trace_pid" || fail "trace ends with status $?"
}
trace known 2 'icmp and host 10.0.0.2'
until_done "in_ns h1 ping -c 1 -W 1 10.0.0.2"
expect_eq "$(grep -c '^[0-9:.]* port p[12] .*ICMP' "$T/known.log")" 2 "packets traced: $(cat "$T/known.log")"
expect_eq "$(awk '/^ / { print $1 }' "$T/known.log" | xargs)" "eth_input switch_input port_tx eth_input switch_input port_tx" "nodes"
trace forged 1 'ether proto 0x88b5 or (vlan and ether proto 0x88b5)'
until_done "in_ns h1 ping -c 1 -W 1 10.0.0.2; frames <<<\"wire('h1').send(Ether(src=mac(1), dst=mac(9)) / Dot1Q(vlan=20, type=0x88b5) / Raw(bytes(60)))\""
grep -q 'drop_switch_input_tagged' "$T/forged.log" || fail "no reason for the drop: $(cat "$T/forged.log")"
refuse "grep ICMP '$T/forged.log'" "packets that the filter leaves out"
[ "$(dropped switch_input_tagged p1)" -ge 1 ] || fail "the drop is not counted"
status=0
text=$(leat trace -n 1 'nonsense here' 2>&1) || status=$?
expect_eq "$status" 1 "exit status of a filter that is none: $text"

# Capture: on one port, both directions, only what the filter says.
capture() { # NAME OPTION... FILTER
	bg "$1" "$LEAT" -r "$RUN" capture -w "$T/$1.pcapng" "${@:2}"
	capture_pid=$!
	wait_until "[ -s '$T/$1.pcapng' ]" 10
}
read_back() { # NAME TSHARK-OPTION...
	tshark -r "$T/$1.pcapng" "${@:2}" 2>"$T/tshark.err" || fail "tshark cannot read $1: $(cat "$T/tshark.err")"
}
capture pings -p p2 icmp
expect "in_ns h1 ping -c 5 -i 0.1 -W 2 -s 1000 10.0.0.2"
in_ns h1 ping -c 1 -W 1 10.0.0.77 >/dev/null || true
wait_until "[ \$(tshark -r '$T/pings.pcapng' 2>/dev/null | wc -l) = 10 ]" 10
kill $capture_pid && wait $capture_pid || true
expect_eq "$(read_back pings -T fields -e icmp.type -e frame.len -e frame.interface_name | sort | uniq -c | xargs)" \
	"5 0 1042 p2 5 8 1042 p2" "replies and requests, their length and port"
expect_eq "$(read_back pings -Y 'not icmp' | wc -l)" 0 "packets that the filter leaves out"
expect_eq "$(read_back pings -o ip.check_checksum:TRUE -Y '_ws.malformed or ip.checksum.status == 0' | wc -l)" 0 "malformed packets"
# Ends by itself after a number of packets; a refused filter leaves no file.
capture four -n 4 'icmp and src host 10.0.0.1'
wait_until "in_ns h1 ping -c 1 -W 1 10.0.0.2; ! kill -0 $capture_pid" 20
expect_eq "$(read_back four -T fields -e ip.src | sort | uniq -c | xargs)" "4 10.0.0.1" "four packets"
refuse "leat capture -w '$T/none.pcapng' 'nonsense here'" "a filter that is none"
[ ! -e "$T/none.pcapng" ] || fail "a refused capture has left a file"
