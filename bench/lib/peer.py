# SPDX-License-Identifier: BSD-3-Clause
"""The contract of a peer, and the processes it is made of.

A peer is one file in bench/peers that ends in `PEER = Class`. The runner makes one object per contender, calls start(),
and from then on pause() and resume(), so that windows of different peers interleave on one core.
"""
import ctypes
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import time

from bench.lib import machine
from bench.lib.point import profile_text

PR_SET_PDEATHSIG = 1
PRIORITY = -20
libc = ctypes.CDLL(None, use_errno=True)


class Failed(RuntimeError):
    """A peer that does not do what it should; the message is for the reader of the results."""


def wait_until(check, seconds, what):
    """Polls until check() is true; what it returned."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f'{what}: not within {seconds:g} s')
        time.sleep(0.05)


class Child:
    """A process of a peer: on its CPUs, ahead of everything else there, gone when the runner is gone. Its output goes to
    a file in the run's folder."""

    def __init__(self, session, name, argv, on=None, env=None, stdout=None, netns=None):
        self.name, self.log = name, os.path.join(session.dir, f'{name}.log')
        on = set(on if on is not None else [session.cpu])

        def prepare():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            # A group of its own: Ctrl-C in the terminal is the runner's to handle, in order. The same session: the
            # kernel weighs sessions against each other (autogroup), and only within one do priorities count.
            os.setpgid(0, 0)
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
            os.sched_setaffinity(0, on)

        argv = [*(['ip', 'netns', 'exec', netns] if netns else []), *map(str, argv)]
        session.note(argv)
        with open(self.log, 'ab') as log:
            self.proc = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=stdout or log, stderr=log, env=env,
                                         text=True, cwd=session.dir, preexec_fn=prepare)
        self.stopped = False

    @property
    def pid(self):
        return self.proc.pid

    def alive(self):
        return self.proc.poll() is None

    def check(self):
        if not self.alive():
            raise Failed(f'{self.name} ended (exit {self.proc.returncode}): {self.last_words()}')

    def last_words(self):
        lines = [line.strip() for line in machine.read(self.log).splitlines() if line.strip()]
        return ' | '.join(lines[-2:])[-300:] or 'it said nothing'

    def says(self, text):
        self.check()
        return text in machine.read(self.log)

    def pause(self):
        if self.alive() and not self.stopped:
            os.kill(self.pid, signal.SIGSTOP)
            self.stopped = True

    def resume(self):
        self.check()
        if self.stopped:
            os.kill(self.pid, signal.SIGCONT)
            self.stopped = False

    def end(self, seconds=10):
        """The end of its input, which some wait for in read(); SIGTERM; SIGKILL when that is not enough."""
        for pipe in (self.proc.stdin, self.proc.stdout):
            if pipe:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10)):
            if not self.alive():
                break
            os.kill(self.pid, number)
            if self.stopped:
                os.kill(self.pid, signal.SIGCONT)
                self.stopped = False
            try:
                self.proc.wait(patience)
            except subprocess.TimeoutExpired:
                continue

    def waited_ns(self, cpus):
        """How long its threads that belong to one of these CPUs alone were ready to run there and had to wait."""
        total = 0
        for task in glob.glob(f'/proc/{self.pid}/task/*'):
            allowed = re.search(r'^Cpus_allowed_list:\s*(.*)', machine.read(f'{task}/status'), re.M)
            words = machine.read(f'{task}/schedstat').split()
            if allowed and allowed.group(1) in cpus and len(words) > 1:
                total += int(words[1])
        return total

    def resident_bytes(self):
        """What it holds, pages of 2 MiB included."""
        status = machine.read(f'/proc/{self.pid}/status')
        kb = {line.split(':')[0]: int(line.split()[1]) for line in status.splitlines()
              if line.startswith(('VmRSS', 'HugetlbPages'))}
        return {'resident': kb.get('VmRSS', 0) * 1024, 'hugepages': kb.get('HugetlbPages', 0) * 1024}


class LineChild(Child):
    """A process that answers each line on stdin by one JSON line on stdout."""

    def __init__(self, session, name, argv, **options):
        super().__init__(session, name, argv, stdout=subprocess.PIPE, **options)

    def ask(self, line):
        self.check()
        try:
            self.proc.stdin.write(line + '\n')
            self.proc.stdin.flush()
        except BrokenPipeError:
            pass  # why it ended is in what it said
        found = self.answer()
        if isinstance(found, dict) and found.get('error'):
            raise Failed(f'{self.name}: {line.split()[0]}: {found["error"]}')
        return found

    def answer(self):
        text = self.proc.stdout.readline()
        if not text:
            self.proc.wait(10)
            self.check()
        return json.loads(text)


