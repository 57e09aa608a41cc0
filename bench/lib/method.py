# SPDX-License-Identifier: BSD-3-Clause
"""The method, without a machine: what is measured when, which window counts, what is said of those that count.

Pure: time, processes and packets come in as functions, so that method_test.py can play a machine that misbehaves.

A *window* is one look at one contender: a dict with at least packets, cycles (per packet), cpu_share. Before and after
it stands a reading of the *floor* (the cost of the generator and sink with the least that can be between them). A
window counts when the core was its own, nothing was damaged, and the floor stood still in the right state around it.
Others are kept, marked with why, measured again as often as the budget allows, and never averaged in.

A window in which the generator set the pace is none of a peer's. Of ours it says *at most*: who has time to spare takes
smaller bursts, and those cost more a packet. So such a cost is an upper bound, and a ratio over it a lower one.

A window on two cores has a *state*: the cores are near each other or far apart. Neither is wrong, but they are two
machines: a result is made of windows of one state, and there is one for each state in which enough count.
"""
import statistics
from collections import Counter
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Limits:
    cpu_share: float = 0.97   # of a window, that the polling thread must have had its core when it wanted it
    floor_move: float = 0.03  # between the readings before and after a window
    state: float = 0.10       # distance from the reference floor: beyond it the machine is in another state
    c2c_near_ns: float = 190  # a cache line's round trip between cores that are near; above it they are far apart
    c2c_move: float = 0.30    # between the readings before and after a window, and between windows that are compared
    loss: float = 0.03        # of a rate that is offered to all: hosts that stall for milliseconds lose something at any
    share: float = 0.9        # of the least loss-free rate: what is offered to all
    repeats: int = 2          # of one window at once
    extra_rounds: float = 0.5  # further rounds, as a part of those asked for, to replace what did not count
    least: int = 3            # windows that count, for a result that is called quiet

    def as_dict(self):
        return asdict(self)


# ---- figures ------------------------------------------------------------------------------------------------

def summary(values):
    """min, median, max, spread = (max - min) / median; None without values."""
    values = sorted(values)
    if not values:
        return None
    med = statistics.median(values)
    return {'n': len(values), 'min': values[0], 'med': med, 'max': values[-1],
            'spread': (values[-1] - values[0]) / med if med else 0.0}


def by_round(windows):
    """{round: window} of those that count; the last one when a round has several."""
    return {w['round']: w for w in windows}


def paired_ratio(over, under, key='cycles', limits=Limits()):
    """Median of the ratios within each round, with min and max; None when no round has both, with the cores as far apart.
    `at_least`: of some the lower cost is at most so much. What is over is never such a bound."""
    a, b = by_round(w for w in over if not w.get('at_most')), by_round(under)
    rounds = [r for r in sorted(a.keys() & b.keys()) if b[r][key] > 0 and alike((a[r], b[r]), limits)]
    found = summary([a[r][key] / b[r][key] for r in rounds])
    return found and {**found, 'at_least': any(b[r].get('at_most', False) for r in rounds)}


def around(window, name):
    """The reading around a window, of the floor or of c2c; None when it was not read."""
    seen = [x for x in (window.get(f'{name}_before'), window.get(f'{name}_after')) if x]
    return sum(seen) / len(seen) if seen else None


def floor_of(window):
    return around(window, 'floor')


def c2c_of(window):
    return around(window, 'c2c')


def floor_ratio(windows, key='cycles'):
    """A contender's cost over the floor around each of its windows."""
    return summary([w[key] / floor_of(w) for w in windows if floor_of(w)])


# ---- the state of the machine -------------------------------------------------------------------------------

class Floor:
    """Which floor is the machine's own: the lowest that was held for `settle` readings. Machines flip between states
    (the host moves or slows the core); one reading that is too good to be true moves nothing."""

    def __init__(self, limits=Limits(), settle=3):
        self.limits, self.settle = limits, settle
        self.reference = None
        self.readings = []

    def seen(self, cycles):
        if not cycles or cycles <= 0:
            return
        self.readings.append(cycles)
        last = self.readings[-self.settle:]
        if len(last) < self.settle or max(last) > min(last) * (1 + self.limits.floor_move):
            return
        level = statistics.median(last)
        if self.reference is None or level < self.reference * (1 - self.limits.floor_move):
            self.reference = level

    def moved(self, before, after):
        return abs(after / before - 1) > self.limits.floor_move

    def wrong(self, reading):
        """The machine is in another state than its best. Faster than that by one reading is another state, too."""
        return self.reference is not None and abs(reading / self.reference - 1) > self.limits.state


