// SPDX-License-Identifier: BSD-3-Clause
#include "bench/pktgen/engine.h"
#include <errno.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_CACHE 256
#define LATE_MAX   512 // a rate that fell behind by more is not caught up with: that would be a burst
#define QUIET_MS   100 // without a packet: nothing is on its way any more
#define DRAIN_MS   1000

// ---- start -----------------------------------------------------------------------------------------------------

// Frames of our own are zero behind what is written into them, and stay so.
static void zero(struct rte_mempool *, void *, void *object, unsigned) {
	struct rte_mbuf *m = object;

	memset(m->buf_addr, 0, m->buf_len);
}

static int pool_make(
	struct engine_port *port, unsigned i, unsigned mbufs, unsigned longest, struct err *err) {
	char name[32];

	snprintf(name, sizeof(name), "pktgen-own-%u", i);
	port->own = rte_pktmbuf_pool_create(name, mbufs, POOL_CACHE, 0,
		(uint16_t)(RTE_PKTMBUF_HEADROOM + RTE_MAX(longest, (unsigned)FLOWS_HEAD)),
		SOCKET_ID_ANY);
	if (port->own == NULL)
		return err_set(err, -ENOMEM, "no memory for %u packets of port %u", mbufs, i);
	rte_mempool_obj_iter(port->own, zero, NULL);
	return 0;
}

static unsigned longest(const struct profile *profile) {
	unsigned bytes = 0;

	for (unsigned i = 0; i < profile->n_sizes; i++)
		bytes = RTE_MAX(bytes, (unsigned)profile->sizes[i].bytes);
	return bytes - RTE_ETHER_CRC_LEN;
}

int engine_port_init(
	struct engine *engine, unsigned i, const char *text, unsigned mbufs, struct err *err) {
	struct engine_port *port = &engine->ports[i];
	unsigned room = engine->device_opts.longest - RTE_ETHER_CRC_LEN;
	struct profile *profile = &port->profile;
	int rc = profile_parse(text, profile, err);

	if (rc == 0 && profile->tcp == PROFILE_TCP_CYCLE)
		rc = err_set(err, -EINVAL,
			"tcp=cycle is not for this generator: its ports do not "
			"answer each other");
	if (rc == 0 && profile->pcap[0] != '\0')
		rc = replay_init(&port->replay, profile->pcap, room, err);
	else if (rc == 0 && longest(profile) > room)
		rc = err_set(err, -EINVAL, "size: longer than --longest %u",
			engine->device_opts.longest);
	if (rc == 0)
		rc = flows_init(&port->flows, profile, err);
	if (rc == 0)
		rc = check_init(&port->check, profile->flows, err);
	if (rc == 0)
		rc = pool_make(port, i, mbufs, room, err);
	if (rc < 0)
		return rc;
	port->seq = calloc(profile->flows, sizeof(*port->seq));
	if (port->seq == NULL)
		return err_set(err, -ENOMEM, "flows=%u: out of memory", profile->flows);
	port->trailer = (profile->check || profile->stamp) && port->replay.n == 0;
	flows_start(&port->flows, &port->cursor, 0, 1);
	return 0;
}

void engine_reset(struct engine *engine) {
	for (unsigned i = 0; i < engine->n_ports; i++) {
		struct engine_port *port = &engine->ports[i];
		port->counters = (struct engine_counters){0};
		memset(&port->latency, 0, sizeof(port->latency));
	}
}

void engine_pace(struct engine *engine, double rate) {
	engine->per_cycle = rate / (double)rte_get_tsc_hz();
	engine->start = rte_rdtsc();
	engine->due = 0;
	engine->limit = 0;
}

// ---- sending ---------------------------------------------------------------------------------------------------

static void replay_make(struct engine_port *port, struct rte_mbuf **pkts, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		const struct replay_frame *frame = replay_next(&port->replay);
		memcpy(rte_pktmbuf_mtod(pkts[i], void *), port->replay.bytes + frame->at,
			frame->len);
		pkts[i]->data_len = frame->len;
		pkts[i]->pkt_len = frame->len;
	}
}

