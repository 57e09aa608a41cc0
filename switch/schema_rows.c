// SPDX-License-Identifier: BSD-3-Clause
#include "switch/conf_priv.h"
#include <errno.h>

static int range_check(const json_t *value, const char *path, struct err *err) {
	struct vlan_set set = {0};

	return vlan_set_parse(value, path, &set, err);
}

static const struct schema_row vlan_forms[] = {
	{.type = SCHEMA_INT, .min = 1, .max = VLAN_MAX, .help = "a VLAN id"},
	{.type = SCHEMA_STRING,
		.check = range_check,
		.example = "\"10-20\"",
		.help = "a range of VLANs"},
	{0},
};
static const struct schema_row vlan_elem = {.name = "vlan",
	.type = SCHEMA_UNION,
	.rows = vlan_forms,
	.example = "20",
	.help = "a VLAN id, or a range \"10-20\""};

const struct schema_row sw_storm_rows[] = {
	{.name = "broadcast",
		.type = SCHEMA_RATE,
		SCHEMA_FIELD(struct sw_raw_storm, rate[STORM_BROADCAST]),
		.flags = SCHEMA_LIVE,
		.unit = "frames/s",
		.example = "\"1000/s\"",
		.help = "broadcast frames let in per second"},
	{.name = "multicast",
		.type = SCHEMA_RATE,
		SCHEMA_FIELD(struct sw_raw_storm, rate[STORM_MULTICAST]),
		.flags = SCHEMA_LIVE,
		.unit = "frames/s",
		.example = "\"1000/s\"",
		.help = "multicast frames let in per second"},
	{.name = "unknown",
		.type = SCHEMA_RATE,
		SCHEMA_FIELD(struct sw_raw_storm, rate[STORM_UNKNOWN]),
		.flags = SCHEMA_LIVE,
		.unit = "frames/s",
		.example = "\"1000/s\"",
		.help = "frames to unknown stations let in per second"},
	{0},
};

const struct schema_row sw_qinq_rows[] = {
	{.name = "outer",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct sw_raw_qinq, outer),
		.flags = SCHEMA_REQUIRED | SCHEMA_LIVE,
		.min = 1,
		.max = VLAN_MAX,
		.example = "100",
		.help = "service VLAN that carries all frames of this port"},
	{0},
};

static int port_check(const json_t *object, const char *path, struct err *err) {
	bool access = json_object_get(object, "access") != NULL;
	bool trunk = json_object_get(object, "trunk") != NULL;
	bool qinq = json_object_get(object, "qinq") != NULL;

	if (access + trunk + qinq > 1)
		return err_at(err, path, "access, trunk and qinq exclude each other; keep one");
	if (json_object_get(object, "native") != NULL && !trunk)
		return err_at(err, path,
			"native is the untagged VLAN of a trunk; add trunk = {...}, or use access");
	return 0;
}

const struct schema_row sw_port_rows[] = {
	{.name = "access",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct sw_raw_port, access),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = VLAN_MAX,
		.example = "10",
		.help = "VLAN of untagged frames, the only one; 1 when none of access, trunk, qinq "
			"is "
			"given"},
	{.name = "trunk",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct sw_raw_port, trunk),
		.flags = SCHEMA_LIVE,
		.elem = &vlan_elem,
		.example = "{ 10, \"20-29\" }",
		.help = "VLANs carried with their tag"},
	{.name = "native",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct sw_raw_port, native),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = VLAN_MAX,
		.example = "1",
		.help = "VLAN of a trunk's untagged frames"},
	{.name = "qinq",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct sw_raw_port, qinq),
		.flags = SCHEMA_LIVE,
		.rows = sw_qinq_rows,
		.help = "customer port of a provider bridge (802.1ad): customer tags travel "
			"inside"},
	{.name = "isolated",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct sw_raw_port, isolated),
		.flags = SCHEMA_LIVE,
		.def = "false",
		.help = "talks to no other isolated port"},
	{.name = "learning",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct sw_raw_port, learning),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "learn stations from this port's frames"},
	{.name = "mac_limit",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct sw_raw_port, mac_limit),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = SW_MAC_LIMIT,
		.example = "100",
		.help = "stations learnt on this port at most",
		.fix = "leave it out for no limit but the switch's"},
	{.name = "zone",
		.type = SCHEMA_NAME,
		.flags = SCHEMA_LIVE,
		.help = "zone of the firewall, where the switch asks for its rules"},
	{.name = "storm",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct sw_raw_port, storm),
		.flags = SCHEMA_LIVE,
		.rows = sw_storm_rows,
		.help = "limits on what is flooded"},
	{0},
};
static const struct schema_row port_elem = {
	.name = "port", .type = SCHEMA_OBJECT, .rows = sw_port_rows, .check = port_check};
static const struct schema_row port_key = {.name = "port", .type = SCHEMA_REF, .ref = "ports"};

const struct schema_row sw_static_rows[] = {
	{.name = "port",
		.type = SCHEMA_REF,
		SCHEMA_FIELD(struct sw_raw_static, port),
		.ref = "ports",
		.flags = SCHEMA_REQUIRED,
		.help = "port of this switch"},
	{.name = "vlan",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct sw_raw_static, vlan),
		.flags = SCHEMA_REQUIRED,
		.min = 1,
		.max = VLAN_MAX,
		.example = "10",
		.help = "VLAN of the station"},
	{0},
};

static const struct schema_row mac_key = {.name = "mac", .type = SCHEMA_MAC};
static const struct schema_row static_place = {
	.name = "static", .type = SCHEMA_OBJECT, .rows = sw_static_rows, .help = "where it is"};
