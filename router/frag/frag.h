// SPDX-License-Identifier: BSD-3-Clause
// Fragments, both families (README.md). Packets for this box are always put together; forwarded ones on interfaces where somebody
// wants it, and those are cut again on their way out.
#pragma once

#include "dataplane/dataplane.h"

enum frag_user {
	FRAG_USER_CONFIG,   // the interface's option `reassemble`
	FRAG_USER_STATEFUL, // something that needs the ports of every packet: sessions, a firewall
	FRAG_USERS,
};

// control, in commit: fragments that come in by `iface` and are forwarded are put together first, as long as somebody wants it.
void frag_want(unsigned iface, enum frag_user user, bool on);
// control, in commit: there is (no longer) a routed interface of that index. Off: nobody wants anything there.
void frag_iface(unsigned iface, bool on);

// control, in commit: some switch wants the fragments whole that it forwards (router/bridge).
void frag_bridged(bool on);

int frag_init(struct err *err); // control: tables for every worker; after dp_start()
void frag_fini(void);
void frag_poll(
	uint64_t now_ns); // control: tells of full tables; empties those of workers that are gone
void frag_room(uint32_t *packets, uint32_t *pieces); // control: what fits per worker
void frag_release(void); // control, in release: gives up everything when no interface is left

// ---- between nodes --------------------------------------------------------------------------------------------

// What a packet that was put together remembers, valid when (m->ol_flags & frag_flag): how it is cut again.
struct frag_note {
	uint32_t id;  // identification, as IPv6 has it
	uint16_t max; // bytes of its largest fragment, IP header included
	uint16_t at;  // IPv6: bytes before its fragment header
};
extern uint64_t frag_flag;
extern int frag_note_offset;

static inline struct frag_note *frag_note(const struct rte_mbuf *m) {
	return RTE_MBUF_DYNFIELD(m, frag_note_offset, struct frag_note *);
}

// node: was it put together of fragments, and wants to be cut again?
static inline bool frag_is_joined(const struct rte_mbuf *m) {
	return unlikely(m->ol_flags & frag_flag) && m->pkt_len - m->l2_len > frag_note(m)->max;
}

#define FRAG_PIECES 128 // of one packet, in and out

// node: cuts the IP packet `m` (m->l2_len bytes before it) into pieces of at most `mtu` bytes each, with the same bytes before
// them and the same dp_meta. How many are in out[]; 0: it cannot be done, or no buffer is free. `m` stays the caller's.
unsigned frag_cut4(const struct rte_mbuf *m, uint32_t mtu, void **out);
// `at`: bytes before the fragment header, the IPv6 header and what each hop looks at.
unsigned frag_cut6(const struct rte_mbuf *m, uint32_t mtu, uint32_t id, uint32_t at, void **out);
unsigned frag_cut_again(const struct rte_mbuf *m, void **out); // as frag_note() says
