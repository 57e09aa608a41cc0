// SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only)
// The XDP program of kernel interfaces: frames for addresses that stay with the kernel are passed to it, those from
// blocked sources are dropped before any copy, and all others go to the AF_XDP socket of their queue. Without a
// socket (leatd has ended) everything passes.
//
// Built twice: with LEAT_XDP_TAGS, for kernels where it can see the tag that a veth's sender left beside the frame
// (Linux 6.3), and without. One program with weak references would do, but libbpf 1.1 searches the kernel's modules
// for what it does not find, which takes CAP_SYS_ADMIN.
#include "dataplane/xdp/leat_xdp.h"
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#define IP_ICMPV6        58
#define ND_SOLICIT       135
#define ARP_IPV4_PAYLOAD 28

// The name is what DPDK's driver looks for.
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, LEAT_XDP_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, LEAT_XDP_KEEP);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct leat_xdp_key);
	__type(value, __u8);
} leat_keep SEC(".maps");

// Value: frames dropped.
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, LEAT_XDP_BLOCK);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct leat_xdp_key);
	__type(value, __u64);
} leat_block SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct leat_xdp_settings);
} leat_settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LEAT_XDP_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} leat_counters SEC(".maps");

const volatile struct leat_xdp_owner leat_owner SEC(LEAT_XDP_OWNER) = {.magic = LEAT_XDP_MAGIC};

#ifdef LEAT_XDP_TAGS
// What we need of the kernel's own structure; where the fields are, the kernel's BTF says (CO-RE).
struct sk_buff___leat {
	__u16 vlan_tci, vlan_proto;
} __attribute__((preserve_access_index));

extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym; // Linux 6.2
#endif

static __always_inline void count(__u32 which) {
	__u64 *n = bpf_map_lookup_elem(&leat_counters, &which);

	if (n)
		*n += 1;
}

static __always_inline void key_v4(struct leat_xdp_key *key, __be32 address) {
	key->bits = 128;
	__builtin_memset(key->addr, 0, 10);
	key->addr[10] = key->addr[11] = 0xff;
	__builtin_memcpy(key->addr + 12, &address, sizeof(address));
}

static __always_inline void key_v6(struct leat_xdp_key *key, const void *address) {
	key->bits = 128;
	__builtin_memcpy(key->addr, address, sizeof(key->addr));
}

static __always_inline int kept(const struct leat_xdp_key *key) {
	return bpf_map_lookup_elem(&leat_keep, key) != NULL;
}

// ARP for an address of the kernel's, asked or answered: its target (RFC 826).
static __always_inline int keeps_arp(void *arp, void *end) {
	struct leat_xdp_key key;
	__be32 target;

	if (arp + ARP_IPV4_PAYLOAD > end)
		return 0;
	__builtin_memcpy(&target, arp + 24, sizeof(target));
	key_v4(&key, target);
	return kept(&key);
}

static __always_inline int keeps_v4(struct iphdr *ip, void *end, int ours) {
	struct leat_xdp_key key;

	if ((void *)(ip + 1) > end || !ours)
		return 0;
	key_v4(&key, ip->daddr);
	return kept(&key);
}

// A neighbour solicitation goes to a multicast address; what it asks for is its target (RFC 4861 section 4.3).
static __always_inline int keeps_v6(struct ipv6hdr *ip, void *end, int ours) {
	struct leat_xdp_key key;
	__u8 *icmp = (void *)(ip + 1);

	if ((void *)(ip + 1) > end)
		return 0;
	if (ip->nexthdr == IP_ICMPV6 && (void *)(icmp + 24) <= end && icmp[0] == ND_SOLICIT) {
		key_v6(&key, icmp + 8);
		return kept(&key);
	}
	key_v6(&key, &ip->daddr);
	return ours && kept(&key);
}

static __always_inline int same_mac(const __u8 *a, const __u8 *b) {
	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) |
		       (a[5] ^ b[5])) == 0;
}

static __always_inline int keeps(
	struct ethhdr *eth, void *end, const struct leat_xdp_settings *settings) {
	int ours = same_mac(eth->h_dest, settings->mac);

	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return keeps_arp(eth + 1, end);
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return keeps_v4((void *)(eth + 1), end, ours);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return keeps_v6((void *)(eth + 1), end, ours);
	return 0;
}

