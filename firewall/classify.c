// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/classify.h"
#include "router/fib/region.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORTS 65536

// Rows of one dimension: [summary][words], a whole number of cache lines each.
struct rows {
	uint64_t *at;
	uint32_t n, max;
};

// A dimension of 16-bit values: equal values share a class, a class has a row. Class 0: no value (a packet without ports).
struct dim16 {
	uint32_t *class; // [PORTS]
	struct rows rows;
};

// Rules that name a label: those of label l are at items[start[l]..start[l + 1]].
struct users {
	uint32_t *start, *items;
	uint32_t n_labels;
};

// One side's rows for one layer of addresses. Row 0 is that of addresses without labels, and what the others begin as.
struct layer {
	struct rows rows; // by class
	struct users users;
};

enum { INLINE, SETS, LAYERS };

struct side {
	struct layer layers[LAYERS];
	uint64_t *nots; // a row: rules that take what their labels do not hold
};

struct fw_rules {
	uint32_t n, words, summary_words, stride; // stride: of a row, in words
	struct fw_addrs *addrs;                   // prefixes that stand in the rules
	const struct fw_addrs *sets;
	struct side sides[2]; // source, destination
	struct dim16 sport, dport, icmp4, icmp6;
	struct rows proto4, proto6; // [256]
	struct rows from, to;       // [FW_ZONES]
	struct rows on;             // [1]
};

// ---- rows ---------------------------------------------------------------------------------------------------

static size_t rows_bytes(const struct fw_rules *r, uint32_t max) {
	return (size_t)max * r->stride * sizeof(uint64_t);
}

static int rows_init(const struct fw_rules *r, struct rows *rows, uint32_t max) {
	rows->max = max;
	rows->at = region_new(rows_bytes(r, max), 0);
	return rows->at ? 0 : -ENOMEM;
}

static void rows_fini(const struct fw_rules *r, struct rows *rows) {
	if (rows->at)
		region_free(rows->at, rows_bytes(r, rows->max));
}

static uint64_t *row(const struct fw_rules *r, const struct rows *rows, uint32_t i) {
	return rows->at + (size_t)i * r->stride;
}

static void bit_set(const struct fw_rules *r, uint64_t *row, uint32_t rule) {
	uint32_t word = rule / 64;

	row[r->summary_words + word] |= 1ull << rule % 64;
	row[word / 64] |= 1ull << word % 64;
}

// The summary bit stays: it says that there may be something.
static void bit_clear(const struct fw_rules *r, uint64_t *row, uint32_t rule) {
	row[r->summary_words + rule / 64] &= ~(1ull << rule % 64);
}

static bool bit_get(const struct fw_rules *r, const uint64_t *row, uint32_t rule) {
	return row[r->summary_words + rule / 64] >> rule % 64 & 1;
}

static void row_summarise(const struct fw_rules *r, uint64_t *row) {
	memset(row, 0, r->summary_words * sizeof(*row));
	for (uint32_t w = 0; w < r->words; w++)
		if (row[r->summary_words + w])
			row[w / 64] |= 1ull << w % 64;
}

// ---- dimensions of 16 bits ------------------------------------------------------------------------------------
// Values are cut at the ends of all ranges; what lies between two cuts is one interval. Intervals with equal rows become one class.

struct ranged {
	const struct fw_range *ranges;
	uint32_t n;
	bool any; // takes any value, a missing one too
};

typedef struct ranged (*ranges_fn)(const struct fw_match *match);

static uint64_t row_hash(const struct fw_rules *r, const uint64_t *row) {
	uint64_t hash = 0;

	for (uint32_t w = 0; w < r->words; w++)
		hash = (hash ^ row[r->summary_words + w]) * 0x9e3779b97f4a7c15ull;
	return hash;
}

struct interval {
	uint32_t first;
	uint64_t hash;
	uint32_t class;
};

// Cuts of the value space: cut[v] says that an interval begins at v. How many.
static uint32_t cuts_of(const struct fw_match *rules, uint32_t n, ranges_fn of, bool *cut) {
	uint32_t cuts = 0;

	memset(cut, 0, PORTS + 1);
	cut[0] = true;
	for (uint32_t i = 0; i < n; i++) {
		struct ranged ranged = of(&rules[i]);

		for (uint32_t k = 0; k < ranged.n; k++) {
			cut[ranged.ranges[k].first] = true;
			cut[ranged.ranges[k].last + 1] = true;
		}
	}
	for (uint32_t v = 0; v < PORTS; v++)
		cuts += cut[v];
	return cuts;
}

