# SPDX-License-Identifier: BSD-3-Clause
"""One run: its folder, its programs, the gate (the floor that says which state the machine is in), and the points."""
import datetime
import importlib
import json
import os
import pkgutil
import re
import shutil
import sys
import tempfile
import time

from bench.lib import machine, method
from bench.lib.peer import Failed
from bench.lib.point import Contender
from bench.lib.tables import Table

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORK_ROOT = '/run'  # DPDK loads no driver from a folder below one that everybody may write to
PAGES_2M = 3072
# What a peer that does not do its job may raise; the point goes on without it.
TROUBLE = (Failed, RuntimeError, OSError, ValueError, KeyError)
GATE = Contender('floor', 'testpmd', 'io', {'macs': 1000, 'flows': 1000, 'size': 64})


def peers_there():
    """{name: class} of every file in bench/peers."""
    import bench.peers as package
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        peer = importlib.import_module(f'bench.peers.{module.name}').PEER
        found[peer.name] = peer
    return found


class Session:
    """Programs and places. A context: on leaving, nothing that it started or made is there any more."""

    profile_base = {'l3': 'ip4', 'l4': 'udp', 'src': '10.0.0.0/12', 'dst': '10.16.0.0/12'}

    def __init__(self, build, options):
        self.build, self.options = os.path.abspath(build), options
        self.limits = method.Limits()
        self.commands, self.seen, self.peers = [], set(), {}
        self.machine = machine.describe()  # before the runner goes aside
        cpus = machine.cpus()
        self.cpu = options.cpu if options.cpu is not None else cpus[-1]
        if self.cpu not in cpus:
            raise Failed(f'CPU {self.cpu} is not ours to use; there are {cpus}')
        self.other_cpus = [cpu for cpu in cpus if cpu != self.cpu]
        self.leatd, self.leat = self.program('control/leatd'), self.program('control/cli/leat')
        self.graph_bench = self.program('bench/graph_bench')
        self.rib_bench = self.program('bench/rib_bench')
        self.gen_ctl_program, self.c2c_program = self.program('bench/pktgen/gen_ctl'), self.program('bench/pktgen/c2c')
        self.pktgen, self.xdp_gen = self.program('bench/pktgen/leat-pktgen'), self.program('bench/pktgen/xdp_gen')
        self.floor = method.Floor(self.limits)
        self.gate, self.tsc_mhz = None, None

    def program(self, path):
        return os.path.join(self.build, path)

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix='leat-bench-', dir=WORK_ROOT)
        self.driver = os.path.join(self.dir, 'libleatgen.so')
        self.pages, self.ahead = machine.Hugepages(self.options.pages or PAGES_2M), machine.Ahead()
        self.ahead.__enter__()
        try:
            shutil.copy(self.driver_path(), self.driver)
            self.pages.__enter__()
            # The runner stays away from the CPU on which it measures.
            if self.other_cpus:
                os.sched_setaffinity(0, self.other_cpus)
            pair = (self.cpu, self.other_cpus[0] if self.other_cpus else self.cpu)
            self.c2c = machine.CoreToCore(self.c2c_program, pair)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.gate:
            self.gate.stop()
            self.gate = None
        if self.options.keep:
            print(f'bench: logs are kept in {self.dir}', file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        self.pages.__exit__()
        self.ahead.__exit__()

    def driver_path(self):
        """The generator as a DPDK device, built when it is not there or old."""
        return machine.run([os.path.join(TOP, 'bench', 'pktgen', 'build'), self.build]).strip().splitlines()[-1]

    def leatd_driver_args(self):
        return ['--plugin', self.driver]

    def table(self, family, count, kind):
        """A table of routes with its files, made when it is asked for first."""
        return Table(os.path.join(self.dir, f'table-{kind}-{family}-{count}'), family, count, kind)

    # ---- what was run, for the reader ----

    def plain(self, text):
        """Without the places of this machine; a contender's own folder and tag are named after its peer."""
        for path, name in ((self.dir, '$RUN'), (self.build, '$BUILD'), (TOP, '.'), (f'leat-bench-{os.getpid()}', 'bench')):
            text = text.replace(path, name)
        return re.sub(rf'[a-z0-9-]+-[0-9]+-({"|".join(self.peers)})\b', r'\1', text)

    def note(self, argv):
        line = self.plain(' '.join(map(str, argv)))
        if line not in self.seen:
            self.seen.add(line)
            self.commands.append(line)

    def gen_ctl(self, shm, *args):
        return json.loads(machine.run([self.gen_ctl_program, shm, *map(str, args)]))

    # ---- the gate ----

    def gate_start(self, peers):
        self.gate = peers['testpmd'](self, GATE, 'gate')
        self.gate.start()
        self.gate.settle()
        for _ in range(30):
            self.floor.seen(self.read_floor())
            if self.floor.reference:
                break
        self.gate.pause()

    def read_floor(self):
        """Cycles per packet of the floor, which runs for that long only; a second look when the core was shared."""
        self.gate.resume()
        time.sleep(self.options.settle_ms / 1000)
        found = None
        for _ in range(2):
            window = self.gate.measure(self.options.floor_ms)
            if window['packets'] and window['cpu_share'] >= self.limits.cpu_share:
                found, self.tsc_mhz = window['cycles'], window['tsc_mhz']
                break
        self.gate.pause()
        return found


class PointRun:
    """One point: contenders up and paused, windows interleaved, and all of them down again."""

    def __init__(self, session, point, peers, progress):
        self.session, self.point, self.progress = session, point, progress
        self.peers, self.up, self.failed, self.memory = peers, {}, {}, {}

    def run(self, rounds):
        start = time.monotonic()
        self.session.pages.ensure()
        try:
            for number, contender in enumerate(self.point.contenders):
                self.bring_up(contender, number)
            windows = self.windows(rounds)
            states = method.states(windows, rounds, self.session.limits)
            extra = self.extras(states)
            paced = self.paced(rounds, extra)
        finally:
            for peer in self.up.values():
                peer.stop()
        return {**self.result(rounds, windows, states, extra, time.monotonic() - start), 'paced': paced}

    def bring_up(self, contender, number):
        self.progress.say(f'{contender.who}: start')
        try:
            peer = self.peers[contender.peer](self.session, contender, f'{self.point.name}-{number}-{contender.peer}')
        except TROUBLE as why:
            self.failed[contender.who] = str(why)
            return
        try:
            self.up[contender.who] = peer
            peer.start()
            peer.settle()
            self.memory[contender.who] = peer.memory()
            peer.pause()
        except TROUBLE as why:
            self.fail(contender.who, why)

    def fail(self, who, why):
        self.failed[who] = self.session.plain(str(why))
        self.up.pop(who).stop()

    def windows(self, rounds):
        session = self.session
        play = method.Rounds(list(self.up), self.window, session.read_floor, session.floor, session.limits,
                             self.progress.window)
        return play.run(rounds)

    def window(self, who):
        if who not in self.up:
            return {'packets': 0, 'cycles': 0.0, 'mpps': 0.0, 'cpu_share': None, 'failed': self.failed[who]}
        peer, options = self.up[who], self.session.options
        c2c = {}
        try:
            if self.point.two_core:
                c2c['c2c_before'] = self.session.c2c.read()
            peer.resume()
            time.sleep(options.settle_ms / 1000)
            window = peer.measure(options.window_ms)
            peer.pause()
            if self.point.two_core:
                c2c['c2c_after'] = self.session.c2c.read()
        except TROUBLE as why:
            self.fail(who, why)
            return self.window(who)
        return {**method.bounded(slim(window), peer.name == 'leat'), **c2c}

    def extras(self, states):
        """Loss-free rate, and latency at parts of it, with the way between the cores before and after."""
        found = {}
        for who, peer in self.up.items() if self.point.search else ():
            self.progress.say(f'{who}: RFC 2544')
            try:
                found[who] = self.search(peer, states)
            except TROUBLE as why:
                found[who] = {'error': self.session.plain(str(why))}
        return found

    def paced(self, rounds, extra):
        """The same with as many packets for each as all can carry; None without such a rate."""
        rate, limits = method.common_rate(extra, self.session.limits), self.session.limits
        if not rate:
            return None
        for peer in self.up.values():
            peer.guests.rate = rate
        windows = self.windows(rounds)
        found, ratios = method.results(windows, list(self.up), self.point.ratios, method.states(windows, rounds, limits), rounds, limits)
        return {'rate': rate, 'contenders': found, 'ratios': ratios, 'windows': windows}

    def search(self, peer, states):
        """Once more when the state moved or is none of the results'; it begins in one of theirs, or after a while."""
        read, limits = self.session.c2c.read, self.session.limits
        for _ in range(2):
            for _ in range(20):
                before = read()
                if method.state_of({'c2c_before': before, 'c2c_after': before}, limits) in states:
                    break
                time.sleep(0.1)
            peer.resume()
            found = peer.search()
            peer.pause()
            found['c2c'] = {'c2c_before': before, 'c2c_after': read()}
            found['state'] = method.state_of(found['c2c'], limits)
            found['why'] = method.judge_c2c(found['c2c'], limits)
            if not found['why'] and found['state'] in states:
                break
        return found

    def result(self, rounds, windows, states, extra, seconds):
        point, contenders = self.point, {}
        by_who = {contender.who: contender for contender in point.contenders}
        found, ratios = method.results(windows, list(by_who), point.ratios, states, rounds, self.session.limits)
        for name, one in found.items():
            who, _, state = name.partition('@')
            contenders[name] = {**self.described(by_who[who]), **one, 'why': self.failed.get(who, one['why']),
                                'rfc2544': method.beside(extra.get(who), state, states)}
        return {'name': point.name, 'title': point.title, 'axes': point.axes, 'two_core': point.two_core,
                'quick': point.quick, 'seconds': round(seconds, 1), 'contenders': contenders, 'ratios': ratios,
                'passed_over': method.passed_over(windows, states), 'windows': windows}

    def described(self, contender):
        config = self.up[contender.who].config() if contender.who in self.up else ''
        return {'peer': contender.peer, 'job': contender.job, 'profile': contender.profile, 'options': contender.options,
                'memory': self.memory.get(contender.who), 'config': self.session.plain(config)}


def slim(window):
    """A window as it is kept: the sums of all ports; a share of the core per thread."""
    return {key: value for key, value in window.items() if key not in ('ports', 'pause')}


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M UTC')
