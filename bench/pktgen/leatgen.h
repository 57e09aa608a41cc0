// SPDX-License-Identifier: BSD-3-Clause
// net_leatgen among its own files: the device (net_leatgen.c), what it makes (leatgen_rx.c), what it takes (leatgen_tx.c).
#pragma once

#include "bench/pktgen/check.h"
#include "bench/pktgen/cycle.h"
#include "bench/pktgen/flows.h"
#include "bench/pktgen/profile.h"
#include "bench/pktgen/replay.h"
#include "bench/pktgen/shm.h"
#include <rte_ether.h>
#include <rte_mbuf.h>

#define LEATGEN_MTU_MAX  9600
#define LEATGEN_KEY_SIZE 40
#define LEATGEN_TICK     64 // polls between two looks at clock and controls

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
	struct leatgen *next; // of all in this process
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
	uint8_t key[LEATGEN_KEY_SIZE];
	struct rx_queue rx[GEN_QUEUES];
	struct tx_queue tx[GEN_QUEUES];
};

// Tells the measurer how much of its core this thread had; once a millisecond at most.
void leatgen_clock_refresh(struct gen_clock *clock, uint64_t *at);
void leatgen_rx_tick(struct rx_queue *q); // the clock, and what the controls say

// DPDK's bursts. Which of the three: leatgen_start().
uint16_t leatgen_rx(void *queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t leatgen_rx_frames(void *queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t leatgen_rx_cycle(void *queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t leatgen_tx(void *queue, struct rte_mbuf **pkts, uint16_t n);
