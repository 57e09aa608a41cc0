# SPDX-License-Identifier: BSD-3-Clause
"""Open vSwitch with DPDK, in folders of its own: database, sockets, logs. Debian's service is never started.

Tuning, after OVS's own documentation (topics/dpdk/bridge, pmd): one PMD thread on the bench's CPU by pmd-cpu-mask,
everything else on the other CPUs; descriptors of 2048; a MAC table that holds all stations. Flow caches as they are by
default for NORMAL, which the SMC made a third slower at 32,000 flows; OpenFlow routes of more flows than the EMC holds
(8192) run with the SMC instead, which made them a fifth faster. max-idle keeps flows for ten minutes, so that pauses
between windows cost nothing. Packets carry a hash of the flow, as NICs with RSS give it. Before it is measured all
flows are there, or ten seconds have gone by: it keeps 65,536 at most and asks about every packet of the others.

A pause is not SIGSTOP here: a revalidator that was stopped takes the time for its own slowness and throws flows away.
The generator pauses instead, and the PMD thread, which goes on polling, gets the time that nobody else wants
(SCHED_IDLE).
"""
import glob
import os
import re
import time

from bench.lib import machine
from bench.lib.peer import PRIORITY, Child, Failed, Peer, wait_until

SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
VSWITCHD = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk'
FOLDERS = ('OVS_RUNDIR', 'OVS_DBDIR', 'OVS_LOGDIR', 'OVS_SYSCONFDIR')
EMC_FLOWS = 8192

# OpenFlow of each job; ports 1 and 2 are the generator's.
FLOWS = {
    'switch': ['priority=0,actions=NORMAL'],
    'switch-vhost': ['priority=0,actions=NORMAL'],
    'l3': [f'in_port={a},ip,actions=dec_ttl,mod_dl_src:02:00:00:00:01:0{b},mod_dl_dst:02:00:00:00:02:0{b},output:{b}'
           for a, b in ((1, 2), (2, 1))],
    'conntrack': [f'in_port={a},ip,ct_state=-trk,actions=ct(table=0)' for a in (1, 2)] +
                 [f'in_port={a},ip,ct_state=+trk+new,actions=ct(commit),output:{b}' for a, b in ((1, 2), (2, 1))] +
                 [f'in_port={a},ip,ct_state=+trk+est,actions=output:{b}' for a, b in ((1, 2), (2, 1))],
}


