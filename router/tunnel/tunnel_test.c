// SPDX-License-Identifier: BSD-3-Clause
#include "router/tunnel/ends.h"
#include "router/tunnel/tunnel_conf.h"
#include "router/tunnel/vtep.h"
#include "router/tunnel/vxlan_conf.h"
#include "router/tunnel/wire.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
// cmocka.h needs the four above
#include <cmocka.h>

static const uint8_t us4[16] = {192, 0, 2, 1}, them4[16] = {198, 51, 100, 2};
static const uint8_t us6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
static const uint8_t them6[16] = {0x20, 1, 0xd, 0xb8, 0, 9, [15] = 2};

static struct tunnel_wire wire_of(enum tunnel_type type, bool v6) {
	struct tunnel_wire w = {
		.type = (uint8_t)type, .ttl = 64, .dscp = TUNNEL_INHERIT, .v6 = v6, .df = true};

	memcpy(w.local, v6 ? us6 : us4, 16);
	memcpy(w.remote, v6 ? them6 : them4, 16);
	return w;
}

static const struct tunnel_inner plain = {.ip = true,
	.df = true,
	.tos = 0xb9,
	.ttl = 17,
	.len = 100,
	.hash = 0xabcdef12,
	.vni = 0x123456};

static void expect(const struct tunnel_wire *w, const struct tunnel_inner *inner,
	const uint8_t *want, unsigned len) {
	uint8_t got[TUNNEL_HEADER_MAX];

	assert_int_equal(tunnel_header_len(w), len);
	tunnel_encode(w, inner, got);
	assert_memory_equal(got, want, len);
}

static void ipip_over_ipv4(void **) {
	const struct tunnel_wire w = wire_of(TUNNEL_IPIP, false);

	const uint8_t want[20] = {
		0x45, 0xb9, 0, 120, 0, 0, 0x40, 0, 65, 4, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2};
	uint8_t got[20];
	uint32_t words = 0;

	tunnel_encode(&w, &plain, got);
	for (unsigned i = 0; i < 20; i += 2)
		words += (uint32_t)got[i] << 8 | got[i + 1];
	assert_int_equal((words & 0xffff) + (words >> 16), 0xffff);
	got[10] = got[11] = 0; // it was right, as the sum says
	assert_memory_equal(got, want, 20);
}

static void gre_with_a_key_over_ipv4(void **) {
	struct tunnel_wire w = wire_of(TUNNEL_GRE, false);
	struct tunnel_inner inner = plain;
	uint8_t got[TUNNEL_HEADER_MAX];

	w.has_key = true;
	w.key = 0xdeadbeef;
	w.dscp = 10;
	w.ttl = 0;
	inner.v6 = true;
	tunnel_encode(&w, &inner, got);
	assert_int_equal(tunnel_header_len(&w), 28);
	assert_int_equal(got[1], 10 << 2 | 1); // our DSCP, its ECN
	assert_int_equal(got[3], 128);
	assert_int_equal(got[8], 18); // its TTL, and the one that the underlay takes
	assert_int_equal(got[9], 47);
	assert_memory_equal(
		got + 20, ((const uint8_t[]){0x20, 0, 0x86, 0xdd, 0xde, 0xad, 0xbe, 0xef}), 8);
}

static void fragments_of_fragments(void **) {
	struct tunnel_wire w = wire_of(TUNNEL_IPIP, false);
	struct tunnel_inner inner = plain;
	uint8_t got[20];

	inner.df = false;
	inner.id = 0x7777;
	tunnel_encode(&w, &inner, got);
	assert_int_equal(got[6], 0); // what may be cut inside may be cut outside
	assert_int_equal(got[4], 0x77);
	inner.df = true;
	w.df = false;
	tunnel_encode(&w, &inner, got);
	assert_int_equal(got[6], 0);
}

static void ipv6_in_ipv6_with_a_limit(void **) {
	struct tunnel_wire w = wire_of(TUNNEL_SIT, true);
	struct tunnel_inner inner = plain;
	uint8_t want[48] = {0x6b, 0x9d, 0xef, 0x12, 0, 108, 60, 65};

	inner.v6 = true;
	w.has_limit = true;
	w.limit = 4;
	memcpy(want + 8, us6, 16);
	memcpy(want + 24, them6, 16);
	memcpy(want + 40, (const uint8_t[]){41, 0, 4, 1, 4, 1, 1, 0}, 8);
	expect(&w, &inner, want, 48);
}

