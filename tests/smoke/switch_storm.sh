#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Storm control lets the configured rate of each class in, no more, counts the rest, and leaves known stations alone.
. "$(dirname "$0")/../lib/smoke.sh"

host a a
host b b
leatd_start - <<<'return { ports = { a = { device = "a" }, b = { device = "b" } }, switches = { s = { ports = { b = {},
	a = { storm = { broadcast = "500/s", multicast = "250/s", unknown = "400/s" } } } } } }'
links_up
frames <<<"wire('b').send(Ether(src=mac(2), dst=mac(1), type=0x88b5) / Raw(bytes(60)))"
wait_until '[ -n "$(stations mac=02:00:5e:00:00:02)" ]' 5

# Four classes side by side, each at 1,000 frames a second for 2 s. What may pass is known from the time it took: a
# burst (20 ms of the rate, at least 16 frames) and then the rate. At least a burst must pass; how much more depends on how evenly
# a busy machine lets the frames come (storm_test.c has the exact figures).
frames >"$T/passed" <<'PY'
import json
a, b = wire('a'), wire('b')
limits = {'broadcast': ('ff:ff:ff:ff:ff:ff', 500), 'multicast': ('01:00:5e:01:02:03', 250), 'unknown': (mac(99), 400),
          'known': (mac(2), None)}
heads = {name: bytes(Ether(src=mac(1), dst=dst, type=0x88b5)) for name, (dst, _) in limits.items()}
passed, sent = dict.fromkeys(limits, 0), 0
start = last = time.monotonic()
def receive(seconds):
    global last
    while (frame := b.recv(seconds)) is not None:
        last = time.monotonic() - start
        for name, head in heads.items():
            passed[name] += frame.startswith(head)
while (now := time.monotonic() - start) < 2:
    if sent < now * 1000:
        for head in heads.values():
            a.send(head + bytes(60))
        sent += 1
    receive(0)
receive(1.0)
assert b.socket_drops() == 0
print(json.dumps(passed | {'sent': sent, 'seconds': last}))
for name, (_, rate) in limits.items():
    high = sent if rate is None else 16 + rate * last + 1
    low = sent if rate is None else min(sent, 16)
    assert low <= passed[name] <= high, f'{name}: {passed[name]} of {sent} in {last:.2f} s, not {low:.0f}..{high:.0f}'
PY
say "passed: $(cat "$T/passed")"
for class in broadcast multicast unknown; do
	read -r passed sent <<<"$(jq -r "\"\(.$class) \(.sent)\"" "$T/passed")"
	expect_eq "$(leat_json ".[] | select(.port == \"a\" and .class == \"$class\") | \"\(.flooded) \(.flooded + .dropped)\"" storm)" \
		"$passed $sent" "flooded, and all frames of class $class"
	expect_eq "$(dropped "switch_input_storm_$class" a)" $((sent - passed)) "drops of class $class"
done
expect_eq "$(leat_json '[.[] | select(.port == "a") | .rate] | sort | join(" ")' storm)" "250 400 500" "limits shown"

# 0 lets nothing pass; without a limit everything does.
count() {
	frames <<-'PY'
	a, b = wire('a'), wire('b')
	a.send(Ether(src=mac(1), dst='ff:ff:ff:ff:ff:ff', type=0x88b5) / Raw(b'storm' + bytes(55)), count=100)
	print(len(b.collect(1.0, lambda frame: b'storm' in frame)))
	PY
}
leat set switches.s.ports.a.storm.broadcast 0/s
expect_eq "$(count)" 0 "broadcasts passed at a limit of 0"
leat unset switches.s.ports.a.storm
expect_eq "$(count)" 100 "broadcasts passed without a limit"
