// SPDX-License-Identifier: BSD-3-Clause
// Tunnels, packet by packet: each type over each family, byte for byte in both directions; TTL, DSCP and ECN; what is refused and why;
// path MTU and ICMP errors from the underlay.
//
// Port a (10.1.0.1/24, 2001:db8:1::1/64) is where packets to be tunnelled come from; b (10.2.0.1/24, 2001:db8:2::1/64) leads to the other
// ends, which are neighbours there. Interface t (10.9.0.1/30, 2001:db8:9::1/64) is the tunnel; 10.9.9.0/24 and 2001:db8:99::/64 are behind it.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const char lab[] =
	"local function i(port, n, more) local t = { port = port, mac = '02:00:00:00:0' .. n .. "
	"':01', "
	"dad = false, addresses = { '10.' .. n .. '.0.1/24', '2001:db8:' .. n .. '::1/64' }, "
	"neighbors = {"
	"   ['10.' .. n .. '.0.9'] = '02:00:00:00:0' .. n .. ':09', ['10.' .. n .. '.0.10'] = "
	"'02:00:00:00:0' "
	".. n .. ':10', ['2001:db8:' .. n .. '::9'] = '02:00:00:00:0' .. n .. ':09' } }"
	"   for k, v in pairs(more or {}) do t[k] = v end return t end "
	"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = { device = "
	"'ring:c' } }, routers = { r = { "
	"interfaces = { a = i('a', 1), b = i('b', 2, { %s }), t = { tunnel = { %s }, addresses = { "
	"'10.9.0.1/30', "
	"'2001:db8:9::1/64' }, %s } }, routes = { ['10.9.9.0/24'] = { interface = 't' }, "
	"['2001:db8:99::/64'] = { interface = 't' }, %s } } } }";

static void start(const char *tunnel, const char *t_more, const char *b_more, const char *routes) {
	char text[4096];

	snprintf(text, sizeof(text), lab, b_more, tunnel, t_more, routes);
	packet_config(text);
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
}

// One way to go: its configuration, and the outer headers that a packet of `len` bytes gets.
struct kind {
	const char *conf;
	const char *ours, *theirs; // outer addresses
	unsigned proto;            // 0: that of what is inside
	uint8_t more[16];          // behind the outer IP header; GRE's type is filled in
	unsigned n_more;
};

static const struct kind kinds[] = {
	{"type = 'ipip', source = '10.2.0.1', remote = '10.2.0.9'", "10.2.0.1", "10.2.0.9", 0, {0},
		0},
	{"type = 'ipip', source = '2001:db8:2::1', remote = '2001:db8:2::9'", "2001:db8:2::1",
		"2001:db8:2::9", 0, {0}, 0},
	{"type = 'gre', source = '10.2.0.1', remote = '10.2.0.9'", "10.2.0.1", "10.2.0.9", 47, {0},
		4},
	{"type = 'gre', source = '10.2.0.1', remote = '10.2.0.9', key = 0xa1b2c3d4", "10.2.0.1",
		"10.2.0.9", 47, {0x20, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4}, 8},
	{"type = 'gre', source = '2001:db8:2::1', remote = '2001:db8:2::9', key = 0",
		"2001:db8:2::1", "2001:db8:2::9", 47, {0x20, 0}, 8},
	{"type = 'sit', source = '10.2.0.1', remote = '10.2.0.9'", "10.2.0.1", "10.2.0.9", 41, {0},
		0},
	{"type = 'sit', source = '2001:db8:2::1', remote = '2001:db8:2::9'", "2001:db8:2::1",
		"2001:db8:2::9", 41, {0}, 0},
};

