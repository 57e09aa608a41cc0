// SPDX-License-Identifier: BSD-3-Clause
// The section `ports`: its rows, and what rows alone cannot say.
#include "dataplane/port_priv.h"
#include "lib/json.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const driver_words[] = {
	[PORT_DRIVER_AUTO] = "auto",
	[PORT_DRIVER_XDP_NATIVE] = "af_xdp-native",
	[PORT_DRIVER_XDP_COPY] = "af_xdp-copy",
	[PORT_DRIVER_AF_PACKET] = "af_packet",
	[PORT_DRIVER_PCI] = "pci",
	NULL,
};
static const char *const mode_words[] = {"active-backup", "lacp", "balance-xor", NULL};
static const char *const hash_words[] = {"l2", "l23", "l34", NULL};

static const struct schema_row member_row = {
	.type = SCHEMA_STRING, .min = 1, .max = 200, .help = "a device, or the name of a port"};
static const struct schema_row keep_row = {.type = SCHEMA_PREFIX, .help = "address or prefix"};

static const struct schema_row bond_rows[] = {
	{.name = "mode",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct port_bond_conf, mode),
		.words = mode_words,
		.def = "active-backup",
		.help = "one member works and the others wait; LACP (802.1AX) with the other side; "
			"or spread by a "
			"hash over all"},
	{.name = "members",
		.type = SCHEMA_LIST,
		.flags = SCHEMA_REQUIRED | SCHEMA_UNIQUE,
		SCHEMA_FIELD(struct port_bond_conf, members),
		.min = 1,
		.max = 8,
		.elem = &member_row,
		.example = "{ \"eth0\", \"eth1\" }",
		.help = "devices, or ports of this section that are used for nothing else"},
	{.name = "primary",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct port_bond_conf, primary),
		.max = 200,
		.help = "member that works whenever it can, with active-backup"},
	{.name = "hash",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct port_bond_conf, hash),
		.words = hash_words,
		.def = "l34",
		.help = "what keeps a flow on one member: MACs, MACs and IPs, or IPs and ports"},
	{.name = "fast",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct port_bond_conf, fast),
		.def = "false",
		.help = "LACP: ask the other side for a packet per second instead of one in 30 s"},
	{0},
};

const struct schema_row dp_port_rows[] = {
	{.name = "device",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct port_conf, device),
		.min = 1,
		.max = 200,
		.example = "\"eth1\"",
		.help = "a kernel interface (eth1), a PCI address (0000:03:00.0), tap:NAME, "
			"memif:PATH[,id=N][,role=server|client], pcap:IN[,OUT], "
			"null:NAME[,size=N], "
			"ring:NAME, tunnel:NAME (no device: routers.*.vxlan is behind it), or "
			"vdev:net_DRIVER0[,key=value...] (any virtual device that "
			"DPDK "
			"has a driver for)"},
	{.name = "vhost_user",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct port_conf, vhost_user),
		.help = "a vhost-user port: a guest's NIC"},
	{.name = "bond",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct port_conf, bond),
		.rows = bond_rows,
		.help = "several devices as one port"},
	{.name = "driver",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct port_conf, driver),
		.words = driver_words,
		.def = "auto",
		.help = "forces the driver of a kernel interface; auto: the best that works"},
	{.name = "mtu",
		.type = SCHEMA_INT,
		.flags = SCHEMA_LIVE,
		SCHEMA_FIELD(struct port_conf, mtu),
		.min = RTE_ETHER_MIN_MTU,
		.max = DP_MTU_MAX,
		.def = "1500",
		.unit = "B",
		.help = "largest packet; a frame may have 14 bytes and two VLAN tags more"},
	{.name = "enabled",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_LIVE,
		SCHEMA_FIELD(struct port_conf, enabled),
		.def = "true",
		.help = "administrative state"},
	{.name = "promiscuous",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_LIVE,
		SCHEMA_FIELD(struct port_conf, promiscuous),
		.def = "true",
		.help = "receive frames for every MAC address, as a switch must"},
	{.name = "keep",
		.type = SCHEMA_LIST,
		.flags = SCHEMA_LIVE | SCHEMA_UNIQUE,
		SCHEMA_FIELD(struct port_conf, keep),
		.max = 64,
		.elem = &keep_row,
		.example = "{ \"192.0.2.2\" }",
		.help = "addresses on a kernel interface that stay with the kernel (management)"},
	{.name = "mac",
		.type = SCHEMA_MAC,
		SCHEMA_FIELD(struct port_conf, mac),
		.help = "MAC address of the port itself; absent: the device's"},
	{.name = "socket",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct port_conf, socket),
		.min = 1,
		.max = 100,
		.help = "vhost-user: path of the socket; absent: <port>.sock in the run dir"},
	{.name = "client",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct port_conf, client),
		.def = "false",
		.help = "vhost-user: connect to the guest's socket, again and again, instead of "
			"listening"},
	{.name = "queues",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct port_conf, queues),
		.min = 1,
		.max = PORT_QUEUES_MAX,
		.help = "receive and transmit queues; absent: one per worker, as far as the device "
			"has them"},
	{.name = "rx_ring",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct port_conf, rx_ring),
		.min = 64,
		.max = 16384,
		.unit = "packets",
		.help = "length of a receive queue; absent: the driver's choice"},
	{.name = "tx_ring",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct port_conf, tx_ring),
		.min = 64,
		.max = 16384,
		.unit = "packets",
		.help = "length of a transmit queue; absent: the driver's choice"},
	{0},
};

