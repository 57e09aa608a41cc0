// SPDX-License-Identifier: BSD-3-Clause
// `leat show vrrp`, `leat resign vrrp`.
#include "lib/clock.h"
#include "lib/json.h"
#include "router/vrrp/vrrp_priv.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const family_words[] = {"ipv4", "ipv6", NULL};

const struct schema_row vrrp_columns[] = {
	{.name = "interface", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "interface"},
	{.name = "vrid", .type = SCHEMA_INT, .flags = SCHEMA_KEY, .help = "virtual router id"},
	{.name = "family",
		.type = SCHEMA_ENUM,
		.words = family_words,
		.flags = SCHEMA_KEY,
		.help = "address family; each has a master of its own"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "router"},
	{.name = "state",
		.type = SCHEMA_ENUM,
		.words = vrrp_state_names,
		.flags = SCHEMA_GAUGE,
		.help = "init: no link, or no usable address yet"},
	{.name = "priority",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "as configured, less what is tracked and down; 1 after it has resigned"},
	{.name = "master", .type = SCHEMA_STRING, .help = "who is master, as far as it is known"},
	{.name = "interval",
		.type = SCHEMA_INT,
		.unit = "ms",
		.help = "between the master's advertisements"},
	{.name = "addresses", .type = SCHEMA_STRING, .help = "virtual addresses"},
	{.name = "mac", .type = SCHEMA_MAC, .flags = SCHEMA_WIDE, .help = "virtual MAC address"},
	{.name = "since",
		.type = SCHEMA_INT,
		.unit = "s",
		.flags = SCHEMA_GAUGE,
		.help = "in this state"},
	{.name = "changes",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "times that it became master, or was it no more"},
	{.name = "sent",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "advertisements sent"},
	{.name = "received",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "advertisements of others"},
	{.name = "mismatched",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "of these, with other addresses than here"},
	{0},
};

static void addresses_print(const struct vrrp *v, char *text, size_t size) {
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < v->conf->n_addrs[v->v6] && n < size; i++) {
		char one[ADDR_STRLEN];

		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? " " : "",
			addr_print(&v->conf->addrs[v->v6][i], one));
	}
}

static const char *master_print(const struct vrrp *v, char *text) {
	if (v->vr.state == VRRP_MASTER)
		return addr_print(&v->vr.source, text);
	return v->vr.master.family ? addr_print(&v->vr.master, text) : "-";
}

static json_t *row(const struct vrrp *v) {
	char addrs[VRRP_ADDRS * ADDR_STRLEN], master[ADDR_STRLEN], hw[MAC_STRLEN];
	struct mac mac = vrrp_mac(v->v6 ? ADDR_V6 : ADDR_V4, v->vrid);
	uint64_t sent = __atomic_load_n(&vrrp_sent[vrrp_place(v)], __ATOMIC_RELAXED);

	addresses_print(v, addrs, sizeof(addrs));
	return json_pack(
		"{s:s, s:i, s:s, s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:I}",
		"interface", v->name, "vrid", (int)v->vrid, "family", family_words[v->v6], "router",
		v->router, "state", vrrp_state_names[v->vr.state], "priority", (int)v->vr.priority,
		"master", master_print(v, master), "interval",
		(v->vr.master_cs ? v->vr.master_cs : v->vr.interval_cs) * 10, "addresses", addrs,
		"mac", mac_print(&mac, hw), "since",
		(json_int_t)((clock_now_ns() - v->vr.since_ns) / NSEC_PER_SEC), "changes",
		(json_int_t)v->vr.changes, "sent", (json_int_t)sent, "received",
		(json_int_t)v->received, "mismatched", (json_int_t)v->mismatched);
}

int vrrp_show(const json_t *, size_t limit, json_t *rows, struct err *err) {
	for (unsigned i = 0; i < VRRP_MAX && json_array_size(rows) < limit; i++)
		if (vrrps[i].in_use && json_array_append_new(rows, row(&vrrps[i])) != 0)
			return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

// ---- resign -------------------------------------------------------------------------------------------------

const struct schema_row vrrp_resign_args[] = {
	{.name = "interface",
		.type = SCHEMA_NAME,
		.flags = SCHEMA_REQUIRED,
		.example = "\"staff\"",
		.help = "interface"},
	{.name = "vrid",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 255,
		.help = "only this virtual router"},
	{.name = "family",
		.type = SCHEMA_ENUM,
		.words = family_words,
		.help = "only of this address family"},
	{.name = "hold",
		.type = SCHEMA_DURATION,
		.max = 86400000000000,
		.def = "1m",
		.help = "has priority 1 for so long: takes over only when nobody else does"},
	{0},
};

static bool is_meant(const struct vrrp *v, const json_t *args) {
	const json_t *vrid = json_object_get(args, "vrid");
	const char *family = json_string_value(json_object_get(args, "family"));

	return v->in_use &&
		strcmp(v->name, json_string_value(json_object_get(args, "interface"))) == 0 &&
		(vrid == NULL || json_integer_value(vrid) == v->vrid) &&
		(family == NULL || strcmp(family, family_words[v->v6]) == 0);
}

int vrrp_resign_run(const json_t *args, json_t **result, struct err *err) {
	unsigned meant = 0, masters = 0;
	uint64_t hold_ns;

	schema_duration_parse(json_string_value(json_object_get(args, "hold")), &hold_ns);
	for (unsigned i = 0; i < VRRP_MAX; i++) {
		if (!is_meant(&vrrps[i], args))
			continue;
		if (vrrps[i].conf->priority == VRRP_OWNER)
			return err_set(err, -EINVAL,
				"virtual router %u has the interface's own addresses (priority "
				"255), which nobody else can take",
				vrrps[i].vrid);
		meant++;
	}
	if (meant == 0)
		return err_set(
			err, -ENOENT, "there is no such virtual router; see `leat show vrrp`");
	for (unsigned i = 0; i < VRRP_MAX; i++) {
		if (!is_meant(&vrrps[i], args))
			continue;
		masters += vrrps[i].vr.state == VRRP_MASTER;
		vrrp_step_back(&vrrps[i], hold_ns);
	}
	*result = json_pack("{s:i}", "resigned", (int)masters);
	return 0;
}
