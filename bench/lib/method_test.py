#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The method against machines that misbehave. TAP on stdout."""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
sys.dont_write_bytecode = True
from bench.lib import method, report  # noqa: E402
from bench.lib.point import Bar, Results  # noqa: E402
from bench.lib.tap import tap_main  # noqa: E402

LIMITS = method.Limits()


class Machine:
    """Contenders of a known cost on a machine whose speed is a function of time: 1.0 is its best state. On two cores the way
    between them is another, and costs a cycle for every 2 ns."""

    def __init__(self, costs, speed=lambda now: 1.0, noise=0.0, share=lambda now: 1.0, floor=27.0, seed=1, c2c=None):
        self.costs, self.speed, self.noise, self.share, self.floor_cost = costs, speed, noise, share, floor
        self.now, self.random, self.asked, self.c2c = 0.0, random.Random(seed), [], c2c

    def at(self, cost):
        return cost * self.speed(self.now) * (1 + self.random.uniform(-self.noise, self.noise))

    def measure(self, who):
        start = self.now
        self.now += 0.5
        self.asked.append(who)
        cycles = self.at(self.costs[who]) if self.costs[who] else 0
        # A window in whose middle the machine flips is a mixture.
        if self.speed(start) != self.speed(self.now) and cycles:
            cycles = self.costs[who] * (self.speed(start) + self.speed(self.now)) / 2
        way = {'c2c_before': self.c2c(start), 'c2c_after': self.c2c(self.now)} if self.c2c else {}
        cycles += sum(way.values()) / 4
        packets = int(1e9 / cycles) if cycles else 0
        return {'packets': packets, 'cycles': cycles, 'mpps': packets / 5e5, 'cpu_share': self.share(self.now), **way}

    def read_floor(self):
        self.now += 0.1
        return self.at(self.floor_cost)

    def run(self, rounds=7, limits=LIMITS, floor=None):
        floor = floor or method.Floor(limits)
        play = method.Rounds(list(self.costs), self.measure, self.read_floor, floor, limits)
        windows = play.run(rounds)
        return play, {who: method.result(of(windows, who), limits, rounds) for who in self.costs}


def of(windows, who):
    return [w for w in windows if w['who'] == who]


class Figures(unittest.TestCase):
    def test_summary(self):
        self.assertEqual(method.summary([3, 1, 2]), {'n': 3, 'min': 1, 'med': 2, 'max': 3, 'spread': 1.0})
        self.assertEqual(method.summary([1, 2, 3, 4])['med'], 2.5)
        self.assertIsNone(method.summary([]))

    def test_ratios_are_paired(self):
        # Both get slower together: unpaired medians would hide it, paired ratios do not move.
        a = [{'round': r, 'cycles': 200.0 * (1 + r)} for r in range(5)]
        b = [{'round': r, 'cycles': 50.0 * (1 + r)} for r in range(1, 6)]
        ratio = method.paired_ratio(a, b)
        self.assertEqual((ratio['n'], ratio['min'], ratio['med'], ratio['max']), (4, 4.0, 4.0, 4.0))

    def test_ratios_are_of_cores_as_far_apart(self):
        a = [{'round': r, 'cycles': 500.0, 'c2c_before': 260, 'c2c_after': 270} for r in range(3)]
        b = [{'round': r, 'cycles': 250.0, 'c2c_before': ns, 'c2c_after': ns} for r, ns in enumerate((260, 344, 345))]
        self.assertEqual(method.paired_ratio(a, b)['n'], 2)

    def test_a_bound_makes_a_ratio_one_from_below(self):
        free = [{'round': r, 'cycles': 100.0} for r in range(3)]
        bound = [{'round': r, 'cycles': 50.0, 'at_most': r == 1} for r in range(3)]
        self.assertEqual((method.paired_ratio(free, bound)['med'], method.paired_ratio(free, bound)['at_least']), (2.0, True))
        self.assertFalse(method.paired_ratio(free, free)['at_least'])
        # Over another's cost it would say nothing: not at least, not at most.
        self.assertEqual(method.paired_ratio(bound, free)['n'], 2)

    def test_ratio_without_common_rounds(self):
        self.assertIsNone(method.paired_ratio([{'round': 0, 'cycles': 1.0}], [{'round': 1, 'cycles': 1.0}]))
        self.assertIsNone(method.paired_ratio([{'round': 0, 'cycles': 1.0}], [{'round': 0, 'cycles': 0.0}]))


