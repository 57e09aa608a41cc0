// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/tunnel/vxlan_conf.h"
#include "lib/clock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct raw_vxlan {
	struct addr source;
	const json_t *remotes, *vnis;
	int64_t vni, udp_port, ttl, dscp;
	uint64_t ageing_ns;
	bool df, learning;
};

static const struct schema_row remote_elem = {.name = "remote",
	.type = SCHEMA_ADDRESS,
	.example = "\"198.51.100.2\"",
	.help = "another end"};
static const struct schema_row vlan_key = {
	.name = "vlan", .type = SCHEMA_INT, .min = 1, .max = 4094, .example = "10", .help = "VLAN"};
static const struct schema_row vni_elem = {.name = "vni",
	.type = SCHEMA_INT,
	.min = 0,
	.max = VXLAN_VNI_MAX,
	.example = "10010",
	.help = "its VXLAN network"};

static const struct schema_row vxlan_rows[] = {
	{.name = "source",
		.type = SCHEMA_ADDRESS,
		SCHEMA_FIELD(struct raw_vxlan, source),
		.flags = SCHEMA_REQUIRED | SCHEMA_LIVE,
		.example = "\"192.0.2.2\"",
		.help = "our end: an address of this router"},
	{.name = "remotes",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct raw_vxlan, remotes),
		.flags = SCHEMA_REQUIRED | SCHEMA_LIVE | SCHEMA_UNIQUE,
		.min = 1,
		.max = VTEP_REMOTES,
		.elem = &remote_elem,
		.example = "{ \"198.51.100.2\" }",
		.help = "the other ends: what is for all or for an unknown station goes to each; "
			"nobody else's packets are taken"},
	{.name = "vni",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw_vxlan, vni),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = VXLAN_VNI_MAX,
		.example = "100",
		.help = "network of the port's frames without a tag"},
	{.name = "vnis",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct raw_vxlan, vnis),
		.flags = SCHEMA_LIVE,
		.key = &vlan_key,
		.elem = &vni_elem,
		.example = "{ [10] = 10010, [20] = 10020 }",
		.help = "networks of its tagged VLANs"},
	{.name = "udp_port",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw_vxlan, udp_port),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 65535,
		.def = "4789",
		.help = "UDP port, the same at all ends"},
	{.name = "ttl",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw_vxlan, ttl),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = 254,
		.def = "64",
		.help = "TTL or hop limit of outer packets; 0: as the packet inside"},
	{.name = "dscp",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw_vxlan, dscp),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = 63,
		.help = "DSCP of outer packets; as the packet inside when left out"},
	{.name = "df",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct raw_vxlan, df),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "outer IPv4 packets are not fragmented on the way; frames too long for it "
			"are dropped"},
	{.name = "learning",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct raw_vxlan, learning),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "learn from received frames which end a station is behind"},
	{.name = "ageing",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct raw_vxlan, ageing_ns),
		.flags = SCHEMA_LIVE,
		.min = 10 * (int64_t)NSEC_PER_SEC,
		.max = 1800 * (int64_t)NSEC_PER_SEC,
		.def = "5m",
		.help = "a station not heard of for this long is flooded to again"},
	{0},
};

static int vxlan_check(const json_t *object, const char *path, struct err *err) {
	struct raw_vxlan raw = {0};

	schema_decode(vxlan_rows, object, &raw);
	if (!json_object_get(object, "vni") && json_object_size(raw.vnis) == 0)
		return err_at(err, path,
			"it carries nothing; give `vni` for frames without a tag, or `vnis`");
	for (size_t i = 0; i < json_array_size(raw.remotes); i++) {
		struct addr remote;

		addr_parse(json_string_value(json_array_get(raw.remotes, i)), &remote);
		if (remote.family != raw.source.family)
			return err_at(err, path,
				"remotes[%zu]: of another address family than source", i + 1);
		if (addr_cmp(&remote, &raw.source) == 0)
			return err_at(err, path, "remotes[%zu]: this is our own end", i + 1);
		if (remote.bytes[0] == 0xff || (remote.family == ADDR_V4 && remote.bytes[0] >= 224))
			return err_at(err, path,
				"remotes[%zu]: groups are not supported; list the ends themselves",
				i + 1);
	}
	return 0;
}

