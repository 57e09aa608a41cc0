# SPDX-License-Identifier: BSD-3-Clause
"""Measurements that are no contender's: a program of the bench that is run for itself."""
import json
import os

from bench.lib import machine


def switch_nodes(session, options, pairs):
    """graph_bench: the graph alone, without ports of the daemon; cycles per packet of each node."""
    argv = [session.graph_bench, '--pairs', str(pairs), '--windows', '5', '--window-ms', str(options.window_ms)]
    session.note(argv)
    session.pages.ensure()

    def pin():
        os.sched_setaffinity(0, [session.cpu])

    found = json.loads(machine.run(argv, preexec_fn=pin))
    kept = ('pairs', 'order', 'size', 'nodes', 'floor', 'cost', 'preempted')
    return {key: found[key] for key in kept if key in found}