static void vxlan_over_ipv6(void **) {
	struct tunnel_wire w = wire_of(TUNNEL_VXLAN, true);
	struct tunnel_inner inner = plain;
	uint8_t want[56] = {0x60, 0x0d, 0xef, 0x12, 0, 116, 17, 65};

	w.port = VXLAN_PORT;
	inner.ip = false; // no IP in the frame: nothing to inherit
	memcpy(want + 8, us6, 16);
	memcpy(want + 24, them6, 16);
	memcpy(want + 40,
		(const uint8_t[]){
			0xef, 0x12, 0x12, 0xb5, 0, 116, 0, 0, 8, 0, 0, 0, 0x12, 0x34, 0x56, 0},
		16);
	expect(&w, &inner, want, 56);
}

static void gre_is_read(void **) {
	static const struct {
		uint8_t bytes[16];
		size_t len;
		enum tunnel_verdict verdict;
		unsigned header_len;
	} rows[] = {
		{{0, 0, 8, 0}, 4, TUNNEL_OK, 4}, {{0, 0, 0x86, 0xdd}, 4, TUNNEL_OK, 4},
		{{0, 0, 8}, 3, TUNNEL_TRUNCATED, 0}, {{0x20, 0, 8, 0, 0, 0, 0, 7}, 8, TUNNEL_OK, 8},
		{{0x20, 0, 8, 0, 0, 0, 0}, 7, TUNNEL_TRUNCATED, 0},
		{{0xb0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9}, 16, TUNNEL_OK, 16},
		{{0xb0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 7, 0, 0, 0}, 15, TUNNEL_TRUNCATED, 0},
		{{0x40, 0, 8, 0, 0, 0, 0, 0}, 8, TUNNEL_FLAGS, 0}, // routing
		{{0x08, 0, 8, 0}, 4, TUNNEL_FLAGS, 0},             // strict source route
		{{0x04, 0, 8, 0}, 4, TUNNEL_FLAGS, 0},             // reserved, to be refused
		{{0x02, 0, 8, 0}, 4, TUNNEL_OK, 4},                // reserved, to be ignored
		{{0, 1, 8, 0}, 4, TUNNEL_FLAGS, 0},                // PPTP's version
		{{0, 0, 0x65, 0x58}, 4, TUNNEL_PAYLOAD, 0},        // Ethernet
		{{0, 0, 0, 0}, 4, TUNNEL_PAYLOAD, 0},              // keep-alive
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct tunnel_gre gre = {0};

		assert_int_equal(
			tunnel_gre_decode(rows[i].bytes, rows[i].len, &gre), rows[i].verdict);
		if (rows[i].verdict == TUNNEL_OK)
			assert_int_equal(gre.header_len, rows[i].header_len);
		if (gre.has_key && rows[i].verdict == TUNNEL_OK)
			assert_int_equal(gre.key, 7);
	}
}

static void vxlan_is_read(void **) {
	const uint8_t good[8] = {0xff, 1, 2, 3, 0x12, 0x34, 0x56, 0xff}, bad[8] = {0xf7};
	uint32_t vni = 0;

	assert_int_equal(tunnel_vxlan_decode(good, 8, &vni), TUNNEL_OK);
	assert_int_equal(vni, 0x123456);
	assert_int_equal(tunnel_vxlan_decode(good, 7, &vni), TUNNEL_TRUNCATED);
	assert_int_equal(tunnel_vxlan_decode(bad, 8, &vni), TUNNEL_FLAGS);
}

