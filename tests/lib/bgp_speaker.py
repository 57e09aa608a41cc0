#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A BGP speaker that only talks: one session (RFC 4271, 4760), routes by the hundred thousand, announced and withdrawn on command.

  bgp_speaker.py --listen ADDRESS --as N --next-hop ADDRESS [--next-hop6 ADDRESS] [--routes4 N] [--routes6 N] --commands FIFO

Commands, a line each: announce, withdraw, stop. Routes are 16.0.0.0/24 upwards and 2a00:0:1::/48 upwards.
"""
import argparse
import ipaddress
import os
import select
import socket
import struct
import threading

MARKER = b'\xff' * 16
OPEN, UPDATE, KEEPALIVE = 1, 2, 4
ROOM = 4096 - 19 - 100  # of a message, for prefixes
HOLD_S = 180


def message(kind, body=b''):
    return MARKER + struct.pack('!HB', 19 + len(body), kind) + body


def attribute(flags, kind, value):
    return struct.pack('!BBH', flags | 0x10, kind, len(value)) + value


def open_message(asn, address):
    families = b''.join(bytes([1, 4]) + struct.pack('!HBB', afi, 0, 1) for afi in (1, 2))
    capabilities = families + bytes([65, 4]) + struct.pack('!I', asn)
    options = bytes([2, len(capabilities)]) + capabilities
    ident = ipaddress.IPv4Address(address).packed
    return message(OPEN, struct.pack('!BHH', 4, asn, HOLD_S) + ident + bytes([len(options)]) + options)


def chunks(prefixes):
    size = len(prefixes[0]) if prefixes else 1
    for at in range(0, len(prefixes), ROOM // size):
        yield b''.join(prefixes[at:at + ROOM // size])


class Routes:
    def __init__(self, args):
        self.v4 = [bytes([24]) + struct.pack('!I', (16 << 24) + (i << 8))[:3] for i in range(args.routes4)]
        self.v6 = [bytes([48]) + struct.pack('!IH', 0x2a000000 + (i >> 16), i & 0xffff) for i in range(args.routes6)]
        path = attribute(0x40, 2, struct.pack('!BBI', 2, 1, args.asn))
        self.common = attribute(0x40, 1, b'\0') + path
        self.hop4 = attribute(0x40, 3, ipaddress.IPv4Address(args.next_hop).packed)
        self.hop6 = ipaddress.IPv6Address(args.next_hop6).packed if args.next_hop6 else b''

    def announce(self):
        for nlri in chunks(self.v4):
            attrs = self.common + self.hop4
            yield message(UPDATE, struct.pack('!HH', 0, len(attrs)) + attrs + nlri)
        for nlri in chunks(self.v6):
            reach = struct.pack('!HBB', 2, 1, 16) + self.hop6 + b'\0' + nlri
            attrs = attribute(0x80, 14, reach) + self.common
            yield message(UPDATE, struct.pack('!HH', 0, len(attrs)) + attrs)

    def withdraw(self):
        for nlri in chunks(self.v4):
            yield message(UPDATE, struct.pack('!H', len(nlri)) + nlri + b'\0\0')
        for nlri in chunks(self.v6):
            attrs = attribute(0x80, 15, struct.pack('!HB', 2, 1) + nlri)
            yield message(UPDATE, struct.pack('!HH', 0, len(attrs)) + attrs)


def read_message(conn):
    head = b''
    while len(head) < 19:
        more = conn.recv(19 - len(head))
        if not more:
            raise ConnectionError('closed')
        head += more
    length, kind = struct.unpack('!HB', head[16:])
    left = length - 19
    while left > 0:
        more = conn.recv(left)
        if not more:
            raise ConnectionError('closed')
        left -= len(more)
    return kind


class Session:
    """One at a time; when it ends (FRR begins anew when it reads more of its configuration) the next one is waited for."""

    def __init__(self, args):
        self.args = args
        self.server = socket.create_server((args.listen, 179))
        self.lock = threading.Lock()
        self.conn = None
        threading.Thread(target=self.serve, daemon=True).start()

    def send(self, text):
        with self.lock:
            if self.conn:
                self.conn.sendall(text)

    def serve(self):
        while True:
            self.conn = self.server.accept()[0]
            try:
                self.send(open_message(self.args.asn, self.args.listen))
                while True:
                    if read_message(self.conn) in (OPEN, KEEPALIVE):
                        self.send(message(KEEPALIVE))
            except OSError as error:
                print('session ended:', error, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--listen', required=True)
    parser.add_argument('--as', dest='asn', type=int, required=True)
    parser.add_argument('--next-hop', required=True)
    parser.add_argument('--next-hop6')
    parser.add_argument('--routes4', type=int, default=0)
    parser.add_argument('--routes6', type=int, default=0)
    parser.add_argument('--commands', required=True)
    args = parser.parse_args()
    routes = Routes(args)
    session = Session(args)
    print('ready', flush=True)
    fifo = os.open(args.commands, os.O_RDWR)
    pending = b''
    while True:
        if not select.select([fifo], [], [], 30)[0]:
            session.send(message(KEEPALIVE))
            continue
        pending += os.read(fifo, 4096)
        while b'\n' in pending:
            command, pending = pending.split(b'\n', 1)
            if command == b'stop':
                return
            for update in routes.announce() if command == b'announce' else routes.withdraw():
                session.send(update)
            print(command.decode(), 'said', flush=True)


if __name__ == '__main__':
    main()
