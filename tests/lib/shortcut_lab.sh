# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Host a, and the sockets of a twin in namespace box, at whose port 7000 echoes, 7001 swallows and 7002 sends without end.
#   config [SECTION]         a configuration, with a further section
#   stream ADDRESS PORT      bulk that takes the short cut, until stream_end; stream_kill: at once
#   short                    local ends of what goes by it
#   interface COLUMN         of the twin's interface
#   pair NAMESPACE           indexes of ends of pairs there

host a p 10.1.0.9/24 2001:db8:1::9/64
ns_add box
in_ns box sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
config() {
	echo "return { ports = { p = { device = 'p', driver = 'af_packet' } }, ${1-}
	routers = { r = { interfaces = { p = { port = 'p', addresses = { '10.1.0.1/24', '2001:db8:1::1/64' }, zone = 'out',
		twin = { namespace = '$TAG-box', name = 'twin' } } } } } }"
}
leatd_start - <<<"$(config "")"
links_up
serve() { # NAMESPACE PORT WHAT [OPTION]
	bg "serve$2" ip netns exec "$TAG-$1" socat -b 65536 ${4-} "TCP6-LISTEN:$2,ipv6only=0,fork,reuseaddr" "$3"
	wait_until "in_ns $1 ss -Htln sport = :$2 | grep -q ."
}
serve box 7000 EXEC:cat
serve box 7001 /dev/null -u
serve box 7002 /dev/zero
short() { leat show shortcuts --json | jq -r '.[] | .local' | sort -u; }
interface() { leat_json ".[0].$1" interfaces; }
pair() { ip -n "$TAG-$1" -json link show type veth | jq -r '.[] | select(.ifname | startswith("leat")) | .ifindex'; }
bulk() { # ADDRESS PORT: until stream_kill
	local from=/dev/zero to="TCP:$1:$2"
	[ "$2" = 7001 ] || { from=$to && to=/dev/null; }
	bg bulk ip netns exec "$TAG-a" socat -u -b 65536 "$from" "$to"
	bulk=$!
}
stream() { bulk "$1" "$2" && wait_until "short | grep -qxF '$1:$2'"; }
stream_kill() { kill $bulk && { wait $bulk || true; }; }
stream_end() {
	stream_kill
	wait_until "[ -z \"\$(short)\" ]" # no bulk, no short cut
}
