// SPDX-License-Identifier: BSD-3-Clause
// Messages byte by byte: options of every place, long ones, what is cut off, and what finds no room.
#include "router/dhcp/journal.h"
#include "router/dhcp/packet.h"
#include "router/dhcp/relay.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[DHCP_MSG_MAX];
static struct dhcp_msg msg;

static size_t start(void) {
	static const uint8_t head[] = {1, 1, 6, 0, 0x11, 0x22, 0x33, 0x44, 0, 7, 0x80, 0};

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, head, sizeof(head));
	memcpy(bytes + 28, "\x02\x00\x00\x00\x00\x09", 6);
	memcpy(bytes + DHCP_HEADER, "\x63\x82\x53\x63", 4);
	return DHCP_HEADER + 4;
}

static size_t put(size_t at, const char *option, size_t len) {
	memcpy(bytes + at, option, len);
	return at + len;
}

static void fields_and_options(void **) {
	size_t n = start(), len;

	n = put(n, "\x35\x01\x01\x00\x00\x32\x04\x0a\x01\x00\x64\x37\x02\x01\x03\xff garbage", 25);
	assert_int_equal(dhcp_decode(bytes, n, &msg), DHCP_OK);
	assert_int_equal(msg.type, DHCP_DISCOVER);
	assert_int_equal(msg.head.xid, 0x11223344);
	assert_int_equal(msg.head.secs, 7);
	assert_int_equal(msg.head.flags, DHCP_BROADCAST);
	assert_int_equal(dhcp_option_u32(&msg, DHCP_OPT_REQUESTED), 0x0a010064);
	assert_memory_equal(dhcp_option(&msg, DHCP_OPT_WANTED, &len), "\x01\x03", 2);
	assert_int_equal(len, 2);
	assert_null(dhcp_option(&msg, DHCP_OPT_SERVER, NULL));
	assert_int_equal(dhcp_option_u32(&msg, DHCP_OPT_SERVER), 0);
}

static void what_does_not_fit_is_refused(void **) {
	static const struct {
		const char *options;
		size_t len;
	} bad[] = {
		{"\x35", 1},                                          // no length
		{"\x35\x02\x01", 3},                                  // ends beyond
		{"\x35\x02\x01\x01\xff", 5},                          // a type of two bytes
		{"\x32\x03\x01\x01\x01\xff", 6}, {"\x3d\x00\xff", 3}, // an empty client identifier
		{"\x34\x01\x01\xff", 4}, // overload: `file` holds an option that ends beyond it
	};

	assert_int_equal(dhcp_decode(bytes, 239, &msg), DHCP_SHORT);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		size_t n = put(start(), bad[i].options, bad[i].len);

		memset(bytes + 108, 0x0c, 128);
		if (dhcp_decode(bytes, n, &msg) != DHCP_OPTIONS)
			fail_msg("row %u is taken", i);
	}
	size_t n = start();
	bytes[0] = 3;
	assert_int_equal(dhcp_decode(bytes, n, &msg), DHCP_HEAD);
	start();
	bytes[2] = 17;
	assert_int_equal(dhcp_decode(bytes, n, &msg), DHCP_HEAD);
	start();
	bytes[DHCP_HEADER] = 0;
	assert_int_equal(dhcp_decode(bytes, n, &msg), DHCP_COOKIE);
	assert_int_equal(dhcp_decode(bytes, DHCP_MSG_MAX + 1, &msg), DHCP_LONG);
}

// RFC 3396: parts in the options, in `file`, in `sname`, in this order.
static void parts_are_put_together(void **) {
	size_t n = start(), len;

	n = put(n,
		"\x34\x01\x03\x0f\x02"
		"ex\xff",
		8);
	memcpy(bytes + 108,
		"\x0f\x03"
		"amp\xff",
		6);
	memcpy(bytes + 44,
		"\x0f\x02"
		"le\xff",
		5);
	assert_int_equal(dhcp_decode(bytes, n, &msg), DHCP_OK);
	assert_memory_equal(dhcp_option(&msg, DHCP_OPT_DOMAIN, &len), "example", 7);
	assert_int_equal(len, 7);
}

