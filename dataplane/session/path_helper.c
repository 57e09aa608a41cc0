// SPDX-License-Identifier: BSD-3-Clause
// Sessions with a helper: numbers that shift around the tracker, and first packets that somebody spoke of.
#include "dataplane/session/helper.h"
#include "dataplane/session/path.h"
#include "dataplane/session/shift.h"

// The tracker sees each side's numbers as that side counts. What is acknowledged is put back before, what is sent moves on behind.
rte_edge_t path_helped_hit(
	struct path *p, struct session_owner *o, struct session_dir *d, session_ref ref) {
	struct session_record_of *record = session_record_at(ref);
	uint8_t *tcp = p->ip + p->l4;
	unsigned way = ref & 1;
	struct tcp_seg seg;
	enum rewrite_check kind = path_check(p->m);

	if (!tcp_decode(tcp, p->l4_len, path_there(p) - p->l4, &seg))
		return path_tcp_bad(p, ref, TCP_VERDICTS);
	uint32_t ack_by = shift_back(&record->shift[!way], seg.ack) - seg.ack;
	if (ack_by != 0)
		tcp_ack_shift(tcp, ack_by, kind);
	enum tcp_verdict verdict = path_tcp(p, o, d, ref);
	uint32_t seq_by = shift_out(&record->shift[way], seg.seq) - seg.seq;
	if (seq_by != 0 && (verdict == TCP_OK || verdict == TCP_QUIET))
		tcp_seq_shift(tcp, seq_by, kind);
	return verdict == TCP_OK ? path_pass(p, o, d, ref) : path_tcp_bad(p, ref, verdict);
}

// ---- first packets ------------------------------------------------------------------------------------------------

static enum session_verdict expected_decide(struct session_flow *flow) {
	struct session_expect expect;

	if (flow->again || flow->iface_in == DP_NONE ||
		!expect_meet(&flow->in, flow->now_ns, flow->dry, &expect))
		return SESSION_PASS;
	uint16_t sport = flow->in.sport;
	flow->out = expect.out;
	flow->out.sport = sport;
	flow->flags |= SESSION_EXPECTED;
	flow->user[SESSION_USER_OTHER] = expect.word;
	return SESSION_PASS;
}

static void expected_say(const struct session_flow *flow, char *buf, size_t size) {
	if (flow->flags & SESSION_EXPECTED)
		rte_strscpy(buf, "a helper expects it", size);
}

static struct session_decider expected = {
	.name = "expected",
	.stage = SESSION_STAGE_DNAT,
	.decide = expected_decide,
	.say = expected_say,
};
SESSION_DECIDER(expected)