class Ovs(Peer):
    name = 'ovs'
    packages = ('openvswitch-switch-dpdk',)
    service = 'openvswitch-switch'
    jobs = tuple(FLOWS)
    own_profile = {'hash': 1}
    patience_s = 60
    settle_s = 10

    def flows(self):
        profile = self.contender.profile
        return 2 * max(profile.get('macs', 1), profile.get('flows', 1))

    def settings(self):
        rest = sum(1 << cpu for cpu in self.session.other_cpus) or 1 << self.session.cpu
        found = {'dpdk-init': 'true', 'pmd-cpu-mask': hex(1 << self.session.cpu), 'dpdk-lcore-mask': hex(rest),
                 'dpdk-extra': f'--no-pci --in-memory --no-telemetry --file-prefix {self.tag} -d {self.session.driver}',
                 'max-idle': '600000', 'flow-limit': '1000000'}
        if self.job == 'l3' and self.flows() > EMC_FLOWS:
            found.update({'emc-insert-inv-prob': '0', 'smc-enable': 'true'})
        if self.job == 'switch-vhost':
            found['dpdk-extra'] = found['dpdk-extra'].replace('--in-memory', '--in-memory --single-file-segments')
        return found

    def config(self):
        settings = ' '.join(f'{key}={value}' for key, value in self.settings().items() if key != 'dpdk-extra')
        return settings.replace(self.tag, 'bench') + '\n' + '\n'.join(FLOWS[self.job])

    def start(self):
        self.env = {**os.environ, **{name: self.dir for name in FOLDERS}}
        database = os.path.join(self.dir, 'conf.db')
        machine.run(['ovsdb-tool', 'create', database, SCHEMA], env=self.env)
        rest = self.session.other_cpus or [self.session.cpu]
        self.children.append(Child(self.session, f'{self.tag}-db', [
            'ovsdb-server', database, f'--remote=punix:{self.dir}/db.sock', f'--unixctl={self.dir}/db.ctl'],
            on=rest, env=self.env))
        wait_until(lambda: os.path.exists(f'{self.dir}/db.sock'), 10, 'ovsdb-server has no socket')
        self.vsctl('--no-wait', 'init')
        settings = [f'other_config:{key}="{value}"' for key, value in self.settings().items()]
        self.vsctl('--no-wait', 'set', 'Open_vSwitch', '.', *settings)
        # It makes TAPs of fixed names: in a network namespace that goes with it.
        self.switch = Child(self.session, f'{self.tag}-vswitchd', [
            'unshare', '--net', VSWITCHD, f'unix:{self.dir}/db.sock', f'--unixctl={self.dir}/vswitchd.ctl'], on=rest, env=self.env)
        self.children.append(self.switch)
        wait_until(self.ready, 30, 'ovs-vswitchd is not ready')
        if self.job == 'switch-vhost':
            self.guests_start([f'{self.dir}/vm{side}.sock' for side in (0, 1)], server=True)
        self.bridge()
        if self.guests:
            self.guests.connect()
        self.forwards()

    def ready(self):
        self.switch.check()
        return os.path.exists(f'{self.dir}/vswitchd.ctl')

    def vsctl(self, *args):
        argv = ['ovs-vsctl', '--timeout=30', f'--db=unix:{self.dir}/db.sock', *args]
        self.session.note(argv)
        return machine.run(argv, env=self.env)

    def ofctl(self, *args):
        argv = ['ovs-ofctl', *args]
        self.session.note(argv)
        return machine.run(argv, env=self.env)

    def bridge(self):
        stations = max(8192, 4 * self.contender.profile.get('macs', 1))
        self.vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev',
                   f'other_config:mac-table-size={min(stations, 1000000)}')
        for side in (0, 1):
            self.vsctl('add-port', 'br0', f'p{side}', '--', 'set', 'interface', f'p{side}',
                       f'ofport_request={side + 1}', *self.port(side))
            error = self.vsctl('get', 'interface', f'p{side}', 'error').strip()
            if error != '[]':
                raise Failed(f'OVS refuses its port: {error}')
        wait_until(lambda: os.path.exists(f'{self.dir}/br0.mgmt'), 10, 'the bridge takes no OpenFlow')
        flows = os.path.join(self.dir, 'flows')
        with open(flows, 'w', encoding='ascii') as file:
            file.write('\n'.join(FLOWS[self.job]) + '\n')
        self.ofctl('-O', 'OpenFlow13', 'del-flows', f'unix:{self.dir}/br0.mgmt')
        self.ofctl('-O', 'OpenFlow13', 'add-flows', f'unix:{self.dir}/br0.mgmt', flows)

    def port(self, side):
        if self.job == 'switch-vhost':
            return ['type=dpdkvhostuserclient', f'options:vhost-server-path={self.dir}/vm{side}.sock']
        return ['type=dpdk', f'options:dpdk-devargs={self.generator_device(side)}', 'options:n_rxq=1',
                'options:n_rxq_desc=2048', 'options:n_txq_desc=2048']

    def settle(self):
        end, last = time.monotonic() + self.settle_s, -1
        while time.monotonic() < end and (now := self.flows_there()) != last:
            last = now
            time.sleep(0.5)
        super().settle()

    def flows_there(self):
        text = machine.run(['ovs-appctl', '-t', f'{self.dir}/vswitchd.ctl', 'dpctl/show'], env=self.env)
        found = re.search(r'flows: (\d+)', text)
        return int(found.group(1)) if found else 0

    def busy(self):
        text = machine.run(['ovs-appctl', '-t', f'{self.dir}/vswitchd.ctl', 'dpif-netdev/pmd-stats-show'], env=self.env)
        text = text[:text.find('main thread')]
        return tuple(sum(map(int, re.findall(rf'{what}: *(\d+)', text))) for what in ('processing cycles', 'packets received'))

    def pmd_threads(self):
        for comm in glob.glob(f'/proc/{self.switch.pid}/task/*/comm'):
            if machine.read(comm).startswith('pmd'):
                yield int(comm.split('/')[4])

    def pause(self):
        if self.switch.alive():
            if not self.guests:
                self.session.gen_ctl(self.shm, 'set', 'pause=1')
            for thread in self.pmd_threads():
                os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
        if self.guests:
            self.guests.child.pause()

    def resume(self):
        self.switch.check()
        for thread in self.pmd_threads():
            os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
            os.setpriority(os.PRIO_PROCESS, thread, PRIORITY)
        if self.guests:
            self.guests.child.resume()
        else:
            self.session.gen_ctl(self.shm, 'set', 'pause=0')

    def entries(self):
        text = machine.run(['ovs-appctl', '-t', f'{self.dir}/vswitchd.ctl', 'fdb/stats-show', 'br0'], env=self.env)
        found = re.search(r'Current/maximum[^:]*:\s*(\d+)', text)
        return int(found.group(1)) if found else None

    def memory(self):
        return {**super().memory(), 'stations': self.entries()}


PEER = Ovs
