# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's testpmd: the least that can be between generator and sink (io), or with a look at the frame (mac, macswap)."""
from bench.lib.peer import Child, Peer


class Testpmd(Peer):
    name = 'testpmd'
    packages = ('dpdk-dev',)
    jobs = ('io', 'mac', 'macswap', '5tswap', 'csum')

    def argv(self):
        # The main thread sleeps in read(); the one that forwards is another on the same CPU.
        cpu = self.session.cpu
        return ['dpdk-testpmd', '--lcores', f'0@{cpu},1@{cpu}', '--in-memory', '--no-pci', '--no-telemetry',
                '--file-prefix', self.tag, '-d', self.session.driver, '--vdev', self.generator_device(0),
                '--vdev', self.generator_device(1), '--', f'--forward-mode={self.job}', '--auto-start', '--nb-cores=1',
                '--total-num-mbufs=16384', '--burst=64']

    def start(self):
        self.children.append(Child(self.session, self.tag, self.argv()))
        self.forwards()

    def config(self):
        return f'forward-mode={self.job} burst=64, one queue per port, descriptors as by default'


PEER = Testpmd
