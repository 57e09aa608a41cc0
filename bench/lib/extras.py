# SPDX-License-Identifier: BSD-3-Clause
"""Measurements that are no contender's: a program of the bench that is run for itself, a change while packets flow."""
import json
import os
import re
import statistics
import threading

from bench.lib import machine
from bench.lib.point import Contender

KEPT = ('title', 'order', 'size', 'nodes', 'floor', 'cost', 'preempted')
LOADED, ROUNDS_BEFORE, WINDOWS_DURING, WINDOW_MS = 1000000, 5, 300, 200


def run_pinned(session, argv):
    """stdout of a program of ours on the bench's CPU."""
    session.note(argv)
    session.pages.ensure()
    return machine.run(argv, preexec_fn=lambda: os.sched_setaffinity(0, [session.cpu]))


def graph_nodes(session, options, title, *args):
    """graph_bench: the graph alone, without ports of the daemon; cycles per packet of each node."""
    argv = [session.graph_bench, '--windows', '5', '--window-ms', str(options.window_ms), *args]
    text = run_pinned(session, argv)
    found = {'title': title, **json.loads(text.strip().splitlines()[-1])}
    return {key: found[key] for key in KEPT if key in found}


def switch_nodes(session, options, pairs):
    return graph_nodes(session, options, f'{pairs:,} pairs', '--pairs', str(pairs))


def router_nodes(session, options, family, count, kind):
    table = session.table(family, count, kind)
    return graph_nodes(session, options, f'{count:,} IPv{family} routes, {kind}', '--router', str(family), '--size',
                       '66' if family == 6 else '64', '--table', table.folder)


def router_tables(session):
    """rib_bench: a full table loaded, withdrawn, a next hop of all routes lost."""
    lines = [' '.join(line.split()) for line in run_pinned(session, [session.rib_bench]).splitlines()]
    lost = [float(us) for line in lines if line.startswith('fail-over') for us in re.findall(r'([\d.]+) us', line)]
    return {'lines': lines, 'fail_over_us': max(lost) if lost else None}


def cost(windows):
    return statistics.median(w['cycles'] for w in windows)


def load_while_forwarding(session, profile):
    """Cost per packet before, while and after a commit brings a million routes; the packets go by two that are there all the
    time."""
    contender = Contender('leat', 'leat', 'route', profile, {'family': 4, 'routes': 1, 'kind': 'dense', 'room': LOADED})
    session.pages.ensure()
    peer = session.peers['leat'](session, contender, 'load-0-leat')
    try:
        peer.start()
        peer.settle()
        more = session.table(4, LOADED, 'internet')
        before = [peer.measure(WINDOW_MS) for _ in range(ROUNDS_BEFORE)]
        loader = threading.Thread(target=peer.apply, args=(peer.table(), more))
        during = []
        loader.start()
        # The commit is answered before all of them are set.
        while (loader.is_alive() or peer.entries() < LOADED) and len(during) < WINDOWS_DURING:
            during.append(peer.measure(WINDOW_MS))
        loader.join()
        after = [peer.measure(WINDOW_MS) for _ in range(ROUNDS_BEFORE)]
        there = peer.entries()
    finally:
        peer.stop()
    return {'routes': there, 'seconds': round(sum(w['ms'] for w in during) / 1000, 1), 'windows': len(during),
            'before': cost(before), 'during': cost(during), 'after': cost(after),
            'rate_kept': cost(before) / cost(during)}


def new_sessions(session, contender, most):
    """How many sessions begin per second of the worker's time while every packet is of a new one: until there are 0.8 of `most`. The
    profile's own rate is low, so that few have begun before."""
    session.pages.ensure()
    peer = session.peers[contender.peer](session, contender, 'new-0-leat')
    windows = []
    try:
        peer.start()
        session.gen_ctl(peer.shm, 'set', 'rate=0')
        while len(windows) < WINDOWS_DURING:
            window = peer.measure(WINDOW_MS)
            if peer.sessions()['begun'] > 0.8 * most:
                break
            windows.append(window)
    finally:
        peer.stop()
    return {'windows': len(windows), 'per_second': session.tsc_mhz * 1e6 / cost(windows) if windows else None}
