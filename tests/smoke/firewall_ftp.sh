#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# FTP, active and passive, both families: a client behind masquerade, a server behind DNAT, nothing in between, and without the helper.
. "$(dirname "$0")/../lib/smoke.sh"

host net wan 192.0.2.1/24 2001:db8::1/64
host pc lan 10.0.10.9/24 2001:db8:10::9/64
host srv dmz 10.0.20.10/24 2001:db8:20::10/64
for h in "pc 10.0.10.1 2001:db8:10::1" "srv 10.0.20.1 2001:db8:20::1"; do
	read -r name via4 via6 <<<"$h"
	ip -n "$TAG-$name" route add default via "$via4" # the Internet knows no way to IPv4 inside
	ip -6 -n "$TAG-$name" route add default via "$via6"
done
ip -6 -n "$TAG-net" route add 2001:db8::/32 via 2001:db8::2
config() { # HELPER
	cat <<LUA
return {
  ports = { wan = { device = "wan" }, lan = { device = "lan" }, dmz = { device = "dmz" } },
  routers = { main = { interfaces = {
    wan = { port = "wan", addresses = { "192.0.2.2/24", "2001:db8::2/64" }, zone = "internet" },
    lan = { port = "lan", addresses = { "10.0.10.1/24", "2001:db8:10::1/64" }, zone = "staff" },
    dmz = { port = "dmz", addresses = { "10.0.20.1/24", "2001:db8:20::1/64" }, zone = "servers" } } } },
  firewall = {
    rules = { { name = "ftp", to = { "internet", "servers" }, proto = "tcp", dport = 21, helper = "$1", action = "accept" } },
    nat = { { to = "internet", proto = "tcp", dport = 2121, dnat = "10.0.20.10:21" },
      { to = "internet", proto = "tcp", dport = 21, dst = "2001:db8::2", dnat = "2001:db8:20::10" },
      { from = { "staff", "servers" }, to = "internet", masquerade = true } } } }
LUA
}
config ftp >"$T/on.lua"
config none >"$T/off.lua"
leatd_start "$T/on.lua"
links_up

head -c 200000 /dev/urandom >"$T/file"
cat >"$T/ftpd.py" <<'PY'
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
auth = DummyAuthorizer()
auth.add_anonymous(sys.argv[1])
FTPHandler.authorizer = auth
FTPServer(("::", 21), FTPHandler).serve_forever()
PY
for h in net srv; do
	bg "ftpd_$h" ip netns exec "$TAG-$h" /usr/bin/python3 -W ignore "$T/ftpd.py" "$T"
	wait_until "in_ns $h ss -Hltn sport = :21 | grep -q ." 20
done
# fetch HOST URL [CURL-OPTION...]: one file, and it is the same
fetch() { (in_ns "$1" curl -gsS -m 20 "${@:3}" "ftp://$2/file" -o "$T/got" && cmp "$T/got" "$T/file"); rc=$? && rm -f "$T/got" && return $rc; }

# Through masquerade: PASV, EPSV, PORT, EPRT; the server sees the address outside.
expect "fetch pc 192.0.2.1 --disable-epsv"
expect "fetch pc 192.0.2.1"
expect "fetch pc 192.0.2.1 -P - --disable-eprt" "PORT, rewritten"
expect "fetch pc 192.0.2.1 -P -" "EPRT, rewritten"
expect "fetch pc '[2001:db8::1]'"
expect "fetch pc '[2001:db8::1]' -P -" "EPRT of IPv6"
# Through DNAT, by another port than 21.
expect "fetch net 192.0.2.2:2121 --disable-epsv --no-ftp-skip-pasv-ip" "227, rewritten"
expect "fetch net 192.0.2.2:2121"
expect "fetch net 192.0.2.2:2121 -P - --disable-eprt" "its source is the address that was asked"
expect "fetch net '[2001:db8::2]'"
expect "fetch net '[2001:db8::2]' -P -"
# Between two zones without NAT.
expect "fetch pc 10.0.20.10"
expect "fetch pc '[2001:db8:20::10]' -P -"
expect "leat show sessions --json | jq -e 'map(select(.dport != 21)) | length >= 10'" "connections for data"

# A long conversation, whose numbers are shifted again and again.
for n in 1 2 3 4 5 6 7 8; do echo "url = \"ftp://192.0.2.1/file\"" && echo "output = \"$T/got$n\""; done >"$T/many"
expect "in_ns pc curl -gsS -m 60 -P - --disable-eprt -K '$T/many'"
for n in 1 2 3 4 5 6 7 8; do cmp "$T/got$n" "$T/file"; done
expect "[ $(dropped session_tcp_seq lan) = 0 ] && [ $(dropped session_tcp_ack wan) = 0 ]" "numbers fit"

# What is spoken of and not come yet is shown.
mkfifo "$T/say"
bg talk ip netns exec "$TAG-pc" socat -t 30 "PIPE:$T/say" TCP:192.0.2.1:21
printf 'USER anonymous\r\nPASS x\r\nEPSV\r\n' >"$T/say"
wait_until "leat show expectations --json | jq -e '.[] | select(.src == \"10.0.10.9\" and .dst == \"192.0.2.1\" and .left > 30)'" 10

# What nobody spoke of does not pass; a rule without the helper helps nobody, and ends what it helped.
bg nobody ip netns exec "$TAG-pc" socat TCP6-LISTEN:40000,fork,reuseaddr 'EXEC:echo hello'
wait_until "in_ns pc ss -Hltn sport = :40000 | grep -q ."
refuse "in_ns net timeout 2 socat -u 'TCP:[2001:db8:10::9]:40000,connect-timeout=2' -"
leat apply "$T/off.lua"
expect "in_ns pc timeout 20 socat -t 5 - TCP:192.0.2.1:21 </dev/null | grep -q ^220" "the server is heard"
refuse "fetch pc 192.0.2.1 -P - --disable-eprt -m 3 2>/dev/null"
refuse "fetch pc 10.0.20.10 -m 3 2>/dev/null"
