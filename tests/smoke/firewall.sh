#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What may pass passes both ways, the rest is dropped or rejected; what is shown and explained; a set edited under the rules.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/firewall_lab.sh"

expect_eq "$(ask net 10.0.20.10 80)" hello "the Internet reaches the web server"
expect_eq "$(ask net '[2001:db8:20::10]' 80)" hello "by IPv6, too"
expect_eq "$(ask pc 192.0.2.1 80)" hello "staff goes out"
expect "in_ns pc ping -q -c 3 -i 0.2 -W 5 192.0.2.1" "and hears the answers"
expect "in_ns pc ping -6 -q -c 3 -i 0.2 -W 5 2001:db8::1"
expect "in_ns pc ping -q -c 2 -i 0.2 -W 5 10.0.10.1" "this box answers a ping"
refuse "ask net 10.0.20.10 22 2" "no ssh from the Internet"
refuse "ask net 10.0.10.9 445 2" "nobody comes in to staff"
refuse "in_ns net ping -q -c 2 -i 0.2 -W 1 10.0.10.9"
expect "(in_ns web timeout 10 socat -u TCP:10.0.10.9:445 - 2>&1 || true) | grep -q refused" "a reset, at once"
expect "(in_ns web timeout 10 socat -u 'TCP:[2001:db8:10::9]:445' - 2>&1 || true) | grep -q refused"
expect "(in_ns web ping -c 1 -W 5 10.0.10.9 || true) | grep -qi 'prohibited\|filtered'" "an ICMP error for the rest"

# What is counted, what is shown.
expect_eq "$(leat_json '.[] | select(.name == "web") | .hits' rules)" 2 "connections of rule web"
expect "[ $(dropped session_no_rule wan) -ge 3 ]" "drops have the name of what dropped them"
expect "leat show sessions --json | jq -e 'map(select(.dport == 80)) | length >= 1'"

# What would become of a packet, stage by stage.
leat explain packet port=lan src=10.0.10.9 dst=10.0.20.10 proto=tcp dport=9999 >"$T/explain"
expect "grep -q 'rtr_route passes: it leaves by dmz' '$T/explain'"
expect "grep -q 'fw_policy passes: rule 4 out' '$T/explain'" "$(cat "$T/explain")"
leat explain packet port=wan src=192.0.2.1 dst=10.0.20.10 proto=tcp dport=22 >"$T/explain"
expect "grep -q 'fw_policy drops: no rule takes it, from zone internet to zone servers' '$T/explain'" "$(cat "$T/explain")"

# A set is edited under the rules: a source is out, and in again.
expect_eq "$(out)" hello
leat add set-entries blocked 198.51.100.7
refuse out "a blocked source"
expect_eq "$(ask net 10.0.20.10 80)" hello "others are not"
leat remove set-entries blocked 198.51.100.7
expect_eq "$(out)" hello
