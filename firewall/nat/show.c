// SPDX-License-Identifier: BSD-3-Clause
// NAT as people and programs see it.
#include "firewall/nat/table_nat.h"
#include "lib/clock.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct schema_row nat_columns[] = {
	{.name = "rule", .type = SCHEMA_INT, .flags = SCHEMA_KEY, .help = "its place"},
	{.name = "name", .type = SCHEMA_STRING, .help = "its name"},
	{.name = "kind",
		.type = SCHEMA_STRING,
		.help = "masquerade, snat, dnat, static, nat64, or none: the source stays"},
	{.name = "becomes", .type = SCHEMA_STRING, .help = "what is written instead"},
	{.name = "hits",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "connections that it decided on"},
	{.name = "last_hit", .type = SCHEMA_INT, .unit = "s", .help = "since the last of them"},
	{.name = "sessions",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "of them, those that there still are"},
	{0},
};

const struct schema_row nat_ports_columns[] = {
	{.name = "address",
		.type = SCHEMA_ADDRESS,
		.flags = SCHEMA_KEY,
		.help = "external address"},
	{.name = "proto",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_KEY,
		.help = "tcp, udp or icmp (identifiers)"},
	{.name = "used", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "ports in use"},
	{.name = "left", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "ports left"},
	{.name = "refused",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "connections for which there was none"},
	{.name = "blocks_left",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "blocks that nobody has, where ports are given in blocks"},
	{0},
};

static int append(json_t *rows, json_t *row, struct err *err) {
	if (row != NULL && json_array_append_new(rows, row) == 0)
		return 0;
	return err_set(err, -ENOMEM, "out of memory");
}

// ---- rules --------------------------------------------------------------------------------------------------

static void becomes_print(const struct nat_rule *rule, char *buf, size_t size) {
	char one[PREFIX_STRLEN], two[PREFIX_STRLEN], addr[ADDR_STRLEN];
	const struct nat_target *t = &rule->target;
	bool v6 = t->addr.family == ADDR_V6;
	int n;

	buf[0] = '\0';
	switch (rule->kind) {
	case NAT_MASQUERADE:
		snprintf(buf, size, "the interface's address");
		break;
	case NAT_SNAT:
		snprintf(buf, size, "%s%s", prefix_print(&rule->pool.items[0], one),
			rule->pool.n > 1 ? ", ..." : "");
		break;
	case NAT_STATIC:
		snprintf(buf, size, "%s = %s", prefix_print(&rule->external, one),
			prefix_print(&rule->internal, two));
		break;
	case NAT_DNAT:
		addr_print(&t->addr, addr);
		n = snprintf(buf, size, v6 && t->first ? "[%s]" : "%s", addr);
		if (t->first)
			n += snprintf(buf + n, size - (size_t)n, ":%u", t->first);
		if (t->last != t->first)
			snprintf(buf + n, size - (size_t)n, "-%u", t->last);
		break;
	case NAT_64:
		snprintf(buf, size, "%s as %s%s", prefix_print(&rule->prefix, one),
			rule->pool.n ? prefix_print(&rule->pool.items[0], two)
				     : "the interface's address",
			rule->pool.n > 1 ? ", ..." : "");
		break;
	case NAT_EXEMPT:
		break;
	}
}

void nat_say(unsigned id, char *buf, size_t size) {
	const struct nat_policy *p = fw_policy ? fw_policy->nat : NULL;
	const struct nat_rule *rule = nat_rule_of(p, id);

	if (rule)
		snprintf(buf, size, "rule %u %s, %s", (unsigned)(rule - p->conf.rules) + 1,
			rule->name, nat_kind_words[rule->kind]);
}

static json_t *rule_row(const struct nat_policy *p, unsigned i) {
	const struct nat_rule *rule = &p->conf.rules[i];
	struct nat_count c = nat_counts_sum(p->ids[i]);
	char becomes[160];

	becomes_print(rule, becomes, sizeof(becomes));
	json_t *row = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I}", "rule", (int)i + 1, "name",
		rule->name, "kind", nat_kind_words[rule->kind], "becomes", becomes, "hits",
		(json_int_t)c.hits, "sessions", (json_int_t)c.sessions);
	if (row && c.hits > 0)
		json_object_set_new(row, "last_hit",
			json_integer((json_int_t)((clock_now_ns() - c.last_ns) / NSEC_PER_SEC)));
	return row;
}

int nat_show(const json_t *, size_t limit, json_t *rows, struct err *err) {
	const struct nat_policy *p = fw_policy ? fw_policy->nat : NULL;
	int rc = 0;

	for (unsigned i = 0; p && i < p->conf.n && rc == 0 && json_array_size(rows) < limit; i++)
		rc = append(rows, rule_row(p, i), err);
	return rc;
}

// ---- ports --------------------------------------------------------------------------------------------------

static unsigned blocks_left(const struct nat_space *s) {
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_blocks; i++)
		n += atomic_load_explicit(&s->blocks[i], memory_order_relaxed) == 0;
	return n;
}

static json_t *ports_row(const struct nat_space *s, unsigned class) {
	static const char *const words[NAT_CLASSES] = {"tcp", "udp", "icmp"};
	struct addr addr = {.family = ADDR_V4};
	uint32_t used = atomic_load_explicit(&s->use[class].used, memory_order_relaxed);
	uint32_t size = nat_space_size(s, class);
	char text[ADDR_STRLEN];

	memcpy(addr.bytes, &s->addr, sizeof(s->addr));
	json_t *row = json_pack("{s:s, s:s, s:i, s:i, s:I}", "address", addr_print(&addr, text),
		"proto", words[class], "used", (int)used, "left",
		(int)(used < size ? size - used : 0), "refused",
		(json_int_t)atomic_load_explicit(&s->use[class].refused, memory_order_relaxed));
	if (row && s->blocks)
		json_object_set_new(row, "blocks_left", json_integer(blocks_left(s)));
	return row;
}

int nat_ports_show(const json_t *, size_t limit, json_t *rows, struct err *err) {
	bool current;
	int rc = 0;

	for (unsigned id = 1; id < NAT_IDS; id++) {
		const struct nat_space *s = nat_space_at(id, &current);

		for (unsigned c = 0;
			s && current && c < NAT_CLASSES && rc == 0 && json_array_size(rows) < limit;
			c++)
			rc = append(rows, ports_row(s, c), err);
	}
	return rc;
}
