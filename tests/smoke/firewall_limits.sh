#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Who is kept out: countries, tripwires and the blocklist, times of the day, shares per source.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/firewall_lab.sh"

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
wait_until "leat show blocks --json | jq -e '.[] | select(.source == \"198.51.100.7/32\" and .left > 3500 and .why == \"rule 1 tripwire\")'"
refuse out "a source that is blocked in the driver"
expect "leat show blocks --json | jq -e '.[0].dropped > 0'" "its frames are counted"
expect_eq "$(ask net 10.0.20.10 80)" hello "others are not"
leat remove blocks 198.51.100.7
expect_eq "$(out)" hello
leat add blocks 198.51.100.0/24 for=1s why=test
wait_until "leat show blocks --json | jq -e 'length == 0'" 10
expect_eq "$(out)" hello "its time is over"

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
refuse "ask net 10.0.20.10 80 2" "a third connection of one source"
expect_eq "$(ask net '[2001:db8:20::10]' 80)" hello "another source has its own share"
expect_eq "$(leat_json ".[0].sources" firewall)" 2 "sources that are counted"
