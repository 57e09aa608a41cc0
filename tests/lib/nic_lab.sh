# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What is asked of every NIC on the PCI bus: three of one kind, with hosts h1, h2 and h3 at their other ends, in a switch of
# leatd in an emulated machine (machine.sh), whose own kernel is the fourth station, by a TAP.
#
#   lab_boot MODEL [TAP-OPTION...] -- [KERNEL-ARGUMENT...]    boots it
#   lab_leatd                  starts leatd, with the TAP for its only port
#   lab_bind DRIVER HOST...    gives the NICs to vfio-pci or uio_pci_generic
#   lab_apply PORT-OPTIONS HOST...    the configuration with these NICs
#   refused PATTERN DEVICE     what leatd says of a device that it does not take
#   check_ping, check_tags, check_tcp, check_checksums, check_link, check_replug, check_jumbo, check_refused_change, check_killed,
#   check_bond                 one thing each

. "$SMOKE_LIB/machine.sh"

lab_config() { # PORT-OPTIONS [NAME...]
	local name options=$1
	shift
	echo 'local ports, members = { box = { device = "tap:box0" } }, { box = {} }'
	for name in "$@"; do
		echo "ports.$name = { device = '${nic_pci[$name]}' $options } members.$name = {}"
	done
	echo 'return { ports = ports, switches = { s = { ports = members } } }'
}

lab_boot() { # MODEL NIC-OPTION... -- KERNEL-ARGUMENT...
	local n options=()
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	shift
	for n in 1 2 3; do nic h$n "${options[@]}" -- 10.0.0.$n/24 fd00::$n/64; done
	machine_start "$@"
	say "booted"
	seq 40000 >"$T/source"
}

# leatd starts while the kernel still has the NICs.
lab_leatd() {
	guest modprobe tun
	guest_leatd - < <(lab_config '')
	guest sh -c 'echo 0 >/proc/sys/net/ipv6/conf/box0/accept_dad; ip link set box0 up; ip addr add 10.0.0.9/24 dev box0; ip addr add fd00::9/64 dev box0'
}

# What dpdk-devbind.py does.
lab_bind() { # DRIVER [HOST...]
	local driver=$1 host pci
	shift
	guest modprobe "$driver"
	[ "$driver" != vfio-pci ] || guest modprobe vfio_iommu_type1 # kmod's modprobe brings it along
	for host in "$@"; do
		pci=/sys/bus/pci/devices/${nic_pci[$host]}
		guest sh -c "echo $driver >$pci/driver_override; echo ${nic_pci[$host]} >$pci/driver/unbind; echo ${nic_pci[$host]} >/sys/bus/pci/drivers_probe" 2>/dev/null
		guest sh -c "readlink $pci/driver | grep -q $driver" || fail "the guest does not bind ${nic_pci[$host]} to $driver: $(guest dmesg | tail -n 5)"
	done
}

lab_apply() { # PORT-OPTIONS NAME...
	lab_config "$@" | guest_put /tmp/leat.lua
	expect "leat apply /tmp/leat.lua"
}

refused() { # PATTERN DEVICE
	local text
	lab_config '' h1 | sed "s/${nic_pci[h1]}/$2/" | guest_put /tmp/refused.lua
	! text=$(leat apply /tmp/refused.lua 2>&1) || fail "not refused: $2"
	grep -qE "$1" <<<"$text" || fail "of $2 is said: $text"
	say "$text"
	expect_eq "$(leat show ports --json | jq -r '.[].name')" box "ports after a refusal"
}

check_ping() {
	local from to
	links_up
	for from in 1 2 3; do
		for to in 10.0.0.$((from % 3 + 1)) fd00::$((from % 3 + 1)) 10.0.0.9 fd00::9; do
			wait_until "in_ns h$from ping -c 1 -W 5 $to" 10
		done
	done
	expect_eq "$(stations | awk '$1 == "h1" { print $3 }')" "$(mac_of h1)" "station of h1"
	expect "in_ns h1 ping -c 5 -i 0.2 -W 10 10.0.0.2"
}

# Tags and all, both ways; the shortest frame, and the longest with two tags.
check_tags() {
	leat set switches.s.ports.h1.trunk '[10,20]' >/dev/null
	leat set switches.s.ports.h2.trunk '[10,20]' >/dev/null
	leat set switches.s.ports.h3.access 20 >/dev/null
	frames <<-'PY'
		a, b, c = wire('h1'), wire('h2'), wire('h3')
		for x, y in (a, b), (b, a):
		    for size in 46, 1500:
		        data = Raw(os.urandom(size - 4))
		        tagged = Ether(src=mac(1), dst=mac(9)) / Dot1Q(vlan=10, prio=5, type=0x8100) / Dot1Q(vlan=7, type=0x88b5) / data
		        x.send(tagged)
		        y.expect(tagged)
		data = Raw(os.urandom(1500))
		a.send(Ether(src=mac(1), dst=mac(3)) / Dot1Q(vlan=20, type=0x88b5) / data)
		c.expect(Ether(src=mac(1), dst=mac(3), type=0x88b5) / data)
		c.send(Ether(src=mac(3), dst=mac(1), type=0x88b5) / data)
		a.expect(Ether(src=mac(3), dst=mac(1)) / Dot1Q(vlan=20, type=0x88b5) / data)
	PY
	leat unset --all >/dev/null
}

