# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# configs/firewall.lua with real hosts: net (the Internet), pc (staff), web (a server), each with something that listens.
#   ask HOST ADDRESS PORT [SECONDS] [,OPTION]   what the listener there says: hello
#   out                                         net asks the web server, as 198.51.100.7

host net wan 192.0.2.1/24 198.51.100.7/32 2001:db8::1/64
host pc lan 10.0.10.9/24 2001:db8:10::9/64
host web dmz 10.0.20.10/24 2001:db8:20::10/64
for h in "pc 10.0.10.1 2001:db8:10::1" "web 10.0.20.1 2001:db8:20::1" "net 192.0.2.2 2001:db8::2"; do
	read -r name via4 via6 <<<"$h"
	ip -n "$TAG-$name" route add 10.0.0.0/8 via "$via4"
	ip -6 -n "$TAG-$name" route add 2001:db8:0::/32 via "$via6"
	[ "$name" = net ] || ip -n "$TAG-$name" route add default via "$via4"
done
leatd_start "$TOP/configs/firewall.lua"
links_up

serve() { bg "serve_$1_$2" ip netns exec "$TAG-$1" socat "TCP6-LISTEN:$2,ipv6only=0,fork,reuseaddr" 'EXEC:echo hello'; }
ask() { in_ns "$1" timeout "${4:-10}" socat -u "TCP:$2:$3,connect-timeout=${4:-10}${5:-}" -; }
serve web 80; serve web 22; serve net 80; serve pc 445
for s in "web 80" "web 22" "net 80" "pc 445"; do
	read -r name port <<<"$s"
	wait_until "in_ns $name ss -Hltn sport = :$port | grep -q ."
done
out() { ask net 10.0.20.10 80 2 ",bind=198.51.100.7"; }
