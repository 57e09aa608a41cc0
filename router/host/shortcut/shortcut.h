// SPDX-License-Identifier: BSD-3-Clause
// Short cuts of host twins: bulk of TCP connections of this box goes between the port's kernel interface and the twin within the kernel;
// see README.md.
#pragma once

#include "router/host/twin.h"

#define SHORTCUT_SAMPLE 32 // one of so many frames each way is looked at

// Of a worker. Written by it; `ring` is made by control at init, and read by it.
struct shortcut_sampler {
	unsigned in, out;
	struct record_ring *ring;
} __rte_cache_aligned;

extern struct shortcut_sampler shortcut_samplers[DP_MAX_WORKERS];

// node. A frame passes between the box and its twin on port `twin`; `out`: the box sends it. `m` begins with Ethernet.
void shortcut_offer_one(const struct rte_mbuf *m, uint16_t twin, bool out);

// node: a long frame of TCP comes in; the box sends any.
static inline void shortcut_offer_in(const struct rte_mbuf *m, uint16_t twin) {
	if (unlikely(++shortcut_samplers[dp_self->id].in % SHORTCUT_SAMPLE == 0))
		shortcut_offer_one(m, twin, false);
}

static inline void shortcut_offer_out(const struct rte_mbuf *m, uint16_t twin) {
	if (unlikely(++shortcut_samplers[dp_self->id].out % SHORTCUT_SAMPLE == 0))
		shortcut_offer_one(m, twin, true);
}

// All of these are control's; `twin` is the port of a twin.
int shortcuts_init(struct err *err);
void shortcuts_fini(void);
void shortcuts_poll(uint64_t now_ns);
// In commit, before anything is changed: all end, and may begin again.
void shortcuts_changed(void);
// Its addresses are others: its connections go back to leatd's way.
void shortcut_flush(unsigned twin);
// Before it goes.
void shortcut_close(unsigned twin);
// It has come: what a leatd that was killed has left of its short cut goes.
void shortcut_clear(unsigned twin);

extern const struct schema_row shortcut_columns[];
int shortcuts_show(
	const json_t *filter, size_t limit, json_t *rows, struct err *err); // noun `shortcuts`
