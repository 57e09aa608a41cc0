// SPDX-License-Identifier: BSD-3-Clause
// The switches as people and programs see them: nouns and actions.
#include "lib/clock.h"
#include "switch/switch_priv.h"
#include <errno.h>
#include <stdlib.h>

// ---- filters -----------------------------------------------------------------------------------------------

// They only save work: the API looks again, and knows every key column. A wanted value may come as text (a query) or as
// itself (JSON).
static bool wanted_text(const json_t *filter, const char *name, const char *value) {
	const char *want = json_string_value(json_object_get(filter, name));

	return want == NULL || strcasecmp(want, value) == 0;
}

static bool wanted_int(const json_t *filter, const char *name, long value) {
	const json_t *want = json_object_get(filter, name);

	if (json_is_integer(want))
		return json_integer_value(want) == value;
	return !json_is_string(want) || atol(json_string_value(want)) == value;
}

static int append(json_t *rows, json_t *row) {
	return row != NULL && json_array_append_new(rows, row) == 0 ? 0 : -ENOMEM;
}

// ---- fdb -----------------------------------------------------------------------------------------------------

static const char *const entry_types[] = {"dynamic", "static", "self", NULL};

static const struct schema_row fdb_columns[] = {
	{.name = "mac", .type = SCHEMA_MAC, .flags = SCHEMA_KEY, .help = "station"},
	{.name = "switch", .type = SCHEMA_NAME, .help = "switch"},
	{.name = "vlan", .type = SCHEMA_INT, .help = "VLAN"},
	{.name = "port", .type = SCHEMA_NAME, .help = "port that it is on"},
	{.name = "type",
		.type = SCHEMA_ENUM,
		.words = entry_types,
		.help = "learnt, configured, or the switch's own address"},
	{.name = "age", .type = SCHEMA_INT, .unit = "s", .help = "since it was last seen"},
	{.name = "held",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_WIDE,
		.help = "moved too often: stays on its port for a while"},
	{0},
};

struct fdb_walk {
	const json_t *filter;
	const struct sw_live *live;
	json_t *rows;
	size_t limit;
	int rc;
};

static bool fdb_row(const struct fdb_entry *entry, void *arg) {
	struct fdb_walk *w = arg;
	const char *type = entry_types[!!(entry->port & FDB_STATIC_BIT)];
	const char *port = sw_port_name(w->live, entry->port & FDB_PORT_MASK);
	int vlan = (int)(entry->key >> 48);
	char text[MAC_STRLEN];
	struct mac mac;
	json_t *row;

	for (unsigned i = 0; i < 6; i++)
		mac.bytes[i] = (uint8_t)(entry->key >> (8 * i));
	mac_print(&mac, text);
	if (entry->port & FDB_SELF_BIT) {
		type = "self";
		port = "-";
	}
	if (!wanted_int(w->filter, "vlan", vlan) || !wanted_text(w->filter, "port", port) ||
		!wanted_text(w->filter, "type", type) || !wanted_text(w->filter, "mac", text) ||
		!wanted_text(w->filter, "key", text))
		return true;
	row = json_pack("{s:s, s:s, s:i, s:s, s:s}", "mac", text, "switch", w->live->name, "vlan",
		vlan, "port", port, "type", type);
	if (row != NULL && !(entry->port & FDB_STATIC_BIT)) {
		json_object_set_new(
			row, "age", json_integer((json_int_t)(entry->age_ns / NSEC_PER_SEC)));
		json_object_set_new(row, "held", json_boolean(entry->held));
	}
	w->rc = append(w->rows, row);
	return w->rc == 0 && json_array_size(w->rows) < w->limit;
}

static int fdb_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	struct fdb_walk w = {.filter = filter, .rows = rows, .limit = limit};

	for (unsigned d = 0; d < SW_DOMAINS && w.rc == 0; d++) {
		w.live = sw_lives[d];
		if (w.live != NULL && json_array_size(rows) < limit &&
			wanted_text(filter, "switch", w.live->name))
			fdb_foreach(w.live->fdb, clock_now_ns(), fdb_row, &w);
	}
	return w.rc == 0 ? 0 : err_set(err, w.rc, "out of memory");
}

// ---- switches ------------------------------------------------------------------------------------------------