// Outer Ethernet and IP around the packet of `inner`, as `dst` gets it from `src`. `flow`: of an IPv6 header.
static struct frame around(const struct frame *inner, const struct kind *k, frame_mac dst,
	frame_mac src, bool out, unsigned ttl, unsigned tos, unsigned flow) {
	bool v6 = inner->bytes[12] == 0x86, outer6 = strchr(k->ours, ':') != NULL;
	const char *from = out ? k->ours : k->theirs, *to = out ? k->theirs : k->ours;
	size_t body = inner->len - 14 + k->n_more;
	struct frame f = frame_udp(dst, src, from, to, body);
	uint8_t *ip = f.bytes + 14, *at = ip + (outer6 ? 40 : 20);

	ip[outer6 ? 6 : 9] = (uint8_t)(k->proto ? k->proto : v6 ? 41 : 4);
	memcpy(at, k->more, k->n_more);
	if (k->proto == 47)
		memcpy(at + 2, inner->bytes + 12, 2);
	memcpy(at + k->n_more, inner->bytes + 14, inner->len - 14);
	frame_tos(&f, tos);
	if (outer6) {
		ip[1] = (uint8_t)((ip[1] & 0xf0) | flow >> 16);
		ip[2] = (uint8_t)(flow >> 8);
		ip[3] = (uint8_t)flow;
	} else if (out) {
		frame_dont_fragment(&f);
	}
	frame_ttl(&f, ttl);
	return f;
}

// What left by `port`, its IPv6 flow label taken out of it: that is the hash's business.
static struct frame received(char port, unsigned *flow) {
	struct frame f;

	if (!frame_recv(port, &f))
		fail_msg("nothing left by %c", port);
	*flow = 0;
	if (f.bytes[12] == 0x86)
		*flow = (f.bytes[15] & 15u) << 16 | f.bytes[16] << 8 | f.bytes[17];
	return f;
}

static void same(const struct frame *got, const struct frame *want) {
	if (got->len != want->len)
		fail_msg("%zu bytes, not %zu", got->len, want->len);
	for (size_t i = 0; i < got->len; i++)
		if (got->bytes[i] != want->bytes[i])
			fail_msg("byte %zu is %02x, not %02x", i, got->bytes[i], want->bytes[i]);
}

static struct frame inside(bool v6) {
	struct frame f = v6
		? frame_udp(
			  mac_router('a'), mac_host('a', 9), "2001:db8:1::9", "2001:db8:99::5", 100)
		: frame_udp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.9.9.5", 100);

	if (!v6)
		frame_dont_fragment(&f);
	return f;
}

// The other way round: from behind the tunnel to host 9 on a.
static struct frame answer(bool v6) {
	return v6 ? frame_udp(0, 0, "2001:db8:99::5", "2001:db8:1::9", 60)
		  : frame_udp(0, 0, "10.9.9.5", "10.1.0.9", 60);
}

static void every_kind_carries_both_ways(void **) {
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		start(kinds[i].conf, "", "", "");
		for (int v6 = strstr(kinds[i].conf, "'sit'") ? 1 : 0; v6 < 2; v6++) {
			struct frame in = inside(v6), hop = in, got, want, back = answer(v6);
			unsigned flow;

			frame_send('a', &in);
			got = received('b', &flow);
			frame_hop(&hop, 0, 0);
			want = around(&hop, &kinds[i], mac_host('b', 9), mac_router('b'), true, 64,
				0, flow);
			same(&got, &want);
			if (strchr(kinds[i].ours, ':'))
				assert_int_not_equal(flow, 0);
			want = around(&back, &kinds[i], mac_router('b'), mac_host('b', 9), false, 9,
				0, 0);
			frame_send('b', &want);
			frame_hop(&back, mac_host('a', 9), mac_router('a'));
			frame_expect('a', &back);
			packet_expect_none();
		}
	}
}

static void ttl_and_dscp_as_configured(void **) {
	struct frame in = inside(false), hop, got, want;
	unsigned flow;

	start("type = 'gre', source = '10.2.0.1', remote = '10.2.0.9', ttl = 0", "", "", "");
	frame_ttl(&in, 33);
	frame_tos(&in, 0xba);
	hop = in;
	frame_hop(&hop, 0, 0);
	frame_send('a', &in);
	got = received('b', &flow);
	want = around(&hop, &kinds[2], mac_host('b', 9), mac_router('b'), true, 32, 0xba, 0);
	same(&got, &want);
	start("type = 'gre', source = '10.2.0.1', remote = '10.2.0.9', ttl = 254, dscp = 8", "", "",
		"");
	frame_send('a', &in);
	got = received('b', &flow);
	want = around(&hop, &kinds[2], mac_host('b', 9), mac_router('b'), true, 254, 8 << 2 | 2, 0);
	same(&got, &want);
	packet_expect_none();
}

