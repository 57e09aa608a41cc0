// SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only)
// At the ingress of a device: everything also leaves by the device TO. nic_lab.sh compiles it for each use.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#ifndef TO
#define TO 1
#endif

SEC("mirror")
int mirror_to(struct __sk_buff *skb) {
	bpf_clone_redirect(skb, TO, 0);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