// RFC 6040, figure 4.
static void congestion_is_told(void **) {
	enum { NOT, ECT1, ECT0, CE };
	static const int rows[][3] = {{NOT, NOT, NOT}, {NOT, ECT0, NOT}, {NOT, ECT1, NOT},
		{NOT, CE, -1}, {ECT0, NOT, ECT0}, {ECT0, ECT0, ECT0}, {ECT0, ECT1, ECT1},
		{ECT0, CE, CE}, {ECT1, NOT, ECT1}, {ECT1, ECT0, ECT1}, {ECT1, ECT1, ECT1},
		{ECT1, CE, CE}, {CE, NOT, CE}, {CE, ECT0, CE}, {CE, ECT1, CE}, {CE, CE, CE}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(
			tunnel_ecn(0xa8u | (unsigned)rows[i][0], 0x54u | (unsigned)rows[i][1]),
			rows[i][2]);
}

static void tunnels_in_tunnels_are_counted(void **) {
	const struct tunnel_wire w[] = {wire_of(TUNNEL_GRE, false), wire_of(TUNNEL_SIT, true),
		wire_of(TUNNEL_IPIP, false), wire_of(TUNNEL_GRE, true), wire_of(TUNNEL_IPIP, false),
		wire_of(TUNNEL_IPIP, false)};
	uint8_t packet[400];

	for (unsigned depth = 0; depth <= 6; depth++) {
		unsigned at = sizeof(packet) - 20;

		memset(packet, 0, sizeof(packet));
		packet[at] = 0x45;
		packet[at + 9] = 17;
		for (unsigned i = 0; i < depth; i++) {
			struct tunnel_inner inner = {.v6 = packet[at] >> 4 == 6};

			at -= tunnel_header_len(&w[i]);
			if (w[i].type == TUNNEL_SIT)
				inner.v6 = true; // it carries nothing else; the count does not look
			tunnel_encode(&w[i], &inner, packet + at);
			if (w[i].type == TUNNEL_SIT)
				packet[at + 6] = 4;
		}
		assert_int_equal(tunnel_nesting(packet + at, sizeof(packet) - at, VXLAN_PORT),
			depth < 5 ? depth : 5);
	}
	assert_int_equal(tunnel_nesting(packet, 0, VXLAN_PORT), 0);
}

static void the_limit_is_found(void **) {
	struct tunnel_wire w = wire_of(TUNNEL_SIT, true);
	uint8_t packet[TUNNEL_HEADER_MAX];
	struct tunnel_inner inner = plain;
	unsigned at = 0;

	w.has_limit = true;
	w.limit = 3;
	tunnel_encode(&w, &inner, packet);
	assert_int_equal(tunnel_limit_find(packet, 48, &at), 3);
	assert_int_equal(at, 44);
	assert_int_equal(tunnel_limit_find(packet, 47, &at), -1);
	packet[40 + 1] = 200; // longer than the packet
	assert_int_equal(tunnel_limit_find(packet, 48, &at), -1);
	packet[40 + 1] = 0;
	packet[42] = 0; // Pad1; then one that says to be longer than there is room
	packet[43] = 9;
	packet[44] = 255;
	assert_int_equal(tunnel_limit_find(packet, 48, &at), -1);
}

static void ends_are_found(void **) {
	struct ends *ends = ends_new(1000);
	struct end_key key = {.vrf = 3, .proto = 47, .flags = END_KEY};

	memcpy(key.local, us4, 16);
	memcpy(key.remote, them4, 16);
	for (uint32_t i = 0; i < 1000; i++) {
		key.key = i;
		assert_int_equal(ends_find(ends, &key), ENDS_NONE);
		assert_int_equal(ends_add(ends, &key, i + 1), 0);
		assert_int_equal(ends_add(ends, &key, i + 1), -EEXIST);
	}
	for (uint32_t i = 0; i < 1000; i++) {
		key.key = i;
		assert_int_equal(ends_find(ends, &key), i + 1);
		key.vrf = 4;
		assert_int_equal(ends_find(ends, &key), ENDS_NONE);
		key.vrf = 3;
		key.proto = 4;
		assert_int_equal(ends_find(ends, &key), ENDS_NONE);
		key.proto = 47;
	}
	for (uint32_t i = 1000; i < 5000; i++) { // never more than half full
		key.key = i;
		if (ends_add(ends, &key, 1) != 0)
			break;
		assert_in_range(i, 1000, 1024);
	}
	ends_free(ends);
}

static int refused(const char *json, struct err *err) {
	json_t *object = json_loads(json, 0, NULL), *resolved = NULL;
	const struct schema_row row = {
		.type = SCHEMA_OBJECT, .rows = tunnel_rows, .check = tunnel_check};
	int rc = schema_validate_value(&row, object, NULL, "tunnel", &resolved, err);

	json_decref(object);
	json_decref(resolved);
	return rc;
}

static void mistakes_are_named(void **) {
	static const struct {
		const char *json, *say;
	} rows[] = {
		{"{\"type\":\"gre\",\"source\":\"192.0.2.1\"}", "required"},
		{"{\"type\":\"gre\",\"source\":\"192.0.2.1\",\"remote\":\"2001:db8::1\"}",
			"families"},
		{"{\"type\":\"gre\",\"source\":\"192.0.2.1\",\"remote\":\"224.0.0.1\"}", "unicast"},
		{"{\"type\":\"sit\",\"source\":\"2001:db8::1\",\"remote\":\"fe80::1\"}", "unicast"},
		{"{\"type\":\"gre\",\"source\":\"::\",\"remote\":\"2001:db8::1\"}", "unicast"},
		{"{\"type\":\"gre\",\"source\":\"192.0.2.1\",\"remote\":\"192.0.2.1\"}", "own end"},
		{"{\"type\":\"sit\",\"source\":\"192.0.2.1\",\"remote\":\"192.0.2.2\",\"key\":0}",
			"only type gre"},
		{"{\"type\":\"gre\",\"source\":\"192.0.2.1\",\"remote\":\"192.0.2.2\",\"key\":"
		 "4294967296}",
			"range"},
		{"{\"type\":\"gre\",\"source\":\"192.0.2.1\",\"remote\":\"192.0.2.2\",\"ttl\":255}",
			"range"},
		{"{\"type\":\"sit\",\"source\":\"192.0.2.1\",\"remote\":\"192.0.2.2\","
		 "\"encapsulation_limit\":4}",
			"over IPv6"},
		{"{\"type\":\"vxlan\",\"source\":\"192.0.2.1\",\"remote\":\"192.0.2.2\"}", "gre"},
	};
	struct err err = {0};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		err = (struct err){0};
		if (refused(rows[i].json, &err) == 0)
			fail_msg("accepted: %s", rows[i].json);
		if (strstr(err.msg, rows[i].say) == NULL)
			fail_msg("%s: says \"%s\"", rows[i].json, err.msg);
	}
	assert_int_equal(refused("{\"type\":\"gre\",\"source\":\"192.0.2.1\","
				 "\"remote\":\"192.0.2.2\",\"key\":0}",
				 &err),
		0);
}

