#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends raw frames into, and compares frames that arrive at, the interfaces of a smoke test's hosts.

The program comes on stdin and is run with these names (and scapy's Ether, Dot1Q, Dot1AD, ARP, IP, UDP, Raw...):

  wire(host, iface='eth0')        a raw socket there; it sees what arrives from now on
  w.send(frame, count=1)          scapy packet or bytes, as they are; short ones are not padded
  w.recv(seconds=2)               the next frame as bytes, tags and all, or None
  w.expect(frame, seconds=10)     exactly these bytes arrive; other frames are looked past
  w.expect_none(match, seconds=0.3)  no frame arrives that equals `match` (or for which match(frame) is true)
  w.collect(seconds, match=None)  every frame (that matches) within the time
  w.clear()                       forgets what has arrived
  mac(n)                          the n-th of the test's own addresses: 02:00:5e:00:00:n

The kernel hands the outermost VLAN tag over beside the frame; it is put back where it was.
"""
import ctypes
import errno
import os
import socket
import struct
import sys
import time

from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: F401
from scapy.layers.inet6 import IPv6  # noqa: F401
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether  # noqa: F401
from scapy.packet import Raw  # noqa: F401

SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING, PACKET_STATISTICS = 263, 8, 23, 6
SO_RCVBUFFORCE, ETH_P_ALL, CLONE_NEWNET = 33, 3, 0x40000000
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6

SLOW = int(os.environ.get('LEAT_SLOW', '1'))  # how much more patient than usual, for emulated machines

libc = ctypes.CDLL(None, use_errno=True)


def enter(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        if libc.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f'setns {path}')
    finally:
        os.close(fd)


class Wire:
    def __init__(self, namespace, iface):
        self.name = f'{namespace}:{iface}'
        here = '/proc/self/ns/net'
        home = os.open(here, os.O_RDONLY)
        enter(f'/run/netns/{namespace}')
        try:
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.sock.bind((iface, 0))
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(home)
        self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        self.clear()

    def send(self, frame, count=1):
        data = bytes(frame)
        for _ in range(count):
            self.sock.send(data)

    def recv(self, seconds=2):
        self.sock.settimeout(max(seconds, 0.000001))
        try:
            data, control, _, _ = self.sock.recvmsg(1 << 17, 256)
        except (socket.timeout, BlockingIOError):
            return None
        except OSError as error:
            if error.errno == errno.ENETDOWN:
                return None  # told once when the interface goes down, or was down; it may come up again
            raise
        for level, kind, value in control:
            if level == SOL_PACKET and kind == PACKET_AUXDATA and len(value) >= 20:
                status, _, _, _, _, tci, tpid = struct.unpack('=IIIHHHH', value[:20])
                if status & TP_STATUS_VLAN_VALID:
                    tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                    data = data[:12] + struct.pack('!HH', tpid, tci) + data[12:]
        return data

    def collect(self, seconds, match=None):
        end = time.monotonic() + seconds
        got = []
        while (left := end - time.monotonic()) > 0:
            frame = self.recv(left)
            if frame is not None and (match is None or match(frame)):
                got.append(frame)
        return got

    def expect(self, frame, seconds=10):
        want = bytes(frame)
        end = time.monotonic() + seconds * SLOW
        seen = []
        while (left := end - time.monotonic()) > 0:
            got = self.recv(left)
            if got == want:
                return
            if got is not None:
                seen.append(got)
        self.give_up(f'did not see\n    {show(want)}\n  but ' + ('\n      '.join(map(show, seen[:8])) or 'nothing'))

    def expect_none(self, match, seconds=0.3):
        test = match if callable(match) else bytes(match).__eq__
        got = self.collect(seconds, test)
        if got:
            self.give_up('saw what it should not:\n    ' + '\n    '.join(map(show, got[:8])))

    def clear(self):
        while self.recv(0) is not None:
            pass

    def socket_drops(self):
        """Frames that this socket, not the switch, has lost since the last call."""
        value = self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        return struct.unpack('=II', value)[1]

    def give_up(self, text):
        sys.exit(f'frames: {self.name} {text}')


def show(frame):
    text = frame[:96].hex()
    return f'{len(frame)} B {text[:12]} {text[12:24]} {text[24:]}' + ('...' if len(frame) > 96 else '')


def mac(n):
    return f'02:00:5e:00:{n >> 8 & 255:02x}:{n & 255:02x}'


def main():
    tag = sys.argv[1]
    names = dict(globals())
    names['wire'] = lambda host, iface='eth0': Wire(f'{tag}-{host}', iface)
    exec(compile(sys.stdin.read(), '<frames>', 'exec'), names)


if __name__ == '__main__':
    main()
