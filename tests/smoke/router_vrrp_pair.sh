#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: alone
# smoke: timeout 240
# Two leatds as one virtual router per family on two networks, a host on either side. The master is killed, loses a link and comes back:
# pings through the virtual addresses go on, and less than a second of them is lost.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/vrrp.sh"

vrrp_lab peer # client - lan - { leatd, peer } - wan - net
vrrp_config 150 1 >"$T/first.lua"
vrrp_config 100 2 >"$T/second.lua"
leatd_start "$T/first.lua"
on_peer leatd_start "$T/second.lua"
is() { leat show vrrp --json | jq -e --arg s "$1" 'length == 4 and all(.state == $s)'; }
first() { wait_until 'is master && on_peer is backup' 60; }
second() { wait_until 'on_peer is master' 60; }
first
for to in 10.2.0.9 2001:db8:2::9; do wait_until "in_ns client ping -q -c 1 -W 1 $to" 20; done

killed() { leatd_kill && second; }
started() { leatd_start "$T/first.lua" && first; }
unplugged() { ip -n "$TAG-lan" link set dev daemon down && second; }
plugged() { ip -n "$TAG-lan" link set dev daemon up && first; }
loses_less killed started
loses_less started killed
loses_less unplugged plugged
loses_less plugged unplugged
expect "ip -n $TAG-client neighbor show 10.1.0.254 | grep -q 00:00:5e:00:01:07" "the virtual MAC address"
expect "ip -n $TAG-client neighbor show 2001:db8:1::fe | grep -q 00:00:5e:00:02:07"
