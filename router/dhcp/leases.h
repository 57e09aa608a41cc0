// SPDX-License-Identifier: BSD-3-Clause
// pure
// Who has which address: the leases of one router's DHCP servers. Found by address and by client; those that are over stay, so that
// their client gets the same address again, until somebody else needs it (oldest first) or the table is full.
//
// Bounded by `limit`. Writer and reader: control. A lease's memory is the table's.
#pragma once

#include "lib/addr.h"
#include "router/timers.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define DHCP_ID_MAX   128 // bytes of a client's identity; of a longer one the first and a hash of all
#define DHCP_NAME_MAX 64

enum dhcp_lease_state {
	DHCP_LEASE_PROBING,  // is somebody there already? The offer waits
	DHCP_LEASE_OFFERED,  // until the client has answered
	DHCP_LEASE_BOUND,    // until expires_ns
	DHCP_LEASE_EXPIRED,  // over, or released: kept for its client
	DHCP_LEASE_DECLINED, // somebody else is there: nobody's until expires_ns
	DHCP_LEASE_STATES,
};

// RFC 2131 section 2.1: option 61 as it came; without it 0, htype and hardware address (no option 61 is like that: those have a type
// that is no 0 before an address, RFC 2132 section 9.14).
struct dhcp_id {
	uint8_t len, bytes[DHCP_ID_MAX];
};

struct dhcp_leases;

struct dhcp_lease {
	struct timer timer; // first: what is over is told by it
	uint32_t addr;      // host order
	uint8_t state;
	uint64_t expires_ns; // EXPIRED: when it was over
	struct dhcp_id id;
	struct mac mac;
	char hostname[DHCP_NAME_MAX];
	uint16_t iface; // by which it was asked for last
	struct dhcp_leases *table;
	struct dhcp_lease *by_addr, *by_id; // next in the bucket
	TAILQ_ENTRY(dhcp_lease) order;      // EXPIRED: oldest first
	void *waiting;                      // PROBING: the server's, and what its timer calls then
};

struct dhcp_leases {
	uint32_t limit, n, n_state[DHCP_LEASE_STATES];
	uint32_t buckets; // power of two
	struct dhcp_lease **by_addr, **by_id;
	TAILQ_HEAD(dhcp_lease_list, dhcp_lease) expired;
	struct timers timers;
	// told when a lease is over, goes to another state or goes away (state DHCP_LEASE_STATES), after that
	void (*changed)(struct dhcp_lease *lease, void *arg);
	void *arg;
};

int dhcp_leases_init(struct dhcp_leases *table, uint32_t limit); // -ENOMEM
void dhcp_leases_fini(struct dhcp_leases *table);
struct dhcp_lease *dhcp_lease_find(const struct dhcp_leases *table, uint32_t addr);
// The lease of a client in a subnet (network and mask, host order), the best state first.
struct dhcp_lease *dhcp_lease_of(
	const struct dhcp_leases *table, const struct dhcp_id *id, uint32_t network, uint32_t mask);
// A new one, in state PROBING without end. NULL: no memory, or the table is full of leases that are not over.
struct dhcp_lease *dhcp_lease_add(
	struct dhcp_leases *table, uint32_t addr, const struct dhcp_id *id);
// Another client's from now on.
void dhcp_lease_give(struct dhcp_lease *lease, const struct dhcp_id *id);
// `expires_ns` 0: without end (of PROBING). What is OFFERED or PROBING and was never bound goes away when it is over.
void dhcp_lease_set(struct dhcp_lease *lease, enum dhcp_lease_state state, uint64_t expires_ns);
void dhcp_lease_del(struct dhcp_lease *lease);
// In no order. fn returns false to stop; it may delete the lease that it is given.
void dhcp_leases_foreach(
	struct dhcp_leases *table, bool (*fn)(struct dhcp_lease *lease, void *arg), void *arg);
// What a lease's timer does, unless the server wants something else of it for once: the lease is over.
void dhcp_lease_over(struct timer *timer, uint64_t now_ns);
void dhcp_leases_poll(struct dhcp_leases *table, uint64_t now_ns);

void dhcp_id_set(struct dhcp_id *id, const uint8_t *bytes, size_t len);
void dhcp_id_of_mac(struct dhcp_id *id, unsigned htype, const uint8_t *bytes, size_t len);
bool dhcp_id_same(const struct dhcp_id *a, const struct dhcp_id *b);
