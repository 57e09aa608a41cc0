# SPDX-License-Identifier: BSD-3-Clause
"""What those cost who keep a state per connection: OVS-DPDK's conntrack, nftables as a firewall and as a DNAT balancer. Leat's own
sessions are not here yet; they join as a contender of these points."""
from bench.lib.point import Contender, Plot, Point

TITLE = 'Stateful peers'
PEERS = ('ovs', 'linux')
CONNECTIONS = (1, 1000, 64000)
LINUX_JOBS = {'linux-nft': 'nft', 'linux-dnat': 'nft-dnat'}
EXTRAS = []


def connections_point(count, peers):
    p = {'macs': 1, 'flows': count, 'order': 'rand', 'size': '64'}
    contenders = [Contender('ovs', 'ovs', 'conntrack', p)] if 'ovs' in peers else []
    if 'linux' in peers:
        contenders += [Contender(who, 'linux', job, p) for who, job in LINUX_JOBS.items()]
    return Point(f'connections-{count}', f'{count:,} UDP connection{"s" if count > 1 else ""}, at random, 64 B', contenders,
                 axes={'connections': count}, ratios=[(c.who, contenders[0].who) for c in contenders[1:]], quick=count == 1000)


def points(peers):
    return [connections_point(count, peers) for count in CONNECTIONS] if peers else []


def figures(results):
    return {}


def bars():
    return []


PLOTS = [Plot('connections', 'Stateful peers: cycles per packet over connections', 'connections-', 'connections', 'connections',
              logx=True, logy=True)]
