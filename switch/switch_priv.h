// SPDX-License-Identifier: BSD-3-Clause
// The switch among its own files: what the nodes read, the live switches, the learning rings.
#pragma once

#include "dataplane/dataplane.h"
#include "switch/conf.h"
#include "switch/fdb.h"
#include "switch/switch.h"
#include <stdatomic.h>
#include <string.h>

// ---- what the nodes read (table_switch.c) ------------------------------------------------------------
//
// Built by prepare, published by commit with one pointer store, freed by release after every worker has passed.
// Nodes load it once per vector.

struct sw_port {
	struct vlan_port vlan;         // mode VLAN_NONE: in no switch
	uint32_t reach;                // ports that its frames may go to, VLANs aside
	uint16_t domain;               // index of its switch
	bool learning, storm;          // storm: some class has a limit
	const struct vlan_info *vlans; // of its switch, by VLAN id
	struct fdb_table *const _Atomic *fdb;
	struct bucket_limit limits[STORM_CLASSES];
} __rte_cache_aligned;

struct sw_mirror {
	uint16_t out;  // port
	uint16_t vlan; // tag for the copies; 0: none
};

// Those that a transaction replaces still have their domains while it builds the new ones.
#define SW_DOMAINS (2 * SW_MAX_SWITCHES)

struct sw_state {
	struct sw_port ports[DP_MAX_PORTS];
	struct sw_port routers
		[SW_DOMAINS]; // by domain: where frames of a switch's routed interfaces come from
	uint32_t mirror_rx[DP_MAX_PORTS], mirror_tx[DP_MAX_PORTS]; // sessions, as a mask
	struct sw_mirror mirrors[SW_MAX_MIRRORS];
	unsigned n_switches;
	struct vlan_info vlans[][VLAN_COUNT]; // by switch, in the order of the configuration
};

extern struct sw_state *_Atomic sw_state; // never NULL
// One GCRA number per port and class, shared by the workers; they outlive the state.
extern _Atomic uint64_t sw_storm_buckets[DP_MAX_PORTS][STORM_CLASSES];

// The width of look-up that this CPU can do; set by module init.
extern fdb_resolve_fn sw_resolve;

static inline const struct sw_state *sw_state_get(void) {
	return atomic_load_explicit(&sw_state, memory_order_acquire);
}

// node: what a frame in the switch came in by: a port, or its switch's side to the router (dp_meta.domain).
static inline const struct sw_port *sw_source(const struct sw_state *st, struct rte_mbuf *m) {
	if (likely(m->port < DP_MAX_PORTS))
		return &st->ports[m->port];
	return &st->routers[dp_meta(m)->domain % SW_DOMAINS];
}

// Where a routed interface is: by interface; vlan 0: nowhere. Control writes, nodes read.
struct sw_routed_vlan {
	uint16_t domain, vlan;
};
extern struct sw_routed_vlan sw_routed_vlans[DP_MAX_IFACES];

// ---- counters: written by one worker each, read by control ---------------------------------------------

struct sw_counters {
	uint64_t flooded[STORM_CLASSES]; // frames
	uint64_t storm_dropped[STORM_CLASSES];
	uint64_t copies, copies_failed;   // made by flooding; not made: no buffer
	uint64_t mirrored, mirror_failed; // copies made by mirrors
	uint64_t learn_dropped;           // learning events that found the ring full
} __rte_cache_aligned;
extern struct sw_counters sw_counters[DP_MAX_WORKERS][DP_MAX_PORTS + 1]; // the last: routers