// Rules whose ranges cover each interval, as changes along the values: sorted by place, so that one row is carried along.
struct change {
	uint32_t at, rule;
	bool begin;
};

static int change_cmp(const void *a, const void *b) {
	const struct change *x = a, *y = b;

	return x->at != y->at ? (x->at > y->at) - (x->at < y->at) : x->begin - y->begin;
}

static uint32_t changes_of(
	const struct fw_match *rules, uint32_t n, ranges_fn of, struct change *changes) {
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct ranged ranged = of(&rules[i]);

		for (uint32_t k = 0; k < ranged.n; k++) {
			if (changes) {
				changes[count] = (struct change){ranged.ranges[k].first, i, true};
				changes[count + 1] = (struct change){ranged.ranges[k].last + 1u, i};
			}
			count += 2;
		}
	}
	if (changes)
		qsort(changes, count, sizeof(*changes), change_cmp);
	return count;
}

// The class with this row; a new one when there is none. `found`: open hash of classes.
static uint32_t class_of(
	const struct fw_rules *r, struct dim16 *dim, const uint64_t *wanted, uint32_t *found) {
	uint32_t at = (uint32_t)(row_hash(r, wanted) >> 40) & (2 * PORTS - 1);
	const size_t bytes = r->words * sizeof(uint64_t);

	for (; found[at]; at = (at + 1) & (2 * PORTS - 1))
		if (memcmp(row(r, &dim->rows, found[at]) + r->summary_words,
			    wanted + r->summary_words, bytes) == 0)
			return found[at];
	found[at] = dim->rows.n++;
	uint64_t *fresh = row(r, &dim->rows, found[at]);
	memcpy(fresh, wanted, r->stride * sizeof(*fresh));
	row_summarise(r, fresh);
	return found[at];
}

// A rule may have ranges that overlap: `depth` counts them.
static void dim16_fill(struct fw_rules *r, struct dim16 *dim, const bool *cut,
	const struct change *changes, uint32_t n_changes, uint64_t *now, uint16_t *depth,
	uint32_t *found) {
	uint32_t class = 0, c = 0;

	for (uint32_t v = 0; v < PORTS; v++) {
		if (!cut[v]) {
			dim->class[v] = class;
			continue;
		}
		for (; c < n_changes && changes[c].at == v; c++) {
			uint32_t rule = changes[c].rule;

			if (changes[c].begin && depth[rule]++ == 0)
				bit_set(r, now, rule);
			else if (!changes[c].begin && --depth[rule] == 0)
				bit_clear(r, now, rule);
		}
		class = class_of(r, dim, now, found);
		dim->class[v] = class;
	}
}

static int dim16_new(
	struct fw_rules *r, struct dim16 *dim, const struct fw_match *rules, ranges_fn of) {
	bool *cut = malloc(PORTS + 1);
	uint32_t n_changes = changes_of(rules, r->n, of, NULL);
	struct change *changes = calloc(n_changes + 1, sizeof(*changes));
	uint64_t *now = calloc(r->stride, sizeof(*now));
	uint16_t *depth = calloc(r->n + 1, sizeof(*depth));
	uint32_t *found = calloc(2 * PORTS, sizeof(*found));
	int rc = -ENOMEM;

	dim->class = calloc(PORTS, sizeof(*dim->class));
	if (!cut || !changes || !now || !depth || !found || !dim->class)
		goto out;
	rc = rows_init(r, &dim->rows, cuts_of(rules, r->n, of, cut) + 1);
	if (rc != 0)
		goto out;
	dim->rows.n = 1;
	for (uint32_t i = 0; i < r->n; i++) {
		struct ranged ranged = of(&rules[i]);

		if (ranged.any) {
			bit_set(r, row(r, &dim->rows, 0), i);
			bit_set(r, now, i);
		}
	}
	changes_of(rules, r->n, of, changes);
	dim16_fill(r, dim, cut, changes, n_changes, now, depth, found);
out:
	free(cut);
	free(changes);
	free(now);
	free(depth);
	free(found);
	return rc;
}