// RFC 6040: the packet inside learns of congestion; where it cannot say so it is dropped.
static void congestion_is_passed_on(void **) {
	for (int v6 = 0; v6 < 2; v6++) {
		for (unsigned inner = 0; inner < 4; inner++) {
			for (unsigned outer = 0; outer < 4; outer++) {
				struct frame back = answer(v6), f;
				unsigned want = outer == 3 && inner != 0 ? 3
					: outer == 1 && inner == 2       ? 1
									 : inner;
				uint64_t before = packet_drops("drop_tunnel_input_ecn");

				if (inner == 0 && outer == 0)
					start(kinds[v6].conf, "", "", "");
				frame_tos(&back, 0xb8 | inner);
				f = around(&back, &kinds[v6], mac_router('b'), mac_host('b', 9),
					false, 9, 0x20 | outer, 0);
				frame_send('b', &f);
				if (inner == 0 && outer == 3) {
					assert_int_equal(
						packet_drops("drop_tunnel_input_ecn"), before + 1);
					packet_expect_none();
					continue;
				}
				frame_tos(&back, 0xb8 | want);
				frame_hop(&back, mac_host('a', 9), mac_router('a'));
				frame_expect('a', &back);
			}
		}
	}
}

static void strangers_are_refused(void **) {
	const struct kind *gre = &kinds[3];
	struct frame back = answer(false), f;
	struct kind other = *gre;

	start(gre->conf, "", "", "");
	other.theirs = "10.2.0.10";
	f = around(&back, &other, mac_router('b'), mac_host('b', 9), false, 9, 0, 0);
	frame_send('b', &f);
	assert_int_equal(packet_drops("drop_tunnel_input_remote"), 1);
	other = *gre;
	other.more[7]++; // another key
	f = around(&back, &other, mac_router('b'), mac_host('b', 9), false, 9, 0, 0);
	frame_send('b', &f);
	assert_int_equal(packet_drops("drop_tunnel_input_remote"), 2);
	f = around(&back, &kinds[2], mac_router('b'), mac_host('b', 9), false, 9, 0, 0); // none
	frame_send('b', &f);
	assert_int_equal(packet_drops("drop_tunnel_input_remote"), 3);
	// where no tunnel of a kind ends the packets go on, to a twin or nobody
	f = around(&back, &kinds[0], mac_router('b'), mac_host('b', 9), false, 9, 0, 0);
	frame_send('b', &f);
	assert_int_equal(packet_drops("drop_tunnel_input_remote"), 3);
	frames_drain(); // who may be told so
}

