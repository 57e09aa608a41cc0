// SPDX-License-Identifier: BSD-3-Clause
// Workers forward while control applies hundreds of random switches: ports come and go and change their VLANs, limits
// and mirrors. Two ports that no change touches lose nothing, and no buffer is lost. For the sanitizers, above all.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include <rte_cycles.h>
#include <rte_ring.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS   500
#define INFLIGHT 64
#define WAIT_S   20
#define MACS     200
#define BACKLOG  512 // of a port's receive ring: half full

static const char names[] = "abc"; // the ports that change

static uint32_t dice(uint32_t sides) {
	static uint64_t state = 88172645463325252ull; // the same run every time

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % sides;
}

// ---- configurations --------------------------------------------------------------------------------------------

static json_t *random_port(void) {
	static const char *const vlans[] = {"{}", "{\"access\":10}", "{\"access\":20}",
		"{\"trunk\":[10,20]}", "{\"trunk\":[10],\"native\":20}"};
	json_t *port = json_loads(vlans[dice(5)], 0, NULL);

	if (dice(4) == 0)
		json_object_set_new(port, "isolated", json_true());
	if (dice(4) == 0)
		json_object_set_new(port, "learning", json_false());
	if (dice(3) == 0)
		json_object_set_new(port, "mac_limit", json_integer(1 + dice(MACS)));
	if (dice(3) == 0)
		json_object_set_new(port, "storm", json_pack("{s:s}", "broadcast", "1000/s"));
	return port;
}

// Each port that is there is in one of two switches, or in none.
static json_t *random_tree(void) {
	json_t *ports = json_object(), *members[2] = {json_object(), json_object()};
	json_t *switches = json_pack("{s:{s:{s:{}, s:{}}}}", "still", "ports", "e", "f");
	char device[] = "ring:?";

	for (const char *name = "abcdef"; *name; name++) {
		char key[] = {*name, '\0'};
		if (strchr(names, *name) && dice(5) == 0)
			continue;
		device[5] = *name;
		json_object_set_new(ports, key, json_pack("{s:s}", "device", device));
		uint32_t in = dice(3);
		if (strchr(names, *name) && in < 2)
			json_object_set_new(members[in], key, random_port());
	}
	for (unsigned s = 0; s < 2; s++) {
		json_t *conf = json_pack("{s:O, s:i}", "ports", members[s], "mac_limit", 100);
		const char *first = json_object_iter_key(json_object_iter(members[s]));
		if (first && s == 0)
			json_object_set_new(conf, "mirror",
				json_pack("{s:{s:[s], s:s}}", "m", "from", first, "to", "d"));
		if (first)
			json_object_set_new(switches, s ? "two" : "one", json_incref(conf));
		json_decref(conf);
		json_decref(members[s]);
	}
	unsigned workers = dice(20) == 0 ? 1 + dice(3) : 2;
	return json_pack("{s:o, s:o, s:{s:i}}", "ports", ports, "switches", switches, "system",
		"workers", (int)workers);
}

static void apply_random(void) {
	json_t *tree = random_tree();
	char *text = json_dumps(tree, 0);

	packet_config(text);
	free(text);
	json_decref(tree);
}

// ---- traffic -----------------------------------------------------------------------------------------------------

static struct rte_ring *ring_of(const char *format, char name) {
	char text[RTE_RING_NAMESIZE], port[] = {name, '\0'};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), format, port);
#pragma GCC diagnostic pop
	return rte_ring_lookup(text);
}

static void send_random(char name) {
	uint8_t frame[64] = {
		2, 0, 0, 0, 1, (uint8_t)dice(MACS), 2, 0, 0, 0, 1, (uint8_t)dice(MACS)};
	char port[] = {name, '\0'};

	if (dice(3) == 0)
		memset(frame, 0xff, 6);
	frame[12] = dice(2) ? 0x81 : 0x88;
	frame[15] = dice(2) ? 10 : 20;
	packet_send(port, frame, 14 + dice(51));
}

static void noise(void) {
	uint8_t frame[PACKET_FRAME_MAX];

	for (const char *name = "abcd"; *name; name++) {
		char port[] = {*name, '\0'};
		struct rte_ring *rx = ring_of(DP_RING_RX_NAME, *name);
		for (unsigned i = 0; rx && i < 32 && rte_ring_count(rx) < BACKLOG; i++)
			send_random(*name);
		while (rx && packet_recv(port, frame) >= 0)
			continue;
	}
}

struct flow {
	const char *from, *to;
	uint32_t sent, got;
};

static void flow_send(struct flow *f) {
	uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};

	frame[5] = (uint8_t)*f->to;
	frame[11] = (uint8_t)*f->from;
	for (; f->sent - f->got < INFLIGHT; f->sent++) {
		memcpy(frame + 14, &f->sent, sizeof(f->sent));
		packet_send(f->from, frame, sizeof(frame));
	}
}

static void flow_take(struct flow *f, uint32_t until) {
	uint64_t end = rte_rdtsc() + WAIT_S * rte_get_tsc_hz();
	uint8_t frame[PACKET_FRAME_MAX];
	uint32_t number;

	while (f->got < until) {
		if (packet_recv(f->to, frame) >= 0) {
			memcpy(&number, frame + 14, sizeof(number));
			assert_int_equal(number, f->got);
			f->got++;
		} else if (rte_rdtsc() > end) {
			fail_msg("%s to %s: %u of %u frames came", f->from, f->to, f->got, until);
		}
	}
}

static void test_random_switches_under_traffic(void **) {
	struct flow flows[] = {{.from = "e", .to = "f"}, {.from = "f", .to = "e"}};

	for (unsigned round = 0; round < ROUNDS; round++) {
		apply_random();
		for (unsigned i = 0; i < 4; i++) {
			for (unsigned f = 0; f < 2; f++)
				flow_send(&flows[f]);
			noise();
			packet_advance(20 * NSEC_PER_MSEC);
			for (unsigned f = 0; f < 2; f++)
				flow_take(&flows[f], flows[f].got + INFLIGHT / 2);
		}
	}
	for (unsigned f = 0; f < 2; f++)
		flow_take(&flows[f], flows[f].sent);
}

static int setup(void **) {
	static const struct module *const modules[] = {&switch_module, NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_switches_under_traffic)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
