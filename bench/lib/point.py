# SPDX-License-Identifier: BSD-3-Clause
"""What a workload is made of. Plain data: a workload file returns points, bars and plots; the runner does the rest."""
from dataclasses import dataclass, field

from bench.lib.method import named


@dataclass
class Contender:
    """One peer doing one job with one profile. `who` is its name within the point."""
    who: str
    peer: str      # bench/peers/<peer>.py
    job: str       # one of the peer's jobs
    profile: dict  # keys of bench/pktgen/profile.h; side and shm are the runner's
    options: dict = field(default_factory=dict)  # the peer's own: workers, routes, ...


@dataclass
class Point:
    """Contenders that are measured interleaved, and compared."""
    name: str      # of the point in the results: letters, digits, dashes
    title: str
    contenders: list
    axes: dict = field(default_factory=dict)    # for plots: macs, size, order, workers, routes
    ratios: list = field(default_factory=list)  # (over, under): names of contenders; cost of one over the other's
    two_core: bool = False  # more than one core at work: a result for each state of the way between them
    search: bool = False    # RFC 2544 rate, latency at 50 % and 90 % of it
    quick: bool = False     # part of `make bench-check` and QUICK=1


@dataclass
class Bar:
    """A wanted figure: `at_most` or `at_least` of what `value` finds in the results of one state; None: not measured. It
    must hold in every state in which there are results."""
    name: str
    value: object  # (Results) -> (figure, quiet) or None
    at_most: float = None
    at_least: float = None
    unit: str = ''

    def judge(self, data):
        """A row for each state in which it was measured, one without a value when it was in none."""
        found = {state: self.value(Results(data, state)) for state in states_of(data)}
        return [self.row(*one, state) for state, one in found.items() if one] or [self.row(None, None, '')]

    def row(self, value, quiet, state):
        wanted = {'at_most': self.at_most} if self.at_most is not None else {'at_least': self.at_least}
        ok = None
        if value is not None:
            ok = value <= self.at_most if self.at_most is not None else value >= self.at_least
        return {'name': self.name, 'state': state, 'unit': self.unit, **wanted, 'value': value, 'ok': ok, 'quiet': quiet}


@dataclass
class Plot:
    """A curve per contender over an axis: of the point (axes), else of the contender's profile or options. Points are
    those whose name begins with `points` and whose axes are as in `only`."""
    name: str
    title: str
    points: str
    axis: str
    label: str
    only: dict = field(default_factory=dict)
    logx: bool = False
    logy: bool = False
    order: list = None  # of values that are words


def profile_text(profile):
    """As net_leatgen reads it."""
    return ','.join(f'{key}={value}' for key, value in profile.items() if value is not None)


def states_of(data):
    """Of all that was measured; '' is one core's."""
    return sorted({name.partition('@')[2] for point in data['points'] for name in point['contenders']})


class Results:
    """One run's results in one state, as bars and reports ask for them."""

    def __init__(self, data, state=''):
        self.data, self.state = data, state
        self.points = {p['name']: p for p in data['points']}

    def contender(self, point, who):
        found = self.points.get(point, {}).get('contenders', {}).get(named(who, self.state))
        return found if found and found.get('cycles') else None

    def cycles(self, point, who):
        found = self.contender(point, who)
        return (found['cycles']['med'], found['quiet']) if found else None

    def ratio(self, point, over, under):
        """Median of the paired ratios of cost."""
        name = f'{named(over, self.state)}/{named(under, self.state)}'
        found = self.points.get(point, {}).get('ratios', {}).get(name)
        return (found['med'], self.quiet(point, name)) if found else None

    def quiet(self, point, name):
        """Of a ratio: both are, and enough windows were paired."""
        point, method = self.points[point], self.data['method']
        return (all(point['contenders'][who]['quiet'] for who in name.split('/')) and
                point['ratios'][name]['n'] >= min(method['least'], method['rounds']))

    def worst(self, found):
        """The largest of several figures; None when one of them is missing."""
        found = list(found)
        if not found or any(f is None for f in found):
            return None
        return max(f[0] for f in found), all(f[1] for f in found)
