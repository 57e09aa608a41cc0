# SPDX-License-Identifier: BSD-3-Clause
"""Linux itself, in two namespaces: `dut` has a bridge, or routes, or nftables, between two veths; `gen` has their other
ends.

Everything happens on one CPU: xdp_gen sends frames into one veth, the kernel forwards them in softirq, a program at the
other veth counts and drops them (bench/pktgen/xdp_gen.c). So a window runs only while it is asked for, and there is no
process to pause. The frames go one way; a bridge learns the other side's stations before.
"""
import os
import platform
import time

from bench.lib import machine
from bench.lib.peer import Failed, LineChild, Peer
from bench.lib.point import profile_text

MAC_IN, MAC_NEXT = '02:00:00:00:01:00', '02:00:00:00:02:00'
NFT = {'nft': 'linux-nft.conf', 'nft-dnat': 'linux-nft-dnat.conf'}


class Linux(Peer):
    name = 'linux'
    packages = ('iproute2', 'ethtool', 'nftables')
    own_generator = False
    jobs = ('bridge', 'route', *NFT)
    settle_s = 3

    @classmethod
    def version(cls, session):
        return f'Linux {platform.release().split("-")[0]}, nftables {machine.package_version("nftables")}'

    def ip(self, *args, ns=None):
        argv = ['ip', *(['-n', ns] if ns else []), *map(str, args)]
        self.session.note(argv)
        return machine.run(argv)

    def in_dut(self, *argv):
        argv = ['ip', 'netns', 'exec', self.dut, *argv]
        self.session.note(argv)
        return machine.run(argv)

    def start(self):
        self.mounted = os.path.ismount('/run/netns')
        self.gen, self.dut = (f'leat-bench-{os.getpid()}-{self.tag}-{name}' for name in ('gen', 'dut'))
        self.namespaces = []
        for ns in (self.gen, self.dut):
            self.ip('netns', 'add', ns)
            self.namespaces.append(ns)
        for mine, theirs in (('to', 'in'), ('from', 'out')):
            self.ip('link', 'add', mine, 'netns', self.gen, 'type', 'veth', 'peer', 'name', theirs, 'netns', self.dut)
            # A veth takes frames of XDP programs once it has NAPI, which generic receive offload gives it.
            self.in_dut('ethtool', '-K', theirs, 'gro', 'on')
            self.ip('link', 'set', mine, 'up', ns=self.gen)
        self.quiet_ipv6()
        self.ip('link', 'set', 'in', 'address', MAC_IN, ns=self.dut)
        for theirs in ('in', 'out'):
            self.ip('link', 'set', theirs, 'up', ns=self.dut)
        (self.bridge if self.job == 'bridge' else self.router)()
        argv = [self.session.xdp_gen, '--out', f'to@{self.gen}', '--sink', f'from@{self.gen}',
                '--cpu', self.session.cpu, '--profile', profile_text(self.kernel_profile())]
        self.child = LineChild(self.session, self.tag, argv)
        self.children.append(self.child)
        self.child.answer()  # ready
        if self.job == 'bridge':
            self.child.ask('learn passes=2')
        self.forwards()

    def quiet_ipv6(self):
        for ns, devices in ((self.gen, ('to', 'from')), (self.dut, ('in', 'out'))):
            for device in devices:
                machine.run(['ip', 'netns', 'exec', ns, 'sysctl', '-qw', f'net.ipv6.conf.{device}.disable_ipv6=1'])

    def kernel_profile(self):
        unwanted = ('shm', 'side', 'hash', 'check', 'stamp')
        profile = {key: value for key, value in self.profile(0).items() if key not in unwanted}
        return profile if self.job == 'bridge' else {**profile, 'dst_mac': MAC_IN}

    def bridge(self):
        self.ip('link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0', 'stp_state', '0', ns=self.dut)
        for device in ('in', 'out'):
            self.ip('link', 'set', device, 'master', 'br0', ns=self.dut)
        self.ip('link', 'set', 'br0', 'up', ns=self.dut)

    def router(self):
        self.in_dut('sysctl', '-qw', 'net.ipv4.ip_forward=1')
        self.in_dut('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0')
        self.ip('address', 'add', '192.0.2.1/30', 'dev', 'in', ns=self.dut)
        self.ip('address', 'add', '192.0.2.5/30', 'dev', 'out', ns=self.dut)
        for neighbour, device in (('192.0.2.2', 'in'), ('192.0.2.6', 'out')):
            self.ip('neighbour', 'add', neighbour, 'lladdr', MAC_NEXT, 'dev', device, ns=self.dut)
        routes = (('10.0.0.0/12', '192.0.2.2'), ('10.16.0.0/12', '192.0.2.6'), ('198.18.0.0/24', '192.0.2.6'))
        for prefix, via in routes:
            self.ip('route', 'add', prefix, 'via', via, ns=self.dut)
        if table := self.table():
            self.routes_load(table)
        if self.job in NFT:
            self.in_dut('nft', '-f', os.path.join(os.path.dirname(__file__), NFT[self.job]))

    def routes_load(self, table):
        """All of them lead out: frames go one way."""
        path = os.path.join(self.dir, 'routes')
        with open(path, 'w', encoding='ascii') as file:
            for side in (0, 1):
                file.writelines(f'route add {prefix} via 192.0.2.6\n' for prefix in table.routes(side))
        self.ip('-batch', path, ns=self.dut)

    def config(self):
        if self.job in NFT:
            return machine.read(os.path.join(os.path.dirname(__file__), NFT[self.job]))
        if self.job == 'bridge':
            return 'bridge, no STP, no snooping'
        return 'two connected networks, static neighbours' + (f', {self.table().count} routes' if self.table() else '')

    def measure(self, ms):
        """The system call behind a window sleeps for some 20 ms at its ends: the rate is that of the time it was given."""
        waited, start = self.waited_ns(), time.monotonic_ns()
        window = self.child.ask(f'window ms={ms}')
        window['waited'] = (self.waited_ns() - waited) / (time.monotonic_ns() - start)
        if window['cycles']:
            window['mpps'] = window['tsc_mhz'] / window['cycles']
        return window

    def pause(self):
        """Nothing runs unless a window is asked for."""

    def resume(self):
        self.child.check()

    def entries(self):
        return len(self.in_dut('bridge', 'fdb', 'show', 'dynamic').splitlines()) if self.job == 'bridge' else None

    def memory(self):
        """Memory of the kernel, as far as slabs tell: stations of bridges, or connections."""
        slab = {'bridge': 'bridge_fdb_cache', 'nft': 'nf_conntrack', 'nft-dnat': 'nf_conntrack'}.get(self.job)
        for line in machine.read('/proc/slabinfo').splitlines():
            words = line.split()
            if slab and words[0] == slab:
                return {'resident': int(words[1]) * int(words[3]), 'hugepages': 0, 'stations': self.entries()}
        return {'resident': None, 'hugepages': 0, 'stations': self.entries()}

    def stop(self):
        super().stop()
        for ns in getattr(self, 'namespaces', []):
            try:
                self.ip('netns', 'del', ns)
            except RuntimeError as why:
                raise Failed(f'a namespace stays behind: {why}') from why
        if getattr(self, 'namespaces', []) and not self.mounted and not os.listdir('/run/netns'):
            machine.run(['umount', '/run/netns'])
        self.namespaces = []


PEER = Linux
