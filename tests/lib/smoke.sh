# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The library of the smoke tests. A test sources it first, and gets: namespaces of its own, a leatd of
# its own in a namespace of its own, a temp dir $T, and a cleanup that leaves nothing behind, however the
# test ends. Every function that fails ends the test. See tests/README.md for a test to copy.
#
#   host NAME PORT [ADDRESS...] [mtu N]   namespace NAME with eth0, whose other end is PORT in leatd's namespace
#   ns_add NAME; link NS1 IF1 NS2 IF2     the same in pieces; leatd's namespace is called `daemon`
#   vlan_dev NAME IF VLAN [ADDRESS...]    a VLAN interface IF.VLAN there
#   in_ns NAME CMD...                     runs a command there
#   leatd_start [CONFIG] [OPTION...]      CONFIG: a file, or - for stdin; returns once leatd is ready; $leatd_memory: its MB
#   leatd_stop, leatd_kill                SIGTERM (exit status must be 0), SIGKILL
#   on_peer CMD...                        host, leatd_start, leat, links_up ...: of a second leatd, in namespace `peer`
#   leat CMD..., leat_json FILTER NOUN... the client; `leat show NOUN... --json` through jq -r FILTER
#   api METHOD PATH [CURL-OPTION...]      an API request; prints the body
#   links_up                              waits until every port has its link
#   stations [FILTER...]                  the fdb as lines `PORT VLAN MAC TYPE`, sorted; FILTER: port=p1 vlan=10 ...
#   dropped REASON [PORT]                 packets dropped for REASON, drop_ left out
#   dump NAME HOST [OPTION...] [FILTER]   tcpdump on eth0 of HOST, from now on, into $T/NAME.log
#   frames <<'PY'                         sends and compares raw frames: tests/lib/frames.py
#   stream_start HOST1 HOST2 PPS, stream_stop   frames lost meanwhile, JSON in $stream: tests/lib/stream.py
#   bg NAME CMD...                        starts a command in the background; its output goes to $T/NAME.log
#   wait_until 'CMD' [SECONDS]            polls until CMD succeeds
#   expect 'CMD' [WHY], refuse 'CMD' [WHY], expect_eq GOT WANT WHAT
#   on_exit CMD...                        further cleanup; skip WHY, fail WHY
#
# On a machine that is many times slower than usual (an emulated one), LEAT_SLOW=N makes every wait N times as patient.
set -euo pipefail

SMOKE_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$SMOKE_LIB/../.." && pwd)
NAME=$(basename "$0" .sh)
BUILD=${LEAT_BUILD:-$TOP/build}
LEATD=${LEATD:-$BUILD/control/leatd}
LEAT=${LEAT:-$BUILD/control/cli/leat}
# Names every namespace of this test; the process id keeps tests that run side by side apart.
TAG=${LEAT_TAG:-leat$$}
T=$(mktemp -d "${TMPDIR:-/tmp}/leat-smoke-XXXXXX")
RUN=$T/run STATE=$T/state
other_daemon=(peer "$T/peer-run" "$T/peer-state" '' '') # as in daemon_swap
export TAG T
# A sanitizer's finding must fail the test, and not be mistaken for a refusal (1) or no daemon (2).
# Slow unwinding sees through libraries without frame pointers, or lsan.supp would not know whose leak it is.
export ASAN_OPTIONS=${ASAN_OPTIONS:-exitcode=99:detect_leaks=1:fast_unwind_on_malloc=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1:exitcode=99}
export LSAN_OPTIONS=${LSAN_OPTIONS:-exitcode=99:suppressions=$SMOKE_LIB/lsan.supp:print_suppressions=0}

netns_mounted=$(! mountpoint -q /run/netns || echo yes)
leatd_ns=daemon leatd_pid='' leatd_log='' leatd_runs=0 stream='' stream_pid=''
leatd_memory=256 # MB, half of the default: most of a start is filling it; '': as the configuration says
declare -A smoke_ns=()
smoke_bg=() smoke_exit=()

say() { printf '%s: %s\n' "$NAME" "$*"; }
skip() {
	say "skipped: $*"
	exit 77
}
fail() {
	say "FAILED: $*" >&2
	exit 1
}

smoke_failed_at() { # LINE COMMAND STATUS
	say "FAILED: line $1: $2 (exit status $3)" >&2
}

# ---- what is left behind is taken away ------------------------------------------------------------------