class Windows(unittest.TestCase):
    def setUp(self):
        self.floor = method.Floor(LIMITS)
        for _ in range(3):
            self.floor.seen(27.0)

    def judge(self, **change):
        good = {'packets': 1000, 'cycles': 60.0, 'cpu_share': 0.99, 'floor_before': 27.0, 'floor_after': 27.1}
        return method.judge({**good, **change}, self.floor, LIMITS)

    def test_a_good_one(self):
        self.assertEqual(self.judge(), '')

    def test_zero_packets(self):
        self.assertEqual(self.judge(packets=0), 'no packets')

    def test_cpu_share(self):
        self.assertEqual(self.judge(cpu_share=0.97), '')
        self.assertIn('shared', self.judge(cpu_share=0.969))
        self.assertIn('shared', self.judge(cpu_share=0.0))
        self.assertEqual(self.judge(cpu_share=None), '')

    def test_waiting_tells_more_than_the_share(self):
        self.assertEqual(self.judge(cpu_share=0.3, waited=0.0), '')
        self.assertIn('waited', self.judge(cpu_share=0.99, waited=0.04))

    def test_damage_and_floods(self):
        self.assertIn('damaged', self.judge(bad=1))
        self.assertIn('flooded', self.judge(flooded=5))
        self.assertIn('set the pace', self.judge(generator_bound=True))

    def test_a_rate_that_all_are_offered(self):
        self.assertEqual(self.judge(rate=7e6, loss=0.03), '')
        self.assertIn('not carried: 0.031', self.judge(rate=7e6, loss=0.031))
        self.assertIn('late', self.judge(rate=7e6, loss=0.0, generator_bound=True))
        self.assertEqual(self.judge(rate=None, loss=0.5), '')

    def test_a_floor_that_moves(self):
        self.assertEqual(self.judge(floor_after=27.8), '')
        self.assertIn('moved', self.judge(floor_after=27.9))
        self.assertIn('moved', self.judge(floor_before=45.0))

    def test_the_wrong_state(self):
        self.assertIn('wrong state', self.judge(floor_before=45.0, floor_after=45.1))
        self.assertIn('wrong state', self.judge(floor_before=20.0, floor_after=20.1))

    def test_a_floor_that_is_gone(self):
        self.assertIn('could not be read', self.judge(floor_after=None))
        self.assertIn('could not be read', self.judge(floor_before=0))

    def test_two_cores(self):
        self.assertEqual(self.judge(c2c_before=104, c2c_after=121), '')
        self.assertEqual(self.judge(c2c_before=480, c2c_after=470), '')
        self.assertIn('moved', self.judge(c2c_before=104, c2c_after=480))
        self.assertIn('moved', self.judge(c2c_before=180, c2c_after=200))
        self.assertIn('moved', self.judge(c2c_before=480, c2c_after=330, generator_bound=True))
        self.assertIn('moved', self.judge(c2c_before=100, c2c_after=140))
        self.assertIn('set the pace', self.judge(c2c_before=480, c2c_after=480, generator_bound=True))
        self.assertIn('could not be read', self.judge(c2c_before=104))

    def test_states(self):
        for before, after, state in ((64, 190, 'near'), (191, 450, 'far'), (64, 450, ''), (450, 64, ''), (64, None, ''),
                                     (None, None, '')):
            self.assertEqual(method.state_of({'c2c_before': before, 'c2c_after': after}), state)


class Reference(unittest.TestCase):
    def test_one_lucky_reading_moves_nothing(self):
        floor = method.Floor(LIMITS)
        for cycles in (27.0, 27.1, 27.0, 12.0, 27.0, 27.1):
            floor.seen(cycles)
        self.assertAlmostEqual(floor.reference, 27.0, places=1)

    def test_it_sinks_when_the_lower_state_lasts(self):
        floor = method.Floor(LIMITS)
        for cycles in (45.0, 45.1, 45.0, 27.0, 27.1, 27.0):
            floor.seen(cycles)
        self.assertAlmostEqual(floor.reference, 27.0, places=1)
        for cycles in (45.0, 45.1, 45.0):
            floor.seen(cycles)
        self.assertAlmostEqual(floor.reference, 27.0, places=1)

    def test_nothing_sensible_is_no_reference(self):
        floor = method.Floor(LIMITS)
        for cycles in (0, None, 30.0, 50.0, 31.0, 49.0, 28.0):
            floor.seen(cycles)
        self.assertIsNone(floor.reference)
        self.assertFalse(floor.wrong(99.0))


