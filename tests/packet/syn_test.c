// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies and the proxy behind them, byte by byte: client 9 on port a (10.1.0.0/24, 2001:db8:1::/64), server 9 on port b (10.2.0.0/24,
// 2001:db8:2::/64), also known as 10.2.0.77 port 80.
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "firewall/firewall.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <stdio.h>
#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

// ---- the lab ---------------------------------------------------------------------------------------------------------

static const char lab[] =
	"local function i(port, n, zone) local a = '02:00:00:00:0' .. n .. ':0' return { port = "
	"port, zone = zone, mac = a .. '1', dad = false, mtu = n == 1 and %u or 1500,"
	"  addresses = { '10.' .. n .. '.0.1/24', '2001:db8:' .. n .. '::1/64' }, neighbors = {"
	"  ['10.' .. n .. '.0.9'] = a .. '9', ['2001:db8:' .. n .. '::9'] = a .. '9' } } end "
	"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = { device = "
	"'ring:c' } }, sessions = { max = 1000, reserve = 10 }, routers = { r = { interfaces = { "
	"  a = i('a', 1, 'out'), b = i('b', 2, 'in') } } },"
	"firewall = { rules = { { name = 'web', from = 'out', to = 'in', proto = 'tcp', "
	"syn_cookies = "
	"'%s', action = 'accept'%s } }, nat = { { from = 'out', dst = '10.2.0.77', proto = 'tcp', "
	"dport = 80, dnat = '10.2.0.9:8080' } } } }";

static void start_with(unsigned mtu, const char *cookies, const char *more) {
	char text[4096];

	snprintf(text, sizeof(text), lab, mtu, cookies, more);
	packet_config(text);
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
}

static void start(void) {
	start_with(1500, "0/s", "");
}

static void end(void) {
	packet_flush("sessions", "{}");
	packet_expect_none();
}

static size_t sessions(void) {
	json_t *rows = packet_show("sessions");
	size_t n = json_array_size(rows);

	json_decref(rows);
	return n;
}

// "": there is no session.
static void expect_state(const char *state) {
	json_t *rows = packet_show("sessions");
	const char *is = json_string_value(json_object_get(json_array_get(rows, 0), "state"));

	assert_int_equal(json_array_size(rows), *state ? 1 : 0);
	assert_string_equal(is ? is : "", state);
	json_decref(rows);
}

// ---- both ends ---------------------------------------------------------------------------------------------------------

// How the client knows the server, and how that is really called.
static const struct way {
	const char *client, *called, *server;
	uint16_t called_port, port;
} ways[] = {
	{"10.1.0.9", "10.2.0.9", "10.2.0.9", 80, 80},
	{"10.1.0.9", "10.2.0.77", "10.2.0.9", 80, 8080},
	{"2001:db8:1::9", "2001:db8:2::9", "2001:db8:2::9", 80, 80},
};
#define WAYS (sizeof(ways) / sizeof(*ways))

static bool is_v6(const struct way *w) {
	return strchr(w->client, ':');
}

static struct frame by_client(const struct way *w, struct frame_segment s) {
	s.sport = 5000, s.dport = w->called_port;
	return frame_tcp(mac_router('a'), mac_host('a', 9), w->client, w->called, &s);
}

static struct frame by_server(const struct way *w, struct frame_segment s) {
	s.sport = w->port, s.dport = 5000;
	return frame_tcp(mac_router('b'), mac_host('b', 9), w->server, w->client, &s);
}

// As forwarded; `made`: by this box, which begins with a plain header.
static void expect_server(const struct way *w, bool made, struct frame_segment s) {
	s.sport = 5000, s.dport = w->port;
	struct frame f = frame_tcp(0, 0, w->client, w->server, &s);

	if (made) {
		frame_ttl(&f, 65);
		if (!is_v6(w))
			frame_dont_fragment(&f);
	}
	frame_hop(&f, mac_host('b', 9), mac_router('b'));
	frame_expect('b', &f);
}

static struct frame to_client(const struct way *w, bool made, struct frame_segment s) {
	s.sport = w->called_port, s.dport = 5000;
	struct frame f = frame_tcp(0, 0, w->called, w->client, &s);

