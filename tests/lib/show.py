#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every noun in all its forms: what the schema declares, --json, tables, keys, filters, --watch and /metrics agree.

usage: show.py LEAT RUN-DIR   (the daemon must have rows of every noun)

A value may change between two readings: a cell or sample read in between must equal one of the two, or lie between
them; those that move otherwise (a share of time) are compared when both readings are the same.
"""
import json
import re
import subprocess
import sys

from prometheus_client.parser import text_string_to_metric_families

LEAT, RUN = sys.argv[1:3]
# Nothing stateful is on the interfaces of this test, nobody asks for an address, no VXLAN, no address translation, and no daemon speaks to the kernel.
NO_ROWS = {'sessions', 'dhcp-leases', 'dhcp-relays', 'dhcp-clients', 'vteps', 'vxlans', 'netlink', 'ra-uplinks', 'nat',
           'nat-ports', 'expectations', 'shortcuts'}
RATE = re.compile(r'\d+(\.\d+)?[kMG]?(/s)?')
TEXT = {'duration': re.compile(r'(\d+(\.\d+)?(ns|us|ms|s|m|h|d))+'), 'bytes': re.compile(r'\d+(\.\d+)?[KMGT]?'),
        'rate': RATE, 'mac': re.compile(r'([0-9a-f]{2}:){5}[0-9a-f]{2}'), 'name': re.compile(r'[\w-]{1,31}')}
UNIT_S = {'ns': 1e-9, 'us': 1e-6, 'ms': 1e-3, 's': 1, 'm': 60, 'h': 3600, 'd': 86400}
BYTES = {'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'T': 1 << 40}


def leat(*args, status=0):
    done = subprocess.run([LEAT, '-r', RUN, *args], capture_output=True, text=True, check=False)
    assert done.returncode == status, (args, done.returncode, done.stderr)
    return done.stderr if status else done.stdout


def api(path):
    return subprocess.run(['curl', '-sSf', '--unix-socket', f'{RUN}/leat.sock', f'http://leat{path}'],
                          capture_output=True, text=True, check=True).stdout


def has(column, flag):
    return flag in column.get('flags', [])


def typed(column, value):
    kind = column['type']
    if kind == 'bool':
        return isinstance(value, bool)
    if kind in ('int', 'number'):
        return isinstance(value, int if kind == 'int' else (int, float)) and not isinstance(value, bool)
    if kind == 'list':
        return isinstance(value, list) and all(typed(column['elem'], item) for item in value)
    if kind == 'enum':
        return value in column['words']
    return isinstance(value, str) and (kind not in TEXT or bool(TEXT[kind].fullmatch(value)))


def cell(column, value):
    unit = column.get('unit', '')
    if value is None or value in ('', []):
        return '-'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, list):
        return ','.join(cell(column['elem'], item) for item in value)
    if not isinstance(value, (int, float)):
        return value
    if unit.endswith(('ps', '/s')):
        size = 0
        while value >= 999.5 and size < 4:
            value, size = value / 1000, size + 1
        return f'{value:.3g} {" kMGT"[size].strip()}{unit}'
    return f'{value if isinstance(value, int) else format(value, ".6g")} {unit}'.strip()


def number(column, value):
    """As /metrics has it: in seconds, bytes, per second."""
    if column['type'] == 'duration':
        return sum(float(n) * UNIT_S[u] for n, _, u in re.findall(r'(\d+(\.\d+)?)(ns|us|ms|s|m|h|d)', value))
    if isinstance(value, str):
        digits, scale = re.match(r'([\d.]+)([KMGTk]?)', value).groups()
        thousand = {'k': 10 ** 3, 'M': 10 ** 6, 'G': 10 ** 9}
        return float(digits) * (1 if not scale else BYTES[scale] if column['type'] == 'bytes' else thousand[scale])
    return float(value)


def between(low, value, high):
    return min(low, high) <= value <= max(low, high)


def by_key(columns, rows):
    return {tuple(row.get(c['name']) for c in columns if has(c, 'key')): row for row in rows}


def check_rows(noun, columns, rows):
    """Names and types; and rows of which there are metrics have a key of their own."""
    names = {c['name'] for c in columns}
    assert rows or noun in NO_ROWS, f'{noun}: the test has no row of it'
    metered = any(has(c, 'counter') or has(c, 'gauge') for c in columns)
    assert not metered or len(by_key(columns, rows)) == len(rows), f'{noun}: two rows have one key'
    for row in rows:
        assert set(row) <= names, f'{noun}: undeclared {set(row) - names}'
        for column in columns:
            name = column['name']
            assert name in row or not has(column, 'key'), f'{noun}: a row without its key {name}: {row}'
            assert name not in row or typed(column, row[name]), f'{noun}.{name}: no {column["type"]}: {row[name]!r}'


def check_table(noun, columns, wide):
    """What is between two looks is what both saw; a worker that is idle, runs and is idle again may be looked at once more."""
    for last in (False, False, False, True):
        try:
            return compare_table(noun, columns, wide)
        except AssertionError:
            if last:
                raise


def compare_table(noun, columns, wide):
    shown = [c for c in columns if wide or not has(c, 'wide')]
    before = json.loads(leat('show', noun, '--json'))
    lines = leat('show', noun, *(['--wide'] if wide else [])).rstrip('\n').split('\n')
    after = json.loads(leat('show', noun, '--json'))
    assert lines[0].split() == [c['name'] for c in shown], f'{noun}: headings {lines[0]}'
    assert len(before) <= len(lines) - 1 <= len(after), f'{noun}: {len(lines) - 1} lines'
    for line, old, new in zip(lines[1:], before, after):
        cells = re.split(r' {2,}', line.strip())
        assert len(cells) == len(shown), f'{noun}: {line}'
        for column, text in zip(shown, cells):
            values = [row.get(column['name']) for row in (old, new)]
            if values[0] == values[1]:
                assert text == cell(column, values[0]), f'{noun}.{column["name"]}: {text!r} for {values[0]!r}'
            elif has(column, 'counter'):
                assert between(values[0], int(text.split()[0]), values[1]), f'{noun}.{column["name"]}: {text}'


def check_keys(noun, columns, rows):
    keys = [c['name'] for c in columns if has(c, 'key')]
    for key in sorted({str(row[name]) for row in rows for name in keys}):
        want = [by for by, row in by_key(columns, rows).items() if key.lower() in (str(v).lower() for v in by)]
        assert set(by_key(columns, json.loads(leat('show', noun, key, '--json')))) == set(want), f'{noun} {key}'
        record = leat('show', noun, key).split('\n')
        assert len(want) > 1 or [line.split()[0] for line in record if line] == [c['name'] for c in columns], record
    said = leat('show', noun, 'no-such-key', status=1)
    assert noun in said and 'no-such-key' in said and said.count('\n') == 1, said


def check_filters(noun, columns, rows):
    for column in columns if rows else []:
        value = rows[0].get(column['name'])
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, (str, int)) and value != '' and not any(
                has(column, flag) for flag in ('counter', 'gauge')) and column['type'] != 'duration':
            word = json.dumps(value) if not isinstance(value, str) else value
            word = word.upper() if column['type'] == 'mac' else word
            found = json.loads(leat('show', noun, f'{column["name"]}={word}', '--json'))
            for row in found:
                assert row[column['name']] == value or value in row[column['name']], f'{noun} {column["name"]}={word}'
            key, = by_key(columns, rows[:1])
            now = by_key(columns, json.loads(leat('show', noun, '--json'))).get(key, {})
            assert key in by_key(columns, found) or now.get(column['name']) != rows[0][column['name']], (
                f'{noun} {column["name"]}={word} does not find its row')


def family_name(noun, column):
    unit = {'duration': '_seconds', 'bytes': '_bytes'}.get(column['type'], '')
    name = f'leat_{noun}_{column["name"]}'.replace('-', '_')
    return name if unit and name.endswith(unit) else name + unit


def check_column_metrics(noun, columns, column, families, old, new):
    samples = families.pop(family_name(noun, column)).samples
    labels = [c['name'] for c in columns if has(c, 'key')]
    values = {}
    for sample in samples:
        key = tuple(sample.labels.pop(name) for name in labels)
        word = sample.labels.pop(column['name'], None) if column['type'] == 'enum' else None
        assert not sample.labels and (key, word) not in values, f'{noun}: {sample}'
        values[key, word] = sample.value
    for by in set(old) & set(new):
        key, was, now = tuple(map(str, by)), old[by].get(column['name']), new[by].get(column['name'])
        if column['type'] == 'enum' and was == now and was is not None:
            assert {w: values[key, w] for w in column['words']} == {w: float(w == was) for w in column['words']}, key
        elif column['type'] != 'enum' and was is not None and now is not None and (
                was == now or has(column, 'counter')):
            value = values[key, None]
            assert between(number(column, was), value, number(column, now)), f'{noun} {key} {column["name"]}: {value}'
        if was is None and now is None:
            assert not any(k == key for k, _ in values), f'{noun} {key}: a sample of what is absent'


def check_metrics(nouns):
    def read():
        return {n['name']: by_key(n['columns'], json.loads(leat('show', n['name'], '--json'))) for n in nouns}
    old, text, new = read(), api('/metrics'), read()
    parsed = list(text_string_to_metric_families(text))
    families = {family.name: family for family in parsed}
    assert len(families) == len(parsed) > 0, 'a family stands twice'
    for noun in nouns:
        columns = [c for c in noun['columns'] if has(c, 'counter') or has(c, 'gauge')]
        metered = [c for c in columns if family_name(noun['name'], c) in families]
        assert metered in ([], columns), f'{noun["name"]}: some of its metrics are missing'
        for column in metered:
            family = families[family_name(noun['name'], column)]
            assert family.type == ('counter' if has(column, 'counter') else 'gauge'), family.name
            assert family.documentation == column['help'], family.name
            check_column_metrics(noun['name'], noun['columns'], column, families, old[noun['name']], new[noun['name']])
    assert not families, f'of no noun: {sorted(families)}'


def check_watch(nouns):
    """All at once: each prints its headings again and again until it is interrupted."""
    watching = [(noun, subprocess.Popen([LEAT, '-r', RUN, 'show', noun['name'], '--watch', '1'], text=True,
                                        stdout=subprocess.PIPE)) for noun in nouns]
    for noun, process in watching:
        head = [c['name'] for c in noun['columns'] if not has(c, 'wide')]
        seen = 0
        while seen < 2:
            line = process.stdout.readline()
            assert line, f'{noun["name"]}: --watch has ended with {process.wait()}'
            seen += line.split() == head
        process.send_signal(subprocess.signal.SIGINT)
        process.stdout.read()
        assert process.wait(20) == 0, noun['name']


def main():
    nouns = json.loads(api('/v1/schema'))['nouns']
    assert [n['name'] for n in nouns] == [n['name'] for n in json.loads(leat('show', '--json'))]
    assert json.loads(api('/v1/show'))['nouns'] == nouns
    for noun in nouns:
        name, columns = noun['name'], noun['columns']
        answer = json.loads(api(f'/v1/show/{name}'))
        assert answer['columns'] == columns and answer['noun'] == name
        check_rows(name, columns, answer['rows'])
        check_rows(name, columns, json.loads(leat('show', name, '--json')))
        check_table(name, columns, wide=False)
        check_table(name, columns, wide=True)
        check_keys(name, columns, answer['rows'])
        check_filters(name, columns, answer['rows'])
    assert 'no-such-noun' in leat('show', 'no-such-noun', status=1)
    check_metrics(nouns)
    check_watch(nouns)
    print(len(nouns), 'nouns')


main()