static void broken_headers_are_named(void **) {
	static const struct {
		const char *drop;
		uint8_t at, value;
	} rows[] = {
		{"drop_tunnel_input_flags", 0, 0x60},   // source routing
		{"drop_tunnel_input_flags", 1, 1},      // version 1
		{"drop_tunnel_input_payload", 2, 0x88}, // not IP
		{"drop_ip_input_version", 8, 0x55},
		{"drop_ip_input_version", 8, 0x65},
		{"drop_ip_input_header_len", 8, 0x44},
		{"drop_ip_input_total_len", 10, 0x7f},
	};
	struct frame back = answer(false), f;
	uint64_t before;

	start(kinds[3].conf, "", "", "");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		f = around(&back, &kinds[3], mac_router('b'), mac_host('b', 9), false, 9, 0, 0);
		f.bytes[14 + 20 + rows[i].at] = rows[i].value;
		if (rows[i].at >= 8) { // and the inner checksum right again
			uint8_t *ip = f.bytes + 14 + 28;
			uint32_t sum = 0;
			unsigned len = (ip[0] & 15u) * 4;

			ip[10] = ip[11] = 0;
			for (unsigned b = 0; b < len; b += 2)
				sum += (uint32_t)ip[b] << 8 | ip[b + 1];
			sum = (sum & 0xffff) + (sum >> 16);
			sum = ~(sum + (sum >> 16));
			ip[10] = (uint8_t)(sum >> 8);
			ip[11] = (uint8_t)sum;
		}
		before = packet_drops(rows[i].drop);
		frame_send('b', &f);
		if (packet_drops(rows[i].drop) != before + 1)
			fail_msg("row %u is not %s", i, rows[i].drop);
		packet_expect_none();
	}
	// cut short, everywhere: within GRE, within the inner header
	for (unsigned keep = 0; keep < 8 + 20; keep++) {
		f = frame_udp(mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.2.0.1", 30);
		f.bytes[14 + 9] = 47;
		memcpy(f.bytes + 34, (const uint8_t[]){0x20, 0, 8, 0, 0xa1, 0xb2, 0xc3, 0xd4}, 8);
		f.bytes[14 + 3] = (uint8_t)(20 + keep);
		frame_sum(&f);
		before = packet_drops("drop_tunnel_input_truncated");
		frame_send('b', &f);
		assert_int_equal(packet_drops("drop_tunnel_input_truncated"), before + 1);
	}
	packet_expect_none();
}

static void a_gre_checksum_is_verified(void **) {
	struct frame back = answer(false);

	start(kinds[2].conf, "", "", "");
	for (unsigned bad = 0; bad < 2; bad++) {
		struct kind sum = kinds[2];
		uint32_t words = 0x8000 + 0x0800;
		struct frame f;

		for (size_t i = 14; i < back.len; i += 2)
			words += (uint32_t)back.bytes[i] << 8 |
				(i + 1 < back.len ? back.bytes[i + 1] : 0);
		words = (words & 0xffff) + (words >> 16);
		words = ~((words & 0xffff) + (words >> 16));
		sum.more[0] = 0x80;
		sum.more[4] = (uint8_t)(words >> 8);
		sum.more[5] = (uint8_t)(words + bad);
		sum.n_more = 8;
		f = around(&back, &sum, mac_router('b'), mac_host('b', 9), false, 9, 0, 0);
		frame_send('b', &f);
	}
	assert_int_equal(packet_drops("drop_tunnel_input_checksum"), 1);
	frame_hop(&back, mac_host('a', 9), mac_router('a'));
	frame_expect('a', &back);
	packet_expect_none();
}

static void sequence_numbers_are_skipped(void **) {
	struct kind k = kinds[2];
	struct frame back = answer(true), f;

	start(kinds[2].conf, "", "", "");
	k.more[0] = 0x10;
	k.more[7] = 77;
	k.n_more = 8;
	f = around(&back, &k, mac_router('b'), mac_host('b', 9), false, 9, 0, 0);
	frame_send('b', &f);
	frame_hop(&back, mac_host('a', 9), mac_router('a'));
	frame_expect('a', &back);
	packet_expect_none();
}

// Cut on its way, in two, and the later one first.
static void outer_fragments_are_put_together(void **) {
	struct frame back = answer(false), f, part;
	size_t first = 48;

	start(kinds[3].conf, "", "", "");
	f = around(&back, &kinds[3], mac_router('b'), mac_host('b', 9), false, 9, 0, 0);
	part = f;
	memmove(part.bytes + 34, f.bytes + 34 + first, f.len - 34 - first);
	part.len = f.len - first;
	part.bytes[17] = (uint8_t)(part.len - 14);
	frame_fragment(&part, (unsigned)first, false);
	frame_send('b', &part);
	part = f;
	part.len = 34 + first;
	part.bytes[17] = (uint8_t)(part.len - 14);
	frame_fragment(&part, 0, true);
	frame_send('b', &part);
	frame_hop(&back, mac_host('a', 9), mac_router('a'));
	frame_expect('a', &back);
	packet_expect_none();
}

