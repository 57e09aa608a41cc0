# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# An emulated machine (QEMU, no KVM needed) under the functions of smoke.sh, which a test sources first: Debian's kernel,
# leatd and what it needs in an initramfs, and NICs on its PCI bus. The other end of a NIC is eth0, a TAP, of a host.
#
#   nic HOST MODEL[,PROPERTY=VALUE...] [TAP-OPTION...] [-- ADDRESS...]   one more NIC; its PCI address is in ${nic_pci[HOST]}
#   machine_start [KERNEL-ARGUMENT...]   boots; MODEL and options of the machine itself: machine_options
#   guest CMD...               runs a command there, of busybox or socat; its output and exit status are the guest's
#   guest_put FILE             stdin becomes that file there
#   guest_leatd [CONFIG|-]     starts leatd there; `leat` then means that one
#   link_set HOST on|off       plugs the cable in or out
#   guest_leatd_stop           ends it: it must end well
#   machine_stop               the same, and the machine
#
# Everything there is some ten times slower than here: what waits is patient, and nothing is judged by time.

LEAT_SLOW=${LEAT_SLOW:-6}
export LEAT_SLOW
machine_options=(-machine q35 -cpu Nehalem -smp 2 -m 768)
machine_modules=(vfio-pci vfio_iommu_type1 uio_pci_generic virtio_pci virtio_net e1000 e1000e tun)
# DPDK's drivers that it gets beside those that leatd is linked with.
machine_drivers=(bus_pci bus_vdev mempool_ring net_virtio net_e1000)
machine_pid='' nic_options=() nic_hosts=()
declare -A nic_pci=()