static void dim16_fini(struct fw_rules *r, struct dim16 *dim) {
	rows_fini(r, &dim->rows);
	free(dim->class);
}

// What a rule asks of each 16-bit dimension.
static bool asks_icmp(const struct fw_match *m) {
	return m->n_icmp4 || m->n_icmp6;
}

static struct ranged sports_of(const struct fw_match *m) {
	return (struct ranged){m->sports, m->n_sports, m->n_sports == 0};
}

// A rule that asks for ICMP types takes nothing that has ports, and the other way round.
static struct ranged dports_of(const struct fw_match *m) {
	return (struct ranged){m->dports, m->n_dports, m->n_dports == 0 && !asks_icmp(m)};
}

static struct ranged icmp4_of(const struct fw_match *m) {
	return (struct ranged){m->icmp4, m->n_icmp4, !asks_icmp(m) && m->n_dports == 0};
}

static struct ranged icmp6_of(const struct fw_match *m) {
	return (struct ranged){m->icmp6, m->n_icmp6, !asks_icmp(m) && m->n_dports == 0};
}

// ---- protocols and zones --------------------------------------------------------------------------------------

static void bytes_fill(
	struct fw_rules *r, struct rows *rows, uint32_t rule, const uint8_t *values, uint32_t n) {
	for (uint32_t i = 0; n == 0 && i < rows->max; i++)
		bit_set(r, row(r, rows, i), rule);
	for (uint32_t i = 0; i < n; i++)
		bit_set(r, row(r, rows, values[i]), rule);
}

static int bytes_new(struct fw_rules *r, const struct fw_match *rules) {
	if (rows_init(r, &r->proto4, 256) || rows_init(r, &r->proto6, 256) ||
		rows_init(r, &r->from, FW_ZONES) || rows_init(r, &r->to, FW_ZONES) ||
		rows_init(r, &r->on, 1))
		return -ENOMEM;
	for (uint32_t i = 0; i < r->n; i++) {
		const struct fw_match *m = &rules[i];

		if (!m->only6)
			bytes_fill(r, &r->proto4, i, m->protos, m->n_protos);
		if (!m->only4)
			bytes_fill(r, &r->proto6, i, m->protos, m->n_protos);
		bytes_fill(r, &r->from, i, m->from, m->n_from);
		bytes_fill(r, &r->to, i, m->to, m->n_to);
		bit_set(r, row(r, &r->on, 0), i);
		if (m->off)
			bit_clear(r, row(r, &r->on, 0), i);
	}
	return 0;
}

// ---- addresses ------------------------------------------------------------------------------------------------

// A rule that names a label. In the inline layer a prefix that stands in several rules is one label.
struct use {
	uint32_t label, rule;
};

static int use_cmp(const void *a, const void *b) {
	const struct use *x = a, *y = b;

	if (x->label != y->label)
		return (x->label > y->label) - (x->label < y->label);
	return (x->rule > y->rule) - (x->rule < y->rule);
}

static int users_new(struct users *users, struct use *uses, uint32_t n, uint32_t n_labels) {
	qsort(uses, n, sizeof(*uses), use_cmp);
	users->n_labels = n_labels;
	users->start = calloc(n_labels + 1, sizeof(*users->start));
	users->items = calloc(n + 1, sizeof(*users->items));
	if (!users->start || !users->items)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		users->start[uses[i].label + 1]++;
		users->items[i] = uses[i].rule;
	}
	for (uint32_t l = 0; l < n_labels; l++)
		users->start[l + 1] += users->start[l];
	return 0;
}

static void users_fini(struct users *users) {
	free(users->start);
	free(users->items);
}

static const struct fw_side *side_of(const struct fw_match *m, unsigned which) {
	return which ? &m->dst : &m->src;
}

// What the rules that name one of the labels say of an address that has it.
static void class_fill(const struct fw_rules *r, const struct side *side, const struct layer *layer,
	uint32_t class, const uint32_t *labels, uint32_t n) {
	uint64_t *to = row(r, &layer->rows, class);
	const struct users *users = &layer->users;

	memcpy(to, row(r, &layer->rows, 0), r->stride * sizeof(*to));
	for (uint32_t i = 0; i < n; i++) {
		if (labels[i] >= users->n_labels)
			continue; // a set that no rule names
		for (uint32_t k = users->start[labels[i]]; k < users->start[labels[i] + 1]; k++) {
			if (bit_get(r, side->nots, users->items[k]))
				bit_clear(r, to, users->items[k]);
			else
				bit_set(r, to, users->items[k]);
		}
	}
}

