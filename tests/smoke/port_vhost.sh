#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two guests of the switch: of one leatd is the vhost-user server, of the other the client. TCP both ways, with checksums
# and segments left to the switch by one of them and refused by the other; every process is killed and comes back.
# A guest is a namespace; its NIC is testpmd between virtio_user (the guest's driver) and a TAP.
. "$(dirname "$0")/../lib/smoke.sh"

declare -A testpmd=()
guest() { # vm1|vm2
	local n=${1#vm} mac=02:00:00:00:00:0 vhost=path=$T/vm2.sock,server=1 options=(--forward-mode=io)
	if [ "$1" = vm1 ]; then # leaves TCP's checksums to the switch, and the cutting of segments over 500 bytes
		printf '%s\n' 'port stop all' 'csum set ip hw 0' 'csum set tcp hw 0' 'tso set 500 0' \
			'port config 0 rx_offload tcp_lro on' 'port start all' \
			"set eth-peer 0 ${mac}2" "set eth-peer 1 ${mac}1" >"$T/csum"
		vhost=path=$T/vm1.sock options=(--forward-mode=csum --rx-offloads=0xc "--cmdline-file=$T/csum")
	else
		rm -f "$T/vm2.sock" # a guest that was killed has left it
	fi
	bg "testpmd-$1" ip netns exec "$TAG-$1" dpdk-testpmd --lcores 0@0,1@0 --no-huge -m 256 --no-pci \
		--file-prefix "$TAG" --no-shconf --no-telemetry --vdev "net_virtio_user0,$vhost,mac=$mac$n" --vdev "net_tap0,iface=eth0,mac=$mac$n" \
		-- "${options[@]}" --auto-start --total-num-mbufs=8192 --stats-period 5
	testpmd[$1]=$!
	wait_until "ip -n $TAG-$1 link show eth0" 20
	ip -n "$TAG-$1" link set dev eth0 up
	ip -n "$TAG-$1" address add "10.0.0.$n/24" dev eth0
}
peers() { leat_json 'sort_by(.name) | map(.peer) | join(",")' ports; }
transfer() { # FROM TO: over TCP, whose frames are whole when they get to the other guest
	dump "wire-$2" "$2" -vv "tcp and dst host 10.0.0.${2#vm}"
	bg server in_ns "$2" iperf3 -s -1
	wait_until "in_ns $2 ss -lnt | grep -q :5201"
	expect "in_ns $1 iperf3 -c 10.0.0.${2#vm} -n 3M"
	wait_until "grep -q 'Flags \[F' '$T/wire-$2.log'"
	refuse "grep -i incorrect '$T/wire-$2.log'" "a bad checksum"
}
across() { wait_until "in_ns vm1 ping -c 1 -W 1 10.0.0.2" 20 && expect "in_ns vm2 ping -c 3 -i 0.1 -W 5 10.0.0.1"; }
restart_guest() { # vm1|vm2, under traffic
	bg flood ip netns exec "$TAG-vm$((3 - ${1#vm}))" ping -q -f "10.0.0.${1#vm}"
	kill -9 "${testpmd[$1]}" && wait "${testpmd[$1]}" 2>/dev/null || true
	wait_until "[ \"\$(leat_json '.[] | select(.name == \"$1\").state' ports)\" = down ]"
	guest "$1"
	across
}

ns_add vm1 && ns_add vm2
leatd_start - --memory 128 <<<"return { ports = { vm1 = { vhost_user = true, socket = '$T/vm1.sock' },
	vm2 = { vhost_user = true, client = true, socket = '$T/vm2.sock' } },
	switches = { s = { ports = { vm1 = {}, vm2 = {} } } } }"
guest vm1
guest vm2
across
expect_eq "$(peers)" "connected (checksum, tso),connected" "what the guests negotiated"
transfer vm1 vm2
longest=$(grep -o ', length [0-9]*: ' "$T/wire-vm2.log" | tr -dc '0-9\n' | sort -n | tail -n 1)
[ "$longest" -le 566 ] || fail "a segment was not cut: a frame of $longest bytes"
transfer vm2 vm1
restart_guest vm1
restart_guest vm2
leatd_kill
leatd_start --memory 128
restart_guest vm1 # this driver does not come back by itself