	if (made) {
		frame_ttl(&f, 65);
		if (!is_v6(w))
			frame_dont_fragment(&f);
	}
	frame_hop(&f, mac_host('a', 9), mac_router('a'));
	return f;
}

static void expect_client(const struct way *w, struct frame_segment s) {
	struct frame f = to_client(w, false, s);

	frame_expect('a', &f);
}

static void client_says(const struct way *w, struct frame_segment s) {
	struct frame f = by_client(w, s);

	frame_send('a', &f);
}

static void server_says(const struct way *w, struct frame_segment s) {
	struct frame f = by_server(w, s);

	frame_send('b', &f);
}

static void client_dropped(const struct way *w, const char *why, struct frame_segment s) {
	uint64_t before = packet_drops(why);

	client_says(w, s);
	assert_int_equal(packet_drops(why), before + 1);
	packet_expect_none();
}

static void server_dropped(const struct way *w, const char *why, struct frame_segment s) {
	uint64_t before = packet_drops(why);

	server_says(w, s);
	assert_int_equal(packet_drops(why), before + 1);
	packet_expect_none();
}

// ---- handshakes --------------------------------------------------------------------------------------------------------

#define C 0xfffffff0u // the client's first number, which wraps soon
#define S 700000u     // the server's
#define BYTES(...) \
	.options = (const uint8_t[]){__VA_ARGS__}, .options_len = sizeof((uint8_t[]){__VA_ARGS__})

// Linux as client, but for the time stamp in the middle: MSS 1460, SACK, scale 6. As server: scale 9.
#define LINUX_SYN     BYTES(2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 6)
#define LINUX_SYN_ACK BYTES(2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 9)

// The client's SYN is answered with a cookie, which is returned; nobody else hears of it.
static uint32_t cookie_of(
	const struct way *w, struct frame_segment syn, struct frame_segment answer) {
	size_t before = sessions();
	struct frame got, want;
	uint8_t seq[4];

	syn.seq = C, syn.flags = SYN;
	client_says(w, syn);
	assert_true(frame_recv('a', &got));
	memcpy(seq, got.bytes + (is_v6(w) ? 54 : 34) + 4, 4);
	answer.seq =
		(uint32_t)seq[0] << 24 | (uint32_t)seq[1] << 16 | (uint32_t)seq[2] << 8 | seq[3];
	answer.ack = C + 1, answer.flags = SYN | ACK;
	want = to_client(w, true, answer);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.bytes, want.bytes, want.len);
	packet_expect_none();
	assert_int_equal(sessions(), before);
	return answer.seq;
}

static uint32_t linux_cookie(const struct way *w) {
	static const uint8_t v4[] = {2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7};
	static const uint8_t v6[] = {2, 4, 5, 0xa0, 1, 1, 4, 2, 1, 3, 3, 7};

	return cookie_of(w, (struct frame_segment){.win = 64240, LINUX_SYN},
		(struct frame_segment){.options = is_v6(w) ? v6 : v4, .options_len = 12});
}

// The SYN that the server gets: what the client offered, as far as a cookie remembers it.
static struct frame_segment linux_ask(const struct way *w) {
	static const uint8_t v4[] = {2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 6};
	static const uint8_t v6[] = {2, 4, 5, 0xa0, 1, 1, 4, 2, 1, 3, 3, 6};

	return (struct frame_segment){.seq = C,
		.flags = SYN,
		.win = 500 << 6,
		.options = is_v6(w) ? v6 : v4,
		.options_len = 12};
}

// Up to the server's SYN.
static uint32_t proven(const struct way *w) {
	uint32_t cookie = linux_cookie(w);

	client_says(w,
		(struct frame_segment){.seq = C + 1, .ack = cookie + 1, .flags = ACK, .win = 500});
	expect_server(w, false, linux_ask(w));
	packet_expect_none();
	expect_state("syn-sent");
	return cookie;
}

static uint32_t opened(const struct way *w) {
	uint32_t cookie = proven(w);

	server_says(w,
		(struct frame_segment){
			.seq = S, .ack = C + 1, .flags = SYN | ACK, .win = 65160, LINUX_SYN_ACK});
	expect_client(w,
		(struct frame_segment){
			.seq = cookie + 1, .ack = C + 1, .flags = ACK, .win = 65160 >> 7});
	expect_server(w, true,
		(struct frame_segment){.seq = C + 1, .ack = S + 1, .flags = ACK, .win = 500});
	packet_expect_none();
	expect_state("established");
	return cookie;
}

