# SPDX-License-Identifier: BSD-3-Clause
"""The machine under the bench: what it is, its pages, its CPUs, Debian's packages. Whatever is taken is given back."""
import json
import os
import platform
import re
import subprocess
import sys

PAGES = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages'
VULNERABILITIES = '/sys/devices/system/cpu/vulnerabilities'
POLICY = '/usr/sbin/policy-rc.d'


def read(path, default=''):
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            return file.read().strip()
    except OSError:
        return default


def run(argv, **options):
    """stdout of a command that must succeed; RuntimeError with its last words else."""
    done = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if done.returncode:
        words = (done.stderr or done.stdout or '').strip().splitlines()
        why = words[-1] if words else 'no reason given'
        raise RuntimeError(f'{os.path.basename(argv[0])}: {why} (exit {done.returncode})')
    return done.stdout


def cpus():
    return sorted(os.sched_getaffinity(0))


def load():
    return [float(x) for x in read('/proc/loadavg', '0 0 0').split()[:3]]


def describe():
    """What a reader must know of the machine; no names or addresses of it."""
    cpuinfo = read('/proc/cpuinfo')
    model = re.search(r'^model name\s*: (.*)', cpuinfo, re.M)
    memory = re.search(r'MemTotal:\s+(\d+)', read('/proc/meminfo'))
    return {
        'cpu': model.group(1) if model else platform.machine(),
        'cpus': len(cpus()),
        'virtual': bool(re.search(r'^flags.*\bhypervisor\b', cpuinfo, re.M)),
        'kernel': platform.release().split('-')[0],
        'system': debian(),
        'memory_gib': round(int(memory.group(1)) / 2 ** 20) if memory else None,
        'clocksource': read('/sys/devices/system/clocksource/clocksource0/current_clocksource'),
        'mitigations': {name: read(f'{VULNERABILITIES}/{name}') for name in ('spectre_v2', 'retbleed')},
    }


def debian():
    name = re.search(r'^PRETTY_NAME="?([^"\n]*)', read('/etc/os-release'), re.M)
    return name.group(1) if name else ''


class Ahead:
    """This session's processes come before others' where the kernel weighs sessions (autogroup); nice alone does not
    reach across them."""

    path = '/proc/self/autogroup'

    def __enter__(self):
        found = re.search(r'nice (-?\d+)', read(self.path))
        self.before = int(found.group(1)) if found else None
        self.write(-20)
        return self

    def __exit__(self, *_):
        self.write(self.before)

    def write(self, nice):
        if self.before is not None:
            with open(self.path, 'w', encoding='ascii') as file:
                file.write(str(nice))


class Hugepages:
    """2 MiB pages, as many as are asked for or as there are to be had; the number that was there before comes back."""

    def __init__(self, wanted):
        self.wanted, self.before, self.got = wanted, None, 0

    def __enter__(self):
        self.before = self.got = int(read(PAGES, '0') or 0)
        try:
            self.ensure()
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def ensure(self):
        """Also while they are ours: somebody else may have given them away."""
        self.got = int(read(PAGES, '0') or 0)
        if self.got < self.wanted:
            self.write(self.wanted)
            self.got = int(read(PAGES, '0') or 0)
        if self.got < self.wanted:
            raise RuntimeError(f'{self.wanted} pages of 2 MiB are needed, the kernel gave {self.got}; memory is short '
                               'or in pieces: free some, or restart the machine')

    def __exit__(self, *_):
        if self.before is not None and self.before != self.got:
            self.write(self.before)

    @staticmethod
    def write(number):
        with open(PAGES, 'w', encoding='ascii') as file:
            file.write(str(number))


# ---- Debian's packages -------------------------------------------------------------------------------------

def dpkg_field(package, field):
    done = subprocess.run(['dpkg-query', '-W', f'-f=${{{field}}}', package], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ''


def installed(package):
    return dpkg_field(package, 'db:Status-Abbrev').startswith('ii')


def package_version(package):
    return dpkg_field(package, 'Version')


class NoServices:
    """While packages are installed, nothing of them starts: Debian asks policy-rc.d. One that is there stays."""

    def __enter__(self):
        self.ours = not os.path.exists(POLICY)
        if self.ours:
            with open(POLICY, 'w', encoding='ascii') as file:
                file.write('#!/bin/sh\nexit 101\n')
            os.chmod(POLICY, 0o755)

    def __exit__(self, *_):
        if self.ours:
            os.unlink(POLICY)


def install(packages, service=''):
    """Missing packages, from Debian. A `service` that comes with them starts neither now nor with the machine; one that
    was there before is left as it is."""
    missing = [p for p in packages if not installed(p)]
    if not missing:
        return
    print(f'bench: installing {" ".join(missing)}', file=sys.stderr, flush=True)
    ours = service and not installed(service)
    apt = ['apt-get', '-qq', '-y', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0']
    env = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}
    with NoServices():
        try:
            run([*apt, 'install', '--no-install-recommends', *missing], env=env)
        except RuntimeError:
            run([*apt, 'update'], env=env)  # the lists were absent or old
            run([*apt, 'install', '--no-install-recommends', *missing], env=env)
        if ours and os.path.exists(f'/etc/init.d/{service}'):  # of systemd's units, too
            run(['update-rc.d', service, 'disable'])


# ---- two cores ------------------------------------------------------------------------------------------------

class CoreToCore:
    """The round trip of a cache line between two CPUs, in ns; None on a machine with one."""

    def __init__(self, program, pair, ms=30):
        self.program, self.pair, self.ms, self.last = program, pair, ms, None

    def read(self):
        if len(set(self.pair)) < 2 or not os.path.exists(self.program):
            return None
        text = run([self.program, '--cpus', f'{self.pair[0]},{self.pair[1]}', '--ms', str(self.ms)])
        self.last = json.loads(text)
        return self.last['rtt_ns']
