// SPDX-License-Identifier: BSD-3-Clause
// VLANs of a switch: which frame belongs to which, and with which tag it leaves (802.1Q, 802.1ad). Pure.
//
// A port is one of three kinds. access: untagged frames belong to its VLAN; so do priority-tagged ones
// (VID 0); other tags are refused. trunk: tagged frames of its VLANs; untagged and priority-tagged ones belong
// to its native VLAN, if it has one. qinq (a customer's port of a provider bridge): every frame belongs to the
// outer VLAN, whatever tags of the customer it carries; they travel inside, untouched.
//
// A VLAN has one type of tag: 0x8100, or the service type (0x88a8 unless configured) when it is a service VLAN:
// one that a qinq port names as its outer one, or that the switch lists.
#pragma once

#include "lib/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define VLAN_MAX   4094
#define VLAN_COUNT 4096
#define VLAN_TPID  0x8100

struct vlan_set {
	uint64_t bits[VLAN_COUNT / 64];
};

static inline bool vlan_set_has(const struct vlan_set *set, unsigned vlan) {
	return set->bits[vlan / 64] >> (vlan % 64) & 1;
}

static inline void vlan_set_add(struct vlan_set *set, unsigned vlan) {
	set->bits[vlan / 64] |= 1ull << (vlan % 64);
}

unsigned vlan_set_count(const struct vlan_set *set);
// Adds what a list says, [10, 20, "30-39"], or one element of one, to `set`. 0 or -EINVAL with the element's path.
int vlan_set_parse(const json_t *list, const char *path, struct vlan_set *set, struct err *err);
// "10,20,30-39". New reference.
json_t *vlan_set_print(const struct vlan_set *set);

enum vlan_mode { VLAN_NONE, VLAN_ACCESS, VLAN_TRUNK, VLAN_QINQ };

// What a worker reads of one VLAN: a quarter of a cache line. Immutable, but for `routed`.
struct vlan_info {
	uint32_t members;  // ports
	uint32_t untagged; // of these: leave without a tag
	uint16_t tpid;     // as on the wire
	uint16_t routed;   // the routed interface; 0: none. One store of control's
	uint32_t pad;
};

// What classification reads of one port.
struct vlan_port {
	uint16_t mode;         // enum vlan_mode
	uint16_t pvid;         // of untagged frames; 0: none
	uint16_t service_tpid; // as on the wire
	uint16_t bit_index;    // the port, as in the masks
};

enum vlan_verdict {
	VLAN_OK,
	VLAN_BAD_UNTAGGED,  // a trunk without a native VLAN
	VLAN_BAD_TAGGED,    // a tag on an access port
	VLAN_BAD_MEMBER,    // a VLAN that the port is not in, or its tag is of the wrong type
	VLAN_BAD_TRUNCATED, // ends within its tag
};

struct vlan_class {
	uint32_t vlan;
	uint32_t tag; // PCP and DEI in their place in the TCI, host order, and VLAN_TAGGED
};
#define VLAN_TAGGED 0x10000u // the frame begins with a tag that the switch took for its own
#define VLAN_PRIO   0xf000u

static inline uint16_t vlan_swap(uint16_t v) {
	return __builtin_bswap16(v);
}

// `type`, `tci`: the two words after the addresses, as on the wire; `len`: bytes of the frame that lie together.
static inline enum vlan_verdict vlan_classify(const struct vlan_port *port,
	const struct vlan_info *vlans, uint16_t type, uint16_t tci, unsigned len,
	struct vlan_class *out) {
	bool is_tag = type == vlan_swap(VLAN_TPID) || type == port->service_tpid;
	uint16_t host = vlan_swap(tci), vid = host & 0xfff;

	*out = (struct vlan_class){port->pvid, 0};
	if (__builtin_expect(!is_tag, 1))
		return port->pvid != 0 ? VLAN_OK : VLAN_BAD_UNTAGGED;
	if (len < 18)
		return VLAN_BAD_TRUNCATED;
	out->tag = host & VLAN_PRIO;
	if (port->mode == VLAN_QINQ)
		return VLAN_OK;
	out->tag |= VLAN_TAGGED;
	if (vid == 0)
		return port->pvid != 0 ? VLAN_OK : VLAN_BAD_UNTAGGED;
	if (port->mode != VLAN_TRUNK)
		return VLAN_BAD_TAGGED;
	out->vlan = vid;
	if (!(vlans[vid].members >> port->bit_index & 1) || vlans[vid].tpid != type)
		return VLAN_BAD_MEMBER;
	return VLAN_OK;
}
