// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/tunnel/tunnel_conf.h"
#include "router/tunnel/ends.h"
#include <stdio.h>
#include <string.h>

struct raw_tunnel {
	unsigned type;
	struct addr local, remote;
	const char *underlay;
	int64_t key, ttl, dscp, limit;
	bool df;
};

static const char *const type_words[] = {"gre", "ipip", "sit", NULL};

const struct schema_row tunnel_rows[] = {
	{.name = "type",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct raw_tunnel, type),
		.flags = SCHEMA_REQUIRED | SCHEMA_LIVE,
		.words = type_words,
		.help = "gre: RFC 2784; ipip: IPv4 and IPv6 in IP (RFC 2003, 2473); sit: IPv6 in "
			"IP "
			"alone (RFC 4213)"},
	{.name = "source",
		.type = SCHEMA_ADDRESS,
		SCHEMA_FIELD(struct raw_tunnel, local),
		.flags = SCHEMA_REQUIRED | SCHEMA_LIVE,
		.example = "\"192.0.2.2\"",
		.help = "our end: an address of the underlay"},
	{.name = "remote",
		.type = SCHEMA_ADDRESS,
		SCHEMA_FIELD(struct raw_tunnel, remote),
		.flags = SCHEMA_REQUIRED | SCHEMA_LIVE,
		.example = "\"198.51.100.2\"",
		.help = "the other end; nobody else's packets are taken"},
	{.name = "underlay",
		.type = SCHEMA_REF,
		SCHEMA_FIELD(struct raw_tunnel, underlay),
		.flags = SCHEMA_LIVE,
		.ref = "routers",
		.help = "router that carries the outer packets; the interface's own when left out"},
	{.name = "key",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw_tunnel, key),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = UINT32_MAX,
		.example = "42",
		.help = "GRE key (RFC 2890), the same at both ends"},
	{.name = "ttl",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw_tunnel, ttl),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = 254,
		.def = "64",
		.help = "TTL or hop limit of outer packets; 0: as the packet inside"},
	{.name = "dscp",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw_tunnel, dscp),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = 63,
		.help = "DSCP of outer packets; as the packet inside when left out"},
	{.name = "df",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct raw_tunnel, df),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "outer IPv4 packets are not fragmented on the way: senders are told what "
			"fits (RFC 4459)"},
	{.name = "encapsulation_limit",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw_tunnel, limit),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = 255,
		.example = "4",
		.help = "over IPv6: how many tunnels may follow around this one (RFC 2473); not "
			"said when left out"},
	{0},
};

static bool usable(const struct addr *addr) {
	const uint8_t *b = addr->bytes;
	struct addr any = {.family = addr->family};

	if (addr->family == ADDR_V6)
		return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80) &&
			addr_cmp(addr, &any) != 0;
	return b[0] != 0 && b[0] != 127 && b[0] < 224;
}

int tunnel_check(const json_t *object, const char *path, struct err *err) {
	struct raw_tunnel raw = {.key = -1, .limit = -1};

	schema_decode(tunnel_rows, object, &raw);
	if (raw.local.family != raw.remote.family)
		return err_at(err, path, "source and remote are of different address families");
	if (!usable(&raw.local) || !usable(&raw.remote))
		return err_at(err, path,
			"source and remote need unicast addresses that are routed; groups, "
			"loopback and link-local ones are not");
	if (addr_cmp(&raw.local, &raw.remote) == 0)
		return err_at(err, path, "remote: this is our own end; give the other's address");
	if (raw.key >= 0 && raw.type + 1 != TUNNEL_GRE)
		return err_at(err, path, "key: only type gre has one");
	if (raw.limit >= 0 && raw.local.family != ADDR_V6)
		return err_at(err, path, "encapsulation_limit: only tunnels over IPv6 have one");
	return 0;
}

void tunnel_conf_parse(const json_t *object, struct tunnel_conf *conf) {
	struct raw_tunnel raw = {.key = -1, .dscp = -1, .limit = -1};

	schema_decode(tunnel_rows, object, &raw);
	*conf = (struct tunnel_conf){
		.type = raw.type + 1, // the words are in the order of the types
		.local = raw.local,
		.remote = raw.remote,
		.has_key = raw.key >= 0,
		.key = raw.key >= 0 ? (uint32_t)raw.key : 0,
		.ttl = (int)raw.ttl,
		.dscp = (int)raw.dscp,
		.limit = (int)raw.limit,
		.df = raw.df};
	snprintf(conf->underlay, sizeof(conf->underlay), "%s", raw.underlay ? raw.underlay : "");
}

bool tunnel_conf_same_end(const struct tunnel_conf *a, const struct tunnel_conf *b) {
	if (addr_cmp(&a->local, &b->local) != 0 || addr_cmp(&a->remote, &b->remote) != 0)
		return false;
	if ((a->type == TUNNEL_GRE) != (b->type == TUNNEL_GRE))
		return false; // IP in IP all share protocol 41
	return a->has_key == b->has_key && a->key == b->key;
}

void tunnel_conf_wire(const struct tunnel_conf *conf, struct tunnel_wire *wire) {
	*wire = (struct tunnel_wire){.type = (uint8_t)conf->type,
		.ttl = (uint8_t)conf->ttl,
		.dscp = conf->dscp < 0 ? TUNNEL_INHERIT : (uint8_t)conf->dscp,
		.v6 = conf->local.family == ADDR_V6,
		.df = conf->df,
		.has_key = conf->has_key,
		.key = conf->key,
		.has_limit = conf->limit >= 0,
		.limit = conf->limit < 0 ? 0 : (uint8_t)conf->limit};
	end_address(wire->local, &conf->local);
	end_address(wire->remote, &conf->remote);
}
