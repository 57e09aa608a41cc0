# SPDX-License-Identifier: BSD-3-Clause
"""Our profiles for generators that drive real NICs: a Lua file for Pktgen-DPDK, a stateless profile for TRex. Neither
is packaged in Debian; where one is installed, it is started with what is written here. The device under test is
another machine (or has other NICs of this one), and its leatd has PCI ports.

Stations are numbered as in pktgen/flows.h: pair n is 02:0a:nnnn and 02:0b:nnnn, addresses count from src and dst.
Pktgen has no order but one after the other; TRex has both.
"""
import ipaddress
import json
import os
import shutil

from bench.lib import machine
from bench.lib.peer import Failed

SIZES = {'imix': [(64, 7), (594, 4), (1518, 1)]}
SECONDS = 30


def sizes(profile):
    """[(bytes, weight)] of a profile's size: 64, imix or 64x7+594x4."""
    text = str(profile.get('size', 64))
    if text in SIZES:
        return SIZES[text]
    parts = [part.split('x') for part in text.split('+')]
    return [(int(part[0]), int(part[1]) if len(part) > 1 else 1) for part in parts]


def mac(side, n):
    return f'02:0{"ab"[side]}:' + ':'.join(f'{byte:02x}' for byte in n.to_bytes(4, 'big'))


def first(prefix):
    return ipaddress.IPv4Interface(prefix).network.network_address


def address_ranges(profile, side):
    """(source, destination) of that side, as first addresses."""
    pair = (first(profile.get('src', '10.0.0.0/12')), first(profile.get('dst', '10.16.0.0/12')))
    return pair[::-1] if side else pair


def pktgen_range(side, kind, start, inc, last):
    return [f'pktgen.range.{kind}("{side}", "{word}", {json.dumps(value)});'
            for word, value in (('start', start), ('inc', inc), ('min', start), ('max', last))]


def pktgen_lua(profile, seconds=SECONDS):
    """A script for `pktgen -f`: both ports send the profile, then their counts are printed as JSON, then it ends."""
    if profile.get('order', 'seq') != 'seq':
        raise Failed('Pktgen-DPDK sends its ranges in order only; use TRex, or a point in order')
    if len(sizes(profile)) > 1:
        raise Failed('ranges of Pktgen-DPDK have one size; use TRex for a mix of sizes')
    count, size = profile.get('macs', 1), sizes(profile)[0][0]
    out = ['-- SPDX-License-Identifier: BSD-3-Clause']
    for side in (0, 1):
        src, dst = address_ranges(profile, side)
        for kind, whose in (('src_mac', side), ('dst_mac', 1 - side)):
            out += pktgen_range(side, kind, mac(whose, 0), mac(0, 1).replace('02:0a', '00:00'), mac(whose, count - 1))
        for kind, start in (('src_ip', src), ('dst_ip', dst)):
            out += pktgen_range(side, kind, str(start), '0.0.0.1', str(start + count - 1))
        for kind in ('src_port', 'dst_port'):
            out += pktgen_range(side, kind, 1024, 0, 1024)
        out += pktgen_range(side, 'pkt_size', size, 0, size)
    out += ['pktgen.set_proto("all", "udp");', 'pktgen.set_range("all", "on");', 'pktgen.clr();',
            'pktgen.start("all");', f'pktgen.delay({seconds * 1000});', 'pktgen.stop("all");', 'pktgen.delay(1000);',
            'local s = pktgen.portStats("all", "port");',
            f'print(string.format(\'{{"seconds":{seconds},"sent":%d,"received":%d}}\', '
            's[0].opackets + s[1].opackets, s[0].ipackets + s[1].ipackets));', 'pktgen.quit();', '']
    return '\n'.join(out)


