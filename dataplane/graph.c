// SPDX-License-Identifier: BSD-3-Clause
// Nodes, arcs and the graphs made of them. Nodes register in constructors; dp_graph_layout() gives every arc
// its slots and every node its edges; the first dp_graph_new() hands all of it to rte_graph, which can not
// forget a node again, so from then on the set of nodes is fixed.
#include "dataplane/arc_order.h"
#include "dataplane/dataplane_priv.h"
#include "dataplane/explain.h"
#include "lib/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NODES 256
#define MAX_EDGES 128

struct arc {
	struct dp_node *nodes[DP_ARC_SLOTS]; // [0] unused: slot 0 is the start
	unsigned n;                          // slots in use, the end included
	uint32_t always;                     // slots that cannot be disabled: the end
};

static const char *const arc_names[DP_ARC_COUNT] = {
	[DP_ARC_NONE] = "none",
	[DP_ARC_PORT_IN] = "port-in",
	[DP_ARC_L2_IN] = "l2-in",
	[DP_ARC_L2_OUT] = "l2-out",
	[DP_ARC_L3_IN] = "l3-in",
	[DP_ARC_L3_OUT] = "l3-out",
	[DP_ARC_LOCAL] = "local",
	[DP_ARC_PORT_OUT] = "port-out",
};

static struct dp_node *nodes; // by name after dp_graph_layout()
static unsigned n_nodes;
static bool changed; // registered since the last layout
static bool frozen;  // rte_graph knows the nodes
static struct arc arcs[DP_ARC_COUNT];
static uint32_t enabled[DP_ARC_COUNT][DP_MAX_IFACES]; // bit per slot
static struct dp_drop_info drops[DP_MAX_DROPS];
static unsigned n_drops;
static struct dp_node_count
	*retired[DP_MAX_WORKERS]; // by node id: counters of graphs that are gone
static unsigned generation;

struct dp_arc_table dp_arc_tables[DP_ARC_COUNT];

const char *dp_arc_name(enum dp_arc arc) {
	return arc < DP_ARC_COUNT ? arc_names[arc] : "none";
}

void dp_node_register(struct dp_node *node) {
	struct dp_node **at = &nodes;

	if (frozen) {
		log_error("dataplane", "node came too late", "node=%s", node->name);
		return;
	}
	while (*at && strcmp((*at)->name, node->name) < 0)
		at = &(*at)->link;
	node->link = *at;
	*at = node;
	n_nodes++;
	changed = true;
}

const struct dp_node *dp_node_next(const struct dp_node *node) {
	return node ? node->link : nodes;
}

static struct dp_node *node_find(const char *name) {
	for (struct dp_node *node = nodes; node; node = node->link) {
		if (strcmp(node->name, name) == 0)
			return node;
	}
	return NULL;
}

unsigned dp_drop_reasons(void) {
	return n_drops;
}

const struct dp_drop_info *dp_drop_info(unsigned reason) {
	return reason < n_drops ? &drops[reason] : NULL;
}

static int drops_layout(struct err *err) {
	n_drops = 0;
	for (struct dp_node *node = nodes; node; node = node->link) {
		node->drop_base = n_drops;
		for (const struct dp_drop *drop = node->drops; drop && drop->why; drop++) {
			if (n_drops == DP_MAX_DROPS)
				return err_set(err, -ENOSPC, "more than %d drop reasons (node %s)",
					DP_MAX_DROPS, node->name);
			drops[n_drops++] = (struct dp_drop_info){node, drop};
		}
	}
	return 0;
}

static int arc_collect(
	enum dp_arc arc, struct arc_member *members, struct dp_node **end, struct err *err) {
	unsigned n = 0;

	*end = NULL;
	for (struct dp_node *node = nodes; node; node = node->link) {
		if (node->arc != arc)
			continue;
		if (node->arc_end && *end)
			return err_set(err, -EEXIST, "both %s and %s want to be the end of arc %s",
				(*end)->name, node->name, arc_names[arc]);
		if (node->arc_end)
			*end = node;
		if (n == DP_ARC_SLOTS - 2)
			return err_set(err, -ENOSPC, "more than %d nodes on arc %s",
				DP_ARC_SLOTS - 2, arc_names[arc]);
		members[n++] = (struct arc_member){node->name, node->after, node->before};
	}
	return (int)n;
}

static bool runs_on(enum dp_arc arc) {
	return arc == DP_ARC_L2_OUT || arc == DP_ARC_L3_OUT;
}

static int arc_layout(enum dp_arc arc, struct err *err) {
	struct arc_member members[DP_ARC_SLOTS];
	struct arc *a = &arcs[arc];
	struct dp_node *end;

	int n = arc_collect(arc, members, &end, err);
	if (n < 0)
		return n;
	int rc = arc_order(arc_names[arc], members, n, end ? end->name : NULL, err);
	if (rc < 0)
		return rc;
	*a = (struct arc){.n = 1};
	for (int i = 0; i < n; i++)
		a->nodes[a->n++] = node_find(members[i].name);
	// l2-out and l3-out have no end of their own, they run on into port-out; another arc that has none ends in a drop.
	if (!end && !runs_on(arc))
		a->nodes[a->n++] = node_find("arc_end");
	if (runs_on(arc)) {
		const struct arc *out = &arcs[DP_ARC_PORT_OUT];
		if (a->n + out->n - 1 > DP_ARC_SLOTS)
			return err_set(err, -ENOSPC, "more than %d nodes on %s and port-out",
				DP_ARC_SLOTS - 2, arc_names[arc]);
		for (unsigned s = 1; s < out->n; s++)
			a->nodes[a->n++] = out->nodes[s];
	}
	a->always = UINT32_C(1) << (a->n - 1);
	return 0;
}