static const struct schema_row switch_columns[] = {
	{.name = "switch", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "switch"},
	{.name = "ports", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "member ports"},
	{.name = "vlans", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "VLANs with a port"},
	{.name = "stations", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "known stations"},
	{.name = "mac_limit",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "stations at most"},
	{.name = "learned", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "stations learnt"},
	{.name = "moved",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "stations that changed their port"},
	{.name = "aged",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "stations forgotten because they were silent"},
	{.name = "flushed",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "stations forgotten by order, or with their port's link"},
	{.name = "evicted",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "stations that made room for others"},
	{.name = "refused_port",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "not learnt: the port's mac_limit"},
	{.name = "refused_full",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "not learnt: nothing but static stations"},
	{.name = "refused_held",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "moves refused: too many"},
	{.name = "refused_static",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "moves of static stations"},
	{.name = "buckets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE | SCHEMA_WIDE,
		.help = "cache lines of its table"},
	{0},
};

static unsigned vlans_in_use(const struct sw_live *live) {
	unsigned n = 0;

	for (unsigned v = 1; v <= VLAN_MAX; v++)
		n += live->vlans[v].members != 0;
	return n;
}

static json_t *switch_row(const struct sw_live *live) {
	const struct fdb_stats *s = fdb_stats(live->fdb);

	return json_pack(
		"{s:s, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i}",
		"switch", live->name, "ports", (int)live->conf->n_ports, "vlans",
		(int)vlans_in_use(live), "stations", (int)fdb_count(live->fdb), "mac_limit",
		(int)live->conf->mac_limit, "learned", (json_int_t)s->learned, "moved",
		(json_int_t)s->moved, "aged", (json_int_t)s->aged, "flushed",
		(json_int_t)s->flushed, "evicted", (json_int_t)s->evicted, "refused_port",
		(json_int_t)s->refused_port, "refused_full", (json_int_t)s->refused_full,
		"refused_held", (json_int_t)s->refused_held, "refused_static",
		(json_int_t)s->refused_static, "buckets", (int)fdb_bucket_count(live->fdb));
}

static int switches_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	for (unsigned d = 0; d < SW_DOMAINS && json_array_size(rows) < limit; d++) {
		const struct sw_live *live = sw_lives[d];

		if (live == NULL || !wanted_text(filter, "key", live->name))
			continue;
		if (append(rows, switch_row(live)) != 0)
			return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

// ---- vlans ----------------------------------------------------------------------------------------------------

static const struct schema_row text_elem = {.name = "port", .type = SCHEMA_NAME};
static const struct schema_row vlan_columns[] = {
	{.name = "switch", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "switch"},
	{.name = "vlan", .type = SCHEMA_INT, .flags = SCHEMA_KEY, .help = "VLAN"},
	{.name = "tagged",
		.type = SCHEMA_LIST,
		.elem = &text_elem,
		.help = "ports that its frames leave with a tag"},
	{.name = "untagged",
		.type = SCHEMA_LIST,
		.elem = &text_elem,
		.help = "ports that its frames leave without one"},
	{.name = "tag", .type = SCHEMA_STRING, .help = "type of its tag"},
	{.name = "routed",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_WIDE,
		.help = "a router has an interface in it"},
	{0},
};

static json_t *port_names(const struct sw_live *live, uint32_t mask) {
	json_t *names = json_array();

	for (; mask != 0; mask &= mask - 1)
		json_array_append_new(
			names, json_string(sw_port_name(live, (unsigned)__builtin_ctz(mask))));
	return names;
}

static json_t *vlan_row(const struct sw_live *live, unsigned vlan) {
	const struct vlan_info *v = &live->vlans[vlan];
	char tag[8];

	snprintf(tag, sizeof(tag), "0x%04x", vlan_swap(v->tpid));
	return json_pack("{s:s, s:i, s:o, s:o, s:s, s:b}", "switch", live->name, "vlan", (int)vlan,
		"tagged", port_names(live, v->members & ~v->untagged), "untagged",
		port_names(live, v->untagged), "tag", tag, "routed", v->routed != 0);
}

static int vlans_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	for (unsigned d = 0; d < SW_DOMAINS; d++) {
		const struct sw_live *live = sw_lives[d];

		if (live == NULL || !wanted_text(filter, "switch", live->name))
			continue;
		for (unsigned v = 1; v <= VLAN_MAX && json_array_size(rows) < limit; v++) {
			if (live->vlans[v].members == 0 || !wanted_int(filter, "vlan", v))
				continue;
			if (append(rows, vlan_row(live, v)) != 0)
				return err_set(err, -ENOMEM, "out of memory");
		}
	}
	return 0;
}

