// SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only)
// A VLAN interface for kernels that have none, so that a client in a smoke test can speak tagged: one end of a veth
// pair stands for it. vlan_tag() is on the ingress of the other end: it puts the tag in and sends the frame out by
// the device. vlan_untag() is on the ingress of the device: it takes frames of the VLAN the other way, and leaves all
// others to whoever comes next. Compiled for each use, with VID, DEVICE and PAIR (interface indices) defined.
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

SEC("tag")
int vlan_tag(struct __sk_buff *skb) {
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), VID) != 0)
		return TC_ACT_SHOT;
	return bpf_redirect(DEVICE, 0);
}

SEC("untag")
int vlan_untag(struct __sk_buff *skb) {
	if (!skb->vlan_present || skb->vlan_proto != bpf_htons(ETH_P_8021Q) ||
		(skb->vlan_tci & 0xfff) != VID)
		return TC_ACT_UNSPEC;
	if (bpf_skb_vlan_pop(skb) != 0)
		return TC_ACT_SHOT;
	return bpf_redirect(PAIR, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
