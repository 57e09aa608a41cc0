// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies and the segments that a SYN proxy makes.
#include "dataplane/session/syn.h"
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct siphash_key secret = {{0x1234, 0x5678}};

static struct session_key key_of_flow(bool v6) {
	struct session_tuple t = {
		.sport = htons(40000), .dport = htons(80), .domain = 3, .proto = 6, .v6 = v6};

	for (unsigned i = 0; i < (v6 ? 16 : 4); i++) {
		t.src[i] = (uint8_t)(10 + i);
		t.dst[i] = (uint8_t)(20 + i);
	}
	return key_of(&t);
}

static bool opens(const struct session_key *key, uint32_t isn, uint32_t cookie, uint32_t epoch) {
	struct syn_offer offer;

	return syn_cookie_open(&secret, key, isn, cookie, epoch, &offer);
}

// ---- cookies ------------------------------------------------------------------------------------------------------------

static void what_was_offered_comes_back(void **) {
	static const uint16_t says[2][7][2] = {
		{{0, 536}, {536, 536}, {1299, 536}, {1300, 1300}, {1400, 1300}, {1460, 1460},
			{9000, 1460}},
		{{0, 1220}, {1220, 1220}, {1339, 1220}, {1340, 1340}, {1420, 1420}, {1440, 1440},
			{9000, 1440}},
	};

	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct session_key key = key_of_flow(v6);

		for (unsigned i = 0; i < 7 * 16 * 2; i++) {
			struct syn_offer was = {.mss = says[v6][i % 7][0],
				.scale = (int8_t)(i / 7 % 16 - 1),
				.sack = i / 112};
			struct syn_offer is = {0};
			uint32_t cookie = syn_cookie(&secret, &key, i, &was, 7);

			assert_true(syn_cookie_open(&secret, &key, i, cookie, 7, &is));
			assert_int_equal(is.mss, says[v6][i % 7][1]);
			assert_int_equal(is.scale, was.scale);
			assert_int_equal(is.sack, was.sack);
		}
	}
}

static void cookies_are_of_their_time(void **) {
	struct session_key key = key_of_flow(false);
	struct syn_offer offer = {1460, 7, true};

	for (uint32_t epoch = UINT32_MAX - 2; epoch != 3; epoch++) {
		uint32_t cookie = syn_cookie(&secret, &key, 99, &offer, epoch);

		assert_true(opens(&key, 99, cookie, epoch));
		assert_true(opens(&key, 99, cookie, epoch + 1));
		assert_false(opens(&key, 99, cookie, epoch + 2));
		assert_false(opens(&key, 99, cookie, epoch + 3));
		assert_false(opens(&key, 99, cookie, epoch - 1));
	}
	assert_int_equal(syn_epoch(0), 0);
	assert_int_equal(syn_epoch(SYN_EPOCH_NS - 1), 0);
	assert_int_equal(syn_epoch(SYN_EPOCH_NS), 1);
}

static void cookies_are_for_one_syn(void **) {
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct session_key key = key_of_flow(v6), other;
		struct syn_offer offer = {1460, -1, false};
		uint32_t cookie = syn_cookie(&secret, &key, 99, &offer, 5);
		struct siphash_key another = {{0x1234, 0x5679}};
		struct syn_offer is;

		assert_true(opens(&key, 99, cookie, 5));
		assert_false(opens(&key, 98, cookie, 5));
		assert_false(opens(&key, 100, cookie, 5));
		assert_false(syn_cookie_open(&another, &key, 99, cookie, 5, &is));
		for (unsigned what = 0; what < 4; what++) {
			other = key;
			if (what == 0)
				other.sport++;
			else if (what == 1)
				other.dport++;
			else if (what == 2)
				other.domain++;
			else
				((uint8_t *)other.a)[v6 ? 31 : 7]++;
			assert_false(opens(&other, 99, cookie, 5));
		}
		other = key;
		other.kind |= 3 * KIND_OWNER; // whose session it is does not matter
		assert_true(opens(&other, 99, cookie, 5));
	}
}

// A guess is right once in 2^24: of a million, a sixteenth of one.
static void guesses_are_rarely_right(void **) {
	struct session_key key = key_of_flow(false);
	unsigned right = 0;

	for (uint32_t i = 0; i < 1u << 20; i++)
		right += opens(&key, i, i * 2654435761u, 5);
	assert_in_range(right, 0, 4);
}

// Every bit of the upper 24 counts, and the epoch's.
static void flipped_bits_are_seen(void **) {
	struct session_key key = key_of_flow(true);
	struct syn_offer offer = {1440, 9, true};
	uint32_t cookie = syn_cookie(&secret, &key, 99, &offer, 5);

	for (unsigned bit = 7; bit < 32; bit++)
		assert_false(opens(&key, 99, cookie ^ 1u << bit, 5));
}

