// SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only)
// The short cut of a host twin: frames of the TCP connections in the table go from the port's interface to the twin and back
// within the kernel, by a veth pair, as they are.
//
//   port  ─ from_port ─►  outer ══ inner  ─ to_twin ─►   twin
//   port  ◄─ to_port  ─   outer ══ inner  ◄─ from_twin ─ twin
//
// In one and the same namespace there is no pair (links.outer and .inner are 0): from_port and from_twin lead all the way.
// leatd's packet socket leaves out what from_port takes (program `taken`). Segments that open or end a connection are never
// taken: leatd sees those.
#include "router/host/shortcut/shortcut_bpf.h"
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <stddef.h>

#define IPV4_PIECE 0x3fff // more fragments, or an offset
#define ALL        (-1)   // bytes of a frame that a socket gets

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SHORTCUT_FLOWS);
	__type(key, struct shortcut_key);
	__type(value, struct shortcut_flow);
} flows SEC(".maps");

const volatile struct shortcut_links links SEC(SHORTCUT_LINKS);

struct frame {
	__u8 source[16], target[16];
	struct ethhdr eth;
	struct tcphdr tcp;
};

static __always_inline void mapped(__u8 to[16], __be32 address) {
	__builtin_memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, &address, sizeof(address));
}

// Where TCP begins; 0: it is no TCP, has options, or is a fragment.
static __always_inline __u32 ip4_read(struct __sk_buff *skb, struct frame *f) {
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) != 0 || ip.version != 4 ||
		ip.ihl != 5 || ip.protocol != IPPROTO_TCP || (ip.frag_off & bpf_htons(IPV4_PIECE)))
		return 0;
	mapped(f->source, ip.saddr);
	mapped(f->target, ip.daddr);
	return ETH_HLEN + sizeof(ip);
}

static __always_inline __u32 ip6_read(struct __sk_buff *skb, struct frame *f) {
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) != 0 || ip.version != 6 ||
		ip.nexthdr != IPPROTO_TCP)
		return 0;
	__builtin_memcpy(f->source, &ip.saddr, sizeof(f->source));
	__builtin_memcpy(f->target, &ip.daddr, sizeof(f->target));
	return ETH_HLEN + sizeof(ip);
}

static __always_inline int read(struct __sk_buff *skb, struct frame *f) {
	__u32 at = 0;

	if (skb->vlan_present || bpf_skb_load_bytes(skb, 0, &f->eth, sizeof(f->eth)) != 0)
		return 0;
	if (f->eth.h_proto == bpf_htons(ETH_P_IP))
		at = ip4_read(skb, f);
	else if (f->eth.h_proto == bpf_htons(ETH_P_IPV6))
		at = ip6_read(skb, f);
	return at && bpf_skb_load_bytes(skb, at, &f->tcp, sizeof(f->tcp)) == 0 && !f->tcp.syn &&
		!f->tcp.fin && !f->tcp.rst;
}

static __always_inline int same_mac(const __u8 *a, const __u8 *b) {
	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) |
		       (a[5] ^ b[5])) == 0;
}

static __always_inline struct shortcut_flow *flow_of(struct __sk_buff *skb, int way) {
	struct shortcut_key key;
	struct frame f;
	int in = way == SHORTCUT_IN;

	if (!read(skb, &f))
		return NULL;
	__builtin_memcpy(key.local, in ? f.target : f.source, sizeof(key.local));
	__builtin_memcpy(key.remote, in ? f.source : f.target, sizeof(key.remote));
	key.local_port = in ? f.tcp.dest : f.tcp.source;
	key.remote_port = in ? f.tcp.source : f.tcp.dest;
	struct shortcut_flow *flow = bpf_map_lookup_elem(&flows, &key);
	return flow && (!in || same_mac(flow->mac, f.eth.h_dest)) ? flow : NULL;
}

static __always_inline void count(
	struct shortcut_flow *flow, const struct __sk_buff *skb, int way) {
	__sync_fetch_and_add(&flow->packets[way], 1);
	__sync_fetch_and_add(&flow->bytes[way], skb->len - ETH_HLEN);
}

SEC("socket")
int taken(struct __sk_buff *skb) {
	return flow_of(skb, SHORTCUT_IN) ? 0 : ALL;
}

SEC("tc")
int from_port(struct __sk_buff *skb) {
	struct shortcut_flow *flow = flow_of(skb, SHORTCUT_IN);

	if (!flow)
		return TC_ACT_UNSPEC;
	count(flow, skb, SHORTCUT_IN);
	return (int)(links.outer ? bpf_redirect_peer(links.outer, 0)
				 : bpf_redirect(links.twin, BPF_F_INGRESS));
}

SEC("tc")
int to_twin(struct __sk_buff *skb) {
	return flow_of(skb, SHORTCUT_IN) ? (int)bpf_redirect(links.twin, BPF_F_INGRESS)
					 : TC_ACT_SHOT;
}

SEC("tc")
int from_twin(struct __sk_buff *skb) {
	struct shortcut_flow *flow = flow_of(skb, SHORTCUT_OUT);

	if (!flow)
		return TC_ACT_UNSPEC;
	count(flow, skb, SHORTCUT_OUT);
	return (int)bpf_redirect(links.inner ? links.inner : links.port, 0);
}

// What the kernel itself says on the pair (multicast reports) stays there.
SEC("tc")
int to_port(struct __sk_buff *skb) {
	return flow_of(skb, SHORTCUT_OUT) ? (int)bpf_redirect(links.port, 0) : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
