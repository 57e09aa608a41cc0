#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 900
# Linux's own virtio driver on vhost-user ports: a guest in QEMU with three NICs, each to a host of the switch: split rings, packed rings, and
# chains: without mergeable buffers, a buffer that could take 64 KiB is 19 descriptors, of which 13 fit into the ring. Pings, TCP
# both ways whose bytes are compared, a driver that starts anew, a leatd that is killed under it. leatd runs beside QEMU, not in it.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/machine.sh"

leat() { "$LEAT" -r "$RUN" "$@"; } # here
machine_options=(-machine "q35,memory-backend=mem" -cpu Nehalem -smp 2 -m 512
	-object "memory-backend-memfd,id=mem,size=512M,share=on")
declare -A properties=([split]='' [packed]=',packed=on'
	[chains]=',mrg_rxbuf=off,csum=off,guest_csum=off,gso=off,indirect_desc=off,event_idx=off')
names=(split packed chains)

# QEMU's segmentation fault with MSI-X of a vhost-user NIC under TCG: vectors=0. It listens, so that leatd may go and come.
guest_nic() { # NAME N
	nic_options+=(-chardev "socket,id=c$2,path=$T/$1.sock,server=on,wait=off" -netdev "vhost-user,id=n$2,chardev=c$2"
		-device "virtio-net-pci,netdev=n$2,mac=02:00:00:00:01:0$2,vectors=0,romfile=${properties[$1]}")
}
guest_up() {
	local n
	guest modprobe virtio_pci
	guest modprobe virtio_net
	for n in 1 2 3; do
		guest sh -c "echo 0 >/proc/sys/net/ipv6/conf/eth$((n - 1))/accept_dad; ip link set eth$((n - 1)) up;
			ip addr add 10.0.$n.9/24 dev eth$((n - 1)); ip addr add fd00:$n::9/64 dev eth$((n - 1))"
	done
}
guest_again() { # the driver starts anew
	guest sh -c 'for n in 0 1 2; do echo virtio$n >/sys/bus/virtio/drivers/virtio_net/unbind; done; rmmod virtio_net'
	guest_up
}
config() {
	local n=0 name
	echo 'local ports, switches = {}, {}'
	for name in "${names[@]}"; do
		n=$((n + 1))
		echo "ports.$name = { vhost_user = true, client = true, socket = '$T/$name.sock' } ports.h$n = { device = 'h$n' }
			switches.s$n = { ports = { $name = {}, h$n = {} } }"
	done
	echo 'return { ports = ports, switches = switches }'
}
across() { # N...
	local n size
	for n in "$@"; do
		wait_until "in_ns h$n ping -c 1 -W 5 10.0.$n.9" 20
		wait_until "in_ns h$n ping -c 1 -W 5 fd00:$n::9" 20
		for size in 1 18 1472 8000; do expect "in_ns h$n ping -c 2 -i 0.2 -W 20 -s $size 10.0.$n.9"; done
	done
}
transfer() { # N: a file from the guest and back again, over TCP
	rm -f "$T/back"
	bg "to$1" ip netns exec "$TAG-h$1" socat -u TCP-LISTEN:5000,reuseaddr "CREATE:$T/there"
	wait_until "in_ns h$1 ss -Htln 'sport = 5000' | grep -q ."
	guest socat -u FILE:/tmp/file "TCP:10.0.$1.1:5000"
	wait_until "cmp '$T/file' '$T/there'" 30
	guest sh -c 'socat -u TCP-LISTEN:5001,reuseaddr CREATE:/tmp/back >/dev/null 2>&1 &'
	wait_until "guest sh -c 'netstat -ltn | grep -q 5001'"
	expect "in_ns h$1 socat -u 'FILE:$T/file' TCP:10.0.$1.9:5001"
	wait_until "guest cmp /tmp/file /tmp/back" 30
}

for n in 1 2 3; do
	host h$n h$n 10.0.$n.1/24 fd00:$n::1/64
	guest_nic "${names[n - 1]}" $n
done
config >"$T/guest.lua"
leatd_start "$T/guest.lua"
machine_start # QEMU waits for who comes to its sockets
say "booted"
guest_up
links_up
expect_eq "$(leat_json 'map(select(.driver == "vhost-user")) | sort_by(.name) | map(.peer) | join(",")' ports)" \
	'connected,connected (checksum, tso),connected (checksum, tso)' "what chains, packed and split negotiated"
across 1 2 3
guest sh -c 'seq 160000 >/tmp/file'
seq 160000 >"$T/file"
for n in 1 2 3; do transfer $n; done
for name in "${names[@]}"; do
	[ "$(leat_json '.[0].rx_bytes' ports "$name")" -ge 1000000 ] && [ "$(leat_json '.[0].tx_bytes' ports "$name")" -ge 1000000 ] ||
		fail "$(leat show ports)"
done
expect_eq "$(leat_json 'map(.rx_errors + .tx_errors) | add' ports)" 0 "errors"
guest_again
across 1 2 3
leatd_kill
leatd_start "$T/guest.lua"
links_up
# QEMU tells a new leatd where a split ring stood, as that is in the ring. Where a packed one stood only the dead one knew.
across 1 3
guest_again
across 1 2 3
for n in 1 2 3; do transfer $n; done
kill "$machine_pid"
