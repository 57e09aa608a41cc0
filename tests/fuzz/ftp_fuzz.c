// SPDX-License-Identifier: BSD-3-Clause
// A whole FTP control connection through session, tracker, NAT and helper: whatever both ends say, each hears a stream without holes, repeated
// as it was repeated, with right checksums and in the other end's numbers.
//
// The input: a byte (bit 0: IPv6, bit 1: the server is inside, behind DNAT), then segments: a byte (bit 0: the server speaks, bit 1: the
// last segment of that end once more), a length, the text.
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "firewall/firewall.h"
#include "firewall/ftp/ftp.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/fuzz/lab.h"
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS  40
#define FRAME_MAX 700
#define L3        14

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config[] =
	"{'system': {'workers': 0}, 'ports': {'a': {'device': 'ring:a'}, 'b': {'device': "
	"'ring:b'}}, 'sessions': {'max': 1000, 'reserve': 10, 'timeouts': {'tcp_reset': '1s'}},"
	" 'routers': {'r': {'interfaces': {"
	"   'a': {'port': 'a', 'zone': 'in', 'mac': '02:00:00:00:01:01', 'dad': false, "
	"'addresses': ['10.1.0.1/24', '2001:db8:1::1/64'], 'neighbors': {'10.1.0.9': "
	"'02:00:00:00:01:09', '2001:db8:1::9': '02:00:00:00:01:09'}},"
	"   'b': {'port': 'b', 'zone': 'out', 'mac': '02:00:00:00:01:01', 'dad': false, "
	"'addresses': ['10.2.0.1/24', '2001:db8:2::1/64'], 'neighbors': {'10.2.0.9': "
	"'02:00:00:00:02:09', '2001:db8:2::9': '02:00:00:00:02:09'}}}}},"
	" 'firewall': {'rules': [{'proto': 'tcp', 'dport': 21, 'helper': 'ftp', 'action': "
	"'accept'}], 'nat': [{'to': 'out', 'proto': 'tcp', 'dport': 21, 'dst': '10.2.0.1', "
	"'dnat': '10.1.0.9'}, {'to': 'out', 'proto': 'tcp', 'dport': 21, 'dst': "
	"'2001:db8:2::1', 'dnat': '2001:db8:1::9'}, {'from': 'in', 'to': 'out', 'masquerade': "
	"true}]}}";

static struct rte_ring *rx[2], *tx[2];

// One end: 0 is the client. `peer_*`: how it knows the other one.
struct end {
	unsigned port; // 0: a, inside
	uint8_t addr[16], peer_addr[16];
	uint16_t number, peer_number;
	uint32_t next, heard;
	uint8_t last[255]; // its last segment
	uint32_t last_len, last_seq;
	uint8_t got[FRAME_MAX]; // what the other end heard of it
	uint32_t got_len, got_seq;
};
static struct end ends[2];
static bool v6;

static void must(bool holds, const char *what) {
	if (!holds)
		lab_die(what, NULL);
}

// ---- frames -----------------------------------------------------------------------------------------------------

static void put_addr(const char *text, uint8_t addr[16]) {
	struct addr a;

	addr_parse(text, &a);
	memcpy(addr, a.bytes, 16);
}

static struct rte_tcp_hdr *tcp_of(uint8_t *frame) {
	return (void *)(frame + L3 + (v6 ? 40 : 20));
}

