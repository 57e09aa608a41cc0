// SPDX-License-Identifier: BSD-3-Clause
// Arcs: nodes stand where their wishes put them, each interface has its own choice of them, and l2-out runs on into
// port-out. Every node on the way writes its letter into the frame.
#include "dataplane/dataplane.h"
#include "tests/packet/harness.h"
#include <errno.h>
#include <string.h>

#define CONFIG "{\"ports\": {\"a\": {\"device\": \"ring:a\"}, \"b\": {\"device\": \"ring:b\"}}}"
#define AT     20 // where the letters go

static void write_letter(struct rte_mbuf *m, char letter) {
	char *text = rte_pktmbuf_mtod_offset(m, char *, AT);

	text[strlen(text)] = letter;
}

#define LETTER_NODE(node_name, letter, arc_id, iface, ...)                                    \
	static struct dp_node node_name = {                                                   \
		.name = #node_name, .help = "writes a letter", .arc = arc_id, ##__VA_ARGS__}; \
	static uint16_t node_name##_process(                                                  \
		struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {    \
		for (uint16_t i = 0; i < n; i++) {                                            \
			struct rte_mbuf *m = objs[i];                                         \
			write_letter(m, letter);                                              \
			rte_node_enqueue_x1(                                                  \
				graph, node, dp_arc_next(&node_name, arc_id, iface), m);      \
		}                                                                             \
		return n;                                                                     \
	}                                                                                     \
	DP_NODE(node_name)

// By name the order would be A B C; the wishes make it C A B.
LETTER_NODE(
	letter_a, 'A', DP_ARC_PORT_IN, m->port, .after = (const char *const[]){"letter_c", NULL})
LETTER_NODE(
	letter_b, 'B', DP_ARC_PORT_IN, m->port, .before = (const char *const[]){"eth_input", NULL})
LETTER_NODE(
	letter_c, 'C', DP_ARC_PORT_IN, m->port, .before = (const char *const[]){"letter_b", NULL})
LETTER_NODE(letter_o, 'O', DP_ARC_L2_OUT, dp_meta(m)->out)
LETTER_NODE(letter_p, 'P', DP_ARC_PORT_OUT, dp_meta(m)->out)

static void enable(const char *node, const char *port, bool on) {
	struct err err = {0};

	if (dp_arc_enable(node, dp_port_find(port), on, &err) < 0)
		fail_msg("%s: %s", node, err.msg);
}

static void expect_path(const char *from, const char *to, const char *letters) {
	uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};

	packet_send(from, frame, sizeof(frame));
	packet_step();
	memcpy(frame + AT, letters, strlen(letters));
	packet_expect(to, frame, sizeof(frame));
	packet_expect_none();
}

static void test_nothing_enabled(void **) {
	expect_path("a", "b", "");
	expect_path("b", "a", "");
}

static void test_order_and_subsets(void **) {
	static const char *const names[] = {"letter_c", "letter_a", "letter_b"};

	for (unsigned set = 0; set < 8; set++) {
		char letters[8] = "";
		for (unsigned i = 0; i < 3; i++) {
			enable(names[i], "a", set >> i & 1);
			if (set >> i & 1)
				letters[strlen(letters)] = "CAB"[i];
		}
		expect_path("a", "b", letters);
		expect_path("b", "a", "");
	}
	for (unsigned i = 0; i < 3; i++)
		enable(names[i], "a", false);
}

static void test_l2_out_runs_on_into_port_out(void **) {
	enable("letter_p", "b", true);
	expect_path("a", "b", "P");
	expect_path("b", "a", "");
	enable("letter_o", "b", true);
	expect_path("a", "b", "OP");
	enable("letter_p", "b", false);
	expect_path("a", "b", "O");
	enable("letter_o", "b", false);
	expect_path("a", "b", "");
}

static void test_refusals(void **) {
	struct err err = {0};

	assert_int_equal(dp_arc_enable("nobody", 0, true, &err), -ENOENT);
	err = (struct err){0};
	assert_int_equal(dp_arc_enable("eth_input", 0, false, &err), -ENOENT); // an end stays
	err = (struct err){0};
	assert_int_equal(dp_arc_enable("letter_a", DP_MAX_IFACES, true, &err), -EINVAL);
}

static int setup(void **) {
	if (packet_setup(NULL) < 0)
		return -1;
	packet_config(CONFIG);
	packet_cross("a", "b");
	return 0;
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_enabled),
		cmocka_unit_test(test_order_and_subsets),
		cmocka_unit_test(test_l2_out_runs_on_into_port_out),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
