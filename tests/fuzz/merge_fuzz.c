// SPDX-License-Identifier: BSD-3-Clause
// Bursts of frames of any kind through merge.c: buffers stay sound, none is lost, and a frame that was merged is cut into as many segments
// as it was made of.
//
// The input is a list of frames: one byte for what else to do, two for the length, the frame.
#include "dataplane/merge.h"
#include "dataplane/port.h" // lint: allow priv: what merges is cut again, which only ports do
#include "tests/fuzz/lab.h"
#include <rte_ip.h>
#include <rte_tcp.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX 2048
#define BURST     64

enum { PARTIAL = 1, HEADER_SUM = 2, TWO_BUFFERS = 4, AGAIN = 8, HELD = 16 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dp_port port = {.mtu = DP_MTU_MAX};

int LLVMFuzzerInitialize(int *, char ***) {
	static const struct module *const modules[] = {&dataplane_module, NULL};

	lab_start(modules, "{'system': {'workers': 0}}");
	dp_step(); // this thread is the worker
	return 0;
}

// The next segment of the same flow, or what would be one if the frame were IPv4 and TCP.
static void advance(uint8_t *frame, size_t len, unsigned step) {
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + RTE_ETHER_HDR_LEN);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);

	if (len < RTE_ETHER_HDR_LEN + sizeof(*ip) + sizeof(*tcp))
		return;
	tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + step);
	ip->packet_id = rte_cpu_to_be_16(rte_be_to_cpu_16(ip->packet_id) + 1);
}

static struct rte_mbuf *make(const uint8_t *bytes, size_t len, unsigned flags) {
	struct rte_mbuf *m = lab_frame(bytes, len, flags & TWO_BUFFERS ? len / 2 : len);
	struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
	if ((flags & HEADER_SUM) && m->data_len >= RTE_ETHER_HDR_LEN + sizeof(*ip)) {
		ip->hdr_checksum = 0;
		ip->hdr_checksum = (rte_be16_t)~rte_raw_cksum(ip, sizeof(*ip));
	}
	if (flags & PARTIAL)
		m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
	if (flags & HELD)
		rte_pktmbuf_refcnt_update(m, 1);
	return m;
}

static void sound(struct rte_mbuf *m) {
	struct rte_mbuf *out[BURST];
	const char *why;
	unsigned segs = m->nb_segs;

	if (rte_mbuf_check(m, 1, &why) != 0)
		abort();
	if (!(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)) {
		rte_pktmbuf_free(m);
		return;
	}
	if (segs < 2 || segs > MERGE_SEGS || dp_offload_complete(&port, &m, 1, out, BURST) != segs)
		abort();
	rte_pktmbuf_free_bulk(out, segs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct rte_mbuf *pkts[BURST], *held[BURST];
	static uint8_t frame[FRAME_MAX];
	unsigned n = 0, n_held = 0;
	size_t len = 0;

	while (size >= 3 && n < BURST) {
		unsigned flags = data[0];
		size_t want = RTE_MIN((size_t)(data[1] << 8 | data[2]), size - 3);

		want = RTE_MIN(want, (size_t)FRAME_MAX - 256);
		data += 3, size -= 3;
		if (flags & AGAIN) {
			advance(frame, len, (unsigned)want);
		} else {
			memset(frame, 0, sizeof(frame));
			memcpy(frame, data, len = want);
			data += want, size -= want;
		}
		pkts[n] = make(frame, len, flags);
		if (flags & HELD)
			held[n_held++] = pkts[n];
		n++;
	}
	uint16_t left = dp_merge(pkts, (uint16_t)n);
	for (uint16_t i = 0; i < left; i++)
		sound(pkts[i]);
	rte_pktmbuf_free_bulk(held, n_held);
	if (lab_in_use() != 0)
		abort();
	return 0;
}
