#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: alone
# Hostile clients: 10 MB requests, one that sends a byte at a time, 1,000 that say nothing. The API keeps
# answering others, and the switch keeps switching without a loss.
. "$(dirname "$0")/../lib/smoke.sh"

ulimit -n 4096
host a a
host b b
leatd_start - <<<'return { ports = { a = { device = "a" }, b = { device = "b" } },
	switches = { s = { ports = { a = {}, b = {} } } } }'
stream_start a b 1000
config=$(leat show config --json)

head -c 10000000 /dev/zero | tr '\0' x >"$T/big"
code() { api "$@" -o "$T/body" -w '%{http_code}' || true; }
expect_eq "$(code PUT /v1/config/switches -H 'Content-Type: application/json' -H 'Expect:' --data-binary "@$T/big")" 413 "10 MB body"
grep -q message "$T/body" || fail "413 without a message: $(head -c 300 "$T/body")"
code POST "/v1/$(head -c 100000 "$T/big")" >/dev/null
code POST /v1/apply -H "X: $(head -c 100000 "$T/big")" >/dev/null
for body in '' '{' '[]' '{"bundle":1}' '{"bundle":{"main":"x","files":{}}}' "$(printf '[%.0s' {1..20000})"; do
	expect_eq "$(code POST /v1/apply -H 'Content-Type: application/json' -d "$body")" 400 "POST /v1/apply of '${body:0:40}'"
done
expect_eq "$(code GET /v1/nothing)" 404 "unknown path"
expect_eq "$(code DELETE /v1/schema)" 405 "wrong method"
expect_eq "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$RUN/leat-ro.sock" -X POST http://leat/v1/apply -d '{}')" 403 "read-only socket"

cat >"$T/idle.py" <<'PY'
import socket, sys, time
def connect(first):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(sys.argv[1])
    s.send(first)
    return s
slow = connect(b'P')
idle = []
for n in range(1000):
    try:
        idle.append(connect(b'GET /v1/config HT' if n % 2 else b'G'))
    except OSError:
        pass  # turned away: its right
print('connected', len(idle), flush=True)
for byte in b'OST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n' + bytes(100000):
    try:
        slow.send(bytes([byte]))
    except OSError:
        break
    time.sleep(0.05)
time.sleep(1000)
PY
bg idle /usr/bin/python3 "$T/idle.py" "$RUN/leat.sock"
idle_pid=$!
wait_until "grep -q connected '$T/idle.log'" 30
# While all of them hang on: people and programs at the read-only socket, and new ones at this one once the
# idle are sent away.
expect "curl -sS --max-time 2 --unix-socket '$RUN/leat-ro.sock' http://leat/v1/version"
wait_until "timeout 2 '$LEAT' -r '$RUN' show system" 60
kill $idle_pid
wait_until "timeout 2 '$LEAT' -r '$RUN' show ports" 10
expect_eq "$(leat show config --json)" "$config" "the configuration after all that"
stream_stop
expect_eq "$(jq .lost <<<"$stream")" 0 "frames lost meanwhile"
