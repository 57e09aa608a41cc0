// SPDX-License-Identifier: BSD-3-Clause
// The smallest network function: a node on the port-in arc that counts the packets of the ports it is told to greet.
//   hello = { ports = { "lan" } }      leat show hello      leatd --plugin hello.so
// CONTRIBUTING.md walks through it.
#include "dataplane/dataplane.h"
#include "lib/module.h"
#include <errno.h>
#include <stdlib.h>

static uint64_t counts[DP_MAX_WORKERS]
		      [DP_MAX_PORTS]; // each row written by its worker only, read by control
static bool greeted[DP_MAX_PORTS];    // control

static struct dp_node hello = {
	.name = "hello",
	.help = "counts the packets of the ports in section hello",
	.arc = DP_ARC_PORT_IN,
};

static __rte_always_inline void hello_chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	uint64_t *count = counts[dp_self->id];
	rte_edge_t next[DP_VECTOR];

	for (uint16_t i = 0; i < n; i++) {
		const struct rte_mbuf *m = objs[i];
		__atomic_store_n(&count[m->port], count[m->port] + 1, __ATOMIC_RELAXED);
		next[i] = dp_arc_next(&hello, DP_ARC_PORT_IN, m->port);
	}
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t hello_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, hello_chunk);
}

DP_NODE(hello)

static const struct schema_row port_row = {
	.type = SCHEMA_REF, .ref = "ports", .help = "a port to greet"};

static const struct schema_row hello_rows[] = {
	{.name = "ports",
		.type = SCHEMA_LIST,
		.flags = SCHEMA_UNIQUE,
		.elem = &port_row,
		.help = "ports whose packets are counted"},
	{0},
};

static const struct schema_row hello_sections[] = {
	{.name = "hello", .type = SCHEMA_OBJECT, .rows = hello_rows, .help = "an example function"},
	{0},
};

static int hello_prepare(const struct change *change, void **plan, struct err *err) {
	bool *wanted = calloc(DP_MAX_PORTS, sizeof(*wanted));
	const json_t *item;
	size_t i;

	if (!wanted)
		return err_set(err, -ENOMEM, "out of memory");
	json_array_foreach (schema_get(change->new, "hello.ports"), i, item) {
		wanted[dp_port_find(json_string_value(item))] =
			true; // the schema has checked the name
	}
	*plan = wanted;
	return 0;
}

static void hello_commit(void *plan) {
	const bool *wanted = plan;

	for (unsigned port = 0; port < DP_MAX_PORTS; port++) {
		greeted[port] = wanted[port];
		dp_arc_enable("hello", port, wanted[port], NULL);
	}
}

static int hello_show(const json_t *, size_t limit, json_t *rows, struct err *) {
	struct dp_port_info info;

	for (unsigned port = 0; port < DP_MAX_PORTS && json_array_size(rows) < limit; port++) {
		uint64_t sum = 0;
		if (!greeted[port] || dp_port_info(port, &info) < 0)
			continue;
		for (unsigned i = 0; i < DP_EXPLAINER; i++)
			sum += __atomic_load_n(&counts[i][port], __ATOMIC_RELAXED);
		json_array_append_new(rows,
			json_pack("{s:s, s:I}", "port", info.name, "packets", (json_int_t)sum));
	}
	return 0;
}

static const struct schema_row hello_columns[] = {
	{.name = "port", .type = SCHEMA_STRING, .flags = SCHEMA_KEY, .help = "name of the port"},
	{.name = "packets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "packets that came in by it"},
	{0},
};

static const struct module_noun hello_nouns[] = {
	{"hello", "packets counted by the example function", hello_columns, hello_show},
	{0},
};

extern const struct module leat_module;
const struct module leat_module = {
	.name = "hello",
	.help = "an example function",
	.after = (const char *const[]){"dataplane", NULL},
	.reads = (const char *const[]){"ports", NULL}, // a port may get another index
	.sections = hello_sections,
	.nouns = hello_nouns,
	.prepare = hello_prepare,
	.commit = hello_commit,
	.release = free,
	.abort = free,
};