static void send_segment(
	const struct end *e, uint8_t flags, uint32_t seq, const uint8_t *text, uint32_t len) {
	uint8_t frame[FRAME_MAX] = {2, 0, 0, 0, 1, 1, 2, 0, 0, 0, (uint8_t)(e->port + 1), 9};
	struct rte_tcp_hdr *tcp = tcp_of(frame);
	uint16_t bytes = (uint16_t)(20 + len);

	*tcp = (struct rte_tcp_hdr){.src_port = e->number,
		.dst_port = e->peer_number,
		.sent_seq = rte_cpu_to_be_32(seq),
		.recv_ack = flags & RTE_TCP_ACK_FLAG ? rte_cpu_to_be_32(e->heard) : 0,
		.data_off = 5 << 4,
		.tcp_flags = flags,
		.rx_win = RTE_BE16(60000)};
	if (len > 0)
		memcpy(tcp + 1, text, len);
	if (v6) {
		struct rte_ipv6_hdr *ip = (void *)(frame + L3);
		frame[12] = 0x86, frame[13] = 0xdd;
		*ip = (struct rte_ipv6_hdr){.vtc_flow = RTE_BE32(6u << 28),
			.payload_len = rte_cpu_to_be_16(bytes),
			.proto = IPPROTO_TCP,
			.hop_limits = 64};
		memcpy(ip->src_addr, e->addr, 16);
		memcpy(ip->dst_addr, e->peer_addr, 16);
		tcp->cksum = rte_ipv6_udptcp_cksum(ip, tcp);
	} else {
		struct rte_ipv4_hdr *ip = (void *)(frame + L3);
		frame[12] = 8;
		*ip = (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = rte_cpu_to_be_16((uint16_t)(20 + bytes)),
			.next_proto_id = IPPROTO_TCP,
			.time_to_live = 64};
		memcpy(&ip->src_addr, e->addr, 4);
		memcpy(&ip->dst_addr, e->peer_addr, 4);
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	}
	uint32_t all = L3 + (v6 ? 40u : 20u) + bytes;
	if (all < 60)
		all = 60; // padded, as Ethernet has it
	must(rte_ring_enqueue(rx[e->port], lab_frame(frame, all, all)) == 0, "the ring is full");
	dp_step();
	dp_step();
}

// What the other end of `e` hears next; false: nothing. Numbers in host order.
static bool receive(struct end *to, uint8_t *frame, uint32_t *seq, uint32_t *ack, uint32_t *len) {
	void *obj;

	if (rte_ring_dequeue(tx[to->port], &obj) != 0)
		return false;
	struct rte_mbuf *m = obj;
	must(m->pkt_len <= FRAME_MAX, "a frame of a size that nobody sent");
	const uint8_t *at = rte_pktmbuf_read(m, 0, m->pkt_len, frame);
	if (at != frame)
		memcpy(frame, at, m->pkt_len);
	uint32_t there = m->pkt_len;
	rte_pktmbuf_free(m);
	struct rte_tcp_hdr *tcp = tcp_of(frame);
	uint32_t bytes;
	if (v6) {
		struct rte_ipv6_hdr *ip = (void *)(frame + L3);
		bytes = rte_be_to_cpu_16(ip->payload_len);
		must(there >= L3 + 40 + bytes, "IP says more than there is");
		must(rte_ipv6_udptcp_cksum_verify(ip, tcp) == 0, "a checksum of TCP is wrong");
	} else {
		struct rte_ipv4_hdr *ip = (void *)(frame + L3);
		bytes = rte_be_to_cpu_16(ip->total_length) - 20u;
		must(there >= L3 + 20 + bytes, "IP says more than there is");
		must(rte_raw_cksum(ip, 20) == 0xffff, "a checksum of IP is wrong");
		must(rte_ipv4_udptcp_cksum_verify(ip, tcp) == 0, "a checksum of TCP is wrong");
	}
	*seq = rte_be_to_cpu_32(tcp->sent_seq);
	*ack = rte_be_to_cpu_32(tcp->recv_ack);
	*len = bytes - 20;
	return true;
}

static void address_learn(struct end *to, uint8_t *frame) {
	to->peer_number = tcp_of(frame)->src_port;
	memset(to->peer_addr, 0, 16);
	memcpy(to->peer_addr, frame + L3 + (v6 ? 8 : 12), v6 ? 16 : 4);
}

// ---- conversations ----------------------------------------------------------------------------------------------

