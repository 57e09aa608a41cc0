// SPDX-License-Identifier: BSD-3-Clause
// Translation of headers against RFC 6052's table and RFC 7915's, and against sums made the slow way.
#include "lib/wire.h"
#include "router/nat64/xlat.h"
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs the four above
#include <cmocka.h>

// ---- addresses --------------------------------------------------------------------------------------------------

// RFC 6052 section 2.4.
static void addresses_are_embedded(void **) {
	static const struct {
		const char *prefix;
		unsigned len;
		const char *is;
	} rows[] = {
		{"2001:db8::", 32, "2001:db8:c000:221::"},
		{"2001:db8:100::", 40, "2001:db8:1c0:2:21::"},
		{"2001:db8:122::", 48, "2001:db8:122:c000:2:2100::"},
		{"2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::"},
		{"2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::"},
		{"2001:db8:122:344::", 96, "2001:db8:122:344::192.0.2.33"},
		{"64:ff9b::", 96, "64:ff9b::192.0.2.33"},
	};
	static const uint8_t v4[4] = {192, 0, 2, 33}, other[4] = {203, 0, 113, 255};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t prefix[16], want[16], is[16], back[4];

		inet_pton(AF_INET6, rows[i].prefix, prefix);
		inet_pton(AF_INET6, rows[i].is, want);
		assert_true(xlat_prefix_ok(rows[i].len));
		xlat_embed(prefix, rows[i].len, v4, is);
		assert_memory_equal(is, want, 16);
		xlat_extract(is, rows[i].len, back);
		assert_memory_equal(back, v4, 4);
		xlat_embed(prefix, rows[i].len, other, want);
		xlat_embed_like(is, v4, other, is);
		assert_memory_equal(is, want, 16);
	}
	for (unsigned len = 0; len <= 128; len++)
		assert_int_equal(xlat_prefix_ok(len),
			len == 32 || len == 40 || len == 48 || len == 56 || len == 64 || len == 96);
}

