// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/blocklist.h"
#include "dataplane/dataplane_priv.h"
#include "dataplane/port_kernel.h"
#include "dataplane/record_ring.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include <errno.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_string_fns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_BYTES 65536
#define LOOKS      2048 // entries per poll whose time may be over
#define REQUESTS   1024 // of one worker, per poll

struct block {
	struct prefix prefix;
	uint64_t since_ns, until_ns; // until 0: for ever; since 0: the place is free
	char why[BLOCKLIST_WHY];
};

// What a worker writes into its ring.
struct request {
	uint8_t addr[16];
	uint64_t for_ns;
	char why[BLOCKLIST_WHY];
	bool v6;
};

static struct rte_hash *index_; // key → place; NULL: nothing was ever blocked
static struct block *blocks;    // [BLOCKLIST_MAX]
static unsigned count, hand;
static struct record_ring *rings[DP_MAX_WORKERS];

// ---- maps of ports ------------------------------------------------------------------------------------------------

static void block_everywhere(const struct leat_xdp_key *key, bool on) {
	struct xdp_prog *prog = NULL;

	while ((prog = port_xdp_next(prog)))
		xdp_prog_block(prog, key, on);
}

void blocklist_fill(struct xdp_prog *prog) {
	for (unsigned i = 0; count > 0 && i < BLOCKLIST_MAX; i++) {
		struct leat_xdp_key key = xdp_key_of(&blocks[i].prefix);

		if (blocks[i].since_ns != 0)
			xdp_prog_block(prog, &key, true);
	}
}

static uint64_t dropped(const struct leat_xdp_key *key) {
	struct xdp_prog *prog = NULL;
	uint64_t sum = 0;

	while ((prog = port_xdp_next(prog)))
		sum += xdp_prog_blocked(prog, key);
	return sum;
}

// ---- the list -----------------------------------------------------------------------------------------------------

static int list_make(struct err *err) {
	const struct rte_hash_parameters params = {.name = "leat-blocklist",
		.entries = BLOCKLIST_MAX,
		.key_len = sizeof(struct leat_xdp_key),
		.hash_func = rte_jhash,
		.socket_id = SOCKET_ID_ANY};

	if (index_)
		return 0;
	blocks = calloc(BLOCKLIST_MAX, sizeof(*blocks));
	index_ = blocks ? rte_hash_create(&params) : NULL;
	if (index_)
		return 0;
	free(blocks);
	blocks = NULL;
	return err_set(err, -ENOMEM, "out of memory for the blocklist");
}

static void drop(unsigned at) {
	struct leat_xdp_key key = xdp_key_of(&blocks[at].prefix);

	block_everywhere(&key, false);
	rte_hash_del_key(index_, &key);
	blocks[at].since_ns = 0;
	count--;
}

int dp_block(const struct prefix *prefix, uint64_t for_ns, const char *why, struct err *err) {
	struct prefix whole = prefix_network(prefix);
	uint64_t now = clock_now_ns();
	char text[PREFIX_STRLEN];

	struct leat_xdp_key key = xdp_key_of(&whole);
	int rc = list_make(err);
	if (rc < 0)
		return rc;
	int at = rte_hash_lookup(index_, &key);
	if (at < 0 && count == BLOCKLIST_MAX)
		return err_set(err, -ENOSPC, "the blocklist is full: %u prefixes; remove some",
			BLOCKLIST_MAX);
	if (at < 0 && (at = rte_hash_add_key(index_, &key)) < 0)
		return err_set(err, -ENOSPC, "the blocklist has no room for %s",
			prefix_print(&whole, text));
	struct block *b = &blocks[at];
	bool fresh = b->since_ns == 0;
	if (fresh)
		*b = (struct block){.prefix = whole, .since_ns = now, .until_ns = now + for_ns};
	if (for_ns == 0)
		b->until_ns = 0;
	else if (b->until_ns != 0 && b->until_ns < now + for_ns)
		b->until_ns = now + for_ns;
	if (!fresh)
		return 0;
	snprintf(b->why, sizeof(b->why), "%s", why);
	count++;
	block_everywhere(&key, true);
	return 0;
}

int dp_unblock(const struct prefix *prefix, struct err *err) {
	struct prefix whole = prefix_network(prefix);
	char text[PREFIX_STRLEN];

	struct leat_xdp_key key = xdp_key_of(&whole);
	int at = index_ ? rte_hash_lookup(index_, &key) : -ENOENT;
	if (at < 0)
		return err_set(err, -ENOENT, "%s is not blocked", prefix_print(&whole, text));
	drop((unsigned)at);
	return 0;
}

// ---- asked for by workers -------------------------------------------------------------------------------------------

void dp_block_source(const uint8_t *addr, bool v6, uint64_t for_ns, const char *why) {
	struct record_ring *ring = __atomic_load_n(&rings[dp_self->id], __ATOMIC_ACQUIRE);
	struct request *r = ring ? record_ring_reserve(ring, sizeof(*r)) : NULL;

	if (r == NULL)
		return;
	*r = (struct request){.for_ns = for_ns, .v6 = v6};
	rte_strscpy(r->why, why, sizeof(r->why));
	memcpy(r->addr, addr, v6 ? 16 : 4);
	record_ring_commit(ring);
}