stop_pid() { # PID: SIGTERM, and SIGKILL when it has not gone after 5 s
	kill "$1" 2>/dev/null || return 0
	for _ in $(seq 100); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	kill -9 "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

smoke_end_daemon() {
	[ -n "$leatd_pid" ] || return
	if ! kill -0 "$leatd_pid" 2>/dev/null; then
		status=1
		say "FAILED: leatd has died" >&2
	elif ! leatd_stop_status; then
		status=1
		say "FAILED: leatd did not end well" >&2
	fi
}

smoke_cleanup() {
	local status=$? pid ns cmd
	trap - EXIT ERR INT TERM
	set +e
	smoke_end_daemon
	daemon_swap
	smoke_end_daemon
	if grep -rsqE --include='*.log' 'ERROR: (Address|Leak)Sanitizer|runtime error: ' "$T"; then
		status=1
		say "FAILED: a sanitizer found something" >&2
	fi
	[ $status = 0 ] || [ $status = 77 ] || smoke_show_logs
	for cmd in "${smoke_exit[@]}"; do eval "$cmd"; done
	for pid in "${smoke_bg[@]}"; do stop_pid "$pid" 2>/dev/null; done
	for ns in "${!smoke_ns[@]}"; do
		for pid in $(ip netns pids "$TAG-$ns" 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
		ip netns del "$TAG-$ns" 2>/dev/null
	done
	# What `ip netns` mounted for this test, and what a DPDK peer named by --file-prefix $TAG leaves.
	[ -n "$netns_mounted" ] || [ -n "$(ls /run/netns 2>/dev/null)" ] || umount /run/netns 2>/dev/null
	rm -rf "/run/dpdk/$TAG"
	if [ $status != 0 ] && [ $status != 77 ] && [ -n "${LEAT_LOG_DIR-}" ]; then
		mkdir -p "$LEAT_LOG_DIR/$NAME" && cp -r "$T"/. "$LEAT_LOG_DIR/$NAME/" 2>/dev/null
	fi
	rm -rf "$T"
	exit $status
}

smoke_show_logs() { # the last few
	local log
	find "$T" -name '*.log' -size +0 -printf '%T@ %p\n' | sort -n | tail -n 8 | cut -d' ' -f2- | while read -r log; do
		echo "--- the end of ${log##*/}"
		tail -n 25 "$log" | cut -c 1-400
	done >&2
}

on_exit() { smoke_exit=("$(printf '%q ' "$@")" "${smoke_exit[@]}"); }

mkfifo "$T/never"
exec {never}<>"$T/never"
trap smoke_cleanup EXIT
trap 'smoke_failed_at "$LINENO" "$BASH_COMMAND" "$?"' ERR
trap 'say "stopped at line $LINENO: $BASH_COMMAND" >&2; exit 130' INT TERM
set -E

[ "$(id -u)" = 0 ] || skip "needs root to make namespaces"

# ---- namespaces -----------------------------------------------------------------------------------------

in_ns() { # NAME CMD...
	local ns=$1
	shift
	ip netns exec "$TAG-$ns" "$@"
}

ns_add() { # NAME
	ip netns add "$TAG-$1"
	smoke_ns[$1]=1
	# Quiet: the only packets are the test's. Reno is the one congestion control that every kernel has.
	in_ns "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	in_ns "$1" sysctl -qw net.ipv4.tcp_congestion_control=reno
	ip -n "$TAG-$1" link set lo up
}

link() { # NS1 IF1 NS2 IF2 [MTU]
	local ns
	for ns in "$1" "$3"; do [ -n "${smoke_ns[$ns]-}" ] || ns_add "$ns"; done
	ip -n "$TAG-$1" link add "$2" mtu "${5:-1500}" type veth peer name "$4" mtu "${5:-1500}" netns "$TAG-$3"
	ip -n "$TAG-$1" link set dev "$2" up
	ip -n "$TAG-$3" link set dev "$4" up
}

host() { # NAME PORT [ADDRESS...] [mtu N]
	local name=$1 port=$2 mtu=1500 addresses=()
	shift 2
	while [ $# -gt 0 ]; do
		case $1 in
		mtu) mtu=$2 && shift ;;
		*) addresses+=("$1") ;;
		esac
		shift
	done
	link "$name" eth0 "$leatd_ns" "$port" "$mtu"
	# A frame that leaves by a veth is on the wire: with its checksum, and no longer than the MTU. And an
	# XDP redirect into a veth needs NAPI at the peer, which GRO turns on.
	in_ns "$name" ethtool -K eth0 tx off tso off gso off gro on >/dev/null 2>&1
	local address
	for address in "${addresses[@]}"; do
		case $address in
		*:*) in_ns "$name" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.eth0.accept_dad=0 ;;
		esac
		ip -n "$TAG-$name" address add "$address" dev eth0
	done
}

