#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Turns the Markdown of `leatd --dump-schema manual` into the middle of leat.lua(5).

  manpage.py MANUAL TEMPLATE STUBS-PATH > leat.lua.5

Knows what schema_manual() writes (lib/schema.h) and no more Markdown: headings, paragraphs, tables, fenced code.
"""
import re
import sys


def plain(text):
    """Text that roff takes literally."""
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return '\\&' + text if text.startswith(('.', "'")) else text


def inline(text):
    """`code` becomes bold; \\| is a bar again."""
    parts = text.replace('\\|', '|').split('`')
    return ''.join(f'\\fB{plain(part)}\\fR' if index % 2 else plain(part).removeprefix('\\&')
                   for index, part in enumerate(parts))


def cells(line):
    return [cell.strip() for cell in re.split(r'(?<!\\)\|', line.strip())[1:-1]]


def table(rows):
    """field | type | range | default | help → a tagged list."""
    out = ['.Bl -tag -width Ds']
    for row in rows[2:]:
        field, kind, span, default, text = cells(row)
        facts = [kind] + ([span] if span else [])
        if default:
            facts.append(default if default == 'required' else f'default {default}')
        out += [f'.It Cm {plain(field.strip("`"))}', inline(', '.join(facts)) + '.']
        if text:
            out += ['.br', inline(text[0].upper() + text[1:]) + '.']
    return out + ['.El']


def convert(lines):
    out = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith('## '):
            out.append('.Ss ' + inline(line[3:]))
        elif line.startswith('### '):
            out += ['.Pp', inline(line[4:]) + ':']
        elif line.startswith('|'):
            end = next((i for i in range(at, len(lines)) if not lines[i].startswith('|')), len(lines))
            out += table(lines[at:end])
            at = end - 1
        elif line.startswith('```'):
            end = next(i for i in range(at + 1, len(lines)) if lines[i].startswith('```'))
            out += ['.Bd -literal -offset indent'] + [plain(code) for code in lines[at + 1:end]] + ['.Ed']
            at = end
        elif line and not line.startswith('# '):
            # roff wants each sentence on a line of its own.
            sentences = [inline(part) for part in re.split(r'(?<=\.) (?=[A-Z])', line)]
            out += ([] if out and out[-1].startswith('.Ss') else ['.Pp']) + sentences
        at += 1
    if out and out[0] == '.Pp':  # right behind a heading it does nothing
        out.pop(0)
    return '\n'.join(out)


def main():
    manual, template, stubs = sys.argv[1:]
    with open(manual, encoding='utf-8') as file:
        body = convert(file.read().split('\n'))
    with open(template, encoding='utf-8') as file:
        page = file.read()
    sys.stdout.write(page.replace('@STUBS@', stubs).replace('@SECTIONS@', body))


if __name__ == '__main__':
    main()