// With three bytes from there on, at an odd place. One at a time.
static struct frame_segment sack(struct frame_segment s, uint32_t from) {
	static uint8_t bytes[12] = {1, 5, 10, [11] = 1};

	for (unsigned i = 0; i < 4; i++) {
		bytes[3 + i] = (uint8_t)(from >> (24 - 8 * i));
		bytes[7 + i] = (uint8_t)((from + 3) >> (24 - 8 * i));
	}
	s.options = bytes, s.options_len = sizeof(bytes);
	return s;
}

static void a_connection_from_syn_to_fin(void **) {
	for (const struct way *w = ways; w < ways + WAYS; w++) {
		start();
		uint32_t k = opened(w), c = C + 1, s = S + 1;

		k++;
		client_says(w,
			(struct frame_segment){.seq = c,
				.ack = k,
				.flags = ACK | PSH,
				.win = 501,
				.payload = "GET"});
		expect_server(w, false,
			(struct frame_segment){.seq = c,
				.ack = s,
				.flags = ACK | PSH,
				.win = 501,
				.payload = "GET"});
		c += 3;
		server_says(w,
			(struct frame_segment){.seq = s,
				.ack = c,
				.flags = ACK | PSH,
				.win = 128,
				.payload = "odd"});
		expect_client(w,
			(struct frame_segment){.seq = k,
				.ack = c,
				.flags = ACK | PSH,
				.win = 128 << 2,
				.payload = "odd"});
		// the first five bytes are lost on their way, the next three are not
		server_says(w,
			(struct frame_segment){
				.seq = s + 8, .ack = c, .flags = ACK, .win = 1, .payload = "end"});
		expect_client(w,
			(struct frame_segment){
				.seq = k + 8, .ack = c, .flags = ACK, .win = 4, .payload = "end"});
		client_says(w,
			sack(
				(struct frame_segment){
					.seq = c, .ack = k + 3, .flags = ACK, .win = 501},
				k + 8));
		expect_server(w, false,
			sack(
				(struct frame_segment){
					.seq = c, .ack = s + 3, .flags = ACK, .win = 501},
				s + 8));
		server_says(w,
			(struct frame_segment){.seq = s + 3,
				.ack = c,
				.flags = ACK,
				.win = 128,
				.payload = "12345"});
		expect_client(w,
			(struct frame_segment){.seq = k + 3,
				.ack = c,
				.flags = ACK,
				.win = 512,
				.payload = "12345"});
		server_says(w,
			(struct frame_segment){
				.seq = s + 11, .ack = c, .flags = FIN | ACK, .win = 128});
		expect_client(w,
			(struct frame_segment){
				.seq = k + 11, .ack = c, .flags = FIN | ACK, .win = 512});
		client_says(w,
			(struct frame_segment){
				.seq = c, .ack = k + 12, .flags = FIN | ACK, .win = 501});
		expect_server(w, false,
			(struct frame_segment){
				.seq = c, .ack = s + 12, .flags = FIN | ACK, .win = 501});
		server_says(w,
			(struct frame_segment){
				.seq = s + 12, .ack = c + 1, .flags = ACK, .win = 128});
		expect_client(w,
			(struct frame_segment){
				.seq = k + 12, .ack = c + 1, .flags = ACK, .win = 512});
		expect_state("time-wait");
		end();
	}
}