static void row_update(enum dp_arc arc, unsigned iface) {
	const struct arc *a = &arcs[arc];
	uint32_t on = enabled[arc][iface] | a->always;
	uint8_t next = a->n - 1;

	for (int s = (int)a->n - 1; s >= 0; s--) {
		__atomic_store_n(&dp_arc_tables[arc].next[iface][s], next, __ATOMIC_RELEASE);
		if (on >> s & 1)
			next = s;
	}
}

static void slots_assign(void) {
	for (enum dp_arc arc = DP_ARC_PORT_IN; arc < DP_ARC_COUNT; arc++) {
		dp_arc_tables[arc].end = (uint8_t)(arcs[arc].n - 1);
		dp_arc_tables[arc].odd_only = 0;
		for (unsigned s = 1; s < arcs[arc].n; s++) {
			if (arcs[arc].nodes[s]->arc == arc)
				arcs[arc].nodes[s]->slot[arc] = s;
			if (arcs[arc].nodes[s]->odd_only)
				dp_arc_tables[arc].odd_only |= UINT32_C(1) << s;
		}
		memset(enabled[arc], 0, sizeof(enabled[arc]));
		for (unsigned iface = 0; iface < DP_MAX_IFACES; iface++)
			row_update(arc, iface);
	}
}

// The edges of `handed_over`: drop, then every node that hands over, in order.
static void over_assign(void) {
	uint16_t n = 1;

	for (struct dp_node *node = nodes; node; node = node->link)
		if (node->hands_over)
			node->over_index = n++;
}

int dp_graph_layout(struct err *err) {
	if (frozen || !changed)
		return 0;
	if (n_nodes > MAX_NODES)
		return err_set(err, -ENOSPC, "%u nodes; at most %d", n_nodes, MAX_NODES);
	for (struct dp_node *node = nodes; node && node->link; node = node->link) {
		if (strcmp(node->name, node->link->name) == 0)
			return err_set(err, -EEXIST, "two nodes are called %s", node->name);
	}
	int rc = drops_layout(err);
	// port-out first: others run on into it
	if (rc == 0)
		rc = arc_layout(DP_ARC_PORT_OUT, err);
	for (enum dp_arc arc = DP_ARC_PORT_IN; rc == 0 && arc < DP_ARC_PORT_OUT; arc++)
		rc = arc_layout(arc, err);
	if (rc < 0)
		return rc;
	slots_assign();
	over_assign();
	changed = false;
	return 0;
}

// Appends the edges of `node` along `arc`. Places before its own are never taken: rte_graph refuses a node that
// leads to itself, so they lead to drop.
static unsigned edges_arc(struct dp_node *node, enum dp_arc arc, const char **names, unsigned n) {
	const struct arc *a = &arcs[arc];

	node->base[arc] = n - 1;
	for (unsigned s = 1; s < a->n && n < MAX_EDGES; s++)
		names[n++] = s > node->slot[arc] ? a->nodes[s]->name : "drop";
	return n;
}

static unsigned edges_collect(struct dp_node *node, const char **names) {
	unsigned n = 0;

	for (const char *const *next = node->next; next && *next && n < MAX_EDGES; next++)
		names[n++] = *next;
	if (strcmp(node->name, "drop") == 0)
		return n;
	node->drop_edge = n;
	names[n++] = "drop";
	if (node->hands_over) {
		node->over_edge = n;
		names[n++] = "hand_over";
	}
	for (struct dp_node *taker = strcmp(node->name, "handed_over") == 0 ? nodes : NULL; taker;
		taker = taker->link)
		if (taker->hands_over && n < MAX_EDGES)
			names[n++] = taker->name;
	if (node->arc != DP_ARC_NONE && !node->arc_end)
		n = edges_arc(node, node->arc, names, n);
	for (unsigned i = 0; i < RTE_DIM(node->starts) && node->starts[i] != DP_ARC_NONE; i++)
		n = edges_arc(node, node->starts[i], names, n);
	return n;
}

