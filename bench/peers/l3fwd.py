# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's example router l3fwd, by LPM or FIB: no neighbours, no TTL expiry, the least that routing a packet can cost.

Built by its own Makefile from Debian's source package of the DPDK that is installed, with its tables enlarged from
1,024 (LPM) and 65,536 routes (FIB) to 2,097,152, IPv6's FIB to 524,288 and 2^20 groups, of which it sets three aside per /48. Half of the routes lead each way: those of a table
(lib/tables.py), or /24s from 16.0.0.0 to port 1, from 24.0.0.0 to port 0; "1 route" is one /8 each way.
"""
import ipaddress
import os
import re
import shutil

from bench.lib import machine
from bench.lib.peer import Child, Failed, Peer
from bench.lib.session import TOP

DPDK_SOURCE = os.path.join(TOP, 'bench', 'dpdk-source')
ROUTES_MAX, ROUTES6_MAX, GROUPS6 = 1 << 21, 1 << 19, 1 << 20
ENLARGED = {
    'l3fwd_lpm.c': [(r'(#define IPV4_L3FWD_LPM_MAX_RULES\s+)\d+', rf'\g<1>{ROUTES_MAX}')],
    'l3fwd_fib.c': [(r'(config_ipv4\.max_routes = ).*;', rf'\g<1>{ROUTES_MAX};'),
                    (r'(config\.max_routes = ).*;', rf'\g<1>{ROUTES6_MAX};'),
                    (r'(config\.trie\.num_tbl8 = ).*;', rf'\g<1>{GROUPS6};')],
}


class L3fwd(Peer):
    name = 'l3fwd'
    packages = ('dpkg-dev', 'xz-utils', 'gcc', 'make', 'pkg-config', 'libdpdk-dev')
    jobs = ('lpm', 'fib')
    patience_s = 90

    @staticmethod
    def program():
        folder = f'l3fwd-{machine.package_version("libdpdk-dev")}-{ROUTES_MAX}-{GROUPS6}'
        return os.path.join(TOP, 'build', 'peers', folder, 'l3fwd', 'build', 'l3fwd')

    @classmethod
    def install(cls, session):
        super().install(session)
        program = cls.program()
        if os.path.exists(program):
            return
        source = machine.run([DPDK_SOURCE]).strip().splitlines()[-1]
        folder = os.path.dirname(os.path.dirname(program))
        shutil.rmtree(os.path.dirname(folder), ignore_errors=True)
        for name in ('l3fwd', 'common'):
            shutil.copytree(os.path.join(source, 'examples', name), os.path.join(os.path.dirname(folder), name))
        for name, changes in ENLARGED.items():
            for old, new in changes:
                cls.enlarge(os.path.join(folder, name), old, new)
        machine.run(['make', '-C', folder, 'shared'])

    @staticmethod
    def enlarge(path, old, new):
        text, times = re.subn(old, new, machine.read(path))
        if times != 1:
            raise Failed(f'{os.path.basename(path)} is not as it was in DPDK 22.11: {old} was found {times} times')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text + '\n')

    @classmethod
    def version(cls, session):
        return f'DPDK {machine.package_version("libdpdk-dev")}, tables for {ROUTES_MAX} routes'

    def routes(self):
        """(prefix, port)."""
        if table := self.table():
            for side in (0, 1):
                yield from ((prefix, 1 - side) for prefix in table.routes(side))
            return
        each = max(1, self.options.get('routes', 1) // 2)
        if 2 * each > ROUTES_MAX:
            raise Failed(f'l3fwd was built for {ROUTES_MAX} routes')
        for first, port in (('16.0.0.0', 1), ('24.0.0.0', 0)):
            start = int(ipaddress.IPv4Address(first))
            for i in range(each):
                yield f'{ipaddress.IPv4Address(start + (i << 8))}/{8 if each == 1 else 24}', port

    def rules(self):
        """A file for each family; neither may be empty."""
        family = self.options.get('family', 4)
        other = {4: 'R2001:db8::/32 1\n', 6: 'R192.0.2.0/24 1\n'}[family]
        for number in (4, 6):
            with open(os.path.join(self.dir, f'rules{number}'), 'w', encoding='ascii') as file:
                file.writelines((f'R{prefix} {port}\n' for prefix, port in self.routes()) if number == family else [other])

    def start(self):
        cpu = self.session.cpu
        self.rules()
        self.children.append(Child(self.session, self.tag, [
            self.program(), '-l', cpu, '--in-memory', '--no-pci', '--no-telemetry', '--file-prefix', self.tag,
            '-d', self.session.driver, '--vdev', self.generator_device(0), '--vdev', self.generator_device(1), '--',
            '-p', '0x3', '-P', f'--config=(0,0,{cpu}),(1,0,{cpu})', f'--lookup={self.job}',
            f'--rule_ipv4={self.dir}/rules4', f'--rule_ipv6={self.dir}/rules6', '--parse-ptype']))
        self.forwards()

    def config(self):
        return f'lookup={self.job}, {self.options.get("routes", 1)} routes, parse-ptype'

    def entries(self):
        return sum(1 for _ in self.routes())

    def memory(self):
        return {**super().memory(), 'routes': self.entries()}


PEER = L3fwd
