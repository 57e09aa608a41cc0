#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two leatd over shared memory, in two network namespaces: frames of every size both ways, also when either of them is
# killed under traffic and started again. Then DPDK's own driver as peer.
. "$(dirname "$0")/../lib/smoke.sh"

host h1 p1 10.0.0.1/24 mtu 9000
on_peer host h2 p1 10.0.0.2/24 mtu 9000
config() { # ROLE [SOCKET]
	cat <<-END
		return { ports = { p1 = { device = "p1", mtu = 9000 }, m = { device = "memif:$T/${2-memif},role=$1", mtu = 9000 } },
		  switches = { s = { ports = { p1 = {}, m = {} } } } }
	END
}
peer_of_m() { leat_json '.[] | select(.name == "m").peer' ports; }
across() {
	wait_until '[ "$(peer_of_m) $(on_peer peer_of_m)" = "connected connected" ]' 20
	wait_until 'in_ns h1 ping -c 1 -W 1 10.0.0.2' 10
	expect "in_ns h2 ping -c 5 -i 0.1 -W 5 -s 8972 -M do 10.0.0.1"
}
testpmd() { # answers ARP and pings for everybody
	rm -f "$T/foreign"
	bg testpmd ip netns exec "$TAG-h2" dpdk-testpmd --no-huge -m 256 --no-pci --file-prefix "$TAG" --no-telemetry \
		--vdev "net_memif0,role=server,socket=$T/foreign,socket-abstract=no" \
		-- --forward-mode=icmpecho --auto-start --total-num-mbufs=8192 --stats-period 5
	testpmd=$!
}

leatd_start - --memory 128 < <(config server)
expect_eq "$(stat -c %a "$T/memif")" 660 "who can connect to the socket"
on_peer leatd_start - --memory 128 < <(config client)
across
bg flood1 ip netns exec "$TAG-h1" ping -q -f -s 1400 10.0.0.2
bg flood2 ip netns exec "$TAG-h2" ping -q -f -s 8000 10.0.0.1
on_peer leatd_kill
wait_until '[ "$(peer_of_m)" = waiting ]'
on_peer leatd_start --memory 128
across
leatd_kill
wait_until '[ "$(on_peer peer_of_m)" = connecting ]'
leatd_start --memory 128
across
on_peer leatd_stop
wait_until '[ "$(peer_of_m)" = waiting ]'

# DPDK's own driver on the other side
testpmd
config client foreign >"$T/new.lua"
leat apply "$T/new.lua" >/dev/null
for _ in 1 2; do
	wait_until 'in_ns h1 ping -c 1 -W 1 10.0.0.99' 20
	kill -9 "$testpmd" && wait "$testpmd" 2>/dev/null || true
	wait_until '[ "$(peer_of_m)" = connecting ]'
	testpmd
done
wait_until 'in_ns h1 ping -c 1 -W 1 10.0.0.99' 20