// ---- segments -----------------------------------------------------------------------------------------------------------

static void sums_are_right(const uint8_t *ip, uint32_t l4, uint32_t len) {
	bool v6 = ip[0] >> 4 == 6;
	uint32_t sum = 6 + len - l4;

	for (uint32_t i = v6 ? 8 : 12; i < (v6 ? 40 : 20); i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	for (uint32_t i = l4; i < len; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	sum = 0;
	for (uint32_t i = 0; !v6 && i < l4; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	assert_true(v6 || sum == 0xffff);
}

static void built_segments_are_read_again(void **) {
	for (unsigned i = 0; i < 2 * 2 * 2 * 3; i++) {
		bool v6 = i & 1;
		struct session_key key = key_of_flow(v6);
		struct syn_segment s = {.seq = 0xfffffffe,
			.ack = 77,
			.win = 1234,
			.flags = TCP_SYN | TCP_ACK,
			.offer = {i & 2 ? 1400 : 0, (int8_t)(i & 4 ? 7 : -1), i >= 16}};
		uint8_t ip[SYN_PACKET_MAX + 8];
		struct session_packet p;
		struct tcp_seg seg;

		memset(ip, 0xaa, sizeof(ip));
		uint32_t len = syn_build(ip, &key, &s);
		assert_true(len <= SYN_PACKET_MAX);
		assert_int_equal(session_parse(ip, len, len, 3, &p), PARSED_FLOW);
		assert_true(key_equal(&p.key, &key));
		assert_int_equal(p.l4 + p.l4_len, len);
		assert_true(tcp_decode(ip + p.l4, p.l4_len, p.l4_len, &seg));
		assert_int_equal(seg.seq, s.seq);
		assert_int_equal(seg.ack, s.ack);
		assert_int_equal(seg.win, s.win);
		assert_int_equal(seg.len, 0);
		assert_int_equal(seg.flags, s.flags);
		struct syn_offer offer = syn_offer_read(ip + p.l4);
		assert_int_equal(offer.mss, s.offer.mss);
		assert_int_equal(offer.scale, s.offer.scale);
		assert_int_equal(offer.sack, s.offer.sack);
		sums_are_right(ip, p.l4, len);
		assert_int_equal(ip[len], 0xaa);
	}
}

// Over a segment with options of IP, data and urgent data.
static void segments_are_written_over(void **) {
	uint8_t ip[24 + 32 + 100] = {0x46, 0, 0, 156, 1, 2, 0x40, 0, 9, 6, 0, 0, 10, 0, 0, 1, 10, 0,
		0, 2, 1, 1, 1, 0, 0x12, 0x34, 0, 80};
	struct syn_segment s = {.seq = 5, .ack = 6, .win = 7, .flags = TCP_ACK};

	memset(ip + 28, 0x77, sizeof(ip) - 28);
	ip[24 + 12] = 0x80;
	assert_int_equal(syn_write(ip, 24, &s), 44);
	assert_memory_equal(ip + 24,
		((uint8_t[]){0x12, 0x34, 0, 80, 0, 0, 0, 5, 0, 0, 0, 6, 0x50, 0x10, 0, 7}), 16);
	assert_memory_equal(ip + 24 + 18, ((uint8_t[]){0, 0}), 2);
	assert_memory_equal(ip, ((uint8_t[]){0x46, 0, 0, 44, 1, 2, 0x40, 0, 9, 6}), 10);
	sums_are_right(ip, 24, 44);
}

static void broken_options_are_not_read(void **) {
	uint8_t tcp[24] = {[12] = 24 / 4 << 4};
	static const uint8_t options[][4] = {{2, 0, 5, 180}, {2, 5, 5, 180}, {3, 4, 9, 0},
		{0, 3, 3, 9}, {2, 3, 5, 0}, {4, 3, 0, 0}, {1, 1, 1, 2}};

	for (unsigned i = 0; i < sizeof(options) / sizeof(*options); i++) {
		memcpy(tcp + 20, options[i], 4);
		struct syn_offer offer = syn_offer_read(tcp);
		assert_int_equal(offer.mss, 0);
		assert_int_equal(offer.scale, -1);
		assert_false(offer.sack);
	}
	memcpy(tcp + 20, (uint8_t[]){3, 3, 200, 0}, 4);
	assert_int_equal(syn_offer_read(tcp).scale, 14); // RFC 7323 section 2.3
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_offered_comes_back),
		cmocka_unit_test(cookies_are_of_their_time),
		cmocka_unit_test(cookies_are_for_one_syn),
		cmocka_unit_test(guesses_are_rarely_right),
		cmocka_unit_test(flipped_bits_are_seen),
		cmocka_unit_test(built_segments_are_read_again),
		cmocka_unit_test(segments_are_written_over),
		cmocka_unit_test(broken_options_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
