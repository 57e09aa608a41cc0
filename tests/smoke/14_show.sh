#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# leat show: what the schema declares is what every noun has, in JSON, tables, by key, over time and in /metrics; and the
# numbers are those of the frames that were sent.
. "$(dirname "$0")/../lib/smoke.sh"

/usr/bin/python3 -c 'import prometheus_client' 2>/dev/null || skip "no python3-prometheus-client"
host h1 p1 10.0.0.1/24
host h2 p2 10.0.0.2/24
link w eth0 daemon p3
# Every frame that is sent is the test's: nobody asks for addresses.
ip -n "$TAG-h1" neigh replace 10.0.0.2 lladdr "$(mac_of h2)" dev eth0
ip -n "$TAG-h2" neigh replace 10.0.0.1 lladdr "$(mac_of h1)" dev eth0
leatd_start - <<'LUA'
return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, p3 = { device = "p3" } },
  switches = { s = { ports = { p1 = { access = 10, storm = { broadcast = "1000/s" } }, p2 = { access = 10 }, p3 = {} },
    static = { ["02:00:00:00:00:77"] = { port = "p1", vlan = 10 } } } } }
LUA
links_up
expect "in_ns h1 ping -c 1 -W 5 10.0.0.2" # both stations are known

# counts: of p1 and p2 received, sent and their bytes; packets through nodes; drops. As JSON, from rows and from metrics.
counts() {
	jq -n --argjson ports "$(leat show ports --json)" --argjson nodes "$(leat show nodes --json)" \
		--argjson drop "$(dropped switch_input_tagged p1)" \
		'[($ports[] | select(.name != "p3") | .rx_packets, .tx_packets, .rx_bytes, .tx_bytes),
		(("port_rx", "eth_input", "switch_input", "port_tx", "drop") as $n | [$nodes[] | select(.node == $n) | .packets] | add // 0),
		$drop]'
}
metrics() {
	api GET /metrics | awk '/^leat_ports_.x_(packets|bytes)_total\{name="p[12]"/ || /^leat_drops_packets_total\{port="p1",drop="drop_switch_input_tagged"/' | sort
}
grown() { jq -nc --argjson a "$before" --argjson b "$(counts)" '[$a, $b] | transpose | map(.[1] - .[0])'; }

before=$(counts)
expect "in_ns h1 ping -c 40 -i 0.01 -W 5 -s 100 10.0.0.2"
frames <<'PY'
wire('h1').send(Ether(src=mac(1), dst=mac(2)) / Dot1Q(vlan=99, type=0x88b5) / Raw(bytes(82)), count=30)
PY
# 40 requests and 40 replies of 142 bytes, and 30 tagged frames of 100 bytes that an access port refuses.
want="[70,40,8680,5680,40,40,5680,5680,110,110,110,80,30,30]"
try_until "[ \"\$(grown)\" = $want ]" 10 || fail "counted $(grown), want $want (rx, tx, bytes of p1 and p2; nodes; drops)"
expect_eq "$(metrics | awk '{ n += $2 } END { print n }')" \
	"$(counts | jq '(.[0:8] | add) + .[13]')" "the same numbers in /metrics"

# A router, so that its nouns have rows; only now, for it announces itself.
cat >"$T/router.json" <<'JSON'
{ "interfaces": {
  "v": { "switch": "s", "vlan": 1, "addresses": ["10.1.0.1/24", "2001:db8:1::1/64"], "neighbors": { "10.1.0.9": "02:00:00:00:00:99" },
    "vrrp": { "7": { "addresses": ["10.1.0.3"] } }, "ra": {},
    "dhcp": { "server": { "subnets": { "10.1.0.0/24": { "ranges": ["10.1.0.100-10.1.0.199"] } } } } },
  "t": { "tunnel": { "type": "gre", "source": "10.1.0.1", "remote": "10.1.0.7" }, "addresses": ["10.3.0.1/30"] } } }
JSON
leat set routers.r "$(jq -c . "$T/router.json")"
wait_until "[ \"\$(leat_json '.[0].state' vrrp)\" = master ]" 20 # its address is a route, too
leat set sets.blocked '{ "addresses": ["198.51.100.0/24"] }'
leat add blocks 203.0.113.0/24
leat set firewall '{ "rules": [ { "src": "@blocked", "action": "drop" }, { "name": "all", "action": "accept" } ] }'
expect "/usr/bin/python3 '$SMOKE_LIB/show.py' '$LEAT' '$RUN'" "the forms of leat show"