# On a kernel without VLAN interfaces, one end of a veth pair and vlan_dev.bpf.c stand for it.
vlan_pair() { # NAME IF VLAN
	local ns=$TAG-$1 dev=$2 vlan=$3 object=$T/vlan-$1-$2-$3.o
	local sys=/sys/class/net pair=$2.${3}t
	ip -n "$ns" link add "$dev.$vlan" type veth peer name "$pair"
	clang -O2 -target bpf "-I/usr/include/$(uname -m)-linux-gnu" "-DVLAN=$vlan" \
		"-DDEVICE=$(in_ns "$1" cat "$sys/$dev/ifindex")" "-DPAIR=$(in_ns "$1" cat "$sys/$pair/ifindex")" \
		-c "$SMOKE_LIB/vlan_dev.bpf.c" -o "$object"
	tc -n "$ns" qdisc add dev "$pair" clsact
	tc -n "$ns" filter add dev "$pair" ingress bpf da obj "$object" sec tag
	tc -n "$ns" qdisc show dev "$dev" | grep -q clsact || tc -n "$ns" qdisc add dev "$dev" clsact
	tc -n "$ns" filter add dev "$dev" ingress prio "$vlan" bpf da obj "$object" sec untag
	ip -n "$ns" link set dev "$pair" mtu "$4" up
}

vlan_dev() { # NAME IF VLAN [ADDRESS...]
	local ns=$TAG-$1 dev=$2 name=$2.$3 mtu address
	mtu=$(in_ns "$1" cat "/sys/class/net/$dev/mtu")
	ip -n "$ns" link add link "$dev" name "$name" type vlan id "$3" 2>/dev/null || vlan_pair "$1" "$dev" "$3" "$mtu"
	ip -n "$ns" link set dev "$name" mtu "$mtu" address "$(mac_of "$1" "$dev")" up
	in_ns "$1" ethtool -K "$name" tx off tso off gso off >/dev/null 2>&1 || true
	for address in "${@:4}"; do ip -n "$ns" address add "$address" dev "$name"; done
}

mac_of() { # NAME [IF]
	in_ns "$1" cat "/sys/class/net/${2:-eth0}/address"
}

# ---- waiting and judging --------------------------------------------------------------------------------

now_ms() { echo $(("${EPOCHREALTIME/./}" / 1000)); }

pause() { # MICROSECONDS: without a process, as some hundred polls of a whole suite's tests would be heard on two cores
	read -rt "$(($1 / 1000000)).$(printf '%06d' $(($1 % 1000000)))" -u "$never" || true
}

try_until() { # 'CMD' SECONDS: whether CMD succeeded in time; LEAT_SLOW: by how much this machine is slower
	local end=$(($(now_ms) + $2 * 1000 * ${LEAT_SLOW:-1})) every_us=20000
	until (eval "$1") >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		pause $every_us
		# What takes long is asked for less often: a question is some processes, and others want the machine.
		every_us=$((every_us < 200000 ? every_us * 3 / 2 : every_us))
	done
}

wait_until() { # 'CMD' [SECONDS]
	try_until "$1" "${2:-10}" || fail "not within ${2:-10} s: $1"
}

expect() { # 'CMD' [WHY]
	local out
	out=$(eval "$1" 2>&1) || fail "${2:-should succeed}: $1"$'\n'"$out"
}

refuse() { # 'CMD' [WHY]
	local out
	! out=$(eval "$1" 2>&1) || fail "${2:-should fail}: $1"$'\n'"$out"
}

expect_eq() { # GOT WANT WHAT
	[ "$1" = "$2" ] || fail "${3:-value}: got '$1', want '$2'"
}

bg() { # NAME CMD...; the process id is in $!
	local log=$T/$1.log
	shift
	"$@" >"$log" 2>&1 &
	smoke_bg+=($!)
}

# ---- leatd and its client -------------------------------------------------------------------------------

daemon_swap() {
	local this_one=("$leatd_ns" "$RUN" "$STATE" "$leatd_pid" "$leatd_log")
	leatd_ns=${other_daemon[0]} RUN=${other_daemon[1]} STATE=${other_daemon[2]}
	leatd_pid=${other_daemon[3]} leatd_log=${other_daemon[4]}
	other_daemon=("${this_one[@]}")
}

on_peer() { # CMD...: means the second leatd by it
	local status=0
	daemon_swap
	"$@" || status=$?
	daemon_swap
	return $status
}