// ---- switchports ---------------------------------------------------------------------------------------------

static const char *const modes[] = {"none", "access", "trunk", "qinq", NULL};
static const struct schema_row port_columns[] = {
	{.name = "port", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "port"},
	{.name = "switch", .type = SCHEMA_NAME, .help = "switch that it is in"},
	{.name = "mode", .type = SCHEMA_ENUM, .words = modes, .help = "access, trunk or qinq"},
	{.name = "pvid", .type = SCHEMA_INT, .help = "VLAN of frames without a tag"},
	{.name = "vlans", .type = SCHEMA_STRING, .help = "VLANs that it is in"},
	{.name = "isolated",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_WIDE,
		.help = "talks to no other isolated port"},
	{.name = "stations",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "stations learnt on it"},
	{.name = "learn_dropped",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "new stations that had to wait: more than control could take"},
	{.name = "copies",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "copies made of its frames to flood them"},
	{.name = "copies_failed",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "copies not made: no buffer"},
	{.name = "mirrored",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "copies made for mirrors"},
	{.name = "mirror_failed",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "copies for mirrors not made: no buffer"},
	{0},
};

static struct sw_counters counters_sum(unsigned port) {
	struct sw_counters sum = {0};

	for (unsigned w = 0; w < DP_EXPLAINER; w++) {
		const struct sw_counters *c = &sw_counters[w][port];

		for (unsigned k = 0; k < STORM_CLASSES; k++) {
			sum.flooded[k] += c->flooded[k];
			sum.storm_dropped[k] += c->storm_dropped[k];
		}
		sum.copies += c->copies;
		sum.copies_failed += c->copies_failed;
		sum.mirrored += c->mirrored;
		sum.mirror_failed += c->mirror_failed;
		sum.learn_dropped += c->learn_dropped;
	}
	return sum;
}

static json_t *port_row(const struct sw_live *live, const struct sw_conf_port *port) {
	struct sw_counters c = counters_sum((unsigned)port->index);
	json_t *row = json_pack("{s:s, s:s, s:s, s:o, s:b, s:i, s:I, s:I, s:I, s:I, s:I}", "port",
		port->name, "switch", live->name, "mode", modes[port->mode], "vlans",
		vlan_set_print(&port->vlans), "isolated", port->isolated, "stations",
		(int)fdb_port_count(live->fdb, (unsigned)port->index), "learn_dropped",
		(json_int_t)c.learn_dropped, "copies", (json_int_t)c.copies, "copies_failed",
		(json_int_t)c.copies_failed, "mirrored", (json_int_t)c.mirrored, "mirror_failed",
		(json_int_t)c.mirror_failed);

	if (row != NULL && port->pvid != 0)
		json_object_set_new(row, "pvid", json_integer(port->pvid));
	return row;
}

static const struct schema_row storm_columns[] = {
	{.name = "port", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "port"},
	{.name = "class",
		.type = SCHEMA_ENUM,
		.flags = SCHEMA_KEY,
		.words = storm_class_names,
		.help = "broadcast, multicast, or to unknown stations"},
	{.name = "rate",
		.type = SCHEMA_INT,
		.unit = "frames/s",
		.help = "let in per second at most"},
	{.name = "flooded", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "frames let in"},
	{.name = "dropped",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "frames over the limit"},
	{0},
};

static json_t *storm_row(const struct sw_conf_port *port, unsigned class) {
	struct sw_counters c = counters_sum((unsigned)port->index);
	json_t *row = json_pack("{s:s, s:s, s:I, s:I}", "port", port->name, "class",
		storm_class_names[class], "flooded", (json_int_t)c.flooded[class], "dropped",
		(json_int_t)c.storm_dropped[class]);

	if (row != NULL && port->storm_set[class])
		json_object_set_new(row, "rate", json_integer((json_int_t)port->storm[class]));
	return row;
}