// ---- VXLAN ----------------------------------------------------------------------------------------------------

#define SECOND UINT64_C(1000000000)

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1}, mac_b[6] = {2, 0, 0, 0, 0, 2};

static bool count_one(uint64_t, unsigned, uint64_t, void *arg) {
	++*(unsigned *)arg;
	return true;
}

static bool same_key(uint64_t key, unsigned remote, uint64_t, void *arg) {
	assert_int_equal(key, *(uint64_t *)arg);
	assert_int_equal(remote, 63);
	return true;
}

static void stations_are_remembered(void **) {
	struct vtep_table *t = vtep_new(0x123456789abcdefu);
	uint64_t a = vtep_key(mac_a, 10), b = vtep_key(mac_b, 10), now = 1000 * SECOND;
	unsigned n = 0;

	assert_int_equal(vtep_find(t, a, now, 300 * SECOND), -1);
	vtep_learn(t, a, 63, now);
	assert_int_equal(vtep_find(t, a, now, 300 * SECOND), 63);
	assert_int_equal(vtep_find(t, b, now, 300 * SECOND), -1);
	assert_int_equal(vtep_find(t, vtep_key(mac_a, 11), now, 300 * SECOND), -1);
	vtep_foreach(t, now, same_key, &a);
	vtep_learn(t, a, 0, now + SECOND); // it moved
	assert_int_equal(vtep_find(t, a, now + SECOND, 300 * SECOND), 0);
	assert_int_equal(vtep_find(t, a, now + 290 * SECOND, 300 * SECOND), 0);
	assert_int_equal(vtep_find(t, a, now + 310 * SECOND, 300 * SECOND), -1);
	vtep_learn(t, a, 0, now + 310 * SECOND);
	assert_int_equal(vtep_find(t, a, now + 600 * SECOND, 300 * SECOND), 0);
	vtep_flush(t);
	vtep_foreach(t, now, count_one, &n);
	assert_int_equal(n, 0);
	vtep_put(t);
}

