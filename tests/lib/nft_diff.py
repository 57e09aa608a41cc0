#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The same random rules as a Leat configuration and as an nftables ruleset, and the same random packets through both: what
is let through, and what is answered with a reset, must be the same.

  nft_diff.py TAG RULESETS PACKETS SEED LEAT T

Hosts h1, h2, h3 have eth0 at leatd and eth1 at the kernel of namespace `kernel` (interfaces k1, k2, k3); both routers
are 172.16.N.1 there, with 10.N.0.0/16 and 2001:db8:N::/48 behind 172.16.N.9, MAC address 02:00:00:00:0N:09. Only what both
know is used: zones (interfaces), addresses, prefixes, ranges, named sets, `not`, protocols, ports, ICMP types.
"""
import json
import random
import subprocess
import sys
import time

from frames import Wire
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP
from scapy.packet import Raw

ZONES = ['in', 'out', 'dmz']
PROTOS = {'tcp': [6], 'udp': [17], 'icmp': [1, 58], 'icmpv6': [58], 'gre': [47], 'sctp': [132]}
TYPES = {'echo-request': {4: 8, 6: 128}, 'timestamp-request': {4: 13}, 'echo-reply': {4: 0, 6: 129}}
MARK = 9  # UDP to this port passes everywhere: who sees it has seen all that came before


# ---- random rules --------------------------------------------------------------------------------------------

def some(make, most=3):
    """A word or several."""
    return make() if random.random() < .6 else [make() for _ in range(random.randint(1, most))]


def address(version):
    net, mid, host = random.randint(1, 3), random.randint(0, 2), random.randint(1, 6)
    return f'10.{net}.{mid}.{host}' if version == 4 else f'2001:db8:{net}:{mid}::{host}'


def address_word(sets=True):
    version = random.choice((4, 6))
    first = address(version)
    kind = random.randint(0, 4)
    if sets and kind == 0:
        return f'@set{random.randint(0, 2)}'
    if kind == 1:
        return first
    if kind == 2:
        return f'{first}-{first[:-1]}9'
    return f'{first}/{random.choice((8, 16, 22, 24, 30) if version == 4 else (32, 48, 62, 64, 126))}'


def port_word():
    first = 1000 * random.randint(1, 6)
    return first if random.random() < .5 else f'{first}-{first + 1000 * random.randint(0, 2)}'


def rule():
    r = {}
    for zone in 'from', 'to':
        if random.random() < .5:
            r[zone] = some(lambda: random.choice(ZONES))
    for side in 'src', 'dst':
        kind = random.random()
        if kind < .15:
            r[f'not_{side}'] = random.choice((lambda: some(lambda: address_word(False)), lambda: f'@set{random.randint(0, 2)}'))()
        elif kind < .5:
            r[side] = some(address_word)
    if random.random() < .15:
        r['icmp'] = some(lambda: random.choice(list(TYPES)), 2)
    else:
        if random.random() < .5:
            r['proto'] = some(lambda: random.choice(list(PROTOS)))
        for port, chance in ('sport', .2), ('dport', .4):
            if random.random() < chance:
                r[port] = some(port_word)
    if random.random() < .15:
        r['family'] = random.choice(('ipv4', 'ipv6'))
    r['action'] = random.choice(('accept', 'drop', 'reject'))
    return r


def ruleset():
    sets = {f'set{n}': {'addresses': [address_word(False) for _ in range(random.randint(0, 5))]} for n in range(3)}
    return sets, [{'proto': 'udp', 'dport': MARK, 'action': 'accept'}] + [rule() for _ in range(random.randint(0, 25))]


# ---- as Leat and as nftables write it -----------------------------------------------------------------------------

def lua(value):
    if isinstance(value, dict):
        return '{ ' + ', '.join(f'["{k}"] = {lua(v)}' for k, v in value.items()) + ' }'
    if isinstance(value, list):
        return '{ ' + ', '.join(map(lua, value)) + ' }'
    return json.dumps(value)


def leat_config(sets, rules):
    interfaces, routes = {}, {}
    for n, zone in enumerate(ZONES, 1):
        mac = f'02:00:00:00:0{n}:09'
        interfaces[zone] = {'port': f'l{n}', 'zone': zone, 'mac': f'02:00:00:00:0{n}:01', 'dad': False,
                            'addresses': [f'172.16.{n}.1/24', f'2001:db8:f{n}::1/64'],
                            'neighbors': {f'172.16.{n}.9': mac, f'2001:db8:f{n}::9': mac}}
        routes[f'10.{n}.0.0/16'] = {'via': f'172.16.{n}.9'}
        routes[f'2001:db8:{n}::/48'] = {'via': f'2001:db8:f{n}::9'}
    return 'return ' + lua({'ports': {f'l{n}': {'device': f'l{n}'} for n in (1, 2, 3)}, 'sets': sets,
                            'routers': {'r': {'interfaces': interfaces, 'routes': routes}}, 'firewall': {'rules': rules}})


def words(value):
    return value if isinstance(value, list) else [value]


def of_version(word, version):
    return (':' in word) == (version == 6)


def side_matches(r, side, version):
    """Ways to say in nftables which addresses a rule takes: [''] for any, [] for none."""
    ip, field = ('ip', 'ip6')[version == 6], {'src': 'saddr', 'dst': 'daddr'}[side]
    value, negated = r.get(side), False
    if value is None:
        value, negated = r.get(f'not_{side}'), True
    if value is None:
        return ['']
    plain = [w for w in words(value) if w[0] != '@' and of_version(w, version)]
    ways = ['{ ' + ', '.join(plain) + ' }'] * bool(plain) + [f'{w}_{version}' for w in words(value) if w[0] == '@']
    if negated:
        return [' '.join(f'{ip} {field} != {way}' for way in ways)]
    return [f'{ip} {field} {way}' for way in ways]


def upper_matches(r, version):
    if 'icmp' in r:
        types = [str(TYPES[w][version]) for w in words(r['icmp']) if version in TYPES[w]]
        return f'{"icmp" if version == 4 else "icmpv6"} type {{ {", ".join(types)} }}' if types else None
    text = ''
    if 'proto' in r:
        text += 'meta l4proto { %s } ' % ', '.join(str(n) for w in words(r['proto']) for n in PROTOS[w])
    for port in 'sport', 'dport':
        if port in r:
            text += 'meta l4proto { 6, 17, 132 } th %s { %s } ' % (port, ', '.join(map(str, words(r[port]))))
    return text


def nft_rules(r):
    zones = ''
    for zone, name in ('from', 'iifname'), ('to', 'oifname'):
        if zone in r:
            zones += '%s { %s } ' % (name, ', '.join(f'"k{ZONES.index(z) + 1}"' for z in words(r[zone])))
    for version in 4, 6:
        upper = upper_matches(r, version)
        if upper is None or r.get('family', f'ipv{version}') != f'ipv{version}':
            continue
        for src in side_matches(r, 'src', version):
            for dst in side_matches(r, 'dst', version):
                match = f'meta nfproto ipv{version} {zones}{src} {dst} {upper}'
                if r['action'] == 'reject':
                    yield f'{match} meta l4proto tcp reject with tcp reset'
                    yield f'{match} reject with icmpx type admin-prohibited'
                else:
                    yield f'{match} {r["action"]}'


def nft_config(sets, rules):
    text = 'flush ruleset\ntable inet diff {\n'
    for name, value in sets.items():
        for version, kind in (4, 'ipv4_addr'), (6, 'ipv6_addr'):
            members = [w for w in value['addresses'] if of_version(w, version)]
            text += f' set {name}_{version} {{ type {kind}; flags interval; auto-merge;'
            text += f' elements = {{ {", ".join(members)} }};' * bool(members) + ' }\n'
    text += ' chain forward { type filter hook forward priority 0; policy drop;\n'
    return text + ''.join(f'  {line}\n' for r in rules for line in nft_rules(r)) + ' }\n}\n'


# ---- packets ------------------------------------------------------------------------------------------------------

def packet(zone, version, src, dst, proto, sport, dport, number):
    n = 1 + ZONES.index(zone)
    ip = IP(src=src, dst=dst, proto=proto) if version == 4 else IPv6(src=src, dst=dst, nh=proto)
    data = Raw(number.to_bytes(4, 'big') * 3)
    upper = {6: lambda: TCP(sport=sport, dport=dport, flags='S', seq=number), 17: lambda: UDP(sport=sport, dport=dport) / data,
             132: lambda: SCTP(sport=sport, dport=dport) / data, 1: lambda: ICMP(type=dport, id=sport) / data,
             58: lambda: ICMPv6EchoRequest(id=sport) / data, 47: lambda: Raw(bytes([0, 0, 8, 0])) / data}[proto]()
    return bytes(Ether(dst=f'02:00:00:00:0{n}:01', src=f'02:00:00:00:0{n}:09') / ip / upper)


def key_of(frame):
    """(source, destination, protocol, ports) of an IP frame; of ICMP the identifier."""
    version = {b'\x08\x00': 4, b'\x86\xdd': 6}.get(frame[12:14])
    if version is None:
        return None
    l4, at, size = (34, 26, 4) if version == 4 else (54, 22, 16)
    proto = frame[23] if version == 4 else frame[20]
    ports = b'' if proto == 47 else frame[l4 + 4:l4 + 6] if proto in (1, 58) else frame[l4:l4 + 4]
    return frame[at:at + size], frame[at + size:at + 2 * size], proto, ports


def reset_of(frame):
    """The key of the packet that this is the reset for."""
    key = key_of(frame)
    if key is None or key[2] != 6 or not frame[(34 if len(key[0]) == 4 else 54) + 13] & 4:
        return None
    return key[1], key[0], 6, key[3][2:] + key[3][:2]


def random_packets(n):
    made, seen = [], set()
    while len(made) < n:
        version = random.choice((4, 6))
        proto = random.choice((6, 6, 17, 17, 132, 47, 1 if version == 4 else 58))
        src, dst = address(version), address(version)
        icmp = proto in (1, 58)
        sport, dport = 1000 * random.randint(1, 8), random.choice((8, 13)) if icmp else 1000 * random.randint(1, 8)
        if icmp:
            sport = len(made)
        zone = random.choice(ZONES)
        frame = packet(zone, version, src, dst, proto, sport, dport, len(made))
        key = key_of(frame)
        pair = frozenset(((key[0], key[3][:2]), (key[1], key[3][2:]))) if proto != 47 else frozenset(key[:2])
        if src == dst or (proto, pair) in seen:
            continue  # it would belong to another's session
        seen.add((proto, pair))
        made.append((ZONES.index(zone), frame, f'{zone}: {proto} {src} {sport} > {dst} {dport}'))
    return made


# ---- both of them ----------------------------------------------------------------------------------------------------

class Router:
    def __init__(self, tag, iface):
        self.wires = [Wire(f'{tag}-h{n}', iface) for n in (1, 2, 3)]
        self.marks = 0

    def send(self, packets):
        for zone, frame, _ in packets:
            self.wires[zone].send(frame)

    def gather(self, number):
        """What came until the marks of all ways came: {key: 'passed'|'reset'}"""
        for n, zone in enumerate(ZONES):
            for out in 1, 2, 3:
                self.wires[n].send(packet(zone, 4, f'10.{n + 1}.9.9', f'10.{out}.9.{100 + n}', 17, 20000 + number, MARK, 0))
        found = {}
        for out, wire in enumerate(self.wires, 1):
            left, end = {100, 101, 102}, time.monotonic() + 20
            while left:
                frame = wire.recv(.2)
                if frame is None:
                    if time.monotonic() > end:
                        sys.exit(f'nft_diff: {wire.name}: the way from {left} to {out} is dead')
                    continue
                key, reset = key_of(frame), reset_of(frame)
                if key and key[2] == 17 and key[3][2:] == MARK.to_bytes(2, 'big'):
                    if key[3][:2] == (20000 + number).to_bytes(2, 'big'):
                        left.discard(key[1][3])
                elif reset:
                    found[reset] = 'reset'
                elif key and frame[6:12] == bytes([2, 0, 0, 0, out, 1]):
                    found[key] = 'passed'
        return found

    def judge(self, packets):
        self.send(packets)
        found = {}
        for _ in range(2):  # a second round begins when the first has left: nothing of the packets is still inside
            self.marks = self.marks % 30000 + 1
            found.update(self.gather(self.marks))
        return [found.get(key_of(frame)) for _, frame, _ in packets]


def main():
    tag, rulesets, count, seed, leat, folder = sys.argv[1:]
    ours, theirs = Router(tag, 'eth0'), Router(tag, 'eth1')
    totals = {'passed': 0, 'reset': 0, None: 0}

    def flush():
        subprocess.run([leat, '-r', f'{folder}/run', 'flush', 'sessions'], check=True, stdout=subprocess.DEVNULL)

    for n in range(int(rulesets)):
        random.seed(int(seed) + n)
        sets, rules = ruleset()
        with open(f'{folder}/diff.lua', 'w', encoding='utf-8') as file:
            file.write(leat_config(sets, rules))
        subprocess.run([leat, '-r', f'{folder}/run', 'apply', f'{folder}/diff.lua'], check=True, stdout=subprocess.DEVNULL)
        nft = nft_config(sets, rules)
        subprocess.run(['ip', 'netns', 'exec', f'{tag}-kernel', 'nft', '-f', '-'], input=nft, text=True, check=True)
        flush()
        packets = random_packets(int(count))
        one, other = ours.judge(packets), theirs.judge(packets)
        doubtful = [p for p, a, b in zip(packets, one, other) if a != b]
        if doubtful:  # lost on a machine that is busy, or true: asked again
            flush()
            one, other = ours.judge(doubtful), theirs.judge(doubtful)
            for p, a, b in zip(doubtful, one, other):
                if a != b:
                    sys.exit(f'nft_diff: seed {int(seed) + n}: {p[2]}: Leat {a or "drops"}, nftables {b or "drops"}\n'
                             f'{json.dumps(sets)}\n' + '\n'.join(map(json.dumps, rules)) + f'\n{nft}')
        for what in one:
            totals[what] += 1
    if not all(totals[what] for what in ('passed', 'reset', None)):
        sys.exit(f'nft_diff: the rules were all alike: {totals}')
    print(f'{totals["passed"]} passed, {totals["reset"]} were reset, {totals[None]} were dropped by both')


if __name__ == '__main__':
    main()
