// SPDX-License-Identifier: BSD-3-Clause
// One packet through the real nodes, on a graph of the control thread's own, whose every visit is written down.
#include "dataplane/explain.h"
#include "dataplane/dataplane_priv.h"
#include "lib/clock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS_MAX 64 // copies and answers that are told apart
#define NOTE_MAX    256

struct rte_mbuf *dp_explain_packet;
static rte_graph_t graph_id = RTE_GRAPH_ID_INVALID;
static struct {
	json_t *steps, *ends;
	const struct rte_mbuf *packets[PACKETS_MAX];
	unsigned n;
} story;

static unsigned packet_number(const struct rte_mbuf *m) {
	for (unsigned i = 0; i < story.n; i++)
		if (story.packets[i] == m)
			return i + 1;
	if (story.n == PACKETS_MAX)
		return PACKETS_MAX;
	story.packets[story.n++] = m;
	return story.n;
}

static void end_add(unsigned packet, const struct dp_node *node, const struct rte_mbuf *m) {
	const struct dp_meta *meta = RTE_MBUF_DYNFIELD(m, dp_meta_offset, const struct dp_meta *);
	char reason[80];
	json_t *end = json_pack("{s:i, s:s}", "packet", packet, "node", node->name);

	if (strcmp(node->name, "drop") == 0)
		json_object_set_new(
			end, "drop", json_string(dp_drop_name(meta->drop, reason, sizeof(reason))));
	else if (strcmp(node->name, "port_tx") == 0 && meta->out < DP_MAX_PORTS &&
		dp_ports[meta->out])
		json_object_set_new(end, "port", json_string(dp_ports[meta->out]->name));
	json_array_append_new(story.ends, end);
}

void dp_explain_visit(const struct dp_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];
		unsigned packet = packet_number(m);
		json_t *lines = json_array();
		char note[NOTE_MAX] = "";

		if (node->trace)
			node->trace(m, note, sizeof(note));
		if (*note)
			json_array_append_new(
				lines, json_stringn(note, strnlen(note, sizeof(note) - 1)));
		if (node->explain)
			node->explain(m, lines);
		json_array_append_new(story.steps,
			json_pack("{s:i, s:s, s:o, s:s}", "packet", packet, "node", node->name,
				"what", lines, "help", node->help));
		if (strcmp(node->name, "drop") == 0 || strcmp(node->name, "port_tx") == 0)
			end_add(packet, node, m);
	}
}

void dp_explain_say(json_t *lines, const char *format, ...) {
	char text[NOTE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_array_append_new(lines, json_string(text));
}

// In order of the packets. Who was brought to no port and not dropped is with the last node that saw it.
static json_t *ends_sorted(void) {
	json_t *sorted = json_array(), *one;
	size_t i;

	for (unsigned p = 1; p <= story.n; p++) {
		const json_t *last = NULL;
		size_t before = json_array_size(sorted);

		json_array_foreach (story.ends, i, one)
			if (json_integer_value(json_object_get(one, "packet")) == p)
				json_array_append(sorted, one);
		json_array_foreach (story.steps, i, one)
			if (json_integer_value(json_object_get(one, "packet")) == p)
				last = one;
		if (json_array_size(sorted) == before && last)
			json_array_append_new(sorted,
				json_pack("{s:i, s:O}", "packet", p, "node",
					json_object_get(last, "node")));
	}
	return sorted;
}

static int graph_make(struct err *err) {
	if (graph_id != RTE_GRAPH_ID_INVALID)
		return 0;
	if (!dp_drop_tables[DP_EXPLAINER])
		dp_drop_tables[DP_EXPLAINER] = calloc(1, sizeof(**dp_drop_tables));
	if (!dp_drop_tables[DP_EXPLAINER])
		return err_set(err, -ENOMEM, "out of memory");
	return dp_graph_new(DP_EXPLAINER, &graph_id, err);
}

static struct rte_mbuf *packet_make(const struct dp_explain_packet *in, struct err *err) {
	struct rte_mbuf *m = in->len <= in->room ? rte_pktmbuf_alloc(dp_pool()) : NULL, *last = m;

	for (size_t at = 0, n; m && at < in->room; at += n) {
		if (at > 0) {
			last->next = rte_pktmbuf_alloc(dp_pool());
			last = last->next;
			m->nb_segs++;
		}
		n = last ? RTE_MIN(in->room - at, (size_t)rte_pktmbuf_tailroom(last)) : 0;
		if (n == 0)
			break;
		memset(rte_pktmbuf_mtod(last, void *), 0, n);
		last->data_len = (uint16_t)n;
		m->pkt_len = (uint32_t)(at + n);
	}
	if (!m || m->pkt_len < in->room || m->data_len < in->len) {
		rte_pktmbuf_free(m);
		err_set(err, -ENOMEM, "no packet buffer is free");
		return NULL;
	}
	memcpy(rte_pktmbuf_mtod(m, void *), in->bytes, in->len);
	m->port = in->port;
	m->ol_flags |= dp_trace_flag;
	dp_meta(m)->iface = in->iface;
	return m;
}

int dp_explain(const struct dp_explain_packet *in, json_t **steps, json_t **ends, struct err *err) {
	struct dp_worker *before = dp_self;
	struct worker *w = &dp_workers[DP_EXPLAINER];
	bool tracing = dp_tracing;
	int rc = graph_make(err);

	if (rc < 0)
		return rc;
	dp_explain_packet = packet_make(in, err);
	if (!dp_explain_packet)
		return -ENOMEM;
	story.n = 0;
	story.steps = json_array();
	story.ends = json_array();
	w->pub = (struct dp_worker){.id = DP_EXPLAINER, .now_ns = clock_now_ns(), .explains = true};
	dp_self = &w->pub;
	dp_tracing = true;
	rte_graph_walk(rte_graph_lookup(rte_graph_id_to_name(graph_id)));
	dp_tracing = tracing;
	dp_self = before;
	*steps = story.steps;
	*ends = ends_sorted();
	json_decref(story.ends);
	story.steps = story.ends = NULL;
	return 0;
}

void dp_explain_fini(void) {
	dp_graph_free(DP_EXPLAINER, graph_id);
	graph_id = RTE_GRAPH_ID_INVALID;
}
