#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A numbered stream of frames both ways between two hosts of a smoke test, to count what is lost.

  stream.py TAG HOST1 HOST2 PPS STOP-FILE

Prints `streaming` once frames get through both ways, then sends PPS frames a second each way until STOP-FILE
exists, waits for stragglers, and prints JSON: sent, received, lost, duplicated, reordered, longest_gap_ms (between
two arrivals), socket_drops (lost by this program's own socket; must be 0 for the count to be believed).
"""
import json
import os
import struct
import sys
import threading
import time

from frames import Wire, mac

ETHERTYPE = 0x88b5
DRAIN_S = 1.0


class Direction(threading.Thread):
    """One receiver with its book-keeping; the sender side is a plain method."""

    def __init__(self, source, sink, src, dst):
        super().__init__(daemon=True)
        self.source, self.sink = source, sink
        self.head = bytes.fromhex((dst + src).replace(':', '')) + struct.pack('!H', ETHERTYPE)
        self.back = bytes.fromhex((src + dst).replace(':', '')) + struct.pack('!H', ETHERTYPE)
        self.sent = self.received = self.duplicated = self.reordered = 0
        self.highest = -1
        self.last = None
        self.longest = 0.0
        self.seen = bytearray()
        self.ready = threading.Event()
        self.done = False

    def send(self, number):
        self.source.send(self.head + struct.pack('!q', number) + bytes(42))

    def prime(self):
        """The switch learns both stations before anything is counted."""
        self.sink.send(self.back + struct.pack('!q', -1) + bytes(42))
        self.send(-1)

    def run(self):
        while not self.done:
            frame = self.sink.recv(0.1)
            if frame is None or not frame.startswith(self.head):
                continue
            number = struct.unpack('!q', frame[14:22])[0]
            if number < 0:
                self.ready.set()
            else:
                self.count(number)

    def count(self, number):
        now = time.monotonic()
        if self.last is not None:
            self.longest = max(self.longest, now - self.last)
        self.last = now
        if number >= len(self.seen):
            self.seen.extend(bytes(number + 100000 - len(self.seen)))
        if self.seen[number]:
            self.duplicated += 1
            return
        self.seen[number] = 1
        self.received += 1
        self.reordered += number < self.highest
        self.highest = max(self.highest, number)


def prime(directions):
    for _ in range(100):
        for direction in directions:
            direction.prime()
        if all(direction.ready.wait(0.1) for direction in directions):
            return
    sys.exit('stream: no frame gets through')


def send_until(directions, pps, stop):
    start = time.monotonic()
    number = 0
    while number % 64 or not os.path.exists(stop):
        for direction in directions:
            direction.send(number)
            direction.sent += 1
        number += 1
        ahead = start + number / pps - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)


def main():
    tag, first, second, pps, stop = sys.argv[1:6]
    a, b = Wire(f'{tag}-{first}', 'eth0'), Wire(f'{tag}-{second}', 'eth0')
    directions = [Direction(a, b, mac(0x101), mac(0x102)), Direction(b, a, mac(0x102), mac(0x101))]
    for direction in directions:
        direction.start()
    prime(directions)
    print('streaming', flush=True)
    send_until(directions, int(pps), stop)
    time.sleep(DRAIN_S)
    for direction in directions:
        direction.done = True
        direction.join()
    total = {key: sum(getattr(d, key) for d in directions) for key in ('sent', 'received', 'duplicated', 'reordered')}
    total['lost'] = total['sent'] - total['received']
    total['longest_gap_ms'] = round(max(d.longest for d in directions) * 1000, 1)
    total['socket_drops'] = a.socket_drops() + b.socket_drops()
    print(json.dumps(total))


if __name__ == '__main__':
    main()