// ---- MTU ------------------------------------------------------------------------------------------------------

static long mtu_of_t(void) {
	json_t *rows = packet_show("tunnels");
	long mtu = (long)json_integer_value(json_object_get(json_array_get(rows, 0), "mtu"));

	json_decref(rows);
	return mtu;
}

static bool state_is(const char *state) {
	json_t *rows = packet_show("tunnels");
	bool is = strcmp(json_string_value(json_object_get(json_array_get(rows, 0), "state")),
			  state) == 0;

	json_decref(rows);
	return is;
}

static void what_does_not_fit_is_told(void **) {
	struct frame f = frame_udp(
		mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.9.9.5", 1500 - 24 - 20 + 1);
	struct frame g = frame_udp(mac_router('a'), mac_host('a', 9), "2001:db8:1::9",
		"2001:db8:99::5", 1500 - 24 - 40 + 1);
	unsigned flow;

	start(kinds[2].conf, "", "", "");
	assert_int_equal(mtu_of_t(), 1476);
	frame_dont_fragment(&f);
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 4, 1476, "10.1.0.1");
	frame_send('a', &g);
	frame_expect_error('a', &g, 2, 0, 1476, "2001:db8:1::1");
	f = frame_udp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.9.9.5", 1500 - 24 - 20);
	frame_dont_fragment(&f);
	frame_send('a', &f);
	assert_int_equal(received('b', &flow).len, 1514);
	// without DF it is cut inside, so that the other end has nothing to put together
	f = frame_udp(
		mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.9.9.5", 1500 - 24 - 20 + 1);
	frame_send('a', &f);
	assert_int_equal(
		received('b', &flow).len, 1514); // 1456 bytes of payload: a multiple of eight
	assert_int_equal(received('b', &flow).len, 14 + 20 + 4 + 20 + 1);
	packet_expect_none();
}

static void the_underlay_says_the_mtu(void **) {
	start(kinds[2].conf, "", "mtu = 1400", "");
	assert_int_equal(mtu_of_t(), 1400 - 24);
	start(kinds[2].conf, "", "mtu = 1300", "");
	assert_int_equal(mtu_of_t(), 1280); // IPv6 needs that much: such packets are cut outside
	start(kinds[4].conf, "", "mtu = 1400", "");
	assert_int_equal(mtu_of_t(), 1400 - 48);
	start(kinds[4].conf, "mtu = 1290", "mtu = 1400", "");
	assert_int_equal(mtu_of_t(), 1290);
}

// From a router on the way, about what we sent: `type`, `code`, `mtu`, and `quote` bytes of it.
static struct frame error_about(
	const struct frame *sent, unsigned type, unsigned code, unsigned mtu, size_t quote) {
	bool v6 = sent->bytes[12] == 0x86;
	struct frame f = frame_icmp(mac_router('b'), mac_host('b', 9),
		v6 ? "2001:db8:2::9" : "10.2.0.9", v6 ? "2001:db8:2::1" : "10.2.0.1", type, code);
	uint8_t *ip = f.bytes + 14, *icmp = ip + (v6 ? 40 : 20);

	if (quote > sent->len - 14)
		quote = sent->len - 14;
	icmp[4] = icmp[5] = 0;
	icmp[6] = (uint8_t)(mtu >> 8);
	icmp[7] = (uint8_t)mtu;
	memcpy(icmp + 8, sent->bytes + 14, quote);
	f.len = 14 + (v6 ? 40 : 20) + 8 + quote;
	if (v6) {
		ip[4] = (uint8_t)((8 + quote) >> 8);
		ip[5] = (uint8_t)(8 + quote);
	} else {
		ip[2] = (uint8_t)((28 + quote) >> 8);
		ip[3] = (uint8_t)(28 + quote);
	}
	frame_sum(&f);
	frame_payload(&f, (unsigned)f.bytes[f.len - 2] << 8 | f.bytes[f.len - 1]); // sums it
	return f;
}

static void icmp_of_the_underlay_reaches_the_sender(void **) {
	static const unsigned which[] = {2, 4};

	for (unsigned k = 0; k < 2; k++) {
		bool outer6 = strchr(kinds[which[k]].ours, ':') != NULL;
		unsigned header = outer6 ? 48 : 24, flow;

		for (int v6 = 0; v6 < 2; v6++) {
			struct frame in = inside(v6), sent, error, hop = in;

			start(kinds[which[k]].conf, "", "", "");
			frame_send('a', &in);
			sent = received('b', &flow);
			frame_hop(&hop, mac_router('a'), mac_host('a', 9));
			// nobody there: the sender hears that its host cannot be reached
			error = error_about(&sent, outer6 ? 1 : 3, outer6 ? 3 : 1, 0, 1000);
			frame_send('b', &error);
			frame_expect_error('a', &hop, v6 ? 1 : 3, v6 ? 3 : 1, 0,
				v6 ? "2001:db8:9::1" : "10.9.0.1");
			// too small a link on the way: the sender hears what fits inside, and the tunnel remembers
			error = error_about(&sent, outer6 ? 2 : 3, outer6 ? 0 : 4, 1400, 1000);
			frame_send('b', &error);
			frame_expect_error('a', &hop, v6 ? 2 : 3, v6 ? 0 : 4, 1400 - header,
				v6 ? "2001:db8:9::1" : "10.9.0.1");
			packet_advance(NSEC_PER_SEC);
			assert_int_equal(mtu_of_t(), 1400 - header);
			// a quotation of eight bytes: nothing to pass on
			error = error_about(&sent, outer6 ? 2 : 3, outer6 ? 0 : 4, 1350,
				(outer6 ? 40 : 20) + 8);
			frame_send('b', &error);
			packet_advance(NSEC_PER_SEC);
			assert_int_equal(mtu_of_t(), 1350 - header);
			packet_expect_none();
			// which is forgotten in ten minutes
			for (unsigned t = 0; t < 11; t++)
				packet_advance(60 * NSEC_PER_SEC);
			frames_drain();
			assert_int_equal(mtu_of_t(), 1500 - header);
		}
	}
}

static void lies_about_the_path_are_bounded(void **) {
	struct frame in = inside(false), sent, error;
	unsigned flow;

	start(kinds[2].conf, "", "", "");
	frame_send('a', &in);
	sent = received('b', &flow);
	error = error_about(&sent, 3, 4, 68, 1000);
	frame_send('b', &error);
	frames_drain();
	packet_advance(NSEC_PER_SEC);
	assert_int_equal(mtu_of_t(), 1280); // for IPv6; others are told what really fits
	in = frame_udp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.9.9.5", 700);
	frame_dont_fragment(&in);
	frame_send('a', &in);
	assert_true(frame_recv('a', &error));
	assert_int_equal(error.bytes[14 + 20 + 6] << 8 | error.bytes[14 + 20 + 7], 576 - 24);
	error = error_about(&sent, 3, 4, 300, 1000);
	error.bytes[error.len - 1] ^= 1; // its checksum is wrong
	frame_send('b', &error);
	frames_drain();
	sent.bytes[14 + 19] = 77; // a tunnel to somebody else
	error = error_about(&sent, 3, 1, 0, 1000);
	uint64_t before = packet_drops("drop_punt_no_twin");
	frame_send('b', &error);
	assert_int_equal(packet_drops("drop_punt_no_twin"), before + 1);
	packet_expect_none();
}

// ---- ways ---------------------------------------------------------------------------------------------------

static void a_tunnel_goes_with_its_way(void **) {
	struct frame in = inside(false);

	start("type = 'gre', source = '10.2.0.1', remote = '192.0.2.9'", "", "", "");
	assert_true(state_is("no-route"));
	frame_send('a', &in);
	frames_drain();
	start("type = 'gre', source = '10.2.0.77', remote = '10.2.0.9'", "", "", "");
	assert_true(state_is("no-address"));
	start("type = 'gre', source = '10.2.0.1', remote = '10.9.9.9'", "", "", "");
	assert_true(state_is("loop"));
	uint64_t before = packet_drops("drop_tunnel_output_loop");
	frame_send('a', &in);
	assert_int_equal(packet_drops("drop_tunnel_output_loop"), before + 1);
	start("type = 'gre', source = '10.2.0.1', remote = '10.1.0.1'", "", "", "");
	assert_true(state_is("loop"));
	before = packet_drops("drop_tunnel_output_loop");
	frame_send('a', &in);
	assert_int_equal(packet_drops("drop_tunnel_output_loop"), before + 1);
	start(kinds[2].conf, "", "", "");
	assert_true(state_is("up"));
	packet_expect_none();
}

static void a_route_over_two_paths_leaves_the_dead_tunnel(void **) {
	struct frame f;
	unsigned flow;

	start("type = 'gre', source = '10.2.0.1', remote = '192.0.2.9'", "", "",
		"['10.88.0.0/16'] = { paths = { { interface = 't' }, { via = '10.2.0.9' } } }");
	for (unsigned i = 0; i < 32; i++) {
		f = frame_udp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.88.0.5", 100);
		frame_ports(&f, (uint16_t)(2000 + i), 80);
		frame_send('a', &f);
		assert_int_equal(received('b', &flow).bytes[14 + 9], 17);
	}
	packet_expect_none();
}

// A packet that is in four tunnels already goes into no fifth.
static void nests_have_an_end(void **) {
	struct frame in = inside(false);
	unsigned flow;

	start(kinds[0].conf, "", "", "");
	for (unsigned depth = 0; depth < 6; depth++) {
		uint64_t before = packet_drops("drop_tunnel_output_nested");

		frame_send('a', &in);
		if (depth >= 4) {
			assert_int_equal(packet_drops("drop_tunnel_output_nested"), before + 1);
			packet_expect_none();
			return;
		}
		struct frame got = received('b', &flow);
		// as if the other end had sent it to us to be routed into the tunnel again
		for (unsigned i = 0; i < 6; i++) {
			got.bytes[i] = (uint8_t)(mac_router('a') >> (40 - 8 * i));
			got.bytes[6 + i] = (uint8_t)(mac_host('a', 9) >> (40 - 8 * i));
		}
		memcpy(got.bytes + 14 + 12, (const uint8_t[]){10, 1, 0, 9, 10, 9, 9, 5}, 8);
		frame_ttl(&got, 64);
		in = got;
	}
	fail_msg("it went on and on");
}

static void the_encapsulation_limit_is_kept(void **) {
	struct frame in = inside(true), hop = in, got;
	unsigned flow;

	start("type = 'sit', source = '2001:db8:2::1', remote = '2001:db8:2::9', "
	      "encapsulation_limit = 3",
		"", "", "");
	frame_send('a', &in);
	got = received('b', &flow);
	assert_int_equal(got.len, in.len + 48);
	assert_memory_equal(got.bytes + 14 + 40, ((const uint8_t[]){41, 0, 4, 1, 3, 1, 1, 0}), 8);
	assert_int_equal(got.bytes[14 + 6], 60);
	// back, with such an option: it is skipped
	struct kind k = {.ours = "2001:db8:2::1",
		.theirs = "2001:db8:2::9",
		.proto = 60,
		.more = {41, 0, 4, 1, 3, 1, 1, 0},
		.n_more = 8};
	struct frame back = answer(true);
	struct frame f = around(&back, &k, mac_router('b'), mac_host('b', 9), false, 9, 0, 0);
	frame_send('b', &f);
	frame_hop(&back, mac_host('a', 9), mac_router('a'));
	frame_expect('a', &back);
	// a packet that may be in no more tunnels: its sender is told where it says so
	in = frame_udp(mac_router('a'), mac_host('a', 9), "2001:db8:1::9", "2001:db8:99::5", 60);
	in.bytes[14 + 6] = 60;
	memcpy(in.bytes + 14 + 40, (const uint8_t[]){59, 0, 4, 1, 0, 1, 1, 0}, 8);
	hop = in;
	frame_send('a', &in);
	frame_hop(&hop, mac_router('a'), mac_host('a', 9));
	frame_expect_error('a', &hop, 4, 0, 44, "2001:db8:9::1");
	in.bytes[14 + 40 + 4] = 2; // one that may be in two: in one more after this
	frame_send('a', &in);
	got = received('b', &flow);
	assert_int_equal(got.bytes[14 + 40 + 4], 1);
	packet_expect_none();
}

static json_int_t column(const char *name) {
	json_t *rows = packet_show("tunnels");
	json_int_t value = json_integer_value(json_object_get(json_array_get(rows, 0), name));

	json_decref(rows);
	return value;
}

static void counters_tell(void **) {
	struct frame in = inside(false), back = answer(false), f;
	json_int_t tx, rx, dropped;

	start(kinds[3].conf, "", "", "");
	tx = column("tx_packets"), rx = column("rx_packets"), dropped = column("rx_dropped");
	for (unsigned i = 0; i < 3; i++)
		frame_send('a', &in);
	f = around(&back, &kinds[3], mac_router('b'), mac_host('b', 9), false, 9, 0, 0);
	frame_send('b', &f);
	f = around(&back, &kinds[3], mac_router('b'), mac_host('b', 9), false, 9, 3, 0);
	frame_send('b', &f);
	assert_int_equal(column("tx_packets"), tx + 3);
	assert_int_equal(column("rx_packets"), rx + 1);
	assert_int_equal(column("rx_dropped"), dropped + 1);
	assert_int_equal(column("gre_key"), 0xa1b2c3d4);
	frames_drain();
}

static void two_tunnels_need_two_ends(void **) {
	static const char both[] =
		"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = { "
		"device = 'ring:c' } }, routers = { r = { interfaces = { "
		"a = { port = "
		"'a', addresses = { '10.1.0.1/24' } }, t = { tunnel = { type = 'ipip', source = "
		"'10.1.0.1', "
		"remote = '10.1.0.2' } }, u = { tunnel = { type = '%s', source = '10.1.0.1', "
		"remote = "
		"'10.1.0.2', underlay = '%s' } } } }, q = { interfaces = { } } } }";
	char text[1024];

	snprintf(text, sizeof(text), both, "sit", "r");
	assert_non_null(strstr(packet_config_refused(text), "between the same ends"));
	snprintf(text, sizeof(text), both, "gre", "r");
	packet_config(text);
	snprintf(text, sizeof(text), both, "sit", "q");
	packet_config(text);
}

static const struct module *const modules[] = {&switch_module, &router_module, NULL};

static int setup(void **) {
	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_carries_both_ways),
		cmocka_unit_test(ttl_and_dscp_as_configured),
		cmocka_unit_test(congestion_is_passed_on),
		cmocka_unit_test(strangers_are_refused),
		cmocka_unit_test(broken_headers_are_named),
		cmocka_unit_test(a_gre_checksum_is_verified),
		cmocka_unit_test(sequence_numbers_are_skipped),
		cmocka_unit_test(outer_fragments_are_put_together),
		cmocka_unit_test(what_does_not_fit_is_told),
		cmocka_unit_test(the_underlay_says_the_mtu),
		cmocka_unit_test(icmp_of_the_underlay_reaches_the_sender),
		cmocka_unit_test(lies_about_the_path_are_bounded),
		cmocka_unit_test(a_tunnel_goes_with_its_way),
		cmocka_unit_test(a_route_over_two_paths_leaves_the_dead_tunnel),
		cmocka_unit_test(nests_have_an_end),
		cmocka_unit_test(the_encapsulation_limit_is_kept),
		cmocka_unit_test(counters_tell),
		cmocka_unit_test(two_tunnels_need_two_ends),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
