// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/session_check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char said[256];

#define SAY(...)                                           \
	do {                                               \
		snprintf(said, sizeof(said), __VA_ARGS__); \
		return said;                               \
	} while (0)

// ---- sessions, each by itself ---------------------------------------------------------------------------------------

struct tally {
	uint32_t used, of_owner[TABLE_WORKERS];
	int64_t in_state[SESSION_STATES];
};

static const char *session_sound(session_ref id, struct tally *t) {
	struct session_dir *d[2] = {ref_dir(id), ref_dir(id | 1)};

	for (unsigned way = 0; way < 2; way++) {
		struct session_key key = dir_key(d[way]);
		session_ref found = table_find(&key, key_hash(&session_table.secret, &key));

		if (!(d[way]->kind & KIND_USED))
			SAY("session %u has one direction only", id);
		if (found != (id | way))
			SAY("direction %u of session %u is found as %u", way, id, found);
	}
	if (d[0]->state != d[1]->state || d[0]->state == SESSION_NONE ||
		d[0]->state >= SESSION_STATES)
		SAY("session %u is in states %u and %u", id, d[0]->state, d[1]->state);
	if (dir_owner(d[0]) != dir_owner(d[1]) || d[0]->proto != d[1]->proto ||
		d[0]->domain != d[1]->domain)
		SAY("session %u: its directions differ in owner, protocol or domain", id);
	if (d[0]->generation != d[1]->generation)
		SAY("session %u: its directions are of two generations", id);
	t->used++;
	t->of_owner[dir_owner(d[0])]++;
	t->in_state[d[0]->state]++;
	return NULL;
}

// ---- the index ------------------------------------------------------------------------------------------------------

static const char *index_sound(uint32_t used) {
	const struct session_table *t = &session_table;
	uint64_t entries = 0, spilled = 0, away = 0;

	for (uint32_t b = 0; b < t->n_buckets; b++) {
		struct table_bucket *bucket = &t->buckets[b];

		spilled += bucket->spilled;
		for (unsigned i = 0; i < TABLE_SLOTS; i++) {
			session_ref ref = bucket->refs[i];

			if ((ref != 0) != (bucket->tags[i] != 0))
				SAY("bucket %u: slot %u is half taken", b, i);
			if (ref == 0)
				continue;
			struct session_key key = dir_key(ref_dir(ref));
			uint64_t hash = key_hash(&t->secret, &key);
			if (table_tag(hash) != bucket->tags[i])
				SAY("bucket %u: the tag of %u is another's", b, ref);
			entries++;
			away += table_bucket(hash) != bucket;
		}
	}
	if (entries != 2 * (uint64_t)used)
		SAY("%llu entries for %u sessions", (unsigned long long)entries, used);
	if (spilled != away)
		SAY("%llu entries count as spilled, %llu are", (unsigned long long)spilled,
			(unsigned long long)away);
	return NULL;
}

// ---- timers and free lists --------------------------------------------------------------------------------------------

static const char *wheel_sound(const struct session_owner *o, uint32_t of_owner) {
	uint32_t n = 0;

	for (unsigned list = 0; list < WHEEL_LISTS; list++) {
		uint32_t back = list << 1 | 1;

		for (uint32_t id = o->wheel.lists[list]; id != 0; id = wheel_at(id)->next) {
			if (wheel_at(id)->prev != back)
				SAY("timer of %u: the way back is wrong", id);
			if (!(ref_dir(id)->kind & KIND_USED) || dir_owner(ref_dir(id)) != o->id)
				SAY("timer of %u: no session of worker %u", id, o->id);
			if (++n > session_table.max)
				SAY("timers of worker %u: a circle", o->id);
			back = id;
		}
	}
	if (n != o->wheel.count || n != of_owner)
		SAY("worker %u: %u timers on lists, %u counted, %u sessions", o->id, n,
			o->wheel.count, of_owner);
	return NULL;
}

static uint32_t chain_length(bool v6, uint32_t unit) {
	uint32_t n = 0;

	for (; unit != 0 && n <= session_table.units; unit = session_table.cold[v6][unit].next)
		n++;
	return n;
}

static const char *units_sound(bool v6, uint32_t used) {
	uint32_t n = used, top = session_table.top[v6] - 1;

	for (unsigned i = 0; i < TABLE_WORKERS; i++) {
		const struct table_free *mine = &session_owners[i].free;

		if (chain_length(v6, mine->head[v6]) != mine->n[v6])
			SAY("worker %u: its free list is not as long as it says", i);
		n += mine->n[v6] + chain_length(v6, mine->spare[v6]);
	}
	for (uint32_t first = (uint32_t)session_table.free[v6]; first != 0 && n <= top;
		first = session_table.cold[v6][first].prev)
		n += chain_length(v6, first);
	if (n != top)
		SAY("%u units of IPv%u are used or free, of %u", n, v6 ? 6 : 4, top);
	return NULL;
}

