#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# system.memory and system.hugepages: read before the data plane starts; a change says that it waits for the next start.
. "$(dirname "$0")/../lib/smoke.sh"

leatd_memory=''
system() { leat show system --json | jq -r ".[0].$1"; }
waiting() { leat show control --json | jq -c '.[0].restart'; }

leatd_start - <<<'return { system = { memory = "128M", hugepages = false } }'
expect_eq "$(system memory)" 128M "memory of the file"
expect "leat show system --json | grep -q 'not wanted'" "no hugepages, as the file says"
expect_eq "$(waiting)" '[]' "nothing waits"

says=$(leat set system.memory 192M)
expect "grep -q 'system.memory takes effect at the next start' <<<'$says'"
refuse "leat set system.burst 32 | grep -q 'next start'" "others take effect at once"
expect_eq "$(system memory)" 128M "memory stays as it is"
expect_eq "$(waiting)" '["system.memory"]' "what waits"
refuse "leat set system.memory 900G" "more than the machine has"
refuse "leat set system.memory 32M" "less than it needs"

refuse "leat set ports.v.device vdev:net_virtio_user0,path=$T/none 2>$T/why"
expect "grep -q 'restart leatd with this configuration' $T/why" "memory that no peer can be shown"

leatd_stop
leatd_start
expect_eq "$(system memory)" 192M "memory after a restart"
expect_eq "$(waiting)" '[]' "nothing waits any more"
expect_eq "$(leat show config system.memory --json)" '"192M"' "the edit is still there"

# An operator at the machine has the last word.
leatd_stop
leatd_start --memory 160
expect_eq "$(system memory)" 160M "memory by the option"
