// SPDX-License-Identifier: BSD-3-Clause
// net_leatgen: a DPDK device that makes traffic and takes it back. What a peer receives from it is built there and then by
// a profile (profile.h); what it sends to it is counted, looked at when asked, and freed. Generator, device under
// test and sink share one core, so that nothing but the work on packets is measured.
//
//   dpdk-testpmd -d libleatgen.so --vdev net_leatgen0,macs=1000,shm=/run/x --vdev net_leatgen1,side=1,macs=1000,shm=/run/x
//
// leatd loads the same file with --plugin; ports are then device = "vdev:net_leatgen0,...".
#include "bench/pktgen/check.h"
#include "bench/pktgen/cycle.h"
#include "bench/pktgen/flows.h"
#include "bench/pktgen/replay.h"
#include "bench/pktgen/shm.h"
#include "lib/module.h"
#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK       64 // polls between two looks at clock and controls
#define PACE_SHIFT 10 // bits behind the point of a moment, in TSC cycles
#define MTU_MAX    9600
#define RETA_SIZE  128
#define KEY_SIZE   40
#define POOLS_MAX  16

struct leatgen;

// Polled by one thread.
struct rx_queue {
	struct leatgen *dev;
	struct gen_rx *counters;
	struct rte_mempool *pool;
	uint64_t rearm, flags; // of each mbuf
	uint32_t ptype;
	uint32_t polls;
	bool held; // paused or paced: look before handing out
	bool pause;
	bool idle; // there are fewer flows than queues, and none for this one
	uint64_t rate;
	uint64_t interval, next; // of packets, when paced; shifted
	uint64_t clock_at;
	uint16_t ring;
	uint32_t frame; // pcap=: the next one
	struct flows_cursor cursor;
} __rte_cache_aligned;

struct tx_queue {
	struct leatgen *dev;
	struct gen_tx *counters;
	uint32_t polls;
	uint64_t clock_at;
	bool fast_free;
} __rte_cache_aligned;

struct leatgen {
	struct profile profile;
	struct flows flows;
	struct replay replay;
	struct cycle cycle;
	struct check check; // of what the other side sends
	uint32_t *seq;      // per flow: its next number
	bool has_trailer, has_cycle;
	uint16_t port_id, n_rx;
	struct gen_shm *shm; // NULL: counters are our own
	struct gen_port *counters;
	struct gen_port *base; // at the last reset of ethdev's statistics
	struct rte_ether_addr mac;
	uint64_t rss;
	uint8_t key[KEY_SIZE];
	struct rx_queue rx[GEN_QUEUES];
	struct tx_queue tx[GEN_QUEUES];
};

RTE_LOG_REGISTER(leatgen_log, pmd.net.leatgen, NOTICE);
#define LOG(level, ...) rte_log(RTE_LOG_##level, leatgen_log, "net_leatgen: " __VA_ARGS__)

// ---- clock and controls --------------------------------------------------------------------------------------------