// Windows without scaling on the client's side, on the server's, on both; and what else a client may leave out.
static void windows_are_told_in_either_scale(void **) {
	const struct way *w = &ways[0];

	for (unsigned i = 0; i < 4; i++) {
		static const uint8_t mss[] = {2, 4, 5, 0xb4}, least[] = {2, 4, 2, 24},
				     scale7[] = {2, 4, 5, 0xb4, 1, 3, 3, 7},
				     scale3[] = {2, 4, 2, 24, 1, 3, 3, 3};
		bool client = i & 1, server = i & 2;
		unsigned win = client ? 40000 : 50000, told;

		start();
		uint32_t k = cookie_of(w,
			(struct frame_segment){
				.options = scale3 + 4, .options_len = client ? 4 : 0},
			(struct frame_segment){
				.options = client ? scale7 : mss, .options_len = client ? 8 : 4});
		client_says(w,
			(struct frame_segment){
				.seq = C + 1, .ack = k + 1, .flags = ACK, .win = win});
		expect_server(w, false,
			(struct frame_segment){.seq = C,
				.flags = SYN,
				.win = client ? 65535 : win,
				.options = client ? scale3 : least,
				.options_len = client ? 8 : 4});
		struct frame_segment answer = {
			.seq = S, .ack = C + 1, .flags = SYN | ACK, .win = 29000};
		if (server)
			answer.options = scale3 + 4, answer.options_len = 4;
		server_says(w, answer);
		expect_client(w,
			(struct frame_segment){.seq = k + 1,
				.ack = C + 1,
				.flags = ACK,
				.win = client ? 29000 >> 7 : 29000});
		told = client && server ? 65536 >> 3 : client ? 65535 : win; // of what the SYN said
		expect_server(w, true,
			(struct frame_segment){
				.seq = C + 1, .ack = S + 1, .flags = ACK, .win = told});
		client_says(w,
			(struct frame_segment){
				.seq = C + 1, .ack = k + 1, .flags = ACK, .win = 5000});
		expect_server(w, false,
			(struct frame_segment){.seq = C + 1,
				.ack = S + 1,
				.flags = ACK,
				.win = client && !server ? 5000 << 3 : 5000});
		server_says(w,
			(struct frame_segment){
				.seq = S + 1, .ack = C + 1, .flags = ACK, .win = 30000});
		told = client ? (server ? 30000 << 3 : 30000) >> 7 : 30000;
		expect_client(w,
			(struct frame_segment){
				.seq = k + 1, .ack = C + 1, .flags = ACK, .win = told});
		end();
	}
}

static void the_mss_is_that_of_the_interface(void **) {
	for (const struct way *w = ways; w < ways + WAYS; w++) {
		unsigned mss = 1300 - (is_v6(w) ? 60 : 40);

		start_with(1300, "0/s", "");
		cookie_of(w, (struct frame_segment){.options = NULL},
			(struct frame_segment){BYTES(2, 4, (uint8_t)(mss >> 8), (uint8_t)mss)});
		end();
	}
}

// ---- what goes wrong ---------------------------------------------------------------------------------------------------

static void what_proves_nothing_is_dropped(void **) {
	for (const struct way *w = ways; w < ways + WAYS; w++) {
		struct frame_segment ack = {.seq = C + 1, .flags = ACK, .win = 500};
		struct way other = *w;

		start();
		uint32_t k = linux_cookie(w);
		json_int_t wrong = packet_sum("firewall", "cookies_wrong");
		for (unsigned bit = 8; bit < 32; bit++) {
			ack.ack = (k ^ 1u << bit) + 1;
			client_dropped(w, "drop_session_cookie", ack);
		}
		ack.ack = k + 1;
		other.client = is_v6(w) ? "2001:db8:1::8" : "10.1.0.8";
		client_dropped(&other, "drop_session_cookie", ack);
		ack.seq = C + 2;
		client_dropped(w, "drop_session_cookie", ack);
		ack.seq = C + 1, ack.flags = SYN | ACK;
		client_dropped(w, "drop_session_tcp_state", ack);
		ack.flags = RST | ACK;
		client_dropped(w, "drop_session_tcp_state", ack);
		assert_int_equal(packet_sum("firewall", "cookies_wrong"), wrong + 26);
		expect_state("");
		end();
	}
}

static void cookies_grow_old(void **) {
	const struct way *w = &ways[0];

	for (unsigned s = 60; s <= 130; s += 70) {
		start();
		uint32_t k = linux_cookie(w);
		struct frame_segment ack = {.seq = C + 1, .ack = k + 1, .flags = ACK, .win = 500};

		for (unsigned t = 0; t < s; t++)
			packet_advance(NSEC_PER_SEC);
		frames_drain();
		if (s < 64) {
			client_says(w, ack);
			expect_server(w, false, linux_ask(w));
		} else { // nobody has got one for so long that none is looked for
			client_dropped(w, "drop_session_tcp_state", ack);
			linux_cookie(w);
			client_dropped(w, "drop_session_cookie", ack);
		}
		end();
	}
}