static void private_addresses_are_not_global(void **) {
	static const char *const not [] = {"0.1.2.3", "10.1.1.1", "100.64.0.1", "100.127.255.255",
		"127.0.0.1", "169.254.1.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"224.0.0.1", "255.255.255.255"};
	static const char *const yes[] = {"1.1.1.1", "100.63.0.1", "100.128.0.1", "169.253.1.1",
		"172.15.0.1", "172.32.0.1", "192.167.1.1", "198.51.100.1", "223.255.255.255"};
	uint8_t addr[4];

	for (unsigned i = 0; i < sizeof(not ) / sizeof(not [0]); i++) {
		inet_pton(AF_INET, not [i], addr);
		assert_false(xlat_is_global(addr));
	}
	for (unsigned i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		inet_pton(AF_INET, yes[i], addr);
		assert_true(xlat_is_global(addr));
	}
}

// ---- packets ----------------------------------------------------------------------------------------------------------

static unsigned sum16(const uint8_t *b, size_t n, uint32_t s) {
	for (size_t i = 0; i < n; i++)
		s += (uint32_t)b[i] << (i % 2 ? 0 : 8);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static size_t head_len(const uint8_t *ip) {
	return ip[0] >> 4 == 4 ? 20 : 40;
}

static unsigned proto_of(const uint8_t *ip) {
	return ip[0] >> 4 == 4 ? ip[9] : ip[6];
}

static size_t check_at(unsigned proto) {
	return proto == 6 ? 16 : proto == 17 ? 6 : 2;
}

// Sum over the upper part and what belongs to it; 0xffff when the checksum in it is right.
static unsigned upper_sum(const uint8_t *ip, size_t len) {
	size_t head = head_len(ip), n = len - head;
	uint32_t pseudo = (uint32_t)n + proto_of(ip);

	if (proto_of(ip) == 1)
		return sum16(ip + head, n, 0);
	pseudo += ip[0] >> 4 == 4 ? sum16(ip + 12, 8, 0) : sum16(ip + 8, 32, 0);
	return sum16(ip + head, n, pseudo);
}

static void sums_make(uint8_t *ip, size_t len) {
	size_t at = head_len(ip) + check_at(proto_of(ip));

	put16(ip + at, 0);
	unsigned s = ~upper_sum(ip, len) & 0xffff;
	put16(ip + at, proto_of(ip) == 17 && s == 0 ? 0xffff : s);
	if (ip[0] >> 4 == 4) {
		put16(ip + 10, 0);
		put16(ip + 10, ~sum16(ip, 20, 0) & 0xffff);
	}
}

static size_t packet(uint8_t *ip, bool six, unsigned proto, size_t n) {
	size_t head = six ? 40 : 20;

	for (size_t i = 0; i < head + n; i++)
		ip[i] = (uint8_t)rand();
	if (six) {
		ip[0] = (uint8_t)(0x60 | (ip[0] & 15));
		put16(ip + 4, (unsigned)n);
		ip[6] = (uint8_t)(proto == 1 ? 58 : proto);
	} else {
		ip[0] = 0x45;
		put16(ip + 2, (unsigned)(20 + n));
		put16(ip + 6, 0);
		ip[9] = (uint8_t)proto;
	}
	if (proto == 1) {
		ip[head] = (uint8_t)(six ? 128 + rand() % 2 : rand() % 2 * 8);
		ip[head + 1] = 0;
	}
	sums_make(ip, head + n);
	return head + n;
}

static struct xlat_ends ends(void) {
	struct xlat_ends to;

	for (size_t i = 0; i < sizeof(to); i++)
		((uint8_t *)&to)[i] = (uint8_t)rand();
	return to;
}

static size_t translate(const uint8_t *in, size_t len, const struct xlat_ends *to, uint8_t *out) {
	size_t from = head_len(in), head = 60 - from, n = len - from;

	if (head == 40)
		xlat_head6(out, in, (uint32_t)n, to);
	else
		xlat_head4(out, in, proto_of(in), (uint32_t)n, to, false, 77);
	memcpy(out + head, in + from, n);
	assert_int_equal(
		xlat_upper(out + head, n, (uint32_t)n, in, proto_of(in), to, XLAT_WHOLE), XLAT_OK);
	return head + n;
}

static void sums_stay_right(void **) {
	static const unsigned protos[] = {1, 6, 17};
	uint8_t in[1600], out[1600];

	for (unsigned round = 0; round < 30000; round++) {
		bool six = round & 1;
		unsigned proto = protos[round % 3];
		size_t n = 20 + (size_t)rand() % 1200, len = packet(in, six, proto, n);
		struct xlat_ends to = ends();

		size_t got = translate(in, len, &to, out);
		assert_int_equal(got, len + (six ? -20 : 20));
		assert_int_equal(upper_sum(out, got), 0xffff);
		assert_int_equal(out[0] >> 4, six ? 4 : 6);
		if (six) {
			assert_int_equal(sum16(out, 20, 0), 0xffff);
			assert_int_equal(out[2] << 8 | out[3], got);
			assert_int_equal(out[6] & 0x40, got > 1260 ? 0x40 : 0);
			assert_int_equal(out[1], (in[0] << 4 | in[1] >> 4) & 0xff);
			assert_int_equal(out[8], in[7]);
			assert_memory_equal(out + 12, to.src, 4);
			assert_memory_equal(out + 16, to.dst, 4);
		} else {
			assert_int_equal(out[4] << 8 | out[5], got - 40);
			assert_int_equal((out[0] << 4 | out[1] >> 4) & 0xff, in[1]);
			assert_int_equal(out[7], in[8]);
			assert_memory_equal(out + 8, to.src, 16);
			assert_memory_equal(out + 24, to.dst, 16);
		}
		size_t head = head_len(out);
		if (proto != 1) {
			assert_memory_equal(out + head, &to.sport, 2);
			assert_memory_equal(out + head + 2, &to.dport, 2);
		}
		assert_memory_equal(out + head + 20, in + head_len(in) + 20, n - 20);
	}
}

static void udp_without_a_sum_is_told(void **) {
	struct xlat_ends to = ends();
	uint8_t in[100];
	size_t len = packet(in, false, 17, 30);

	put16(in + 26, 0);
	assert_int_equal(xlat_upper(in + 20, 30, 30, in, 17, &to, XLAT_WHOLE), XLAT_NO_SUM);
	assert_int_equal(xlat_upper(in + 20, 30, 30, in, 47, &to, XLAT_WHOLE), XLAT_NOT);
	in[20] = 13; // a timestamp
	assert_int_equal(xlat_upper(in + 20, 30, 30, in, 1, &to, XLAT_WHOLE), XLAT_NOT);
	assert_int_equal(xlat_upper(in + 20, 7, 30, in, 17, &to, XLAT_WHOLE), XLAT_NOT);
	assert_int_equal(len, 50);
}

// ---- errors -----------------------------------------------------------------------------------------------------------

// What RFC 7915 makes of it; type 0: nothing.
struct row {
	uint8_t type, code;
	uint32_t value; // the second word
	uint8_t to_type, to_code;
	uint32_t to_value;
};

// Sections 4.2 and 4.5; the quoted packet is of 300 bytes.
static const struct row rows4[] = {
	{3, 0, 0, 1, 0, 0},
	{3, 1, 0, 1, 0, 0},
	{3, 2, 0, 4, 1, 6},
	{3, 3, 0, 1, 4, 0},
	{3, 4, 1500, 2, 0, 1520},
	{3, 4, 68, 2, 0, 1280},
	{3, 4, 0, 2, 0, 1280},
	{3, 5, 0, 1, 0, 0},
	{3, 6, 0, 1, 0, 0},
	{3, 7, 0, 1, 0, 0},
	{3, 8, 0, 1, 0, 0},
	{3, 9, 0, 1, 1, 0},
	{3, 10, 0, 1, 1, 0},
	{3, 11, 0, 1, 0, 0},
	{3, 12, 0, 1, 0, 0},
	{3, 13, 0, 1, 1, 0},
	{3, 14, 0, 0, 0, 0},
	{3, 15, 0, 1, 1, 0},
	{3, 16, 0, 0, 0, 0},
	{4, 0, 0, 0, 0, 0},
	{5, 0, 0, 0, 0, 0},
	{11, 0, 0, 3, 0, 0},
	{11, 1, 0, 3, 1, 0},
	{12, 0, 0, 4, 0, 0},
	{12, 0, 1u << 24, 4, 0, 1},
	{12, 0, 2u << 24, 4, 0, 4},
	{12, 0, 3u << 24, 4, 0, 4},
	{12, 0, 4u << 24, 0, 0, 0},
	{12, 0, 6u << 24, 0, 0, 0},
	{12, 0, 8u << 24, 4, 0, 7},
	{12, 0, 9u << 24, 4, 0, 6},
	{12, 0, 10u << 24, 0, 0, 0},
	{12, 0, 12u << 24, 4, 0, 8},
	{12, 2, 15u << 24, 4, 0, 8},
	{12, 0, 16u << 24, 4, 0, 24},
	{12, 0, 19u << 24, 4, 0, 24},
	{12, 0, 20u << 24, 0, 0, 0},
	{12, 1, 0, 0, 0, 0},
};
// Sections 5.2 and 5.5.
static const struct row rows6[] = {
	{1, 0, 0, 3, 1, 0},
	{1, 1, 0, 3, 10, 0},
	{1, 2, 0, 3, 1, 0},
	{1, 3, 0, 3, 1, 0},
	{1, 4, 0, 3, 3, 0},
	{1, 5, 0, 0, 0, 0},
	{2, 0, 1500, 3, 4, 1480},
	{2, 0, 1280, 3, 4, 1260},
	{2, 0, 70000, 3, 4, 65535},
	{3, 0, 0, 11, 0, 0},
	{3, 1, 0, 11, 1, 0},
	{4, 0, 0, 12, 0, 0},
	{4, 0, 1, 12, 0, 1u << 24},
	{4, 0, 2, 0, 0, 0},
	{4, 0, 4, 12, 0, 2u << 24},
	{4, 0, 5, 12, 0, 2u << 24},
	{4, 0, 6, 12, 0, 9u << 24},
	{4, 0, 7, 12, 0, 8u << 24},
	{4, 0, 8, 12, 0, 12u << 24},
	{4, 0, 23, 12, 0, 12u << 24},
	{4, 0, 24, 12, 0, 16u << 24},
	{4, 0, 39, 12, 0, 16u << 24},
	{4, 0, 40, 0, 0, 0},
	{4, 1, 6, 3, 2, 0},
	{4, 2, 0, 0, 0, 0},
	{5, 0, 0, 0, 0, 0},
	{127, 0, 0, 0, 0, 0},
};

// An error about `quoted`, sent by somebody.
static size_t error_about(const uint8_t *quoted, size_t n, const struct row *row, uint8_t *out) {
	bool six = quoted[0] >> 4 == 6;
	size_t len = packet(out, six, 1, 8 + n), head = head_len(out);

	out[head] = row->type;
	out[head + 1] = row->code;
	put16(out + head + 4, row->value >> 16);
	put16(out + head + 6, row->value & 0xffff);
	memcpy(out + head + 8, quoted, n);
	sums_make(out, len);
	return len;
}

static void check_error(const struct row *row, bool six, unsigned proto, size_t quoted) {
	uint8_t q[400], in[1600], out[XLAT_ERROR_MAX], want[400], from[16];
	struct xlat_ends to = ends(), back = {.sport = to.dport, .dport = to.sport};
	size_t len = packet(q, six, proto, six ? 260 : 280);

	for (unsigned i = 0; i < 16; i++)
		from[i] = (uint8_t)rand();
	size_t n = error_about(q, quoted, row, in);
	size_t got = xlat_error(in, n, head_len(in), &to, from, 0, out);
	if (row->to_type == 0) {
		assert_int_equal(got, 0);
		return;
	}
	size_t head = head_len(out);
	assert_int_equal(got, n + (six ? -40 : 40));
	assert_int_equal(out[0] >> 4, six ? 4 : 6);
	assert_int_equal(proto_of(out), six ? 1 : 58);
	assert_int_equal(upper_sum(out, got), 0xffff);
	assert_memory_equal(out + (six ? 12 : 8), from, six ? 4 : 16);
	assert_memory_equal(out + (six ? 16 : 24), to.dst, six ? 4 : 16);
	assert_int_equal(out[head], row->to_type);
	assert_int_equal(out[head + 1], row->to_code);
	assert_int_equal((uint32_t)out[head + 4] << 24 | out[head + 5] << 16 | out[head + 6] << 8 |
			out[head + 7],
		row->to_value);
	// what is quoted is the packet as it was on this side
	memcpy(back.src, to.dst, 16);
	memcpy(back.dst, to.src, 16);
	translate(q, len, &back, want);
	if (six) { // its identification is nobody's knowledge
		put16(want + 4, 0);
		put16(want + 10, 0);
		put16(want + 10, ~sum16(want, 20, 0) & 0xffff);
	}
	size_t same = got - head - 8;
	assert_memory_equal(out + head + 8, want, same);
}

static void errors_as_the_tables_say(void **) {
	static const unsigned protos[] = {1, 6, 17};

	for (unsigned round = 0; round < 30; round++) {
		for (unsigned i = 0; i < sizeof(rows4) / sizeof(rows4[0]); i++)
			check_error(&rows4[i], false, protos[round % 3], 300);
		for (unsigned i = 0; i < sizeof(rows6) / sizeof(rows6[0]); i++)
			check_error(&rows6[i], true, protos[round % 3], 300);
		check_error(&rows4[0], false, protos[round % 3], 28); // eight bytes are enough
		check_error(&rows6[0], true, protos[round % 3], 48);
	}
}

static void broken_errors_are_none(void **) {
	uint8_t q[400], in[1600], out[XLAT_ERROR_MAX];
	struct xlat_ends to = ends();

	for (unsigned six = 0; six < 2; six++) {
		const struct row *row = six ? &rows6[0] : &rows4[0];
		packet(q, six, 17, 100);
		size_t len = error_about(q, 120, row, in), head = head_len(in);
		assert_true(xlat_error(in, len, head, &to, to.src, 0, out) > 0);
		in[len - 1] ^= 1; // its sum is wrong
		assert_int_equal(xlat_error(in, len, head, &to, to.src, 0, out), 0);
		for (size_t n = 0; n < (six ? 48u : 28u); n++) { // not all of the quoted header
			len = error_about(q, n, row, in);
			assert_int_equal(xlat_error(in, len, head, &to, to.src, 0, out), 0);
		}
		q[0] ^= 0x20;
		len = error_about(q, 120, row, in);
		if (len > 0 && in[0] >> 4 == (six ? 6 : 4))
			assert_int_equal(xlat_error(in, len, head, &to, to.src, 0, out), 0);
	}
}

// The next hop knows better; a long one is cut; what follows the quoted packet (RFC 4884) stays behind.
static void limits_of_errors(void **) {
	static const struct row big4 = {3, 4, 9000, 0, 0, 0}, big6 = {2, 0, 9000, 0, 0, 0},
				time4 = {11, 0, 8u << 16, 0, 0, 0};
	uint8_t q[1500], in[2000], out[XLAT_ERROR_MAX];
	struct xlat_ends to = ends();
	size_t len, got;

	packet(q, false, 17, 1400);
	len = error_about(q, 1400, &big4, in);
	got = xlat_error(in, len, 20, &to, to.src, 1500, out);
	assert_int_equal(got, 1280);
	assert_int_equal(out[46] << 8 | out[47], 1500);
	assert_int_equal(upper_sum(out, got), 0xffff);
	packet(q, true, 17, 1400);
	len = error_about(q, 1200, &big6, in);
	got = xlat_error(in, len, 40, &to, to.src, 1400, out);
	assert_int_equal(got, 576);
	assert_int_equal(out[26] << 8 | out[27], 1400);
	packet(q, false, 17, 200);
	len = error_about(q, 100, &time4, in); // eight words: 32 bytes
	got = xlat_error(in, len, 20, &to, to.src, 0, out);
	assert_int_equal(got, 40 + 8 + 40 + 12);
	assert_int_equal(out[44] | out[45] | out[46] | out[47], 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_embedded),
		cmocka_unit_test(private_addresses_are_not_global),
		cmocka_unit_test(sums_stay_right),
		cmocka_unit_test(udp_without_a_sum_is_told),
		cmocka_unit_test(errors_as_the_tables_say),
		cmocka_unit_test(broken_errors_are_none),
		cmocka_unit_test(limits_of_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