static const struct schema_row static_forms[] = {
	{.type = SCHEMA_OBJECT, .rows = sw_static_rows, .help = "where the station is"},
	{.type = SCHEMA_LIST,
		.max = VLAN_MAX,
		.elem = &static_place,
		.help = "where it is in each of its VLANs"},
	{0},
};
static const struct schema_row static_elem = {.name = "static",
	.type = SCHEMA_UNION,
	.rows = static_forms,
	.help = "where the station is, or a list of it when it is in several VLANs"};

static const char *const directions[] = {"rx", "tx", "both", NULL};
static const struct schema_row mirror_from = {.name = "port", .type = SCHEMA_REF, .ref = "ports"};
const struct schema_row sw_mirror_rows[] = {
	{.name = "from",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct sw_raw_mirror, from),
		.flags = SCHEMA_REQUIRED | SCHEMA_LIVE,
		.min = 1,
		.max = SW_MAX_PORTS,
		.elem = &mirror_from,
		.help = "ports of this switch that are watched"},
	{.name = "direction",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct sw_raw_mirror, direction),
		.flags = SCHEMA_LIVE,
		.words = directions,
		.def = "both",
		.help = "frames that come in, go out, or both"},
	{.name = "to",
		.type = SCHEMA_REF,
		SCHEMA_FIELD(struct sw_raw_mirror, to),
		.flags = SCHEMA_REQUIRED | SCHEMA_LIVE,
		.ref = "ports",
		.help = "port that gets the copies"},
	{.name = "vlan",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct sw_raw_mirror, vlan),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = VLAN_MAX,
		.example = "900",
		.help = "tag put on the copies, for a mirror that ends on another switch"},
	{0},
};
static const struct schema_row mirror_elem = {
	.name = "mirror", .type = SCHEMA_OBJECT, .rows = sw_mirror_rows};

static int ethertype_check(const json_t *value, const char *path, struct err *err) {
	int64_t type = json_integer_value(value);

	if (type > 0 && type < 0x600)
		return err_at(err, path,
			"%d is no Ethernet type: they begin at 0x600; 0 is all frames with a "
			"length",
			(int)type);
	if (type == 0x0800 || type == 0x86dd)
		return err_at(
			err, path, "IP is what the rules are asked about; accept it by a rule");
	return 0;
}

static const struct schema_row ethertype_elem = {.name = "ethertype",
	.type = SCHEMA_INT,
	.min = 0,
	.max = 0xffff,
	.example = "0x8863",
	.check = ethertype_check,
	.help = "an Ethernet type"};

const struct schema_row sw_switch_rows[] = {
	{.name = "ports",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct sw_raw_switch, ports),
		.flags = SCHEMA_LIVE,
		.max = SW_MAX_PORTS,
		.key = &port_key,
		.elem = &port_elem,
		.help = "member ports and their VLANs"},
	{.name = "ageing",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct sw_raw_switch, ageing_ns),
		.flags = SCHEMA_LIVE,
		.def = "5m",
		.help = "a station not seen for this long is forgotten; 0: never"},
	{.name = "mac_limit",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct sw_raw_switch, mac_limit),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = SW_MAC_LIMIT,
		.def = "131072",
		.help = "stations known at most; the port with most of them makes room"},
	{.name = "static",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct sw_raw_switch, statics),
		.flags = SCHEMA_LIVE,
		.key = &mac_key,
		.elem = &static_elem,
		.help = "stations that are never learnt, aged or moved"},
	{.name = "mirror",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct sw_raw_switch, mirror),
		.flags = SCHEMA_LIVE,
		.elem = &mirror_elem,
		.help = "sessions that copy ports' frames to another port"},
	{.name = "firewall",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_LIVE,
		.def = "false",
		.help = "what passes from port to port is asked of the rules of the firewall"},
	{.name = "pass_ethertypes",
		.type = SCHEMA_LIST,
		.flags = SCHEMA_LIVE,
		.max = SW_PASS_TYPES,
		.elem = &ethertype_elem,
		.example = "{ 0x8863, 0x8864 }",
		.help = "with `firewall`: frames that pass beside IP and ARP, by their type; 0: "
			"those "
			"with a length instead"},
	{.name = "service_vlans",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct sw_raw_switch, service_vlans),
		.flags = SCHEMA_LIVE,
		.elem = &vlan_elem,
		.example = "{ \"100-199\" }",
		.help = "VLANs that carry the service tag; outer VLANs of qinq ports always do"},
	{.name = "service_ethertype",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct sw_raw_switch, service_ethertype),
		.flags = SCHEMA_LIVE,
		.min = 0x600,
		.max = 0xffff,
		.def = "34984",
		.example = "0x88a8",
		.help = "type of the service tag (802.1ad: 0x88a8)"},
	{.name = "move_limit",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct sw_raw_switch, move_limit),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = 255,
		.def = "5",
		.help = "moves between ports that a station may make within move_window; 0: any"},
	{.name = "move_window",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct sw_raw_switch, move_window_ns),
		.flags = SCHEMA_LIVE,
		.def = "10s",
		.help = "time over which moves are counted"},
	{.name = "move_hold",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct sw_raw_switch, move_hold_ns),
		.flags = SCHEMA_LIVE,
		.def = "60s",
		.help = "a station that moved too often stays where it is for this long"},
	{0},
};

static const struct schema_row switch_elem = {
	.name = "switch", .type = SCHEMA_OBJECT, .rows = sw_switch_rows};

const struct schema_row sw_sections[] = {
	{.name = "switches",
		.type = SCHEMA_MAP,
		.max = SW_MAX_SWITCHES,
		.elem = &switch_elem,
		.example =
			"{ office = { ports = { lan = { trunk = { 10, 20 } }, web1 = { access = 10 "
			"} } } }",
		.help = "VLAN-aware learning switches"},
	{0},
};