// The ACK was lost, and the client probes the window 0: with the number before, or with a byte. Or it wants to end at once.
static void any_first_segment_proves(void **) {
	const struct way *w = &ways[2];
	const struct frame_segment firsts[] = {
		{.seq = C, .flags = ACK, .win = 500},
		{.seq = C + 1, .flags = ACK | PSH, .win = 500, .payload = "G"},
		{.seq = C + 1, .flags = ACK | FIN, .win = 500},
	};

	for (unsigned i = 0; i < sizeof(firsts) / sizeof(*firsts); i++) {
		struct frame_segment s = firsts[i];

		start();
		s.ack = linux_cookie(w) + 1;
		client_says(w, s);
		expect_server(w, false, linux_ask(w));
		end();
	}
}

static void the_server_is_asked_again(void **) {
	for (const struct way *w = ways; w < ways + WAYS; w++) {
		start();
		uint32_t k = proven(w);
		struct frame_segment probe = {.seq = C, .ack = k + 1, .flags = ACK, .win = 500};

		client_says(w, probe);
		expect_server(w, false, linux_ask(w));
		probe.ack++;
		client_dropped(w, "drop_session_tcp_ack", probe);
		probe.ack--, probe.seq = C + 5;
		client_dropped(w, "drop_session_tcp_seq", probe);
		client_dropped(w, "drop_session_tcp_state",
			(struct frame_segment){.seq = C, .flags = SYN});
		// and without a word of the client, after 1, 3 and 7 s
		unsigned asked = 0;
		for (unsigned t = 0; t < 14; t++) {
			packet_advance(NSEC_PER_SEC);
			while (packet_count("b") > 0) {
				expect_server(w, true, linux_ask(w));
				asked++;
			}
			expect_state("syn-sent");
		}
		assert_int_equal(asked, 3);
		packet_advance(NSEC_PER_SEC);
		packet_advance(NSEC_PER_SEC);
		expect_state("reset");
		struct frame reset =
			to_client(w, true, (struct frame_segment){.seq = k + 1, .flags = RST});
		frame_expect('a', &reset);
		end();
	}
}

static void the_server_refuses(void **) {
	for (const struct way *w = ways; w < ways + WAYS; w++) {
		start();
		uint32_t k = proven(w);

		server_dropped(w, "drop_session_tcp_ack",
			(struct frame_segment){.ack = C, .flags = RST | ACK});
		server_says(w, (struct frame_segment){.ack = C + 1, .flags = RST | ACK});
		expect_client(
			w, (struct frame_segment){.seq = k + 1, .ack = C + 1, .flags = RST | ACK});
		expect_state("reset");
		end();
	}
}

static void the_client_gives_up(void **) {
	const struct way *w = &ways[0];

	start();
	uint32_t k = proven(w);
	client_dropped(
		w, "drop_session_tcp_seq", (struct frame_segment){.seq = C + 7, .flags = RST});
	client_says(w, (struct frame_segment){.seq = C + 1, .ack = k + 1, .flags = RST | ACK});
	expect_server(
		w, false, (struct frame_segment){.seq = C + 1, .ack = k + 1, .flags = RST | ACK});
	expect_state("reset");
	end();
}

// The server still has an old connection of the same tuple: it is reset, as its client would have done.
static void old_connections_are_reset(void **) {
	const struct way *w = &ways[1];

	start();
	proven(w);
	server_says(w, (struct frame_segment){.seq = 99, .ack = 12345, .flags = ACK});
	struct frame_segment reset = {.sport = 5000, .dport = 8080, .seq = 12345, .flags = RST};
	struct frame f = frame_tcp(mac_host('b', 9), mac_router('b'), w->client, w->server, &reset);
	frame_dont_fragment(&f);
	frame_expect('b', &f);
	expect_state("syn-sent");
	server_dropped(w, "drop_session_tcp_ack",
		(struct frame_segment){.seq = S, .ack = C + 9, .flags = SYN | ACK});
	server_dropped(w, "drop_session_tcp_state", (struct frame_segment){.seq = S, .flags = SYN});
	end();
}