static const struct dp_port_kind *const kinds[] = {
	&port_tap_kind,
	&port_memif_kind,
	&port_pcap_kind,
	&port_null_kind,
	&port_ring_kind,
	&port_vdev_kind,
	&port_tunnel_kind,
};

// Fields that can change while the port stays; what a device cannot do after all, the caller finds out.
static const char *const live_fields[] = {"mtu", "enabled", "promiscuous", "keep"};

void port_conf_decode(const char *name, const json_t *object, struct port_conf *conf) {
	*conf = (struct port_conf){.name = name, .object = object};
	schema_decode(dp_port_rows, object, conf);
}

void port_bond_decode(const json_t *bond, struct port_bond_conf *conf) {
	*conf = (struct port_bond_conf){0};
	schema_decode(bond_rows, bond, conf);
}

// "0000:03:00.0" or "03:00.0"
static bool is_pci(const char *device) {
	unsigned domain, bus, slot, function;
	char rest;

	return (sscanf(device, "%4x:%2x:%2x.%1x%c", &domain, &bus, &slot, &function, &rest) == 4 ||
		       sscanf(device, "%2x:%2x.%1x%c", &bus, &slot, &function, &rest) == 3) &&
		isxdigit((unsigned char)*device) && slot < 32 && function < 8;
}

const struct dp_port_kind *port_kind_find(const struct port_conf *conf) {
	for (unsigned i = 0; conf->device && i < RTE_DIM(kinds); i++) {
		if (strncmp(conf->device, kinds[i]->prefix, strlen(kinds[i]->prefix)) == 0)
			return kinds[i];
	}
	if (conf->device)
		return is_pci(conf->device) ? &port_pci_kind : &port_kernel_kind;
	if (conf->bond)
		return &port_bond_kind;
	return conf->vhost_user ? &port_vhost_kind : NULL;
}

char *port_device_name(const struct port_conf *conf, char *buf, size_t size) {
	const char *colon = strchr(conf->device, ':'), *start = colon ? colon + 1 : conf->device;

	snprintf(buf, size, "%.*s", (int)strcspn(start, ","), start);
	return buf;
}

char *port_device_arg(const struct port_conf *conf, const char *key, char *buf, size_t size) {
	size_t len = strlen(key);

	for (const char *at = strchr(conf->device, ','); at; at = strchr(at + 1, ',')) {
		if (strncmp(at + 1, key, len) != 0 || at[1 + len] != '=')
			continue;
		const char *value = at + 2 + len;
		snprintf(buf, size, "%.*s", (int)strcspn(value, ","), value);
		return buf;
	}
	return NULL;
}

const char *port_socket(const struct port_conf *conf, char *buf, size_t size) {
	if (conf->socket)
		return conf->socket;
	snprintf(
		buf, size, "%s/%s.sock", dp_eal.run_dir ? dp_eal.run_dir : "/run/leat", conf->name);
	return buf;
}

// ---- members of bonds --------------------------------------------------------------------------------------

json_t *port_member(const json_t *ports, const char *member) {
	json_t *object = json_object_get(ports, member), *made = NULL;
	const struct schema_row row = {.type = SCHEMA_OBJECT, .rows = dp_port_rows};

	if (object)
		return json_incref(object);
	json_t *bare = json_pack("{s:s}", "device", member);
	schema_validate_value(&row, bare, NULL, "", &made, NULL);
	json_decref(bare);
	return made;
}

const char *port_master(const json_t *ports, const char *name) {
	const char *master;
	json_t *object, *member;
	size_t i;

	json_object_foreach ((json_t *)(uintptr_t)ports, master, object) {
		json_array_foreach (schema_get(object, "bond.members"), i, member) {
			if (strcmp(json_string_value(member), name) == 0)
				return master;
		}
	}
	return NULL;
}

json_t *port_identity(const json_t *ports, const char *name, const json_t *object) {
	json_t *identity = json_deep_copy(object), *member, *members = json_object();
	size_t i;

	for (unsigned f = 0; f < RTE_DIM(live_fields); f++)
		json_object_del(identity, live_fields[f]);
	json_object_set_new(identity, "name", json_string(name));
	json_array_foreach (schema_get(object, "bond.members"), i, member) {
		const char *text = json_string_value(member);
		json_object_set_new(members, text, port_member(ports, text));
	}
	json_object_set_new(identity, "members", members);
	json_t *copy = json_deep_copy(identity);
	json_decref(identity);
	return copy;
}