static void encode_decode(size_t one, unsigned count, size_t max, unsigned want_lost) {
	static struct dhcp_out out;
	uint8_t wire[DHCP_OUT_MAX], value[1000];
	unsigned lost;
	size_t n, len;

	memset(&out, 0, sizeof(out));
	out.head.op = 2;
	memset(value, 'x', sizeof(value));
	dhcp_put_u8(&out, DHCP_OPT_TYPE, DHCP_ACK);
	dhcp_put(&out, DHCP_OPT_RELAY,
		"\x01\x02"
		"p1",
		4);
	for (unsigned i = 0; i < count; i++)
		dhcp_put(&out, 200 + i, value, one);
	n = dhcp_encode(&out, wire, max, &lost);
	assert_in_range(n, 300, max);
	assert_int_equal(lost, want_lost);
	assert_int_equal(dhcp_decode(wire, n, &msg), DHCP_OK);
	assert_int_equal(msg.type, DHCP_ACK);
	assert_memory_equal(dhcp_relay_option(&msg, DHCP_RELAY_CIRCUIT, &len), "p1", 2);
	for (unsigned i = 0; i + want_lost < count; i++) {
		assert_memory_equal(dhcp_option(&msg, 200 + i, &len), value, one);
		assert_int_equal(len, one);
	}
	assert_memory_equal(
		wire + n - 7, n == 300 ? (char *)wire + n - 7 : "\x52\x04\x01\x02p1\xff", 7);
}

static void options_find_room(void **) {
	encode_decode(10, 3, DHCP_OUT_LEAST, 0);
	encode_decode(600, 1, DHCP_OUT_MAX, 0);   // in three parts
	encode_decode(100, 4, DHCP_OUT_LEAST, 1); // two among the options, one in `file`
	encode_decode(60, 7, DHCP_OUT_LEAST, 0);  // four, two in `file`, one in `sname`
	encode_decode(600, 1, DHCP_OUT_LEAST, 1);
	encode_decode(0, 1, DHCP_OUT_LEAST, 0);
}

static void routes_and_names(void **) {
	static const uint8_t rfc3442[] = {0, 10, 0, 0, 1, 8, 10, 10, 0, 0, 2, 25, 10, 27, 129, 0,
		10, 0, 0, 3, 32, 10, 229, 0, 128, 10, 0, 0, 4};
	struct dhcp_route routes[8];
	uint8_t back[64];

	assert_int_equal(dhcp_routes_decode(rfc3442, sizeof(rfc3442), routes, 8), 4);
	assert_int_equal(routes[2].to.len, 25);
	assert_int_equal(routes[2].via, 0x0a000003);
	assert_int_equal(dhcp_routes_encode(routes, 4, back, sizeof(back)), sizeof(rfc3442));
	assert_memory_equal(back, rfc3442, sizeof(rfc3442));
	assert_int_equal(dhcp_routes_encode(routes, 4, back, 20), 0);
	assert_int_equal(
		dhcp_routes_decode(
			(const uint8_t *)"\x21\x0a\x00\x00\x00\x00\x00\x00\x00\x01", 10, routes, 8),
		-EINVAL);
	assert_int_equal(dhcp_routes_decode(rfc3442, 4, routes, 8), -EINVAL);
	assert_int_equal(dhcp_name_encode("eng.apple.com.", back, sizeof(back)), 15);
	assert_memory_equal(back, "\3eng\5apple\3com", 15);
	assert_int_equal(dhcp_name_encode("a..b", back, sizeof(back)), 0);
	assert_int_equal(dhcp_name_encode("", back, sizeof(back)), 0);
}

static void frames(void **) {
	uint8_t frame[DHCP_HEADERS + 300] = {0};
	struct dhcp_packet in = {.from_mac = {{2, 0, 0, 0, 1, 1}},
				   .to_mac = {{255, 255, 255, 255, 255, 255}},
				   .from = 0x0a010001,
				   .to = UINT32_MAX,
				   .from_port = 67,
				   .to_port = 68,
				   .payload = frame + DHCP_HEADERS,
				   .len = 300},
			   out;
	static const uint8_t want[DHCP_HEADERS] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 1, 1,
		8, 0, 0x45, 0xc0, 1, 0x48, 0, 0, 0, 0, 64, 17, 0x6e, 0xe4, 10, 1, 0, 1, 255, 255,
		255, 255, 0, 67, 0, 68, 1, 0x34, 0xf2, 0xfd};
	size_t n;

	n = dhcp_packet_encode(frame, &in, false);
	assert_int_equal(n, sizeof(frame));
	assert_memory_equal(frame, want, sizeof(want));
	assert_int_equal(dhcp_packet_decode(frame, n, false, &out), 0);
	assert_int_equal(out.from, in.from);
	assert_int_equal(out.to_port, 68);
	assert_int_equal(out.len, 300);
	frame[60] ^= 1;
	assert_int_equal(dhcp_packet_decode(frame, n, false, &out), -EINVAL);
	assert_int_equal(dhcp_packet_decode(frame, n, true, &out), 0);
	assert_int_equal(dhcp_packet_decode(frame, n - 1, true, &out), -EINVAL);
}

