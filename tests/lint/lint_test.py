#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every rule of scripts/lint rejects its bad sample and lets the good ones pass. TAP on stdout."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
LINT = os.path.join(TOP, 'scripts', 'lint')
SPDX = '// SPDX-License-Identifier: BSD-3-Clause\n'
SH = '#!/bin/bash\n# SPDX-License-Identifier: BSD-3-Clause\n'
LONG = 'int main(void) {\n' + '\treturn 0;\n' * 100 + '}\n'
NOTE = 'TO' + 'DO'

# (title, rule expected or None, {path: text})
SAMPLES = [
    ('a clean file passes', None, {'lib/a.c': SPDX + '#include "lib/a.h"\n', 'lib/a.h': SPDX + '#pragma once\n'}),
    ('bad format', 'format', {'lib/a.c': SPDX + 'int  main(void){return 0;}\n'}),
    ('lib includes dataplane', 'floor', {'lib/a.c': SPDX + '#include "dataplane/dataplane.h"\n'}),
    ('dataplane includes switch', 'floor', {'dataplane/a.c': SPDX + '#include "switch/switch.h"\n'}),
    ('switch includes its neighbour router', 'floor', {'switch/a.c': SPDX + '#include "router/router.h"\n'}),
    ('control includes everything', None,
     {'control/a.c': SPDX + '#include "dataplane/dataplane.h"\n#include "lib/err.h"\n#include "switch/switch.h"\n'}),
    ('the client includes the daemon', 'floor', {'control/cli/a.c': SPDX + '#include "control/control.h"\n'}),
    ('the client includes its own', None,
     {'control/cli/a.c': SPDX + '#include "control/cli/b.h"\n', 'control/cli/b.h': SPDX}),
    ('include without a folder', 'floor', {'lib/a.c': SPDX + '#include "err.h"\n'}),
    ('relative include', 'floor', {'lib/a.c': SPDX + '#include "../switch/fdb.h"\n'}),
    ('generated header', None, {'control/a.c': SPDX + '#include "leat_version.h"\n'}),
    ('an include in a comment', None, {'lib/a.c': SPDX + '// #include "switch/switch.h"\n'}),
    ('private header of another folder', 'priv', {'switch/a.c': SPDX + '#include "dataplane/dp_priv.h"\n'}),
    ('dataplane/port.h outside', 'priv', {'switch/a.c': SPDX + '#include "dataplane/port.h"\n'}),
    ('own private header', None, {'switch/a.c': SPDX + '#include "switch/switch_priv.h"\n'}),
    ('DPDK in lib', 'dpdk', {'lib/a.c': SPDX + '#include <rte_mbuf.h>\n'}),
    ('DPDK in a pure file', 'dpdk', {'switch/a.c': SPDX + '// pure\n#include <rte_mbuf.h>\n'}),
    ('DPDK in a pure file, through a header', 'dpdk',
     {'switch/a.c': SPDX + '// pure\n#include "switch/b.h"\n', 'switch/b.h': SPDX + '#include <rte_ether.h>\n'}),
    ('DPDK in another file', None, {'switch/a.c': SPDX + '#include <rte_mbuf.h>\n'}),
    ('no licence line', 'spdx', {'lib/a.c': 'int lib_x;\n'}),
    ('no licence line in a script', 'spdx', {'scripts/x': '#!/bin/sh\nexit 0\n'}),
    ('malloc in a node', 'fast-path', {'switch/node_a.c': SPDX + 'void *a(void) {\n\treturn malloc(3);\n}\n'}),
    ('log in a node', 'fast-path', {'switch/node_a.c': SPDX + 'void a(void) {\n\tlog_info("a", "b", "");\n}\n'}),
    ('lock in a node', 'fast-path', {'switch/node_a.c': SPDX + 'void a(void) {\n\tpthread_mutex_lock(&m);\n}\n'}),
    ('string in a node', 'fast-path', {'switch/node_a.c': SPDX + 'int a(void) {\n\treturn strlen("a");\n}\n'}),
    ('system call in a node', 'fast-path', {'switch/node_a.c': SPDX + 'void a(void) {\n\tread(0, b, 1);\n}\n'}),
    ('clock in a node', 'fast-path', {'switch/node_a.c': SPDX + 'void a(void) {\n\tclock_now_ns();\n}\n'}),
    ('snprintf in a trace callback', None,
     {'switch/node_a.c': SPDX + 'int a_trace(char *b) {\n\treturn snprintf(b, 3, "a");\n}\n'}),
    ('malloc elsewhere', None, {'switch/table_a.c': SPDX + 'void *a(void) {\n\treturn malloc(3);\n}\n'}),
    ('a slow word in a comment', None, {'switch/node_a.c': SPDX + '// never malloc() here\nint a;\n'}),
    ('an exception with a reason', None,
     {'switch/node_a.c': SPDX + 'void a(void) {\n\t// lint: allow fast-path: once per start\n\tmalloc(3);\n}\n'}),
    ('an exception without a reason', 'fast-path',
     {'switch/node_a.c': SPDX + 'void a(void) {\n\t// lint: allow fast-path:\n\tmalloc(3);\n}\n'}),
    ('strcpy', 'banned-call', {'lib/a.c': SPDX + 'void a(char *b) {\n\tstrcpy(b, "x");\n}\n'}),
    ('sprintf', 'banned-call', {'lib/a.c': SPDX + 'void a(char *b) {\n\tsprintf(b, "x");\n}\n'}),
    ('alloca', 'banned-call', {'lib/a.c': SPDX + 'void *a(void) {\n\treturn alloca(3);\n}\n'}),
    ('snprintf is fine', None, {'lib/a.c': SPDX + 'void a(char *b) {\n\tsnprintf(b, 2, "x");\n}\n'}),
    ('a function of 102 lines', 'long-function', {'lib/a.c': SPDX + LONG}),
    ('a long function with a reason', None, {'lib/a.c': SPDX + '// long: one line per state\n' + LONG}),
    ('a note-to-self', 'todo', {'lib/a.c': SPDX + f'// {NOTE}: later\n'}),
    ('a note-to-self in a script', 'todo', {'scripts/x': SH + f'# {NOTE} later\n'}),
    ('trailing blank', 'space', {'lib/x.lua': '-- SPDX-License-Identifier: BSD-3-Clause\nreturn {} \n'}),
    ('no newline at the end', 'space', {'lib/x.lua': '-- SPDX-License-Identifier: BSD-3-Clause\nreturn {}'}),
    ('broken shell', 'shell', {'scripts/x': SH + 'if true; then\n'}),
    ('careless shell', 'shell', {'scripts/x': SH + 'cd "$1"\nrm -rf $2/*\n'}),
    ('broken Python', 'python', {'scripts/x.py': '# SPDX-License-Identifier: BSD-3-Clause\ndef x(:\n'}),
    ('broken Lua', 'lua', {'configs/x.lua': '-- SPDX-License-Identifier: BSD-3-Clause\nreturn {,}\n'}),
    ('broken BPF', 'xdp', {'xdp/a.bpf.c': SPDX + 'int a(void) {\n\treturn b;\n}\n'}),
]


def run_sample(rule, files):
    with tempfile.TemporaryDirectory() as root:
        shutil.copy(os.path.join(TOP, '.clang-format'), root)
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), 'w', encoding='utf-8') as file:
                file.write(text)
        run = subprocess.run([LINT, '--root', root], capture_output=True, text=True)
    said = re.findall(r'^[\w./]+:\d+: ([a-z-]+): ', run.stdout, flags=re.M)
    if rule is None:
        good = run.returncode == 0
    else:
        good = run.returncode == 1 and set(said) == {rule}
    return good, run.stdout + run.stderr


def main():
    failed = 0
    print(f'1..{len(SAMPLES)}')
    for number, (title, rule, files) in enumerate(SAMPLES, 1):
        good, output = run_sample(rule, files)
        print(f'{"ok" if good else "not ok"} {number} - {title}')
        if not good:
            failed += 1
            print(''.join(f'# {line}\n' for line in output.splitlines()), end='')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