counter() { leat_json ".[0].$2" ports "$1"; }

check_tcp() {
	local rx tx
	rx=$(counter h1 rx_bytes) tx=$(counter h2 tx_bytes)
	bg server ip netns exec "$TAG-h2" iperf3 -s -1
	wait_until "in_ns h2 ss -Htln 'sport = 5201' | grep -q ."
	in_ns h1 timeout 120 iperf3 -J -t 3 -c 10.0.0.2 >"$T/iperf.json" || fail "iperf3: $(tail -n 5 "$T/iperf.json")"
	jq -e '.end.sum_received.bytes > 1e5' "$T/iperf.json" >/dev/null || fail "iperf3: $(jq -c .end.sum_received "$T/iperf.json")"
	say "iperf3: $(jq '.end.sum_received.bits_per_second / 1e6 | round' "$T/iperf.json") Mbit/s, emulated"
	wait_until "[ \$((\$(counter h1 rx_bytes) - $rx)) -ge $(jq .end.sum_received.bytes "$T/iperf.json") ]"
	[ $(($(counter h2 tx_bytes) - tx)) -ge "$(jq .end.sum_received.bytes "$T/iperf.json")" ] || fail "tx_bytes of h2 does not count"
	expect_eq "$(leat_json 'map(.rx_errors + .tx_errors) | add' ports)" 0 "errors"
}

# What a NIC left to be completed by the TAP at its other end is completed when it leaves by a veth that does nothing itself.
wire_of() { # HOST: w1 there is the wire
	local ns=$TAG-$1
	ip -n "$ns" link add w0 type veth peer name w1
	in_ns "$1" ethtool -K w0 tx off tso off gso off >/dev/null 2>&1
	ip -n "$ns" link set w0 up
	ip -n "$ns" link set w1 up
	clang -O2 -target bpf "-I/usr/include/$(uname -m)-linux-gnu" "-DTO=$(in_ns "$1" cat /sys/class/net/w0/ifindex)" \
		-c "$SMOKE_LIB/mirror.bpf.c" -o "$T/mirror.o"
	tc -n "$ns" qdisc add dev eth0 clsact
	tc -n "$ns" filter add dev eth0 ingress bpf da obj "$T/mirror.o" sec mirror
}

longest_in() { # LOG
	grep -o ', length [0-9]*: ' "$1" | tr -dc '0-9\n' | sort -n | tail -n 1
}

# The machine's kernel leaves checksums and segmentation to its TAP, leatd to the NIC or to itself; tcpdump judges every frame on the
# wire. `whole`: the NIC is to get what is to be cut in one piece.
check_checksums() { # [whole]
	local address to whole=${1-} frames='tcp port 9 or udp port 53'
	wire_of h1
	for address in 10.0.0.1 fd00::1; do
		to=$address
		dump nic h1 -Q in "$frames"
		bg wire ip netns exec "$TAG-h1" tcpdump --immediate-mode -lnevvi w1 "$frames"
		wait_until "grep -q 'listening on' '$T/wire.log'"
		bg sink ip netns exec "$TAG-h1" socat -u TCP6-LISTEN:9,ipv6only=0 "OPEN:$T/sink,creat,trunc"
		wait_until "in_ns h1 ss -Htln 'sport = 9' | grep -q ."
		[[ $address != *:* ]] || to="[$address]"
		guest sh -c "seq 40000 >/tmp/source; socat -u -b 60000 OPEN:/tmp/source TCP:$to:9; timeout 2 nslookup leat.example $address" >/dev/null 2>&1 || true
		wait_until "cmp -s '$T/source' '$T/sink'" 20
		wait_until "grep -q '\.53: ' '$T/wire.log'"
		refuse "grep -iE 'incorrect|bad (udp )?cksum' '$T/wire.log'" "a bad checksum on the wire"
		[ "$(grep -cE 'correct|udp sum ok' "$T/wire.log")" -ge 100 ] || fail "too few frames judged: $(tail -n 5 "$T/wire.log")"
		[ "$(longest_in "$T/wire.log")" -le 1514 ] || fail "a frame is longer than the MTU"
		expect_eq "$([ "$(longest_in "$T/nic.log")" -le 1514 ] || echo whole)" "$whole" "what the NIC got, up to $(longest_in "$T/nic.log") bytes"
		stop_pid "${smoke_bg[-2]}"
		stop_pid "${smoke_bg[-3]}"
		rm "$T/sink" "$T/wire.log" "$T/nic.log"
	done
	expect_eq "$(dropped port_tx_offload)" 0 "frames that could not be completed"
}

