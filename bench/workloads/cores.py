# SPDX-License-Identifier: BSD-3-Clause
"""The switch on two cores: two workers; guest to guest, the guests on the other core. Apart from `switch`, as these depend on
how far the cores are apart at the moment."""
from bench.lib.point import Bar, Contender, Plot, Point
from bench.workloads.switch import profile

TITLE = 'Switch on two cores'
PEERS = ('ovs',)


def workers_point():
    contenders = [Contender(f'leat-{n}', 'leat', 'switch', profile(), {'workers': n}) for n in (1, 2)]
    return Point('workers', '1,000 pairs of stations, one worker and two', contenders, axes={'macs': 1000},
                 ratios=[('leat-2', 'leat-1')], two_core=True, quick=True)


def guests_point(peers):
    p = profile(macs=1)
    contenders = [Contender('leat', 'leat', 'switch-vhost', p)]
    if 'ovs' in peers:
        contenders.append(Contender('ovs', 'ovs', 'switch-vhost', p))
    return Point('guests', 'guest to guest: vhost-user in, switch, vhost-user out, 64 B; the guests on another core',
                 contenders, axes={'macs': 1}, ratios=[(c.who, 'leat') for c in contenders[1:]], two_core=True, search=True)


def points(peers):
    return [workers_point(), guests_point(peers)]


EXTRAS = []


def figures(results):
    return {}


def bars():
    return [
        Bar('cost per packet with two workers over that with one',
            lambda r: r.ratio('workers', 'leat-2', 'leat-1'), at_most=1.10, unit='times'),
        Bar('guest to guest: cost of OVS-DPDK over ours', lambda r: r.ratio('guests', 'ovs', 'leat'), at_least=1.5, unit='times'),
    ]


PLOTS = [
    Plot('workers', 'Switch: cycles per packet over workers, 1,000 pairs', 'workers', 'workers', 'workers', order=[1, 2]),
]
