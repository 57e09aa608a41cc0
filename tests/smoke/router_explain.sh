#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `leat explain packet` says what then happens, through the live tables, and changes nothing by saying it.
. "$(dirname "$0")/../lib/smoke.sh"

host a pa 10.1.0.9/24 2001:db8:1::9/64
host b pb 10.2.0.9/24
host c pc 10.3.0.9/24
leatd_start - <<<'return { ports = { pa = { device = "pa" }, pb = { device = "pb" }, pc = { device = "pc" } },
	switches = { s = { ports = { pc = { access = 10 } } } },
	routers = { r = { interfaces = {
		a = { port = "pa", addresses = { "10.1.0.1/24", "2001:db8:1::1/64" }, urpf = "strict" },
		b = { port = "pb", addresses = { "10.2.0.1/24" }, mtu = 1300, mss = true, dscp = 10, neighbors = { ["10.2.0.9"] = "02:00:00:00:00:09" } },
		c = { switch = "s", vlan = 10, addresses = { "10.3.0.1/24" } } },
		routes = { ["10.9.0.0/16"] = { type = "blackhole" }, ["0.0.0.0/0"] = { paths = { { via = "10.2.0.9" }, { via = "10.3.0.9" } } } },
		rules = { { proto = 17, dscp = 46, via = "10.2.0.9" } } } } }'
links_up
in_ns a ip route add default via 10.1.0.1
expect "in_ns a ping -q -c 1 -W 5 10.1.0.1"
expect "in_ns a ping -6 -q -c 1 -W 5 2001:db8:1::1"
outcome() { # WANT ARGUMENT...
	local want=$1
	shift
	expect_eq "$(leat explain packet "$@" --json | jq -r .outcome)" "$want" "explain packet $*"
}
says() { # WHAT ARGUMENT...
	local what=$1
	shift
	leat explain packet "$@" >"$T/text"
	grep -q "$what" "$T/text" || fail "explain packet $* does not say: $what"$'\n'"$(cat "$T/text")"
}
A='port=pa src=10.1.0.9'
outcome 'leaves by port pb' $A dst=10.2.0.9
outcome 'leaves by port pb' interface=a src=10.1.0.9 dst=10.2.0.9
outcome 'dropped: drop_ip_lookup_blackhole' $A dst=10.9.0.9
outcome 'dropped: drop_ip_lookup_urpf' port=pa src=10.77.0.9 dst=10.2.0.9
outcome 'taken by ip_resolve' $A dst=10.3.0.77
outcome 'leaves by port pa' $A dst=10.1.0.1 proto=icmp
outcome 'leaves by port pa' port=pa src=2001:db8:1::9 dst=2001:db8:1::1 proto=icmp
outcome 'taken by icmp_error; packet 2 leaves by port pa' $A dst=10.2.0.9 ttl=1
outcome 'taken by icmp_error; packet 2 leaves by port pa' $A dst=10.2.0.9 size=1400
outcome 'taken by ip_frag; packet 2 leaves by port pb; packet 3 leaves by port pb' $A dst=10.2.0.9 size=1400 df=false
outcome 'leaves by port pa' port=pc src=10.3.0.9 dst=10.1.0.9
outcome 'dropped: drop_ip_input_land' $A dst=10.1.0.9
says 'rule 1: by 10.2.0.9 b' $A dst=198.51.100.1 dscp=46
says 'router r: 0.0.0.0/0, static: 10.2.0.9 b, 10.3.0.9 c' $A dst=198.51.100.1
says 'MSS of a SYN becomes at most 1260' $A dst=10.2.0.9 proto=tcp
says 'DSCP becomes 10' $A dst=10.2.0.9
says "the destination is at: this switch's router" port=pc src=10.3.0.9 dst=10.1.0.9
refuse "leat explain packet src=10.1.0.9 dst=10.2.0.9" "neither port nor interface"
refuse "leat explain packet $A dst=2001:db8::1" "two families"
refuse "leat explain packet $A dst=10.2.0.9 proto=tcp flags=syn,nonsense"
# Of all this nothing has been: no drop, no packet that left, no neighbour looked for, no station learnt.
expect_eq "$(dropped ip_lookup_blackhole) $(dropped ip_lookup_urpf) $(dropped ip_input_land)" "0 0 0" "drops"
expect_eq "$(leat_json '.[0].tx_packets' interfaces interface=b)" 0 "packets that left"
expect_eq "$(leat_json '[.[] | select(.address == "10.3.0.77")] | length' neighbors)" 0 "neighbours"
refuse "stations | grep -q 02:00:00:00:00:fe"
# And so it is.
in_ns a ping -c 1 -W 1 10.9.0.9 >/dev/null || true
expect_eq "$(dropped ip_lookup_blackhole)" 1 'what was explained'