static void layer_fill(const struct fw_rules *r, const struct side *side, struct layer *layer,
	const struct fw_addrs *addrs) {
	uint32_t classes = addrs ? fw_addrs_classes(addrs) : 1, n;

	for (uint32_t c = 1; c < classes; c++) {
		const uint32_t *labels = fw_addrs_labels(addrs, c, &n);

		class_fill(r, side, layer, c, labels, n);
	}
}

// Rows of addresses without labels: what takes any address stands in the inline layer, a "not" in the layer of what it names.
static int side_init(struct fw_rules *r, struct side *side, const struct fw_match *rules,
	unsigned which, struct err *err) {
	uint32_t classes = fw_addrs_classes(r->addrs);

	side->nots = calloc(r->stride, sizeof(*side->nots));
	if (side->nots == NULL || rows_init(r, &side->layers[INLINE].rows, classes) != 0 ||
		rows_init(r, &side->layers[SETS].rows, r->sets ? FW_CLASSES : 1) != 0)
		return err_set(err, -ENOMEM, "firewall: out of memory");
	for (uint32_t i = 0; i < r->n; i++) {
		const struct fw_side *s = side_of(&rules[i], which);

		if (s->not &&s->n_sets && s->n_prefixes)
			return err_set(err, -EINVAL,
				"rule %u: sets and prefixes cannot stand together after `not`; put "
				"the prefixes into a set",
				i + 1);
		if (s->not )
			bit_set(r, side->nots, i);
		if (s->not || s->n_prefixes + s->n_sets == 0)
			bit_set(r, row(r, &side->layers[s->n_sets ? SETS : INLINE].rows, 0), i);
	}
	return 0;
}

// ---- the prefixes that stand in the rules: sorted, each with its label ------------------------------------------

struct prefixes {
	struct prefix *at;
	uint32_t n;
};

// Short ones first, so that none has to be set again for one that comes around it.
static int prefix_cmp(const void *a, const void *b) {
	const struct prefix *x = a, *y = b;
	int family = (int)x->addr.family - (int)y->addr.family;

	if (family || x->len != y->len)
		return family ? family : (int)x->len - (int)y->len;
	return memcmp(x->addr.bytes, y->addr.bytes, sizeof(x->addr.bytes));
}

static uint32_t prefixes_of(const struct fw_match *rules, uint32_t n, struct prefix *to) {
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		for (unsigned which = 0; which < 2; which++) {
			const struct fw_side *s = side_of(&rules[i], which);

			for (uint32_t k = 0; to && k < s->n_prefixes; k++)
				to[count + k] = prefix_network(&s->prefixes[k]);
			count += s->n_prefixes;
		}
	return count;
}

static int prefixes_collect(
	struct prefixes *all, const struct fw_match *rules, uint32_t n, struct err *err) {
	uint32_t count = prefixes_of(rules, n, NULL), distinct = 0;

	all->at = calloc(count + 1, sizeof(*all->at));
	if (all->at == NULL)
		return err_set(err, -ENOMEM, "firewall: out of memory");
	prefixes_of(rules, n, all->at);
	qsort(all->at, count, sizeof(*all->at), prefix_cmp);
	for (uint32_t i = 0; i < count; i++)
		if (i == 0 || prefix_cmp(&all->at[i], &all->at[distinct - 1]) != 0)
			all->at[distinct++] = all->at[i];
	all->n = distinct;
	return 0;
}

static int prefixes_load(struct fw_rules *r, const struct prefixes *all, struct err *err) {
	static const struct fw_addrs_ops ops = {0};

	r->addrs = fw_addrs_new(all->n + 1, &ops);
	if (r->addrs == NULL)
		return err_set(err, -ENOMEM, "firewall: out of memory");
	for (uint32_t i = 0; i < all->n; i++) {
		int rc = fw_addrs_add(r->addrs, &all->at[i], i);

		if (rc != 0)
			return err_set(err, rc,
				"firewall: the rules' prefixes overlap in more than %u ways; put "
				"them into sets",
				FW_CLASSES);
	}
	return 0;
}

