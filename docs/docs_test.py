#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The hand-written documents against what they describe. TAP on stdout. usage: docs_test.py LEAT SOURCE-ROOT

Every command and option of the client is in leat(1) and nothing that is not; links between files lead somewhere.
"""
import os
import re
import subprocess
import sys

LEAT, ROOT = os.path.abspath(sys.argv[1]), sys.argv[2]
SKIPPED = re.compile(r'^(\.|build)')
MADE = {'RESULTS.md'}  # by `make bench RECORD=1`
results = []


def check(name, problems):
    results.append((name, problems))


def leat(*args):
    return subprocess.run([LEAT, '-r', '/nonexistent', *args], capture_output=True, text=True, check=True).stdout


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def documents():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not SKIPPED.match(name)]
        for name in names:
            if name.endswith('.md'):
                yield os.path.relpath(os.path.join(folder, name), ROOT)


def commands():
    return re.findall(r'^  (\w+) +\S', leat('help').split('commands:')[1].split('\n\n')[0], re.M)


def links(path):
    """Targets of [text](target) that are files of the repository."""
    for target in re.findall(r'\]\(([^)#]+)(?:#[^)]*)?\)', read(path)):
        if not re.match(r'[a-z]+:', target):
            yield target


def main():
    page = read('docs/man/leat.1')
    verbs = commands()
    check('leat help lists commands', [] if len(verbs) > 10 else [str(verbs)])
    check('leat(1) has every command', [verb for verb in verbs if not re.search(rf'\bCm {verb}\b', page)])
    for verb in verbs:
        wanted = set(re.findall(r'--([a-z-]+)', leat('help', verb).partition('options:')[2].partition('\n\n')[0]))
        check(f'leat(1) has the options of {verb}', sorted(
            option for option in wanted if not re.search(rf'Fl Fl {option}\b', page)))
    known = set(verbs) | {'flush', 'drain', 'enable', 'disable', 'explain', 'renew', 'resign'}
    for path in sorted(documents()):
        folder = os.path.join(ROOT, os.path.dirname(path))
        check(f'links of {path}', [t for t in links(path)
                                  if t not in MADE and not os.path.exists(os.path.join(folder, t))])
        words = set(re.findall(r'(?:^|`|\$ |sudo )leat ([a-z]+)', read(path), re.M))
        check(f'commands in {path}', sorted(words - known))
    for number, (name, problems) in enumerate(results, 1):
        print(f'{"not ok" if problems else "ok"} {number} - {name}')
        for problem in problems:
            print(f'# {problem}')
    print(f'1..{len(results)}')


if __name__ == '__main__':
    main()
