# SPDX-License-Identifier: BSD-3-Clause
"""Leat itself: the real daemon with its real configuration; the generator's device is one of its ports."""
import json
import os
from string import Template

from bench.lib import machine
from bench.lib.peer import Child, Failed, Peer, wait_until

MEMORY_MB = 512


class Leat(Peer):
    name = 'leat'
    jobs = ('switch', 'switch-vhost')
    patience_s = 60  # a switch must know all stations before it is measured

    @classmethod
    def version(cls, session):
        return machine.run([session.leatd, '--version']).split()[1]

    def config(self):
        """The configuration, from the template beside this file."""
        workers = self.options.get('workers', 1)
        with open(os.path.join(os.path.dirname(__file__), 'leat.lua.in'), encoding='utf-8') as file:
            template = Template(file.read())
        return template.substitute(job=self.job, workers=workers, cpus=', '.join(map(str, self.worker_cpus())),
                                   port_a=self.port(0), port_b=self.port(1))

    def worker_cpus(self):
        workers = self.options.get('workers', 1)
        found = [self.session.cpu, *self.session.other_cpus][:workers]
        if len(found) < workers:
            raise Failed(f'{workers} workers need {workers} CPUs')
        return found

    def cores(self):
        return self.worker_cpus()

    def port(self, side):
        if self.job == 'switch-vhost':
            return 'vhost_user = true'
        return f'device = "vdev:{self.generator_device(side)}"'

    def start(self):
        conf = os.path.join(self.dir, 'leat.lua')
        with open(conf, 'w', encoding='utf-8') as file:
            file.write(self.config())
        self.run_dir = os.path.join(self.dir, 'run')
        argv = [self.session.leatd, '-c', conf, '--state-dir', os.path.join(self.dir, 'state'),
                '--run-dir', self.run_dir, '--memory', MEMORY_MB, *self.session.leatd_driver_args()]
        on = {*self.session.other_cpus, *self.worker_cpus()}
        self.children.append(Child(self.session, self.tag, argv, on=on))
        wait_until(self.ready, self.patience_s, 'leatd is not ready')
        if self.show('system')[0]['pages'] != 'hugepages':
            raise Failed('leatd found too few 2 MiB pages; take more by --pages')
        if self.job == 'switch-vhost':
            self.guests_start([os.path.join(self.run_dir, f'{port}.sock') for port in 'ab'])
            self.guests.connect()
        self.forwards()
        self.learn()
        self.seen = self.unwanted()

    def ready(self):
        self.children[0].check()
        return os.path.exists(os.path.join(self.run_dir, 'leat.sock')) and len(self.show('ports')) == 2

    def show(self, noun):
        return json.loads(machine.run([self.session.leat, '-r', self.run_dir, 'show', noun, '--json']))

    def learn(self):
        """All stations are known, so that nothing is flooded while it is measured."""
        wanted = 2 * self.contender.profile.get('macs', 1)
        wait_until(lambda: self.entries() >= wanted, self.patience_s, f'{wanted} stations are not learnt')

    def entries(self):
        return sum(row['stations'] for row in self.show('switches'))

    def unwanted(self):
        flooded = sum(row['flooded'] for row in self.show('storm'))
        dropped = sum(row['packets'] for row in self.show('drops'))
        return flooded, dropped

    def measure(self, ms):
        window = super().measure(ms)
        if hasattr(self, 'seen'):
            now = self.unwanted()
            window['flooded'], window['dropped'] = (new - old for new, old in zip(now, self.seen))
            self.seen = now
        return window

    def memory(self):
        return {**super().memory(), 'stations': self.entries()}


PEER = Leat
