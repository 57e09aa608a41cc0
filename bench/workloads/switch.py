# SPDX-License-Identifier: BSD-3-Clause
"""The L2 switch: N pairs of stations talk across it. Cost over stations and frame size."""
from bench.lib.point import Bar, Contender, Plot, Point

TITLE = 'Switch'
PEERS = ('testpmd', 'ovs', 'linux')  # who can be measured beside leat
MACS = (1, 1000, 16000, 64000, 100000)
LINUX_MACS = (1, 1000, 64000)
SIZES = ('64', '512', '1518', 'imix')
ORDERS = {'seq': 'in order', 'rand': 'at random'}


def profile(macs=1000, order='seq', size='64'):
    # A station has an address of its own: peers that hash addresses and ports are to see what real stations send.
    return {'macs': macs, 'flows': macs, 'order': order, 'size': size}


def macs_point(macs, order, peers):
    p = profile(macs, order)
    contenders = [Contender('leat', 'leat', 'switch', p)]
    if 'testpmd' in peers and macs == 1000:
        contenders += [Contender('testpmd-io', 'testpmd', 'io', p), Contender('testpmd-mac', 'testpmd', 'mac', p)]
    if 'ovs' in peers:
        contenders.append(Contender('ovs', 'ovs', 'switch', p))
    if 'linux' in peers and order == 'seq' and macs in LINUX_MACS:
        contenders.append(Contender('linux', 'linux', 'bridge', p))
    return Point(f'macs-{macs}-{order}', f'{macs:,} pair{"s" if macs > 1 else ""} of stations, {ORDERS[order]}, 64 B',
                 contenders, axes={'macs': macs, 'order': order, 'size': '64', 'workers': 1},
                 ratios=[(c.who, 'leat') for c in contenders if c.who != 'leat'],
                 quick=macs == 1000 or (macs, order) == (100000, 'rand'))


def sizes_point(peers):
    """One point, so that sizes are compared with each other in the same rounds."""
    contenders = [Contender(f'leat-{size}', 'leat', 'switch', profile(size=size)) for size in SIZES]
    if 'testpmd' in peers:  # what a mix costs the generator
        contenders += [Contender(f'testpmd-{size}', 'testpmd', 'io', profile(size=size)) for size in ('64', 'imix')]
    if 'ovs' in peers:
        contenders += [Contender(f'ovs-{size}', 'ovs', 'switch', profile(size=size)) for size in ('64', '1518')]
    return Point('sizes', '1,000 pairs of stations, frames of 64 B to 1518 B and a mix (IMIX 7:4:1)', contenders,
                 axes={'macs': 1000}, quick=True,
                 ratios=[(f'leat-{size}', 'leat-64') for size in SIZES[1:]] +
                 [(f'{c.who}', f'{c.peer}-64') for c in contenders if c.peer != 'leat' and c.who != f'{c.peer}-64'])


def points(peers):
    found = [macs_point(macs, order, peers) for macs in MACS for order in ORDERS if macs > 1 or order == 'seq']
    return [*found, sizes_point(peers)]


def per_node(session, options):
    """Where the cycles go, node by node: from graph_bench, which counts within the graph."""
    from bench.lib.extras import switch_nodes  # a run of the program, not of a peer
    return {'nodes': [switch_nodes(session, options, pairs) for pairs in (1000, 100000)]}


EXTRAS = [per_node]


def entry_bytes(results, who='leat'):
    """What one more station costs: resident memory at 100,000 pairs less that at one, over the stations between."""
    contenders = [results.points.get(f'macs-{n}-seq', {}).get('contenders', {}) for n in (1, 100000)]
    few, many = (found.get(who, {}).get('memory') for found in contenders)
    if not few or not many or (few.get('stations') or 0) >= (many.get('stations') or 0):
        return None
    return (many['resident'] - few['resident']) / (many['stations'] - few['stations'])


def figures(results):
    """Single figures for the table below the points."""
    found = {who: entry_bytes(results, who) for who in ('leat', 'ovs')}
    return {'resident bytes per station': {who: round(size) for who, size in found.items() if size}}


def bars():
    def cycles(macs):
        return lambda r: r.worst(r.cycles(f'macs-{macs}-{order}', 'leat') for order in ORDERS)

    def sizes(r):  # of one size each: making a mix costs the generator something, see testpmd-imix
        return r.worst(r.ratio('sizes', f'leat-{size}', 'leat-64') for size in ('512', '1518'))

    return [
        Bar('cycles per packet, 1,000 pairs, worse order', cycles(1000), at_most=65, unit='cycles'),
        Bar('cycles per packet, 100,000 pairs, worse order', cycles(100000), at_most=100, unit='cycles'),
        Bar('cost of OVS-DPDK NORMAL over ours, 1,000 pairs in order',
            lambda r: r.ratio('macs-1000-seq', 'ovs', 'leat'), at_least=3.5, unit='times'),
        Bar('cost at 512 B and 1518 B over that at 64 B', sizes, at_most=1.05, unit='times'),
    ]


PLOTS = [
    Plot('macs-seq', 'Switch: cycles per packet over pairs of stations, in order', 'macs-', 'macs',
         'pairs of stations', only={'order': 'seq'}, logx=True, logy=True),
    Plot('macs-rand', 'Switch: cycles per packet over pairs of stations, at random', 'macs-', 'macs',
         'pairs of stations', only={'order': 'rand'}, logx=True, logy=True),
    Plot('sizes', 'Switch: cycles per packet over frame size, 1,000 pairs', 'sizes', 'size',
         'frame, bytes with FCS', order=list(SIZES)),
]
