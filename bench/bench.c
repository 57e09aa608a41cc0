// SPDX-License-Identifier: BSD-3-Clause
#include "bench/bench.h"
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "lib/module.h"
#include "switch/switch.h"
#include <errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>

struct source {
	uint64_t sent;
	uint32_t next, seed;
	bool from_b;
};

static struct bench_opts opts;
static struct source sources[2];
static int ports[2];
static json_t *running; // resolved
static bool in_order;   // while stations are learnt

// ---- the generator -----------------------------------------------------------------------------------------

struct header {
	uint64_t words[2]; // two addresses, type, two bytes of payload
};

// Station n of side a is 02:0a:nn:nn:nn:nn, of side b 02:0b:nn:nn:nn:nn.
static inline struct header header_of(uint32_t n, bool from_b) {
	uint64_t low = __builtin_bswap32(n), a = 0x0a02 | low << 16, b = 0x0b02 | low << 16;
	uint64_t src = from_b ? b : a, dst = from_b ? a : b;

	return (struct header){{dst | src << 48, src >> 16 | 0x00450008ull << 32}};
}

static inline uint32_t pick(struct source *s) {
	if (opts.random && !in_order) {
		s->seed = s->seed * 1664525 + 1013904223;
		return (uint32_t)((uint64_t)s->seed * opts.pairs >> 32);
	}
	s->next = s->next + 1 < opts.pairs ? s->next + 1 : 0;
	return s->next;
}

static uint16_t generate(
	uint16_t, uint16_t, struct rte_mbuf **pkts, uint16_t n, uint16_t, void *arg) {
	struct source *s = arg;

	for (uint16_t i = 0; i < n; i++) {
		struct header h = header_of(pick(s), s->from_b);

		memcpy(rte_pktmbuf_mtod(pkts[i], void *), &h, sizeof(h));
		pkts[i]->pkt_len = pkts[i]->data_len = (uint16_t)(opts.size - RTE_ETHER_CRC_LEN);
	}
	s->sent += n;
	return n;
}

uint64_t bench_packets(void) {
	return sources[0].sent + sources[1].sent;
}

// ---- the floor ------------------------------------------------------------------------------------------------

static struct dp_node bench_io = {
	.name = "bench_io",
	.help = "the floor: sends every frame of one port out of the other",
	.arc = DP_ARC_PORT_IN,
	.starts = {DP_ARC_PORT_OUT},
};

static __rte_always_inline void io_chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	rte_edge_t next[DP_VECTOR];

	if (n == 0)
		__builtin_unreachable(); // rte_graph calls no node without packets
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];
		unsigned out = (unsigned)ports[m->port == ports[0]];

		dp_meta(m)->out = (uint16_t)out;
		next[i] = dp_arc_next(&bench_io, DP_ARC_PORT_OUT, out);
	}
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t bench_io_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, io_chunk);
}

DP_NODE(bench_io)

void bench_floor(bool on) {
	for (unsigned i = 0; i < 2; i++)
		dp_arc_enable("bench_io", (unsigned)ports[i], on, NULL);
}

// ---- start ------------------------------------------------------------------------------------------------------

static int modules_start(struct err *err) {
	const struct module *const *list;
	size_t n;

	if (module_add(&dataplane_module, err) != 0 || module_add(&switch_module, err) != 0 ||
		module_sort(err) != 0)
		return -EINVAL;
	list = module_list(&n);
	for (size_t i = 0; i < n; i++)
		if (list[i]->init != NULL && list[i]->init(err) != 0)
			return -EINVAL;
	return 0;
}

static int configure(struct err *err) {
	const struct module_hooks hooks = {.sync = dp_sync};
	json_t *nothing = json_object(), *tree;
	struct change change = {.old = nothing};
	int rc;

	tree = json_pack("{s:{s:i}, s:{s:{s:s}, s:{s:s}}, s:{s:{s:i, s:{s:{}, s:{}}}}}", "system",
		"workers", 0, "ports", "a", "device", "null:a", "b", "device", "null:b", "switches",
		"s", "mac_limit", 1048576, "ports", "a", "b");
	rc = schema_validate(module_sections(), tree, &running, err);
	change.new = running;
	if (rc == 0)
		rc = module_apply(&change, &hooks, err);
	json_decref(tree);
	json_decref(nothing);
	return rc;
}

int bench_start(const struct bench_opts *wanted, struct err *err) {
	struct dp_start_opts start = {.memory_mb = wanted->memory_mb,
		.no_huge = wanted->no_huge,
		.quiet = true,
		.burst = wanted->burst};
	int rc;

	opts = *wanted;
	rc = dp_start(&start, err);
	if (rc == 0)
		rc = modules_start(err);
	if (rc == 0)
		rc = configure(err);
	for (unsigned i = 0; rc == 0 && i < 2; i++) {
		ports[i] = dp_port_find(i == 0 ? "a" : "b");
		sources[i] = (struct source){.from_b = i == 1, .seed = 4711 + i};
		if (ports[i] < 0 ||
			rte_eth_add_rx_callback((uint16_t)ports[i], 0, generate, &sources[i]) ==
				NULL)
			rc = err_set(err, -ENODEV, "cannot put the source on port %u", i);
	}
	return rc;
}

// ---- what is known of the modules ---------------------------------------------------------------------------

json_t *bench_rows(const char *name) {
	const struct module_noun *noun = module_noun_find(name);
	json_t *rows = json_array(), *filter = json_object();

	if (noun == NULL || noun->show(filter, 100000, rows, NULL) != 0)
		fprintf(stderr, "bench: cannot show %s\n", name);
	json_decref(filter);
	return rows;
}

json_int_t bench_sum(const char *noun, const char *column) {
	json_t *rows = bench_rows(noun), *row;
	json_int_t sum = 0;
	size_t i;

	json_array_foreach (rows, i, row)
		sum += json_integer_value(json_object_get(row, column));
	json_decref(rows);
	return sum;
}

int bench_learn(struct err *err) {
	json_int_t stations = 2 * (json_int_t)opts.pairs;
	unsigned turns = opts.pairs / 4 + 100000;

	in_order = true;
	for (; turns > 0; turns--) {
		dp_step();
		switch_module.poll(clock_now_ns());
		if (turns % 64 == 0 && bench_sum("switches", "stations") == stations)
			break;
	}
	in_order = false;
	if (turns == 0)
		return err_set(err, -ETIME, "only %lld of %lld stations were learnt",
			(long long)bench_sum("switches", "stations"), (long long)stations);
	return 0;
}
