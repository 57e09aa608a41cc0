# SPDX-License-Identifier: BSD-3-Clause
"""A state per connection: Leat's router alone, with a firewall of ten rules, with NAT beside them, with one of ten thousand; its switch with
the firewall of ten rules between two ports; OVS-DPDK's conntrack, nftables as a firewall and as a DNAT balancer."""
from bench.lib import extras
from bench.lib.point import Bar, Contender, Plot, Point

TITLE = 'Sessions and rules'
PEERS = ('ovs', 'linux')
CONNECTIONS = (1000, 64000, 1000000)
PEERS_CONNECTIONS = 64000  # more than these take too long to set up in some peers
RULES = (10, 10000)
LINUX_JOBS = {'linux-nft': 'nft', 'linux-dnat': 'nft-dnat'}
WANTED = {1000: 80, 64000: 95, 1000000: 145}
NAT_ADDS = 12
NEW = 3000000  # sessions of each side that begin while it is measured how fast


def profile(flows):
    return {'l3': 'ip4', 'macs': 1, 'flows': flows, 'order': 'rand', 'size': '64', 'src': '10.0.0.0/12', 'dst': '10.16.0.0/12'}


def options(rules, sessions):
    return {'family': 4, 'routes': 1, 'kind': 'dense', 'rules': rules, 'sessions': sessions}


def connections_point(count, peers):
    p = profile(count // 2)  # each way
    contenders = [Contender('leat-route', 'leat', 'route', p, {'family': 4, 'routes': 1, 'kind': 'dense'})]
    contenders += [Contender(f'leat-rules-{n}', 'leat', 'route', p, options(n, count)) for n in RULES]
    contenders.append(Contender('leat-nat', 'leat', 'route', p, {**options(RULES[0], count), 'nat': True}))
    contenders.append(Contender('leat-bridge', 'leat', 'switch', p, {'rules': RULES[0], 'sessions': count // 2}))  # both ways are one connection
    small = count <= PEERS_CONNECTIONS
    of_peers = {'macs': 1, 'flows': count, 'order': 'rand', 'size': '64'}
    if 'ovs' in peers and small:
        contenders.append(Contender('ovs', 'ovs', 'conntrack', of_peers))
    if 'linux' in peers and small:
        contenders += [Contender(who, 'linux', job, of_peers) for who, job in LINUX_JOBS.items()]
    return Point(f'connections-{count}', f'{count:,} UDP connections, at random, 64 B', contenders, axes={'connections': count},
                 ratios=[(c.who, 'leat-rules-10') for c in contenders[2:]],
                 quick=count == 1000)


def points(peers):
    return [connections_point(count, peers) for count in CONNECTIONS]


def new_sessions(session, _):
    contender = Contender('leat', 'leat', 'route', {**profile(NEW), 'order': 'seq', 'rate': 1000}, {**options(RULES[-1], 2 * NEW), 'fresh': True})
    return {'new': extras.new_sessions(session, contender, 2 * NEW)}


EXTRAS = [new_sessions]


def figures(results):
    return {}


def bars():
    def cycles(count):
        return lambda r: r.cycles(f'connections-{count}', 'leat-rules-10')

    def nat_adds(count):
        def difference(results):
            found = [results.cycles(f'connections-{count}', who) for who in ('leat-nat', 'leat-rules-10')]
            return (found[0][0] - found[1][0], found[0][1] and found[1][1]) if all(found) else None
        return difference

    def rate(results):
        try:
            return results.data['extras']['new']['per_second'], True
        except (KeyError, TypeError):
            return None

    return [Bar(f'cycles per packet, firewall and routing, {count:,} sessions', cycles(count), at_most=most, unit='cycles')
            for count, most in WANTED.items()] + [
        Bar(f'cycles per packet that NAT adds, {count:,} sessions', nat_adds(count), at_most=NAT_ADDS, unit='cycles') for count in WANTED] + [
        Bar('new sessions per second and core, 10,000 rules', rate, at_least=1e6, unit='/s')]


PLOTS = [Plot('connections', 'Sessions: cycles per packet over connections', 'connections-', 'connections', 'connections',
              logx=True, logy=True)]
