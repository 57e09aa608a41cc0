// SPDX-License-Identifier: BSD-3-Clause
// pure
// What the files of the neighbour table share. Control thread only.
//
//   neigh_table.c   entries, their classes and limits, packets that wait
//   neigh.c         events and timers of entries; the public functions
//   neigh_own.c     the interface's own addresses: DAD, announcements, conflicts
//   neigh_input.c   what ARP and ND say
//   neigh_output.c  what is said
//   neigh_glue.c    the outside as the router has it: slots, routes, buffers (DPDK)
#pragma once

#include "router/neigh/arp.h"
#include "router/neigh/nd.h"
#include "router/neigh/neigh_fsm.h"
#include "router/timers.h"
#include <sys/queue.h>

#define NEIGH_IFACES  4096
#define NEIGH_IDLE_NS 60000000000ull // stale and unused for so long, an entry may make room
#define NEIGH_LOCK_NS \
	1000000000ull // an address that ARP told stays so long: of two answers the first counts
#define NEIGH_DEFEND_NS 10000000000ull // RFC 5227: DEFEND_INTERVAL

// What an interface is at the moment; borrowed.
struct neigh_host {
	struct mac mac;
	const struct prefix *addrs;
	unsigned n_addrs;
	const char *name;
	bool up, proxy_arp, proxy_nd;
};

// The outside, so that tests see what is done.
struct neigh_ops {
	bool (*iface)(uint16_t iface, struct neigh_host *host); // false: there is none
	void (*frame)(uint16_t iface, const uint8_t *frame, size_t len);
	// The adjacency of `addr` has this MAC address. Slot (`slot`, when it is not 0: one that this function returned), or a
	// negative errno: no slot is left.
	int64_t (*publish)(
		uint16_t iface, const struct addr *addr, const struct mac *mac, uint32_t slot);
	// It has none any more, and the slot is given back. Its route went before.
	void (*withdraw)(uint16_t iface, const struct addr *addr, uint32_t slot);
	int (*route)(const struct addr *addr, uint32_t slot, bool on); // host route; 0 or -ENOSPC
	uint32_t (*used)(uint32_t slot);                               // tick
	bool (*wanted)(uint32_t slot, bool routed); // somebody else's routes go by it
	bool (*elsewhere)(
		uint16_t iface, const struct addr *addr); // routed by another interface: proxy
	void (*gateways)(uint16_t iface,
		void (*fn)(const struct addr *addr, uint32_t slot, void *arg), void *arg);
	void (*send)(uint32_t slot, struct rte_mbuf *m);
	void (*unreachable)(struct rte_mbuf *m);
	void (*drop)(struct rte_mbuf *m);
	uint32_t (*random)(void);
};

enum neigh_class {
	NEIGH_COLD,     // incomplete, failed: oldest first
	NEIGH_UNPROVEN, // stale, and never answered us nor was used
	NEIGH_IDLE,     // stale
	NEIGH_LIVE,
	NEIGH_CLASSES,
};

struct neigh_packet {
	TAILQ_ENTRY(neigh_packet) of_entry, of_iface;
	struct neigh_entry *entry;
	struct rte_mbuf *m;
};
TAILQ_HEAD(neigh_packets, neigh_packet);

struct neigh_entry {
	struct timer timer; // first: what fires is the entry
	struct neigh_iface *iface;
	struct neigh_entry *hash_next;
	TAILQ_ENTRY(neigh_entry) link; // in its class
	struct neigh_packets packets;
	struct addr addr;
	struct mac mac;
	uint8_t state, class;
	uint8_t tries; // requests sent in this state
	bool proven, router, from_kernel;
	bool routed;   // has a host route
	uint32_t slot; // 0: not published
	uint32_t used; // tick, when the state was entered
	uint64_t since_ns, mac_ns;
	unsigned queued;
};
TAILQ_HEAD(neigh_entries, neigh_entry);

enum neigh_own_state {
	NEIGH_OWN_WAIT, // for the link, or until it is no longer virtual
	NEIGH_OWN_PROBING,
	NEIGH_OWN_USABLE,
	NEIGH_OWN_DUPLICATE,
};

struct neigh_own {
	struct timer timer; // first
	struct neigh_iface *iface;
	TAILQ_ENTRY(neigh_own) link;
	struct addr addr;
	struct mac mac;           // virtual only
	bool is_real, is_virtual; // as the interface's; with a MAC address of its own
	uint8_t state;            // enum neigh_own_state
	unsigned sent, announcements;
	uint64_t conflict_ns; // 0: none yet
	uint8_t nonce[ND_NONCE];
};

