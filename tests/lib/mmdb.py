#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes a small file in the MaxMind DB format (version 2.0): which country a network is in.

usage: mmdb.py FILE PREFIX=CC...        IPv4 lies at ::/96, as in files of both families
"""
import ipaddress
import struct
import sys


def pack(value):
    """Data section: maps, lists, short strings; numbers as (type, value), type 5: 16 bits, 6: 32, 9: 64."""
    if isinstance(value, dict):
        return bytes([7 << 5 | len(value)]) + b''.join(pack(k) + pack(v) for k, v in value.items())
    if isinstance(value, str):
        data = value.encode()
        assert len(data) < 29
        return bytes([2 << 5 | len(data)]) + data
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b''.join(map(pack, value))
    kind, number = value
    data = number.to_bytes((number.bit_length() + 7) // 8, 'big')
    return (bytes([kind << 5 | len(data)]) if kind < 8 else bytes([len(data), kind - 7])) + data


def insert(tree, bits, offset):
    node = 0
    for bit in bits[:-1]:
        if tree[node][bit] is None:
            tree.append([None, None])
            tree[node][bit] = ('node', len(tree) - 1)
        node = tree[node][bit][1]
    tree[node][bits[-1]] = ('data', offset)


def main():
    data, tree = b'', [[None, None]]
    for word in sys.argv[2:]:
        prefix, country = word.split('=')
        network = ipaddress.ip_network(prefix)
        v4 = network.version == 4
        bits = bin(1 << 128 | int(network.network_address))[3:][:network.prefixlen + (96 if v4 else 0)]
        insert(tree, [int(b) for b in bits], len(data))
        data += pack({'country': {'iso_code': country}})

    def record(side):
        if side is None:
            return len(tree)
        return side[1] if side[0] == 'node' else len(tree) + 16 + side[1]

    with open(sys.argv[1], 'wb') as file:
        for node in tree:
            for side in node:
                file.write(struct.pack('>I', record(side))[1:])
        file.write(bytes(16) + data + b'\xab\xcd\xefMaxMind.com')
        file.write(pack({'node_count': (6, len(tree)), 'record_size': (5, 24), 'ip_version': (5, 6),
                         'database_type': 'Test-Country', 'languages': ['en'], 'binary_format_major_version': (5, 2),
                         'binary_format_minor_version': (5, 0), 'build_epoch': (9, 1), 'description': {'en': 'for tests'}}))


if __name__ == '__main__':
    main()
