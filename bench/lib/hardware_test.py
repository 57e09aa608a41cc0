#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is written for Pktgen-DPDK and TRex, run against stand-ins that note what they are told. TAP on stdout."""
import json
import os
import subprocess
import sys
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
from bench.lib import hardware  # noqa: E402
from bench.lib.peer import Failed  # noqa: E402
from bench.lib.tap import tap_main  # noqa: E402

PROFILE = {'macs': 1000, 'order': 'seq', 'size': '64', 'src': '10.0.0.0/12', 'dst': '10.16.0.0/12'}

# Every call of pktgen.x.y(...) is a line of words.
STAND_IN = '''
local function note(name)
  return function(...)
    print(table.concat({ name, ... }, " "))
    return { [0] = { opackets = 3, ipackets = 1 }, [1] = { opackets = 4, ipackets = 2 } }
  end
end
local function words(prefix)
  return setmetatable({}, { __index = function(_, key) return note(prefix .. key) end })
end
pktgen = words("")
pktgen.range = words("range.")
'''


class Pktgen(unittest.TestCase):
    def said(self, profile):
        script = STAND_IN + hardware.pktgen_lua(profile, seconds=2)
        done = subprocess.run(['lua5.4', '-'], input=script, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def test_both_ends_of_each_pair(self):
        said = self.said(PROFILE)
        for line in ('range.src_mac 0 start 02:0a:00:00:00:00', 'range.src_mac 0 max 02:0a:00:00:03:e7',
                     'range.dst_mac 0 inc 00:00:00:00:00:01', 'range.src_mac 1 start 02:0b:00:00:00:00',
                     'range.dst_mac 1 max 02:0a:00:00:03:e7', 'range.src_ip 0 start 10.0.0.0',
                     'range.dst_ip 0 max 10.16.3.231', 'range.src_ip 1 start 10.16.0.0', 'range.pkt_size 0 start 64', 'set_range all on'):
            self.assertIn(line, said)

    def test_starts_waits_counts(self):
        said = self.said(PROFILE)
        self.assertLess(said.index('start all'), said.index('delay 2000'))
        self.assertLess(said.index('delay 2000'), said.index('stop all'))
        counts = json.loads(next(line for line in said if line.startswith('{')))
        self.assertEqual(counts, {'seconds': 2, 'sent': 7, 'received': 3})

    def test_what_it_cannot_do(self):
        for change in ({'order': 'rand'}, {'size': 'imix'}):
            with self.assertRaises(Failed):
                hardware.pktgen_lua({**PROFILE, **change})


class Machine:
    """TRex's STLVM, which notes its variables and writes."""
    def __init__(self):
        self.vars, self.writes = {}, []

    def var(self, name, **options):
        self.vars[name] = options

    def write(self, fv_name, pkt_offset, add_val=0):
        self.writes.append((fv_name, pkt_offset, add_val))

    def fix_chksum(self):
        self.writes.append('checksum')


class Layer(bytes):
    def __new__(cls, length, **fields):
        made = super().__new__(cls, length)
        made.fields = [fields]
        return made

    def __truediv__(self, other):
        made = Layer(len(self) + len(other))
        made.fields = self.fields + getattr(other, 'fields', [])
        return made


class Trex(unittest.TestCase):
    def streams(self, profile, direction):
        api = types.ModuleType('trex.stl.api')
        api.STLVM = Machine
        api.Ether, api.IP, api.UDP = lambda **f: Layer(14, **f), lambda: Layer(20), lambda **f: Layer(8, **f)
        api.STLPktBuilder = lambda pkt, vm: (pkt, vm)
        api.STLTXCont = lambda pps: pps
        api.STLStream = lambda packet, mode: (*packet, mode)
        api.STLClient = None
        sys.modules.update({'trex': types.ModuleType('trex'), 'trex.stl': types.ModuleType('trex.stl'), 'trex.stl.api': api})
        space = {'__name__': 'profile'}
        exec(compile(hardware.trex_profile(profile), 'profile.py', 'exec'), space)
        return space['register']().get_streams(direction=direction)

    def test_both_ends_of_each_pair(self):
        (packet, vm, _), = self.streams(PROFILE, 0)
        self.assertEqual(vm.vars['n'], {'min_value': 0, 'max_value': 999, 'size': 4, 'op': 'inc'})
        self.assertEqual(vm.writes, [('n', 2, 0), ('n', 8, 0), ('n', 'IP.src', 0x0a000000), ('n', 'IP.dst', 0x0a100000),
                                     'checksum'])
        self.assertEqual(len(packet), 60)
        self.assertEqual(packet.fields[0], {'src': '02:0a:00:00:00:00', 'dst': '02:0b:00:00:00:00'})
        (packet, vm, _), = self.streams(PROFILE, 1)
        self.assertEqual(packet.fields[0]['src'], '02:0b:00:00:00:00')
        self.assertEqual(vm.writes[2], ('n', 'IP.src', 0x0a100000))

    def test_mix_and_order(self):
        streams = self.streams({**PROFILE, 'size': 'imix', 'order': 'rand'}, 0)
        self.assertEqual([(len(packet), weight) for packet, _, weight in streams], [(60, 7), (590, 4), (1514, 1)])
        self.assertEqual(streams[0][1].vars['n']['op'], 'random')
        with self.assertRaises(Failed):
            hardware.trex_profile({**PROFILE, 'order': 'zipf'})


if __name__ == '__main__':
    sys.exit(tap_main(sys.modules[__name__]))
