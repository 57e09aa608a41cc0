// SPDX-License-Identifier: BSD-3-Clause
// A schema for the tests and the fuzz target: every type, flag and kind of limit at least once.
#pragma once

#include "lib/addr.h"
#include "lib/schema.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct sample {
	bool on;
	int64_t weight;
	double share;
	const char *title;
	const char *alias;
	unsigned mode;
	uint64_t every_ns, buffer_bytes, per_s;
	struct mac mac;
	struct addr address;
	struct prefix prefix;
	const char *port;
	int pick;
	const json_t *vlans, *limits, *members, *extra, *ranges;
};

static int sample_check(const json_t *object, const char *path, struct err *err) {
	if (json_object_get(object, "access") && json_object_get(object, "trunk"))
		return err_at(err, path, "access and trunk exclude each other; remove one");
	return 0;
}

static int sample_even(const json_t *value, const char *path, struct err *err) {
	if (json_integer_value(value) % 2)
		return err_at(err, path, "must be even");
	return 0;
}

static const char *const sample_modes[] = {"busy", "adaptive", "off", NULL};

static const struct schema_row sample_vlan = {
	.name = "vlan", .type = SCHEMA_INT, .min = 1, .max = 4094, .help = "a VLAN"};

static const struct schema_row sample_port_rows[] = {
	{.name = "device",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_REQUIRED,
		.min = 1,
		.max = 15,
		.example = "\"eth1\"",
		.help = "kernel name of the interface"},
	{.name = "mtu",
		.type = SCHEMA_INT,
		.flags = SCHEMA_LIVE,
		.min = 64,
		.max = 9216,
		.def = "1500",
		.unit = "B",
		.help = "largest frame without its header"},
	{.name = "access", .type = SCHEMA_INT, .min = 1, .max = 4094, .help = "untagged VLAN"},
	{.name = "trunk",
		.type = SCHEMA_LIST,
		.flags = SCHEMA_UNIQUE,
		.min = 1,
		.max = 8,
		.elem = &sample_vlan,
		.help = "tagged VLANs"},
	{0},
};

static const struct schema_row sample_port = {
	.type = SCHEMA_OBJECT, .rows = sample_port_rows, .check = sample_check, .help = "a port"};

static const struct schema_row sample_port_key = {
	.name = "port", .type = SCHEMA_NAME, .example = "\"wan\""};

static const struct schema_row sample_ports = {.name = "ports",
	.type = SCHEMA_MAP,
	.key = &sample_port_key,
	.elem = &sample_port,
	.help = "what frames come in and go out by"};

static const struct schema_row sample_limit_rows[] = {
	{.name = "rate",
		.type = SCHEMA_RATE,
		.min = 1,
		.max = 1000000,
		.def = "10k/s",
		.help = "packets let through"},
	{.name = "burst", .type = SCHEMA_BYTES, .def = "64K", .help = "bytes let through at once"},
	{0},
};

static const struct schema_row sample_member_rows[] = {
	{.name = "weight",
		.type = SCHEMA_INT,
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 256,
		.def = "1",
		.help = "share of new connections",
		.fix = "to stop new connections, use `leat drain`"},
	{0},
};

static const struct schema_row sample_member = {
	.type = SCHEMA_OBJECT, .rows = sample_member_rows, .help = "a server"};
static const struct schema_row sample_by_port_key = {
	.name = "port", .type = SCHEMA_REF, .ref = "ports"};
static const struct schema_row sample_prefix_key = {
	.name = "prefix", .type = SCHEMA_PREFIX, .example = "\"10.0.0.0/8\""};
static const struct schema_row sample_text = {
	.name = "text", .type = SCHEMA_STRING, .max = 8, .help = "a note"};

static int sample_range_check(const json_t *value, const char *path, struct err *err) {
	if (!strchr(json_string_value(value), '-'))
		return err_at(err, path, "is no range; write one such as \"10-20\"");
	return 0;
}

static const struct schema_row sample_range_rows[] = {
	{.type = SCHEMA_INT, .min = 1, .max = 4094},
	{.type = SCHEMA_STRING, .max = 16, .example = "\"10-20\"", .check = sample_range_check},
	{0},
};
static const struct schema_row sample_range = {
	.name = "range", .type = SCHEMA_UNION, .rows = sample_range_rows, .help = "one or many"};

static const struct schema_row sample_place_rows[] = {
	{.name = "port",
		.type = SCHEMA_REF,
		.ref = "ports",
		.flags = SCHEMA_REQUIRED,
		.help = "where it is connected"},
	{.name = "pin", .type = SCHEMA_STRING, .flags = SCHEMA_SECRET, .help = "what opens it"},
	{.name = "every", .type = SCHEMA_DURATION, .def = "1m", .help = "time between visits"},
	{0},
};
static const struct schema_row sample_place = {
	.type = SCHEMA_OBJECT, .rows = sample_place_rows, .help = "a place"};
static const struct schema_row sample_place_forms[] = {
	{.type = SCHEMA_OBJECT, .rows = sample_place_rows, .help = "one place"},
	{.type = SCHEMA_LIST, .max = 3, .elem = &sample_place, .help = "several"},
	{0},
};
static const struct schema_row sample_places = {
	.name = "place", .type = SCHEMA_UNION, .rows = sample_place_forms, .help = "where it is"};

