// SPDX-License-Identifier: BSD-3-Clause
#include "switch/conf_priv.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 256

const char *const storm_class_names[STORM_CLASSES + 1] = {
	"broadcast", "multicast", "unknown", NULL};

static void name_copy(char to[static SW_NAME], const char *from) {
	snprintf(to, SW_NAME, "%s", from);
}

static int no_memory(struct err *err) {
	return err_set(err, -ENOMEM, "switches: out of memory");
}

static void port_storm(struct sw_conf_port *port, const json_t *storm) {
	struct sw_raw_storm raw = {0};

	if (storm == NULL)
		return;
	schema_decode(sw_storm_rows, storm, &raw);
	for (unsigned c = 0; c < STORM_CLASSES; c++) {
		port->storm_set[c] = json_object_get(storm, storm_class_names[c]) != NULL;
		port->storm[c] = raw.rate[c];
	}
}

static void port_vlans(struct sw_conf_port *port, const struct sw_raw_port *raw) {
	struct sw_raw_qinq qinq = {0};

	port->mode = VLAN_ACCESS;
	port->pvid = raw->access != 0 ? (unsigned)raw->access : 1;
	if (raw->trunk != NULL) {
		port->mode = VLAN_TRUNK;
		port->pvid = (unsigned)raw->native;
		vlan_set_parse(raw->trunk, "trunk", &port->vlans, NULL);
	} else if (raw->qinq != NULL) {
		schema_decode(sw_qinq_rows, raw->qinq, &qinq);
		port->mode = VLAN_QINQ;
		port->pvid = (unsigned)qinq.outer;
	}
	if (port->pvid != 0)
		vlan_set_add(&port->vlans, port->pvid);
}

static int ports_parse(struct sw_conf *sw, const json_t *ports, struct err *err) {
	const char *name;
	json_t *value;

	sw->ports = calloc(json_object_size(ports) + 1, sizeof(*sw->ports));
	if (sw->ports == NULL)
		return no_memory(err);
	json_object_foreach ((json_t *)ports, name, value) {
		struct sw_conf_port *port = &sw->ports[sw->n_ports++];
		struct sw_raw_port raw = {0};

		schema_decode(sw_port_rows, value, &raw);
		name_copy(port->name, name);
		port->index = -1;
		port->isolated = raw.isolated;
		port->learning = raw.learning;
		port->mac_limit = (uint32_t)raw.mac_limit;
		port_vlans(port, &raw);
		port_storm(port, raw.storm);
		if (port->mode == VLAN_QINQ)
			vlan_set_add(&sw->service, port->pvid);
	}
	return 0;
}

static int static_add(struct sw_conf *sw, const struct mac *mac, const json_t *value,
	const char *path, struct err *err) {
	struct sw_conf_static *entry = &sw->statics[sw->n_statics];
	struct sw_raw_static raw = {0};
	const struct sw_conf_port *port;

	schema_decode(sw_static_rows, value, &raw);
	port = sw_conf_port(sw, raw.port);
	if (port == NULL)
		return err_at(
			err, path, "port %s is not in this switch; add it to its ports", raw.port);
	if (!vlan_set_has(&port->vlans, (unsigned)raw.vlan))
		return err_at(err, path, "port %s is not in VLAN %d; add the VLAN to the port",
			raw.port, (int)raw.vlan);
	for (unsigned i = 0; i < sw->n_statics; i++)
		if (sw->statics[i].vlan == raw.vlan &&
			memcmp(&sw->statics[i].mac, mac, sizeof(*mac)) == 0)
			return err_at(err, path, "VLAN %d has this station twice; keep one",
				(int)raw.vlan);
	entry->mac = *mac;
	entry->vlan = (uint16_t)raw.vlan;
	entry->port = (uint16_t)(port - sw->ports);
	sw->n_statics++;
	return 0;
}