static void serve(const struct request *r) {
	struct prefix p = {.addr = {.family = r->v6 ? ADDR_V6 : ADDR_V4}, .len = r->v6 ? 128 : 32};
	char text[PREFIX_STRLEN];
	struct err err = {0};
	unsigned before = count;

	memcpy(p.addr.bytes, r->addr, r->v6 ? 16 : 4);
	if (dp_block(&p, r->for_ns, r->why, &err) != 0)
		log_warn("blocklist", "a source is not blocked", "why=\"%s\"", err.msg);
	else if (count > before)
		event_emit("blocklist.blocked",
			json_pack("{s:s, s:s}", "source", prefix_print(&p, text), "why", r->why));
}

static void poll_all(uint64_t now_ns) {
	size_t len;

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		const struct request *r;

		if (rings[w] == NULL)
			__atomic_store_n(&rings[w], record_ring_new(RING_BYTES), __ATOMIC_RELEASE);
		for (unsigned n = 0;
			rings[w] && n < REQUESTS && (r = record_ring_peek(rings[w], &len)); n++) {
			serve(r);
			record_ring_release(rings[w]);
		}
	}
	for (unsigned i = 0; count > 0 && i < LOOKS; i++) {
		hand = (hand + 1) % BLOCKLIST_MAX;
		if (blocks[hand].since_ns != 0 && blocks[hand].until_ns != 0 &&
			blocks[hand].until_ns <= now_ns)
			drop(hand);
	}
}

// ---- seen and edited ------------------------------------------------------------------------------------------------

static const struct schema_row block_columns[] = {
	{.name = "source",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_KEY,
		.help = "address or prefix whose frames are dropped"},
	{.name = "why", .type = SCHEMA_STRING, .help = "who asked for it"},
	{.name = "age", .type = SCHEMA_INT, .unit = "s", .help = "since it began"},
	{.name = "left",
		.type = SCHEMA_INT,
		.unit = "s",
		.help = "until it ends; -: until removed"},
	{.name = "dropped", .type = SCHEMA_INT, .help = "frames, over all AF_XDP ports that are"},
	{0},
};

static json_t *block_row(const struct block *b) {
	struct leat_xdp_key key = xdp_key_of(&b->prefix);
	uint64_t now = clock_now_ns();
	char text[PREFIX_STRLEN];
	json_t *row = json_pack("{s:s, s:s, s:I, s:I}", "source", prefix_print(&b->prefix, text),
		"why", b->why, "age", (json_int_t)((now - b->since_ns) / NSEC_PER_SEC), "dropped",
		(json_int_t)dropped(&key));

	if (row && b->until_ns != 0)
		json_object_set_new(row, "left",
			json_integer(b->until_ns > now
					? (json_int_t)((b->until_ns - now) / NSEC_PER_SEC)
					: 0));
	return row;
}

static int blocks_show(const json_t *, size_t limit, json_t *rows, struct err *err) {
	for (unsigned i = 0; count > 0 && i < BLOCKLIST_MAX && json_array_size(rows) < limit; i++)
		if (blocks[i].since_ns != 0 &&
			json_array_append_new(rows, block_row(&blocks[i])) != 0)
			return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

static const struct module_noun block_nouns[] = {
	{.name = "blocks",
		.help = "sources that are dropped in the driver",
		.columns = block_columns,
		.show = blocks_show,
		.no_metrics = true},
	{0},
};

struct block_args {
	struct prefix source;
	uint64_t for_ns;
	const char *why;
};

static const struct schema_row add_rows[] = {
	{.name = "source",
		.type = SCHEMA_PREFIX,
		SCHEMA_FIELD(struct block_args, source),
		.flags = SCHEMA_REQUIRED,
		.example = "\"198.51.100.7\"",
		.help = "address or prefix"},
	{.name = "for",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct block_args, for_ns),
		.min = 1000000000,
		.max = 365ll * 86400 * 1000000000,
		.example = "\"10m\"",
		.help = "how long; left out: until it is removed, or leatd ends"},
	{.name = "why",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct block_args, why),
		.max = BLOCKLIST_WHY - 1,
		.def = "by hand",
		.help = "shown beside it"},
	{0},
};

static int add_run(const json_t *args, json_t **result, struct err *err) {
	struct block_args a = {0};

	*result = NULL;
	schema_decode(add_rows, args, &a);
	return dp_block(&a.source, a.for_ns, a.why && a.why[0] ? a.why : "by hand", err);
}

static const struct schema_row remove_rows[] = {
	{.name = "source",
		.type = SCHEMA_PREFIX,
		SCHEMA_FIELD(struct block_args, source),
		.flags = SCHEMA_REQUIRED,
		.help = "as `leat show blocks` has it"},
	{0},
};

static int remove_run(const json_t *args, json_t **result, struct err *err) {
	struct block_args a = {0};

	*result = NULL;
	schema_decode(remove_rows, args, &a);
	return dp_unblock(&a.source, err);
}

static const struct module_action block_actions[] = {
	{.verb = "add",
		.noun = "blocks",
		.help = "drops a source's frames in the driver of every AF_XDP port",
		.args = add_rows,
		.run = add_run},
	{.verb = "remove",
		.noun = "blocks",
		.help = "lets a source in again",
		.args = remove_rows,
		.run = remove_run},
	{0},
};

static void fini(void) {
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		record_ring_free(rings[w]);
		rings[w] = NULL;
	}
	rte_hash_free(index_);
	free(blocks);
	index_ = NULL;
	blocks = NULL;
	count = 0;
}

static const char *const after[] = {"dataplane", NULL};

const struct module blocklist_module = {
	.name = "blocklist",
	.help = "sources that are dropped in the driver",
	.after = after,
	.nouns = block_nouns,
	.actions = block_actions,
	.fini = fini,
	.poll = poll_all,
};
