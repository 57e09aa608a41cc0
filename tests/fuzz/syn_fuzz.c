// SPDX-License-Identifier: BSD-3-Clause
// A client and a server that lie, with the SYN proxy between them: three connections (IPv4, by DNAT, IPv6) say what the input tells them
// to, in numbers near those that would be right. What comes out is judged: checksums, and that numbers were shifted by what the
// session says and by nothing else; and the table, by tests/packet/session_check.h.
//
// The input is a list of steps of four bytes: what, which connection and direction; flags and options; numbers; length and window.
#include "dataplane/dataplane.h"
#include "dataplane/session/syn.h" // lint: allow priv: options as the proxy reads them
#include "firewall/firewall.h"
#include "lib/clock.h"
#include "lib/wire.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/fuzz/lab.h"
#include "tests/fuzz/tracker_ends.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define STEPS_MAX 300
#define DRAINED   200 // turns in which everything must have ended

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config[] =
	"{'system': {'workers': 0}, 'ports': {'a': {'device': 'ring:a'}, 'b': {'device': "
	"'ring:b'}}, 'sessions': {'max': 1000, 'reserve': 10, 'timeouts': {'tcp_opening': '2s', "
	"'tcp_established': '20s', "
	"'tcp_half_closed': '5s', 'tcp_closing': '3s', 'tcp_time_wait': '4s', 'tcp_reset': '2s'}},"
	" 'routers': {'r': {'interfaces': {"
	"   'a': {'port': 'a', 'zone': 'out', 'mac': '02:00:00:00:01:01', 'dad': false, "
	"'addresses': ['10.1.0.1/24', '2001:db8:1::1/64'], 'neighbors': {'10.1.0.9': "
	"'02:00:00:00:01:09', '2001:db8:1::9': '02:00:00:00:01:09'}},"
	"   'b': {'port': 'b', 'zone': 'in', 'mac': '02:00:00:00:01:01', 'dad': false, "
	"'addresses': ['10.2.0.1/24', '2001:db8:2::1/64'], 'neighbors': {'10.2.0.9': "
	"'02:00:00:00:02:09', '2001:db8:2::9': '02:00:00:00:02:09'}}}}},"
	" 'firewall': {'rules': [{'from': 'out', 'to': 'in', 'proto': 'tcp', 'syn_cookies': '0/s', "
	"'action': 'accept'}], 'nat': [{'from': 'out', 'dst': '10.2.0.77', 'proto': 'tcp', "
	"'dport': 80, 'dnat': '10.2.0.9:8080'}]}}";

static struct rte_ring *rx[2], *tx[2];

// A connection: `next` by each end, `heard` of the other; what an end was last told is what it will say.
struct conn {
	const char *client, *called, *server;
	uint16_t called_port, port;
	uint32_t next[2], heard[2];
	struct frame got[2]; // the last frame that came to each end
};
static const struct conn fresh[3] = {
	{"10.1.0.9", "10.2.0.9", "10.2.0.9", 80, 80, {1000, 900000}, {0, 1001}, {{{0}, 0}}},
	{"10.1.0.9", "10.2.0.77", "10.2.0.9", 80, 8080, {0xfffffff0, 5}, {0, 0xfffffff1},
		{{{0}, 0}}},
	{"2001:db8:1::9", "2001:db8:2::9", "2001:db8:2::9", 80, 80, {7, 0x7ffffff0}, {0, 8},
		{{{0}, 0}}},
};
static struct conn conns[3];

_Noreturn static void wrong(const struct conn *c, const char *what) {
	char text[160];

	snprintf(text, sizeof(text), "connection %ld: %s", c ? (long)(c - conns) : -1L, what);
	lab_die(text, NULL);
}

// ---- in and out -------------------------------------------------------------------------------------------------------------

static void turn(void) {
	for (unsigned i = 0; i < 3; i++) // session_tick speaks on the second, and is heard on it
		dp_step();
}

