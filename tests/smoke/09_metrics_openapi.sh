#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# /metrics is Prometheus' text format and counts what happened; /v1/openapi.json describes what answers; events come as they happen.
. "$(dirname "$0")/../lib/smoke.sh"

host a a 10.0.0.1/24
host b b 10.0.0.2/24
leatd_start - <<<'return { ports = { a = { device = "a" }, b = { device = "b" } },
	switches = { s = { ports = { a = {}, b = {} } } } }'
expect "in_ns a ping -c 5 -i 0.1 -W 2 10.0.0.2"

api GET /metrics >"$T/metrics"
api GET /v1/openapi.json >"$T/openapi.json"
/usr/bin/python3 - "$T" <<'PY'
import json, re, sys
types, seen = {}, set()
label = r'[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"'
sample = re.compile(rf'([a-zA-Z_:][\w:]*)(\{{(?:{label}(?:,{label})*)?,?\}})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN|[+-]Inf)$')
for line in open(sys.argv[1] + '/metrics').read().split('\n')[:-1]:
    if line.startswith('# TYPE '):
        _, _, name, kind = line.split(' ')
        assert kind in ('counter', 'gauge') and name not in types, line
        types[name] = kind
    elif not line.startswith('# HELP '):
        match = sample.match(line)
        assert match, f'not a sample: {line}'
        assert match.group(1) in types, f'no TYPE before: {line}'
        key = match.group(1) + (match.group(2) or '')
        assert key not in seen, f'twice: {line}'
        seen.add(key)
        assert not key.startswith('leat_') or types[match.group(1)] != 'counter' or float(match.group(3)) >= 0, line
assert any(name.startswith('leat_ports_') for name in types), sorted(types)

doc = json.load(open(sys.argv[1] + '/openapi.json'))
assert re.match(r'3\.1\.', doc['openapi']) and doc['info']['title'] and doc['info']['version']
def walk(node):
    if isinstance(node, dict):
        if '$ref' in node:
            at = doc
            for part in node['$ref'].removeprefix('#/').split('/'):
                at = at[part.replace('~1', '/').replace('~0', '~')]
        for value in node.values():
            walk(value)
    elif isinstance(node, list):
        for value in node:
            walk(value)
walk(doc)
for path, verbs in doc['paths'].items():
    for verb, operation in verbs.items():
        if verb in ('get', 'put', 'patch', 'post', 'delete'):
            assert operation['responses'], (path, verb)
            named = {p['name'] for p in operation.get('parameters', []) + verbs.get('parameters', []) if p.get('in') == 'path'}
            assert set(re.findall(r'\{(\w+)\}', path)) == named, (path, verb, named)
print(len(types), 'metrics,', len(doc['paths']), 'paths')
PY
for path in $(jq -r '.paths | to_entries[] | select(.value.get) | .key | select(contains("{") | not)' "$T/openapi.json"); do
	[ "$path" != /v1/events ] || continue
	expect_eq "$(api GET "$path" -o /dev/null -w '%{http_code}')" 200 "GET $path, which the document promises"
done

# Server-sent events, raw and by the client, which takes a prefix.
bg sse curl -sSN --max-time 60 --unix-socket "$RUN/leat-ro.sock" http://leat/v1/events
bg events "$LEAT" -r "$RUN" events --json port. config.
bg others "$LEAT" -r "$RUN" events --json config.
heard() { # IN WORD: an event is sent until somebody who has just come hears it
	wait_until "leat set switches.s.ageing \$((RANDOM % 1000 + 60))s; grep -q '$2' '$T/$1.log'" 20
}
heard sse '^event: config\.'
heard events '"config\.'
heard others '"config\.'
ip -n "$TAG-a" link set dev eth0 down
wait_until "grep -q '^event: port\.' '$T/sse.log' && grep -q '\"port\.' '$T/events.log'" 20
grep '^data: ' "$T/sse.log" | sed 's/^data: //' | jq -es 'length > 1' >/dev/null || fail "the data of an event is not JSON: $(cat "$T/sse.log")"
refuse "grep '\"port\.' '$T/others.log'" "events that nobody asked for"
