#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# configs/firewall.lua with real hosts: what may pass passes both ways, the rest is dropped or rejected; live edits; commits.
. "$(dirname "$0")/../lib/smoke.sh"

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
out() { ask net 10.0.20.10 80 2 ",bind=198.51.100.7"; }
expect_eq "$(out)" hello
leat add set-entries blocked 198.51.100.7
refuse out "a blocked source"
expect_eq "$(ask net 10.0.20.10 80)" hello "others are not"
leat remove set-entries blocked 198.51.100.7
expect_eq "$(out)" hello

# A country is a set: who is in it is told by a file.
"$SMOKE_LIB/mmdb.py" "$T/c.mmdb" 198.51.100.7/32=XA 203.0.113.0/24=XB 2001:db8:77::/48=XA
refuse "leat set sets.blocked '{ \"countries\": [\"XA\"] }' 2>'$T/why'" "no file is named"
expect "grep -q country_database '$T/why'"
leat set firewall.country_database "$T/c.mmdb"
leat set sets.blocked '{ "countries": ["XA"] }'
expect_eq "$(leat_json '[.[].entry] | sort | join(" ")' set-entries set=blocked)" "198.51.100.7/32 2001:db8:77::/48" "networks of XA"
refuse out "a source of a blocked country"
expect_eq "$(ask net 10.0.20.10 80)" hello "others are not"
leat set sets.blocked '{ "countries": ["XB"] }'
expect_eq "$(out)" hello

# Who touches a tripwire is dropped in the driver, whatever it asks for, until that ends or somebody lets it in again.
leat set 'firewall.rules[1]' '{ "name": "tripwire", "from": "internet", "src": "198.51.100.7", "proto": "tcp", "dport": 23, "action": "drop", "block": "1h" }'
refuse "ask net 10.0.20.10 23 1 ,bind=198.51.100.7"
wait_until "leat show blocks --json | jq -e '.[] | select(.source == \"198.51.100.7/32\" and .left > 3500)'"
refuse out "a source that is blocked in the driver"
expect "leat show blocks --json | jq -e '.[0].dropped > 0'" "its frames are counted"
expect_eq "$(ask net 10.0.20.10 80)" hello "others are not"
leat remove blocks 198.51.100.7
expect_eq "$(out)" hello
leat add blocks 198.51.100.0/24 for=1s why=test
wait_until "leat show blocks --json | jq -e 'length == 0'" 10
expect_eq "$(out)" hello "its time is over"

# A commit ends what it forbids and leaves the rest alone.
bg ping_on ip netns exec "$TAG-pc" ping -i 0.1 -W 5 10.0.20.10
wait_until "grep -q icmp_seq=5 $T/ping_on.log"
sed 's/to = { "internet", "servers" }/to = "internet"/' "$TOP/configs/firewall.lua" >"$T/less.lua"
before=$(leat show rules --json | jq -c "map(del(.last_hit, .hits))")
leat apply --dry-run "$T/less.lua" >"$T/dry"
expect "grep -q '^  would end: icmp 10.0.10.9 .* to 10.0.20.10 .*inside' '$T/dry'" "what a commit would end"
expect_eq "$(leat show rules --json | jq -c "map(del(.last_hit, .hits))")" "$before" "nothing was applied"
leat set 'firewall.rules[4].to' internet
wait_until "leat show rules --json | jq -e '.[] | select(.name == \"inside\") | .hits > 0'" 20
refuse "in_ns pc ping -q -c 2 -i 0.2 -W 1 10.0.20.10" "it was allowed before"
expect_eq "$(ask pc 192.0.2.1 80)" hello

# Half of the day each: one of them is on. And no source has more than its share.
leat set firewall.schedules '{ "am": { "to": "12:00" }, "pm": { "from": "12:00" } }'
leat set 'firewall.rules[3]' '{ "name": "manage", "from": "staff", "to": "self", "schedule": "am", "action": "accept" }'
leat set 'firewall.rules[6]' '{ "name": "updates", "from": "servers", "to": "internet", "schedule": "pm", "action": "accept" }'
expect_eq "$(leat_json '[.[] | select(.action == "off")] | length' rules)" 1 "rules that are off at this time of day"
leat set 'firewall.rules[5].connections_per_source' 2
leat flush sessions port=80
bg quiet ip netns exec "$TAG-web" socat TCP6-LISTEN:443,ipv6only=0,fork,reuseaddr 'EXEC:sleep 60'
wait_until "in_ns web ss -Hltn sport = :443 | grep -q ."
for n in 1 2; do bg "hold$n" ip netns exec "$TAG-net" socat -u TCP:10.0.20.10:443 -; done
wait_until "[ \"\$(leat_json '[.[] | select(.dport == 443 and .state == \"established\")] | length' sessions)\" = 2 ]"
refuse "ask net 10.0.20.10 443 2" "a third connection of one source"
expect_eq "$(ask net '[2001:db8:20::10]' 80)" hello "another source has its own share"
expect_eq "$(leat_json ".[0].sources" firewall)" 2 "sources that are counted"

# What never decides is told of before it is applied.
sed 's/{ name = "updates",/{ name = "late", from = "staff", to = "servers", dst = "10.0.20.10", action = "drop" }, &/' "$TOP/configs/firewall.lua" >"$T/late.lua"
expect "leat check '$T/late.lua' | grep -q 'rules.6. late never decides: rule 4'"
expect "'$LEATD' --check '$T/late.lua' | grep -q 'late never decides'"

# A change that breaks a test is refused, and says which.
refuse "leat set 'firewall.rules[5].action' drop 2>$T/why"
expect "grep -q 'firewall.tests\[1\].*expects accept' $T/why" "the reason"
expect_eq "$(ask net '[2001:db8:20::10]' 80)" hello