static __always_inline int blocks(struct ethhdr *eth, void *end) {
	struct leat_xdp_key key;

	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);
		if ((void *)(ip + 1) > end)
			return 0;
		key_v4(&key, ip->saddr);
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);
		if ((void *)(ip + 1) > end)
			return 0;
		key_v6(&key, &ip->saddr);
	} else {
		return 0;
	}
	__u64 *dropped = bpf_map_lookup_elem(&leat_block, &key);
	if (!dropped)
		return 0;
	__sync_fetch_and_add(dropped, 1);
	return 1;
}

static __always_inline int to_socket(struct xdp_md *ctx) {
	count(LEAT_XDP_STEERED);
	return bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS);
}

static __always_inline int has_socket(struct xdp_md *ctx) {
	__u32 queue = ctx->rx_queue_index;

	if (bpf_map_lookup_elem(&xsks_map, &queue))
		return 1;
	count(LEAT_XDP_PASSED);
	return 0;
}

static __always_inline int steer(struct xdp_md *ctx, const struct leat_xdp_settings *settings) {
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > end)
		return to_socket(ctx);
	if (settings->blocks && blocks(eth, end)) {
		count(LEAT_XDP_BLOCKED);
		return XDP_DROP;
	}
	if (settings->keeps && keeps(eth, end, settings)) {
		count(LEAT_XDP_KEPT);
		return XDP_PASS;
	}
	return to_socket(ctx);
}

#ifdef LEAT_XDP_TAGS
// A veth's sender may leave the tag beside the frame, in the skb that the veth has made an XDP frame of; it is not in
// what the program sees. 0: no tag.
//
// bpf_xdp_metadata_rx_vlan_tag() would say the same, but wants a program that is bound to its device, and those crash
// Linux 6.18 when the device's network namespace goes.
static __always_inline int veth_tag(
	struct xdp_md *ctx, __u32 skb_offset, __u16 *proto, __u16 *tci) {
	struct sk_buff___leat *skb = NULL;
	void *veth = bpf_cast_to_kern_ctx(ctx);

	if (bpf_probe_read_kernel(&skb, sizeof(skb), veth + skb_offset) != 0 || !skb)
		return 0;
	if (bpf_core_read(proto, sizeof(*proto), &skb->vlan_proto) != 0 || *proto == 0 ||
		bpf_core_read(tci, sizeof(*tci), &skb->vlan_tci) != 0)
		return 0;
	return 1;
}

static __always_inline int tag_insert(struct xdp_md *ctx, __u16 proto, __u16 tci) {
	if (bpf_xdp_adjust_head(ctx, -4) != 0)
		return -1;
	__u8 *frame = (void *)(long)ctx->data;
	if (frame + ETH_HLEN + 4 > (__u8 *)(long)ctx->data_end)
		return -1;
	__builtin_memmove(frame, frame + 4, 4);
	__builtin_memmove(frame + 4, frame + 8, 4);
	__builtin_memmove(frame + 8, frame + 12, 4);
	tci = bpf_htons(tci);
	__builtin_memcpy(frame + 12, &proto, sizeof(proto));
	__builtin_memcpy(frame + 14, &tci, sizeof(tci));
	return 0;
}

static __always_inline int steer_tagged(struct xdp_md *ctx, __u16 proto, __u16 tci) {
	if (tag_insert(ctx, proto, tci) == 0)
		return to_socket(ctx);
	count(LEAT_XDP_BROKEN);
	return XDP_DROP;
}
#endif

SEC("xdp")
int leat_xdp(struct xdp_md *ctx) {
	__u32 zero = 0;
	struct leat_xdp_settings *settings = bpf_map_lookup_elem(&leat_settings, &zero);

	// Sockets are there before anybody has said what is to be kept.
	if (!settings || !settings->ready || !has_socket(ctx))
		return XDP_PASS;
#ifdef LEAT_XDP_TAGS
	__u16 proto = 0, tci = 0;
	// a tagged frame is never for an address of the interface itself
	if (settings->veth_skb && veth_tag(ctx, settings->veth_skb, &proto, &tci))
		return steer_tagged(ctx, proto, tci);
#endif
	return steer(ctx, settings);
}

char _license[] SEC("license") = "Dual BSD/GPL";
