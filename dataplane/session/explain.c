// SPDX-License-Identifier: BSD-3-Clause
// What `leat explain packet` says of sessions: the one that there is, or each decider's verdict on a first packet.
#include "dataplane/session/path.h"
#include "lib/addr.h"
#include <arpa/inet.h>
#include <stdio.h>

struct steps {
	json_t *lines;
	struct session_tuple last; // as the decider before left it
};

static const char *const verdicts[] = {[SESSION_PASS] = "passes",
	[SESSION_DROP] = "drops",
	[SESSION_SEND] = "answers",
	[SESSION_ASIDE] = "keeps out of it"};

static void tuple_print(const struct session_tuple *t, char *buf, size_t size) {
	struct addr src = {.family = t->v6 ? ADDR_V6 : ADDR_V4}, dst = src;
	char one[ADDR_STRLEN], two[ADDR_STRLEN];

	memcpy(src.bytes, t->src, 16);
	memcpy(dst.bytes, t->dst, 16);
	snprintf(buf, size, t->v6 ? "[%s]:%u to [%s]:%u" : "%s:%u to %s:%u", addr_print(&src, one),
		ntohs(t->sport), addr_print(&dst, two), ntohs(t->dport));
}

static void step(const struct session_decider *decider, const struct session_flow *flow,
	enum session_verdict verdict, void *arg) {
	struct steps *steps = arg;
	char what[160] = "", becomes[160];

	if (decider->say)
		decider->say(flow, what, sizeof(what));
	dp_explain_say(steps->lines, "%s %s%s%s", decider->name, verdicts[verdict],
		what[0] ? ": " : "", what);
	if (memcmp(&steps->last, &flow->out, sizeof(flow->out)) == 0)
		return;
	tuple_print(&flow->out, becomes, sizeof(becomes));
	dp_explain_say(steps->lines, "it becomes %s", becomes);
	steps->last = flow->out;
}

void path_explain_say(const struct rte_mbuf *m, enum dp_arc arc, json_t *lines) {
	struct rte_mbuf *packet = (struct rte_mbuf *)(uintptr_t)m;
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN);
	struct steps steps = {.lines = lines};
	struct session_first first;
	struct session_packet p;

	if (session_table.buckets == NULL || m->data_len < RTE_ETHER_HDR_LEN ||
		session_parse(ip, m->data_len - RTE_ETHER_HDR_LEN, m->pkt_len - RTE_ETHER_HDR_LEN,
			dp_meta(packet)->domain, &p) != PARSED_FLOW ||
		table_find(&p.key, key_hash(&session_table.secret, &p.key)) != 0)
		return;
	path_first(arc, ip, m->data_len - RTE_ETHER_HDR_LEN, &p, &first);
	struct session_flow flow = path_flow(arc, packet, &p.key, &first);
	steps.last = flow.in;
	session_try(&flow, step, &steps);
}
