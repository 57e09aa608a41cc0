// SPDX-License-Identifier: BSD-3-Clause
// pure
// A session's start and end, on its way to control.
#include "dataplane/session/session_priv.h"

void session_record_fill(
	struct session_record *r, uint32_t tick, session_ref ref, bool end, unsigned why) {
	struct session_dir *d[2] = {ref_dir(session_id(ref)), ref_dir(ref | 1)};
	struct session_flow flow;

	session_flow_read(ref, &flow);
	*r = (struct session_record){.end = end,
		.why = (uint8_t)why,
		.state = d[0]->state,
		.iface_in = flow.iface_in,
		.iface_out = flow.iface_out,
		.rule = flow.rule,
		.ticks = tick - dir_more(d[1])->word,
		.in = flow.in,
		.out = flow.out};
	for (unsigned i = 0; i < 2; i++) {
		r->packets[i] = dir_packets(d[i]);
		r->bytes[i] = d[i]->bytes;
	}
}

void session_record(struct session_owner *o, session_ref ref, bool end, enum session_end why) {
	struct session_record *r;

	if (o->records == NULL)
		return;
	r = record_ring_reserve(o->records, sizeof(*r));
	if (r == NULL) {
		o->counts.records_lost++;
		return;
	}
	session_record_fill(r, o->tick, ref, end, why);
	record_ring_commit(o->records);
}
