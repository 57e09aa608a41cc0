// SPDX-License-Identifier: BSD-3-Clause
// Routed interfaces as nodes see them. Index: the port's for an interface on a port, one of dp_iface_new()'s for a VLAN
// of a switch.
//
// Control writes; prepare builds a new struct rtr_iface, commit swaps the pointer, release frees the old one after
// dp_sync(). Nodes read. Counters are separate, so that they outlive a change.
#pragma once

#include "dataplane/dataplane.h"
#include "lib/addr.h"

#define RTR_NAME          32
#define RTR_DYNAMIC_ADDRS 16 // of one interface (dynamic.h)
#define RTR_IFACE_ADDRS \
	32 // addresses of one interface, both families, link-local and dynamic ones included
#define RTR_MAX_VRFS 64

enum rtr_urpf { RTR_URPF_OFF, RTR_URPF_STRICT, RTR_URPF_LOOSE };

// Who gave an interface an address.
enum rtr_from {
	RTR_FROM_CONF,
	RTR_FROM_DHCP,
	RTR_FROM_RA,
	RTR_FROM_VRRP,
	RTR_FROM_TUNNEL,
	RTR_FROM_COUNT
};

struct rtr_iface {
	// what the fast path reads first: one cache line
	uint16_t index;
	uint16_t vrf;        // index into rtr_vrfs
	uint16_t mtu;        // of IP packets
	uint16_t port;       // port it leaves by; DP_NONE: a VLAN of a switch, or a tunnel
	uint16_t vlan;       // VLAN in that switch; 0: no VLAN of a switch
	uint16_t sw;         // index of that switch (dp_meta.domain)
	uint16_t twin;       // port of the host twin; DP_NONE: none
	uint16_t mss4, mss6; // clamp TCP's MSS to this in SYNs that leave by it; 0: no
	uint8_t urpf;        // enum rtr_urpf
	uint8_t dscp;        // written on packets that leave by it; 255: left alone
	bool has_policy;     // packets that come in by it are judged by policy rules first
	bool proxy_arp, proxy_nd;
	bool shortcut; // its twin may have one: host/shortcut/README.md
	bool tunnel;   // no Ethernet and no neighbours: tunnel/tunnel.h
	struct rte_ether_addr mac;
	// addresses with prefix lengths, in the order of the config; [0] of a family is the source of our own packets
	uint16_t n_addrs;
	struct prefix addrs[RTR_IFACE_ADDRS];
	uint8_t from[RTR_IFACE_ADDRS]; // enum rtr_from of each
	uint16_t
		mtu_said[RTR_FROM_COUNT]; // CONF: as configured; others may lower it; 0: no opinion
	char name[RTR_NAME];
	char router[RTR_NAME];
	char zone[RTR_NAME]; // "" : none
} __rte_cache_aligned;

// NULL: no routed interface of that index. Nodes read it once per run of packets.
extern struct rtr_iface *rtr_ifaces[DP_MAX_IFACES];

static inline const struct rtr_iface *rtr_iface(unsigned index) {
	return index < DP_MAX_IFACES ? __atomic_load_n(&rtr_ifaces[index], __ATOMIC_ACQUIRE) : NULL;
}

// Per worker and interface; written by that worker only. table_iface.c owns the memory (allocated with the workers).
struct rtr_count {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; // IP packets and their IP bytes
};
extern struct rtr_count *rtr_counts[DP_MAX_WORKERS]; // [worker][iface]
static inline struct rtr_count *rtr_count(unsigned iface) {
	return &rtr_counts[dp_self->id][iface];
}

// The address of `iface` to speak from to `to` (same subnet first, else the first of the family; v6: scope is
// respected: link-local to link-local), or NULL. Node or control.
const struct addr *rtr_iface_source(const struct rtr_iface *iface, const struct addr *to);
// Whether `addr` is one of its own; a broadcast address of one of its subnets. Node or control.
bool rtr_iface_owns(const struct rtr_iface *iface, const struct addr *addr);
bool rtr_iface_broadcast(const struct rtr_iface *iface, const struct addr *addr);
int rtr_iface_init(struct err *err); // control: the counters
void rtr_iface_fini(void);
// control: packets between the wire and its twin that no worker saw, and how many there were since the interface was made.
void rtr_iface_count_add(unsigned iface, const struct rtr_count *more);
const struct rtr_count *rtr_iface_count_beside(unsigned iface);
// control: the sum over the workers, and what came in beside them, since the interface was made (rtr_iface_forget() begins anew).
struct rtr_count rtr_iface_count(unsigned iface);
void rtr_iface_forget(unsigned iface);