// ---- all of it --------------------------------------------------------------------------------------------------------

static const char *counts_sound(const struct tally *t) {
	int64_t in_state[SESSION_STATES] = {0};
	uint64_t begun = 0, ended = 0;

	for (unsigned i = 0; i < TABLE_WORKERS; i++) {
		const struct session_counts *c = &session_owners[i].counts;

		begun += c->begun;
		for (unsigned k = 0; k < SESSION_ENDS; k++)
			ended += c->ended[k];
		for (unsigned k = 0; k < SESSION_STATES; k++)
			in_state[k] += c->in_state[k];
	}
	if (begun - ended != t->used || session_table.used != t->used)
		SAY("%llu begun, %llu ended, %u counted, but %u are there",
			(unsigned long long)begun, (unsigned long long)ended, session_table.used,
			t->used);
	for (unsigned k = 0; k < SESSION_STATES; k++)
		if (in_state[k] != t->in_state[k])
			SAY("%lld count as %s, %lld are", (long long)in_state[k],
				session_state_name(k), (long long)t->in_state[k]);
	return NULL;
}

const char *session_check(void) {
	struct tally t = {0};
	uint32_t used[2] = {0};
	const char *why = NULL;

	for (session_ref id = table_next(0); id != 0 && why == NULL; id = table_next(id)) {
		if (!(ref_dir(id)->kind & KIND_USED))
			continue;
		used[id >> 31]++;
		why = session_sound(id, &t);
	}
	if (why == NULL)
		why = index_sound(t.used);
	for (unsigned i = 0; i < TABLE_WORKERS && why == NULL; i++)
		why = session_owners[i].started ? wheel_sound(&session_owners[i], t.of_owner[i])
						: NULL;
	for (unsigned v6 = 0; v6 < 2 && why == NULL; v6++)
		why = units_sound(v6, used[v6]);
	return why ? why : counts_sound(&t);
}

// ---- TCP's numbers ------------------------------------------------------------------------------------------------------

void tcp_model_begin(struct tcp_model *m, const struct tcp_side side[2]) {
	*m = (struct tcp_model){.known = true};
	for (unsigned i = 0; i < 2; i++) {
		m->top[i] = (int64_t)side[i].end + (1ll << 40);
		m->scale[i] = side[i].scale;
		m->win[i] = (int64_t)side[i].win << side[i].scale;
		m->fin[i] = side[i].flags & TCP_SIDE_FIN;
		m->known &= side[i].flags & TCP_SIDE_SEEN && side[i].flags & TCP_SIDE_ACKED;
	}
	for (unsigned i = 0; i < 2; i++) // never far from what the other side has sent
		m->acked[i] = m->top[!i] + (int32_t)(side[i].ack - side[!i].end);
}

// A number of the wire, as near to `about` as it can be.
static int64_t near(int64_t about, uint32_t number) {
	return about + (int32_t)(number - (uint32_t)about);
}

static bool inside(const struct tcp_model *m, unsigned dir, int64_t seq, int64_t last) {
	int64_t offered = m->win[!dir] ? m->win[!dir] : 1;

	return last <= m->acked[!dir] + offered && seq >= m->top[dir] - offered - 1 &&
		!(m->fin[dir] && last > m->top[dir]);
}

static void learn(
	struct tcp_model *m, unsigned dir, int64_t last, int64_t ack, const struct tcp_seg *seg) {
	int64_t win = (int64_t)seg->win << m->scale[dir];

	m->top[dir] = last > m->top[dir] ? last : m->top[dir];
	m->acked[dir] = ack > m->acked[dir] ? ack : m->acked[dir];
	m->win[dir] = win > m->win[dir] ? win : m->win[dir];
	m->fin[dir] |= seg->flags & TCP_FIN && last == m->top[dir];
}

enum model_says tcp_model_track(
	struct tcp_model *m, unsigned state, unsigned dir, const struct tcp_seg *seg) {
	int64_t seq = near(m->top[dir], seg->seq), ack = near(m->top[!dir], seg->ack);
	int64_t last = seq + seg->len + !!(seg->flags & TCP_FIN);

	if (!m->known || state < SESSION_TCP_ESTABLISHED || state > SESSION_TCP_RESET ||
		seg->flags & TCP_SYN)
		return MODEL_NO_WORD;
	if (seg->flags & TCP_RST)
		return seq == m->top[dir] || seq == m->acked[!dir] || inside(m, dir, seq, last)
			? MODEL_PASSES
			: MODEL_REFUSES;
	if (!inside(m, dir, seq, last) || ack > m->top[!dir] ||
		ack < m->acked[dir] - m->win[dir] - 1)
		return MODEL_REFUSES;
	learn(m, dir, last, ack, seg);
	return MODEL_PASSES;
}
