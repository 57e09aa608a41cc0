#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Lua policies with real clients, both families: what they say, count and look up; how they live through restarts; how they fail.
. "$(dirname "$0")/../lib/smoke.sh"

host net wan 192.0.2.1/24 192.0.2.200/32 2001:db8::1/64
host web dmz 10.0.20.10/24 2001:db8:20::10/64
host pc lan 10.0.30.9/24 2001:db8:30::9/64
for h in "net 192.0.2.2 2001:db8::2" "web 10.0.20.1 2001:db8:20::1" "pc 10.0.30.1 2001:db8:30::1"; do
	read -r name via4 via6 <<<"$h"
	ip -n "$TAG-$name" route add 10.0.0.0/8 via "$via4"
	ip -6 -n "$TAG-$name" route add 2001:db8:0::/32 via "$via6"
	[ "$name" = net ] || ip -n "$TAG-$name" route add default via "$via4"
done
leatd_start "$TOP/configs/policy.lua"
links_up
for s in "web 22" "net 80" "net 25"; do
	read -r name port <<<"$s"
	bg "serve_${name}_$port" ip netns exec "$TAG-$name" socat "TCP6-LISTEN:$port,ipv6only=0,fork,reuseaddr" 'EXEC:echo hello'
	wait_until "in_ns $name ss -Hltn sport = :$port | grep -q ."
done
ask() { in_ns "$1" timeout "${4:-10}" socat -u "TCP:$2:$3,connect-timeout=${4:-10}${5:-}" -; }

# A function looks into sets and counts by a key of its own.
for n in 1 2 3 4 5; do expect_eq "$(ask net 10.0.20.10 22)" hello "try $n"; done
refuse "ask net 10.0.20.10 22 2" "a sixth in a minute"
expect_eq "$(ask net '[2001:db8:20::10]' 22)" hello "another source has its own count"
for n in 1 2 3 4 5 6 7; do expect_eq "$(ask net 10.0.20.10 22 10 ,bind=192.0.2.200)" hello "an admin, try $n"; done
leat add set-entries admins 192.0.2.1
expect_eq "$(ask net 10.0.20.10 22)" hello "an admin from now on"
leat remove set-entries admins 192.0.2.1

# What it says nothing of is the next rules'; what it rejects is told.
expect_eq "$(ask pc 192.0.2.1 80)" hello
expect_eq "$(ask pc '[2001:db8::1]' 80)" hello
expect "(in_ns pc timeout 10 socat -u TCP:192.0.2.1:25 - 2>&1 || true) | grep -q refused" "a reset, at once"
expect_eq "$(leat_json '.[] | select(.name == "ssh") | .action' rules)" policy
expect "leat show firewall --json | jq -e '.[0].rejected >= 1 and .[0].dropped >= 1'" "what policies said is counted"
leat explain packet port=wan src=192.0.2.9 dst=10.0.20.10 proto=tcp dport=22 >"$T/explain"
expect "grep -q 'fw_policy passes: rule 1 ssh, whose policy says accept' '$T/explain'" "$(cat "$T/explain")"
leat explain packet port=lan src=10.0.30.9 dst=192.0.2.1 proto=tcp dport=25 >"$T/explain"
expect "grep -q 'fw_policy answers: rule 3 guests, whose policy says reject' '$T/explain'" "$(cat "$T/explain")"

# It is part of the revision: it lives through a restart, a change beside it, and comes back with a rollback.
leatd_stop
leatd_start
links_up
expect "(in_ns pc timeout 10 socat -u TCP:192.0.2.1:25 - 2>&1 || true) | grep -q refused" "after a restart"
leat set firewall.policy_instructions 20000
expect_eq "$(ask net 10.0.20.10 22)" hello "after an edit"
sed 's/if conn:src_in("admins")/if conn:src_in("admin")/' "$TOP/configs/policy.lua" >"$T/typo.lua"
refuse "leat check '$T/typo.lua' 2>'$T/why'" "a test asks the function"
expect "grep -q 'firewall.tests\[1\]: the policy that is asked fails, by rule \"ssh\": .*typo.lua:[0-9]*: there is no set \"admin\"' '$T/why'" "$(cat "$T/why")"

# One that fails drops, is counted and named; who lives, lives on. One that forbids is foretold.
bg hold ip netns exec "$TAG-pc" socat -u TCP:192.0.2.1:80,ignoreeof -
sed 's/if conn.proto == "tcp" and conn.dport == 25 then/while conn.dport == 443 do end if conn.dport == 25 then/' "$TOP/configs/policy.lua" >"$T/endless.lua"
sed -i '/dport = 443/d' "$T/endless.lua"
leat apply "$T/endless.lua"
refuse "ask pc 192.0.2.1 443 2" "an endless policy"
expect "[ $(dropped session_policy lan) -ge 1 ]" "the drop has a name"
expect "leat show rules --json | jq -e '.[] | select(.name == \"guests\") | .failed >= 1'"
wait_until "grep -q 'a policy failed.*rule 3 guests.*the policy used more than 10 k instructions' $T/*.log"
sed 's/conn.dport == 25 then/conn.dport == 80 then/; s/dport = 25/dport = 80/' "$TOP/configs/policy.lua" >"$T/less.lua"
leat apply --dry-run "$T/less.lua" >"$T/dry"
expect "grep -q 'would end: tcp 10.0.30.9 .* to 192.0.2.1 port 80 .*guests' '$T/dry'" "$(cat "$T/dry")"
leat rollback
expect "(in_ns pc timeout 10 socat -u TCP:192.0.2.1:25 - 2>&1 || true) | grep -q refused" "after a rollback"