static bool receive(unsigned port, struct frame *f) {
	void *obj;

	if (rte_ring_dequeue(tx[port], &obj) != 0)
		return false;
	struct rte_mbuf *m = obj;
	__rte_mbuf_sanity_check(m, 1);
	f->len = m->pkt_len < FRAME_MAX ? m->pkt_len : FRAME_MAX;
	const uint8_t *at = rte_pktmbuf_read(m, 0, (uint32_t)f->len, f->bytes);
	if (at != f->bytes)
		memcpy(f->bytes, at, f->len);
	rte_pktmbuf_free(m);
	return true;
}

static void put(uint8_t *at, uint32_t value, unsigned bytes) {
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

// What is true of the session before a segment goes in.
struct moment {
	session_ref ref;
	bool open; // numbers are shifted
	uint32_t delta;
};

static struct moment moment_of(const struct frame *f) {
	struct session_packet p;

	if (session_parse(f->bytes + L3, f->len - L3, f->len - L3, 0, &p) != PARSED_FLOW)
		return (struct moment){0};
	for (unsigned domain = 0; domain < 4; domain++) { // there is one VRF, whatever its number
		p.key.domain = (uint16_t)domain;
		session_ref ref = table_find(&p.key, key_hash(&session_table.secret, &p.key));
		if (ref != 0)
			return (struct moment){ref,
				ref_dir(ref)->state > SESSION_TCP_SYN_SENT &&
					ref_cold(ref)->tcp[1].flags & TCP_SIDE_SEEN,
				ref_cold(ref)->user[SESSION_USER_OTHER]};
	}
	return (struct moment){0};
}

// ---- what must be true --------------------------------------------------------------------------------------------------------

static void judge_sound(const struct conn *c, const struct view *v, size_t len) {
	if (v->len > len - L3)
		wrong(c, "a packet is longer than its frame");
	if (header_sum(v) != 0)
		wrong(c, "the header's checksum is wrong");
	if (sum_at(v->proto) != 0 && upper_sum(v) != 0)
		wrong(c, "the upper checksum is wrong");
}

// A segment that went through an open session.
static void judge_shifted(const struct conn *c, unsigned dir, const struct view *was,
	const struct view *is, uint32_t delta) {
	const uint8_t *w = was->ip + was->l4, *i = is->ip + is->l4;
	bool bare = (w[13] & (TCP_SYN | TCP_ACK)) == TCP_SYN;

	if (was->len != is->len || w[12] != i[12] || w[13] != i[13])
		wrong(c, "it is another segment");
	if (memcmp(w + (w[12] >> 4) * 4, i + (w[12] >> 4) * 4,
		    was->len - was->l4 - (w[12] >> 4) * 4u) != 0)
		wrong(c, "its payload is another's");
	if (get32(i + 4) - get32(w + 4) != (dir == 1 && !bare ? delta : 0))
		wrong(c, "its number was not shifted as it should be");
	if (get32(i + 8) - get32(w + 8) != (dir == 0 && w[13] & TCP_ACK ? -delta : 0))
		wrong(c, "its acknowledgement was not shifted as it should be");
}

static void judge_arrived(struct conn *c, unsigned port, const struct frame *f) {
	struct view v = view_of(f->bytes + L3);

	judge_sound(c, &v, f->len);
	if (v.proto != TCP)
		return;
	const uint8_t *tcp = v.ip + v.l4;
	if (port == 0 && tcp[13] == (TCP_SYN | TCP_ACK) && get16(tcp + 14) == 0)
		c->heard[0] = get32(tcp + 4) + 1; // a cookie
	c->got[port] = *f;
}

static bool is_ip(const struct frame *f) {
	unsigned type = get16(f->bytes + 12);

	return f->len >= L3 + 20 && (type == 0x0800 || type == 0x86dd);
}

static unsigned arrivals(struct conn *c, unsigned port, struct frame *last) {
	struct frame f;
	unsigned n = 0;

	while (receive(port, &f)) {
		if (!is_ip(&f))
			continue;
		judge_arrived(c, port, &f);
		*last = f;
		n++;
	}
	return n;
}

static void send_frame(unsigned port, const struct frame *f) {
	if (rte_ring_enqueue(rx[port], lab_frame(f->bytes, f->len, f->len)) != 0)
		lab_die("ring full", NULL);
	turn();
}

// ---- steps ------------------------------------------------------------------------------------------------------------------------

static const uint8_t flag_words[16] = {TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_ACK, TCP_ACK,
	TCP_ACK | TCP_PSH, TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, TCP_ACK, TCP_SYN,
	TCP_SYN | TCP_ACK, 0, TCP_SYN | TCP_FIN, TCP_ACK | TCP_URG, TCP_ACK};
static const uint32_t near[16] = {0, 0, 0, 0, 0, 0, 0, 0, 1, (uint32_t)-1, 100, (uint32_t)-100,
	8192, (uint32_t)-65536, 0x40000000, 0x7fffffff};
static const uint8_t options[8][12] = {
	{2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7},
	{2, 4, 2, 24, 1, 3, 3, 14, 0},
	{4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
	{1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 20, 1},
	{5, 200, 1, 1, 2, 0, 0, 0},
	{3, 3, 200, 2, 3, 1, 1, 1},
	{0},
	{8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1},
};
static const uint16_t lengths[4] = {0, 1, 100, 1400}, windows[4] = {0, 500, 8192, 65535};

static void segment_make(struct frame *f, const struct conn *c, unsigned dir, const uint8_t *data) {
	bool v6 = strchr(c->client, ':');
	const char *from = dir ? c->server : c->client, *to = dir ? c->client : c->called;
	struct end src = end_of(from, v6, 0), dst = end_of(to, v6, 0);
	unsigned flags = flag_words[data[1] & 15], n_options = data[1] & 0x80 ? 12 : 0;
	unsigned payload = flags & TCP_SYN ? 0 : lengths[data[3] & 3];
	uint8_t *tcp = headers(f, dir, v6, TCP, src.addr, dst.addr, 20 + n_options + payload);

	memset(tcp, 0, 20);
	put(tcp, dir ? c->port : 5000, 2);
	put(tcp + 2, dir ? 5000 : c->called_port, 2);
	put(tcp + 4, c->next[dir] + near[data[2] & 15], 4);
	put(tcp + 8, flags & TCP_ACK ? c->heard[dir] + near[data[2] >> 4] : 0, 4);
	tcp[12] = (uint8_t)((20 + n_options) / 4 << 4);
	tcp[13] = (uint8_t)flags;
	put(tcp + 14, windows[data[3] >> 2 & 3], 2);
	memcpy(tcp + 20, options[data[1] >> 4 & 7], n_options);
	for (unsigned i = 0; i < payload; i++)
		tcp[20 + n_options + i] = (uint8_t)(i * 7);
	sums_set(f->bytes + L3);
}

static void talk(struct conn *c, unsigned dir, const uint8_t *data) {
	struct frame sent, there, back;

	segment_make(&sent, c, dir, data);
	struct moment m = moment_of(&sent);
	send_frame(dir, &sent);
	unsigned n = arrivals(c, !dir, &there);
	(void)arrivals(c, dir, &back);
	struct view was = view_of(sent.bytes + L3), is = view_of(there.bytes + L3);
	const uint8_t *tcp = was.ip + was.l4;
	if (n > 2)
		wrong(c, "more came than was sent");
	if (n == 0 || is.proto != TCP)
		return;
	struct moment after = moment_of(&sent);
	if (m.open && after.ref == m.ref && after.open && after.delta == m.delta && n == 1)
		judge_shifted(c, dir, &was, &is, m.delta);
	// both ends go on from what arrived
	const uint8_t *got = is.ip + is.l4;
	size_t payload = is.len - is.l4 - (got[12] >> 4) * 4u;
	uint32_t end = get32(tcp + 4) + (uint32_t)(was.len - was.l4 - (tcp[12] >> 4) * 4u) +
		!!(tcp[13] & (TCP_SYN | TCP_FIN));
	if (m.open || tcp[13] & TCP_SYN)
		c->next[dir] = end;
	c->heard[!dir] = get32(got + 4) + (uint32_t)payload + !!(got[13] & (TCP_SYN | TCP_FIN));
}

// An ICMP error about what an end got last.
static void complain(struct conn *c, unsigned dir, const uint8_t *data) {
	const struct frame *about = &c->got[dir];
	struct frame error, last;

	if (about->len == 0)
		return;
	struct view v = view_of(about->bytes + L3);
	size_t quote = 28 + (v.v6 ? 20 : 0) + data[2] % 64;
	if (quote > v.len)
		quote = v.len;
	uint8_t *l4 = headers(&error, dir, v.v6, v.v6 ? ICMP6 : ICMP,
		view_src(&v) + addr_size(v.v6), view_src(&v), 8 + quote);
	memset(l4, 0, 8);
	l4[0] = v.v6 ? 2 : 3;
	l4[1] = v.v6 ? 0 : 4;
	put(l4 + 6, 1280, 2);
	memcpy(l4 + 8, v.ip, quote);
	sums_set(error.bytes + L3);
	send_frame(dir, &error);
	(void)arrivals(c, !dir, &last);
	(void)arrivals(c, dir, &last);
}

static void pass_time(uint64_t ns) {
	struct frame last;

	clock_fake_advance(ns);
	turn();
	session_module.poll(clock_now_ns());
	for (unsigned port = 0; port < 2; port++)
		(void)arrivals(&conns[0], port, &last);
}

static void step(const uint8_t *data) {
	struct conn *c = &conns[data[0] % 3];
	unsigned dir = data[0] >> 2 & 1;

	switch (data[0] >> 4) {
	case 15:
		pass_time((1 + data[1]) * 100 * NSEC_PER_MSEC);
		break;
	case 14:
	case 13:
		complain(c, dir, data);
		break;
	case 12:
		session_policy_changed();
		turn();
		break;
	default:
		talk(c, dir, data);
	}
}

// ---- all of it ----------------------------------------------------------------------------------------------------------------------

int LLVMFuzzerInitialize(int *, char ***) {
	static const struct module *const modules[] = {&dataplane_module, &session_module,
		&switch_module, &router_module, &firewall_module, NULL};

	lab_start(modules, config);
	for (unsigned i = 0; i < 2; i++) {
		rx[i] = lab_ring('r', "ab"[i]);
		tx[i] = lab_ring('t', "ab"[i]);
	}
	for (unsigned i = 0; i < 12; i++) // what interfaces say of themselves at first
		pass_time(NSEC_PER_SEC);
	session_syn_secret =
		(struct siphash_key){{1, 2}}; // an input does the same in every process
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	unsigned before = lab_in_use();
	const char *why;

	memcpy(conns, fresh, sizeof(conns));
	for (unsigned n = 0; size >= 4 && n < STEPS_MAX; n++, data += 4, size -= 4)
		step(data);
	if ((why = session_check()) != NULL)
		wrong(NULL, why);
	pass_time(1); // what rules before have left is freed
	for (unsigned i = 0; i < DRAINED && session_table.used > 0; i++)
		pass_time(NSEC_PER_SEC / 2);
	if ((why = session_check()) != NULL)
		wrong(NULL, why);
	if (session_table.used != 0)
		wrong(NULL, "sessions outlive their time");
	if (lab_in_use() != before)
		wrong(NULL, "packet buffers were lost");
	return 0;
}
