# SPDX-License-Identifier: BSD-3-Clause
"""What a workload is made of. Plain data: a workload file returns points, bars and plots; the runner does the rest."""
from dataclasses import dataclass, field


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
    two_core: bool = False  # a generator on another core: gated on the way between the cores
    search: bool = False    # RFC 2544 rate, latency at 50 % and 90 % of it
    quick: bool = False     # part of `make bench-check` and QUICK=1


@dataclass
class Bar:
    """A wanted figure: `at_most` or `at_least` of what `value` finds in the results; None: not measured."""
    name: str
    value: object  # (Results) -> (figure, quiet) or None
    at_most: float = None
    at_least: float = None
    unit: str = ''

    def judge(self, results):
        found = self.value(results)
        wanted = {'at_most': self.at_most} if self.at_most is not None else {'at_least': self.at_least}
        row = {'name': self.name, 'unit': self.unit, **wanted, 'value': None, 'ok': None, 'quiet': None}
        if found is not None:
            value, quiet = found
            ok = value <= self.at_most if self.at_most is not None else value >= self.at_least
            row.update(value=value, ok=ok, quiet=quiet)
        return row


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


class Results:
    """One run's results, as bars and reports ask for them."""

    def __init__(self, data):
        self.data = data
        self.points = {p['name']: p for p in data['points']}

    def contender(self, point, who):
        found = self.points.get(point, {}).get('contenders', {}).get(who)
        return found if found and found.get('cycles') else None

    def cycles(self, point, who):
        found = self.contender(point, who)
        return (found['cycles']['med'], found['quiet']) if found else None

    def ratio(self, point, over, under):
        """Median of the paired ratios of cost."""
        found = self.points.get(point, {}).get('ratios', {}).get(f'{over}/{under}')
        a, b = self.contender(point, over), self.contender(point, under)
        return (found['med'], a['quiet'] and b['quiet']) if found and a and b else None

    def worst(self, found):
        """The largest of several figures; None when one of them is missing."""
        found = list(found)
        if not found or any(f is None for f in found):
            return None
        return max(f[0] for f in found), all(f[1] for f in found)