TREX = '''# SPDX-License-Identifier: BSD-3-Clause
# A profile for TRex's console (`start -f FILE -m 100%`), and a program that sends it through a server that runs here.
import json
from trex.stl.api import *

MACS, ORDER, SIZES, SECONDS = {macs}, {order!r}, {sizes!r}, {seconds}
SIDES = {sides!r}


class Leat(object):
    def get_streams(self, direction=0, **kwargs):
        src_mac, dst_mac, src_ip, dst_ip = SIDES[direction & 1]
        vm = STLVM()
        vm.var(name='n', min_value=0, max_value=MACS - 1, size=4, op=ORDER)
        vm.write(fv_name='n', pkt_offset=2)  # the last four bytes of either station's address
        vm.write(fv_name='n', pkt_offset=8)
        vm.write(fv_name='n', pkt_offset='IP.src', add_val=src_ip)
        vm.write(fv_name='n', pkt_offset='IP.dst', add_val=dst_ip)
        vm.fix_chksum()
        head = Ether(src=src_mac, dst=dst_mac) / IP() / UDP(sport=1024, dport=1024)
        return [STLStream(packet=STLPktBuilder(pkt=head / ('x' * max(0, size - 4 - len(head))), vm=vm),
                          mode=STLTXCont(pps=weight)) for size, weight in SIZES]


def register():
    return Leat()


def main():
    client = STLClient()
    client.connect()
    try:
        client.reset(ports=[0, 1])
        for port in (0, 1):
            client.add_streams(Leat().get_streams(direction=port), ports=[port])
        client.clear_stats()
        client.start(ports=[0, 1], mult='100%', duration=SECONDS)
        client.wait_on_traffic(ports=[0, 1])
        stats = client.get_stats()
        print(json.dumps({{'seconds': SECONDS, 'sent': sum(stats[p]['opackets'] for p in (0, 1)),
                          'received': sum(stats[p]['ipackets'] for p in (0, 1))}}))
    finally:
        client.disconnect()


if __name__ == '__main__':
    main()
'''


def trex_profile(profile, seconds=SECONDS):
    """A stateless profile for TRex, which is also the program that sends it."""
    sides = []
    for side in (0, 1):
        src, dst = address_ranges(profile, side)
        sides.append((mac(side, 0), mac(1 - side, 0), int(src), int(dst)))
    order = {'seq': 'inc', 'rand': 'random'}.get(profile.get('order', 'seq'))
    if order is None:
        raise Failed('TRex knows the orders seq and rand')
    return TREX.format(macs=profile.get('macs', 1), order=order, sizes=sizes(profile), sides=sides, seconds=seconds)


WRITERS = {'pktgen': (pktgen_lua, 'lua'), 'trex': (trex_profile, 'py')}


def write(tool, point, folder):
    """The files of a point's profiles: [(path, '' or why there is none)]."""
    make, suffix = WRITERS[tool]
    done = []
    os.makedirs(folder, exist_ok=True)
    for profile in {json.dumps(c.profile, sort_keys=True): c.profile for c in point.contenders}.values():
        name = point.name if 'size' in point.axes else f'{point.name}-{profile.get("size", 64)}'
        path = os.path.join(folder, f'{name}.{suffix}')
        try:
            text = make(profile)
        except Failed as why:
            done.append((path, str(why)))
            continue
        with open(path, 'w', encoding='ascii') as file:
            file.write(text)
        done.append((path, ''))
    return done


def pktgen_command(path, nics):
    program, cpus = shutil.which('pktgen'), machine.cpus()
    if not program:
        return None, 'pktgen is not installed (it is not packaged in Debian)'
    if len(cpus) < 3:
        return None, 'pktgen wants a CPU for itself and one per NIC'
    if len(nics) != 2:
        return None, 'two NICs are wanted: --nics PCI,PCI'
    allowed = [word for nic in nics for word in ('-a', nic)]
    own = ','.join(map(str, cpus[:3]))
    return [program, '-l', own, *allowed, '--', '-P', '-m', f'{cpus[1]}.0,{cpus[2]}.1', '-f', path], ''


def command(tool, path, nics):
    """What runs that file, or why nothing does."""
    if tool == 'pktgen':
        return pktgen_command(path, nics)
    # Its server (./t-rex-64 -i) has the NICs, by its own configuration; the file is a client of it.
    library = os.path.join(os.environ.get('TREX_DIR', ''), 'automation', 'trex_control_plane', 'interactive')
    if not os.path.isdir(library):
        return None, 'TRex is not installed (it is not packaged in Debian); TREX_DIR names its folder'
    return ['env', f'PYTHONPATH={library}', 'python3', path], ''