void port_claims(const json_t *ports, const char *name, const json_t *object,
	void (*fn)(const char *claim, void *arg), void *arg) {
	char claim[PORT_DEVICE_LEN] = "";
	struct port_conf conf;
	json_t *member;
	size_t i;

	port_conf_decode(name, object, &conf);
	const struct dp_port_kind *kind = port_kind_find(&conf);
	if (kind->claim)
		kind->claim(&conf, claim, sizeof(claim));
	if (*claim)
		fn(claim, arg);
	json_array_foreach (schema_get(object, "bond.members"), i, member) {
		json_t *inner = port_member(ports, json_string_value(member));
		if (inner && !json_object_get(inner, "bond"))
			port_claims(ports, json_string_value(member), inner, fn, arg);
		json_decref(inner);
	}
}

// ---- what rows cannot say ------------------------------------------------------------------------------------

static int which_check(const struct port_conf *conf, const char *path, struct err *err) {
	unsigned n = (conf->device != NULL) + conf->vhost_user + (conf->bond != NULL);

	if (n == 0)
		return err_at(
			err, path, "what is it? give it a device, vhost_user = true, or a bond");
	if (n > 1)
		return err_at(err, path, "device, vhost_user and bond exclude each other");
	if ((conf->socket || conf->client) && !conf->vhost_user)
		return err_at(err, path, "%s is for ports with vhost_user = true",
			conf->socket ? "socket" : "client");
	const struct dp_port_kind *kind = port_kind_find(conf);
	if (!kind)
		return err_at(err, path, "there is no driver for this device");
	if (conf->driver == PORT_DRIVER_PCI && kind != &port_pci_kind)
		return err_at(err, path, "driver pci wants a PCI address as device");
	if (conf->driver != PORT_DRIVER_AUTO && conf->driver != PORT_DRIVER_PCI &&
		kind != &port_kernel_kind)
		return err_at(err, path, "driver %s is for kernel interfaces",
			driver_words[conf->driver]);
	if (conf->keep && json_array_size(conf->keep) > 0 && kind != &port_kernel_kind)
		return err_at(err, path, "keep is for kernel interfaces");
	return kind->check ? kind->check(conf, path, err) : 0;
}

static int members_check(
	const json_t *ports, const struct port_conf *conf, const char *path, struct err *err) {
	struct port_bond_conf bond;
	bool primary_found = false;
	json_t *member;
	size_t i;

	port_bond_decode(conf->bond, &bond);
	json_array_foreach (bond.members, i, member) {
		const char *text = json_string_value(member);
		json_t *object = port_member(ports, text);
		struct port_conf inner;
		int rc = 0;
		primary_found |= bond.primary && strcmp(bond.primary, text) == 0;
		if (!object)
			return err_at(err, path, "bond.members: %s is no device", text);
		port_conf_decode(text, object, &inner);
		if (inner.bond)
			rc = err_at(err, path, "bond.members: %s is a bond itself", text);
		else
			rc = which_check(&inner, path, err);
		if (rc == 0 && port_kind_find(&inner)->alone)
			rc = err_at(err, path,
				"bond.members: %s cannot be a member; kernel interfaces, PCI NICs "
				"and TAPs can",
				text);
		json_decref(object);
		if (rc < 0)
			return rc;
		const char *master = port_master(ports, text);
		if (master && strcmp(master, conf->name) != 0)
			return err_at(err, path, "bond.members: %s is a member of %s already", text,
				master);
	}
	if (bond.primary && !primary_found)
		return err_at(err, path, "bond.primary: %s is none of the members", bond.primary);
	return 0;
}

struct claims {
	json_t *owners;   // claim → port
	const char *name; // of the port whose claims are added
	char other[32];   // the port that was there before; "": none
	char text[PORT_DEVICE_LEN];
};

static void claim_add(const char *claim, void *arg) {
	struct claims *claims = arg;
	const char *owner = json_string_value(json_object_get(claims->owners, claim));

	if (owner && *claims->other == '\0') {
		snprintf(claims->other, sizeof(claims->other), "%s", owner);
		snprintf(claims->text, sizeof(claims->text), "%s", strchr(claim, ':') + 1);
	}
	json_object_set_new(claims->owners, claim, json_string(claims->name));
}

int dp_ports_check(const json_t *ports, const char *path, struct err *err) {
	struct claims claims = {.owners = json_object()};
	char at[128];
	json_t *object;
	int rc = 0;

	json_object_foreach ((json_t *)(uintptr_t)ports, claims.name, object) {
		struct port_conf conf;
		snprintf(at, sizeof(at), "%s.%s", path, claims.name);
		port_conf_decode(claims.name, object, &conf);
		rc = which_check(&conf, at, err);
		if (rc == 0 && conf.bond)
			rc = members_check(ports, &conf, at, err);
		if (rc < 0)
			break;
		if (port_master(ports, claims.name))
			continue; // its claims are the bond's
		port_claims(ports, claims.name, object, claim_add, &claims);
		if (*claims.other == '\0')
			continue;
		rc = err_at(err, at, "%s is in use by port %s; a device belongs to one port",
			claims.text, claims.other);
		break;
	}
	json_decref(claims.owners);
	return rc;
}