static void clock_refresh(struct gen_clock *clock, uint64_t *at) {
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

static __rte_noinline void rx_tick(struct rx_queue *q) {
	clock_refresh(&q->counters->clock, &q->clock_at);
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
		mbuf_fill(q, pkts[i], packets[i].len, packets[i].flow * 0x9e3779b1u);
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
	if (unlikely(++q->polls % TICK == 0))
		rx_tick(q);
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

static uint16_t leatgen_rx(void *queue, struct rte_mbuf **pkts, uint16_t n) {
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

static uint16_t leatgen_rx_frames(void *queue, struct rte_mbuf **pkts, uint16_t n) {
	struct rx_queue *q = queue;

	n = rx_take(q, pkts, n);
	if (n == 0)
		return 0;
	rx_count(q, n, frames_make(q, pkts, n));
	q->next += n * q->interval;
	return n;
}

static uint16_t leatgen_rx_cycle(void *queue, struct rte_mbuf **pkts, uint16_t n) {
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
		mbuf_fill(q, pkts[i], len, items[i].flow * 0x9e3779b1u);
		bytes += len;
	}
	if (wanted < n)
		rte_mempool_put_bulk(q->pool, (void **)pkts + wanted, n - wanted);
	rx_count(q, (uint16_t)wanted, bytes);
	q->next += wanted * q->interval;
	return (uint16_t)wanted;
}

// ---- transmit: look and free -------------------------------------------------------------------------------------------

// Stations are told by a switch's profile; what a router rewrote is its own business.
static bool stations_right(const struct leatgen *dev, const uint8_t *frame, uint32_t flow) {
	uint32_t station = rte_cpu_to_be_32(flow % dev->profile.macs);
	const uint8_t ours = dev->profile.side ? 0x0b : 0x0a, theirs = ours ^ 1;

	return dev->profile.has_dst_mac ||
		(frame[0] == 2 && frame[1] == ours && memcmp(frame + 2, &station, 4) == 0 &&
			frame[6] == 2 && frame[7] == theirs && memcmp(frame + 8, &station, 4) == 0);
}

// Whether a frame may be one that the other side made: what it is not, is not held against the peer.
static bool is_ours(const struct leatgen *dev, const uint8_t *frame, uint32_t len) {
	unsigned payload = check_payload(frame, len);

	return payload >= dev->flows.payload - (dev->profile.vlan ? 4 : 0) &&
		payload + sizeof(struct check_trailer) <= len;
}

static void frame_judge(struct tx_queue *q, const uint8_t *frame, uint32_t len, uint64_t now) {
	struct leatgen *dev = q->dev;
	struct gen_tx *c = q->counters;
	struct check_trailer trailer;
	int64_t lost;

	if (!is_ours(dev, frame, len)) {
		gen_add(check_frame(frame, len) ? &c->foreign : &c->bad, 1);
		return;
	}
	memcpy(&trailer, frame + check_payload(frame, len), sizeof(trailer));
	if (!check_intact(&trailer) || trailer.flow >= dev->profile.flows ||
		(dev->profile.check &&
			(!check_frame(frame, len) || !stations_right(dev, frame, trailer.flow)))) {
		gen_add(&c->bad, 1);
		return;
	}
	if (dev->profile.stamp && trailer.tsc && now > trailer.tsc)
		hist_add(&c->latency, now - trailer.tsc);
	if (!dev->profile.check)
		return;
	enum check_verdict verdict = check_judge(&dev->check, trailer.flow, trailer.seq, &lost);
	if (lost)
		__atomic_store_n(&c->lost, c->lost + lost, __ATOMIC_RELAXED);
	if (verdict == CHECK_REORDERED)
		gen_add(&c->reordered, 1);
	else if (verdict == CHECK_DUPLICATED)
		gen_add(&c->duplicated, 1);
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
	uint8_t flat[MTU_MAX + 64];

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

static uint16_t leatgen_tx(void *queue, struct rte_mbuf **pkts, uint16_t n) {
	struct tx_queue *q = queue;
	uint64_t bytes = 0;

	if (unlikely(++q->polls % TICK == 0))
		clock_refresh(&q->counters->clock, &q->clock_at);
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

// ---- queues --------------------------------------------------------------------------------------------------------------

static void buffer_clear(struct rte_mempool *, void *, void *object, unsigned) {
	struct rte_mbuf *m = object;

	memset(m->buf_addr, 0, m->buf_len);
}

// Payloads are zero, and only headers are ever written. Once per pool: later its buffers are under way.
static void pool_clear(struct rte_mempool *pool) {
	static struct rte_mempool *cleared[POOLS_MAX];
	static unsigned n;

	for (unsigned i = 0; i < n; i++)
		if (cleared[i] == pool)
			return;
	rte_mempool_obj_iter(pool, buffer_clear, NULL);
	if (n < POOLS_MAX)
		cleared[n++] = pool;
}

static unsigned longest(const struct leatgen *dev) {
	unsigned len = FLOWS_HEAD;

	for (unsigned i = 0; i < dev->profile.n_sizes; i++)
		len = RTE_MAX(len, (unsigned)dev->profile.sizes[i].bytes);
	for (unsigned i = 0; i < dev->replay.n; i++)
		len = RTE_MAX(len, (unsigned)dev->replay.frames[i].len);
	return len;
}

static uint32_t ptype_of(const struct profile *p) {
	static const uint32_t l3[] = {[PROFILE_IP4] = RTE_PTYPE_L3_IPV4_EXT_UNKNOWN,
		[PROFILE_IP6] = RTE_PTYPE_L3_IPV6_EXT_UNKNOWN};
	uint32_t ether = p->vlan ? RTE_PTYPE_L2_ETHER_VLAN : RTE_PTYPE_L2_ETHER;

	if (p->l3 == PROFILE_L3_NONE || *p->pcap)
		return *p->pcap ? RTE_PTYPE_UNKNOWN : ether;
	return ether | l3[p->l3] | (p->l4 == PROFILE_TCP ? RTE_PTYPE_L4_TCP : RTE_PTYPE_L4_UDP);
}

static int leatgen_rx_setup(struct rte_eth_dev *eth, uint16_t index, uint16_t ring, unsigned,
	const struct rte_eth_rxconf *conf, struct rte_mempool *pool) {
	struct leatgen *dev = eth->data->dev_private;
	struct rx_queue *q = &dev->rx[index];
	unsigned room = rte_pktmbuf_data_room_size(pool);
	const uint64_t sums = RTE_ETH_RX_OFFLOAD_CHECKSUM;
	uint64_t offloads = conf->offloads | eth->data->dev_conf.rxmode.offloads;

	if (room < RTE_PKTMBUF_HEADROOM + longest(dev)) {
		LOG(ERR,
			"frames of %u bytes do not fit into buffers of %u; give the application "
			"larger ones, or take a smaller size=\n",
			longest(dev), room - RTE_PKTMBUF_HEADROOM);
		return -EINVAL;
	}
	pool_clear(pool);
	*q = (struct rx_queue){.dev = dev,
		.counters = &dev->counters->rx[index],
		.pool = pool,
		.ring = ring,
		.ptype = ptype_of(&dev->profile)};
	struct rte_mbuf model = {.data_off = RTE_PKTMBUF_HEADROOM,
		.refcnt = 1,
		.nb_segs = 1,
		.port = eth->data->port_id};
	memcpy(&q->rearm, RTE_PTR_ADD(&model, offsetof(struct rte_mbuf, rearm_data)),
		sizeof(q->rearm));
	if ((offloads & sums) && !*dev->profile.pcap)
		q->flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	if (dev->profile.hash || (offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH))
		q->flags |= RTE_MBUF_F_RX_RSS_HASH;
	eth->data->rx_queues[index] = q;
	return 0;
}

static int leatgen_tx_setup(struct rte_eth_dev *eth, uint16_t index, uint16_t, unsigned,
	const struct rte_eth_txconf *conf) {
	struct leatgen *dev = eth->data->dev_private;
	uint64_t offloads = conf->offloads | eth->data->dev_conf.txmode.offloads;

	dev->tx[index] = (struct tx_queue){.dev = dev,
		.counters = &dev->counters->tx[index],
		.fast_free = offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE};
	eth->data->tx_queues[index] = &dev->tx[index];
	return 0;
}

// ---- the device ------------------------------------------------------------------------------------------------------------

static int leatgen_configure(struct rte_eth_dev *eth) {
	struct leatgen *dev = eth->data->dev_private;

	dev->n_rx = eth->data->nb_rx_queues;
	if (dev->has_cycle && eth->data->nb_rx_queues > 1) {
		LOG(ERR, "tcp=cycle wants one queue, not %u\n", eth->data->nb_rx_queues);
		return -EINVAL;
	}
	return 0;
}

static int leatgen_start(struct rte_eth_dev *eth) {
	struct leatgen *dev = eth->data->dev_private;

	for (unsigned i = 0; i < eth->data->nb_rx_queues; i++) {
		flows_start(&dev->flows, &dev->rx[i].cursor, i, eth->data->nb_rx_queues);
		dev->rx[i].frame = i % RTE_MAX(dev->replay.n, 1u);
		dev->rx[i].idle = dev->rx[i].cursor.count == 0;
		rx_tick(&dev->rx[i]);
		dev->rx[i].counters->clock.tid = 0; // that was not who polls
	}
	dev->counters->n_rx = eth->data->nb_rx_queues;
	dev->counters->n_tx = eth->data->nb_tx_queues;
	eth->rx_pkt_burst = dev->has_cycle ? leatgen_rx_cycle
		: *dev->profile.pcap       ? leatgen_rx_frames
					   : leatgen_rx;
	eth->data->dev_link.link_status = RTE_ETH_LINK_UP;
	for (unsigned i = 0; i < eth->data->nb_rx_queues; i++)
		eth->data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
	for (unsigned i = 0; i < eth->data->nb_tx_queues; i++)
		eth->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
	return 0;
}

static int leatgen_stop(struct rte_eth_dev *eth) {
	eth->data->dev_link.link_status = RTE_ETH_LINK_DOWN;
	for (unsigned i = 0; i < eth->data->nb_rx_queues; i++)
		eth->data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	for (unsigned i = 0; i < eth->data->nb_tx_queues; i++)
		eth->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	return 0;
}

static void leatgen_free(struct leatgen *dev) {
	flows_fini(&dev->flows);
	replay_fini(&dev->replay);
	cycle_fini(&dev->cycle);
	check_fini(&dev->check);
	free(dev->seq);
	free(dev->base);
	if (dev->shm)
		gen_port_release(dev->counters);
	else
		free(dev->counters);
	gen_shm_close(dev->shm);
	dev->seq = NULL;
	dev->counters = dev->base = NULL;
	dev->shm = NULL;
}

static int leatgen_close(struct rte_eth_dev *eth) {
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		leatgen_free(eth->data->dev_private);
	eth->data->mac_addrs = NULL; // part of the private data
	return 0;
}

static int leatgen_info(struct rte_eth_dev *eth, struct rte_eth_dev_info *info) {
	info->max_mac_addrs = 1;
	info->max_rx_pktlen = MTU_MAX + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
	info->max_mtu = MTU_MAX;
	info->max_rx_queues = info->max_tx_queues = GEN_QUEUES;
	info->rx_desc_lim = info->tx_desc_lim =
		(struct rte_eth_desc_lim){.nb_max = 32768, .nb_min = 1, .nb_align = 1};
	info->rx_offload_capa = info->rx_queue_offload_capa = RTE_ETH_RX_OFFLOAD_CHECKSUM |
		RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_SCATTER;
	info->tx_offload_capa = info->tx_queue_offload_capa =
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	info->flow_type_rss_offloads = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP;
	info->reta_size = RETA_SIZE;
	info->hash_key_size = KEY_SIZE;
	return 0;
}

static const uint32_t *leatgen_ptypes(struct rte_eth_dev *) {
	static const uint32_t types[] = {RTE_PTYPE_L2_ETHER, RTE_PTYPE_L2_ETHER_VLAN,
		RTE_PTYPE_L3_IPV4_EXT_UNKNOWN, RTE_PTYPE_L3_IPV6_EXT_UNKNOWN, RTE_PTYPE_L4_UDP,
		RTE_PTYPE_L4_TCP, RTE_PTYPE_UNKNOWN};

	return types;
}

static int leatgen_link(struct rte_eth_dev *, int) {
	return 0;
}

static int leatgen_accept(struct rte_eth_dev *) {
	return 0;
}

static int leatgen_mtu(struct rte_eth_dev *, uint16_t) {
	return 0;
}

static int leatgen_mac(struct rte_eth_dev *eth, struct rte_ether_addr *mac) {
	struct leatgen *dev = eth->data->dev_private;

	dev->mac = *mac;
	return 0;
}

static int leatgen_multicast(struct rte_eth_dev *, struct rte_ether_addr *, uint32_t) {
	return 0;
}

// ---- statistics and RSS ------------------------------------------------------------------------------------------------------

static int leatgen_stats(struct rte_eth_dev *eth, struct rte_eth_stats *stats) {
	const struct leatgen *dev = eth->data->dev_private;

	for (unsigned i = 0; i < GEN_QUEUES; i++) {
		const struct gen_rx *rx = &dev->counters->rx[i], *rx0 = &dev->base->rx[i];
		const struct gen_tx *tx = &dev->counters->tx[i], *tx0 = &dev->base->tx[i];
		uint64_t in = gen_load(&rx->packets) - rx0->packets;
		uint64_t out = gen_load(&tx->packets) - tx0->packets;
		stats->ipackets += in;
		stats->opackets += out;
		stats->ibytes += gen_load(&rx->bytes) - rx0->bytes;
		stats->obytes += gen_load(&tx->bytes) - tx0->bytes;
		stats->imissed += gen_load(&rx->missed) - rx0->missed;
		stats->rx_nombuf += gen_load(&rx->no_buffer) - rx0->no_buffer;
		if (i < RTE_ETHDEV_QUEUE_STAT_CNTRS) {
			stats->q_ipackets[i] = in;
			stats->q_opackets[i] = out;
		}
	}
	return 0;
}

static int leatgen_stats_reset(struct rte_eth_dev *eth) {
	struct leatgen *dev = eth->data->dev_private;

	for (unsigned i = 0; i < GEN_QUEUES; i++) {
		struct gen_rx *rx = &dev->base->rx[i];
		struct gen_tx *tx = &dev->base->tx[i];
		rx->packets = gen_load(&dev->counters->rx[i].packets);
		rx->bytes = gen_load(&dev->counters->rx[i].bytes);
		rx->missed = gen_load(&dev->counters->rx[i].missed);
		rx->no_buffer = gen_load(&dev->counters->rx[i].no_buffer);
		tx->packets = gen_load(&dev->counters->tx[i].packets);
		tx->bytes = gen_load(&dev->counters->tx[i].bytes);
	}
	return 0;
}

// Flows go to queues by their number, whatever the table says.
static int leatgen_reta_set(
	struct rte_eth_dev *, struct rte_eth_rss_reta_entry64 *, uint16_t size) {
	return size == RETA_SIZE ? 0 : -EINVAL;
}

static int leatgen_reta_get(
	struct rte_eth_dev *eth, struct rte_eth_rss_reta_entry64 *reta, uint16_t size) {
	unsigned queues = RTE_MAX(eth->data->nb_rx_queues, 1);

	if (size != RETA_SIZE)
		return -EINVAL;
	for (unsigned i = 0; i < size; i++)
		reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] =
			(uint16_t)(i % queues);
	return 0;
}

static int leatgen_rss_set(struct rte_eth_dev *eth, struct rte_eth_rss_conf *conf) {
	struct leatgen *dev = eth->data->dev_private;

	dev->rss = conf->rss_hf;
	if (conf->rss_key)
		memcpy(dev->key, conf->rss_key, RTE_MIN(conf->rss_key_len, KEY_SIZE));
	return 0;
}

static int leatgen_rss_get(struct rte_eth_dev *eth, struct rte_eth_rss_conf *conf) {
	const struct leatgen *dev = eth->data->dev_private;

	conf->rss_hf = dev->rss;
	conf->rss_key_len = KEY_SIZE;
	if (conf->rss_key)
		memcpy(conf->rss_key, dev->key, KEY_SIZE);
	return 0;
}

static const struct eth_dev_ops leatgen_ops = {
	.dev_configure = leatgen_configure,
	.dev_start = leatgen_start,
	.dev_stop = leatgen_stop,
	.dev_close = leatgen_close,
	.dev_infos_get = leatgen_info,
	.dev_supported_ptypes_get = leatgen_ptypes,
	.rx_queue_setup = leatgen_rx_setup,
	.tx_queue_setup = leatgen_tx_setup,
	.link_update = leatgen_link,
	.promiscuous_enable = leatgen_accept,
	.promiscuous_disable = leatgen_accept,
	.allmulticast_enable = leatgen_accept,
	.allmulticast_disable = leatgen_accept,
	.dev_set_link_up = leatgen_accept,
	.dev_set_link_down = leatgen_accept,
	.mtu_set = leatgen_mtu,
	.mac_addr_set = leatgen_mac,
	.set_mc_addr_list = leatgen_multicast,
	.stats_get = leatgen_stats,
	.stats_reset = leatgen_stats_reset,
	.reta_update = leatgen_reta_set,
	.reta_query = leatgen_reta_get,
	.rss_hash_update = leatgen_rss_set,
	.rss_hash_conf_get = leatgen_rss_get,
};

// ---- probe -----------------------------------------------------------------------------------------------------------------

static int counters_open(struct leatgen *dev, const char *name, struct err *err) {
	dev->base = calloc(1, sizeof(*dev->base));
	if (!*dev->profile.shm)
		dev->counters = calloc(1, sizeof(*dev->counters));
	else
		dev->shm = gen_shm_open(dev->profile.shm, true, err);
	if (dev->shm)
		dev->counters = gen_port_claim(dev->shm, dev->profile.shm, name, err);
	if (!dev->counters || !dev->base)
		return err->code ? err->code : err_set(err, -ENOMEM, "out of memory");
	dev->counters->side = dev->profile.side;
	dev->counters->check = dev->profile.check;
	dev->counters->stamp = dev->profile.stamp;
	if (dev->shm)
		dev->shm->tsc_hz = rte_get_tsc_hz();
	return 0;
}

static int leatgen_make(struct leatgen *dev, const char *name, const char *args, struct err *err) {
	int rc = profile_parse(args, &dev->profile, err);

	if (rc == 0)
		rc = flows_init(&dev->flows, &dev->profile, err);
	if (rc == 0 && *dev->profile.pcap)
		rc = replay_init(&dev->replay, dev->profile.pcap, MTU_MAX, err);
	if (rc < 0)
		return rc;
	dev->has_trailer = dev->profile.check || dev->profile.stamp;
	dev->has_cycle =
		dev->profile.l3 != PROFILE_L3_NONE && dev->profile.tcp == PROFILE_TCP_CYCLE;
	if (dev->has_cycle)
		rc = cycle_init(&dev->cycle, dev->profile.side, dev->profile.flows, err);
	if (rc == 0 && dev->has_trailer)
		rc = check_init(&dev->check, dev->profile.flows, err);
	if (rc == 0 && dev->has_trailer) {
		dev->seq = calloc(dev->profile.flows, sizeof(*dev->seq));
		rc = dev->seq ? 0 : err_set(err, -ENOMEM, "out of memory for flows");
	}
	return rc < 0 ? rc : counters_open(dev, name, err);
}

static void eth_make(struct rte_eth_dev *eth, struct leatgen *dev) {
	dev->mac = (struct rte_ether_addr){
		{0x02, 0x1e, 0xa7, 0, dev->profile.side, (uint8_t)eth->data->port_id}};
	eth->data->mac_addrs = &dev->mac;
	eth->data->nb_rx_queues = eth->data->nb_tx_queues = 1;
	eth->data->promiscuous = 1;
	eth->data->all_multicast = 1;
	eth->data->dev_link = (struct rte_eth_link){.link_speed = RTE_ETH_SPEED_NUM_100G,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
		.link_status = RTE_ETH_LINK_DOWN};
	eth->data->dev_flags = RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	eth->dev_ops = &leatgen_ops;
	eth->rx_pkt_burst = leatgen_rx;
	eth->tx_pkt_burst = leatgen_tx;
}

static int leatgen_probe(struct rte_vdev_device *vdev) {
	const char *name = rte_vdev_device_name(vdev), *args = rte_vdev_device_args(vdev);
	struct err err = {0};

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		LOG(ERR, "not for secondary processes\n");
		return -ENOTSUP;
	}
	struct rte_eth_dev *eth = rte_eth_vdev_allocate(vdev, sizeof(struct leatgen));
	if (!eth)
		return -ENOMEM;
	int rc = leatgen_make(eth->data->dev_private, name, args ? args : "", &err);
	if (rc < 0) {
		LOG(ERR, "%s: %s\n", name, err.msg);
		leatgen_free(eth->data->dev_private);
		rte_eth_dev_release_port(eth);
		return rc;
	}
	eth_make(eth, eth->data->dev_private);
	rte_eth_dev_probing_finish(eth);
	return 0;
}

static int leatgen_remove(struct rte_vdev_device *vdev) {
	struct rte_eth_dev *eth = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	if (!eth)
		return 0;
	leatgen_close(eth);
	return rte_eth_dev_release_port(eth);
}

static struct rte_vdev_driver leatgen_driver = {.probe = leatgen_probe, .remove = leatgen_remove};

RTE_PMD_REGISTER_VDEV(net_leatgen, leatgen_driver);

// leatd --plugin wants a module; that the driver is registered is all there is to it.
extern __attribute__((visibility("default"))) const struct module leat_module;
const struct module leat_module = {
	.name = "leatgen",
	.help = "a device that makes traffic, for benches: device = \"vdev:net_leatgen0,...\"",
};
