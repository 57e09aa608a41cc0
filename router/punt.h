// SPDX-License-Identifier: BSD-3-Clause
// Packets between workers and control.
//
//   up    worker → its own ring → control's poll: ARP, ND, packets that wait for a neighbour, messages for services (DHCP, RA,
//         VRRP). Token buckets per class, so that a flood of one class starves neither another nor the workers; what exceeds is
//         dropped and counted by name.
//   down  control → one ring → the `inject` node of worker 0: frames to an interface, or packets to be routed.
// What goes to the kernel (twins) does not come here: the `punt` node sends it to the twin's port.
#pragma once

#include "dataplane/dataplane.h"
#include "lib/err.h"

enum punt_class {
	PUNT_ARP,
	PUNT_ND,
	PUNT_RESOLVE, // user = next-hop slot
	PUNT_VRRP,
	PUNT_DHCP,
	PUNT_RA,
	PUNT_CLASSES,
};

#define PUNT_RING 1024

// node: hands `m` to control (dp_meta: iface, user). false: over its rate or the ring is full; the caller still owns it.
bool punt_send_up(enum punt_class class, struct rte_mbuf *m);
// control: a whole Ethernet frame (its type and addresses written) leaves by interface `iface`. Takes the packet.
void punt_frame(uint16_t iface, struct rte_mbuf *m);
// control: an IP packet (at data start: 14 bytes of room for an Ethernet header, then IP; m->l2_len = 14) is looked up in `vrf` and sent
// on its way; it is ours: no uRPF, TTL is not decremented. Takes the packet.
void punt_route(uint16_t vrf, struct rte_mbuf *m);
// control: a packet that waited goes on by next-hop slot `slot` (ip_rewrite). Takes the packet.
void punt_resolved(uint32_t slot, struct rte_mbuf *m);
// control: a packet goes no further; its sender is told `what` (ip_error()). Takes the packet.
void punt_error(struct rte_mbuf *m, uint32_t what);
// control: a whole frame goes to the kernel by `port`, a host twin's. Takes the packet.
void punt_twin(uint16_t port, struct rte_mbuf *m);
// control, in commit: returns when worker 0 has sent what control gave it (at most 50 ms later), for last words of what goes.
void punt_flush(void);
void punt_handler(enum punt_class class,
	void (*receive)(struct rte_mbuf *m)); // control, at init; the handler owns m
void punt_rate_set(enum punt_class class, uint64_t per_s);
void punt_poll(uint64_t now_ns); // control: drains the rings
int punt_init(struct err *err);
void punt_fini(void);