static void flows_make(
	struct engine_port *port, struct rte_mbuf **pkts, uint16_t n, bool in_order) {
	struct flows_packet packets[FLOWS_BURST];
	uint8_t *heads[FLOWS_BURST];
	uint64_t now = port->profile.stamp ? rte_rdtsc() : 0;

	for (uint16_t i = 0; i < n; i++)
		heads[i] = rte_pktmbuf_mtod(pkts[i], uint8_t *);
	flows_burst(&port->flows, &port->cursor, heads, packets, n, in_order);
	for (uint16_t i = 0; i < n; i++) {
		uint32_t flow = packets[i].flow;
		pkts[i]->data_len = packets[i].len;
		pkts[i]->pkt_len = packets[i].len;
		if (port->trailer)
			check_write((struct check_trailer *)(heads[i] + port->flows.payload), flow,
				port->seq[flow]++, now);
	}
}

static void make(struct engine_port *port, uint16_t n, bool in_order) {
	if (rte_pktmbuf_alloc_bulk(port->own, port->waiting, n) != 0)
		return; // the device holds them all: its ring is full
	if (port->replay.n > 0)
		replay_make(port, port->waiting, n);
	else
		flows_make(port, port->waiting, n, in_order);
	port->first_waiting = 0;
	port->n_waiting = n;
}

static void waiting_drop(struct engine_port *port) {
	if (port->n_waiting > 0)
		rte_pktmbuf_free_bulk(port->waiting + port->first_waiting, port->n_waiting);
	port->n_waiting = 0;
}