// What the client was told was lost: the server repeats its answer, and the client says what it has.
static void repeated_answers_pass(void **) {
	const struct way *w = &ways[0];

	start();
	uint32_t k = opened(w);
	server_says(w,
		(struct frame_segment){
			.seq = S, .ack = C + 1, .flags = SYN | ACK, .win = 65160, LINUX_SYN_ACK});
	expect_client(w,
		(struct frame_segment){
			.seq = k, .ack = C + 1, .flags = SYN | ACK, .win = 65160, LINUX_SYN_ACK});
	end();
}

static void blind_attacks_do_not_pass(void **) {
	const struct way *w = &ways[0];

	start();
	uint32_t k = opened(w);
	server_dropped(w, "drop_session_tcp_seq",
		(struct frame_segment){.seq = S + 9999999, .ack = C + 1, .flags = ACK});
	server_dropped(w, "drop_session_tcp_seq", // the client's numbers are not the server's
		(struct frame_segment){.seq = k + 1, .ack = C + 1, .flags = ACK});
	client_dropped(w, "drop_session_tcp_ack",
		(struct frame_segment){.seq = C + 1, .ack = k + 9999999, .flags = ACK});
	server_says(w, (struct frame_segment){.seq = S + 1, .flags = RST});
	expect_client(w, (struct frame_segment){.seq = k + 1, .flags = RST});
	expect_state("reset");
	// a new connection on the same tuple: a new cookie
	client_says(w, (struct frame_segment){.seq = C + 5000, .flags = SYN});
	struct frame f;
	assert_true(frame_recv('a', &f));
	expect_state("");
	end();
}

// ---- errors ------------------------------------------------------------------------------------------------------------

// Too big, of a router between this box and the client: the server is told of what it sent, by its own numbers.
static void errors_quote_the_servers_numbers(void **) {
	for (const struct way *w = ways; w < ways + WAYS; w++) {
		bool v6 = is_v6(w);
		size_t icmp = v6 ? 54 : 34;

		start();
		opened(w);
		struct frame_segment data = {
			.seq = S + 1, .ack = C + 1, .flags = ACK, .payload = "xyz"};
		struct frame sent = by_server(w, data), got;
		frame_send('b', &sent);
		assert_true(frame_recv('a', &got));
		struct frame e = frame_icmp(mac_router('a'), mac_host('a', 9), w->client, w->called,
			v6 ? 2 : 3, v6 ? 0 : 4);
		struct frame want = frame_icmp(mac_router('a'), mac_host('a', 9), w->client,
			w->server, v6 ? 2 : 3, v6 ? 0 : 4);
		frame_hop(&want, mac_host('b', 9), mac_router('b'));
		struct frame was = sent; // and went one hop
		frame_hop(&was, 0, 0);
		memcpy(e.bytes + icmp + 8, got.bytes + 14, got.len - 14);
		memcpy(want.bytes + icmp + 8, was.bytes + 14, was.len - 14);
		frame_payload(&e, 7);
		frame_payload(&want, 7);
		frame_send('a', &e);
		frame_expect('b', &want);
		// with the server's number it is about nothing that was sent
		memcpy(e.bytes + icmp + 8 + (v6 ? 44 : 24), sent.bytes + icmp + 4, 4);
		frame_payload(&e, 7);
		uint64_t before = packet_drops("drop_session_tcp_seq");
		frame_send('a', &e);
		assert_int_equal(packet_drops("drop_session_tcp_seq"), before + 1);
		end();
	}
}

// This box's own: its interface to the client is narrow.
static void own_errors_quote_what_was_sent(void **) {
	char text[1400];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (const struct way *w = ways; w < ways + WAYS; w++) {
		start_with(1300, "0/s", "");
		uint32_t k = cookie_of(w, (struct frame_segment){.options = NULL},
			(struct frame_segment){
				BYTES(2, 4, is_v6(w) ? 4 : 4, is_v6(w) ? 216 : 236)});
		client_says(w,
			(struct frame_segment){
				.seq = C + 1, .ack = k + 1, .flags = ACK, .win = 5000});
		server_says(w, (struct frame_segment){.seq = S, .ack = C + 1, .flags = SYN | ACK});
		frames_drain();
		struct frame big = by_server(w,
			(struct frame_segment){
				.seq = S + 1, .ack = C + 1, .flags = ACK, .payload = text});
		if (!is_v6(w))
			frame_dont_fragment(&big);
		frame_send('b', &big);
		frame_expect_error('b', &big, is_v6(w) ? 2 : 3, is_v6(w) ? 0 : 4, 1300,
			is_v6(w) ? "2001:db8:2::1" : "10.2.0.1");
		end();
	}
}

