#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# All or nothing: a configuration that fails, wherever it fails, changes nothing at all.
. "$(dirname "$0")/../lib/smoke.sh"

host a a 10.0.0.1/24
host b b 10.0.0.2/24
link daemon spare daemon spare2
ports='a = { device = "a" }, b = { device = "b" }'
base="ports = { $ports }, switches = { s = { ports = { a = { access = 10 }, b = { access = 10 } } } }"
leatd_start - <<<"return { $base }"
expect "in_ns a ping -c 1 -W 5 10.0.0.2"
config=$(leat show config --json)
history=$(leat history --json)
runs=0

# The file is refused with exit status 1 and words that a person can act on; nothing has changed.
refused() { # WORDS, the file's text on stdin
	local words=$1 status=0 text
	cat >"$T/try.lua"
	text=$(leat apply "$T/try.lua" 2>&1) || status=$?
	expect_eq "$status" 1 "exit status for: $(cat "$T/try.lua")"
	grep -qiE "$words" <<<"$text" || fail "the message for $(cat "$T/try.lua") does not say '$words': $text"
	expect_eq "$(leat show config --json)" "$config" "config after: $(cat "$T/try.lua")"
	expect_eq "$(leat history --json)" "$history" "history after: $(cat "$T/try.lua")"
	runs=$((runs + 1))
}

# schema: shape, ranges, references, unknown keys
refused 'prots.*ports' <<<"return { prots = {} }"
refused 'ports\.a\.mtu.*(range|9216)' <<<'return { ports = { a = { device = "a", mtu = 99999 } } }'
refused 'switches\.s\.ports.*zz' <<<"return { ports = { $ports }, switches = { s = { ports = { zz = { access = 10 } } } } }"
refused 'access.*4094' <<<"return { ports = { $ports }, switches = { s = { ports = { a = { access = 4095 } } } } }"
refused 'access, trunk' <<<"return { ports = { $ports }, switches = { s = { ports = { a = { access = 1, trunk = { 2 } } } } } }"
# ports: prepare opens devices; one good and one bad together
refused 'nosuch' <<<"return { ports = { $ports, new = { device = 'spare' }, bad = { device = 'nosuch' } } }"
refused 'device|vhost_user|bond' <<<"return { ports = { $ports, bad = {} } }"
refused 'in use' <<<"return { ports = { $ports, again = { device = 'a' } } }"
# the switch: what only the whole tree shows; a new good port is prepared and given back
refused '02:00:00:00:00:01|static|vlan' <<<"return { ports = { $ports, new = { device = 'spare' } }, switches = { s = {
	ports = { a = { access = 10 }, new = {} }, static = { ['02:00:00:00:00:01'] = { port = 'a', vlan = 99 } } } } }"
refused 'switch' <<<"return { ports = { $ports }, switches = { s = { ports = { a = {} } }, t = { ports = { a = {} } } } }"
# the router: what an address cannot be; a port that is a switch's; tables too small, after a port was opened and all else prepared
router() { echo "return { $base, routers = { r = { $1 } } }"; }
refused 'unicast' < <(router "interfaces = { w = { switch = 's', vlan = 20, addresses = { '224.0.0.1/24' } } }")
refused 'interfaces\.w|port a' < <(router "interfaces = { w = { port = 'a', addresses = { '192.0.2.1/24' } } }")
refused 'routes4: 256 is too small' < <(echo "return { ports = { $ports, new = { device = 'spare' } },
	routers = { r = { limits = { routes4 = 256 }, interfaces = { w = { port = 'new', addresses = { '192.0.2.1/24' } } },
	routes = { $(for i in $(seq 300); do printf "['172.16.%d.%d/32'] = { via = '192.0.2.2' }, " $((i / 256)) $((i % 256)); done) } } } }")
# the system section
refused 'system\.workers' <<<"return { system = { workers = 1000 }, $base }"

expect "in_ns a ping -c 3 -i 0.1 -W 1 10.0.0.2" "traffic after $runs refusals"
# The device that was opened and given back can be had.
echo "return { ports = { $ports, new = { device = 'spare' } } }" >"$T/try.lua"
expect "leat apply '$T/try.lua'" "a device that was given back can be had"
