// SPDX-License-Identifier: BSD-3-Clause
// What goes wrong by a fault that nobody knows yet, on purpose: `leat damage routes prefix=192.0.2.0/24 router=r` makes the forwarding
// table say something else than the routes. A plugin of the tests; the audit is to find it.
#include "lib/module.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include <errno.h>
#include <string.h>

static const struct schema_row damage_args[] = {
	{.name = "prefix",
		.type = SCHEMA_PREFIX,
		.flags = SCHEMA_REQUIRED,
		.example = "\"192.0.2.0/24\"",
		.help = "a route that is there"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_REQUIRED, .help = "its router"},
	{0},
};

static int damage(const json_t *args, json_t **result, struct err *err) {
	const char *router = json_string_value(json_object_get(args, "router"));
	struct rtr_route route;
	struct prefix prefix;

	prefix_parse(json_string_value(json_object_get(args, "prefix")), &prefix);
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++) {
		struct rtr_vrf *vrf = rtr_vrfs[v];

		if (vrf == NULL || strcmp(vrf->name, router) != 0 ||
			!rib_find(vrf, &prefix, &route))
			continue;
		int64_t slot = nexthop_special_get(RTR_NH_BLACKHOLE, (uint16_t)v, err);
		if (slot < 0)
			return (int)slot;
		fib_replace(prefix.addr.family == ADDR_V6 ? vrf->fib6 : vrf->fib4,
			prefix.addr.bytes, prefix.len, (uint32_t)slot);
		*result = json_object();
		return 0; // the reference stays: the table has the slot for a while
	}
	return err_set(err, -ENOENT, "there is no such route");
}

static const struct module_action damage_actions[] = {
	{.verb = "damage",
		.noun = "routes",
		.help = "makes the forwarding table wrong",
		.args = damage_args,
		.run = damage},
	{0},
};

extern const struct module leat_module;
const struct module leat_module = {
	.name = "damage",
	.help = "faults for tests",
	.after = (const char *const[]){"router", NULL},
	.actions = damage_actions,
};
