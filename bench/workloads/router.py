# SPDX-License-Identifier: BSD-3-Clause
"""The router: a table of routes, destinations at random. Cost over routes, families, flows."""
from bench.lib import extras
from bench.lib.point import Bar, Contender, Plot, Point
from bench.lib.tables import DESTINATIONS

TITLE = 'Router'
PEERS = ('testpmd', 'l3fwd', 'ovs', 'linux')  # who can be measured beside leat
TABLES = ((4, 1, 'dense'), (4, 100000, 'dense'), (4, 1000000, 'dense'), (6, 200000, 'dense'), (4, 1000000, 'internet'),
          (6, 200000, 'internet'))
KINDS = {'dense': {4: 'routes (/24s in a row)', 6: 'routes (/48s in a row)'},
         'internet': {4: 'routes as in the Internet', 6: 'routes as in the Internet'}}
FLOWS = (1, 1000, 65536, 1000000)  # of each side, with 100,000 dense IPv4 routes
QUICK = ('ip4-100000', 'ip6-200000')
FEW, LINUX_FLOWS = 65536, 65536
SIZE = {4: '64', 6: '66'}  # UDP over IPv6 has no frame of 64 B


def profile(family, routes, flows=None):
    # The list of destinations is shuffled: in order is at random.
    return {'l3': f'ip{family}', 'macs': 1, 'flows': flows or (FEW if routes == 1 else DESTINATIONS), 'order': 'seq',
            'size': SIZE[family], 'src': '10.0.0.0/12' if family == 4 else '2001:2:0:8000::/64',
            'dst': '10.16.0.0/12' if family == 4 else '2001:2:0:8001::/64'}


def table_point(family, routes, kind, peers):
    p, table = profile(family, routes), {'family': family, 'routes': routes, 'kind': kind}
    contenders = [Contender('leat', 'leat', 'route', p, table)]
    if 'testpmd' in peers:  # what these packets cost the generator
        contenders.append(Contender('testpmd-io', 'testpmd', 'io', p, table))
    if 'l3fwd' in peers:
        contenders.append(Contender('l3fwd-fib', 'l3fwd', 'fib', p, table))
    if 'ovs' in peers and (family, routes) in ((4, 1), (4, 100000)):
        contenders.append(Contender('ovs', 'ovs', 'l3', p, table))
    if 'linux' in peers and (family, routes) in ((4, 1), (4, 100000)):
        contenders.append(Contender('linux', 'linux', 'route', profile(family, routes, LINUX_FLOWS), table))
    words = f'{routes:,} {KINDS[kind][family]}' if routes > 1 else 'one route each way'
    name = f'ip{family}-{routes}' if kind == 'dense' else f'{kind}{family}-{routes}'
    return Point(name, f'IPv{family}, {words}, {p["flows"]:,} destinations at random each way, {SIZE[family]} B',
                 contenders, axes={'family': family, 'routes': routes, 'kind': kind},
                 ratios=[(c.who, 'leat') for c in contenders if c.who != 'leat'], quick=name in QUICK)


def flows_point(flows, peers):
    """One table, and the first so many of its destinations: what a packet costs when all that it needs is in a cache, and when not."""
    p, table = profile(4, 100000, flows), {'family': 4, 'routes': 100000, 'kind': 'dense'}
    contenders = [Contender('leat', 'leat', 'route', p, table)]
    if 'l3fwd' in peers:
        contenders.append(Contender('l3fwd-fib', 'l3fwd', 'fib', p, table))
    if 'ovs' in peers:
        contenders.append(Contender('ovs', 'ovs', 'l3', p, table))
    if 'linux' in peers and flows <= LINUX_FLOWS:
        contenders.append(Contender('linux', 'linux', 'route', p, table))
    return Point(f'flows-{flows}', f'IPv4, 100,000 {KINDS["dense"][4]}, {flows:,} flow{"s" if flows > 1 else ""} each way, 64 B',
                 contenders, axes={'family': 4, 'routes': 100000, 'kind': 'dense', 'flows': flows},
                 ratios=[(c.who, 'leat') for c in contenders[1:]])


def points(peers):
    return [*(table_point(*table, peers) for table in TABLES), *(flows_point(flows, peers) for flows in FLOWS)]


def per_node(session, options):
    """Where the cycles go, node by node: from graph_bench, which counts within the graph."""
    return {'nodes': [extras.router_nodes(session, options, *table) for table in TABLES[1:]]}


def tables(session, _):
    return extras.router_tables(session)


def loading(session, _):
    return {'load': extras.load_while_forwarding(session, profile(4, 1))}


EXTRAS = [per_node, tables, loading]


def entry_bytes(results):
    """What one more route costs: memory with 1,000,000 of them less that with two, over the routes between."""
    few, many = (results.points.get(f'ip4-{n}', {}).get('contenders', {}).get('leat', {}).get('memory') for n in (1, 1000000))
    if not few or not many or (few.get('routes') or 0) >= (many.get('routes') or 0):
        return None
    return (many['resident'] - few['resident']) / (many['routes'] - few['routes'])


def figures(results):
    """Single figures for the table below the points."""
    found = entry_bytes(results)
    return {'resident bytes per IPv4 route': {'leat': round(found)} if found else {}}


def bars():
    def cycles(family, routes):
        return lambda r: r.cycles(f'ip{family}-{routes}', 'leat')

    def extra(find):
        def value(results):
            try:
                return find(results.data['extras']), True
            except (KeyError, TypeError):
                return None
        return value

    return [Bar('cycles per packet, 100,000 IPv4 routes', cycles(4, 100000), at_most=62, unit='cycles'),
            Bar('cycles per packet, 1,000,000 IPv4 routes', cycles(4, 1000000), at_most=72, unit='cycles'),
            Bar('cycles per packet, 200,000 IPv6 routes', cycles(6, 200000), at_most=90, unit='cycles'),
            Bar('rate kept while 1,000,000 routes are loaded', extra(lambda e: e['load']['rate_kept']), at_least=0.95, unit='times'),
            Bar('fail-over of a next hop of 1,000,000 routes', extra(lambda e: e['fail_over_us'] / 1000), at_most=10, unit='ms')]


PLOTS = [Plot('ip4', 'Router: cycles per packet over IPv4 routes', 'ip4-', 'routes', 'routes', logx=True, logy=True),
         Plot('flows', 'Router: cycles per packet over flows', 'flows-', 'flows', 'flows', logx=True, logy=True)]
