// SPDX-License-Identifier: BSD-3-Clause
// The `switches` section as C structs: decoded and checked, names of ports not yet resolved. Pure.
#pragma once

#include "lib/addr.h"
#include "lib/schema.h"
#include "switch/storm.h"
#include "switch/vlan.h"

#define SW_MAX_SWITCHES 255
#define SW_MAX_PORTS    32
#define SW_MAX_MIRRORS  32 // all switches together
#define SW_MAC_LIMIT    1048576
#define SW_NAME         32
#define SW_PASS_TYPES   16

struct sw_conf_port {
	char name[SW_NAME];
	enum vlan_mode mode;
	unsigned pvid;         // access VLAN, native VLAN or outer VLAN; 0: none
	struct vlan_set vlans; // all that it is in
	bool isolated, learning;
	uint32_t mac_limit; // 0: none
	bool storm_set[STORM_CLASSES];
	uint64_t storm[STORM_CLASSES]; // frames per second
	int index;                     // set by whoever resolves the name; -1 until then
};

struct sw_conf_static {
	struct mac mac;
	uint16_t vlan;
	uint16_t port; // index into ports[] of the switch
};

enum sw_direction { SW_DIR_RX, SW_DIR_TX, SW_DIR_BOTH };

struct sw_conf_mirror {
	char name[SW_NAME];
	char (*from)[SW_NAME];
	unsigned n_from;
	char to[SW_NAME];
	enum sw_direction direction;
	uint16_t vlan; // tag on the copies; 0: none
};

struct sw_conf {
	char name[SW_NAME];
	struct sw_conf_port *ports;
	unsigned n_ports;
	struct sw_conf_static *statics;
	unsigned n_statics;
	struct sw_conf_mirror *mirrors;
	unsigned n_mirrors;
	struct vlan_set service; // VLANs with the service tag
	uint16_t service_ethertype;
	uint64_t ageing_ns;
	uint32_t mac_limit;
	unsigned move_limit;
	uint64_t move_window_ns, move_hold_ns;
};

struct sw_conf_all {
	struct sw_conf *switches;
	unsigned n;
};

extern const struct schema_row sw_sections[]; // `switches`

// Decodes a validated tree. What one row cannot know is checked here: a port in two switches, a static entry
// on a port that is not in its VLAN. 0, or a negative errno with err set.
int sw_conf_parse(const json_t *switches, struct sw_conf_all *all, struct err *err);
void sw_conf_fini(struct sw_conf_all *all);
const struct sw_conf_port *sw_conf_port(const struct sw_conf *sw, const char *name); // or NULL
const struct sw_conf *sw_conf_find(const struct sw_conf_all *all, const char *name); // or NULL
extern const char *const storm_class_names[STORM_CLASSES + 1]; // closed by NULL
