// SPDX-License-Identifier: BSD-3-Clause
// Generator and sink of leat-pktgen: one thread sends what the profiles say and judges what comes back.
//
// Two ports: what one sends is wanted at the other. One port: it is wanted where it was sent. Without a rate the
// devices' rings set the pace, and a packet that does not fit waits; with one, it is lost, as on a wire.
#pragma once

#include "bench/pktgen/check.h"
#include "bench/pktgen/device.h"
#include "bench/pktgen/flows.h"
#include "bench/pktgen/hist.h"
#include "bench/pktgen/profile.h"
#include "bench/pktgen/replay.h"

#define ENGINE_PORTS 2

// Since the last engine_reset().
struct engine_counters {
	uint64_t sent, sent_bytes; // without FCS
	uint64_t refused;          // with a rate: the ring was full
	uint64_t late;             // with a rate: not even made, because this thread came too late
	uint64_t tx_polls, tx_full;
	uint64_t received, received_bytes;
	uint64_t rx_polls, rx_empty;
	uint64_t bad;     // altered
	uint64_t foreign; // without our trailer: ARP, for one
	uint64_t reordered, duplicated;
};

struct engine_port {
	struct device device;
	struct profile profile;  // of what it sends
	struct rte_mempool *own; // what it sends lies here; nobody else writes into it
	bool sends;
	struct flows flows;
	struct flows_cursor cursor;
	uint32_t *seq;        // of each flow: the next number
	struct replay replay; // profile.pcap
	struct check check;   // of what it sent, where it arrives
	bool trailer;         // its packets have one
	struct engine_counters counters;
	struct hist latency; // of what it received, TSC cycles
	struct rte_mbuf *waiting[FLOWS_BURST];
	uint16_t n_waiting, first_waiting;
};

struct engine {
	struct engine_port ports[ENGINE_PORTS];
	unsigned n_ports;
	struct device_opts device_opts;
	uint16_t burst;
	bool in_order;    // flow by flow, whatever the profiles say
	double per_cycle; // packets of each port that sends; 0: no rate
	uint64_t start;   // TSC
	uint64_t due;     // packets that were asked for since, of each port that sends
	uint64_t limit;   // with a rate: so many, all of them, and no more; 0: no limit
};

// `text`: the profile of what it sends. The port is opened later.
int engine_port_init(
	struct engine *engine, unsigned i, const char *text, unsigned mbufs, struct err *err);
// From now on so many packets per second by each port that sends; 0: as many as fit.
void engine_pace(struct engine *engine, double rate);
void engine_reset(struct engine *engine); // counters, latencies
void engine_receive(struct engine *engine);
void engine_send(struct engine *engine);
// What waits to be sent is dropped; what is on its way comes, or is lost.
void engine_drain(struct engine *engine);
bool engine_links(struct engine *engine); // looks after them; true: all are up