static const struct schema_row sample_rows[] = {
	{.name = "on",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct sample, on),
		.def = "true",
		.help = "whether it works"},
	{.name = "weight",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct sample, weight),
		.min = 1,
		.max = 256,
		.def = "1",
		.example = "3",
		.help = "share of new connections",
		.fix = "to stop new connections, use `leat drain`"},
	{.name = "share",
		.type = SCHEMA_NUMBER,
		SCHEMA_FIELD(struct sample, share),
		.min = 0,
		.max = 1,
		.example = "0.5",
		.help = "part of the whole"},
	{.name = "title",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct sample, title),
		.min = 2,
		.max = 16,
		.help = "what people call it"},
	{.name = "alias",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct sample, alias),
		.flags = SCHEMA_REQUIRED,
		.help = "another name"},
	{.name = "mode",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct sample, mode),
		.words = sample_modes,
		.def = "adaptive",
		.help = "what a worker does when idle"},
	{.name = "every",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct sample, every_ns),
		.min = 10000000,
		.max = 3600000000000,
		.def = "2s",
		.help = "time between two checks"},
	{.name = "buffer",
		.type = SCHEMA_BYTES,
		SCHEMA_FIELD(struct sample, buffer_bytes),
		.min = 1024,
		.max = 1 << 30,
		.example = "\"1M\"",
		.help = "memory it may take"},
	{.name = "rate",
		.type = SCHEMA_RATE,
		SCHEMA_FIELD(struct sample, per_s),
		.min = 1,
		.max = -1,
		.unit = "pps",
		.example = "\"10k/s\"",
		.help = "packets let through"},
	{.name = "mac",
		.type = SCHEMA_MAC,
		SCHEMA_FIELD(struct sample, mac),
		.example = "\"02:00:00:00:00:01\"",
		.help = "its own MAC address"},
	{.name = "address",
		.type = SCHEMA_ADDRESS,
		SCHEMA_FIELD(struct sample, address),
		.example = "\"2001:db8::1\"",
		.help = "its own IP address"},
	{.name = "prefix",
		.type = SCHEMA_PREFIX,
		SCHEMA_FIELD(struct sample, prefix),
		.example = "\"192.0.2.2/24\"",
		.help = "address and network"},
	{.name = "port",
		.type = SCHEMA_REF,
		SCHEMA_FIELD(struct sample, port),
		.ref = "ports",
		.flags = SCHEMA_REQUIRED,
		.help = "where it is"},
	{.name = "pick",
		.type = SCHEMA_FUNCTION,
		SCHEMA_FIELD(struct sample, pick),
		.example = "function(q) return q.name end",
		.help = "chooses a server"},
	{.name = "vlans",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct sample, vlans),
		.flags = SCHEMA_UNIQUE,
		.max = 4,
		.elem = &sample_vlan,
		.def = "1,2",
		.example = "{ 10, 20 }",
		.help = "its VLANs"},
	{.name = "limits",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct sample, limits),
		.rows = sample_limit_rows,
		.def = "{}",
		.help = "what it may take"},
	{.name = "members",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct sample, members),
		.elem = &sample_member,
		.max = 3,
		.example = "{ w1 = { weight = 2 } }",
		.help = "its servers"},
	{.name = "extra",
		.type = SCHEMA_ANY,
		SCHEMA_FIELD(struct sample, extra),
		.help = "anything"},
	{.name = "password",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_SECRET,
		.min = 8,
		.max = 64,
		.help = "shared secret"},
	{.name = "even", .type = SCHEMA_INT, .check = sample_even, .help = "a hook on a scalar"},
	{.name = "by_port",
		.type = SCHEMA_MAP,
		.key = &sample_by_port_key,
		.elem = &sample_member,
		.help = "keys that are references"},
	{.name = "by_vlan",
		.type = SCHEMA_MAP,
		.key = &sample_vlan,
		.elem = &sample_text,
		.help = "keys that are numbers"},
	{.name = "by_prefix",
		.type = SCHEMA_MAP,
		.key = &sample_prefix_key,
		.elem = &sample_text,
		.example = "{ [\"10.0.0.0/8\"] = \"lab\" }",
		.help = "keys that need brackets"},
	{.name = "ranges",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct sample, ranges),
		.elem = &sample_range,
		.help = "VLANs, or ranges of them"},
	{.name = "places",
		.type = SCHEMA_MAP,
		.elem = &sample_places,
		.help = "a place, or a list of them"},
	{0},
};

static const struct schema_row sample_thing = {
	.type = SCHEMA_OBJECT, .rows = sample_rows, .help = "one of everything"};
static const struct schema_row sample_things = {
	.name = "things", .type = SCHEMA_MAP, .elem = &sample_thing, .help = "one of everything"};

static const struct schema_row sample_system_rows[] = {
	{.name = "workers",
		.type = SCHEMA_INT,
		.min = 0,
		.max = 64,
		.flags = SCHEMA_RESTART,
		.def = "1",
		.help = "threads that move packets"},
	{.name = "idle",
		.type = SCHEMA_ENUM,
		.words = sample_modes,
		.def = "adaptive",
		.help = "what a worker does when idle"},
	{0},
};
static const struct schema_row sample_system = {.name = "system",
	.type = SCHEMA_OBJECT,
	.rows = sample_system_rows,
	.def = "{}",
	.help = "the process"};

// A tree that contains itself: depth is the caller's.
static const struct schema_row sample_nest;
static const struct schema_row sample_nest_rows[] = {
	{.name = "inner", .type = SCHEMA_MAP, .elem = &sample_nest, .help = "further ones"},
	{0},
};
static const struct schema_row sample_nest = {
	.type = SCHEMA_OBJECT, .rows = sample_nest_rows, .help = "a box with boxes in it"};
static const struct schema_row sample_boxes = {.name = "boxes",
	.type = SCHEMA_LIST,
	.elem = &sample_nest,
	.help = "boxes with boxes in them"};

static const struct schema_row *const sample_sections[] = {
	&sample_ports, &sample_things, &sample_system, &sample_boxes, NULL};