static void port_send(struct engine *engine, struct engine_port *port, uint16_t n) {
	struct engine_counters *count = &port->counters;
	struct rte_mbuf **pkts;
	uint64_t bytes = 0;

	if (!port->device.open)
		return;
	if (port->n_waiting == 0)
		make(port, n, engine->in_order);
	n = port->n_waiting;
	pkts = port->waiting + port->first_waiting;
	for (uint16_t i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len; // of those that are not taken, it is taken off again
	uint16_t sent = n ? rte_eth_tx_burst(port->device.id, 0, pkts, n) : 0;
	for (uint16_t i = sent; i < n; i++)
		bytes -= pkts[i]->pkt_len;
	count->tx_polls++;
	count->tx_full += n == 0 || sent < n;
	count->sent += sent;
	count->sent_bytes += bytes;
	port->first_waiting += sent;
	port->n_waiting -= sent;
	if (engine->per_cycle > 0) {
		count->refused += port->n_waiting;
		waiting_drop(port);
	}
}

// How many packets are to be sent now.
static uint16_t due_take(struct engine *engine) {
	if (engine->per_cycle <= 0)
		return engine->burst;
	uint64_t target = (uint64_t)((double)(rte_rdtsc() - engine->start) * engine->per_cycle);
	if (engine->limit > 0)
		target = RTE_MIN(target, engine->limit);
	uint64_t behind = target > engine->due ? target - engine->due : 0;
	if (behind > LATE_MAX && engine->limit == 0) {
		for (unsigned i = 0; i < engine->n_ports; i++) {
			if (engine->ports[i].sends)
				engine->ports[i].counters.late += behind - LATE_MAX;
		}
		engine->due += behind - LATE_MAX;
		behind = LATE_MAX;
	}
	uint16_t n = (uint16_t)RTE_MIN(behind, (uint64_t)engine->burst);
	engine->due += n;
	return n;
}

void engine_send(struct engine *engine) {
	uint16_t n = due_take(engine);

	for (unsigned i = 0; n > 0 && i < engine->n_ports; i++) {
		if (engine->ports[i].sends)
			port_send(engine, &engine->ports[i], n);
	}
}

// ---- receiving -------------------------------------------------------------------------------------------------

// Where the trailer of a frame of `from` is; NULL: it has none, or was altered.
static const struct check_trailer *trailer_find(
	const struct engine_port *from, const uint8_t *frame, unsigned len) {
	const struct check_trailer *trailer = (const void *)(frame + from->flows.payload);
	unsigned at;

	if (len >= from->flows.payload + sizeof(*trailer) && check_intact(trailer))
		return trailer;
	// a tag came, or went
	at = check_payload(frame, len);
	trailer = (const void *)(frame + at);
	if (at > 0 && at + sizeof(*trailer) <= len && check_intact(trailer))
		return trailer;
	return NULL;
}

// The type of a frame, behind its tags.
static uint16_t type_of(const uint8_t *frame, unsigned len) {
	uint16_t type = 0;

	for (unsigned at = 12; at + 2 <= len; at += 4) {
		type = (uint16_t)(frame[at] << 8 | frame[at + 1]);
		if (type != RTE_ETHER_TYPE_VLAN && type != RTE_ETHER_TYPE_QINQ)
			break;
	}
	return type;
}

static bool is_foreign(const struct engine_port *from, const uint8_t *frame, unsigned len) {
	uint8_t head[FLOWS_HEAD];

	flows_write(&from->flows, 0, 0, head);
	return type_of(frame, len) != type_of(head, sizeof(head));
}

static void judge(struct engine_port *port, struct engine_port *from, struct rte_mbuf *m,
	uint64_t now, bool latency) {
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct engine_counters *count = &port->counters;
	const struct check_trailer *trailer = trailer_find(from, frame, m->data_len);
	enum check_verdict verdict;
	int64_t lost; // a gap: what was lost is known better from what was sent

	if (trailer == NULL && is_foreign(from, frame, m->data_len)) {
		count->foreign++;
		count->received--;
		count->received_bytes -= m->pkt_len;
		return;
	}
	if (trailer == NULL) {
		count->bad++;
		return;
	}
	if (latency && trailer->tsc != 0)
		hist_add(&port->latency, now - trailer->tsc);
	if (!from->profile.check)
		return;
	verdict = m->nb_segs > 1 || check_frame(frame, m->data_len)
		? check_judge(&from->check, trailer->flow, trailer->seq, &lost)
		: CHECK_BAD;
	count->bad += verdict == CHECK_BAD;
	count->reordered += verdict == CHECK_REORDERED;
	count->duplicated += verdict == CHECK_DUPLICATED;
}

static void port_receive(struct engine *engine, unsigned i) {
	struct engine_port *port = &engine->ports[i];
	struct engine_port *from = &engine->ports[engine->n_ports - 1 - i];
	struct engine_counters *count = &port->counters;
	struct rte_mbuf *pkts[FLOWS_BURST];

	if (!port->device.open)
		return;
	uint16_t n = rte_eth_rx_burst(port->device.id, 0, pkts, engine->burst);
	count->rx_polls++;
	count->rx_empty += n == 0;
	if (n == 0)
		return;
	uint64_t now = rte_rdtsc();
	count->received += n;
	for (uint16_t k = 0; k < n; k++)
		count->received_bytes += pkts[k]->pkt_len;
	for (uint16_t k = 0; from->trailer && k < n; k++)
		judge(port, from, pkts[k], now, engine->per_cycle > 0);
	rte_pktmbuf_free_bulk(pkts, n);
}

void engine_receive(struct engine *engine) {
	for (unsigned i = 0; i < engine->n_ports; i++)
		port_receive(engine, i);
}

static uint64_t sum(const struct engine *engine, bool received) {
	uint64_t n = 0;

	for (unsigned i = 0; i < engine->n_ports; i++)
		n += received ? engine->ports[i].counters.received : engine->ports[i].counters.sent;
	return n;
}

void engine_drain(struct engine *engine) {
	uint64_t hz = rte_get_tsc_hz(), begin = rte_rdtsc(), quiet = begin, last = 0;

	for (unsigned i = 0; i < engine->n_ports; i++)
		waiting_drop(&engine->ports[i]);
	for (uint64_t now = begin; now - begin < hz * DRAIN_MS / 1000; now = rte_rdtsc()) {
		engine_receive(engine);
		uint64_t received = sum(engine, true);
		if (received >= sum(engine, false) || now - quiet > hz * QUIET_MS / 1000)
			return;
		if (received != last)
			quiet = now;
		last = received;
	}
}

bool engine_links(struct engine *engine) {
	bool up = true;

	for (unsigned i = 0; i < engine->n_ports; i++) {
		struct engine_port *port = &engine->ports[i];
		if (!device_check(&port->device, &engine->device_opts))
			up = false;
		if (!port->device.open)
			waiting_drop(port);
	}
	return up;
}