static int mac_statics(struct sw_conf *sw, const char *text, const json_t *value, struct err *err) {
	char path[PATH], at[PATH + 32];
	struct mac mac;

	snprintf(path, sizeof(path), "switches.%s.static.%s", sw->name, text);
	if (mac_parse(text, &mac) != 0 || mac_is_multicast(&mac))
		return err_at(err, path,
			"a static station needs a unicast MAC address (its first byte is even)");
	if (!json_is_array(value))
		return static_add(sw, &mac, value, path, err);
	for (size_t i = 0; i < json_array_size(value); i++) {
		snprintf(at, sizeof(at), "%s[%zu]", path, i + 1);
		if (static_add(sw, &mac, json_array_get(value, i), at, err) != 0)
			return -EINVAL;
	}
	return 0;
}

static int statics_parse(struct sw_conf *sw, const json_t *statics, struct err *err) {
	const char *text;
	json_t *value;
	size_t n = 0;

	json_object_foreach ((json_t *)statics, text, value)
		n += json_is_array(value) ? json_array_size(value) : 1;
	if (n > sw->mac_limit) {
		char path[PATH];

		snprintf(path, sizeof(path), "switches.%s.static", sw->name);
		return err_at(err, path, "%zu static stations, but mac_limit is %u; raise it", n,
			sw->mac_limit);
	}
	sw->statics = calloc(n + 1, sizeof(*sw->statics));
	if (sw->statics == NULL)
		return no_memory(err);
	json_object_foreach ((json_t *)statics, text, value) {
		if (mac_statics(sw, text, value, err) != 0)
			return -EINVAL;
	}
	return 0;
}

static int mirror_parse(
	struct sw_conf *sw, const char *name, const json_t *value, struct err *err) {
	struct sw_conf_mirror *mirror = &sw->mirrors[sw->n_mirrors++];
	struct sw_raw_mirror raw = {0};
	char path[PATH];

	snprintf(path, sizeof(path), "switches.%s.mirror.%s", sw->name, name);
	schema_decode(sw_mirror_rows, value, &raw);
	name_copy(mirror->name, name);
	name_copy(mirror->to, raw.to);
	mirror->direction = raw.direction;
	mirror->vlan = (uint16_t)raw.vlan;
	mirror->from = calloc(json_array_size(raw.from) + 1, sizeof(*mirror->from));
	if (mirror->from == NULL)
		return no_memory(err);
	for (size_t i = 0; i < json_array_size(raw.from); i++) {
		const char *from = json_string_value(json_array_get(raw.from, i));

		if (sw_conf_port(sw, from) == NULL)
			return err_at(err, path,
				"port %s is not in this switch; mirror it in its own", from);
		name_copy(mirror->from[mirror->n_from++], from);
	}
	return 0;
}

