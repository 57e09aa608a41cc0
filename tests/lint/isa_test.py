#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""One binary for every x86-64 that DPDK runs on (SSE4.2, POPCNT): whatever is wider stands in functions that are chosen at
run time, and whose names say so. TAP on stdout. usage: isa_test.py PROGRAM"""
import re
import subprocess
import sys

CHOSEN = re.compile(r'_(avx2|avx512|vector)\b')
# VEX and EVEX instructions begin with v. What the assembler calls tzcnt is `rep bsf`, which old CPUs have.
WIDER = re.compile(r'%[yz]mm|\t(v[a-z]\w+|lzcnt|andn|bextr|bls\w+|mulx|pdep|pext|rorx|shlx|shrx|sarx|bzhi|movbe|adcx|adox) ')
NO_VECTOR = re.compile(r'\t(verr|verw|vmcall) ')


def main():
    dump = subprocess.run(['objdump', '-d', '--no-show-raw-insn', sys.argv[1]], capture_output=True, text=True, check=True)
    name, strange, chosen = '', {}, set()
    for line in dump.stdout.splitlines():
        if match := re.match(r'[0-9a-f]+ <(.*)>:$', line):
            name = match.group(1)
        elif WIDER.search(line + ' ') and not NO_VECTOR.search(line):
            if CHOSEN.search(name):
                chosen.add(name)
            else:
                strange.setdefault(name, line.split('\t', 1)[1])
    print('ok 1 - there are wider functions:' if chosen else 'not ok 1 - no wider function is in it', *sorted(chosen))
    print('not ok' if strange else 'ok', '2 - no other function needs a newer CPU')
    for name, instruction in strange.items():
        print(f'# {name}: {instruction}')
    print('1..2')


main()