static uint32_t label_of(const struct prefixes *all, const struct prefix *prefix) {
	struct prefix net = prefix_network(prefix);
	const struct prefix *at = bsearch(&net, all->at, all->n, sizeof(net), prefix_cmp);

	return (uint32_t)(at - all->at);
}

// Who names which label. `prefixes`: of the inline layer; NULL: the sets'.
static int layer_users(struct fw_rules *r, struct layer *layer, const struct fw_match *rules,
	unsigned which, const struct prefixes *prefixes) {
	uint32_t count = 0, labels = prefixes ? prefixes->n : 0;
	struct use *uses;
	int rc;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct fw_side *s = side_of(&rules[i], which);

		count += prefixes ? s->n_prefixes : s->n_sets;
		for (uint32_t k = 0; !prefixes && k < s->n_sets; k++)
			labels = s->sets[k] >= labels ? s->sets[k] + 1 : labels;
	}
	uses = calloc(count + 1, sizeof(*uses));
	if (uses == NULL)
		return -ENOMEM;
	count = 0;
	for (uint32_t i = 0; i < r->n; i++) {
		const struct fw_side *s = side_of(&rules[i], which);

		for (uint32_t k = 0; k < (prefixes ? s->n_prefixes : s->n_sets); k++)
			uses[count++] = (struct use){
				prefixes ? label_of(prefixes, &s->prefixes[k]) : s->sets[k], i};
	}
	rc = users_new(&layer->users, uses, count, labels);
	free(uses);
	return rc;
}

static int sides_new(struct fw_rules *r, const struct fw_match *rules, struct err *err) {
	struct prefixes all = {0};
	int rc = prefixes_collect(&all, rules, r->n, err);

	if (rc == 0)
		rc = prefixes_load(r, &all, err);
	for (unsigned which = 0; rc == 0 && which < 2; which++) {
		struct side *side = &r->sides[which];

		rc = side_init(r, side, rules, which, err);
		if (rc == 0 &&
			(layer_users(r, &side->layers[INLINE], rules, which, &all) != 0 ||
				layer_users(r, &side->layers[SETS], rules, which, NULL) != 0))
			rc = err_set(err, -ENOMEM, "firewall: out of memory");
		if (rc != 0)
			break;
		layer_fill(r, side, &side->layers[INLINE], r->addrs);
		layer_fill(r, side, &side->layers[SETS], r->sets);
	}
	free(all.at);
	return rc;
}

int fw_rules_class(struct fw_rules *r, uint32_t class, const uint32_t *labels, uint32_t n_labels) {
	for (unsigned which = 0; which < 2; which++)
		class_fill(r, &r->sides[which], &r->sides[which].layers[SETS], class, labels,
			n_labels);
	return 0;
}

// ---- the whole ------------------------------------------------------------------------------------------------

struct fw_rules *fw_rules_new(
	const struct fw_match *rules, uint32_t n, const struct fw_addrs *sets, struct err *err) {
	struct fw_rules *r;

	if (n > FW_RULES) {
		err_set(err, -ENOSPC, "firewall: %u rules are more than %u", n, FW_RULES);
		return NULL;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		err_set(err, -ENOMEM, "firewall: out of memory");
		return NULL;
	}
	r->n = n;
	r->words = (n + 63) / 64 + (n == 0);
	r->summary_words = (r->words + 63) / 64;
	r->stride = (r->words + r->summary_words + 7) & ~7u;
	r->sets = sets;
	if (dim16_new(r, &r->sport, rules, sports_of) ||
		dim16_new(r, &r->dport, rules, dports_of) ||
		dim16_new(r, &r->icmp4, rules, icmp4_of) ||
		dim16_new(r, &r->icmp6, rules, icmp6_of) || bytes_new(r, rules))
		err_set(err, -ENOMEM, "firewall: out of memory");
	else if (sides_new(r, rules, err) == 0)
		return r;
	fw_rules_free(r);
	return NULL;
}

static void side_fini(struct fw_rules *r, struct side *side) {
	for (unsigned l = 0; l < LAYERS; l++) {
		rows_fini(r, &side->layers[l].rows);
		users_fini(&side->layers[l].users);
	}
	free(side->nots);
}