static int mirrors_parse(struct sw_conf *sw, const json_t *mirrors, struct err *err) {
	const char *name;
	json_t *value;
	int rc;

	sw->mirrors = calloc(json_object_size(mirrors) + 1, sizeof(*sw->mirrors));
	if (sw->mirrors == NULL)
		return no_memory(err);
	json_object_foreach ((json_t *)mirrors, name, value) {
		rc = mirror_parse(sw, name, value, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int switch_parse(
	struct sw_conf *sw, const char *name, const json_t *value, struct err *err) {
	struct sw_raw_switch raw = {0};
	int rc;

	schema_decode(sw_switch_rows, value, &raw);
	name_copy(sw->name, name);
	sw->ageing_ns = raw.ageing_ns;
	sw->mac_limit = (uint32_t)raw.mac_limit;
	sw->service_ethertype = (uint16_t)raw.service_ethertype;
	sw->move_limit = (unsigned)raw.move_limit;
	sw->move_window_ns = raw.move_window_ns;
	sw->move_hold_ns = raw.move_hold_ns;
	vlan_set_parse(raw.service_vlans, "service_vlans", &sw->service, NULL);
	rc = ports_parse(sw, raw.ports, err);
	if (rc == 0)
		rc = statics_parse(sw, raw.statics, err);
	return rc != 0 ? rc : mirrors_parse(sw, raw.mirror, err);
}

// Whose port is it? Asked of the switches before `sw`.
static int check_owner(const struct sw_conf_all *all, const struct sw_conf *sw, struct err *err) {
	char path[PATH];

	for (unsigned p = 0; p < sw->n_ports; p++) {
		for (const struct sw_conf *other = all->switches; other < sw; other++) {
			if (sw_conf_port(other, sw->ports[p].name) == NULL)
				continue;
			snprintf(path, sizeof(path), "switches.%s.ports.%s", sw->name,
				sw->ports[p].name);
			return err_at(err, path,
				"the port is already in switch %s; a port is in one switch only",
				other->name);
		}
	}
	return 0;
}

// Copies of copies would never end: what receives copies is not watched itself.
static int check_mirror(const struct sw_conf_all *all, const struct sw_conf *sw,
	const struct sw_conf_mirror *mirror, struct err *err) {
	char path[PATH];

	for (unsigned s = 0; s < all->n; s++) {
		for (unsigned i = 0; i < all->switches[s].n_mirrors; i++) {
			const struct sw_conf_mirror *other = &all->switches[s].mirrors[i];

			for (unsigned f = 0; f < other->n_from; f++) {
				if (strcmp(other->from[f], mirror->to) != 0)
					continue;
				snprintf(path, sizeof(path), "switches.%s.mirror.%s.to", sw->name,
					mirror->name);
				return err_at(err, path,
					"port %s is watched by mirror %s; choose another port",
					mirror->to, other->name);
			}
		}
	}
	return 0;
}

static int check_all(const struct sw_conf_all *all, struct err *err) {
	unsigned mirrors = 0;

	for (unsigned s = 0; s < all->n; s++) {
		const struct sw_conf *sw = &all->switches[s];

		if (check_owner(all, sw, err) != 0)
			return -EINVAL;
		for (unsigned i = 0; i < sw->n_mirrors; i++)
			if (check_mirror(all, sw, &sw->mirrors[i], err) != 0)
				return -EINVAL;
		mirrors += sw->n_mirrors;
	}
	if (mirrors > SW_MAX_MIRRORS)
		return err_at(err, "switches", "%u mirrors; at most %d in all switches together",
			mirrors, SW_MAX_MIRRORS);
	return 0;
}

int sw_conf_parse(const json_t *switches, struct sw_conf_all *all, struct err *err) {
	const char *name;
	json_t *value;
	int rc = 0;

	*all = (struct sw_conf_all){0};
	all->switches = calloc(json_object_size(switches) + 1, sizeof(*all->switches));
	if (all->switches == NULL)
		return no_memory(err);
	json_object_foreach ((json_t *)switches, name, value) {
		rc = switch_parse(&all->switches[all->n++], name, value, err);
		if (rc != 0)
			goto fail;
	}
	rc = check_all(all, err);
	if (rc == 0)
		return 0;
fail:
	sw_conf_fini(all);
	return rc;
}

void sw_conf_fini(struct sw_conf_all *all) {
	for (unsigned s = 0; s < all->n; s++) {
		struct sw_conf *sw = &all->switches[s];

		for (unsigned i = 0; i < sw->n_mirrors; i++)
			free(sw->mirrors[i].from);
		free(sw->mirrors);
		free(sw->statics);
		free(sw->ports);
	}
	free(all->switches);
	*all = (struct sw_conf_all){0};
}

const struct sw_conf_port *sw_conf_port(const struct sw_conf *sw, const char *name) {
	for (unsigned i = 0; i < sw->n_ports; i++)
		if (strcmp(sw->ports[i].name, name) == 0)
			return &sw->ports[i];
	return NULL;
}

const struct sw_conf *sw_conf_find(const struct sw_conf_all *all, const char *name) {
	for (unsigned i = 0; i < all->n; i++)
		if (strcmp(all->switches[i].name, name) == 0)
			return &all->switches[i];
	return NULL;
}
