#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The library itself: a failing test is reported as failed and still leaves nothing behind, frames are
# compared byte for byte, a dead or unwell leatd is noticed. Stands on a stand-in for leatd.
. "$(dirname "$0")/../lib/smoke.sh"

cat >"$T/fake" <<'END'
#!/bin/bash
trap 'exit ${FAKE_STATUS:-0}' TERM
echo "level=info module=main msg=ready"
while :; do sleep 0.05; done
END
chmod +x "$T/fake"

# Runs the rest of a test script as a child; its namespaces are named after its own process id.
child() { # NAME EXPECTED-STATUS, script on stdin
	local status=0
	{
		echo ". '$SMOKE_LIB/smoke.sh'"
		cat
	} >"$T/$1.sh"
	env LEATD="$T/fake" TMPDIR="$T" bash "$T/$1.sh" >"$T/$1.out" 2>&1 &
	wait $! || status=$?
	expect_eq "$status" "$2" "exit status of $1: $(cat "$T/$1.out")"
	refuse "ip netns list | grep '^leat$!-'" "$1 has left namespaces behind"
	refuse "ls -d '$T'/leat-smoke-*" "$1 has left its temp dir behind"
}

child passes 0 <<<'leatd_start; host h1 p1 10.0.0.1/24; leatd_stop'
child no_stop_needed 0 <<<'leatd_start --memory 64'
child fails 1 <<<'leatd_start; host h1 p1; bg sleeper sleep 100; in_ns h1 sleep 100 & expect "test 1 = 2"'
child skips 77 <<<'host h1 p1; skip "because"'
child command_fails 1 <<<'leatd_start; false; true'
child refuses 1 <<<'refuse true'
child differs 1 <<<'expect_eq 1 2 number'
child too_late 1 <<<'wait_until "test -e /nonexistent" 1'
child leatd_dies 1 <<<'leatd_start; kill -9 $leatd_pid; wait_until "! kill -0 $leatd_pid"'
child leatd_ends_badly 1 <<<'export FAKE_STATUS=3; leatd_start'
child leatd_killed_on_purpose 0 <<<'leatd_start; leatd_kill; leatd_start'
child sanitizer 1 <<<'leatd_start; echo "x.c:1: runtime error: boo" >>"$leatd_log"'

link a eth0 b eth0
frames <<'PY'
a, b = wire('a'), wire('b')
plain = Ether(src=mac(1), dst=mac(2), type=0x88b5) / Raw(bytes(60))
tagged = Ether(src=mac(1), dst=mac(2)) / Dot1AD(vlan=7, prio=5) / Dot1Q(vlan=9, type=0x88b5) / Raw(bytes(60))
for frame in plain, tagged, bytes(plain)[:20]:
    a.send(frame)
    b.expect(frame)
a.expect_none(lambda frame: True)
a.send(plain, count=1000)
assert len(b.collect(1, bytes(plain).__eq__)) == 1000 and b.socket_drops() == 0
PY
refuse "frames <<<'wire(\"b\").expect(b\"x\" * 60, seconds=0.2)'" "a frame that never comes"
refuse "frames <<<'a, b = wire(\"a\"), wire(\"b\"); a.send(b\"x\" * 60); b.expect_none(b\"x\" * 60)'" "a frame that comes"

vlan_dev a eth0 7 10.0.7.1/24
vlan_dev b eth0 7 10.0.7.2/24
bg tags ip netns exec "$TAG-b" tcpdump -lnei eth0 -c 2 "vlan 7 and icmp"
wait_until "grep -q listening '$T/tags.log'"
expect "in_ns a ping -c 1 -W 2 10.0.7.2" "tagged, both ways"
wait_until "grep -q '2 packets captured' '$T/tags.log'" 5

stream_start a b 2000
sleep 1
stream_stop
expect_eq "$(jq -c '[.lost, .duplicated, .reordered, .sent > 2000]' <<<"$stream")" '[0,0,0,true]' "a stream over a cable"