static int port_rows(
	const struct sw_live *live, const struct sw_conf_port *port, bool storm, json_t *rows) {
	if (!storm)
		return append(rows, port_row(live, port));
	for (unsigned class = 0; class < STORM_CLASSES; class ++)
		if (append(rows, storm_row(port, class)) != 0)
			return -ENOMEM;
	return 0;
}

static int ports_walk(
	const json_t *filter, size_t limit, bool storm, json_t *rows, struct err *err) {
	for (unsigned d = 0; d < SW_DOMAINS; d++) {
		const struct sw_live *live = sw_lives[d];

		if (live == NULL || (!storm && !wanted_text(filter, "switch", live->name)))
			continue;
		for (unsigned i = 0; i < live->conf->n_ports; i++) {
			const struct sw_conf_port *port = &live->conf->ports[i];

			if ((!storm && !wanted_text(filter, "key", port->name)) ||
				!wanted_text(filter, "port", port->name) ||
				json_array_size(rows) >= limit)
				continue;
			if (port_rows(live, port, storm, rows) != 0)
				return err_set(err, -ENOMEM, "out of memory");
		}
	}
	return 0;
}

static int switchports_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	return ports_walk(filter, limit, false, rows, err);
}

static int storm_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	return ports_walk(filter, limit, true, rows, err);
}

const struct module_noun sw_nouns[] = {
	{.name = "fdb",
		.help = "stations of the switches",
		.columns = fdb_columns,
		.show = fdb_show,
		.no_metrics = true},
	{.name = "switches", .help = "switches", .columns = switch_columns, .show = switches_show},
	{.name = "vlans",
		.help = "VLANs and their ports",
		.columns = vlan_columns,
		.show = vlans_show},
	{.name = "switchports",
		.help = "ports of the switches",
		.columns = port_columns,
		.show = switchports_show},
	{.name = "storm",
		.help = "flooded frames and their limits",
		.columns = storm_columns,
		.show = storm_show},
	{0},
};

// ---- actions --------------------------------------------------------------------------------------------------

struct flush_args {
	const char *switch_name, *port;
	struct mac mac;
	int64_t vlan;
};

static const struct schema_row flush_rows[] = {
	{.name = "switch",
		.type = SCHEMA_REF,
		.ref = "switches",
		SCHEMA_FIELD(struct flush_args, switch_name),
		.help = "of this switch only"},
	{.name = "vlan",
		.type = SCHEMA_INT,
		.min = 1,
		.max = VLAN_MAX,
		SCHEMA_FIELD(struct flush_args, vlan),
		.help = "in this VLAN only"},
	{.name = "port",
		.type = SCHEMA_REF,
		.ref = "ports",
		SCHEMA_FIELD(struct flush_args, port),
		.help = "on this port only"},
	{.name = "mac",
		.type = SCHEMA_MAC,
		SCHEMA_FIELD(struct flush_args, mac),
		.help = "this station only"},
	{0},
};

static int flush_run(const json_t *json, json_t **result, struct err *err) {
	struct flush_args args = {0};
	struct fdb_match match = {.port = -1, .vlan = -1};
	unsigned n = 0;

	schema_decode(flush_rows, json, &args);
	if (args.switch_name != NULL && sw_live_find(args.switch_name) == NULL)
		return err_set(err, -ENOENT, "there is no switch %s; see `leat show switches`",
			args.switch_name);
	if (args.vlan != 0)
		match.vlan = (int)args.vlan;
	match.mac48 = fdb_mac48(args.mac.bytes);
	if (args.port != NULL) {
		match.port = dp_port_find(args.port);
		if (match.port < 0)
			return err_set(err, -ENOENT, "there is no port %s; see `leat show ports`",
				args.port);
	}
	for (unsigned d = 0; d < SW_DOMAINS; d++)
		if (sw_lives[d] != NULL &&
			(args.switch_name == NULL ||
				strcmp(sw_lives[d]->name, args.switch_name) == 0))
			n += fdb_flush(sw_lives[d]->fdb, &match);
	*result = json_pack("{s:i}", "flushed", (int)n);
	return 0;
}

const struct module_action sw_actions[] = {
	{.verb = "flush",
		.noun = "fdb",
		.help = "forget learnt stations",
		.args = flush_rows,
		.run = flush_run},
	{0},
};