void fw_rules_free(struct fw_rules *r) {
	if (r == NULL)
		return;
	side_fini(r, &r->sides[0]);
	side_fini(r, &r->sides[1]);
	fw_addrs_free(r->addrs);
	dim16_fini(r, &r->sport);
	dim16_fini(r, &r->dport);
	dim16_fini(r, &r->icmp4);
	dim16_fini(r, &r->icmp6);
	rows_fini(r, &r->proto4);
	rows_fini(r, &r->proto6);
	rows_fini(r, &r->from);
	rows_fini(r, &r->to);
	rows_fini(r, &r->on);
	free(r);
}

uint32_t fw_rules_count(const struct fw_rules *r) {
	return r->n;
}

uint64_t fw_rules_bytes(const struct fw_rules *r) {
	uint64_t rows = r->sport.rows.n + r->dport.rows.n + r->icmp4.rows.n + r->icmp6.rows.n +
		512 + 2 * FW_ZONES + 1 + 2ull * fw_addrs_classes(r->addrs) +
		2ull * (r->sets ? fw_addrs_classes(r->sets) : 1);

	return rows * r->stride * sizeof(uint64_t) + fw_addrs_bytes(r->addrs) +
		4 * PORTS * sizeof(uint32_t);
}

void fw_rules_switch(struct fw_rules *r, uint32_t rule, bool on) {
	uint64_t *word = row(r, &r->on, 0) + r->summary_words + rule / 64;
	uint64_t value = on ? *word | 1ull << rule % 64 : *word & ~(1ull << rule % 64);

	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

// ---- readers --------------------------------------------------------------------------------------------------

static const uint64_t *port_row(
	const struct fw_rules *r, const struct dim16 *dim, bool has, uint16_t value) {
	return row(r, &dim->rows, has ? dim->class[value] : 0);
}

void fw_walk_begin(const struct fw_rules *r, const struct fw_key *key, struct fw_walk *w) {
	bool ports = fw_has_ports(key->proto);
	bool icmp = key->proto == (key->v6 ? 58 : 1);
	const uint8_t *addrs[2] = {key->src, key->dst};
	const uint64_t **rows[2] = {w->src, w->dst};
	const struct fw_addrs *layers[LAYERS] = {r->addrs, r->sets};

	for (unsigned l = 0; l < LAYERS; l++) {
		const struct fib *fib = layers[l] ? fw_addrs_fib(layers[l], key->v6) : NULL;

		for (unsigned s = 0; s < 2; s++)
			rows[s][l] = row(r, &r->sides[s].layers[l].rows,
				fib ? fw_addrs_class(fib, key->v6, addrs[s]) : 0);
	}
	w->sport = port_row(r, &r->sport, ports, key->sport);
	w->dport = icmp ? port_row(r, key->v6 ? &r->icmp6 : &r->icmp4, true, key->dport)
			: port_row(r, &r->dport, ports, key->dport);
	w->proto = row(r, key->v6 ? &r->proto6 : &r->proto4, key->proto);
	w->from = row(r, &r->from, key->from);
	w->to = row(r, &r->to, key->to);
	w->on = row(r, &r->on, 0);
	w->summary_words = r->summary_words;
	w->words = r->words;
	w->next = 0;
}

static inline uint64_t meet(const struct fw_walk *w, uint32_t i) {
	return (w->src[0][i] | w->src[1][i]) & (w->dst[0][i] | w->dst[1][i]) & w->sport[i] &
		w->dport[i] & w->proto[i] & w->from[i] & w->to[i] &
		__atomic_load_n(&w->on[i], __ATOMIC_RELAXED);
}

uint32_t fw_walk_next(struct fw_walk *w) {
	uint32_t word = w->next / 64, s = word / 64;
	uint64_t keep = ~0ull << w->next % 64; // rules of the first word that are not behind us
	uint64_t later = ~0ull << word % 64;   // words of the first summary word, likewise

	for (; s < w->summary_words; s++, later = ~0ull) {
		for (uint64_t left = meet(w, s) & later; left; left &= left - 1) {
			uint32_t at = s * 64 + (uint32_t)__builtin_ctzll(left);
			uint64_t rules =
				meet(w, w->summary_words + at) & (at == word ? keep : ~0ull);

			if (rules) {
				uint32_t rule = at * 64 + (uint32_t)__builtin_ctzll(rules);

				w->next = rule + 1;
				return rule;
			}
		}
	}
	w->next = w->words * 64;
	return FW_NONE;
}
