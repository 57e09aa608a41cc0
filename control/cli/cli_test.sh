#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# leat against a daemon of canned answers: what it prints, what it sends, how it exits. TAP on stdout.
# usage: cli_test.sh LEAT SOURCE-DIR
# shellcheck disable=SC2016,SC2154 # backquotes are meant; coproc sets daemon_PID
set -u
leat=$(realpath "$1") here=$2
dir=$(mktemp -d)
trap 'kill "${daemon_PID-}" 2>/dev/null; rm -rf "$dir"' EXIT
export LEAT_RUN_DIR=$dir NO_COLOR=1
n=0

# check NAME STATUS OUTPUT-PATTERN COMMAND...: exit status and output (stdout and stderr), a glob.
check() {
	local name=$1 status=$2 pattern=$3 output got
	shift 3
	output=$("$@" 2>&1 </dev/null)
	got=$?
	n=$((n + 1))
	# shellcheck disable=SC2053 # the pattern is one
	if [[ $got == "$status" && $output == $pattern ]]; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		printf '# exit status %s, wanted %s\n' "$got" "$status"
		printf '%s\n' "--- got" "$output" "--- wanted" "$pattern" | sed 's/^/# /'
	fi
}
# sent: the last request with a body
sent() {
	tail -n 1 "$dir/requests"
}

check 'no daemon: exit status 2 and what to do' 2 '*cannot reach leatd*systemctl start leatd*' "$leat" show ports
check 'no daemon: a verb that it might know' 2 '*cannot reach leatd*' "$leat" drain x
check 'no daemon: a mistyped verb' 1 '*unknown command shwo; did you mean `leat show`*' "$leat" shwo
check 'no daemon: help works' 0 'usage: leat*' "$leat" help
check 'no daemon: a path that is too long' 2 '*at most*' "$leat" -r "/$(printf 'x%.0s' {1..200})" show ports

coproc daemon { exec "$here/fake_leatd.py" "$dir"; }
read -r _ <&"${daemon[0]}"

check 'show lists the nouns' 0 'name*ports   ports and their counters*config*' "$leat" show
check 'a table: numbers right, units, - for absent, no control characters' 0 \
	'name     driver     up      mtu    speed   rx_packets