// node: one writer, so no atomic add; control reads whole words.
static inline void sw_count(uint64_t *counter, uint64_t n) {
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline struct sw_counters *sw_counters_of(unsigned port) {
	return &sw_counters[dp_self->id][RTE_MIN(port, (unsigned)DP_MAX_PORTS)];
}

// ---- tags ------------------------------------------------------------------------------------------------

// Between switch_input and switch_flood, dp_meta.user holds vlan_class.tag: what the frame began with.

// Both addresses, to another place that may overlap: 12 bytes through registers.
static inline void sw_addresses_move(char *to, const char *from) {
	uint64_t low;
	uint32_t high;

	memcpy(&low, from, sizeof(low));
	memcpy(&high, from + sizeof(low), sizeof(high));
	memcpy(to, &low, sizeof(low));
	memcpy(to + sizeof(low), &high, sizeof(high));
}

// Gives the frame the tag that it leaves with. `was`: vlan_class.tag; tci 0: none. False: no room for it.
static inline bool sw_tag_set(struct rte_mbuf *m, uint32_t was, uint16_t tpid, uint16_t tci) {
	const uint64_t l2_matters = RTE_MBUF_F_TX_OFFLOAD_MASK;
	uint16_t *tag;
	char *to;

	if (was & VLAN_TAGGED) {
		if (tci == 0) {
			sw_addresses_move(
				rte_pktmbuf_mtod_offset(m, char *, 4), rte_pktmbuf_mtod(m, char *));
			rte_pktmbuf_adj(m, 4);
			if (m->ol_flags & l2_matters)
				m->l2_len -= 4;
			return true;
		}
	} else {
		if (tci == 0)
			return true;
		to = rte_pktmbuf_prepend(m, 4);
		if (unlikely(to == NULL))
			return false;
		sw_addresses_move(to, to + 4);
		if (m->ol_flags & l2_matters)
			m->l2_len += 4;
	}
	tag = rte_pktmbuf_mtod_offset(m, uint16_t *, 12);
	tag[0] = tpid;
	tag[1] = vlan_swap((uint16_t)(tci | (was & VLAN_PRIO)));
	return true;
}

// As it leaves by `out`.
static inline bool sw_tag_egress(
	struct rte_mbuf *m, uint32_t was, const struct vlan_info *v, unsigned vlan, unsigned out) {
	bool untagged = v->untagged >> out & 1;

	return sw_tag_set(m, was, v->tpid, untagged ? 0 : (uint16_t)vlan);
}

// ---- learning (learn.c) ----------------------------------------------------------------------------------

// node: tells control that a source was seen on a port that the table does not have it on. Repetitions within
// about 67 ms are left out; a port can fill a quarter of the worker's ring, so that a flood on one port
// does not stop the others' learning.
void sw_learn_send(uint64_t key, unsigned port, unsigned domain, uint64_t now_ns);
typedef void (*sw_learn_fn)(uint64_t key, unsigned port, unsigned domain);
unsigned sw_learn_drain(sw_learn_fn fn); // control: how many
int sw_learn_init(struct err *err);
void sw_learn_fini(void);

// ---- live switches (table_switch.c): control's own ----------------------------------------------------------

struct sw_routed {
	uint16_t iface; // 0: none
	struct mac mac;
};

struct sw_live {
	char name[SW_NAME];
	unsigned domain;
	struct fdb *fdb;
	struct vlan_info *vlans; // in the published state; control writes `routed` only
	const struct sw_conf *conf;
	struct sw_routed *routed; // by VLAN
	uint64_t full_event_ns;   // when it last said that it is full
};

extern struct sw_live *sw_lives[SW_DOMAINS]; // by domain; NULL: free
struct sw_live *sw_live_find(const char *name);
const char *sw_port_name(const struct sw_live *live, unsigned port); // "-" when it is not a member

struct sw_plan;
int sw_prepare(const struct change *change, void **plan, struct err *err);
void sw_commit(void *plan);
void sw_release(void *plan);
void sw_abort(void *plan);
void sw_table_fini(void);

// ---- control's work between transactions (poll.c) ------------------------------------------------------------

void sw_poll(uint64_t now_ns);
void sw_link_changed(unsigned port, bool up);

// ---- faces (api.c) ---------------------------------------------------------------------------------------------

extern const struct module_noun sw_nouns[];
extern const struct module_action sw_actions[];
