// SPDX-License-Identifier: BSD-3-Clause
// ARP byte by byte. The frames were made by another implementation.
#include "router/neigh/arp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
// cmocka.h needs the four above
#include <cmocka.h>

#define ETHERNET 14

static const struct mac me = {{2, 0, 0, 0, 0, 1}}, you = {{2, 0, 0, 0, 0, 9}},
			all = {{255, 255, 255, 255, 255, 255}};

static const char request[] = "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x06\x00\x01"
			      "\x08\x00\x06\x04\x00\x01\x02\x00\x00\x00\x00\x01\xc0\x00\x02\x01"
			      "\x00\x00\x00\x00\x00\x00\xc0\x00\x02\x09";
static const char reply[] = "\x02\x00\x00\x00\x00\x09\x02\x00\x00\x00\x00\x01\x08\x06\x00\x01"
			    "\x08\x00\x06\x04\x00\x02\x02\x00\x00\x00\x00\x01\xc0\x00\x02\x01"
			    "\x02\x00\x00\x00\x00\x09\xc0\x00\x02\x09";

static struct addr addr(const char *text) {
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void encodes(void **) {
	struct arp arp = {.op = ARP_REQUEST,
		.sender_mac = me,
		.sender = addr("192.0.2.1"),
		.target = addr("192.0.2.9")};
	uint8_t frame[ARP_FRAME_BYTES];

	arp_encode(&arp, &all, frame);
	assert_int_equal(sizeof(request) - 1, sizeof(frame));
	assert_memory_equal(frame, request, sizeof(frame));
	arp.op = ARP_REPLY;
	arp.target_mac = you;
	arp_encode(&arp, &you, frame);
	assert_memory_equal(frame, reply, sizeof(frame));
}

static void decodes(void **) {
	uint8_t padded[46] = {0};
	struct arp arp;
	struct addr want;

	memcpy(padded, reply + ETHERNET, ARP_BYTES);
	memset(padded + ARP_BYTES, 0xaa, sizeof(padded) - ARP_BYTES);
	assert_int_equal(arp_decode(padded, sizeof(padded), &arp), ARP_OK);
	assert_int_equal(arp.op, ARP_REPLY);
	assert_memory_equal(&arp.sender_mac, &me, sizeof(me));
	assert_memory_equal(&arp.target_mac, &you, sizeof(you));
	want = addr("192.0.2.1");
	assert_int_equal(addr_cmp(&arp.sender, &want), 0);
	want = addr("192.0.2.9");
	assert_int_equal(addr_cmp(&arp.target, &want), 0);
	assert_false(arp_is_probe(&arp));
	assert_false(arp_is_announcement(&arp));
}

// One change to a request or a reply, and what is said to it.
struct wrong {
	const char *name;
	const char *frame; // request, if NULL
	unsigned at, len;
	const char *bytes;
	enum arp_fault fault;
};

static const struct wrong wrongs[] = {
	{"token ring", NULL, 0, 2, "\x00\x06", ARP_KIND},
	{"not IPv4", NULL, 2, 2, "\x86\xdd", ARP_KIND},
	{"hardware length", NULL, 4, 1, "\x08", ARP_KIND},
	{"protocol length", NULL, 5, 1, "\x10", ARP_KIND},
	{"no operation", NULL, 6, 2, "\x00\x00", ARP_OP},
	{"RARP", NULL, 6, 2, "\x00\x03", ARP_OP},
	{"operation's high byte", NULL, 6, 2, "\x01\x01", ARP_OP},
	{"group as sender", NULL, 8, 1, "\x03", ARP_SENDER_MAC},
	{"all as sender", NULL, 8, 6, "\xff\xff\xff\xff\xff\xff", ARP_SENDER_MAC},
	{"zero as sender", NULL, 8, 6, "\0\0\0\0\0\0", ARP_SENDER_MAC},
	{"sender loopback", NULL, 14, 1, "\x7f", ARP_SENDER},
	{"sender in 0/8", NULL, 14, 1, "\x00", ARP_SENDER},
	{"sender a group", NULL, 14, 1, "\xe0", ARP_SENDER},
	{"sender all", NULL, 14, 4, "\xff\xff\xff\xff", ARP_SENDER},
	{"nobody answers", reply, 14, 4, "\0\0\0\0", ARP_SENDER},
	{"target loopback", NULL, 24, 1, "\x7f", ARP_TARGET},
	{"target a group", NULL, 24, 1, "\xef", ARP_TARGET},
	{"target all", NULL, 24, 4, "\xff\xff\xff\xff", ARP_TARGET},
	{"who has nothing", NULL, 24, 4, "\0\0\0\0", ARP_TARGET},
	{"a probe", NULL, 14, 4, "\0\0\0\0", ARP_OK},
	{"an answer to a probe", reply, 24, 4, "\0\0\0\0", ARP_OK},
	{"a target's MAC that nobody looks at", NULL, 18, 6, "\xff\xff\xff\xff\xff\xff", ARP_OK},
};

static void refuses(void **) {
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		const struct wrong *w = &wrongs[i];
		uint8_t data[ARP_BYTES];
		struct arp arp;

		memcpy(data, (w->frame ? w->frame : request) + ETHERNET, sizeof(data));
		memcpy(data + w->at, w->bytes, w->len);
		if (arp_decode(data, sizeof(data), &arp) != w->fault)
			fail_msg("%s: %d", w->name, arp_decode(data, sizeof(data), &arp));
	}
}

static void refuses_short_ones(void **) {
	for (size_t len = 0; len < ARP_BYTES; len++) {
		uint8_t *data = test_malloc(len + 1); // the allocator's guard sees a read too far
		struct arp arp;

		memcpy(data, request + ETHERNET, len);
		assert_int_equal(arp_decode(data, len, &arp), ARP_SHORT);
		test_free(data);
	}
}

static void tells_probes_and_announcements(void **) {
	struct arp arp = {.op = ARP_REQUEST, .sender = addr("0.0.0.0"), .target = addr("10.0.0.1")};

	assert_true(arp_is_probe(&arp));
	assert_false(arp_is_announcement(&arp));
	arp.sender = arp.target;
	assert_false(arp_is_probe(&arp));
	assert_true(arp_is_announcement(&arp));
	arp.op = ARP_REPLY;
	assert_true(arp_is_announcement(&arp));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes),
		cmocka_unit_test(decodes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_short_ones),
		cmocka_unit_test(tells_probes_and_announcements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
