# SPDX-License-Identifier: BSD-3-Clause
"""Tables of routes: which prefixes there are, which way they lead, and where to send packets so that every one of them is hit at
random. The same numbers give the same table everywhere. Two kinds:

  dense     /24s or /48s one behind the other: what DPDK's l3fwd and others are measured with
  internet  lengths as in the Internet's tables, anywhere in the address space that is in use: nothing stays in a cache

Every other route is of side 0 or 1: those of side 0 lead out of the second port, where what side 0 sends is to go.
"""
import os
import random
import socket
import struct

# Shares of prefix lengths in the Internet's tables of 2024, per mille.
LENGTHS = {
    4: {24: 610, 23: 100, 22: 115, 21: 52, 20: 45, 19: 25, 18: 14, 17: 9, 16: 14, 15: 3, 14: 3, 13: 2, 12: 2, 11: 1, 25: 2, 32: 3},
    6: {48: 480, 32: 130, 44: 90, 40: 85, 36: 45, 46: 40, 47: 30, 45: 20, 33: 15, 34: 15, 29: 20, 56: 10, 64: 20},
}
BITS = {4: 32, 6: 128}
# Not in the Internet-like tables: 10/8 are the sources, 127/8 is nobody's, 192/8 and 198/8 hold networks for benches and documents,
# 16/8 and 24/8 are the one route each way that packets go by while a table is loaded.
OCTETS = [n for n in range(1, 223) if n not in (10, 16, 24, 127, 192, 198)]
REGISTRIES = (0x2400, 0x2600, 0x2800, 0x2A00, 0x2C00)
SITES = 40000
DESTINATIONS = 1 << 20  # of each side
DENSE = {4: (16 << 24, 24), 6: (0x2400 << 112, 48)}  # first network, length
FEW = {4: ('16.0.0.0/8', '24.0.0.0/8'), 6: ('2400::/16', '2600::/16')}  # one route each way


def text(family, value):
    if family == 4:
        return socket.inet_ntoa(struct.pack('>I', value))
    return socket.inet_ntop(socket.AF_INET6, value.to_bytes(16, 'big'))


def parse(prefix):
    address, length = prefix.split('/')
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    return int.from_bytes(socket.inet_pton(family, address), 'big'), int(length)


def address(family, rnd):
    """Somewhere in the address space that is in use. IPv6: /32s of five registries, in them low subnets more often."""
    if family == 4:
        return rnd.choice(OCTETS) << 24 | rnd.getrandbits(24)
    site = rnd.randrange(SITES)
    top = REGISTRIES[site % 5] << 16 | (site * 2654435761 >> 12 & 0xFFFF)
    sub = rnd.getrandbits(8) << 24 | rnd.getrandbits(16) if rnd.getrandbits(1) else rnd.getrandbits(32)
    return top << 96 | sub << 64 | rnd.getrandbits(64)


def prefixes(family, count, kind):
    """[(network, length)], all different."""
    if count == 1:
        return [parse(prefix) for prefix in FEW[family]]
    if kind == 'dense':
        first, length = DENSE[family]
        return [(first + (n << BITS[family] - length), length) for n in range(count)]
    rnd, bits = random.Random(count * 10 + family), BITS[family]
    lengths = list(LENGTHS[family])
    found = {}
    while len(found) < count:
        for length in rnd.choices(lengths, LENGTHS[family].values(), k=count - len(found)):
            value = address(family, rnd)
            found[value >> bits - length << bits - length, length] = None
    return list(found)


def destinations(family, routes, count, seed):
    """`count` addresses, each within a route drawn at random."""
    rnd, bits = random.Random(seed), BITS[family]
    for network, length in rnd.choices(routes, k=count):
        yield network | rnd.getrandbits(bits - length) if length < bits else network


class Table:
    """A table and its files in `folder`: routes-0, routes-1 (a prefix a line), to-0, to-1 (destinations of each side)."""

    def __init__(self, folder, family, count, kind):
        self.folder, self.family, self.count, self.kind = folder, family, count, kind
        if not os.path.exists(folder):
            os.makedirs(folder + '.new')
            self.write(folder + '.new')
            os.rename(folder + '.new', folder)

    def write(self, folder):
        every = prefixes(self.family, self.count, self.kind)
        for side in (0, 1):
            mine = every[side::2]
            with open(os.path.join(folder, f'routes-{side}'), 'w', encoding='ascii') as file:
                file.writelines(f'{text(self.family, network)}/{length}\n' for network, length in mine)
            count = DESTINATIONS if self.count > 1 else 1 << 16
            with open(os.path.join(folder, f'to-{side}'), 'w', encoding='ascii') as file:
                file.writelines(text(self.family, value) + '\n'
                                for value in destinations(self.family, mine, count, side))

    def routes(self, side):
        """Prefixes as text."""
        with open(os.path.join(self.folder, f'routes-{side}'), encoding='ascii') as file:
            return file.read().split()

    def destinations_file(self, side):
        return os.path.join(self.folder, f'to-{side}')