class Interleaving(unittest.TestCase):
    def test_turns(self):
        self.assertEqual([method.turn(['a', 'b', 'c'], r) for r in range(3)],
                         [['a', 'b', 'c'], ['b', 'c', 'a'], ['c', 'a', 'b']])

    def test_a_quiet_machine_is_asked_no_more_than_needed(self):
        machine = Machine({'leat': 60.0, 'ovs': 233.0}, noise=0.003)
        play, results = machine.run(7)
        self.assertEqual(len(machine.asked), 14)
        self.assertEqual(machine.asked[:4], ['leat', 'ovs', 'ovs', 'leat'])
        self.assertTrue(all(r['quiet'] for r in results.values()))
        ratio = method.paired_ratio(of(play.windows, 'ovs'), of(play.windows, 'leat'))
        self.assertAlmostEqual(ratio['med'], 233 / 60, delta=0.05)

    def test_a_machine_that_flips(self):
        # 2 s fast, 1 s slow, and so on: windows in the slow state, and those with the flip inside, do not count.
        machine = Machine({'leat': 60.0, 'ovs': 233.0}, speed=lambda now: 1.0 if now % 3 < 2 else 1.65, noise=0.002)
        play, results = machine.run(7)
        self.assertTrue(any(w['why'] for w in play.windows))
        self.assertTrue(results['leat']['quiet'] and results['ovs']['quiet'], results)
        self.assertLess(results['leat']['cycles']['max'], 61)
        self.assertLess(results['ovs']['cycles']['max'], 236)

    def test_a_machine_that_starts_in_the_wrong_state(self):
        # Slow for the first rounds, then fast for good: the first rounds looked right when they were measured.
        machine = Machine({'leat': 60.0, 'ovs': 233.0}, speed=lambda now: 1.65 if now < 4 else 1.0, noise=0.002)
        play, results = machine.run(7)
        early = [w for w in play.windows if w['round'] == 0]
        self.assertTrue(all('wrong state' in w['why'] for w in early), early)
        self.assertLess(results['leat']['cycles']['max'], 61)
        self.assertEqual(results['leat']['cycles']['n'], 7)
        self.assertTrue(results['leat']['quiet'])

    def test_a_machine_that_never_comes_back(self):
        # After the first round it is slow for good. The budget ends; the states are not mixed; it is said.
        machine = Machine({'leat': 60.0, 'ovs': 233.0}, speed=lambda now: 1.0 if now < 2 else 1.65, noise=0.002)
        play, results = machine.run(7)
        self.assertLessEqual(len(machine.asked), 2 * 14 * (1 + LIMITS.repeats))
        self.assertFalse(results['leat']['quiet'])
        self.assertIn('wrong state', results['leat']['why'])
        self.assertGreater(results['leat']['cycles']['min'], 98)
        self.assertLess(results['leat']['cycles']['spread'], 0.02)

    def test_a_core_that_is_shared(self):
        machine = Machine({'leat': 60.0}, share=lambda now: 0.5)
        play, results = machine.run(7)
        self.assertLessEqual(len(machine.asked), 14 * (1 + LIMITS.repeats))
        self.assertFalse(results['leat']['quiet'])
        self.assertIn('shared', results['leat']['why'])

    def test_a_floor_that_wanders(self):
        # 1 % more with each reading: each step is small, but the state leaves the gate.
        machine = Machine({'leat': 60.0}, speed=lambda now: 1.01 ** (now / 0.6))
        play, results = machine.run(30)
        counted = [w for w in play.windows if not w['why']]
        self.assertTrue(counted)
        self.assertLess(max(w['cycles'] for w in counted) / min(w['cycles'] for w in counted), 1.15)
        self.assertTrue(any('wrong state' in w['why'] for w in play.windows))

    def test_a_contender_that_moves_nothing(self):
        machine = Machine({'leat': 60.0, 'dead': 0})
        play, results = machine.run(7)
        self.assertEqual(play.dead, {'dead': 'no packets'})
        self.assertEqual(machine.asked.count('dead'), 1 + LIMITS.repeats)
        self.assertEqual(machine.asked.count('leat'), 7)
        self.assertIsNone(results['dead']['cycles'])
        self.assertEqual(results['dead']['why'], 'no packets')
        self.assertTrue(results['leat']['quiet'])

    def test_damage_is_never_a_result(self):
        machine = Machine({'leat': 60.0})
        plain = machine.measure
        machine.measure = lambda who: {**plain(who), 'bad': 3}
        _, results = machine.run(7)
        self.assertIsNone(results['leat']['cycles'])
        self.assertIn('damaged', results['leat']['why'])

    def test_the_largest_group_stands_in(self):
        def window(round_no, cycles, level):
            return {'round': round_no, 'packets': 9, 'cycles': cycles, 'mpps': 1.0, 'floor_before': level,
                    'floor_after': level, 'state': '', 'why': 'the core was shared: 0.9 of it was ours'}
        windows = [window(0, 99.0, 45.0), window(1, 60.0, 27.0), window(2, 60.5, 27.1), window(3, 98.0, 45.2),
                   window(4, 61.0, 27.0)]
        used, why = method.pick(windows)
        self.assertEqual([w['cycles'] for w in used], [60.0, 60.5, 61.0])
        self.assertIn('only 0 of 5', why)

    def test_no_floor_at_all(self):
        machine = Machine({'leat': 60.0})
        machine.read_floor = lambda: None
        _, results = machine.run(7)
        self.assertTrue(results['leat']['quiet'])
        self.assertIsNone(results['leat']['floor'])

    def test_nothing_but_mixtures_is_no_result(self):
        windows = [{'round': r, 'packets': 9, 'cycles': 40.0, 'mpps': 1.0, 'floor_before': 27.0, 'floor_after': 45.0,
                    'state': '', 'why': 'the floor moved: 27.0, 45.0'} for r in range(3)]
        found = method.result(windows)
        self.assertIsNone(found['cycles'])
        self.assertIn('moved', found['why'])

    def test_fewer_rounds_than_the_least(self):
        machine = Machine({'leat': 60.0})
        _, results = machine.run(2)
        self.assertTrue(results['leat']['quiet'])
        self.assertEqual(results['leat']['cycles']['n'], 2)

    def test_two_rounds_of_which_one_is_replaced(self):
        machine = Machine({'leat': 60.0}, share=lambda now: 0.5 if now < 2.5 else 1.0)
        play, results = machine.run(2)
        self.assertEqual(results['leat']['cycles']['n'], 2)
        self.assertGreater(max(w['round'] for w in play.windows), 1)
        self.assertTrue(results['leat']['quiet'])

    def test_nothing_is_measured(self):
        self.assertIsNone(method.result([])['cycles'])


