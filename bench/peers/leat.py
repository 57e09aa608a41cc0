# SPDX-License-Identifier: BSD-3-Clause
"""Leat itself: the real daemon with its real configuration; the generator's device is one of its ports.

A router has its table from a file of static routes, and sixteen neighbours behind each port, which the routes take in turn.
"""
import json
import os
import shutil
from string import Template

from bench.lib import machine
from bench.lib.peer import Child, Failed, Peer, wait_until

MEMORY_MB = 512
HOPS = 16
ROUTER_MAC = '02:00:00:00:01:00'
TEMPLATES = {'switch': 'leat.lua.in', 'switch-vhost': 'leat.lua.in', 'route': 'leat-route.lua.in'}
RULES = 'leat-rules.lua'  # what a template requires
SUBNETS = {4: '198.18.{}.{}', 6: '2001:2:0:{}::{:x}'}
BESIDE_ROUTES = 4096  # addresses, subnets, neighbours


class Leat(Peer):
    name = 'leat'
    jobs = tuple(TEMPLATES)
    patience_s = 90  # a switch must know all stations, a router all routes, before it is measured

    @classmethod
    def version(cls, session):
        return machine.run([session.leatd, '--version']).split()[1]

    def config(self):
        """The configuration, from a template beside this file."""
        with open(os.path.join(os.path.dirname(__file__), TEMPLATES[self.job]), encoding='utf-8') as file:
            template = Template(file.read())
        workers, routes = self.options.get('workers', 1), self.options.get('routes', 1)
        room = {family: BESIDE_ROUTES + (2 * self.options.get('room', routes) if self.options.get('family') == family else 0)
                for family in (4, 6)}
        return template.substitute(
            job=self.job, workers=workers, cpus=', '.join(map(str, self.worker_cpus())), port_a=self.port(0),
            port_b=self.port(1), mac=ROUTER_MAC, hops=HOPS,
            rules=self.options.get('rules', 0), nat=str(self.options.get('nat', False)).lower(),
            sessions=self.options.get('sessions', 1000) * 5 // 4 + 1000, routes4=room[4], routes6=room[6],
            files=', '.join(f'"{self.routes_write(table)}"' for table in self.tables))

    def config_write(self):
        shutil.copy(os.path.join(os.path.dirname(__file__), RULES), self.dir)
        with open(self.conf, 'w', encoding='utf-8') as file:
            file.write(self.config())

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

    def profile(self, side):
        profile = super().profile(side)
        return {**profile, 'dst_mac': ROUTER_MAC} if self.job == 'route' else profile

    def start(self):
        self.conf, self.run_dir = os.path.join(self.dir, 'leat.lua'), os.path.join(self.dir, 'run')
        self.tables = [self.table()] if self.job == 'route' else []
        self.config_write()
        argv = [self.session.leatd, '-c', self.conf, '--state-dir', os.path.join(self.dir, 'state'),
                '--run-dir', self.run_dir, '--memory', MEMORY_MB, *self.session.leatd_driver_args()]
        on = {*self.session.other_cpus, *self.worker_cpus()}
        self.children.append(Child(self.session, self.tag, argv, on=on))
        wait_until(self.ready, self.patience_s, 'leatd is not ready')
        if self.show('system')[0]['pages'] != 'hugepages':
            raise Failed('leatd found too few 2 MiB pages; take more by --pages')
        if self.job == 'switch-vhost':
            self.guests_start([os.path.join(self.run_dir, f'{port}.sock') for port in 'ab'])
            self.guests.connect()
        if self.job == 'route':
            self.routes_load()
        self.forwards()
        if self.options.get('sessions') and not self.options.get('fresh'):
            wait_until(lambda: self.sessions()['used'] >= self.options['sessions'], self.patience_s, 'not all sessions are there')
        if self.job != 'route':
            self.learn()
        self.seen = self.unwanted()

    def busy(self):
        rows = self.show('workers')
        return tuple(sum(row[column] for row in rows) for column in ('busy_cycles', 'packets'))

    def ready(self):
        self.children[0].check()
        return os.path.exists(os.path.join(self.run_dir, 'leat.sock')) and len(self.show('ports')) >= 2

    def show(self, noun):
        return json.loads(machine.run([self.session.leat, '-r', self.run_dir, 'show', noun, '--json']))

    # ---- stations ----

    def learn(self):
        """All stations are known, so that nothing is flooded while it is measured."""
        wanted = 2 * self.contender.profile.get('macs', 1)
        wait_until(lambda: self.entries() >= wanted, self.patience_s, f'{wanted} stations are not learnt')

    # ---- routes ----

    def routes_write(self, table):
        """A file of static routes, as `ip -o route` prints them."""
        path = os.path.join(self.dir, f'routes-{table.kind}-{table.count}')
        with open(path, 'w', encoding='ascii') as file:
            for side in (0, 1):
                vias = [SUBNETS[table.family].format(1 - side, 2 + hop) for hop in range(HOPS)]
                file.writelines(f'{prefix} via {vias[n % HOPS]}\n' for n, prefix in enumerate(table.routes(side)))
        return path

    def routes_load(self):
        wanted = self.table().count
        wait_until(lambda: self.entries() >= wanted, self.patience_s, f'{wanted} routes are not there')

    def apply(self, *tables):
        """The same router with other tables, in one commit."""
        self.tables = tables
        self.config_write()
        argv = [self.session.leat, '-r', self.run_dir, 'apply', self.conf]
        self.session.note(argv)
        return machine.run(argv)

    def entries(self):
        if self.job == 'route':
            return self.show('routers')[0][f'routes{self.options["family"]}']
        return sum(row['stations'] for row in self.show('switches'))

    def sessions(self):
        return self.show('session_table')[0]

    # ---- what is measured ----

    def unwanted(self):
        flooded = sum(row['flooded'] for row in self.show('storm')) if self.job != 'route' else 0
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
        if self.options.get('rules'):
            return {**super().memory(), 'sessions': self.sessions()['used']}
        return {**super().memory(), 'routes' if self.job == 'route' else 'stations': self.entries()}


PEER = Leat
