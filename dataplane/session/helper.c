// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "dataplane/session/helper.h"
#include "dataplane/session/session_priv.h"
#include <errno.h>
#include <sys/mman.h>

#define WAYS    8
#define HANDLES 32 // a handle: serial above, place + 1 below

static struct session_record_of *records[2]; // by unit, [v6]
static size_t records_bytes;

// ---- records ----------------------------------------------------------------------------------------------------

int session_helpers_init(struct err *err) {
	size_t bytes = (size_t)session_table.units * sizeof(**records);

	for (unsigned v6 = 0; v6 < 2 && bytes > 0; v6++) {
		void *at = records[v6];

		if (at == NULL)
			at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (at == MAP_FAILED)
			return err_set(err, -ENOMEM,
				"no address space for helpers of %u sessions; write a smaller "
				"sessions.max",
				session_table.max);
		records[v6] = at;
	}
	records_bytes = bytes;
	return 0;
}

void session_helpers_fini(void) {
	for (unsigned v6 = 0; v6 < 2; v6++) {
		if (records[v6])
			munmap(records[v6], records_bytes);
		records[v6] = NULL;
	}
}

struct session_record_of *session_record_at(session_ref ref) {
	return &records[ref >> 31][ref_unit(ref)];
}

void session_flow_at(session_ref ref, struct session_flow *flow) {
	session_flow_read(session_id(ref), flow);
}

// ---- numbers ----------------------------------------------------------------------------------------------------

uint32_t shift_out(const struct session_shift *s, uint32_t number) {
	return number + ((int32_t)(number - s->from) > 0 ? s->after : s->before);
}

uint32_t shift_back(const struct session_shift *s, uint32_t number) {
	return number - ((int32_t)(number - s->before - s->from) > 0 ? s->after : s->before);
}

void shift_grow(struct session_shift *s, uint32_t number, int32_t bytes) {
	bool fresh = s->from == 0 && s->before == 0 && s->after == 0;

	if (bytes == 0 || (!fresh && (int32_t)(number - s->from) <= 0))
		return;
	s->from = number;
	s->before = s->after;
	s->after += (uint32_t)bytes;
}

// ---- expectations -----------------------------------------------------------------------------------------------

enum { FREE, BUSY, READY };

static struct place {
	_Atomic uint32_t state;
	_Atomic uint32_t serial;
	uint64_t end_ns;
	struct session_expect expect;
} places[EXPECT_MAX];
static _Atomic uint32_t
	used; // places that are not free: mostly none, and then nothing is looked up
_Atomic uint64_t expect_refused;

static struct session_key key_without_port(const struct session_tuple *in) {
	struct session_tuple tuple = *in;

	tuple.sport = 0;
	return key_of(&tuple);
}

static struct place *places_of(const struct session_tuple *in) {
	struct session_key key = key_without_port(in);
	uint64_t hash = key_hash(&session_table.secret, &key);

	return &places[hash % (EXPECT_MAX / WAYS) * WAYS];
}

// Takes a place for itself; false: it is not in that state.
static bool hold(struct place *p, uint32_t state) {
	return atomic_load_explicit(&p->state, memory_order_relaxed) == state &&
		atomic_compare_exchange_strong_explicit(
			&p->state, &state, BUSY, memory_order_acquire, memory_order_relaxed);
}

static void leave(struct place *p, uint32_t state) {
	if (state == FREE)
		atomic_fetch_sub_explicit(&used, 1, memory_order_relaxed);
	atomic_store_explicit(&p->state, state, memory_order_release);
}

static bool meets(const struct session_expect *expect, const struct session_tuple *in) {
	struct session_key a = key_without_port(&expect->in), b = key_without_port(in);

	return key_equal(&a, &b);
}

uint64_t expect_add(const struct session_expect *expect, uint64_t now_ns) {
	struct place *first = places_of(&expect->in), *spare = NULL;
	bool other = false;

	for (unsigned i = 0; i < WAYS && !other; i++) {
		struct place *p = &first[i];

		if (hold(p, READY)) {
			other = p->end_ns > now_ns && meets(&p->expect, &expect->in);
			leave(p, p->end_ns > now_ns ? READY : FREE);
		}
		if (spare == NULL && !other && hold(p, FREE)) {
			atomic_fetch_add_explicit(&used, 1, memory_order_relaxed);
			spare = p;
		}
	}
	if (spare && other)
		leave(spare, FREE);
	if (spare == NULL && !other)
		atomic_fetch_add_explicit(&expect_refused, 1, memory_order_relaxed);
	if (spare == NULL || other)
		return 0;
	uint32_t serial = atomic_load_explicit(&spare->serial, memory_order_relaxed) + 1;
	atomic_store_explicit(&spare->serial, serial, memory_order_relaxed);
	spare->end_ns = now_ns + EXPECT_S * 1000000000ull;
	spare->expect = *expect;
	uint64_t handle = (uint64_t)serial << HANDLES | (uint64_t)(spare - places + 1);
	leave(spare, READY);
	return handle;
}

void expect_del(uint64_t handle) {
	if (handle == 0)
		return;
	struct place *p = &places[(uint32_t)handle - 1];
	if (!hold(p, READY))
		return;
	leave(p, p->serial == handle >> HANDLES ? FREE : READY);
}

// A look at a place, without taking it: false: nobody is expected there, or it changed meanwhile.
static bool peek(struct place *p, struct session_expect *expect, uint64_t *end_ns) {
	uint32_t serial = atomic_load_explicit(&p->serial, memory_order_relaxed);

	if (atomic_load_explicit(&p->state, memory_order_acquire) != READY)
		return false;
	*expect = p->expect;
	*end_ns = p->end_ns;
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&p->state, memory_order_relaxed) == READY &&
		atomic_load_explicit(&p->serial, memory_order_relaxed) == serial;
}

bool expect_meet(
	const struct session_tuple *in, uint64_t now_ns, bool look, struct session_expect *expect) {
	if (atomic_load_explicit(&used, memory_order_relaxed) == 0)
		return false;
	struct place *first = places_of(in);
	for (unsigned i = 0; i < WAYS; i++) {
		struct place *p = &first[i];
		uint64_t end_ns;

		if (!peek(p, expect, &end_ns) || end_ns <= now_ns || !meets(expect, in))
			continue;
		if (look)
			return true;
		if (!hold(p, READY))
			return false; // another was faster
		bool found = meets(&p->expect, in);
		*expect = p->expect;
		leave(p, found ? FREE : READY);
		if (found)
			return true;
	}
	return false;
}

bool expect_next(unsigned *at, uint64_t now_ns, struct session_expect *expect, uint64_t *left_ns) {
	while (*at < EXPECT_MAX) {
		uint64_t end_ns;

		if (!peek(&places[(*at)++], expect, &end_ns) || end_ns <= now_ns)
			continue;
		*left_ns = end_ns - now_ns;
		return true;
	}
	return false;
}

unsigned expect_count(uint64_t now_ns) {
	struct session_expect expect;
	uint64_t left_ns;
	unsigned at = 0, n = 0;

	while (expect_next(&at, now_ns, &expect, &left_ns))
		n++;
	return n;
}
