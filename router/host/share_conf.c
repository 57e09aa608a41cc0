// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/host/share_conf.h"
#include <netinet/in.h>
#include <stdbool.h>

struct raw {
	int64_t rates[SHARES];
};

// A packet into a TAP costs its worker 2 to 5 us, its answer as much again, so that 100,000 are a part of a core, not all of it.
const struct schema_row share_rows[] = {
	{.name = "routing",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw, rates[SHARE_ROUTING]),
		.flags = SCHEMA_LIVE,
		.min = 10,
		.max = 10000000,
		.def = "20000",
		.unit = "packets/s",
		.help = "BGP, LDP, RIP, BFD, OSPF, PIM, VRRP, IGMP"},
	{.name = "management",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw, rates[SHARE_MANAGEMENT]),
		.flags = SCHEMA_LIVE,
		.min = 10,
		.max = 10000000,
		.def = "50000",
		.unit = "packets/s",
		.help = "ssh, https, SNMP, NETCONF"},
	{.name = "other",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw, rates[SHARE_OTHER]),
		.flags = SCHEMA_LIVE,
		.min = 10,
		.max = 10000000,
		.def = "100000",
		.unit = "packets/s",
		.help = "everything else"},
	{0},
};

const char *const share_words[] = {[SHARE_ROUTING] = "routing",
	[SHARE_MANAGEMENT] = "management",
	[SHARE_OTHER] = "other",
	NULL};

void share_conf_parse(struct share_conf *conf, const json_t *object) {
	struct raw raw = {0};

	schema_decode(share_rows, object, &raw);
	for (unsigned s = 0; s < SHARES; s++)
		conf->rates[s] = (uint32_t)raw.rates[s];
}

static bool is_routing_port(unsigned port) {
	return port == 179 || port == 646 || (port >= 520 && port <= 521) ||
		(port >= 3784 && port <= 3785);
}

static bool is_management_port(unsigned port) {
	return port == 22 || port == 161 || port == 443 || port == 830;
}

enum share share_of(unsigned proto, unsigned src_port, unsigned dst_port) {
	if (proto == 89 || proto == 112 || proto == IPPROTO_PIM ||
		proto == IPPROTO_IGMP) // OSPF, VRRP
		return SHARE_ROUTING;
	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return SHARE_OTHER;
	if (is_routing_port(src_port) || is_routing_port(dst_port))
		return SHARE_ROUTING;
	return is_management_port(src_port) || is_management_port(dst_port) ? SHARE_MANAGEMENT
									    : SHARE_OTHER;
}
