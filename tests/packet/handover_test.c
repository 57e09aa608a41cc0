// SPDX-License-Identifier: BSD-3-Clause
// Packets go to the worker that owns them, in order; a full ring refuses the newcomer by name; a worker that goes leaves nothing.
#include "dataplane/dataplane.h"
#include "tests/packet/harness.h"
#include <rte_cycles.h>
#include <rte_pause.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define AT       14 // the owner that a frame asks for, the worker that had it, its number
#define TOO_MANY 3000

static struct dp_node owned = {
	.name = "owned",
	.help = "works on the worker that the frame names",
	.arc = DP_ARC_PORT_IN,
	.hands_over = true,
};

static uint16_t owned_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];
		uint8_t *at = rte_pktmbuf_mtod_offset(m, uint8_t *, AT);
		rte_edge_t edge = dp_arc_next(&owned, DP_ARC_PORT_IN, m->port);

		if (at[0] != dp_self->id)
			edge = dp_hand_over(&owned, m, at[0]);
		at[1] = (uint8_t)dp_self->id;
		rte_node_enqueue_x1(graph, node, edge, m);
	}
	return n;
}

DP_NODE(owned)

static void use_workers(unsigned n) {
	char text[256];

	snprintf(text, sizeof(text),
		"{\"ports\": {\"a\": {\"device\": \"ring:a\"}, \"b\": {\"device\": \"ring:b\"}},"
		"\"system\": {\"workers\": %u}}",
		n);
	packet_config(text);
	packet_cross("a", "b");
	assert_int_equal(dp_arc_enable("owned", (unsigned)dp_port_find("a"), true, NULL), 0);
}

static void send(unsigned owner, uint32_t number) {
	uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};

	frame[AT] = (uint8_t)owner;
	memcpy(frame + AT + 2, &number, sizeof(number));
	packet_send("a", frame, sizeof(frame));
}

static void test_owners_share_all_hashes(void **) {
	unsigned count[3] = {0};

	use_workers(3);
	for (uint32_t i = 0; i < 3000; i++)
		count[dp_owner(i * 1431655u)]++;
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(count[i], 900, 1100);
	assert_int_equal(dp_owner(0), 0);
	assert_int_equal(dp_owner(UINT32_MAX), 2);
	use_workers(0);
	assert_int_equal(dp_owner(UINT32_MAX), 0);
}

static void test_the_owner_gets_it_in_order(void **) {
	uint32_t next[3] = {0};
	uint8_t frame[PACKET_FRAME_MAX];

	use_workers(3);
	for (uint32_t i = 0; i < 600; i++)
		send(i % 3, i / 3);
	packet_wait_for(packet_count("b") == 600);
	for (unsigned i = 0; i < 600; i++) {
		uint32_t number;

		assert_int_equal(packet_recv("b", frame), 60);
		memcpy(&number, frame + AT + 2, sizeof(number));
		assert_int_equal(frame[AT + 1], frame[AT]);
		assert_int_equal(number, next[frame[AT]]++);
	}
}

static void test_a_full_ring_refuses_the_newcomer(void **) {
	uint64_t before = packet_drops("drop_hand_over_full");

	use_workers(2);
	packet_cross_stall = true;
	send(1, 0);
	packet_wait_for(__atomic_load_n(&packet_cross_stalled, __ATOMIC_RELAXED));
	for (uint32_t i = 1; i <= TOO_MANY; i++) {
		send(1, i);
		packet_wait_for(packet_waiting("a") < 64);
	}
	packet_wait_for(packet_drops("drop_hand_over_full") - before >= TOO_MANY - 2048);
	assert_in_range(
		packet_drops("drop_hand_over_full") - before, TOO_MANY - 2048, TOO_MANY - 2040);
	__atomic_store_n(&packet_cross_stall, false, __ATOMIC_RELAXED);
	use_workers(1);
	use_workers(0);
	uint64_t gone = packet_drops("drop_hand_over_gone");
	send(1, 0);
	packet_step();
	assert_int_equal(packet_drops("drop_hand_over_gone"), gone + 1);
}

static int setup(void **) {
	return packet_setup(NULL);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owners_share_all_hashes),
		cmocka_unit_test(test_the_owner_gets_it_in_order),
		cmocka_unit_test(test_a_full_ring_refuses_the_newcomer),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
