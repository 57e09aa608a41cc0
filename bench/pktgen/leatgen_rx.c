// SPDX-License-Identifier: BSD-3-Clause
// What net_leatgen hands out: made on the spot, when it is asked for it.
#include "bench/pktgen/leatgen.h"
#include <rte_cycles.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PACE_SHIFT 10          // bits behind the point of a moment, in TSC cycles
#define HASH       0x9e3779b1u // spreads a flow's number over 32 bits

// ---- clock and controls --------------------------------------------------------------------------------------------

void leatgen_clock_refresh(struct gen_clock *clock, uint64_t *at) {
	uint64_t now = rte_rdtsc();
	struct timespec t;

	if (now - *at < rte_get_tsc_hz() / 1000)
		return;
	*at = now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	now = rte_rdtsc();
	__atomic_store_n(&clock->clock_seq, clock->clock_seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	clock->tid = gettid();
	__atomic_store_n(&clock->tsc, now, __ATOMIC_RELAXED);
	__atomic_store_n(&clock->cpu_ns, (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec,
		__ATOMIC_RELAXED);
	__atomic_store_n(&clock->clock_seq, clock->clock_seq + 1, __ATOMIC_RELEASE);
}

static void rate_set(struct rx_queue *q, uint64_t rate) {
	q->rate = rate;
	q->interval = 0;
	if (rate > 0)
		q->interval = (uint64_t)((double)rte_get_tsc_hz() * q->dev->n_rx / (double)rate *
			(1 << PACE_SHIFT));
	q->next = rte_rdtsc() << PACE_SHIFT;
}

static void controls_read(struct rx_queue *q) {
	const struct gen_shm *shm = q->dev->shm;
	uint64_t rate = q->dev->profile.rate_pps;
	bool pause = false;

	if (shm) {
		uint64_t wanted = gen_load(&shm->rate_pps);
		rate = wanted == GEN_RATE_UNSET ? rate : wanted;
		pause = __atomic_load_n(&shm->pause, __ATOMIC_RELAXED);
	}
	if (rate != q->rate || (q->pause && !pause))
		rate_set(q, rate);
	q->pause = pause;
	q->held = pause || q->idle || rate > 0;
}

void leatgen_rx_tick(struct rx_queue *q) {
	leatgen_clock_refresh(&q->counters->clock, &q->clock_at);
	controls_read(q);
}

// How many packets of `n` are due. What would not have waited in a ring of this length was missed, as on a NIC.
static uint16_t rx_due(struct rx_queue *q, uint16_t n) {
	uint64_t now = rte_rdtsc() << PACE_SHIFT, due;

	if (q->pause || q->idle || now < q->next)
		return 0;
	due = (now - q->next) / q->interval + 1;
	if (due > q->ring) {
		gen_add(&q->counters->missed, due - q->ring);
		q->next += (due - q->ring) * q->interval;
		due = q->ring;
	}
	return (uint16_t)RTE_MIN(due, n);
}

// ---- receive: make ---------------------------------------------------------------------------------------------------

// As drivers of NICs do: everything that a new packet's mbuf must say, in four stores.
static __rte_always_inline void mbuf_fill(
	const struct rx_queue *q, struct rte_mbuf *m, uint16_t len, uint32_t hash) {
	uint64_t *fields = RTE_PTR_ADD(m, offsetof(struct rte_mbuf, rx_descriptor_fields1));

	*(uint64_t *)RTE_PTR_ADD(m, offsetof(struct rte_mbuf, rearm_data)) = q->rearm;
	m->ol_flags = q->flags;
	fields[0] = q->ptype | (uint64_t)len << 32;
	fields[1] = len | (uint64_t)hash << 32;
}

static __rte_always_inline uint8_t *mbuf_head(const struct rte_mbuf *m) {
	return (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;
}

// Paced packets are stamped with the moment at which they were due: waiting for us counts.
static void trailers_write(
	struct rx_queue *q, uint8_t *const *heads, const struct flows_packet *packets, unsigned n) {
	struct leatgen *dev = q->dev;
	uint64_t stamp = 0, at = q->next;

	if (dev->profile.stamp && q->interval == 0)
		stamp = rte_rdtsc();
	for (unsigned i = 0; i < n; i++, at += q->interval) {
		uint32_t flow = packets[i].flow;
		struct check_trailer *trailer = (void *)(heads[i] + dev->flows.payload);
		if (dev->profile.stamp && q->interval)
			stamp = at >> PACE_SHIFT;
		check_write(trailer, flow, dev->seq[flow]++, stamp);
	}
}

// Returns the bytes of these.
static __rte_always_inline uint32_t flows_make(
	struct rx_queue *q, struct rte_mbuf **pkts, unsigned n) {
	struct flows_packet packets[FLOWS_BURST];
	uint8_t *heads[FLOWS_BURST];
	uint32_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		heads[i] = mbuf_head(pkts[i]);
	flows_burst(&q->dev->flows, &q->cursor, heads, packets, n, false);
	if (q->dev->has_trailer)
		trailers_write(q, heads, packets, n);
	for (unsigned i = 0; i < n; i++) {
		mbuf_fill(q, pkts[i], packets[i].len, packets[i].flow * HASH);
		bytes += packets[i].len;
	}
	return bytes;
}

static uint32_t frames_make(struct rx_queue *q, struct rte_mbuf **pkts, unsigned n) {
	const struct replay *replay = &q->dev->replay;
	uint32_t bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct replay_frame *frame = &replay->frames[q->frame];
		memcpy(mbuf_head(pkts[i]), replay->bytes + frame->at, frame->len);
		mbuf_fill(q, pkts[i], frame->len, q->frame);
		bytes += frame->len;
		q->frame += q->dev->n_rx;
		if (q->frame >= replay->n)
			q->frame = (uint32_t)(q - q->dev->rx);
	}
	return bytes;
}

// Looks and takes: q->held is rare, and so is a tick.
static __rte_always_inline uint16_t rx_take(
	struct rx_queue *q, struct rte_mbuf **pkts, uint16_t n) {
	gen_add(&q->counters->polls, 1);
	if (unlikely(++q->polls % LEATGEN_TICK == 0))
		leatgen_rx_tick(q);
	if (unlikely(q->held))
		n = rx_due(q, n);
	if (n == 0)
		return 0;
	if (unlikely(rte_mempool_get_bulk(q->pool, (void **)pkts, n) < 0)) {
		gen_add(&q->counters->no_buffer, 1);
		return 0;
	}
	return n;
}

static __rte_always_inline void rx_count(struct rx_queue *q, uint16_t n, uint32_t bytes) {
	gen_add(&q->counters->packets, n);
	gen_add(&q->counters->bytes, bytes);
}

uint16_t leatgen_rx(void *queue, struct rte_mbuf **pkts, uint16_t n) {
	struct rx_queue *q = queue;
	uint32_t bytes = 0;

	n = rx_take(q, pkts, n);
	for (unsigned i = 0; i < n; i += FLOWS_BURST) {
		unsigned some = RTE_MIN((unsigned)FLOWS_BURST, n - i);
		bytes += flows_make(q, pkts + i, some);
		q->next += some * q->interval;
	}
	if (n > 0)
		rx_count(q, n, bytes);
	return n;
}

uint16_t leatgen_rx_frames(void *queue, struct rte_mbuf **pkts, uint16_t n) {
	struct rx_queue *q = queue;

	n = rx_take(q, pkts, n);
	if (n == 0)
		return 0;
	rx_count(q, n, frames_make(q, pkts, n));
	q->next += n * q->interval;
	return n;
}

uint16_t leatgen_rx_cycle(void *queue, struct rte_mbuf **pkts, uint16_t n) {
	struct rx_queue *q = queue;
	struct leatgen *dev = q->dev;
	uint64_t patience = rte_get_tsc_hz() / 1000 * CYCLE_PATIENCE_MS;
	struct cycle_item items[FLOWS_BURST];
	unsigned wanted = RTE_MIN((unsigned)FLOWS_BURST, n);
	uint32_t bytes = 0;

	n = rx_take(q, pkts, (uint16_t)wanted);
	if (n == 0)
		return 0;
	wanted = cycle_send(&dev->cycle, items, n, rte_rdtsc(), patience);
	for (unsigned i = 0; i < wanted; i++) {
		uint16_t len =
			flows_write(&dev->flows, items[i].flow, items[i].step, mbuf_head(pkts[i]));
		mbuf_fill(q, pkts[i], len, items[i].flow * HASH);
		bytes += len;
	}
	if (wanted < n)
		rte_mempool_put_bulk(q->pool, (void **)pkts + wanted, n - wanted);
	rx_count(q, (uint16_t)wanted, bytes);
	q->next += wanted * q->interval;
	if (wanted < n && q->interval) // it waits for answers, and misses nothing
		q->next = rte_rdtsc() << PACE_SHIFT;
	return (uint16_t)wanted;
}
