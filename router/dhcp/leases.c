// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/dhcp/leases.h"
#include "lib/hash.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// ---- identities -----------------------------------------------------------------------------------------------

void dhcp_id_set(struct dhcp_id *id, const uint8_t *bytes, size_t len) {
	uint64_t hash = hash_bytes(bytes, len);

	*id = (struct dhcp_id){.len = (uint8_t)(len < DHCP_ID_MAX ? len : DHCP_ID_MAX)};
	memcpy(id->bytes, bytes, id->len);
	if (len > DHCP_ID_MAX)
		memcpy(id->bytes + DHCP_ID_MAX - sizeof(hash), &hash, sizeof(hash));
}

void dhcp_id_of_mac(struct dhcp_id *id, unsigned htype, const uint8_t *bytes, size_t len) {
	*id = (struct dhcp_id){.len = (uint8_t)(2 + len)};
	id->bytes[1] = (uint8_t)htype;
	memcpy(id->bytes + 2, bytes, len);
}

bool dhcp_id_same(const struct dhcp_id *a, const struct dhcp_id *b) {
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

// ---- the table --------------------------------------------------------------------------------------------------

static struct dhcp_lease **addr_bucket(const struct dhcp_leases *table, uint32_t addr) {
	return &table->by_addr[addr * 0x9e3779b1u >> 8 & (table->buckets - 1)];
}

static struct dhcp_lease **id_bucket(const struct dhcp_leases *table, const struct dhcp_id *id) {
	uint64_t hash = hash_bytes(id->bytes, id->len);

	return &table->by_id[(hash ^ hash >> 32) & (table->buckets - 1)];
}

int dhcp_leases_init(struct dhcp_leases *table, uint32_t limit) {
	*table = (struct dhcp_leases){.limit = limit, .buckets = 64};
	TAILQ_INIT(&table->expired);
	while (table->buckets < limit)
		table->buckets *= 2;
	table->by_addr = calloc(table->buckets, sizeof(struct dhcp_lease *));
	table->by_id = calloc(table->buckets, sizeof(struct dhcp_lease *));
	if (table->by_addr && table->by_id && timers_reserve(&table->timers, limit) == 0)
		return 0;
	dhcp_leases_fini(table);
	return -ENOMEM;
}

void dhcp_leases_fini(struct dhcp_leases *table) {
	table->changed = NULL;
	for (uint32_t b = 0; table->by_addr && b < table->buckets; b++)
		while (table->by_addr[b])
			dhcp_lease_del(table->by_addr[b]);
	free(table->by_addr);
	free(table->by_id);
	timers_fini(&table->timers);
	*table = (struct dhcp_leases){0};
}

struct dhcp_lease *dhcp_lease_find(const struct dhcp_leases *table, uint32_t addr) {
	struct dhcp_lease *lease = *addr_bucket(table, addr);

	while (lease && lease->addr != addr)
		lease = lease->by_addr;
	return lease;
}

struct dhcp_lease *dhcp_lease_of(const struct dhcp_leases *table, const struct dhcp_id *id,
	uint32_t network, uint32_t mask) {
	static const uint8_t rank[DHCP_LEASE_STATES] = {[DHCP_LEASE_BOUND] = 4,
		[DHCP_LEASE_OFFERED] = 3,
		[DHCP_LEASE_PROBING] = 2,
		[DHCP_LEASE_EXPIRED] = 1};
	struct dhcp_lease *best = NULL;

	for (struct dhcp_lease *l = *id_bucket(table, id); l; l = l->by_id)
		if ((l->addr & mask) == network && rank[l->state] > 0 && dhcp_id_same(&l->id, id) &&
			(!best || rank[l->state] > rank[best->state]))
			best = l;
	return best;
}

static void state_set(struct dhcp_lease *lease, unsigned state) {
	struct dhcp_leases *table = lease->table;

	if (lease->state == DHCP_LEASE_EXPIRED)
		TAILQ_REMOVE(&table->expired, lease, order);
	table->n_state[lease->state]--;
	lease->state = (uint8_t)state;
	if (state == DHCP_LEASE_STATES)
		return;
	table->n_state[state]++;
	if (state == DHCP_LEASE_EXPIRED)
		TAILQ_INSERT_TAIL(&table->expired, lease, order);
}

static void tell(struct dhcp_lease *lease) {
	if (lease->table->changed)
		lease->table->changed(lease, lease->table->arg);
}

void dhcp_lease_over(struct timer *timer, uint64_t now_ns) {
	struct dhcp_lease *lease = (struct dhcp_lease *)timer;

	if (lease->state == DHCP_LEASE_BOUND)
		dhcp_lease_set(lease, DHCP_LEASE_EXPIRED, now_ns);
	else
		dhcp_lease_del(lease);
}

static void id_unlink(struct dhcp_lease *lease) {
	struct dhcp_lease **at = id_bucket(lease->table, &lease->id);

	while (*at != lease)
		at = &(*at)->by_id;
	*at = lease->by_id;
}

static void id_link(struct dhcp_lease *lease, const struct dhcp_id *id) {
	struct dhcp_lease **bucket = id_bucket(lease->table, id);

	lease->id = *id;
	lease->by_id = *bucket;
	*bucket = lease;
}

struct dhcp_lease *dhcp_lease_add(
	struct dhcp_leases *table, uint32_t addr, const struct dhcp_id *id) {
	struct dhcp_lease **bucket, *lease;

	if (table->n >= table->limit && !TAILQ_EMPTY(&table->expired))
		dhcp_lease_del(TAILQ_FIRST(&table->expired));
	lease = table->n < table->limit ? calloc(1, sizeof(*lease)) : NULL;
	if (lease == NULL)
		return NULL;
	*lease = (struct dhcp_lease){

		.timer.fire = dhcp_lease_over,
		.addr = addr,
		.table = table,
		.state = DHCP_LEASE_PROBING};
	bucket = addr_bucket(table, addr);
	lease->by_addr = *bucket;
	*bucket = lease;
	id_link(lease, id);
	table->n++;
	table->n_state[lease->state]++;
	return lease;
}

void dhcp_lease_give(struct dhcp_lease *lease, const struct dhcp_id *id) {
	if (dhcp_id_same(&lease->id, id))
		return;
	id_unlink(lease);
	id_link(lease, id);
	lease->hostname[0] = '\0';
}

void dhcp_lease_set(struct dhcp_lease *lease, enum dhcp_lease_state state, uint64_t expires_ns) {
	lease->expires_ns = expires_ns;
	state_set(lease, state);
	if (state == DHCP_LEASE_EXPIRED || expires_ns == 0)
		timers_stop(&lease->table->timers, &lease->timer);
	else
		timers_set(&lease->table->timers, &lease->timer, expires_ns);
	tell(lease);
}

void dhcp_lease_del(struct dhcp_lease *lease) {
	struct dhcp_leases *table = lease->table;
	struct dhcp_lease **at = addr_bucket(table, lease->addr);

	timers_stop(&table->timers, &lease->timer);
	while (*at != lease)
		at = &(*at)->by_addr;
	*at = lease->by_addr;
	id_unlink(lease);
	state_set(lease, DHCP_LEASE_STATES);
	table->n--;
	tell(lease);
	free(lease);
}

void dhcp_leases_foreach(
	struct dhcp_leases *table, bool (*fn)(struct dhcp_lease *lease, void *arg), void *arg) {
	for (uint32_t b = 0; table->by_addr && b < table->buckets; b++) {
		struct dhcp_lease *next;

		for (struct dhcp_lease *l = table->by_addr[b]; l; l = next) {
			next = l->by_addr;
			if (!fn(l, arg))
				return;
		}
	}
}

void dhcp_leases_poll(struct dhcp_leases *table, uint64_t now_ns) {
	timers_run(&table->timers, now_ns, 256);
}
