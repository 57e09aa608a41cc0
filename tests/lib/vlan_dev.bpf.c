// SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only)
// A VLAN interface for kernels that have none: one end of a veth pair stands for it. The program `tag` is on the
// ingress of the other end: it puts the tag in and sends the frame out by the device. `untag` is on the ingress of
// the device: it takes frames of the VLAN the other way, and leaves all others to whoever comes next.
// vlan_dev of smoke.sh compiles it for each use, with the VLAN and the interface indices of both.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#ifndef VLAN
#define VLAN   1
#define DEVICE 1
#define PAIR   1
#endif

SEC("tag")
int vlan_tag(struct __sk_buff *skb) {
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), VLAN) != 0)
		return TC_ACT_SHOT;
	return bpf_redirect(DEVICE, 0);
}

SEC("untag")
int vlan_untag(struct __sk_buff *skb) {
	if (!skb->vlan_present || skb->vlan_proto != bpf_htons(ETH_P_8021Q) ||
		(skb->vlan_tci & 0xfff) != VLAN)
		return TC_ACT_UNSPEC;
	if (bpf_skb_vlan_pop(skb) != 0)
		return TC_ACT_SHOT;
	return bpf_redirect(PAIR, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
