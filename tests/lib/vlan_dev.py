#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A VLAN interface without the kernel's: moves frames between the tagged side (IFACE) and a TAP. Not for speed.

  vlan_dev.py TAG HOST IFACE VLAN NAME      prints `up` when NAME is there
"""
import fcntl
import os
import selectors
import struct
import sys

from frames import Wire, enter

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 2, 0x1000


def open_tap(namespace, name):
    enter(f'/run/netns/{namespace}')
    tap = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack('16sH22x', name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def main():
    tag, host, iface, vlan, name = sys.argv[1:6]
    wire = Wire(f'{tag}-{host}', iface)
    tap = open_tap(f'{tag}-{host}', name)
    vlan = int(vlan)
    header = struct.pack('!HH', 0x8100, vlan)
    events = selectors.DefaultSelector()
    events.register(wire.sock, selectors.EVENT_READ)
    events.register(tap, selectors.EVENT_READ)
    print('up', flush=True)
    while True:
        for key, _ in events.select():
            if key.fileobj == tap:
                frame = os.read(tap, 1 << 16)
                wire.send(frame[:12] + header + frame[12:])
                continue
            frame = wire.recv(0)
            if frame and frame[12:14] == b'\x81\x00' and int.from_bytes(frame[14:16], 'big') & 0xfff == vlan:
                try:
                    os.write(tap, frame[:12] + frame[16:])
                except OSError:
                    pass  # the TAP is not up yet


if __name__ == '__main__':
    main()
