// SPDX-License-Identifier: BSD-3-Clause
// From the workers' eyes to the table's writer: one ring per worker, written by it and read by control.
#include "switch/switch_priv.h"
#include <errno.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#define RING_SIZE   4096
#define PORT_QUOTA  (RING_SIZE / 4)
#define RECENT_SIZE 1024
#define EPOCH_SHIFT 26 // 67 ms

struct learn_event {
	uint64_t key;
	uint32_t port;
	uint32_t domain;
};

struct recent {
	uint64_t key;
	uint32_t epoch, port;
};

// `sent` and `recent` belong to the worker, `taken` to control.
struct learner {
	struct recent recent[RECENT_SIZE];
	uint32_t sent[DP_MAX_PORTS];
	uint32_t taken[DP_MAX_PORTS] __rte_cache_aligned;
} __rte_cache_aligned;

static struct learner learners[DP_MAX_WORKERS];
static struct rte_ring *rings[DP_MAX_WORKERS];

// node. Off the hot path: a packet comes here when its source is not where the table says.
void __attribute__((noinline))
sw_learn_send(uint64_t key, unsigned port, unsigned domain, uint64_t now_ns) {
	struct learner *l = &learners[dp_self->id];
	struct recent *r = &l->recent[(key * 0x9e3779b97f4a7c15u) >> 54];
	struct learn_event event = {key, port, domain};
	uint32_t epoch = (uint32_t)(now_ns >> EPOCH_SHIFT);

	if (dp_self->explains)
		return;
	if (r->key == key && r->port == port && r->epoch == epoch)
		return;
	if (l->sent[port] - __atomic_load_n(&l->taken[port], __ATOMIC_RELAXED) >= PORT_QUOTA ||
		rte_ring_sp_enqueue_elem(rings[dp_self->id], &event, sizeof(event)) != 0) {
		sw_count(&sw_counters_of(port)->learn_dropped, 1);
		return;
	}
	l->sent[port]++;
	*r = (struct recent){key, epoch, port};
}

unsigned sw_learn_drain(sw_learn_fn fn) {
	struct learn_event events[64];
	unsigned total = 0, n;

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		for (unsigned done = 0; done < RING_SIZE; done += n) {
			n = rte_ring_sc_dequeue_burst_elem(
				rings[w], events, sizeof(*events), RTE_DIM(events), NULL);
			for (unsigned i = 0; i < n; i++) {
				uint32_t *taken = &learners[w].taken[events[i].port];

				fn(events[i].key, events[i].port, events[i].domain);
				__atomic_store_n(taken, *taken + 1, __ATOMIC_RELAXED);
			}
			total += n;
			if (n < RTE_DIM(events))
				break;
		}
	}
	return total;
}

int sw_learn_init(struct err *err) {
	char name[RTE_RING_NAMESIZE];

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		snprintf(name, sizeof(name), "sw_learn_%u", w);
		rings[w] = rte_ring_create_elem(name, sizeof(struct learn_event), RING_SIZE,
			SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (rings[w] == NULL)
			return err_set(err, -ENOMEM,
				"no memory for the switch's learning rings; give leatd more "
				"--memory");
	}
	return 0;
}

void sw_learn_fini(void) {
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		rte_ring_free(rings[w]);
		rings[w] = NULL;
	}
}