class Peer:
    """What the runner needs to know of one who forwards packets. Most peers take two ports of the generator's DPDK
    device and need only start(), version() and the children in self.children; the rest is common."""

    name = ''
    packages = ()   # Debian's; installed when the peer is asked for
    service = ''    # a package of those whose service must stay off
    jobs = ()       # what it can be asked to do
    own_profile = {}  # keys of the profile that suit this peer best
    own_generator = True  # takes the generator's device; else it overrides measure()
    patience_s = 20   # until it forwards
    settle_s = 4      # at most, until its cost stands still
    settle_move = 0.05

    def __init__(self, session, contender, tag):
        if contender.job not in self.jobs:
            raise Failed(f'{self.name} does not do "{contender.job}"; it does: {", ".join(self.jobs)}')
        self.session, self.contender, self.tag = session, contender, tag
        self.job, self.options = contender.job, contender.options
        self.dir = os.path.join(session.dir, tag)
        self.shm = os.path.join(self.dir, 'shm')
        self.children, self.guests = [], None
        shutil.rmtree(self.dir, ignore_errors=True)  # of a point that is measured again
        os.makedirs(self.dir)

    # ---- for every peer to say ----

    @classmethod
    def install(cls, session):
        machine.install(cls.packages, cls.service)

    @classmethod
    def version(cls, session):
        return ', '.join(f'{p} {machine.package_version(p)}' for p in cls.packages)

    def start(self):
        """Brings it up on session.cpu; returns when its ports are there."""
        raise NotImplementedError

    def config(self):
        """The text it was configured with, for the results."""
        return ''

    # ---- common ----

    def profile(self, side):
        profile = {**self.session.profile_base, **self.own_profile, **self.contender.profile}
        profile.update(side=side, shm=self.shm)
        if table := self.table():
            profile['dst_list'] = table.destinations_file(side)
        return {key: value for key, value in profile.items() if value is not None}

    def table(self):
        """Where packets are routed to, when the contender's options name a table (lib/tables.py): family, routes, kind."""
        if 'family' not in self.options:
            return None
        return self.session.table(self.options['family'], self.options['routes'], self.options['kind'])

    def generator_device(self, side, number=None):
        """`net_leatgenN,profile=FILE`: a device name that fits wherever a DPDK device is named."""
        path = os.path.join(self.dir, f'p{side}')
        text = profile_text(self.profile(side))
        with open(path, 'w', encoding='ascii') as file:
            file.write(text.replace(',', '\n') + '\n')
        self.session.note([f'profile of {self.contender.who}, side {side}:', text])
        return f'net_leatgen{side if number is None else number},profile={path}'

    def resume(self):
        for child in self.children:
            child.resume()

    def pause(self):
        for child in self.children:
            child.pause()

    def stop(self):
        for child in reversed(self.children):
            child.end()
        self.children = []

    def measure(self, ms):
        for child in self.children:
            child.check()
        if self.guests:
            return self.guests_window(ms)
        waited, start = self.waited_ns(), time.monotonic_ns()
        window = self.session.gen_ctl(self.shm, 'window', '--ms', ms)
        window['waited'] = (self.waited_ns() - waited) / (time.monotonic_ns() - start)
        return window

    def guests_window(self, ms):
        """A packet's cost is what the switch's core spent on it: guests and the way between the cores may set the pace."""
        before = self.busy()
        window = self.guests.window(ms)
        cycles, packets = (now - was for now, was in zip(self.busy(), before))
        window['cycles'] = cycles / packets if packets else 0.0
        return window

    def busy(self):
        """TSC cycles that its thread spent on packets, and how many these were, since it began: of a peer that knows guests."""
        raise NotImplementedError

    def cores(self):
        """The CPUs that it has for itself while it is measured."""
        return [self.session.cpu]

    def waited_ns(self):
        cpus = {str(cpu) for cpu in self.cores()}
        return sum(child.waited_ns(cpus) for child in self.children)

    def guests_start(self, sockets, server=False):
        from bench.lib.guests import Guests
        self.guests = Guests(self, sockets, server)
        self.children.append(self.guests.child)

    def search(self):
        """RFC 2544, where a generator of its own offers a rate."""
        if not self.guests:
            raise Failed('no rate is offered to a generator on the same core')
        return self.guests.search()

    def forwards(self):
        """Waits until packets come out."""
        wait_until(self.moves, self.patience_s, f'{self.contender.who}: no packet came out')

    def moves(self):
        for child in self.children:
            child.check()
        if not self.guests and not os.path.exists(self.shm) and self.own_generator:
            return False
        try:
            return self.measure(50)['packets'] > 0
        except Failed:
            raise
        except RuntimeError:
            return False  # the generator has a page, but no port yet

    def settle(self):
        """Tables fill, caches of flows too: until two looks agree, or for settle_s."""
        end, last = time.monotonic() + self.settle_s, None
        while time.monotonic() < end:
            cost = self.measure(200).get('cycles')
            if cost and last and abs(cost / last - 1) <= self.settle_move:
                return
            last = cost

    def memory(self):
        """Bytes that all of it holds."""
        parts = [child.resident_bytes() for child in self.children]
        return {key: sum(part[key] for part in parts) for key in ('resident', 'hugepages')}

    def entries(self):
        """How many table entries (stations, routes, ...) it holds; None when it does not say."""
        return None