def bounded(window, ours):
    """What a generator that set the pace makes of a window without a rate: of ours a cost of at most so much. Not of a peer's,
    whom it would flatter us against."""
    if not ours or window.get('rate') or not window.get('generator_bound'):
        return window
    return {**window, 'generator_bound': False, 'at_most': True}


def judge(window, floor, limits=Limits()):
    """Why a window does not count; '' when it does."""
    if not window.get('packets'):
        return 'no packets'
    if window.get('bad'):
        return f'{window["bad"]} damaged packets'
    if window.get('flooded'):
        return f'{window["flooded"]} packets flooded'
    if window.get('dropped', 0) > window['packets'] / 1000 and window.get('c2c_before') is None:
        return f'{window["dropped"]} packets dropped'
    if window.get('waited') is not None:
        # Better than the share: a thread may sleep by itself, as on a lock of its own process.
        if window['waited'] > 1 - limits.cpu_share:
            return f'the core was shared: we waited for {window["waited"]:.3f} of the time'
    elif window.get('cpu_share') is not None and window['cpu_share'] < limits.cpu_share:
        return f'the core was shared: {window["cpu_share"]:.3f} of it was ours'
    found = judge_floor(window, floor) or judge_c2c(window, limits)
    return found or judge_pace(window, limits)


def judge_pace(window, limits):
    if window.get('generator_bound'):
        return 'the generator was late' if window.get('rate') else 'the generator set the pace, not the device under test'
    if window.get('rate') and window['loss'] > limits.loss:
        return f'the rate was not carried: {window["loss"]:.3f} of it was lost'
    return ''


def judge_floor(window, floor):
    before, after = window.get('floor_before'), window.get('floor_after')
    if floor is None or before is None and after is None:
        return ''
    if not before or not after:
        return 'the floor could not be read'
    if floor.moved(before, after):
        return f'the floor moved: {before:.1f}, {after:.1f}'
    if floor.wrong(before) or floor.wrong(after):
        return f'wrong state: floor {after:.1f}, reference {floor.reference:.1f}'
    return ''


def judge_c2c(window, limits):
    """Two cores: the way between them must be as long after the window as before, in one state."""
    before, after = window.get('c2c_before'), window.get('c2c_after')
    if before is None and after is None:
        return ''
    if not before or not after:
        return 'the way between the cores could not be read'
    if abs(after / before - 1) > limits.c2c_move or not state_of(window, limits):
        return f'the way between the cores moved: {before:.0f}, {after:.0f} ns'
    return ''


def state_of(window, limits=Limits()):
    """'near' or 'far', of a window on two cores; '' on one core, and when the cores were both around it."""
    seen = [window.get('c2c_before'), window.get('c2c_after')]
    if not all(seen):
        return ''
    near = [ns <= limits.c2c_near_ns for ns in seen]
    return 'near' if all(near) else '' if any(near) else 'far'


def alike(windows, limits=Limits()):
    """The cores were as far apart around each of them."""
    seen = [c2c_of(w) for w in windows if c2c_of(w)]
    return not seen or max(seen) <= min(seen) * (1 + limits.c2c_move)


def whole_rounds(windows, state, limits=Limits()):
    """How many rounds there are in which everybody who moves packets has a window that counts, in this state and alike."""
    everybody, rounds = {w['who'] for w in windows if w.get('packets')}, {}
    for window in windows:
        if window['state'] == state and not window['why']:
            rounds.setdefault(window['round'], {})[window['who']] = window
    return sum(seen.keys() == everybody and alike(seen.values(), limits) for seen in rounds.values())


def complete(windows, number, limits=Limits()):
    """The states that have so many whole rounds."""
    return [state for state in sorted({w['state'] for w in windows}) if whole_rounds(windows, state, limits) >= number]


def states(windows, rounds, limits=Limits()):
    """The states in which there is a result, of all windows of a point for which `rounds` were asked. When none has enough
    windows it is the one with the most, and its results are not quiet."""
    count, there = Counter(w['state'] for w in windows if not w['why']), Counter(w['state'] for w in windows)
    return (complete(windows, min(limits.least, rounds), limits) or
            [max(there, key=lambda state: (count[state], there[state]), default='')])


def named(who, state):
    """A contender in a state, as results name it."""
    return f'{who}@{state}' if state else who


# ---- interleaving --------------------------------------------------------------------------------------------

def turn(contenders, round_no):
    """The order of a round: each begins in its turn, so that nobody is always measured behind the same neighbour."""
    at = round_no % len(contenders) if contenders else 0
    return contenders[at:] + contenders[:at]


