#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The generator inside the process under test: what testpmd and a real switch forward comes back whole and in order, with
# its latency; what they alter or lose is told; pause, rate, replay and whole connections. No speed is judged.
# Needs the driver, which bench/pktgen/build makes: `make test` alone does not.
# smoke: timeout 180
. "$(dirname "$0")/../lib/smoke.sh"

driver=$BUILD/bench/pktgen/libleatgen.so
[ -e "$driver" ] || skip "the driver is not built (bench/pktgen/build)"
page=$T/page

gen() { "$BUILD/bench/pktgen/gen_ctl" "$page" "$@"; }
sees() { gen show | jq -e "$1" >/dev/null; }
holds() { wait_until "gen show | jq -e '$1'" 60; }
whole='.bad == 0 and .lost == 0 and .reordered == 0 and .duplicated == 0 and .foreign == 0'
is_whole() { sees "$whole" || fail "not whole: $(gen show)"; }
testpmd() { # MODE PROFILE0 PROFILE1
	rm -f "$page"
	# By its name alone: DPDK takes no path that others can write to, and /tmp is one.
	bg testpmd env LD_LIBRARY_PATH="$BUILD/bench/pktgen" dpdk-testpmd --lcores 0,1@0 --no-huge -m 256 --no-pci --no-telemetry \
		--file-prefix "$TAG" -d libleatgen.so --vdev "net_leatgen0,shm=$page,$2" --vdev "net_leatgen1,side=1,shm=$page,$3" \
		-- "--forward-mode=$1" --auto-start --total-num-mbufs=16384 --stats-period 5
	dut=$!
	wait_until "gen show | jq -e '.packets > 0'" 60
}
on_exit rm -rf "/run/dpdk/$TAG"

# One side with mixed sizes, the other with TCP and tags.
echo "macs=100 flows=1000 check=1 stamp=1 rate=20000   # of both sides" >"$T/profile"
profile=profile=$T/profile
testpmd io "$profile,size=imix" "$profile,l4=tcp,vlan=9,size=128"
holds '.packets > 20000'
is_whole
sees '.latency_ns.p50 > 0 and .latency_ns.max >= .latency_ns.p999 and .latency_ns.samples > 10000' || fail "$(gen show)"

# Paused it stands still, and then nothing is under way: what is made from here to the next pause comes back.
paused() { gen set pause=1 >/dev/null && gen window --ms 300 >"$T/window" && [ "$(jq .packets "$T/window")" = 0 ]; }
wait_until paused 30
gen reset >/dev/null # testpmd threw away what came before it was ready
gen set pause=0 >/dev/null
holds '.packets > 5000'
wait_until paused 30
sees '.missing == 0 and .packets > 5000' || fail "missing: $(gen show)"
gen set pause=0 rate=5000 >/dev/null
gen window --ms 1000 >"$T/window"
jq -e '.threads == 1 and .cpu_share > 0 and .packets + .missed > 1000 and .packets + .missed < 20000' "$T/window" >/dev/null ||
	fail "not about 5000 each: $(cat "$T/window")"
is_whole
stop_pid $dut

# Stations that changed places are not those that were sent.
testpmd macswap "$profile" "$profile"
holds '.bad > 1000'
stop_pid $dut

# The frames of a file one way; and connections that live and die.
/usr/bin/python3 -c "
from scapy.all import *
wrpcap('$T/replay.pcap', [Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02') / IP(src='10.0.0.1', dst='10.0.0.2') / UDP() / Raw(bytes(n)) for n in range(1000)])"
testpmd io "pcap=$T/replay.pcap,rate=5000" rate=5000
holds '.ports[0].generated > 2000'
mean=$(gen show | jq '.ports[0].generated_bytes / .ports[0].generated | round')
[[ $mean -gt 300 && $mean -lt 800 ]] || fail "frames of $mean bytes are not those of the file"
stop_pid $dut
testpmd io tcp=cycle,flows=300,rate=50000 tcp=cycle,flows=300,rate=50000
holds '.sessions.closed > 300'
gen reset >/dev/null # and those that were under way when it became ready
holds '.sessions.closed > 3000'
sees '.sessions.aborted == 0 and .reordered == 0 and .foreign == 0' || fail "$(gen show)"
stop_pid $dut

# A mistake is told in words.
text=$(LD_LIBRARY_PATH="$BUILD/bench/pktgen" dpdk-testpmd --no-huge -m 64 --no-pci --no-telemetry --file-prefix "$TAG" -d libleatgen.so \
	--vdev net_leatgen0,macs=0 2>&1 </dev/null) || true
grep -q 'net_leatgen0: profile: macs=0 is not valid; it is 1..16777216' <<<"$text" || fail "not told: $text"

# A switch, with tags.
rm -f "$page"
leatd_start - --memory 128 --plugin "$driver" <<EOL
return { ports = {
  a = { device = "vdev:net_leatgen0,vlan=10,vlans=4,macs=200,flows=800,check=1,rate=20000,shm=$page" },
  b = { device = "vdev:net_leatgen1,vlan=10,vlans=4,macs=200,flows=800,check=1,rate=20000,shm=$page,side=1" } },
  switches = { s = { ports = { a = { trunk = { 10, 11, 12, 13 } }, b = { trunk = { 10, 11, 12, 13 } } } } } }
EOL
wait_until "[ \"\$(leat_json '.[0].stations' switches)\" = 400 ]" 30
gen reset >/dev/null
holds '.packets > 20000'
is_whole
leat set ports.b.enabled false >/dev/null
seen=$(gen show | jq .generated)
wait_until "[ \$(gen show | jq .generated) -gt $((seen + 3000)) ]" 30
leat set ports.b.enabled true >/dev/null
holds '.lost > 1000' # and it says what a port that was off for a while has cost
sees '.bad == 0 and .reordered == 0 and .duplicated == 0' || fail "$(gen show)"
text=$(leat set ports.b.device vdev:net_leatgen1,macs=0 2>&1) && fail "macs=0 was taken"
grep -q 'no driver makes net_leatgen1' <<<"$text" || fail "not told: $text"