// ---- when ----------------------------------------------------------------------------------------------------------------

static void an_attack_is_noticed(void **) {
	const struct way *w = &ways[0];

	start_with(1500, "10/s", "");
	for (unsigned i = 0; i < 10; i++) {
		struct frame_segment s = {.sport = (uint16_t)(6000 + i), .dport = 80, .flags = SYN};
		struct frame f =
			frame_tcp(mac_router('a'), mac_host('a', 9), w->client, w->called, &s);
		frame_send('a', &f);
		assert_int_equal(packet_count("b"), 1);
		frames_drain();
	}
	packet_flush("sessions", "{}");
	json_int_t before = packet_sum("rules", "cookies");
	linux_cookie(w);
	assert_int_equal(packet_sum("rules", "cookies"), before + 1);
	json_t *rows = packet_show("rules");
	assert_true(json_is_true(json_object_get(json_array_get(rows, 0), "under_attack")));
	json_decref(rows);
	uint32_t k = opened(w);
	for (unsigned t = 0; t < 10; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
	// it is over; those that were proven live on, and others begin as usual
	client_says(
		w, (struct frame_segment){.seq = C + 1, .ack = k + 1, .flags = ACK, .win = 500});
	expect_server(w, false,
		(struct frame_segment){.seq = C + 1, .ack = S + 1, .flags = ACK, .win = 500});
	packet_flush("sessions", "{}");
	struct frame_segment syn = {.seq = C, .flags = SYN, .win = 64240, LINUX_SYN};
	client_says(w, syn);
	expect_server(w, false, syn);
	end();
}

// Limits of the rule are asked of those who proved themselves, not of a flood.
static void limits_count_who_is_there(void **) {
	const struct way *w = &ways[0];

	start_with(1500, "0/s", ", connections_per_source = 1");
	for (unsigned i = 0; i < 20; i++)
		linux_cookie(w);
	opened(w);
	uint32_t k = linux_cookie(&ways[1]);
	client_dropped(&ways[1], "drop_session_no_rule",
		(struct frame_segment){.seq = C + 1, .ack = k + 1, .flags = ACK, .win = 500});
	assert_int_equal(sessions(), 1);
	end();
}

// A commit judges them again as what they are.
static void a_commit_keeps_them(void **) {
	const struct way *w = &ways[1];

	start();
	uint32_t k = opened(w);
	start_with(1500, "20/s", "");
	client_says(
		w, (struct frame_segment){.seq = C + 1, .ack = k + 1, .flags = ACK, .win = 500});
	expect_server(w, false,
		(struct frame_segment){.seq = C + 1, .ack = S + 1, .flags = ACK, .win = 500});
	end();
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
		cmocka_unit_test(a_connection_from_syn_to_fin),
		cmocka_unit_test(windows_are_told_in_either_scale),
		cmocka_unit_test(the_mss_is_that_of_the_interface),
		cmocka_unit_test(what_proves_nothing_is_dropped),
		cmocka_unit_test(cookies_grow_old),
		cmocka_unit_test(any_first_segment_proves),
		cmocka_unit_test(the_server_is_asked_again),
		cmocka_unit_test(the_server_refuses),
		cmocka_unit_test(the_client_gives_up),
		cmocka_unit_test(old_connections_are_reset),
		cmocka_unit_test(repeated_answers_pass),
		cmocka_unit_test(blind_attacks_do_not_pass),
		cmocka_unit_test(errors_quote_the_servers_numbers),
		cmocka_unit_test(own_errors_quote_what_was_sent),
		cmocka_unit_test(an_attack_is_noticed),
		cmocka_unit_test(limits_count_who_is_there),
		cmocka_unit_test(a_commit_keeps_them),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