nic() {
	local host=$1 model=$2 n=$((${#nic_hosts[@]} + 1)) tap='' mtu=1500
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		case $1 in
		mtu) mtu=$2 && shift ;;
		*) tap+=,$1 ;;
		esac
		shift
	done
	[ $# = 0 ] || shift
	ns_add "$host"
	nic_hosts+=("$host:$mtu:$*")
	nic_pci[$host]=0000:00:1$n.0
	nic_options+=(-netdev "tap,id=$host,ifname=tap$n,script=no,downscript=no$tap"
		-device "$model,netdev=$host,id=nic-$host,mac=02:00:00:00:00:0$n,addr=0x1$n,romfile=")
}

# ---- the initramfs ----------------------------------------------------------------------------------------

# Files by their own path, and the libraries they are linked with. A link stays one: a library loaded by two names is one.
machine_copy() { # FILE...
	local file library real
	for file in "$@"; do
		for library in "$file" $(ldd "$file" | grep -o '/[^ ]*'); do
			real=$(readlink -f "$library")
			[ -e "$T/root$real" ] || install -D "$real" "$T/root$real"
			[ -e "$T/root$library" ] || ln -s "$real" "$T/root$library"
		done
	done
}

machine_root() {
	local root=$T/root plugins name module
	plugins=$(dirname "$(find /usr/lib -name 'librte_bus_pci.so.*' -path '*/pmds-*' | head -n 1)")
	mkdir -p "$root"/{dev,proc,sys,run,tmp,usr/bin,usr/lib,usr/lib64,var}
	ln -s usr/bin usr/lib usr/lib64 "$root/"
	ln -s /run "$root/var/run"
	machine_copy "$(command -v busybox)" "$(command -v socat)" "$LEATD" "$LEAT"
	for name in "${machine_drivers[@]}"; do
		machine_copy "$(find "$plugins" -name "librte_$name.so.*" -type f)"
	done
	ln -s "$LEATD" "$LEAT" "$root/bin/"
	install "$SMOKE_LIB/machine_init" "$root/init"
	for module in "${machine_modules[@]}"; do
		modprobe -d "$machine_kernel" -S "$machine_version" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | sort -u | while read -r module; do
		install -D -m 644 "$module" "$root${module#"$machine_kernel"}"
	done
	cp "$machine_kernel/lib/modules/$machine_version"/modules.dep "$root/lib/modules/$machine_version/"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$T/initramfs"
	rm -rf "$root"
}

# ---- the machine --------------------------------------------------------------------------------------------

machine_start() { # KERNEL-ARGUMENT...
	local n=0 host mtu addresses address
	machine_kernel=$BUILD/emulated-kernel
	machine_version=$("$TOP/scripts/debian-kernel" "$machine_kernel")
	machine_root
	ns_add wires
	mkfifo "$T/shell.in" "$T/shell.out" "$T/monitor.in" "$T/monitor.out"
	exec {shell_in}<>"$T/shell.in" {shell_out}<>"$T/shell.out" {monitor_in}<>"$T/monitor.in" {monitor_out}<>"$T/monitor.out"
	bg qemu ip netns exec "$TAG-wires" qemu-system-x86_64 -accel tcg,thread=multi -nodefaults -no-user-config -display none \
		-no-reboot "${machine_options[@]}" -kernel "$machine_kernel/vmlinuz" -initrd "$T/initramfs" \
		-append "console=ttyS0 panic=-1 quiet $*" -serial "file:$T/console.log" \
		-chardev "pipe,id=shell,path=$T/shell" -serial chardev:shell \
		-chardev "pipe,id=monitor,path=$T/monitor" -mon chardev=monitor,mode=readline "${nic_options[@]}"
	machine_pid=$!
	for host in "${nic_hosts[@]}"; do
		n=$((n + 1))
		IFS=: read -r host mtu addresses <<<"$host"
		wait_until "ip -n '$TAG-wires' link show tap$n" 30
		ip -n "$TAG-wires" link set tap$n netns "$TAG-$host" name eth0 mtu "$mtu"
		for address in $addresses; do
			[[ $address != *:* ]] || in_ns "$host" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.eth0.accept_dad=0
			ip -n "$TAG-$host" address add "$address" dev eth0
		done
		ip -n "$TAG-$host" link set eth0 up
	done
	machine_line || fail "the machine does not boot"
	expect_eq "$line" ready "first word of the guest"
}

machine_line() { # the guest's next line, in $line
	for _ in $(seq 120); do
		! IFS= read -rt 5 line <&"$shell_out" || return 0
		kill -0 "$machine_pid" 2>/dev/null || return 1
	done
	return 1
}

guest() { # CMD...: words as in ssh, but each stays one
	local line status out err
	printf '%s\n' "$(printf '%q ' "$@")" >&"$shell_in"
	machine_line || fail "the guest does not answer: $*"
	read -r status out err <<<"$line"
	[ "$out" = 0 ] || head -c "$out" <&"$shell_out"
	[ "$err" = 0 ] || head -c "$err" <&"$shell_out" >&2
	return "$status"
}

guest_put() { guest sh -c "echo $(base64 -w0) | base64 -d >$1"; }

leat() { guest leat "$@"; }

guest_leatd() {
	[ "$1" = - ] || exec <"$1"
	guest_put /tmp/leat.lua
	guest sh -c ': >/tmp/leatd.log; tail -f /tmp/leatd.log >/dev/console &'
	guest sh -c '{ leatd -c /tmp/leat.lua --state-dir /tmp/state --memory 128 >>/tmp/leatd.log 2>&1; echo $? >/tmp/leatd.status; } &'
	wait_until "guest grep -q msg=ready /tmp/leatd.log || guest test -e /tmp/leatd.status" 60
	guest test ! -e /tmp/leatd.status || fail "leatd has ended: $(guest tail -n 40 /tmp/leatd.log)"
}

guest_leatd_stop() {
	guest killall leatd
	guest killall tail
	wait_until "guest test -e /tmp/leatd.status" 20
	expect_eq "$(guest cat /tmp/leatd.status)" 0 "exit status of leatd in the guest"
	guest rm /tmp/leatd.status
}

machine_stop() {
	guest_leatd_stop
	kill "$machine_pid"
}

link_set() { printf 'set_link nic-%s %s\n' "$1" "$2" >&"$monitor_in"; }
