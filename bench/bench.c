// SPDX-License-Identifier: BSD-3-Clause
#include "bench/bench.h"
#include "bench/bench_routes.h"
#include "bench/pktgen/flows.h"
#include "bench/pktgen/profile.h"
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "firewall/firewall.h"
#include "lib/clock.h"
#include "lib/module.h"
#include "router/router.h"
#include "switch/switch.h"
#include <errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>

struct source {
	uint64_t sent;
	struct flows flows;
	struct flows_cursor cursor;
};

static struct bench_opts opts;
static struct source sources[2];
static int ports[2];
static json_t *running; // resolved
static bool in_order;   // while stations are learnt

// ---- the generator -----------------------------------------------------------------------------------------

// Station n of side a is 02:0a:nn:nn:nn:nn, of side b 02:0b:nn:nn:nn:nn. Headers of Ethernet only: a switch looks no
// further, and what the source costs is in every figure.
static void switch_profile(char *text, size_t size, bool side) {
	snprintf(text, size, "l3=none,macs=%u,order=%s,size=%u,side=%d,seed=%d", opts.pairs,
		opts.random ? "rand" : "seq", opts.size, side, 4711 + side);
}

static int source_init(struct source *s, bool side, struct err *err) {
	struct profile profile;
	char text[512];

	if (opts.router)
		bench_routes_profile(text, sizeof(text), &opts, side);
	else
		switch_profile(text, sizeof(text), side);
	int rc = profile_parse(text, &profile, err);
	if (rc == 0)
		rc = flows_init(&s->flows, &profile, err);
	if (rc == 0)
		flows_start(&s->flows, &s->cursor, 0, 1);
	return rc;
}

static uint16_t generate(
	uint16_t, uint16_t, struct rte_mbuf **pkts, uint16_t n, uint16_t, void *arg) {
	struct flows_packet packets[FLOWS_BURST];
	uint8_t *heads[FLOWS_BURST];
	struct source *s = arg;

	for (uint16_t done = 0; done < n; done += FLOWS_BURST) {
		unsigned some = RTE_MIN(FLOWS_BURST, n - done);
		for (unsigned i = 0; i < some; i++)
			heads[i] = rte_pktmbuf_mtod(pkts[done + i], uint8_t *);
		flows_burst(&s->flows, &s->cursor, heads, packets, some, in_order);
		for (unsigned i = 0; i < some; i++)
			pkts[done + i]->pkt_len = pkts[done + i]->data_len = packets[i].len;
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
		(opts.router && module_add(&router_module, err) != 0) ||
		(opts.firewall &&
			(module_add(&session_module, err) != 0 ||
				module_add(&firewall_module, err) != 0)) ||
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

	tree = json_pack("{s:{s:i}, s:{s:{s:s}, s:{s:s}}}", "system", "workers", 0, "ports", "a",
		"device", "null:a", "b", "device", "null:b");
	if (opts.router)
		json_object_set_new(tree, "routers", bench_routes_config(&opts));
	if (opts.firewall)
		json_object_set_new(tree, "firewall", json_loads(opts.firewall, 0, NULL));
	if (!opts.router)
		json_object_set_new(tree, "switches",
			json_pack("{s:{s:i, s:{s:{}, s:{}}}}", "s", "mac_limit", 1048576, "ports",
				"a", "b"));
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
	if (rc == 0 && opts.router)
		rc = bench_routes_start(&opts, err);
	for (unsigned i = 0; rc == 0 && i < 2; i++) {
		ports[i] = dp_port_find(i == 0 ? "a" : "b");
		rc = source_init(&sources[i], i == 1, err);
		if (rc == 0 &&
			(ports[i] < 0 ||
				rte_eth_add_rx_callback(
					(uint16_t)ports[i], 0, generate, &sources[i]) == NULL))
			rc = err_set(err, -ENODEV, "cannot put the source on port %u", i);
	}
	if (opts.router)
		bench_routes_started();
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

void bench_poll(void) {
	const struct module *module = opts.router ? &router_module : &switch_module;

	module->poll(clock_now_ns());
}

static int stations_learn(struct err *err) {
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

int bench_learn(struct err *err) {
	return opts.router ? bench_routes_load(&opts, err) : stations_learn(err);
}