BOTH = {'leat': 60.0, 'ovs': 240.0}
BAR = Bar('ovs over ours', lambda r: r.ratio('guests', 'ovs', 'leat'), at_least=1.9)


def guests(machine, rounds=7):
    """A point on two cores: (windows, the run's data)."""
    windows = machine.run(rounds)[0].windows
    states = method.states(windows, rounds)
    contenders, ratios = method.results(windows, list(machine.costs), [('ovs', 'leat')], states, rounds)
    point = {'name': 'guests', 'title': 'guests', 'contenders': contenders, 'ratios': ratios,
             'passed_over': method.passed_over(windows, states)}
    return windows, {'points': [point], 'method': {'least': LIMITS.least, 'rounds': rounds}}


class States(unittest.TestCase):
    def bars(self, data):
        return [(row['state'], row['ok'], row['quiet']) for row in BAR.judge(data)]

    def test_all_near(self):
        windows, data = guests(Machine(BOTH, c2c=lambda now: 80))
        self.assertEqual(len(windows), 14)
        self.assertEqual(list(data['points'][0]['contenders']), ['leat@near', 'ovs@near'])
        self.assertEqual(self.bars(data), [('near', True, True)])

    def test_all_far(self):
        # Neither state is wrong: nothing is repeated, and the result is quiet.
        windows, data = guests(Machine(BOTH, c2c=lambda now: 420))
        self.assertEqual(len(windows), 14)
        self.assertEqual(data['points'][0]['contenders']['leat@far']['c2c']['med'], 420)
        self.assertEqual(self.bars(data), [('far', False, True)])
        self.assertIn('leat (cores far, 420 ns)', report.point_table(data['points'][0]))
        self.assertIn('ovs over ours, cores far', report.bars_table(BAR.judge(data)))

    def test_one_state_is_complete(self):
        windows, data = guests(Machine(BOTH, c2c=lambda now: 80 if now < 2.8 else 420))
        point = data['points'][0]
        self.assertEqual(list(point['contenders']), ['leat@far', 'ovs@far'])
        self.assertEqual(self.bars(data), [('far', False, True)])
        self.assertEqual({w['why'][:28] for w in windows if w['state'] == ''}, {'the way between the cores mo'})
        self.assertEqual((point['contenders']['leat@far']['cycles']['spread'], point['contenders']['leat@far']['c2c']['n']),
                         (0.0, 7))
        self.assertEqual(list(point['passed_over']), ['near'])
        self.assertIn('cores near: only', report.point_table(point))
        self.assertIn('cores near: only', '\n'.join(report.point_markdown(point)))

    def test_both_states_are_complete(self):
        # The bar holds in one and not in the other: it is judged in both.
        windows, data = guests(Machine(BOTH, c2c=lambda now: 80 if now < 4.5 else 420))
        point = data['points'][0]
        self.assertEqual(list(point['contenders']), ['leat@far', 'ovs@far', 'leat@near', 'ovs@near'])
        self.assertEqual(self.bars(data), [('far', False, True), ('near', True, True)])
        self.assertEqual(point['passed_over'], {})
        for one in point['contenders'].values():
            self.assertEqual(one['cycles']['spread'], 0.0)
        self.assertLess(len(windows), 2 * 14)

    def test_no_state_is_complete(self):
        # Each is always measured in the other's state: windows count, and yet nothing can be compared.
        machine = Machine(BOTH)
        plain = machine.measure
        machine.measure = lambda who: {**plain(who), **dict.fromkeys(('c2c_before', 'c2c_after'), 80 if who == 'leat' else 420)}
        windows, data = guests(machine)
        self.assertLessEqual(len(windows), 14 * 1.5)
        point = data['points'][0]
        self.assertEqual(len({w['state'] for w in windows}), 2)
        self.assertEqual({who.partition('@')[0] for who in point['contenders']}, set(BOTH))
        self.assertEqual(sum(one['quiet'] for one in point['contenders'].values()), 1)
        self.assertIn('the cores were', next(one['why'] for one in point['contenders'].values() if not one['quiet']))
        self.assertEqual(self.bars(data), [('', None, None)])

    def test_flips_all_the_time(self):
        # Within every window: there is no state, and the budget ends.
        windows, data = guests(Machine(BOTH, c2c=lambda now: 80 if int(now * 10) % 2 else 420))
        self.assertLessEqual(len(windows), 2 * 14 * (1 + LIMITS.repeats))
        self.assertFalse(any(one['quiet'] for one in data['points'][0]['contenders'].values()))
        self.assertFalse(any(quiet for _, _, quiet in self.bars(data)))

    def test_too_few_rounds_in_one_state(self):
        # Two rounds of each: the fuller state is shown, unquiet.
        data = guests(Machine(BOTH, c2c=lambda now: 80 if now < 2.6 else 420), rounds=3)[1]
        self.assertEqual(self.bars(data)[0][2], False)

    def test_a_wander_within_far(self):
        # 260 to 450 ns and back within a minute: what is paired lies within 30 %.
        _, data = guests(Machine(BOTH, c2c=lambda now: 260 + 190 * (1 - abs(1 - now % 6 / 3))))
        ratio = data['points'][0]['ratios']['ovs@far/leat@far']
        self.assertGreaterEqual(ratio['n'], LIMITS.least)
        self.assertLess(ratio['max'] / ratio['min'], 1.3)
        self.assertEqual(self.bars(data), [('far', False, True)])

    def test_jumps_within_far(self):
        # Each contender in a level of its own: all windows count, none can be paired.
        machine = Machine(BOTH)
        plain = machine.measure
        machine.measure = lambda who: {**plain(who), **dict.fromkeys(('c2c_before', 'c2c_after'), 260 if who == 'leat' else 450)}
        _, data = guests(machine)
        self.assertEqual(data['points'][0]['ratios'], {})
        self.assertEqual(self.bars(data), [('', None, None)])

    def test_the_largest_group_is_of_one_level(self):
        def window(round_no, cycles, ns):
            return {'round': round_no, 'packets': 9, 'cycles': cycles, 'mpps': 1.0, 'c2c_before': ns, 'c2c_after': ns,
                    'state': 'near' if ns < 190 else 'far', 'why': 'the core was shared: 0.9 of it was ours'}
        windows = [window(0, 260.0, 64), window(1, 510.0, 355), window(2, 900.0, 800), window(3, 515.0, 361)]
        self.assertEqual([w['cycles'] for w in method.pick(windows, state='far')[0]], [510.0, 515.0])

    def test_a_contender_that_moves_nothing_keeps_no_state_from_the_others(self):
        play, _ = Machine({'leat': 60.0, 'ovs': 240.0}, c2c=lambda now: 420).run(7)
        windows = play.windows + [{'who': 'dead', 'round': 0, 'packets': 0, 'state': '', 'why': 'no packets'}]
        self.assertEqual(method.states(windows, 7), ['far'])

    def test_results_without_a_state(self):
        # As they were recorded before there were states, and as those of one core are.
        one = {'cycles': {'med': 60.0}, 'quiet': True}
        data = {'points': [{'name': 'guests', 'contenders': {'leat': one, 'ovs': one},
                            'ratios': {'ovs/leat': {'med': 4.0, 'n': 7}}}], 'method': {'least': 3, 'rounds': 7}}
        self.assertEqual(self.bars(data), [('', True, True)])
        self.assertEqual(Results(data).cycles('guests', 'leat'), (60.0, True))

    def test_a_generator_that_is_too_slow_bounds_our_cost_only(self):
        def generator_bound(whom):
            machine = Machine(BOTH, c2c=lambda now: 420)
            plain = machine.measure
            machine.measure = lambda who: method.bounded({**plain(who), 'generator_bound': who == whom}, who == 'leat')
            return guests(machine)[1]
        data = generator_bound('leat')
        point = data['points'][0]
        self.assertEqual([one['at_most'] for one in point['contenders'].values()], [True, False])
        self.assertTrue(point['ratios']['ovs@far/leat@far']['at_least'])
        self.assertEqual(self.bars(data), [('far', False, True)])
        table = report.point_table(point)
        self.assertIn('<= 270.0 / 270.0 / 270.0', table)
        self.assertIn('>= 1.67 x leat', table)
        data = generator_bound('ovs')
        self.assertFalse(data['points'][0]['contenders']['ovs@far']['quiet'])
        self.assertIn('set the pace', data['points'][0]['contenders']['ovs@far']['why'])
        self.assertEqual([quiet for _, _, quiet in self.bars(data)], [False])

    def test_a_late_generator_bounds_nothing(self):
        late = {'rate': 7e6, 'generator_bound': True}
        self.assertEqual(method.bounded(late, True), late)

    def test_all_at_one_rate(self):
        windows, data = guests(Machine(BOTH, c2c=lambda now: 420))
        point = data['points'][0]
        point['paced'] = {'rate': 6.75e6, 'contenders': point['contenders'], 'ratios': point['ratios'], 'windows': windows}
        self.assertIn('all at 6.75 Mpps: ovs (cores far, 420 ns) 450.0 / 450.0 / 450.0 cycles, 1.67 x leat',
                      report.point_table(point))
        self.assertIn('all at 6.75 Mpps: leat', '\n'.join(report.point_markdown(point)))

    def test_a_search_stands_beside_its_own_state(self):
        far = {'state': 'far', 'why': ''}
        self.assertEqual([method.beside(far, state, ['far', 'near']) for state in ('far', 'near')], [far, None])
        self.assertEqual(method.beside(far, 'near', ['near'])['why'], 'measured with the cores far')
        moved = {'state': '', 'why': 'the way between the cores moved: 80, 420 ns'}
        self.assertEqual([method.beside(moved, state, ['far', 'near']) for state in ('far', 'near')], [moved, None])
        self.assertIsNone(method.beside(None, 'near', ['near']))


