// SPDX-License-Identifier: BSD-3-Clause
// pure
// The deciders in their order, and a flow's way through them.
#include "dataplane/session/session_priv.h"

static struct session_decider *deciders;

static bool before(const struct session_decider *a, const struct session_decider *b) {
	return a->stage != b->stage ? a->stage < b->stage : strcmp(a->name, b->name) < 0;
}

void session_decider_link(struct session_decider *decider) {
	struct session_decider **at = &deciders;

	while (*at && before(*at, decider))
		at = &(*at)->link;
	decider->link = *at;
	*at = decider;
}

const struct session_decider *session_decider_next(const struct session_decider *d) {
	return d ? d->link : deciders;
}

// Gives back what those before `end` took.
static void release_until(const struct session_flow *flow, const struct session_decider *end) {
	for (const struct session_decider *d = deciders; d != end; d = d->link)
		if (d->release)
			d->release(flow);
}

void session_release(const struct session_flow *flow) {
	release_until(flow, NULL);
}

enum session_verdict session_decide(struct session_flow *flow, const struct session_decider **who) {
	for (const struct session_decider *d = deciders; d; d = d->link) {
		enum session_verdict verdict = d->decide(flow);

		if (verdict == SESSION_PASS)
			continue;
		if (who)
			*who = d;
		if (!flow->again && !flow->dry)
			release_until(flow, d);
		return verdict;
	}
	return SESSION_PASS;
}

enum session_verdict session_try(struct session_flow *flow,
	void (*step)(const struct session_decider *, const struct session_flow *,
		enum session_verdict, void *),
	void *arg) {
	flow->dry = true;
	for (const struct session_decider *d = deciders; d; d = d->link) {
		enum session_verdict verdict = d->decide(flow);

		if (step)
			step(d, flow, verdict, arg);
		if (verdict != SESSION_PASS)
			return verdict;
	}
	return SESSION_PASS;
}

bool session_taken(const struct session_tuple *tuple) {
	struct session_key key = key_of(tuple);

	return table_find(&key, key_hash(&session_table.secret, &key)) != 0;
}

// What `explain` would make a session of two families of (path_explain()): on the control thread, one at a time.
struct session_flow session_explained;

bool session_leaves(session_ref ref, struct session_tuple *in, struct session_tuple *out) {
	if (ref == 0) {
		*in = session_explained.in;
		*out = session_explained.out;
		return session_explained.now_ns != 0;
	}
	struct session_key own = dir_key(ref_dir(ref)), other = dir_key(ref_dir(ref ^ 1));
	struct session_tuple answer = key_tuple(&other);

	*in = key_tuple(&own);
	*out = session_reverse(&answer);
	return true;
}

uint32_t session_user_get(session_ref ref, enum session_user user) {
	return ref_cold(ref)->user[user];
}

void session_user_set(session_ref ref, enum session_user user, uint32_t value) {
	ref_cold(ref)->user[user] = value;
}