static void records(void **) {
	struct dhcp_record r = {.router = "main",
				   .addr = 0x0a000a64,
				   .state = DHCP_LEASE_BOUND,
				   .until_s = 1767225600,
				   .mac = {{2, 0, 0, 0, 0, 9}},
				   .hostname = "laptop"},
			   back;
	char line[DHCP_LINE_MAX];
	size_t n;

	dhcp_id_of_mac(&r.id, 1, r.mac.bytes, 6);
	n = dhcp_record_print(&r, line);
	assert_non_null(strstr(line,
		"main 10.0.10.100 bound 1767225600 02:00:00:00:00:09 0001020000000009 laptop "));
	assert_int_equal(dhcp_record_parse(line, n - 1, &back), 0);
	assert_memory_equal(&back, &r, sizeof(r));
	for (size_t i = 0; i + 1 < n; i++) { // every byte counts
		line[i] ^= 4;
		assert_int_equal(dhcp_record_parse(line, n - 1, &back), -EINVAL);
		line[i] ^= 4;
	}
	for (size_t cut = 0; cut + 1 < n; cut++)
		assert_int_equal(dhcp_record_parse(line, cut, &back), -EINVAL);
}

static void relay_adds_and_takes(void **) {
	struct dhcp_conf_relay relay = {.hops = 4, .option82 = true};
	struct dhcp_relay_place place = {"staff", {{2, 0, 0, 0, 1, 1}}, 0x0a010001};
	uint8_t out[DHCP_OUT_MAX], back[DHCP_OUT_MAX];
	size_t n = put(start(), "\x35\x01\x01\xff", 4), len;

	assert_int_equal(dhcp_decode(bytes, n, &msg), DHCP_OK);
	n = dhcp_relay_request(&relay, &place, bytes, n, &msg, out);
	assert_int_equal(n, 300);
	assert_int_equal(dhcp_decode(out, n, &msg), DHCP_OK);
	assert_int_equal(msg.head.giaddr, 0x0a010001);
	assert_int_equal(msg.head.hops, 1);
	assert_memory_equal(dhcp_relay_option(&msg, DHCP_RELAY_CIRCUIT, &len), "staff", 5);
	assert_memory_equal(dhcp_relay_option(&msg, DHCP_RELAY_REMOTE, &len), place.mac.bytes, 6);
	// a second relay leaves both as they are, and the reply goes back without option 82
	assert_int_equal(dhcp_relay_request(&relay, &place, out, n, &msg, back), 300);
	assert_int_equal(back[3], 2);
	assert_memory_equal(back + 4, out + 4, 296);
	n = dhcp_relay_reply(&relay, out, n, back);
	assert_int_equal(dhcp_decode(back, n, &msg), DHCP_OK);
	assert_false(dhcp_has(&msg, DHCP_OPT_RELAY));
	assert_int_equal(msg.type, DHCP_DISCOVER);
	// who lies about where he is, and what went round in circles
	n = put(start(), "\x35\x01\x01\x52\x03\x01\x01x\xff", 9);
	assert_int_equal(dhcp_decode(bytes, n, &msg), DHCP_OK);
	assert_int_equal(dhcp_relay_request(&relay, &place, bytes, n, &msg, out), 0);
	assert_int_equal(relay.stats.untrusted, 1);
	relay.trust = DHCP_TRUST_REPLACE;
	n = dhcp_relay_request(&relay, &place, bytes, n, &msg, out);
	assert_int_equal(dhcp_decode(out, n, &msg), DHCP_OK);
	assert_memory_equal(dhcp_relay_option(&msg, DHCP_RELAY_CIRCUIT, &len), "staff", 5);
	msg.head.hops = 4;
	assert_int_equal(dhcp_relay_request(&relay, &place, out, n, &msg, back), 0);
	assert_int_equal(relay.stats.hops, 1);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_and_options),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(parts_are_put_together),
		cmocka_unit_test(options_find_room),
		cmocka_unit_test(routes_and_names),
		cmocka_unit_test(frames),
		cmocka_unit_test(records),
		cmocka_unit_test(relay_adds_and_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