// At its limit the oldest of a line goes; whatever is found is right.
static void a_full_memory_forgets_the_oldest(void **) {
	struct vtep_table *t = vtep_new(77);
	unsigned found = 0, n = 0;

	for (unsigned i = 0; i < 200000; i++) {
		const uint8_t mac[6] = {2, 0, (uint8_t)(i >> 24), (uint8_t)(i >> 16),
			(uint8_t)(i >> 8), (uint8_t)i};

		vtep_learn(t, vtep_key(mac, i % 3), i % 64, i * (SECOND / 1000));
	}
	for (unsigned i = 0; i < 200000; i++) {
		const uint8_t mac[6] = {2, 0, (uint8_t)(i >> 24), (uint8_t)(i >> 16),
			(uint8_t)(i >> 8), (uint8_t)i};
		int remote = vtep_find(t, vtep_key(mac, i % 3), 200 * SECOND, 1000 * SECOND);

		found += remote >= 0;
		if (remote >= 0)
			assert_int_equal(remote, i % 64);
	}
	vtep_foreach(t, 0, count_one, &n);
	assert_int_equal(found, n);
	assert_in_range(n, VTEP_LINES * VTEP_WAYS / 2, VTEP_LINES * VTEP_WAYS);
	vtep_put(t);
}

static void mistakes_in_vxlan_are_named(void **) {
	static const struct {
		const char *json, *say;
	} rows[] = {
		{"{\"source\":\"192.0.2.1\",\"remotes\":[\"192.0.2.2\"]}", "carries nothing"},
		{"{\"source\":\"192.0.2.1\",\"remotes\":[],\"vni\":1}", "remotes"},
		{"{\"source\":\"192.0.2.1\",\"remotes\":[\"2001:db8::1\"],\"vni\":1}", "family"},
		{"{\"source\":\"192.0.2.1\",\"remotes\":[\"192.0.2.1\"],\"vni\":1}", "own end"},
		{"{\"source\":\"192.0.2.1\",\"remotes\":[\"239.1.1.1\"],\"vni\":1}", "groups"},
		{"{\"source\":\"192.0.2.1\",\"remotes\":[\"192.0.2.2\"],\"vni\":16777216}",
			"range"},
		{"{\"source\":\"192.0.2.1\",\"remotes\":[\"192.0.2.2\"],\"vnis\":{\"4095\":1}}",
			"range"},
		{"{\"source\":\"192.0.2.1\",\"remotes\":[\"192.0.2.2\"],\"vni\":1,\"ageing\":"
		 "\"2h\"}",
			"range"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_t *object = json_loads(rows[i].json, 0, NULL), *resolved = NULL;
		struct err err = {0};

		if (schema_validate_value(&vxlan_elem, object, NULL, "vxlan", &resolved, &err) == 0)
			fail_msg("accepted: %s", rows[i].json);
		if (strstr(err.msg, rows[i].say) == NULL && strstr(err.path, rows[i].say) == NULL)
			fail_msg("%s: says \"%s\"", rows[i].json, err.msg);
		json_decref(object);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipip_over_ipv4),
		cmocka_unit_test(gre_with_a_key_over_ipv4),
		cmocka_unit_test(fragments_of_fragments),
		cmocka_unit_test(ipv6_in_ipv6_with_a_limit),
		cmocka_unit_test(vxlan_over_ipv6),
		cmocka_unit_test(gre_is_read),
		cmocka_unit_test(vxlan_is_read),
		cmocka_unit_test(congestion_is_told),
		cmocka_unit_test(tunnels_in_tunnels_are_counted),
		cmocka_unit_test(the_limit_is_found),
		cmocka_unit_test(ends_are_found),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(stations_are_remembered),
		cmocka_unit_test(a_full_memory_forgets_the_oldest),
		cmocka_unit_test(mistakes_in_vxlan_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
