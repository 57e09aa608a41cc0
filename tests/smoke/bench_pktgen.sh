#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The two-core generator: everything comes back through testpmd by vhost-user and by memif, whole, in order and with its
# latency, also after testpmd died; what a switch with a rate limit lets through is found by search. No speed is judged.
# smoke: timeout 180
. "$(dirname "$0")/../lib/smoke.sh"

flags=(--no-huge -m 256 --no-pci --no-telemetry)
pktgen() { # ARG...: starts it; `ask COMMAND` sets $answer
	coproc gen { exec "$BUILD/bench/pktgen/leat-pktgen" -l 0 "${flags[@]}" --file-prefix "$TAG-gen" -- --burst 16 --mbufs 4096 "$@" 2>"$T/gen.log"; }
	smoke_bg+=("$gen_PID")
	heard && jq -e .ready >/dev/null <<<"$answer"
}
heard() { read -r -t 60 answer <&"${gen[0]}" || fail "no answer from the generator: $(tail -n 3 "$T/gen.log")"; }
ask() { echo "$*" >&"${gen[1]}" && heard; }
holds() { jq -e "$1" >/dev/null <<<"$answer" || fail "not $1: $answer"; }
whole() { holds '.offered > 500 and .lost == 0 and .bad == 0 and .reordered == 0 and .duplicated == 0 and .links'; }
quit() { echo quit >&"${gen[1]}" && wait "$gen_PID" || fail "the generator ended with status $?"; }
testpmd() { # VDEV...: forwards between two ports; its process id is in $dut
	bg testpmd dpdk-testpmd --lcores 0,1@0 "${flags[@]}" --file-prefix "$TAG" "${@/#/--vdev=}" \
		-- --forward-mode=io --auto-start --total-num-mbufs=16384 --stats-period 5
	dut=$!
}
on_exit rm -rf "/run/dpdk/$TAG-gen"

# vhost-user: the way of a guest
vhost() { testpmd "net_vhost0,iface=$T/a,queues=1" "net_vhost1,iface=$T/b,queues=1"; }
vhost
wait_until "[ -S '$T/a' ] && [ -S '$T/b' ]" 30
virtio=queues=1,queue_size=1024,mrg_rxbuf=0,in_order=1
pktgen --port "net_virtio_user0,path=$T/a,$virtio" --profile macs=64,flows=1000,size=imix,check=1,stamp=1 \
	--port "net_virtio_user1,path=$T/b,$virtio" --direction both
ask links wait_ms=20000 && holds .up
ask window rate=1000 ms=1000 && whole
holds '.latency_ns.p50 > 0 and .latency_ns.max >= .latency_ns.p99 and .latency_ns.samples > 500'
ask window wdith=3 && holds '.error | test("no .wdith=")'
kill -9 $dut && wait $dut 2>/dev/null || true
ask links && holds '.up | not'
rm -f "$T/a" "$T/b"
vhost
ask links wait_ms=30000 && holds .up
ask learn && holds '.sent == 2000'
ask window rate=1000 ms=600 && whole
quit
stop_pid $dut

# memif, and the frames of a capture
testpmd "net_memif0,role=server,id=0,socket-abstract=no,socket=$T/m" "net_memif1,role=server,id=1,socket-abstract=no,socket=$T/m"
wait_until "[ -S '$T/m' ]" 30
/usr/bin/python3 -c "
from scapy.all import *
wrpcap('$T/replay.pcap', [Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02') / IP(src='10.0.0.1', dst='10.0.0.2') / UDP() / Raw(bytes(n)) for n in range(18, 1400, 7)])"
pktgen --port "net_memif0,role=client,id=0,socket-abstract=no,socket=$T/m" --profile l3=ip6,l4=tcp,vlan=7,flows=1000,order=rand,size=594,check=1,stamp=1 \
	--port "net_memif1,role=client,id=1,socket-abstract=no,socket=$T/m" --profile "pcap=$T/replay.pcap" --direction both
ask links wait_ms=20000 && holds .up
ask start rate=1000 && holds .running
while ask stat && jq -e '.offered < 1000' >/dev/null <<<"$answer"; do :; done
ask stop && whole
stop_pid $dut # first: as a server, this driver does not outlive a client that goes
quit

# two guests of leatd, and as many frames per second as its storm control lets pass
leatd_start - --memory 128 <<<'return { ports = { a = { vhost_user = true }, b = { vhost_user = true } },
	switches = { s = { ports = { a = { storm = { unknown = "20000/s" } }, b = {} } } } }'
pktgen --port "net_virtio_user0,path=$RUN/a.sock,$virtio" --profile macs=8,flows=8,check=1,stamp=1 \
	--port "net_virtio_user1,path=$RUN/b.sock,$virtio"
ask links wait_ms=20000 && holds .up
ask search tolerance=0.1 resolution=0.1 trial_ms=300 again=2 max=50000
holds '.rate > 4000 and .rate < 24000 and .fails > .rate and (.at_maximum | not) and any(.trials[]; .lost > 0)'
ask learn && holds '.sent == 16'
ask window rate=1000 ms=600 && whole
quit
