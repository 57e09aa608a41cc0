# SPDX-License-Identifier: BSD-3-Clause
"""What this machine can do at all: testpmd, which only passes packets on, and DPDK's l3fwd, which only routes them."""
from bench.lib.point import Contender, Plot, Point

TITLE = 'Limits'
PEERS = ('testpmd', 'l3fwd')
ROUTES = (1, 1000, 100000)
EXTRAS = []


def forward_point():
    p = {'macs': 1, 'flows': 64000, 'order': 'rand'}
    contenders = [Contender(job, 'testpmd', job, p) for job in ('io', 'mac', 'macswap')]
    return Point('forward', '64,000 flows at random, passed on by testpmd', contenders, axes={'flows': 64000},
                 ratios=[(c.who, 'io') for c in contenders[1:]], quick=True)


def routes_point(routes):
    # Half of the routes each way, /24s; every flow hits one of them, 256 flows each. One route each way: a /8.
    flows = max(1, routes // 2) * 256 if routes > 1 else 65536
    profile = {'macs': 1, 'order': 'rand', 'src': '24.0.0.0/8', 'dst': '16.0.0.0/8', 'flows': flows}
    contenders = [Contender(f'l3fwd-{kind}', 'l3fwd', kind, profile, {'routes': routes}) for kind in ('lpm', 'fib')]
    words = f'{routes:,} routes' if routes > 1 else '1 route each way'
    return Point(f'routes-{routes}', f'{words}, {flows:,} flows at random, DPDK\'s l3fwd', contenders,
                 axes={'routes': routes}, ratios=[('l3fwd-fib', 'l3fwd-lpm')], quick=routes == 1000)


def points(peers):
    found = [forward_point()] if 'testpmd' in peers else []
    return found + [routes_point(n) for n in ROUTES if 'l3fwd' in peers]


def figures(results):
    return {}


def bars():
    return []


PLOTS = [Plot('routes', 'l3fwd: cycles per packet over routes', 'routes-', 'routes', 'routes', logx=True)]
