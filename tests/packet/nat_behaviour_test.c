// SPDX-License-Identifier: BSD-3-Clause
// What a NAT must do, as one table: RFC 4787 (UDP), 5382 (TCP), 5508 (ICMP), 6296 (prefixes), 7857 (timers); clause, configuration, and what
// is said and heard. Port a is inside (10.1.0.1/24, 2001:db8:1::1/64), c too (10.3.0.1/24), b outside (10.2.0.1/24, 2001:db8:2::1/64).
//
//   a udp 10.1.0.9:5000 10.2.0.9:53 -> b $x:$p 10.2.0.9:53      in by a, out by b with these ends, byte for byte; $: kept when first met
//   b udp ...  -> none      nothing comes out anywhere
//   wait 300                seconds
//   differ $p 5000; same $p $q; parity $p 5000; low $p; used 3    ports in use
//   b error 10.2.0.7 -> a   an ICMP "unreachable" by that router about what was last seen there is told to who sent it
//
// udp; syn, synack, ack, fin, rst of TCP (whoever is at a or c counts from 1000, b from 5000); ping, pong (the port is the identifier).
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "firewall/firewall.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MASQ   "{ from = 'in', to = 'out', masquerade = true }"
#define OPEN   "{ from = 'in', to = 'out', masquerade = true, filtering = 'endpoint-independent' }"
#define POOL   "{ from = 'in', to = 'out', snat = '192.0.2.16-192.0.2.31' }"
#define WEB    "{ to = 'out', proto = 'tcp', dport = 80, dnat = '10.1.0.9:8080' }"
#define STATIC "{ to = 'out', static = { external = '192.0.2.0/24', internal = '10.1.0.0/24' } }"
#define NPT                                                                                       \
	"{ to = 'out', static = { external = '2001:db8:aaaa::/64', internal = '2001:db8:1::/64' " \
	"} }"

// TCP from inside, opened; and closed by both.
#define OPENED                                                                \
	"a syn 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n"    \
	"b synack 10.2.0.9:80 10.2.0.1:5000 -> a 10.2.0.9:80 10.1.0.9:5000\n" \
	"a ack 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n"
#define HEARD "b ack 10.2.0.9:80 10.2.0.1:5000 -> a 10.2.0.9:80 10.1.0.9:5000\n"
#define DEAF  "b ack 10.2.0.9:80 10.2.0.1:5000 -> none\n"