lan      af_packet  yes  1500 B  10 Gbps           12
wan?\[2J  tap        no   9216 B        -  12345678901' "$leat" show ports
check 'wide columns on demand' 0 '*device*eth1*' "$leat" show ports --wide
check 'rows as they are' 0 '\[
 {"name": "lan",*"rx_packets": 12, "device": "eth1"},
 {*
\]' "$leat" show ports --json
check 'a row of its own' 0 'name        lan
driver*rx_packets  12
device      eth1' "$leat" show ports lan
check 'a row that is not there' 1 '*there is no lna*' "$leat" show ports lna
check 'a filter' 0 'name*tap*' "$leat" show ports driver=tap
check 'an unknown noun' 1 '*did you mean ports*' "$leat" show prots
check 'an unknown option' 1 '*unknown option --jsn; did you mean --json*' "$leat" show ports --jsn
check 'a bad number' 1 '*--limit x: write a whole number*' "$leat" show ports --limit x
check 'the configuration, keys sorted' 0 '{
  "ports": {
    "lan": {*"routers"*"switches"*' "$leat" show config
check 'a part of it' 0 '{
  "lan"*' "$leat" show config ports
check 'a part that is not set' 1 'leat: nowhere: not set' "$leat" show config nowhere
check 'an answer cut short' 2 '*closed the connection in the middle*' "$leat" show broken
check 'an answer of another protocol' 2 '*not HTTP*' "$leat" show garbage
check 'a daemon too busy' 2 '*too many connections*' "$leat" show busy

check 'set prints the change' 0 '~ ports.lan.mtu: 1500 → 9000
revision 9: 1 change' "$leat" set ports.lan.mtu 9000
check 'set sends the word' 0 'PUT /v1/config/ports.lan.mtu text/plain 9000' sent
check 'set: a key that is an address' 0 '*' "$leat" set 'routers.main.routes["10.0.0.0/8"].via' 192.0.2.9
check 'set: the path is encoded' 0 'PUT /v1/config/routers.main.routes%5B%2210.0.0.0%2F8%22%5D.via text/plain 192.0.2.9' sent
check 'set: a negative value is no option' 0 '*' "$leat" set ports.lan.offset -5
check 'set: from standard input' 0 '*change' bash -c 'echo hush | "$1" set ports.lan.key -' _ "$leat"
check 'set: what was read is sent' 0 'PUT /v1/config/ports.lan.key text/plain hush' sent
check 'set: refused' 1 'leat: ports.lan.mtu: 0 is out of range 68..9216' "$leat" set ports.lan.mtu 0
check 'set: a word missing' 1 '*something is missing; usage: leat set PATH VALUE' "$leat" set ports.lan.mtu
check 'unset' 0 '*revision 9*' "$leat" unset ports.lan.mtu
check 'unset sends DELETE' 0 'DELETE /v1/config/ports.lan.mtu*' sent
check 'unset --all' 0 '*' "$leat" unset --all
check 'unset --all clears the overlay' 0 'POST /v1/config/clear-overlay*' sent
check 'unset of nothing' 1 '*--all*' "$leat" unset
check 'diff' 0 '~ ports.lan.mtu: 1500 → 9000
+ ports.new: {"device":"tap:new"}
- ports.old: {"device":"tap:old"}
3 changes' "$leat" diff
check 'history' 0 'revision  time*8  2026-11-21T10:00:00Z  apply  current        3  jumbo*' "$leat" history
check 'rollback to a revision' 0 '*' "$leat" rollback 7
check 'rollback sends it' 0 'POST /v1/rollback application/json {"to":7}' sent
check 'rollback to nonsense' 1 '*leat history*' "$leat" rollback yesterday

printf 'return {}\n' >"$dir/a.lua"
check 'apply prints the changes and the deadline' 0 '*+ ports.new*revision 9: 3 changes
reverts at 2026-11-21T10:01:00Z unless `leat confirm` arrives' "$leat" apply "$dir/a.lua" --confirm 60 --comment 'jumbo frames'
check 'apply sends the bundle' 0 'POST /v1/apply*"main":"a.lua"*"confirm_s":60*"comment":"jumbo frames"*' sent
check 'apply --dry-run' 0 '*dry run: 3 changes, nothing applied' "$leat" apply --dry-run "$dir/a.lua"
check 'apply of no file' 1 '*no-such.lua*' "$leat" apply "$dir/no-such.lua"
check 'check' 0 '*a.lua: ok' "$leat" check "$dir/a.lua"

check 'a verb of the daemon' 0 'removed  3' "$leat" flush fdb office vlan=10 static=no
check 'its arguments are typed' 0 'POST /v1/flush/fdb application/json {"switch":"office","vlan":10,"static":false}' sent
check 'a verb with one noun' 0 '*' "$leat" drain pools.web.members.w1
check 'takes the word as its argument' 0 'POST /v1/drain/member*{"path":"pools.web.members.w1"}' sent
check 'a mistyped noun' 1 '*did you mean fdb*' "$leat" flush fbd
check 'a word too many' 1 '*a word too many*' "$leat" drain member a b
check 'help for it' 0 'usage: leat flush fdb*forget learned*leat flush sessions*' "$leat" help flush
check 'help for a stream' 0 'usage: leat capture*--write*arguments*filter*count*port*' "$leat" help capture
check 'help for a noun' 0 'leat show ports:*mtu*(B)*' "$leat" help ports

check 'trace' 0 '1 port_rx lan
1 eth_input
1 drop: drop_eth_input_runt' "$leat" trace -n 5 icmp or 'arp[6:2] = 1'
check 'trace sends the filter' 0 'POST /v1/stream/trace*{"count":5,"filter":"icmp or arp\[6:2\] = 1"}' sent
echo older >"$dir/older"
check 'a bad filter' 1 'leat: filter: syntax error' "$leat" capture -w "$dir/older" bad filter
check 'a bad filter leaves the file as it was' 0 'older' cat "$dir/older"
check 'capture to where nothing can be written' 1 '*/nowhere/c: No such*' "$leat" capture -w "$dir/nowhere/c"
check 'capture' 0 '2 packets' "$leat" capture -p lan -w "$dir/c.pcapng" tcp
check 'capture writes whole blocks' 0 '96' stat -c %s "$dir/c.pcapng"
check 'capture: for the owner only' 0 '600' stat -c %a "$dir/c.pcapng"
check 'capture to a full disk' 1 '*/dev/full*No space*' "$leat" capture -w /dev/full
check 'events' 0 '??:??:?? port.link port=lan up=yes
??:??:?? config.applied revision=8' "$leat" events
check 'events by prefix, for programs' 0 '{"event":"port.link","data":{"port":"lan","up":true}}' "$leat" events --json port.
check 'top, once' 0 '*ports*name*rx_packets*lan*0 /s*' "$leat" top --once
check 'top wants a terminal' 1 '*--once*' "$leat" top
check 'top on a terminal, until q' 0 '*leat top*' bash -c 'printf q | TERM=xterm script -qec "$1 top" /dev/null' _ "$leat"
check 'version' 0 'leat *leatd 0.0-fake' "$leat" version
check 'output that cannot be written' 1 '*cannot write*' bash -c '"$1" show ports >/dev/full' _ "$leat"
check 'another folder' 2 '*cannot reach*' "$leat" -r /nonexistent show ports
check 'a watch ends with ^C, well' 0 '*every 1 s*name*' timeout --preserve-status -s INT 0.5 "$leat" show ports --watch 1
echo "1..$n"
