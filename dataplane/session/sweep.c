// SPDX-License-Identifier: BSD-3-Clause
// pure
// A walk of every owner over its own sessions, a few per turn: for a flush, or after the rules have changed.
#include "dataplane/session/session_priv.h"

#define AHEAD 8 // units that are fetched before they are looked at

static struct session_sweep *_Atomic present;

static bool addr_match(const struct session_filter *f, const uint8_t *addr, unsigned size) {
	for (unsigned i = 0; i < size; i++)
		if ((addr[i] ^ f->addr[i]) & f->mask[i])
			return false;
	return true;
}

// Either address of a direction; those of one session may be of two families.
static bool dir_match(const struct session_filter *f, struct session_dir *d) {
	unsigned size = dir_v6(d) ? 16 : 4;
	const uint8_t *x = (const uint8_t *)dir_addr(d);

	return dir_v6(d) == f->v6 && (addr_match(f, x, size) || addr_match(f, x + size, size));
}

static bool ends_match(const struct session_filter *f, session_ref ref) {
	struct session_dir *a = ref_dir(session_id(ref)), *b = ref_dir(ref | 1);

	if (f->has_port && a->sport != f->port && a->dport != f->port && b->sport != f->port &&
		b->dport != f->port)
		return false;
	return !f->has_addr || dir_match(f, a) || dir_match(f, b);
}

bool session_filter_match(const struct session_filter *f, session_ref ref) {
	struct session_dir *a = ref_dir(session_id(ref)), *b = ref_dir(ref | 1);

	if (f->has_proto && a->proto != f->proto)
		return false;
	if (f->has_state && a->state != f->state)
		return false;
	if (f->has_domain && a->domain != f->domain)
		return false;
	if (f->has_family && dir_v6(a) != f->v6 && dir_v6(b) != f->v6)
		return false;
	if (f->has_iface && dir_more(a)->iface != f->iface && dir_more(b)->iface != f->iface)
		return false;
	if (f->has_rule && dir_more(a)->word != f->rule)
		return false;
	return ends_match(f, ref);
}

static void visit(struct session_owner *o, const struct session_sweep *sweep, session_ref id) {
	const struct session_dir *d = ref_dir(id);

	if (!(d->kind & KIND_USED) || dir_owner(d) != o->id)
		return;
	if (sweep->flush) {
		if (!session_filter_match(&sweep->filter, id))
			return;
		session_finish(o, id, SESSION_END_FLUSHED);
		atomic_fetch_add_explicit(&o->flushed, 1, memory_order_relaxed);
	} else if (d->generation != __atomic_load_n(&session_generation, __ATOMIC_RELAXED)) {
		session_judge_again(o, id);
	}
}

void session_sweep_step(struct session_owner *o, unsigned budget) {
	const struct session_sweep *sweep = atomic_load_explicit(&present, memory_order_acquire);

	if (sweep == NULL || atomic_load_explicit(&o->swept, memory_order_relaxed) == sweep->id)
		return;
	if (o->sweep_id != sweep->id) {
		o->sweep_id = sweep->id;
		o->sweep_family = 0;
		o->sweep_at = 1;
		atomic_store_explicit(&o->flushed, 0, memory_order_relaxed);
	}
	for (; budget > 0 && o->sweep_family < 2; budget--) {
		uint32_t top = atomic_load_explicit(
			&session_table.top[o->sweep_family], memory_order_relaxed);
		if (o->sweep_at >= top) {
			o->sweep_family++;
			o->sweep_at = 1;
			continue;
		}
		session_ref id = o->sweep_at++ << 1 | (o->sweep_family ? REF_V6 : 0);
		__builtin_prefetch(ref_dir(id + 2 * AHEAD));
		visit(o, sweep, id);
	}
	if (o->sweep_family == 2)
		atomic_store_explicit(&o->swept, sweep->id, memory_order_release);
}

struct session_sweep *session_sweep_start(struct session_sweep *sweep) {
	static uint64_t ids;

	if (sweep != NULL)
		sweep->id = ++ids;
	return atomic_exchange(&present, sweep);
}

bool session_sweep_done(void) {
	const struct session_sweep *sweep = atomic_load(&present);

	for (unsigned i = 0; sweep && i < TABLE_WORKERS; i++)
		if (session_owners[i].started &&
			atomic_load_explicit(&session_owners[i].swept, memory_order_acquire) !=
				sweep->id)
			return false;
	return true;
}