check_link() {
	link_set h1 off
	wait_until "[ \$(leat_json '.[0].state' ports h1) = down ]"
	expect_eq "$(leat_json '.[0].state' ports h2)" up "the other port"
	expect_eq "$(stations port=h1)" '' "stations behind a port without link"
	link_set h1 on
	wait_until "[ \$(leat_json '.[0].state' ports h1) = up ]"
	wait_until "in_ns h1 ping -c 1 -W 5 10.0.0.2"
	leat set ports.h1.enabled false >/dev/null
	expect_eq "$(leat_json '.[0].state' ports h1)" disabled "state"
	refuse "in_ns h1 ping -c 2 -i 0.2 -W 1 10.0.0.2"
	leat unset --all >/dev/null
	wait_until "in_ns h1 ping -c 1 -W 5 10.0.0.2"
}

# A port goes, and comes back, three times; the others lose nothing.
check_replug() {
	stream_start h1 h2 50
	for _ in 1 2 3; do
		lab_apply '' h1 h2
		refuse "in_ns h3 ping -c 1 -W 1 10.0.0.9"
		lab_apply '' h1 h2 h3
		wait_until "in_ns h3 ping -c 1 -W 5 10.0.0.9"
	done
	stream_stop
	jq -e '.sent > 100 and .lost == 0' >/dev/null <<<"$stream" || fail "frames of the other ports were lost"
}

check_jumbo() { # MTU
	local n
	for n in 1 2 3; do ip -n "$TAG-h$n" link set eth0 mtu "$1"; done
	lab_apply ", mtu = $1" h1 h2 h3
	wait_until "in_ns h1 ping -c 1 -W 5 -s $(($1 - 28)) -M do 10.0.0.2" 10
	expect "in_ns h2 ping -c 5 -i 0.2 -W 10 -s $(($1 - 28)) -M do 10.0.0.1" "$1 B in one piece"
	expect "in_ns h1 ping -c 3 -i 0.2 -W 10 -s $(($1 - 48)) -M do fd00::2"
	leat set ports.h2.mtu 1500 >/dev/null
	refuse "in_ns h1 ping -c 2 -i 0.2 -W 1 -s $(($1 - 28)) -M do 10.0.0.2" "$1 B to a port of 1500"
	expect_eq "$(dropped port_tx_mtu)" 2 "frames too long for the port"
	leat unset --all >/dev/null
	wait_until "in_ns h1 ping -c 1 -W 5 -s $(($1 - 28)) -M do 10.0.0.2" 10
}

# A change that needs the NIC opened anew and is refused afterwards leaves the port as it was.
check_refused_change() {
	{
		lab_config ', rx_ring = 512' h1 h2 h3 | sed '$d'
		echo "ports.none = { device = '0000:00:1f.7' }"
		echo 'return { ports = ports, switches = { s = { ports = members } } }'
	} | guest_put /tmp/refused.lua
	refuse "leat apply /tmp/refused.lua"
	links_up
	wait_until "in_ns h1 ping -c 1 -W 5 10.0.0.2"
	wait_until "in_ns h1 ping -c 1 -W 5 fd00::3"
}

# Nobody tells a NIC that leatd was killed; the next one takes it all the same.
check_killed() {
	guest killall -9 leatd
	wait_until "guest test -e /tmp/leatd.status"
	guest rm /tmp/leatd.status
	guest killall tail
	guest_leatd - < <(lab_config '' h1 h2 h3)
	links_up
	wait_until "in_ns h1 ping -c 1 -W 5 10.0.0.2"
}

check_bond() {
	local bond="mode = 'active-backup', members = { '${nic_pci[h1]}', '${nic_pci[h2]}' }, primary = '${nic_pci[h1]}'"
	guest_put /tmp/bond.lua <<-END
		return { ports = { up = { bond = { $bond } }, h3 = { device = "${nic_pci[h3]}" } },
			switches = { s = { ports = { up = {}, h3 = {} } } } }
	END
	expect "leat apply /tmp/bond.lua"
	links_up
	wait_until "in_ns h3 ping -c 1 -W 5 10.0.0.1"
	refuse "in_ns h3 ping -c 2 -i 0.2 -W 1 10.0.0.2" "the member in reserve"
	link_set h1 off
	wait_until "in_ns h3 ping -c 1 -W 5 10.0.0.2" 15
	refuse "in_ns h3 ping -c 2 -i 0.2 -W 1 10.0.0.1" "a member without link"
	link_set h1 on
	wait_until "in_ns h3 ping -c 1 -W 5 10.0.0.1" 15
	lab_apply '' h1 h2 h3
}
