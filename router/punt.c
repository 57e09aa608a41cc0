// SPDX-License-Identifier: BSD-3-Clause
#include "router/punt.h"
#include "lib/bucket.h"
#include "router/ip_priv.h"
#include "router/punt_priv.h"
#include <errno.h>
#include <rte_errno.h>
#include <rte_ring.h>
#include <stdio.h>
#include <unistd.h>

#define BATCH 64

static const uint64_t default_rates[PUNT_CLASSES] = {
	[PUNT_ARP] = 5000,
	[PUNT_ND] = 5000,
	[PUNT_RESOLVE] = 10000,
	[PUNT_VRRP] = 2000,
	[PUNT_DHCP] = 1000,
	[PUNT_RA] = 1000,
};

static struct rte_ring *up[DP_MAX_WORKERS];
struct rte_ring *punt_down;
static struct bucket_limit limits[PUNT_CLASSES];
static _Atomic uint64_t buckets[PUNT_CLASSES];
static void (*handlers[PUNT_CLASSES])(struct rte_mbuf *m);

// Half of a ring belongs to packets that keep something alive; those that only wait for a neighbour may fill the other.
static bool room(struct rte_ring *ring, enum punt_class class) {
	return class != PUNT_RESOLVE || rte_ring_count(ring) < PUNT_RING / 2;
}

bool punt_send_up(enum punt_class class, struct rte_mbuf *m) {
	struct rte_ring *ring = up[dp_self->id];

	if (dp_self->explains) {
		rte_pktmbuf_free(m);
		return true;
	}
	if (ring == NULL || !room(ring, class) ||
		!bucket_take(&buckets[class], &limits[class], dp_self->now_ns))
		return false;
	dp_meta(m)->vlan = class; // no packet on the IP path has use for the VLAN
	return rte_ring_sp_enqueue(ring, m) == 0;
}

static void receive(struct rte_mbuf *m) {
	unsigned class = dp_meta(m)->vlan;

	if (class < PUNT_CLASSES && handlers[class])
		handlers[class](m);
	else
		rte_pktmbuf_free(m);
}

void punt_poll(uint64_t) {
	void *packets[BATCH];
	unsigned n;

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		for (unsigned done = 0; up[w] && done < PUNT_RING; done += n) {
			n = rte_ring_sc_dequeue_burst(up[w], packets, BATCH, NULL);
			for (unsigned i = 0; i < n; i++)
				receive(packets[i]);
			if (n == 0)
				break;
		}
	}
}

// ---- down ---------------------------------------------------------------------------------------------------

static void send_down(struct rte_mbuf *m, enum punt_way way) {
	dp_meta(m)->vlan = way;
	if (punt_down == NULL || rte_ring_sp_enqueue(punt_down, m) != 0)
		rte_pktmbuf_free(m);
}

void punt_frame(uint16_t iface, struct rte_mbuf *m) {
	m->port = UINT16_MAX; // it came in by none
	dp_meta(m)->iface = iface;
	send_down(m, PUNT_WAY_FRAME);
}

void punt_twin(uint16_t port, struct rte_mbuf *m) {
	dp_meta(m)->out = port;
	send_down(m, PUNT_WAY_PORT);
}

void punt_route(uint16_t vrf, struct rte_mbuf *m) {
	ip_own(m, vrf, ip4_of(m)->version_ihl >> 4 == 6);
	send_down(m, PUNT_WAY_LOOKUP);
}

void punt_error(struct rte_mbuf *m, uint32_t what) {
	dp_meta(m)->user = what;
	send_down(m, PUNT_WAY_ERROR);
}

void punt_resolved(uint32_t slot, struct rte_mbuf *m) {
	dp_meta(m)->user = slot;
	send_down(m, PUNT_WAY_REWRITE);
}

void punt_flush(void) {
	for (unsigned i = 0; punt_down && rte_ring_count(punt_down) > 0 && i < 100; i++) {
		dp_step(); // without threads we are the worker
		usleep(500);
	}
	dp_sync();
}

// ---- control ------------------------------------------------------------------------------------------------

void punt_handler(enum punt_class class, void (*receive_one)(struct rte_mbuf *m)) {
	handlers[class] = receive_one;
}

void punt_rate_set(enum punt_class class, uint64_t per_s) {
	limits[class] = bucket_limit_of(per_s, per_s / 10);
}

static struct rte_ring *ring_new(const char *name) {
	return rte_ring_create(
		name, PUNT_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
}

int punt_init(struct err *err) {
	char name[32];

	for (unsigned c = 0; c < PUNT_CLASSES; c++)
		punt_rate_set(c, default_rates[c]);
	punt_down = ring_new("rtr_down");
	for (unsigned w = 0; punt_down && w < DP_MAX_WORKERS; w++) {
		snprintf(name, sizeof(name), "rtr_up%u", w);
		up[w] = ring_new(name);
		if (up[w] == NULL)
			break;
	}
	if (punt_down == NULL || up[DP_MAX_WORKERS - 1] == NULL)
		return err_set(err, -ENOMEM, "no memory for the router's rings");
	return 0;
}

static void ring_free(struct rte_ring **ring) {
	void *m;

	while (*ring && rte_ring_sc_dequeue(*ring, &m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(*ring);
	*ring = NULL;
}

void punt_fini(void) {
	ring_free(&punt_down);
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		ring_free(&up[w]);
}