leatd_spawn() { # OPTION...: starts it and does not wait
	[ -x "$LEATD" ] || fail "no $LEATD: run \`make\` first"
	[ -n "${smoke_ns[$leatd_ns]-}" ] || ns_add "$leatd_ns"
	mkdir -p "$RUN" "$STATE"
	leatd_runs=$((leatd_runs + 1))
	leatd_log=$T/leatd-$leatd_runs.log
	: >"$leatd_log"
	ip netns exec "$TAG-$leatd_ns" "$LEATD" --state-dir "$STATE" --run-dir "$RUN" \
		${leatd_memory:+--memory "$leatd_memory"} "$@" >"$leatd_log" 2>&1 &
	leatd_pid=$!
}

leatd_start() { # [CONFIG|-] [OPTION...]
	local options=()
	case ${1-} in
	-)
		cat >"$STATE.lua"
		options=(-c "$STATE.lua")
		shift
		;;
	'') [ $# = 0 ] || shift ;;
	--*) ;;
	*)
		options=(-c "$1")
		shift
		;;
	esac
	leatd_spawn "${options[@]}" "$@"
	local end=$(($(now_ms) + ${LEAT_START_S:-60} * 1000 * ${LEAT_SLOW:-1}))
	until leatd_said msg=ready; do
		kill -0 $leatd_pid 2>/dev/null || leatd_said msg=ready || fail "leatd has ended instead of being ready"
		[ "$(now_ms)" -lt "$end" ] || fail "leatd is not ready"
		pause 20000
	done
}

leatd_said() { # WORD; no process either
	local lines
	mapfile -t lines <"$leatd_log"
	[[ ${lines[*]} == *"$1"* ]]
}

leatd_stop_status() { # the exit status of leatd after SIGTERM; 98: it would not end
	local pid=$leatd_pid
	leatd_pid=''
	kill "$pid"
	if ! try_until "! kill -0 $pid" 20; then
		kill -9 "$pid"
		return 98
	fi
	wait "$pid"
}

leatd_stop() {
	local status=0
	leatd_stop_status || status=$?
	[ $status = 0 ] || fail "leatd ended with status $status"
}

leatd_kill() {
	local pid=$leatd_pid
	leatd_pid=''
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || true
}

leat() { "$LEAT" -r "$RUN" "$@"; }

leat_json() { # FILTER NOUN [KEY]...
	local filter=$1
	shift
	leat show "$@" --json | jq -r "$filter"
}

api() { # METHOD PATH [CURL-OPTION...]
	local method=$1 path=$2
	shift 2
	curl -sS --max-time 30 --unix-socket "$RUN/leat.sock" -X "$method" "$@" "http://leat$path"
}

links_up() { wait_until "leat show ports --json | jq -e 'all(.state == \"up\")'" 15; }

stations() { # [FILTER...]
	leat show fdb "$@" --json | jq -r 'sort_by(.port, .vlan, .mac)[] | "\(.port) \(.vlan) \(.mac) \(.type)"'
}

dropped() { # REASON [PORT]
	leat show drops --json | jq --arg drop "drop_$1" --arg port "${2-}" \
		'[.[] | select(.drop == $drop and ($port == "" or .port == $port)) | .packets] | add // 0'
}

dump() { # NAME HOST [OPTION...] [FILTER]
	bg "$1" ip netns exec "$TAG-$2" tcpdump --immediate-mode -lnei eth0 "${@:3}"
	wait_until "grep -q 'listening on' '$T/$1.log'"
}

frames() { /usr/bin/python3 "$SMOKE_LIB/frames.py" "$TAG"; }

# ---- a counted stream ------------------------------------------------------------------------------------

stream_start() { # HOST1 HOST2 PPS: numbered frames both ways, from now until stream_stop
	bg stream /usr/bin/python3 "$SMOKE_LIB/stream.py" "$TAG" "$1" "$2" "$3" "$T/stream.stop"
	stream_pid=$!
	wait_until "grep -q streaming '$T/stream.log'" 20
}

# Sets $stream to its count as JSON; fails when the counting itself was not sound. Not in a subshell: it waits.
stream_stop() {
	touch "$T/stream.stop"
	wait "$stream_pid" || fail "stream: $(tail -n 3 "$T/stream.log")"
	stream=$(tail -n 1 "$T/stream.log")
	jq -e '.socket_drops == 0' >/dev/null <<<"$stream" || fail "the counter itself lost frames: $stream"
	say "stream: $stream"
}
