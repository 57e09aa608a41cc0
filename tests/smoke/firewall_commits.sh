#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a commit ends, foretold and done; rules that never decide; tests that refuse a change.
. "$(dirname "$0")/../lib/smoke.sh"
. "$SMOKE_LIB/firewall_lab.sh"

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

# What never decides is told of before it is applied.
sed 's/{ name = "updates",/{ name = "late", from = "staff", to = "servers", dst = "10.0.20.10", action = "drop" }, &/' "$TOP/configs/firewall.lua" >"$T/late.lua"
expect "leat check '$T/late.lua' | grep -q 'rules.6. late never decides: rule 4'"
expect "'$LEATD' --check '$T/late.lua' | grep -q 'late never decides'"

# A change that breaks a test is refused, and says which.
refuse "leat set 'firewall.rules[5].from' staff 2>$T/why"
expect "grep -q 'firewall.tests\[1\].*expects accept' $T/why" "the reason"
expect_eq "$(ask net '[2001:db8:20::10]' 80)" hello