class Search(unittest.TestCase):
    @staticmethod
    def device(capacity, stalls=0.0, ceiling=1e9, seed=1):
        chance = random.Random(seed)

        def trial(rate):
            offered = min(rate, ceiling)
            lost = max(0.0, 1 - capacity / offered)
            return {'offered': offered, 'lost': 0.02 if chance.random() < stalls else lost}
        return trial

    def test_finds_the_capacity(self):
        found = method.search(self.device(7.3e6), 1e5, 2e7, tolerance=0.01)
        self.assertEqual(found['bound'], 'loss')
        self.assertTrue(7.3e6 * 0.99 <= found['rate'] <= 7.3e6, found['rate'])
        self.assertTrue(all(t['lost'] == 0 for t in found['trials'] if t['ok']))

    def test_allowed_loss(self):
        found = method.search(self.device(1e6), 1e5, 2e7, tolerance=0.001, loss=0.005)
        self.assertAlmostEqual(found['rate'], 1e6 / 0.995, delta=3e3)

    def test_stalls_of_the_host(self):
        found = method.search(self.device(7.3e6, stalls=0.2, seed=7), 1e5, 2e7, tolerance=0.01, retries=3)
        self.assertTrue(7.3e6 * 0.98 <= found['rate'] <= 7.3e6, found['rate'])

    def test_a_generator_that_was_late_once(self):
        carries, calls = self.device(7.3e6), []

        def trial(rate):
            calls.append(rate)
            return {'offered': rate / 5, 'lost': 0.0} if len(calls) == 4 else carries(rate)  # the first in the middle
        found = method.search(trial, 1e5, 2e7, tolerance=0.01)
        self.assertTrue(7.3e6 * 0.98 <= found['rate'] <= 7.3e6, found['rate'])

    def test_carries_everything(self):
        found = method.search(self.device(3e7), 1e5, 2e7)
        self.assertEqual((found['rate'], found['bound'], len(found['trials'])), (2e7, 'high', 1))

    def test_bound_by_the_generator(self):
        found = method.search(self.device(3e7, ceiling=9e6), 1e5, 2e7)
        self.assertEqual((found['rate'], found['bound']), (9e6, 'offered'))

    def test_carries_nothing(self):
        found = method.search(self.device(0.0), 1e5, 2e7)
        self.assertEqual((found['rate'], found['bound']), (None, 'low'))
        found = method.search(lambda rate: {'offered': 0, 'lost': 0.0}, 1e5, 2e7)
        self.assertIsNone(found['rate'])

    def test_a_rate_for_all(self):
        def common(*rates):
            return method.common_rate({who: {'search': {'rate': rate}} for who, rate in enumerate(rates)})
        self.assertAlmostEqual(common(10e6, 7.5e6), 6.75e6)
        self.assertEqual([common(7e6), common(7e6, None), common()], [None] * 3)
        self.assertIsNone(method.common_rate({'leat': {'search': {'rate': 7e6}}, 'ovs': {'error': 'gone'}}))

    def test_ends(self):
        chance = random.Random(3)
        found = method.search(lambda rate: {'offered': rate, 'lost': chance.choice((0.0, 1.0))}, 1e5, 2e7, 0.001)
        self.assertLess(len(found['trials']), 60)