class Rounds:
    """One point: windows of all contenders, interleaved. measure(who) returns a window, read_floor() cycles per packet
    or None. `dead` holds those that moved no packet at all in a round; they are not asked again."""

    def __init__(self, contenders, measure, read_floor, floor, limits=Limits(), progress=None):
        self.contenders, self.measure, self.read_floor = list(contenders), measure, read_floor
        self.floor, self.limits, self.progress = floor, limits, progress or (lambda window: None)
        self.windows, self.dead = [], {}
        self.last_floor = None

    def run(self, rounds):
        self.read()
        for round_no in range(rounds):
            self.one_round(round_no)
        # The reference may have sunk meanwhile: what was measured before that is judged again, and replaced.
        spare, round_no = int(rounds * self.limits.extra_rounds), rounds
        while spare > 0 and self.missing(rounds):
            self.one_round(round_no)
            round_no, spare = round_no + 1, spare - 1
        self.rejudge()
        return self.windows

    def read(self):
        self.last_floor = self.read_floor()
        self.floor.seen(self.last_floor)
        return self.last_floor

    def one_round(self, round_no):
        for who in turn(self.contenders, round_no):
            if who not in self.dead:
                self.one_window(who, round_no)

    def one_window(self, who, round_no):
        whys = []
        for attempt in range(1 + self.limits.repeats):
            window = dict(self.measure(who), who=who, round=round_no, attempt=attempt,
                          floor_before=self.last_floor)
            window['floor_after'] = self.read()
            window['state'] = state_of(window, self.limits)
            window['why'] = judge(window, self.floor, self.limits)
            self.windows.append(window)
            self.progress(window)
            if not window['why']:
                return
            whys.append(window['why'])
        if all(why == 'no packets' for why in whys):
            self.dead[who] = 'no packets'

    def rejudge(self):
        for window in self.windows:
            window['why'] = judge(window, self.floor, self.limits)

    def missing(self, rounds):
        self.rejudge()
        return not complete(self.windows, rounds, self.limits)


# ---- results --------------------------------------------------------------------------------------------------

def pick(windows, limits=Limits(), rounds=None, state=''):
    """(windows to use, '' or why the result is called unquiet), of one contender in one state, for which `rounds` were asked.
    When too few count, the largest group that was measured at one level stands in: levels are never mixed."""
    mine = [w for w in windows if w['state'] == state]
    good = list(by_round(w for w in mine if not w['why']).values())
    if good and len(good) >= min(limits.least, rounds or len({w['round'] for w in windows})):
        return good, ''
    usable = [w for w in mine if w.get('packets') and not w.get('bad') and not w.get('flooded')]
    groups = [group for group in (same_level(usable, w, limits) for w in usable) if group]
    if not groups:
        return [], most_common_why(windows, state) if windows else 'not measured'
    group = max(groups, key=lambda g: (len(g), -cost(g)))
    why = f'only {len(good)} of {len(windows)} windows count: {most_common_why(windows, state)}'
    return list(by_round(group).values()), why


def same_level(windows, pivot, limits):
    """Those at the pivot's level of the floor, and of the way between the cores, from before to after. A window in which
    the state changed is in no group."""
    def at_level(window, name, level, width):
        both = (window.get(f'{name}_before'), window.get(f'{name}_after'))
        return not level or all(value and abs(value / level - 1) <= width for value in both)

    floor, c2c = floor_of(pivot), pivot.get('c2c_after')
    return [w for w in windows if at_level(w, 'floor', floor, limits.floor_move * 2) and
            at_level(w, 'c2c', c2c, limits.c2c_move)]


def cost(windows):
    return statistics.median(w['cycles'] for w in windows)


def most_common_why(windows, state):
    """Why windows are not in a result of this state."""
    others = [w['why'] or f'the cores were {w["state"]}' for w in windows if w['why'] or w['state'] != state]
    return statistics.mode(why.split(':')[0] for why in others)


def result(windows, limits=Limits(), rounds=None, state=''):
    """What is said of one contender at one point, in one state."""
    used, why = pick(windows, limits, rounds, state)
    if not used:
        return {'cycles': None, 'mpps': None, 'floor': None, 'quiet': False, 'why': why, 'windows': len(windows)}
    return {'cycles': summary([w['cycles'] for w in used]), 'mpps': summary([w['mpps'] for w in used]),
            'floor': summary([floor_of(w) for w in used if floor_of(w)]), 'over_floor': floor_ratio(used),
            'c2c': summary([c2c_of(w) for w in used if c2c_of(w)]),
            'at_most': any(w.get('at_most', False) for w in used), 'quiet': not why, 'why': why, 'windows': len(windows)}