struct neigh_iface {
	struct timer timer; // first: the gateways that are wanted
	uint16_t index;
	bool up, dirty, full_told;
	struct neigh_conf conf;
	struct mac mac; // as published
	struct neigh_entries classes[NEIGH_CLASSES];
	uint32_t n[NEIGH_CLASSES], entries;
	struct neigh_packets packets; // oldest first
	TAILQ_HEAD(, neigh_own) owns;
	unsigned n_owns;
	struct neigh_stats stats;
};

struct neigh_table {
	const struct neigh_ops *ops;
	struct neigh_iface *ifaces[NEIGH_IFACES];
	struct neigh_entry **buckets;
	uint32_t n_buckets, n; // power of two
	uint64_t seed[2];
	struct timers timers;
	size_t n_timers; // that may be set at once
	unsigned queued;
	bool dirty; // an interface is
	void (*on_address)(uint16_t iface, const struct addr *addr, bool usable);
	bool (*on_foreign)(uint16_t iface, const struct addr *addr);
};
extern struct neigh_table neigh;

int neigh_start(const struct neigh_ops *ops, struct err *err); // neigh_init() with its own
static inline struct neigh_iface *neigh_iface(unsigned index) {
	return index < NEIGH_IFACES ? neigh.ifaces[index] : NULL;
}

// ---- neigh_table.c ------------------------------------------------------------------------------------------

struct neigh_entry *neigh_entry_find(const struct neigh_iface *iface, const struct addr *addr);
// In no state and no class but LIVE; `class` is what it will be, by which room is made. NULL: refused, counted.
struct neigh_entry *neigh_entry_new(
	struct neigh_iface *iface, const struct addr *addr, enum neigh_class class);
void neigh_entry_free(struct neigh_entry *e);  // withdraws what is published; packets are dropped
void neigh_entry_class(struct neigh_entry *e); // puts it where its state belongs
void neigh_entry_cut(struct neigh_entry *e);
void neigh_entry_publish(struct neigh_entry *e);      // slot and route, as far as there is room
void neigh_entries_shrink(struct neigh_iface *iface); // to the limit
void neigh_queue(struct neigh_entry *e, struct rte_mbuf *m);
void neigh_queue_flush(
	struct neigh_entry *e, void (*fn)(struct neigh_entry *e, struct rte_mbuf *m));
int neigh_timers_reserve(void); // one more; -ENOMEM

// ---- neigh.c ------------------------------------------------------------------------------------------------

// What `event` does to an entry; `mac`: what was told (CONFIRM, TOLD), or NULL. NULL: the entry is gone.
struct neigh_entry *neigh_step(
	struct neigh_entry *e, enum neigh_event event, const struct mac *mac);
// A station told its address, unasked. `make`: an entry is made of it. `lock`: a young one stays as it is.
struct neigh_entry *neigh_told(struct neigh_iface *iface, const struct addr *addr,
	const struct mac *mac, bool make, bool lock);
bool neigh_is_connected(const struct neigh_host *host, const struct addr *addr);

// ---- neigh_own.c --------------------------------------------------------------------------------------------

struct neigh_own *neigh_own_find(const struct neigh_iface *iface, const struct addr *addr);
static inline bool neigh_own_is_usable(const struct neigh_own *own) {
	return own != NULL && (own->is_virtual || own->state == NEIGH_OWN_USABLE);
}
static inline const struct mac *neigh_own_mac(
	const struct neigh_own *own, const struct neigh_host *host) {
	return own->is_virtual ? &own->mac : &host->mac;
}
void neigh_own_conflict(struct neigh_own *own, const struct mac *mac); // another station has it
void neigh_own_link(struct neigh_iface *iface);                        // went up or down
void neigh_own_announce(struct neigh_iface *iface); // all that are usable, once more
void neigh_own_free_all(struct neigh_iface *iface);

// ---- neigh_input.c ------------------------------------------------------------------------------------------

// A frame with ARP or ND. `summed`: the checksum is known to be right.
void neigh_frame(uint16_t iface, const uint8_t *frame, size_t len, bool summed);

// ---- neigh_output.c -----------------------------------------------------------------------------------------

void neigh_ask(struct neigh_entry *e, const struct neigh_host *host); // request, to all or to it
void neigh_probe(const struct neigh_own *own, const struct neigh_host *host); // DAD
void neigh_announce(const struct neigh_own *own, const struct neigh_host *host);
void neigh_answer_arp(struct neigh_iface *iface, const struct arp *request, const struct mac *mac);
// `target_mac`: what is told. `from`: source address. `own`: it is ours, not a proxied one.
void neigh_answer_nd(struct neigh_iface *iface, const struct nd *request, const struct addr *from,
	const struct mac *to, const struct mac *target_mac, bool own);
// The address to speak from to `to`; NULL: none is usable.
const struct addr *neigh_source(
	const struct neigh_iface *iface, const struct neigh_host *host, const struct addr *to);