static void begin(bool server_inside) {
	static uint16_t number = 20000;
	struct end *c = &ends[0], *s = &ends[1];
	uint8_t frame[FRAME_MAX];
	uint32_t seq, ack, len;

	memset(ends, 0, sizeof(ends));
	c->port = server_inside;
	s->port = !server_inside;
	put_addr(v6 ? (server_inside ? "2001:db8:2::9" : "2001:db8:1::9")
		    : (server_inside ? "10.2.0.9" : "10.1.0.9"),
		c->addr);
	put_addr(v6 ? (server_inside ? "2001:db8:1::9" : "2001:db8:2::9")
		    : (server_inside ? "10.1.0.9" : "10.2.0.9"),
		s->addr);
	memcpy(c->peer_addr, s->addr, 16);
	if (server_inside)
		put_addr(v6 ? "2001:db8:2::1" : "10.2.0.1", c->peer_addr);
	number = number == 60000 ? 20000 : number + 1;
	c->number = rte_cpu_to_be_16(number);
	c->peer_number = s->number = RTE_BE16(21);
	c->next = 0xffffff00; // it wraps soon
	s->next = 1000;
	send_segment(c, RTE_TCP_SYN_FLAG, c->next++, NULL, 0);
	must(receive(s, frame, &seq, &ack, &len) && seq + 1 == c->next, "no SYN arrives");
	address_learn(s, frame);
	s->heard = c->next;
	send_segment(s, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, s->next++, NULL, 0);
	must(receive(c, frame, &seq, &ack, &len) && ack == c->next, "no SYN/ACK arrives");
	c->heard = s->next;
	send_segment(c, RTE_TCP_ACK_FLAG, c->next, NULL, 0);
	must(receive(s, frame, &seq, &ack, &len) && seq == s->heard && ack == s->next,
		"no ACK arrives");
}

static void say(unsigned who, bool again, const uint8_t *text, uint32_t len) {
	struct end *from = &ends[who], *to = &ends[!who];
	uint8_t frame[FRAME_MAX];
	uint32_t seq, ack, got;

	if (again && from->last_len == 0)
		return;
	if (!again) {
		memcpy(from->last, text, len);
		from->last_len = len;
		from->last_seq = from->next;
		from->next += len;
	}
	send_segment(from, RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, from->last_seq, from->last,
		from->last_len);
	must(receive(to, frame, &seq, &ack, &got), "a segment is lost");
	const uint8_t *is = (uint8_t *)(tcp_of(frame) + 1);
	must(ack == to->next, "what is acknowledged is not what was sent");
	if (again) {
		must(seq == from->got_seq && got == from->got_len &&
				memcmp(is, from->got, got) == 0,
			"a repetition is another segment");
		return;
	}
	must(seq == to->heard, "the stream has a hole");
	must(got > 0 && got <= len + FTP_TEXT, "a segment grew by more than an endpoint");
	to->heard += got;
	memcpy(from->got, is, got);
	from->got_len = got;
	from->got_seq = seq;
	// and what was heard comes back as it was sent
	send_segment(to, RTE_TCP_ACK_FLAG, to->next, NULL, 0);
	must(receive(from, frame, &seq, &ack, &got) && ack == from->next && seq == from->heard,
		"an acknowledgement is not in its sender's numbers");
}

int LLVMFuzzerInitialize(int *, char ***) {
	static const struct module *const modules[] = {&dataplane_module, &session_module,
		&switch_module, &router_module, &firewall_module, NULL};
	void *obj;

	lab_start(modules, config);
	for (unsigned i = 0; i < 2; i++) {
		rx[i] = lab_ring('r', "ab"[i]);
		tx[i] = lab_ring('t', "ab"[i]);
	}
	for (unsigned i = 0; i < 12; i++) { // what interfaces say of themselves at first
		clock_fake_advance(NSEC_PER_SEC);
		dp_step();
		for (unsigned p = 0; p < 2; p++)
			while (rte_ring_dequeue(tx[p], &obj) == 0)
				rte_pktmbuf_free(obj);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	uint8_t frame[FRAME_MAX];
	uint32_t seq, ack, got;

	if (size < 1)
		return 0;
	v6 = data[0] & 1;
	begin(data[0] & 2);
	data++;
	size--;
	for (unsigned n = 0; n < SEGMENTS && size >= 2; n++) {
		uint32_t len = data[1] < size - 2 ? data[1] : (uint32_t)size - 2;

		if (len > 0)
			say(data[0] & 1, data[0] & 2, data + 2, len);
		data += 2 + len;
		size -= 2 + len;
	}
	send_segment(&ends[0], RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG, ends[0].next, NULL, 0);
	must(receive(&ends[1], frame, &seq, &ack, &got) && seq == ends[1].heard,
		"no reset arrives");
	for (unsigned i = 0; i < 4; i++) {
		clock_fake_advance(NSEC_PER_SEC);
		dp_step();
	}
	return 0;
}
