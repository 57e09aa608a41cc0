#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# ARP through the switch, as a network lives on it: a duplicate address answers twice, and a service address that
# moves to another machine with its MAC address is reached there after one gratuitous ARP.
. "$(dirname "$0")/../lib/smoke.sh"

for n in 1 2 3; do host h$n p$n 10.0.0.$n/24; done
leatd_start - <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, p3 = { device = "p3" } },
	switches = { s = { ports = { p1 = { access = 10 }, p2 = { access = 10 }, p3 = { access = 10 } } } } }'
links_up

# Debian has two programs of this name; both know these options.
answers() { # ADDRESS: the MAC addresses that answer
	(in_ns h1 arping -c 3 -I eth0 "$1" || true) | grep -oiE '([0-9a-f]{2}:){5}[0-9a-f]{2}' | tr A-F a-f | sort -u | xargs
}
expect_eq "$(answers 10.0.0.2)" "$(mac_of h2)" "who has 10.0.0.2"
expect_eq "$(answers 10.0.0.77)" "" "who has an address that nobody has"
for name in h2 h3; do ip -n "$TAG-$name" address add 10.0.0.9/24 dev eth0; done
expect_eq "$(answers 10.0.0.9)" "$( (mac_of h2 && mac_of h3) | sort | xargs)" "who has the duplicate address"
for name in h2 h3; do ip -n "$TAG-$name" address del 10.0.0.9/24 dev eth0; done

# The service address and its MAC address: first on h2, then on h3, which says so once.
take() { # HOST
	ip -n "$TAG-$1" link set eth0 address 02:00:5e:00:01:63
	ip -n "$TAG-$1" address add 10.0.0.99/24 dev eth0
	frames <<-PY
	me = mac(0x163)
	wire('$1').send(Ether(src=me, dst='ff:ff:ff:ff:ff:ff') / ARP(op=1, hwsrc=me, psrc='10.0.0.99', pdst='10.0.0.99'))
	PY
}
take h2
wait_until '[ "$(stations mac=02:00:5e:00:01:63)" = "p2 10 02:00:5e:00:01:63 dynamic" ]' 5
expect "in_ns h1 ping -c 3 -i 0.1 -W 5 10.0.0.99" "the service on h2"
ip -n "$TAG-h2" address del 10.0.0.99/24 dev eth0
ip -n "$TAG-h2" link set eth0 address 02:00:5e:00:01:02
bg ping ip netns exec "$TAG-h1" ping -i 0.1 10.0.0.99
take h3
wait_until '[ "$(stations mac=02:00:5e:00:01:63)" = "p3 10 02:00:5e:00:01:63 dynamic" ]' 5
wait_until "[ \$(grep -c 'bytes from 10.0.0.99' '$T/ping.log') -ge 5 ]" 5
dump old h2 icmp
expect "in_ns h1 ping -c 5 -i 0.1 -W 2 10.0.0.99" "the service on h3"
frames <<<"wire('h1').send(Ether(src=mac(1), dst='ff:ff:ff:ff:ff:ff') / IP(src='10.0.0.1', dst='10.0.0.255') / ICMP())"
wait_until "grep -q 10.0.0.255 '$T/old.log'" 5
refuse "grep 10.0.0.99 '$T/old.log'" "frames for the service on the port that it left"