static const struct {
	const char *clause, *what, *nat, *steps;
} cases[] = {
	// ---- mapping
	{"4787 REQ-1", "one mapping for all destinations", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"a udp 10.1.0.9:5000 10.2.0.8:53 -> b 10.2.0.1:5000 10.2.0.8:53\n"
		"a udp 10.1.0.9:5000 10.2.0.9:54 -> b 10.2.0.1:5000 10.2.0.9:54\n"
		"used 1"},
	{"4787 REQ-1", "also when it is not the port of the inside", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"a udp 10.1.0.8:5000 10.2.0.9:53 -> b 10.2.0.1:$p 10.2.0.9:53\n"
		"a udp 10.1.0.8:5000 10.2.0.8:99 -> b 10.2.0.1:$p 10.2.0.8:99\n"
		"used 2"},
	{"4787 REQ-2", "one external address for all of a host", POOL,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b $x:5000 10.2.0.9:53\n"
		"a udp 10.1.0.9:5001 10.2.0.8:53 -> b $x:5001 10.2.0.8:53\n"
		"a syn 10.1.0.9:5002 10.2.0.9:80 -> b $x:5002 10.2.0.9:80\n"
		"a ping 10.1.0.9:77 10.2.0.9:0 -> b $x:77 10.2.0.9:0"},
	{"4787 REQ-3", "no port for two hosts", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"a udp 10.1.0.8:5000 10.2.0.9:53 -> b 10.2.0.1:$p 10.2.0.9:53\n"
		"c udp 10.3.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:$q 10.2.0.9:53\n"
		"differ $p 5000\ndiffer $q 5000\ndiffer $p $q\n"
		"b udp 10.2.0.9:53 10.2.0.1:$p -> a 10.2.0.9:53 10.1.0.8:5000\n"
		"b udp 10.2.0.9:53 10.2.0.1:$q -> c 10.2.0.9:53 10.3.0.9:5000"},
	{"4787 REQ-3a", "ports below 1024 stay there", MASQ,
		"a udp 10.1.0.9:700 10.2.0.9:53 -> b 10.2.0.1:700 10.2.0.9:53\n"
		"a udp 10.1.0.8:700 10.2.0.9:53 -> b 10.2.0.1:$p 10.2.0.9:53\n"
		"differ $p 700\nlow $p"},
	{"4787 REQ-4", "even stays even, odd stays odd", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"a udp 10.1.0.8:5000 10.2.0.9:53 -> b 10.2.0.1:$p 10.2.0.9:53\n"
		"a udp 10.1.0.9:5001 10.2.0.9:53 -> b 10.2.0.1:5001 10.2.0.9:53\n"
		"a udp 10.1.0.8:5001 10.2.0.9:53 -> b 10.2.0.1:$q 10.2.0.9:53\n"
		"parity $p 5000\nparity $q 5001"},
	{"4787 REQ-11", "the same again after its end", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"wait 400\nused 0\n"
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53"},
	{"5382 REQ-1", "TCP: one mapping for all destinations", MASQ,
		"a syn 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n"
		"a syn 10.1.0.8:5000 10.2.0.9:80 -> b 10.2.0.1:$p 10.2.0.9:80\n"
		"a syn 10.1.0.8:5000 10.2.0.8:81 -> b 10.2.0.1:$p 10.2.0.8:81\n"
		"differ $p 5000\nused 2"},
	{"5382 REQ-7", "TCP: no port for two hosts, and TCP's are not UDP's", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n"
		"a syn 10.1.0.8:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n"
		"a syn 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:$p 10.2.0.9:80\n"
		"differ $p 5000"},
	{"5508 REQ-1", "ping: one identifier for all destinations, none for two hosts", MASQ,
		"a ping 10.1.0.9:77 10.2.0.9:0 -> b 10.2.0.1:77 10.2.0.9:0\n"
		"a ping 10.1.0.8:77 10.2.0.9:0 -> b 10.2.0.1:$p 10.2.0.9:0\n"
		"a ping 10.1.0.8:77 10.2.0.8:0 -> b 10.2.0.1:$p 10.2.0.8:0\n"
		"differ $p 77\n"
		"b pong 10.2.0.9:0 10.2.0.1:$p -> a 10.2.0.9:0 10.1.0.8:77\n"
		"b pong 10.2.0.9:0 10.2.0.1:77 -> a 10.2.0.9:0 10.1.0.9:77"},

	// ---- filtering
	{"4787 REQ-8", "by default only who was spoken to may answer", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"b udp 10.2.0.9:53 10.2.0.1:5000 -> a 10.2.0.9:53 10.1.0.9:5000\n"
		"b udp 10.2.0.9:54 10.2.0.1:5000 -> none\n"
		"b udp 10.2.0.8:53 10.2.0.1:5000 -> none\n"
		"b udp 10.2.0.9:53 10.2.0.1:5001 -> none"},
	{"4787 REQ-8", "endpoint-independent: anybody, on a mapped port", OPEN,
		"b udp 10.2.0.8:7 10.2.0.1:5000 -> none\n"
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"b udp 10.2.0.8:7 10.2.0.1:5000 -> a 10.2.0.8:7 10.1.0.9:5000\n"
		"a udp 10.1.0.9:5000 10.2.0.8:7 -> b 10.2.0.1:5000 10.2.0.8:7\n"
		"b udp 10.2.0.8:7 10.2.0.1:5002 -> none\n"
		"b syn 10.2.0.8:7 10.2.0.1:5000 -> none"},
	{"5382 REQ-3", "TCP: only who was spoken to", MASQ,
		"a syn 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n"
		"b synack 10.2.0.8:80 10.2.0.1:5000 -> none\n"
		"b synack 10.2.0.9:81 10.2.0.1:5000 -> none\n"
		"b synack 10.2.0.9:80 10.2.0.1:5000 -> a 10.2.0.9:80 10.1.0.9:5000"},
	{"5382 REQ-3", "TCP, endpoint-independent", OPEN,
		"a syn 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n"
		"b syn 10.2.0.8:7 10.2.0.1:5000 -> a 10.2.0.8:7 10.1.0.9:5000\n"
		"a synack 10.1.0.9:5000 10.2.0.8:7 -> b 10.2.0.1:5000 10.2.0.8:7"},
	{"5382 REQ-4", "a SYN that nobody asked for is met by silence", MASQ,
		"b syn 10.2.0.9:1000 10.2.0.1:5000 -> none\n"
		"wait 7\n"
		"b syn 10.2.0.9:1000 10.2.0.1:5000 -> none\nused 0"},
	{"5382 REQ-2", "simultaneous open", MASQ,
		"a syn 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n"
		"b syn 10.2.0.9:80 10.2.0.1:5000 -> a 10.2.0.9:80 10.1.0.9:5000\n"
		"a synack 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n"
		"b synack 10.2.0.9:80 10.2.0.1:5000 -> a 10.2.0.9:80 10.1.0.9:5000\n"
		"a ack 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n" HEARD
		"wait 300\n" HEARD},
	{"5382 REQ-2", "what begins no connection", MASQ,
		"a ack 10.1.0.9:5000 10.2.0.9:80 -> none\n"
		"a synack 10.1.0.9:5000 10.2.0.9:80 -> none\n"
		"a rst 10.1.0.9:5000 10.2.0.9:80 -> none\nused 0"},
	{"5508 REQ-1", "an answer that nobody asked for", MASQ,
		"b pong 10.2.0.9:0 10.2.0.1:77 -> none\n"
		"a ping 10.1.0.9:77 10.2.0.9:0 -> b 10.2.0.1:77 10.2.0.9:0\n"
		"b pong 10.2.0.8:0 10.2.0.1:77 -> none\n"
		"b pong 10.2.0.9:0 10.2.0.1:78 -> none"},

	// ---- timers
	{"4787 REQ-5", "UDP, unanswered: not under 2 minutes", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"wait 119\nb udp 10.2.0.9:53 10.2.0.1:5000 -> a 10.2.0.9:53 10.1.0.9:5000"},
	{"4787 REQ-5", "UDP, unanswered: ends", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"wait 123\nb udp 10.2.0.9:53 10.2.0.1:5000 -> none\nused 0"},
	{"4787 REQ-5c", "UDP, answered: 5 minutes", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"b udp 10.2.0.9:53 10.2.0.1:5000 -> a 10.2.0.9:53 10.1.0.9:5000\n"
		"wait 299\nb udp 10.2.0.9:53 10.2.0.1:5000 -> a 10.2.0.9:53 10.1.0.9:5000\n"
		"wait 303\nb udp 10.2.0.9:53 10.2.0.1:5000 -> none\nused 0"},
	{"4787 REQ-6", "UDP: what goes out refreshes", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"wait 100\na udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"wait 100\nb udp 10.2.0.9:53 10.2.0.1:5000 -> a 10.2.0.9:53 10.1.0.9:5000\n"
		"wait 250\na udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"wait 250\nb udp 10.2.0.9:53 10.2.0.1:5000 -> a 10.2.0.9:53 10.1.0.9:5000"},
	{"4787 REQ-6", "and another destination keeps the mapping, not the way back", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"wait 100\na udp 10.1.0.9:5000 10.2.0.8:53 -> b 10.2.0.1:5000 10.2.0.8:53\n"
		"wait 60\nb udp 10.2.0.9:53 10.2.0.1:5000 -> none\n"
		"b udp 10.2.0.8:53 10.2.0.1:5000 -> a 10.2.0.8:53 10.1.0.9:5000"},
	{"5382 REQ-5", "TCP, open: 2 h 4 min", MASQ,
		OPENED "wait 7439\n" HEARD "wait 7445\n" DEAF "used 0"},
	{"5382 REQ-5", "TCP, not opened: 4 minutes", MASQ,
		"a syn 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n"
		"wait 239\n"
		"b synack 10.2.0.9:80 10.2.0.1:5000 -> a 10.2.0.9:80 10.1.0.9:5000\n"
		"wait 244\n" DEAF "used 0"},
	{"5382 REQ-5", "TCP, one side has ended: 4 minutes", MASQ,
		OPENED "a fin 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n"
		       "wait 239\n" HEARD "wait 244\n" DEAF "used 0"},
	{"7857 section 2.2", "TCP, reset: 4 minutes, and what crossed it still passes", MASQ,
		OPENED "a rst 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80\n" HEARD
		       "wait 239\n" HEARD "wait 244\n" DEAF "used 0"},
	{"5508 REQ-2", "ping: 60 s", MASQ,
		"a ping 10.1.0.9:77 10.2.0.9:0 -> b 10.2.0.1:77 10.2.0.9:0\n"
		"wait 59\nb pong 10.2.0.9:0 10.2.0.1:77 -> a 10.2.0.9:0 10.1.0.9:77\n"
		"wait 63\nb pong 10.2.0.9:0 10.2.0.1:77 -> none\nused 0"},

	// ---- from inside to inside
	{"4787 REQ-9", "by a mapped port, with the external source", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"a udp 10.1.0.8:6000 10.2.0.1:5000 -> a 10.2.0.1:6000 10.1.0.9:5000\n"
		"a udp 10.1.0.9:5000 10.2.0.1:6000 -> a 10.2.0.1:5000 10.1.0.8:6000"},
	{"4787 REQ-9", "also from another link of the inside", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"c udp 10.3.0.9:6000 10.2.0.1:5000 -> a 10.2.0.1:6000 10.1.0.9:5000\n"
		"a udp 10.1.0.9:5000 10.2.0.1:6000 -> c 10.2.0.1:5000 10.3.0.9:6000"},
	{"5382 REQ-8", "TCP, by a forwarded port", WEB ", " MASQ,
		"a syn 10.1.0.8:6000 10.2.0.1:80 -> a 10.2.0.1:6000 10.1.0.9:8080\n"
		"a synack 10.1.0.9:8080 10.2.0.1:6000 -> a 10.2.0.1:80 10.1.0.8:6000"},
	{"5508 REQ-7", "ping of a static address", STATIC,
		"a ping 10.1.0.8:77 192.0.2.9:0 -> a 192.0.2.8:77 10.1.0.9:0\n"
		"a pong 10.1.0.9:0 192.0.2.8:77 -> a 192.0.2.9:0 10.1.0.8:77"},

	// ---- errors
	{"4787 REQ-12", "an error ends no mapping", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"b error 10.2.0.7 -> a\n"
		"b udp 10.2.0.9:53 10.2.0.1:5000 -> a 10.2.0.9:53 10.1.0.9:5000\n"
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53"},
	{"5382 REQ-9", "TCP: an error reaches the sender and ends nothing", MASQ,
		OPENED "b error 10.2.0.7 -> a\n" HEARD
		       "a ack 10.1.0.9:5000 10.2.0.9:80 -> b 10.2.0.1:5000 10.2.0.9:80"},
	{"5508 REQ-4", "an error of the inside goes out by the external address", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"b udp 10.2.0.9:53 10.2.0.1:5000 -> a 10.2.0.9:53 10.1.0.9:5000\n"
		"a error 10.1.0.9 -> b"},
	{"5508 REQ-3", "about a ping", MASQ,
		"a ping 10.1.0.9:77 10.2.0.9:0 -> b 10.2.0.1:77 10.2.0.9:0\n"
		"b error 10.2.0.7 -> a\n"
		"b pong 10.2.0.9:0 10.2.0.1:77 -> a 10.2.0.9:0 10.1.0.9:77"},
	{"5508 REQ-5", "an error keeps nothing alive", MASQ,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 10.2.0.1:5000 10.2.0.9:53\n"
		"wait 100\nb error 10.2.0.7 -> a\n"
		"wait 30\nb udp 10.2.0.9:53 10.2.0.1:5000 -> none"},

	// ---- forwarded ports, one for one, prefixes
	{"forwarded", "a port leads inside, and its answers look like it", WEB,
		"b syn 10.2.0.9:1000 10.2.0.1:80 -> a 10.2.0.9:1000 10.1.0.9:8080\n"
		"a synack 10.1.0.9:8080 10.2.0.9:1000 -> b 10.2.0.1:80 10.2.0.9:1000\n"
		"b syn 10.2.0.9:1000 10.2.0.1:81 -> none\n"
		"b udp 10.2.0.9:1000 10.2.0.1:80 -> none"},
	{"one for one", "both ways, ports as they are", STATIC,
		"a udp 10.1.0.9:5000 10.2.0.9:53 -> b 192.0.2.9:5000 10.2.0.9:53\n"
		"a syn 10.1.0.8:5000 10.2.0.9:80 -> b 192.0.2.8:5000 10.2.0.9:80"},
	{"6296 section 3", "prefixes of IPv6, checksum-neutral", NPT,
		"a udp [2001:db8:1::9]:5000 [2001:db8:2::9]:53 -> b [2001:db8:aaaa:0:5556::9]:5000 "
		"[2001:db8:2::9]:53\n"
		"b udp [2001:db8:2::9]:53 [2001:db8:aaaa:0:5556::9]:5000 -> a [2001:db8:2::9]:53 "
		"[2001:db8:1::9]:5000\n"
		"a syn [2001:db8:1::9]:5001 [2001:db8:2::9]:80 -> b [2001:db8:aaaa:0:5556::9]:5001 "
		"[2001:db8:2::9]:80"},
	{"masquerade", "IPv6 is masqueraded as IPv4 is", MASQ,
		"a udp [2001:db8:1::9]:5000 [2001:db8:2::9]:53 -> b [2001:db8:2::1]:5000 "
		"[2001:db8:2::9]:53\n"
		"b udp [2001:db8:2::9]:53 [2001:db8:2::1]:5000 -> a [2001:db8:2::9]:53 "
		"[2001:db8:1::9]:5000\n"
		"b udp [2001:db8:2::8]:53 [2001:db8:2::1]:5000 -> none"},
};

// ---- the lab ---------------------------------------------------------------------------------------------------------

static void start(const char *nat) {
	static const char lab[] =
		"local function i(port, n, zone) local a = '02:00:00:00:0' .. n .. ':0' return { "
		"port = port, zone = zone, mac = a .. '1', dad = false, addresses = { '10.' .. n "
		".. '.0.1/24', '2001:db8:' .. n .. '::1/64' }, neighbors = {"
		"  ['10.' .. n .. '.0.9'] = a .. '9', ['2001:db8:' .. n .. '::9'] = a .. '9',"
		"  ['10.' .. n .. '.0.8'] = a .. '8', ['2001:db8:' .. n .. '::8'] = a .. '8' } } "
		"end return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = "
		"{ "
		"device = 'ring:c' } }, sessions = { max = 1000, reserve = 10 }, routers = { r = { "
		"interfaces = { a = i('a', 1, 'in'), b = i('b', 2, 'out'), c = i('c', 3, 'in') } } "
		"}, firewall = { rules = { { from = 'in', action = 'accept' }, { from = 'out', to "
		"= "
		"'in', proto = 'tcp', dport = 8080, action = 'accept' } }, nat = { %s } } }";
	char text[4096];

	snprintf(text, sizeof(text), lab, nat);
	packet_config(text);
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
}

static void flush(void) {
	packet_flush("sessions", "{}");
	assert_int_equal(packet_sum("nat-ports", "used"), 0);
}

// ---- words -------------------------------------------------------------------------------------------------------------

static char kept[128][64]; // by the letter of its name; "": not met yet

static const char *value_of(const char *word) {
	return word[0] == '$' ? kept[(unsigned char)word[1] & 127] : word;
}

struct end {
	char addr[64], port[16]; // as written
};

static struct end end_parse(const char *word) {
	struct end e = {0};
	const char *colon = strrchr(word, ':');

	assert_non_null(colon);
	bool bracket = word[0] == '[';
	snprintf(e.addr, sizeof(e.addr), "%.*s", (int)(colon - word) - 2 * bracket, word + bracket);
	snprintf(e.port, sizeof(e.port), "%s", colon + 1);
	return e;
}

// What is met for the first time is kept.
static void keep(const char *word, const char *is) {
	if (word[0] == '$' && value_of(word)[0] == '\0')
		snprintf(kept[(unsigned char)word[1] & 127], sizeof(kept[0]), "%s", is);
}

// ---- frames --------------------------------------------------------------------------------------------------------------

static size_t l4_of(const struct frame *f) {
	return 14 + (f->bytes[14] >> 4 == 6 ? 40 : 20);
}

static unsigned tcp_flags(const char *kind) {
	static const struct {
		const char *kind;
		unsigned flags;
	} kinds[] = {{"syn", 2}, {"synack", 0x12}, {"ack", 0x10}, {"fin", 0x11}, {"rst", 0x14}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].flags;
	return 0;
}

static void tcp_fill(struct frame *f, char from, unsigned flags, bool to_inside) {
	uint32_t own = from == 'b' ? 5000 : 1000, other = from == 'b' || to_inside ? 1000 : 5000;
	uint32_t seq = htonl(own + !(flags & 2)), ack = htonl(flags & 0x10 ? other + 1 : 0);

	memcpy(f->bytes + l4_of(f) + 4, &seq, 4);
	memcpy(f->bytes + l4_of(f) + 8, &ack, 4);
	f->bytes[l4_of(f) + 13] = (uint8_t)flags;
}

// `from`: whose numbers TCP has.
static struct frame frame_of(
	char from, const char *kind, const struct end *src, const struct end *dst, bool to_inside) {
	frame_mac router = mac_router(from), host = mac_host(from, 9);
	uint16_t sport = (uint16_t)atoi(value_of(src->port)),
		 dport = (uint16_t)atoi(value_of(dst->port));
	const char *a = value_of(src->addr), *b = value_of(dst->addr);
	bool pong = strcmp(kind, "pong") == 0, v6 = strchr(a, ':');
	struct frame f;

	if (tcp_flags(kind) != 0) {
		f = frame_syn(router, host, a, b, 1460);
		tcp_fill(&f, from, tcp_flags(kind), to_inside);
		frame_ports(&f, sport, dport);
		return f;
	}
	if (strcmp(kind, "udp") == 0) {
		f = frame_udp(router, host, a, b, 60);
		frame_ports(&f, sport, dport);
		return f;
	}
	f = frame_icmp(router, host, a, b, v6 ? 128 + pong : pong ? 0 : 8, 0);
	uint16_t id = htons(pong ? dport : sport);
	memcpy(f.bytes + l4_of(&f) + 4, &id, 2);
	frame_payload(&f, 7); // and its checksum
	return f;
}

// ---- steps -------------------------------------------------------------------------------------------------------------------

static struct frame sent[128],
	seen[128]; // by port: what came out there last, and as it had been sent
static const char *line_now;

#define expect(condition)                             \
	do {                                          \
		if (!(condition))                     \
			fail_msg("at: %s", line_now); \
	} while (0)

static void keep_ends(char to, const char *kind, struct end *src, struct end *dst) {
	const struct frame *f = &seen[(unsigned char)to];
	bool v6 = f->bytes[14] >> 4 == 6, icmp = kind[0] == 'p';
	size_t at = v6 ? 22 : 26, size = v6 ? 16 : 4, l4 = l4_of(f);
	char text[64];

	inet_ntop(v6 ? AF_INET6 : AF_INET, f->bytes + at, text, sizeof(text));
	keep(src->addr, text);
	inet_ntop(v6 ? AF_INET6 : AF_INET, f->bytes + at + size, text, sizeof(text));
	keep(dst->addr, text);
	size_t port = icmp ? 4 : 0;
	snprintf(text, sizeof(text), "%u", f->bytes[l4 + port] << 8 | f->bytes[l4 + port + 1]);
	keep(src->port, text);
	snprintf(text, sizeof(text), "%u", f->bytes[l4 + 2] << 8 | f->bytes[l4 + 3]);
	keep(dst->port, text);
}

static void nothing_came(void) {
	for (char port = 'a'; port <= 'c'; port++)
		expect(!frame_recv(port, &(struct frame){0}));
}

static void say(char from, const char *kind, char *const *word, unsigned n) {
	struct end src = end_parse(word[0]), dst = end_parse(word[1]);
	struct end as = n > 4 ? end_parse(word[4]) : src, at = n > 4 ? end_parse(word[5]) : dst;
	char to = word[3][0];
	bool inside = from != 'b' && (strcmp(word[3], "none") != 0 && to != 'b');
	struct frame f = frame_of(from, kind, &src, &dst, inside);

	frame_send(from, &f);
	if (strcmp(word[3], "none") == 0) {
		nothing_came();
		return;
	}
	expect(frame_recv(to, &seen[(unsigned char)to]));
	sent[(unsigned char)to] = f;
	keep_ends(to, kind, &as, &at);
	struct frame want = frame_of(from, kind, &as, &at, inside);
	frame_hop(&want, 0, 0);
	const struct frame *got = &seen[(unsigned char)to];
	if (got->len != want.len || memcmp(got->bytes + 12, want.bytes + 12, want.len - 12) != 0)
		print_error("%s\n", line_now);
	expect(got->len == want.len);
	assert_memory_equal(got->bytes + 12, want.bytes + 12, want.len - 12);
	nothing_came();
}

// ICMP "host unreachable" about what was last seen at `from`.
static void complain(char from, const char *router, char to) {
	const struct frame *about = &seen[(unsigned char)from], *was = &sent[(unsigned char)from];
	char dst[64];
	struct frame got;

	inet_ntop(AF_INET, about->bytes + 26, dst, sizeof(dst));
	struct frame e = frame_icmp(mac_router(from), mac_host(from, 9), router, dst, 3, 1);
	memset(e.bytes + 38, 0, 4);
	memcpy(e.bytes + 42, about->bytes + 14, e.len - 42);
	frame_payload(&e, (unsigned)(e.bytes[e.len - 2] << 8 | e.bytes[e.len - 1]));
	frame_send(from, &e);
	expect(frame_recv(to, &got));
	expect(frame_sum_ok(&got) && got.bytes[34] == 3 && got.bytes[35] == 1);
	assert_memory_equal(got.bytes + 30, was->bytes + 26, 4);      // to who sent it
	assert_memory_equal(got.bytes + 42 + 12, was->bytes + 26, 8); // about its addresses
	size_t ports = was->bytes[23] == 1 ? 4 : 0;                   // or its identifier
	assert_memory_equal(got.bytes + 62 + ports, was->bytes + 34 + ports, 4 - ports / 2);
	struct frame again = got;
	frame_payload(
		&again, (unsigned)(again.bytes[again.len - 2] << 8 | again.bytes[again.len - 1]));
	assert_memory_equal(again.bytes + 36, got.bytes + 36, 2); // its checksum is right
	if (from == 'a') // nobody sees an address of the inside
		assert_memory_equal(got.bytes + 26, was->bytes + 30, 4);
	nothing_came();
}

static void check(const char *what, const char *x, const char *y) {
	int one = atoi(value_of(x)), other = y ? atoi(value_of(y)) : 0;

	if (strcmp(what, "differ") == 0)
		expect(one != other);
	else if (strcmp(what, "same") == 0)
		expect(one == other);
	else if (strcmp(what, "parity") == 0)
		expect(one % 2 == other % 2);
	else if (strcmp(what, "low") == 0)
		expect(one < 1024);
	else if (strcmp(what, "used") == 0)
		expect(packet_sum("nat-ports", "used") == one);
	else
		fail_msg("what is %s?", what);
}

static void one_step(char *line) {
	char *word[8] = {0}, *save = NULL;
	unsigned n = 0;

	for (char *w = strtok_r(line, " ", &save); w && n < 8; w = strtok_r(NULL, " ", &save))
		word[n++] = w;
	if (strcmp(word[0], "wait") == 0) {
		for (int s = atoi(word[1]); s > 0; s--)
			packet_advance(NSEC_PER_SEC);
		frames_drain();
	} else if (word[0][1] != '\0') {
		check(word[0], word[1], word[2]);
	} else if (strcmp(word[1], "error") == 0) {
		complain(word[0][0], word[2], word[4][0]);
	} else {
		say(word[0][0], word[1], &word[2], n - 2);
	}
}

static void one_case(size_t i) {
	char *steps = strdup(cases[i].steps), *save = NULL;

	print_message("# RFC %s: %s\n", cases[i].clause, cases[i].what);
	memset(kept, 0, sizeof(kept));
	start(cases[i].nat);
	for (char *line = strtok_r(steps, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char copy[256];

		snprintf(copy, sizeof(copy), "%s", line);
		line_now = copy;
		one_step(line);
	}
	free(steps);
	flush();
}

static void what_a_nat_must_do(void **) {
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		one_case(i);
}

static int setup(void **) {
	static const struct module *const modules[] = {
		&session_module, &switch_module, &router_module, &firewall_module, NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_nat_must_do),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