static int node_hand_over(struct dp_node *node, struct err *err) {
	const char *names[MAX_EDGES + 1];
	unsigned n = edges_collect(node, names);

	for (unsigned i = 0; i < n; i++) {
		if (!node_find(names[i]))
			return err_set(err, -ENOENT, "node %s leads to %s, which does not exist",
				node->name, names[i]);
	}
	if (n >= MAX_EDGES)
		return err_set(
			err, -ENOSPC, "node %s has more than %d edges", node->name, MAX_EDGES);
	struct rte_node_register *reg = calloc(1, sizeof(*reg) + n * sizeof(*reg->next_nodes));
	if (!reg)
		return err_set(err, -ENOMEM, "out of memory");
	if (snprintf(reg->name, sizeof(reg->name), "%s", node->name) >= RTE_NODE_NAMESIZE) {
		free(reg);
		return err_set(err, -EINVAL, "node name %s is too long", node->name);
	}
	reg->flags = node->source ? RTE_NODE_SOURCE_F : 0;
	reg->process = node->process;
	reg->parent_id = RTE_NODE_ID_INVALID;
	reg->nb_edges = n;
	memcpy(reg->next_nodes, names, n * sizeof(*reg->next_nodes));
	node->id = __rte_node_register(reg);
	free(reg); // rte_graph keeps a copy
	if (node->id >= MAX_NODES)
		return err_set(err, -ENOMEM, "rte_graph refuses node %s", node->name);
	return 0;
}

static int graph_freeze(struct err *err) {
	int rc = dp_graph_layout(err);

	if (rc < 0 || frozen)
		return rc;
	for (struct dp_node *node = nodes; node; node = node->link) {
		rc = node_hand_over(node, err);
		if (rc < 0)
			return rc;
	}
	frozen = true;
	return 0;
}

static bool explains(const struct dp_node *node) {
	return strcmp(node->name, DP_EXPLAIN_SOURCE) == 0;
}

// A graph grows from its sources; a node that none of them reaches is left out (its function is not in use).
int dp_graph_new(unsigned worker, rte_graph_t *id, struct err *err) {
	const char *sources[MAX_NODES];
	struct rte_graph_param param = {.socket_id = SOCKET_ID_ANY, .node_patterns = sources};
	char name[RTE_GRAPH_NAMESIZE];

	int rc = graph_freeze(err);
	if (rc < 0)
		return rc;
	if (!retired[worker])
		retired[worker] = calloc(MAX_NODES, sizeof(**retired));
	if (!retired[worker])
		return err_set(err, -ENOMEM, "out of memory");
	for (struct dp_node *node = nodes; node; node = node->link) {
		if (node->source && explains(node) == (worker == DP_EXPLAINER))
			sources[param.nb_node_patterns++] = node->name;
	}
	snprintf(name, sizeof(name), "w%u.%u", worker, generation++);
	*id = rte_graph_create(name, &param);
	if (*id == RTE_GRAPH_ID_INVALID)
		return err_set(err, -rte_errno, "the graph of worker %u: %s", worker,
			rte_strerror(rte_errno));
	return 0;
}

static void count_add(struct dp_node_count *to, rte_graph_t id, const struct dp_node *node) {
	const struct rte_node *n =
		id == RTE_GRAPH_ID_INVALID ? NULL : rte_graph_node_get(id, node->id);

	if (!n)
		return;
	to->calls += n->total_calls;
	to->packets += n->total_objs;
	to->cycles += n->total_cycles;
}

void dp_node_count(
	unsigned worker, rte_graph_t id, const struct dp_node *node, struct dp_node_count *count) {
	*count = retired[worker] && frozen ? retired[worker][node->id] : (struct dp_node_count){0};
	if (frozen)
		count_add(count, id, node);
}

void dp_graph_free(unsigned worker, rte_graph_t id) {
	if (id == RTE_GRAPH_ID_INVALID)
		return;
	for (struct dp_node *node = nodes; node; node = node->link)
		count_add(&retired[worker][node->id], id, node);
	rte_graph_destroy(id);
}

void dp_graph_fini(void) {
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++) {
		free(retired[i]);
		retired[i] = NULL;
	}
}

static int arc_set(enum dp_arc arc, const struct dp_node *node, unsigned iface, bool on) {
	for (unsigned s = 1; s < arcs[arc].n; s++) {
		if (arcs[arc].nodes[s] != node)
			continue;
		if (on)
			enabled[arc][iface] |= UINT32_C(1) << s;
		else
			enabled[arc][iface] &= ~(UINT32_C(1) << s);
		row_update(arc, iface);
		return 0;
	}
	return -ENOENT;
}

static bool among(const char *name, const char *const *names) {
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

bool dp_arc_only(enum dp_arc arc, unsigned iface, const char *const *names) {
	for (unsigned s = 1; s < arcs[arc].n; s++) {
		if ((enabled[arc][iface] >> s & 1) && !among(arcs[arc].nodes[s]->name, names))
			return false;
	}
	return true;
}

int dp_arc_enable(const char *name, unsigned iface, bool on, struct err *err) {
	const struct dp_node *node = node_find(name);

	if (!node || node->arc == DP_ARC_NONE || node->arc_end)
		return err_set(err, -ENOENT, "node %s is on no arc", name);
	if (iface >= DP_MAX_IFACES)
		return err_set(err, -EINVAL, "interface %u is out of range", iface);
	if (node->arc == DP_ARC_PORT_OUT) {
		arc_set(DP_ARC_L2_OUT, node, iface, on);
		arc_set(DP_ARC_L3_OUT, node, iface,
			on); // a routed interface on a port has the port's index
	}
	return arc_set(node->arc, node, iface, on);
}
