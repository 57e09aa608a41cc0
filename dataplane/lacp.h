// SPDX-License-Identifier: BSD-3-Clause
// LACP (IEEE 802.1AX-2020 clause 6.4) for one aggregator: which of its links may carry traffic. Pure: frames and time
// come in, frames and verdicts go out.
//
// We are active, never passive. A link whose other side does not speak LACP carries nothing. Links that lead to
// different systems, or to different aggregators of one, cannot be bundled: the largest group is used, and kept as long as
// one of it works.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LACP_PORTS_MAX 8
#define LACP_PDU_BYTES 110 // behind the Ethernet header; of a marker too
#define LACP_ETHERTYPE 0x8809
#define LACP_ADDRESS \
	{ 0x01, 0x80, 0xc2, 0x00, 0x00, 0x02 }

enum lacp_state { // bits, on the wire
	LACP_ACTIVITY = 1 << 0,
	LACP_TIMEOUT = 1 << 1, // wants a PDU per second
	LACP_AGGREGATION = 1 << 2,
	LACP_SYNC = 1 << 3,
	LACP_COLLECTING = 1 << 4,
	LACP_DISTRIBUTING = 1 << 5,
	LACP_DEFAULTED = 1 << 6,
	LACP_EXPIRED = 1 << 7,
};

struct lacp_info {
	uint16_t system_priority;
	uint8_t system[6];
	uint16_t key, port_priority, port;
	uint8_t state; // enum lacp_state
};

struct lacp_port {
	bool up, selected, waiting, ntt; // ntt: something is to be sent
	struct lacp_info actor, partner;
	uint64_t current_until_ns, ready_ns, periodic_ns;
	bool partner_fast;
	uint64_t sent_ns[3]; // no more than three PDUs per second
	unsigned repeats;    // of what was said last
	uint8_t told_state;
	struct lacp_info told_partner;
};

// Owned by one thread.
struct lacp {
	unsigned n;
	struct lacp_port ports[LACP_PORTS_MAX];
};

// `fast`: ask the other side for a PDU per second, so that a silent failure is noticed in 3 s instead of 90.
void lacp_init(
	struct lacp *lacp, unsigned n, const uint8_t system[static 6], uint16_t key, bool fast);
void lacp_link(struct lacp *lacp, unsigned port, bool up, uint64_t now_ns);
// A slow-protocols PDU that came in, without its Ethernet header. -EINVAL: too short, or none of LACP's; -ELOOP: our own.
int lacp_recv(struct lacp *lacp, unsigned port, const uint8_t *pdu, size_t len, uint64_t now_ns);
// Timers and decisions. Some ten times per second.
void lacp_tick(struct lacp *lacp, uint64_t now_ns);
// The PDU that is due, if any, into `pdu`.
bool lacp_send(
	struct lacp *lacp, unsigned port, uint8_t pdu[static LACP_PDU_BYTES], uint64_t now_ns);
// Whether the link may carry traffic, both ways.
bool lacp_carries(const struct lacp *lacp, unsigned port);
// Turns a marker (clause 6.5) into its answer; false: it is none.
bool lacp_marker_answer(uint8_t *pdu, size_t len);
