#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Random rules, as Leat's and as nftables' beside it: the same packets pass, are reset, are dropped. LEAT_SEED=N repeats a run.
. "$(dirname "$0")/../lib/smoke.sh"

ns_add kernel
for n in 1 2 3; do
	host "h$n" "l$n"
	link "h$n" eth1 kernel "k$n"
	ip -n "$TAG-kernel" link set "k$n" address "02:00:00:00:0$n:01"
	in_ns kernel sysctl -qw "net.ipv6.conf.k$n.disable_ipv6=0" "net.ipv6.conf.k$n.accept_dad=0" \
		"net.ipv4.conf.k$n.rp_filter=0" "net.ipv4.conf.k$n.send_redirects=0"
	ip -n "$TAG-kernel" address add "172.16.$n.1/24" dev "k$n"
	ip -n "$TAG-kernel" address add "2001:db8:f$n::1/64" dev "k$n"
	for via in "172.16.$n.9" "2001:db8:f$n::9"; do
		ip -n "$TAG-kernel" neigh add "$via" lladdr "02:00:00:00:0$n:09" nud permanent dev "k$n"
	done
	ip -n "$TAG-kernel" route add "10.$n.0.0/16" via "172.16.$n.9"
	ip -n "$TAG-kernel" route add "2001:db8:$n::/48" via "2001:db8:f$n::9"
done
in_ns kernel sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 \
	net.ipv4.conf.all.send_redirects=0
leatd_start - <<<'return { ports = { l1 = { device = "l1" }, l2 = { device = "l2" }, l3 = { device = "l3" } } }'
links_up
judged=$("$SMOKE_LIB/nft_diff.py" "$TAG" 20 200 "${LEAT_SEED:-20261127}" "$LEAT" "$T")
say "$judged"
