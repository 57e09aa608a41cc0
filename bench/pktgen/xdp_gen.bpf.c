// SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only)
// The generator and the sink of kernel peers, as XDP programs.
//
// gen is never attached: BPF_PROG_RUN runs it on live frames, and each becomes a frame of `out_ifindex`. The kernel
// hands out the same pages again and again, with whatever the device under test wrote into them: so the whole header
// is written each time.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bench/pktgen/xdp_gen.h"

#define NULL ((void *)0)

const volatile struct xdp_gen_conf conf = {
	.frame_len = 60, .header_words = 6, .trailer_at = 42, .flows = 1};
struct xdp_gen_counters counters = {};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); // made to the number of flows
	__type(key, __u32);
	__type(value, struct xdp_gen_header);
} headers SEC(".maps");

static __always_inline __u32 flow_next(void) {
	if (conf.random) {
		counters.seed = counters.seed * 1664525 + 1013904223;
		return (__u64)counters.seed * conf.flows >> 32;
	}
	__u32 flow = counters.flow;
	counters.flow = flow + 1 < conf.flows ? flow + 1 : 0;
	return flow;
}

SEC("xdp")
int gen(struct xdp_md *ctx) {
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 flow = flow_next();
	const struct xdp_gen_header *header = bpf_map_lookup_elem(&headers, &flow);

	if (!header || data + conf.frame_len > end)
		return XDP_ABORTED;
#pragma clang loop unroll(full)
	for (int i = 0; i < XDP_GEN_HEADER_WORDS; i++)
		if (i < conf.header_words)
			((__u64 *)data)[i] = header->words[i];
	struct xdp_gen_trailer *trailer = (void *)(data + conf.trailer_at);
	trailer->balance = conf.balance;
	trailer->seq = counters.generated;
	trailer->complement = ~counters.generated;
	counters.generated++;
	return bpf_redirect(conf.out_ifindex, 0);
}

static __always_inline struct xdp_gen_trailer *trailer_at(struct xdp_md *ctx, __u32 at) {
	struct xdp_gen_trailer *trailer = (void *)(long)ctx->data + at;

	if ((void *)(trailer + 1) > (void *)(long)ctx->data_end ||
		trailer->balance != conf.balance || trailer->complement != ~trailer->seq)
		return NULL;
	return trailer;
}

// At the far end: counts our frames and drops them. Anything else (ARP, for one) is the kernel's. Between veths the
// kernel carries a tag beside the frame, not in it.
SEC("xdp")
int sink(struct xdp_md *ctx) {
	struct xdp_gen_trailer *trailer = trailer_at(ctx, conf.trailer_at);

	if (!trailer && conf.tagged)
		trailer = trailer_at(ctx, conf.trailer_at - 4);
	if (!trailer) {
		counters.foreign++;
		return XDP_PASS;
	}
	counters.sunk++;
	counters.sunk_bytes += ctx->data_end - ctx->data;
	if (trailer->seq < counters.next_seq)
		counters.reordered++;
	else
		counters.next_seq = trailer->seq + 1;
	return XDP_DROP;
}

// The least that a device under test can do: every frame of one interface leaves by the other.
SEC("xdp")
int wire(struct xdp_md *ctx) {
	return bpf_redirect(conf.wire_ifindex, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