const struct schema_row vxlan_key = {.name = "port", .type = SCHEMA_REF, .ref = "ports"};
const struct schema_row vxlan_elem = {.name = "vxlan",
	.type = SCHEMA_OBJECT,
	.rows = vxlan_rows,
	.check = vxlan_check,
	.help = "what is behind that port"};

static void remotes_take(struct vxlan_conf *conf, const json_t *list) {
	for (size_t i = 0; i < json_array_size(list); i++)
		addr_parse(json_string_value(json_array_get(list, i)),
			&conf->remotes[conf->n_remotes++]);
}

static void conf_take(struct vxlan_conf *conf, const char *port, const json_t *object) {
	struct raw_vxlan raw = {.vni = -1, .dscp = -1};
	const char *vlan;
	json_t *vni;

	schema_decode(vxlan_rows, object, &raw);
	memset(conf->vni_of, 0xff, sizeof(conf->vni_of));
	snprintf(conf->port, sizeof(conf->port), "%s", port);
	conf->source = raw.source;
	conf->udp_port = (unsigned)raw.udp_port;
	conf->ttl = (int)raw.ttl;
	conf->dscp = (int)raw.dscp;
	conf->df = raw.df;
	conf->learning = raw.learning;
	conf->ageing_ns = raw.ageing_ns;
	remotes_take(conf, raw.remotes);
	if (raw.vni >= 0)
		conf->vni_of[0] = (uint32_t)raw.vni;
	json_object_foreach ((json_t *)raw.vnis, vlan, vni)
		conf->vni_of[strtoul(vlan, NULL, 10) % VXLAN_VLANS] =
			(uint32_t)json_integer_value(vni);
}

// Two VLANs, here or of another port with the same end, cannot share a network.
static bool has_vni(const struct vxlan_conf *conf, uint32_t vni, unsigned below) {
	for (unsigned v = 0; v < below; v++)
		if (conf->vni_of[v] == vni)
			return true;
	return false;
}

static int vnis_check(const struct vxlan_conf *all, const struct vxlan_conf *conf, const char *path,
	struct err *err) {
	for (unsigned v = 0; v < VXLAN_VLANS; v++) {
		uint32_t vni = conf->vni_of[v];

		if (vni == VXLAN_NO_VNI)
			continue;
		if (has_vni(conf, vni, v))
			return err_at(
				err, path, "two of its VLANs have VNI %u; give each its own", vni);
		for (const struct vxlan_conf *other = all; other < conf; other++)
			if (addr_cmp(&other->source, &conf->source) == 0 &&
				other->udp_port == conf->udp_port &&
				has_vni(other, vni, VXLAN_VLANS))
				return err_at(err, path,
					"port %s has VNI %u at the same source; give this one "
					"another",
					other->port, vni);
	}
	return 0;
}

static bool is_tunnel_port(const json_t *tree, const char *port) {
	const json_t *object = json_object_get(json_object_get(tree, "ports"), port);
	const char *device = json_string_value(json_object_get(object, "device"));

	return device && strncmp(device, "tunnel:", 7) == 0;
}

int vxlan_conf_parse(const json_t *map, const json_t *tree, const char *router,
	struct vxlan_conf **out, unsigned *n, struct err *err) {
	struct vxlan_conf *all = calloc(json_object_size(map) + 1, sizeof(*all));
	const char *port;
	json_t *object;
	char path[128];

	*out = all;
	*n = 0;
	if (all == NULL)
		return err_set(err, -ENOMEM, "routers: out of memory");
	json_object_foreach ((json_t *)map, port, object) {
		struct vxlan_conf *conf = &all[(*n)++];

		conf_take(conf, port, object);
		snprintf(path, sizeof(path), "routers.%s.vxlan.%s", router, port);
		if (!is_tunnel_port(tree, port))
			return err_at(err, path,
				"port %s has a device of its own; give it device = \"tunnel:%s\"",
				port, port);
		if (vnis_check(all, conf, path, err) != 0)
			return -EINVAL;
	}
	return 0;
}
