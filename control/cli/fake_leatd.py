#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A daemon that says what it is told to: the client's counterpart in cli_test.sh.

  fake_leatd.py RUN-DIR   serves RUN-DIR/leat.sock until its standard input ends; logs requests to RUN-DIR/requests
"""
import http.server
import json
import os
import socketserver
import sys
import threading
import urllib.parse

RUN_DIR = sys.argv[1]

PORTS = {'noun': 'ports', 'columns': [
    {'name': 'name', 'type': 'name', 'flags': ['key'], 'help': 'what it is called'},
    {'name': 'driver', 'type': 'string'},
    {'name': 'up', 'type': 'bool'},
    {'name': 'mtu', 'type': 'int', 'unit': 'B'},
    {'name': 'speed', 'type': 'int', 'unit': 'bps'},
    {'name': 'rx_packets', 'type': 'int', 'flags': ['counter']},
    {'name': 'device', 'type': 'string', 'flags': ['wide']}]}
PORT_ROWS = [
    {'name': 'lan', 'driver': 'af_packet', 'up': True, 'mtu': 1500, 'speed': 10000000000, 'rx_packets': 12, 'device': 'eth1'},
    {'name': 'wan\u001b[2J', 'driver': 'tap', 'up': False, 'mtu': 9216, 'rx_packets': 12345678901}]
TREE = {'ports': {'lan': {'device': 'eth1', 'mtu': 1500}, 'wan': {'device': 'eth2'}},
        'switches': {'office': {'ports': {'lan': {'access': 10}}}},
        'routers': {'main': {'routes': {'0.0.0.0/0': {'via': '192.0.2.1'}}}}}
PORT_SECTION = {'name': 'ports', 'type': 'map', 'elem': {'type': 'object', 'rows': [
    {'name': 'device', 'type': 'string'}, {'name': 'mtu', 'type': 'int'},
    {'name': 'promiscuous', 'type': 'bool'}]}}
SWITCH_SECTION = {'name': 'switches', 'type': 'map', 'elem': {'type': 'object', 'rows': [
    {'name': 'mode', 'type': 'enum', 'words': ['standalone', 'bridged']},
    {'name': 'mirror', 'type': 'ref', 'ref': 'ports'}]}}
SCHEMA = {
    'sections': [PORT_SECTION, SWITCH_SECTION],
    'nouns': [{'name': 'ports', 'help': 'ports and their counters', 'columns': PORTS['columns']}],
    'actions': [
        {'verb': 'flush', 'noun': 'fdb', 'help': 'forget learned addresses', 'args': [
            {'name': 'switch', 'type': 'ref', 'ref': 'switches', 'help': 'only of this one'},
            {'name': 'vlan', 'type': 'int'}, {'name': 'static', 'type': 'bool'}]},
        {'verb': 'flush', 'noun': 'sessions', 'help': 'end sessions', 'args': []},
        {'verb': 'drain', 'noun': 'member', 'help': 'no new connections', 'args': [
            {'name': 'path', 'type': 'string', 'flags': ['required']}]}],
    'streams': [
        {'name': 'trace', 'args': [{'name': 'filter', 'type': 'string'}, {'name': 'count', 'type': 'int'},
                                   {'name': 'port', 'type': 'ref', 'ref': 'ports'}]},
        {'name': 'capture', 'args': [{'name': 'filter', 'type': 'string'}, {'name': 'count', 'type': 'int'},
                                     {'name': 'port', 'type': 'ref', 'ref': 'ports'}]}]}
CHANGES = [{'path': 'ports.lan.mtu', 'op': 'set', 'old': 1500, 'new': 9000},
           {'path': 'ports.new', 'op': 'add', 'new': {'device': 'tap:new'}},
           {'path': 'ports.old', 'op': 'del', 'old': {'device': 'tap:old'}}]
HISTORY = [{'revision': 8, 'time': '2026-11-21T10:00:00Z', 'kind': 'apply', 'comment': 'jumbo', 'state': 'current',
            'changes': 3},
           {'revision': 7, 'time': '2026-11-21T09:00:00Z', 'kind': 'apply', 'state': 'old', 'changes': 1}]


def block(kind, payload):
    size = (12 + len(payload)).to_bytes(4, sys.byteorder)
    return kind.to_bytes(4, sys.byteorder) + size + payload + size


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def answer(self, status, body, kind='application/json'):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status, path, message):
        self.answer(status, {'error': {'path': path, 'message': message}})

    def chunks(self, kind, parts):
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        for part in parts:
            self.wfile.write(b'%x\r\n%s\r\n' % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b'0\r\n\r\n')

    def show(self, noun, query):
        if noun == 'broken':
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"noun"')
            self.close_connection = True
        elif noun == 'garbage':
            self.wfile.write(b'SSH-2.0-OpenSSH_9.2\r\n\r\n')
            self.close_connection = True
        elif noun == 'busy':
            self.refuse(503, '', 'too many connections')
        elif noun == 'fdb':
            self.answer(200, {'noun': noun, 'rows': [], 'columns': [
                {'name': 'mac', 'type': 'mac', 'flags': ['key']}, {'name': 'vlan', 'type': 'int'}]})
        elif noun == 'ports':
            wanted = {key: values[0] for key, values in query.items() if key not in ('key', 'limit')}
            rows = [row for row in PORT_ROWS
                    if ('key' not in query or row['name'] == query['key'][0]) and
                    all(str(row.get(key)) == value for key, value in wanted.items())]
            self.answer(200, dict(PORTS, rows=rows))
        else:
            self.refuse(404, '', f'no noun {noun}; did you mean ports?')

    def stream(self, name, args):
        if args.get('filter') == 'bad filter':
            self.refuse(400, 'filter', 'syntax error')
        elif name == 'trace':
            self.chunks('text/plain', [b'1 port_rx lan\n', b'1 eth_input\n1 drop: drop_eth_input_runt\n'])
        else:
            whole = block(0x0a0d0d0a, b'\x4d\x3c\x2b\x1a' + bytes(12)) + block(6, bytes(20)) + block(6, bytes(24))
            # The last block is cut: its end never comes.
            data = whole + block(6, bytes(40))[:30]
            self.chunks('application/x-pcapng', [data[i:i + 7] for i in range(0, len(data), 7)])

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        steps = [urllib.parse.unquote(step) for step in url.path.split('/')[2:]]
        query = urllib.parse.parse_qs(url.query)
        if steps == ['show']:
            self.answer(200, {'nouns': SCHEMA['nouns']})
        elif steps[0] == 'show':
            self.show(steps[1], query)
        elif steps == ['config']:
            self.answer(200, TREE)
        elif steps[0] == 'config':
            self.answer(200, TREE['ports']) if steps[1] == 'ports' else self.refuse(404, steps[1], 'not set')
        elif steps == ['events']:
            self.chunks('text/event-stream', [b': hello\n\n', b'event: port.link\nda', b'ta: {"port":"lan","up":true}\n\n',
                                              b'event: config.applied\ndata: {"revision":8}\n\n'])
        else:
            known = {'schema': SCHEMA, 'history': {'rows': HISTORY}, 'diff': {'changes': CHANGES},
                     'version': {'version': '0.0-fake'}}
            self.answer(200, known[steps[0]]) if steps[0] in known else self.refuse(404, '', 'no such page')

    def change(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0))).decode()
        with open(os.path.join(RUN_DIR, 'requests'), 'a', encoding='utf-8') as log:
            print(self.command, self.path, self.headers.get('Content-Type', '-'), body, file=log)
        steps = self.path.split('/')[2:]
        if steps[0] == 'stream':
            self.stream(steps[1], json.loads(body))
        elif steps[0] in ('flush', 'drain'):
            self.answer(200, {'result': {'removed': 3}})
        elif body == '0':
            self.refuse(400, 'ports.lan.mtu', '0 is out of range 68..9216')
        elif steps[0] == 'apply':
            request = json.loads(body)
            late = {'confirm_by': '2026-11-21T10:01:00Z'} if 'confirm_s' in request else {}
            self.answer(200, {'revision': 9, 'changes': CHANGES, **late})
        else:
            self.answer(200, {'revision': 9, 'changes': CHANGES[:1]})

    do_POST = do_PUT = do_PATCH = do_DELETE = change

    def address_string(self):
        return 'local'


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, *args):
        pass  # a client that went away


if __name__ == '__main__':
    with Server(os.path.join(RUN_DIR, 'leat.sock'), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print('ready', flush=True)
        sys.stdin.read()