def results(windows, everybody, ratios, shown, rounds, limits=Limits()):
    """What is said of a point in those states: ({name: result}, {'name/name': paired ratio})."""
    found, paired = {}, {}
    for state in shown:
        used = {}
        for who in everybody:
            mine = [w for w in windows if w['who'] == who]
            used[who] = pick(mine, limits, rounds, state)[0]
            found[named(who, state)] = result(mine, limits, rounds, state)
        for over, under in ratios:
            if ratio := paired_ratio(used[over], used[under], limits=limits):
                paired[f'{named(over, state)}/{named(under, state)}'] = ratio
    return found, paired


def passed_over(windows, shown):
    """{state: windows that count} of states in which there is no result."""
    return dict(Counter(w['state'] for w in windows if not w['why'] and w['state'] not in shown))


# ---- RFC 2544 --------------------------------------------------------------------------------------------------

def common_rate(searches, limits=Limits()):
    """What all can be offered: a share of the least loss-free rate. None when there is nobody to compare with, or one has
    no rate."""
    rates = [found.get('search', {}).get('rate') for found in searches.values()]
    return limits.share * min(rates) if len(rates) > 1 and all(rates) else None


def beside(found, state, shown):
    """A search as it stands beside the result of this state: beside the first that is shown when it was measured in none of
    these; None when it stands beside another."""
    if not found or found.get('error') or found['state'] == state:
        return found
    if found['state'] in shown or state != shown[0]:
        return None
    return {**found, 'why': found['why'] or f'measured with the cores {found["state"]}'}


def search(measure, low, high, tolerance=0.01, loss=0.0, retries=1):
    """The highest rate that is carried with at most `loss` (a part) lost: RFC 2544 section 26.1, by halving.

    measure(rate) → {'offered': pps, 'lost': part lost}. A trial that fails, or whose generator was late, is tried `retries`
    times more: a stall of the host is not the device's. Ends when the bracket is narrower than tolerance * its upper end. `rate` is None when even
    `low` is lost; `bound` says what ended the search: 'loss', 'offered' (the generator gave no more), 'high' or 'low'."""
    trials = []

    def late(seen):
        return seen['offered'] < seen['rate'] * (1 - 2 * tolerance)

    def carried(rate):
        tried = []
        for _ in range(1 + retries):
            seen = dict(measure(rate), rate=rate)
            seen['ok'] = bool(seen['offered']) and seen['lost'] <= loss
            tried.append(seen)
            if seen['ok'] and not late(seen):
                break
        trials.extend(tried)
        return max(tried, key=lambda seen: (seen['ok'] and not late(seen), not late(seen), seen['offered']))

    def answer(rate, bound):
        return {'rate': rate, 'bound': bound, 'tolerance': tolerance, 'loss': loss, 'retries': retries,
                'trials': trials}

    top = carried(high)
    if top['ok']:
        return answer(min(high, top['offered']), 'high' if top['offered'] >= high * (1 - tolerance) else 'offered')
    if not carried(low)['ok']:
        return answer(None, 'low')
    bound = 'loss'
    while high - low > tolerance * high:
        middle = (low + high) / 2
        seen = carried(middle)
        if not seen['ok']:
            high, bound = middle, 'loss'
        elif late(seen):
            return answer(seen['offered'], 'offered')
        else:
            low = middle
    return answer(low, bound)


# ---- fresh against recorded --------------------------------------------------------------------------------------

def compare(recorded, fresh, tolerance=0.05):
    """Both: {name: {'ratio': summary, 'better': 'low'|'high', 'quiet': bool}}. Returns {'worse', 'better', 'same',
    'unknown'}: lists of (name, recorded median, fresh median or None, change; positive is worse).

    Worse is more than `tolerance` off and outside of what the recorded windows themselves showed."""
    verdicts = {'worse': [], 'better': [], 'same': [], 'unknown': []}
    for name, old in sorted(recorded.items()):
        new = fresh.get(name)
        if new is None or not new.get('ratio') or not new.get('quiet', True):
            now = new['ratio']['med'] if new and new.get('ratio') else None
            verdicts['unknown'].append((name, old['ratio']['med'], now, None))
            continue
        verdict, change = compare_one(old, new, tolerance)
        verdicts[verdict].append((name, old['ratio']['med'], new['ratio']['med'], change))
    return verdicts


def compare_one(old, new, tolerance):
    was, now = old['ratio'], new['ratio']
    change = now['med'] / was['med'] - 1
    outside_up, outside_down = now['med'] > was['max'], now['med'] < was['min']
    if old.get('better', 'low') == 'high':
        change, outside_up, outside_down = was['med'] / now['med'] - 1, outside_down, outside_up
    if change > tolerance and outside_up:
        return 'worse', change
    if change < -tolerance and outside_down:
        return 'better', change
    return 'same', change
