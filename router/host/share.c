// SPDX-License-Identifier: BSD-3-Clause
#include "router/host/share.h"
#include "dataplane/dataplane.h"
#include "lib/bucket.h"
#include "router/fib/rib.h"
#include <errno.h>
#include <string.h>

#define BURST_NS 10000000ull // what may come at once: 10 ms of the rate
#define PARTS    16          // of a token, that a long segment costs one of
#define NEW      10          // how much more a new connection costs its bucket

struct counts {
	uint64_t passed, dropped, dropped_new;
};

struct one {
	_Atomic uint64_t cost; // of a packet, in units of lib/bucket.h
	_Atomic uint64_t bucket, bucket_new;
	uint32_t rate;
};

static struct one shares[RTR_MAX_VRFS][SHARES];
static struct counts counts[DP_MAX_WORKERS][RTR_MAX_VRFS][SHARES]; // each worker its own
static struct counts bases[RTR_MAX_VRFS][SHARES]; // what they were when the router was made

static inline void count(uint64_t *counter) {
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

bool share_take(unsigned vrf, enum share share, enum share_kind kind) {
	struct one *one = &shares[vrf][share];
	struct counts *c = &counts[dp_self->id][vrf][share];
	uint64_t cost = atomic_load_explicit(&one->cost, memory_order_relaxed);

	if (dp_self->explains)
		return true;
	if (kind == SHARE_SEGMENT)
		cost = cost / PARTS + 1;
	else if (kind == SHARE_NEW)
		cost *= NEW;
	struct bucket_limit limit = {.cost = cost, .burst = RTE_MAX(cost, BURST_NS * BUCKET_UNITS)};
	bool ok = bucket_take(
		kind == SHARE_NEW ? &one->bucket_new : &one->bucket, &limit, dp_self->now_ns);
	count(ok ? &c->passed : kind == SHARE_NEW ? &c->dropped_new : &c->dropped);
	return ok;
}

uint64_t share_segments(unsigned vrf, enum share share) {
	return (uint64_t)shares[vrf][share].rate * PARTS;
}

static struct counts sum(unsigned vrf, unsigned share) {
	struct counts total = {0};

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		const struct counts *c = &counts[w][vrf][share];
		total.passed += __atomic_load_n(&c->passed, __ATOMIC_RELAXED);
		total.dropped += __atomic_load_n(&c->dropped, __ATOMIC_RELAXED);
		total.dropped_new += __atomic_load_n(&c->dropped_new, __ATOMIC_RELAXED);
	}
	return total;
}

void share_set(unsigned vrf, const struct share_conf *conf, bool fresh) {
	for (unsigned s = 0; s < SHARES; s++) {
		struct one *one = &shares[vrf][s];

		one->rate = conf->rates[s];
		atomic_store_explicit(
			&one->cost, bucket_limit_of(one->rate, 1).cost, memory_order_relaxed);
		if (fresh)
			bases[vrf][s] = sum(vrf, s);
	}
}

// ---- leat show punt ----------------------------------------------------------------------------------------------

const struct schema_row share_columns[] = {
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "router"},
	{.name = "class",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_KEY,
		.help = "what its host twins get: class of packets"},
	{.name = "rate",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.unit = "packets/s",
		.help = "its share"},
	{.name = "passed",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "packets that the kernel got"},
	{.name = "dropped",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "packets that were more than its share"},
	{.name = "dropped_new",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "new connections that were more than a tenth of it"},
	{0},
};

static json_t *row_of(unsigned vrf, unsigned share) {
	const struct counts now = sum(vrf, share), *base = &bases[vrf][share];

	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "router", rtr_vrfs[vrf]->name, "class",
		share_words[share], "rate", (json_int_t)shares[vrf][share].rate, "passed",
		(json_int_t)(now.passed - base->passed), "dropped",
		(json_int_t)(now.dropped - base->dropped), "dropped_new",
		(json_int_t)(now.dropped_new - base->dropped_new));
}

static bool wanted(const json_t *filter, const char *name, const char *value) {
	const char *want = json_string_value(json_object_get(filter, name));

	return want == NULL || strcmp(want, value) == 0;
}

int share_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++) {
		for (unsigned s = 0; rtr_vrfs[v] && s < SHARES && json_array_size(rows) < limit;
			s++) {
			if (!wanted(filter, "router", rtr_vrfs[v]->name) ||
				!wanted(filter, "class", share_words[s]))
				continue;
			if (!wanted(filter, "key", rtr_vrfs[v]->name) &&
				!wanted(filter, "key", share_words[s]))
				continue;
			if (json_array_append_new(rows, row_of(v, s)) < 0)
				return err_set(err, -ENOMEM, "out of memory");
		}
	}
	return 0;
}
