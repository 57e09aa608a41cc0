# SPDX-License-Identifier: BSD-3-Clause
"""Two guests on another core: leat-pktgen behind two virtio ports, in the place of virtual machines. What one sends,
the other receives; both send. The device under test copies each packet twice."""
from bench.lib import method
from bench.lib.peer import Failed, LineChild, wait_until
from bench.lib.point import profile_text

RATE_LOW, SEARCH_MARGIN = 10e3, 1.1
TOLERANCE, LOSS = 0.02, 0.005  # of RFC 2544's search; hosts that stall for milliseconds lose something at any rate
TRIAL_MS, LATENCY_MS = 300, 1000
LATENCY_SHARES = (50, 90)
BURST, MBUFS = 64, 4096  # large bursts, and buffers that stay in the cache: the guests are to outrun whom they test
VIRTIO = 'queues=1,queue_size=1024,mrg_rxbuf=0,in_order=1'  # what DPDK's driver is fastest with


class Guests:
    """server: the guests make the sockets, and the device under test comes to them."""

    def __init__(self, peer, sockets, server=False):
        session = peer.session
        self.tsc_mhz = session.tsc_mhz
        self.rate = None  # packets per second of both together; None: as many as fit
        profile = {key: value for key, value in peer.profile(0).items() if key not in ('shm', 'side', 'hash')}
        profile['stamp'] = 1  # for the latency
        ports = []
        for i, path in enumerate(sockets):
            device = f'net_virtio_user{i},path={path},{VIRTIO}' + (',server=1' if server else '')
            ports += ['--port', device, *(['--profile', profile_text(profile)] if i == 0 else [])]
        cpu = session.other_cpus[0] if session.other_cpus else session.cpu
        # One file per memory: a vhost peer takes eight regions at most.
        argv = [session.pktgen, '--lcores', f'0@{cpu}', '--in-memory', '--single-file-segments', '--no-pci',
                '--no-telemetry', '--file-prefix', f'{peer.tag}-guests', '--', *ports, '--direction', 'both', '--burst', BURST, '--mbufs', MBUFS]
        self.child = LineChild(session, f'{peer.tag}-guests', argv, on=[cpu])

    def connect(self):
        """Links up, and both stations known."""
        self.child.answer()  # ready
        wait_until(lambda: self.child.ask('links wait_ms=500')['up'], 20, 'the guests have no link')
        if self.child.ask('learn passes=3 wait_ms=20000')['lost'] > 0:
            raise Failed('the guests do not hear each other')

    def window(self, ms):
        """As a core-local window, but for the cost, which the device under test knows."""
        seen = self.child.ask(f'window ms={ms}' + (f' rate={self.rate / 2:.0f}' if self.rate else ''))  # per port
        keep = ('packets', 'generated', 'mpps', 'ms', 'bad', 'reordered', 'lost', 'loss', 'generator_bound',
                'rx_empty_share', 'cpu_share')
        return {**{key: seen[key] for key in keep if key in seen}, 'tsc_mhz': self.tsc_mhz, 'rate': self.rate}

    def trial(self, rate):
        seen = self.child.ask(f'window ms={TRIAL_MS} rate={rate / 2:.0f}')  # per port
        return {'offered': seen['tx_mpps'] * 1e6, 'lost': max(0.0, seen['loss']), 'late': seen.get('late')}

    def search(self):
        """Loss-free rate of both directions together, and latency at parts of it. It is looked for below what comes through
        when no rate is set."""
        high = self.window(TRIAL_MS)['mpps'] * 1e6 * SEARCH_MARGIN
        if high <= RATE_LOW:
            raise Failed('hardly anything comes through')
        found = method.search(self.trial, max(RATE_LOW, high / 1000), high, TOLERANCE, LOSS)
        latency = {}
        for share in LATENCY_SHARES if found['rate'] else ():
            seen = self.child.ask(f'latency ms={LATENCY_MS} rate={found["rate"] * share / 100 / 2:.0f}')
            latency[str(share)] = seen['latency_ns']
        return {'search': found, 'latency': latency}
