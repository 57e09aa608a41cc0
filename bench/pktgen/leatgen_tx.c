// SPDX-License-Identifier: BSD-3-Clause
// What net_leatgen is given: counted, looked at when asked, freed.
#include "bench/pktgen/leatgen.h"
#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <string.h>

#define IP_PAYLOAD_MIN (14 + 20 + 8) // behind Ethernet, IPv4 and UDP
#define TYPE_HIGH      0x88          // of frames without IP: local experimental (IEEE 802)
#define TYPE_LOW       0xb5

// Stations are told by a switch's profile; what a router rewrote is its own business.
static bool stations_right(const struct leatgen *dev, const uint8_t *frame, uint32_t flow) {
	uint32_t station = rte_cpu_to_be_32(flow % dev->profile.macs);
	const uint8_t ours = dev->profile.side ? 0x0b : 0x0a, theirs = ours ^ 1;

	return dev->profile.has_dst_mac ||
		(frame[0] == 2 && frame[1] == ours && memcmp(frame + 2, &station, 4) == 0 &&
			frame[6] == 2 && frame[7] == theirs && memcmp(frame + 8, &station, 4) == 0);
}

// A frame of the other side's is UDP or TCP over IP, or of our own type. What a peer sends of itself (ARP, LLDP, IGMP) is
// neither, and not held against it.
static bool is_foreign(
	const struct leatgen *dev, const uint8_t *frame, uint32_t len, unsigned payload) {
	if (!check_frame(frame, len))
		return false; // whatever it was
	if (dev->profile.l3 != PROFILE_L3_NONE)
		return payload < IP_PAYLOAD_MIN;
	return payload < RTE_ETHER_HDR_LEN || frame[payload - 2] != TYPE_HIGH ||
		frame[payload - 1] != TYPE_LOW;
}

static bool is_intact(const struct leatgen *dev, const uint8_t *frame, uint32_t len,
	unsigned payload, struct check_trailer *trailer) {
	if (payload == 0 || payload + sizeof(*trailer) > len)
		return false;
	memcpy(trailer, frame + payload, sizeof(*trailer));
	if (!check_intact(trailer) || trailer->flow >= dev->profile.flows)
		return false;
	return !dev->profile.check ||
		(check_frame(frame, len) && stations_right(dev, frame, trailer->flow));
}

static void order_judge(struct tx_queue *q, const struct check_trailer *trailer) {
	struct gen_tx *c = q->counters;
	int64_t lost;

	enum check_verdict verdict =
		check_judge(&q->dev->check, trailer->flow, trailer->seq, &lost);
	if (lost)
		__atomic_store_n(&c->lost, c->lost + lost, __ATOMIC_RELAXED);
	if (verdict == CHECK_REORDERED)
		gen_add(&c->reordered, 1);
	else if (verdict == CHECK_DUPLICATED)
		gen_add(&c->duplicated, 1);
}

static void frame_judge(struct tx_queue *q, const uint8_t *frame, uint32_t len, uint64_t now) {
	unsigned payload = check_payload(frame, len);
	struct leatgen *dev = q->dev;
	struct gen_tx *c = q->counters;
	struct check_trailer trailer;

	if (!is_intact(dev, frame, len, payload, &trailer)) {
		gen_add(is_foreign(dev, frame, len, payload) ? &c->foreign : &c->bad, 1);
		return;
	}
	if (dev->profile.stamp && trailer.tsc && now > trailer.tsc)
		hist_add(&c->latency, now - trailer.tsc);
	if (dev->profile.check)
		order_judge(q, &trailer);
}

static void step_judge(struct tx_queue *q, const uint8_t *frame, uint32_t len) {
	enum flows_step step;
	uint32_t flow;

	if (!flows_step_find(&q->dev->flows, frame, len, &flow, &step))
		gen_add(&q->counters->foreign, 1);
	else if (!cycle_receive(&q->dev->cycle, flow, step))
		gen_add(&q->counters->reordered, 1);
}

static void tx_judge(struct tx_queue *q, struct rte_mbuf **pkts, uint16_t n) {
	uint64_t now = rte_rdtsc();
	uint8_t flat[LEATGEN_MTU_MAX + 64];

	for (uint16_t i = 0; i < n; i++) {
		uint32_t len = RTE_MIN(pkts[i]->pkt_len, (uint32_t)sizeof(flat));
		const uint8_t *frame = rte_pktmbuf_read(pkts[i], 0, len, flat);
		if (q->dev->has_cycle)
			step_judge(q, frame, len);
		else
			frame_judge(q, frame, len, now);
	}
	if (q->dev->has_cycle) {
		const struct cycle *cycle = &q->dev->cycle;
		__atomic_store_n(&q->counters->opened, cycle->opened, __ATOMIC_RELAXED);
		__atomic_store_n(&q->counters->established, cycle->established, __ATOMIC_RELAXED);
		__atomic_store_n(&q->counters->closed, cycle->ended, __ATOMIC_RELAXED);
		__atomic_store_n(&q->counters->aborted, cycle->given_up, __ATOMIC_RELAXED);
	}
}

uint16_t leatgen_tx(void *queue, struct rte_mbuf **pkts, uint16_t n) {
	struct tx_queue *q = queue;
	uint64_t bytes = 0;

	if (unlikely(++q->polls % LEATGEN_TICK == 0))
		leatgen_clock_refresh(&q->counters->clock, &q->clock_at);
	if (n == 0)
		return 0;
	for (uint16_t i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	if (q->dev->has_trailer || q->dev->has_cycle)
		tx_judge(q, pkts, n);
	gen_add(&q->counters->packets, n);
	gen_add(&q->counters->bytes, bytes);
	if (q->fast_free) // the application's promise: one pool, one segment, one reference
		rte_mempool_put_bulk(pkts[0]->pool, (void **)pkts, n);
	else
		rte_pktmbuf_free_bulk(pkts, n);
	return n;
}
