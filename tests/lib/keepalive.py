#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Connections that live as long as they are let: each says something, hears it again, and so on, until a file appears.

  keepalive.py serve PORT
  keepalive.py ADDRESS PORT CONNECTIONS STOP-FILE      prints `open`, and at the end how many live and what they said
"""
import os
import selectors
import socket
import sys
import time


def serve(port):
    selector = selectors.DefaultSelector()
    listener = socket.create_server(('', port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1000)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                selector.register(listener.accept()[0], selectors.EVENT_READ)
            elif data := key.fileobj.recv(100):
                key.fileobj.send(data)
            else:
                selector.unregister(key.fileobj)


def main():
    if sys.argv[1] == 'serve':
        serve(int(sys.argv[2]))
    address, port, count, stop = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    living = [socket.create_connection((address, port), 20) for _ in range(count)]
    for one in living:
        one.settimeout(30)  # a lost packet comes again: only a lost session is silent for so long
    print('open', flush=True)
    said, slowest = 0, 0
    while not os.path.exists(stop):
        for one in list(living):
            before = time.monotonic()
            try:
                one.send(b'%8d' % said)
                heard = one.recv(8, socket.MSG_WAITALL)
            except OSError as error:
                heard = str(error)
            if heard != b'%8d' % said:
                print(f'lost after {said}: {heard}', flush=True)
                living.remove(one)
            said += 1
            slowest = max(slowest, time.monotonic() - before)
    print(f'{len(living)} live, said {said}, slowest {slowest * 1000:.0f} ms', flush=True)


if __name__ == '__main__':
    main()
