#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# configs/lab-vhost.lua: a guest on a vhost-user port talks to the box through a TAP, and the mirror sees it.
# The guest is a namespace; its NIC is testpmd between virtio_user (the guest's driver) and a TAP.
. "$(dirname "$0")/../lib/smoke.sh"

leatd_start "$TOP/configs/lab-vhost.lua"
expect_eq "$(leat_json '[.. | objects | select(.name?) | .name] | sort | join(" ")' ports)" "box vm1 vm2 watch" "ports"
[ -S "$RUN/vm1.sock" ] && [ -S "$RUN/vm2.sock" ] || fail "no vhost-user sockets in $RUN: $(ls "$RUN")"

ns_add vm1
bg testpmd ip netns exec "$TAG-vm1" dpdk-testpmd --no-huge -m 256 --no-pci --file-prefix "$TAG" --no-telemetry \
	--vdev "net_virtio_user0,path=$RUN/vm1.sock,queues=1" --vdev net_tap0,iface=eth0 \
	-- --forward-mode=io --auto-start --total-num-mbufs=8192 --stats-period 5
wait_until "ip -n $TAG-vm1 link show eth0" 20
ip -n "$TAG-vm1" link set eth0 up
ip -n "$TAG-vm1" address add 10.5.0.11/24 dev eth0
ip -n "$TAG-daemon" address add 10.5.0.1/24 dev lab0
ip -n "$TAG-daemon" link set lab0 up
ip -n "$TAG-daemon" link set watch0 up

bg mirror ip netns exec "$TAG-daemon" tcpdump -lni watch0 icmp
wait_until "grep -q listening '$T/mirror.log'"
wait_until "in_ns daemon ping -c 1 -W 1 10.5.0.11" 15
expect "in_ns daemon ping -c 5 -i 0.2 -W 2 10.5.0.11" "the guest answers the box"
wait_until "grep -q '10.5.0.1 > 10.5.0.11: ICMP echo request' '$T/mirror.log'" 3
wait_until "grep -q '10.5.0.11 > 10.5.0.1: ICMP echo reply' '$T/mirror.log'" 3
