#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 20,000 forged stations on one port, in a table of 2,048: two known stations talk on, nobody else hears them, and the
# flooder's own entries pay.
. "$(dirname "$0")/../lib/smoke.sh"

for n in 1 2 3 4; do host h$n p$n; done
leatd_start - <<<'return { ports = { p1 = { device = "p1" }, p2 = { device = "p2" }, p3 = { device = "p3" }, p4 = { device = "p4" } },
	switches = { s = { mac_limit = 2048, ports = { p1 = {}, p2 = {}, p3 = {}, p4 = {} } } } }'
links_up

flood() { # COUNT PER-SECOND: frames from and to addresses that nobody has
	frames <<-PY
	w = wire('h3')
	start = time.monotonic()
	for n in range($1):
	    w.send(b'\x02' + os.urandom(5) + b'\x02' + os.urandom(5) + b'\x88\xb6' + bytes(46))
	    if n % 50 == 0 and (ahead := start + n / $2 - time.monotonic()) > 0:
	        time.sleep(ahead)
	PY
}

stream_start h1 h2 300
talkers=$'p1 1 02:00:5e:00:01:01 dynamic\np2 1 02:00:5e:00:01:02 dynamic'
wait_until '[ "$(stations)" = "$talkers" ]' 5
dump fourth h4 ether proto 0x88b5
dump third h3 ether proto 0x88b5
flood 20000 5000
wait_until '[ "$(stations port=p3 | wc -l)" -ge 1024 ]' 10
stream_stop

expect_eq "$(stations | grep -E '^p[12] ')" "$talkers" "the known stations"
expect_eq "$(leat_json '.[0] | .stations <= 2048 and .evicted > 1000' switches)" true \
	"the limit: $(leat show switches --json)"
for name in third fourth; do
	refuse "grep 0x88b5 '$T/$name.log'" "frames of two known stations on another port"
done
# Not a loss in the table but, at worst, in a queue that the flood has filled for a moment.
jq -e '.lost * 50 <= .sent and .longest_gap_ms < 1000 and .duplicated == 0' >/dev/null <<<"$stream" ||
	fail "the talk was disturbed: $stream"

# Once it is over, newcomers are learnt like before.
frames <<<"wire('h4').send(Ether(src=mac(4), dst=mac(1), type=0x88b7) / Raw(bytes(60)))"
wait_until '[ -n "$(stations mac=02:00:5e:00:00:04)" ]' 5