class Check(unittest.TestCase):
    @staticmethod
    def one(med, spread=0.02, **more):
        return {'ratio': {'min': med * (1 - spread / 2), 'med': med, 'max': med * (1 + spread / 2)}, **more}

    def verdict(self, old, new, tolerance=0.05):
        found = method.compare({'x': old}, {'x': new} if new else {}, tolerance)
        return [kind for kind, rows in found.items() if rows]

    def test_verdicts(self):
        self.assertEqual(self.verdict(self.one(2.0), self.one(2.05)), ['same'])
        self.assertEqual(self.verdict(self.one(2.0), self.one(2.2)), ['worse'])
        self.assertEqual(self.verdict(self.one(2.0), self.one(1.8)), ['better'])

    def test_higher_is_better(self):
        self.assertEqual(self.verdict(self.one(3.5, better='high'), self.one(3.0)), ['worse'])
        self.assertEqual(self.verdict(self.one(3.5, better='high'), self.one(4.0)), ['better'])

    def test_within_the_recorded_spread(self):
        self.assertEqual(self.verdict(self.one(2.0, spread=0.3), self.one(2.2)), ['same'])

    def test_unquiet_or_missing_says_nothing(self):
        self.assertEqual(self.verdict(self.one(2.0), self.one(9.0, quiet=False)), ['unknown'])
        self.assertEqual(self.verdict(self.one(2.0), None), ['unknown'])
        self.assertEqual(self.verdict(self.one(2.0), {'ratio': None}), ['unknown'])

    def test_only_like_states_are_compared(self):
        found = method.compare({'x: ovs@near over leat@near': self.one(2.0)}, {'x: ovs@far over leat@far': self.one(1.0)})
        self.assertEqual([kind for kind, rows in found.items() if rows], ['unknown'])


if __name__ == '__main__':
    sys.exit(tap_main(sys.modules[__name__]))
