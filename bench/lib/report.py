# SPDX-License-Identifier: BSD-3-Clause
"""What is shown: progress and tables on the terminal, RESULTS.md and its plots; from the results' JSON alone."""
import json
import os
import re
import shutil
import subprocess
import sys

COLOURS = {'leat': '#0060ad', 'ovs': '#dd181f', 'linux': '#7a8b00', 'testpmd': '#888888', 'l3fwd': '#00a08a',
           'floor': '#bbbbbb'}


def number(value, digits=1):
    """1234.5 → 1,234.5; what is large needs no decimals."""
    if value is None:
        return '-'
    return f'{value:,.{0 if abs(value) >= 1000 else digits}f}'


def three(summary, digits=1):
    return ' / '.join(number(summary[key], digits) for key in ('min', 'med', 'max')) if summary else '-'


def rate(pps):
    return f'{pps / 1e6:.2f} Mpps' if pps else 'none'


# ---- terminal ---------------------------------------------------------------------------------------------------

class Progress:
    """One line that is written over on a terminal; silent elsewhere but for what went wrong."""

    def __init__(self, stream=sys.stderr):
        self.stream, self.live, self.head, self.counts = stream, stream.isatty(), '', [0, 0]

    def point(self, title, number_, total):
        self.head, self.counts = f'[{number_}/{total}] {title}', [0, 0]
        self.say('')

    def say(self, text):
        if self.live:
            self.stream.write(f'\r\x1b[K{self.head}  {text}'[:shutil.get_terminal_size().columns + 4])
            self.stream.flush()

    def window(self, window):
        self.counts[bool(window['why'])] += 1
        cost = number(window['cycles']) if window.get('cycles') else '-'
        self.say(f'{window["who"]} {cost} cycles, {self.counts[0]} windows' +
                 (f', {self.counts[1]} do not count: {window["why"]}' if window['why'] else ''))

    def clear(self):
        if self.live:
            self.stream.write('\r\x1b[K')
            self.stream.flush()


def shown(name, *ns):
    """leat@far → leat (cores far, 419 ns), with the round trips that are known."""
    who, _, state = name.partition('@')
    trips = ', '.join(number(trip, 0) for trip in ns if trip)
    return who + (f' (cores {state}{f", {trips} ns" if trips else ""})' if state else '')


def row_name(who, one):
    return shown(who, (one.get('c2c') or {}).get('med'))


def cycles_words(one):
    return ('<= ' if one.get('at_most') else '') + three(one['cycles'])


def ratio_words(point, who):
    found = []
    for name, ratio in point['ratios'].items():
        over, under = name.split('/')
        if over == who:
            least = '>= ' if ratio.get('at_least') else ''
            found.append(f'{least}{ratio["med"]:.2f} x {under.partition("@")[0]} ({ratio["min"]:.2f}..{ratio["max"]:.2f})')
    return ', '.join(found)


def point_table(point):
    names = {who: row_name(who, one) for who, one in point['contenders'].items()}
    width = max([14, *map(len, names.values())])
    lines = [f'{point["name"]}: {point["title"]}',
             f'  {"":{width}} {"cycles min / med / max":>26} {"floor":>7} {"Mpps":>8}  cost over that of another']
    for who, one in point['contenders'].items():
        floor = number(one['floor']['med']) if one.get('floor') else '-'
        mpps = number(one['mpps']['med'], 2) if one.get('mpps') else '-'
        lines.append(f'  {names[who]:{width}} {cycles_words(one):>26} {floor:>7} {mpps:>8}  {ratio_words(point, who)}'.rstrip())
        if one['why']:
            lines.append(f'  {"":{width}} {"unquiet: " if one["cycles"] else "no result: "}{one["why"]}')
        if one.get('rfc2544'):
            lines += [f'  {"":{width}} {line}' for line in rfc2544_lines(one['rfc2544'])]
    return '\n'.join(lines + [f'  {line}' for line in [*passed_over_lines(point), *paced_lines(point)]])


def passed_over_lines(point):
    for state, count in point.get('passed_over', {}).items():
        yield f'cores {state}: only {count} windows, too few to judge'


def paced_lines(point):
    """All of a point at one rate."""
    paced = point.get('paced')
    for who, one in paced['contenders'].items() if paced else ():
        ratios, why = ratio_words(paced, who), one['why'] and f' (unquiet: {one["why"]})'
        yield f'all at {rate(paced["rate"])}: {row_name(who, one)} {three(one["cycles"])} cycles{ratios and ", " + ratios}{why}'


def rfc2544_lines(found):
    if found.get('error'):
        return [f'RFC 2544: {found["error"]}']
    search = found['search']
    lines = [f'RFC 2544{shown("@" + found.get("state", ""), *found["c2c"].values())}: {rate(search["rate"])} with at most '
             f'{search["loss"] * 100:g} % lost, within {search["tolerance"] * 100:g} %; ended by: {search["bound"]}']
    if found.get('why'):
        lines[0] += f' (unquiet: {found["why"]})'
    for share, latency in found.get('latency', {}).items():
        if latency:
            parts = [f'{key} {latency[key] / 1000:.1f} us' for key in ('p50', 'p99', 'p999') if key in latency]
            lines.append(f'latency at {share} %: ' + ', '.join(parts))
    return lines


def bar_word(bar):
    if bar['ok'] is None:
        return 'not measured'
    return ('yes' if bar['ok'] else 'NO') + ('' if bar['quiet'] else ' (unquiet)')


def bar_name(bar):
    return bar['name'] + (f', cores {bar["state"]}' if bar.get('state') else '')


def bar_value(bar):
    return number(bar['value'], 1 if bar['unit'] == 'cycles' else 2)


def bar_wanted(bar):
    return f'<= {bar["at_most"]:g}' if 'at_most' in bar else f'>= {bar["at_least"]:g}'


def bars_table(bars):
    if not bars:
        return ''
    width = max(len(bar_name(bar)) for bar in bars)
    lines = ['wanted:']
    for bar in bars:
        lines.append(f'  {bar_name(bar):{width}}  {bar_wanted(bar):>8} {bar["unit"]:7} {bar_value(bar):>8}  {bar_word(bar)}')
    return '\n'.join(lines)


def nodes_lines(extras):
    for run in extras.get('nodes', []):
        nodes = ', '.join(f'{name} {cycles:.1f}' for name, cycles in run['nodes'].items())
        yield f'{run["title"]}: {run["cost"]["med"]:.1f} in all, floor {run["floor"]["med"]:.1f}; {nodes}'


def extras_lines(extras):
    """What a workload measured beside its points."""
    if load := extras.get('load'):
        yield (f'{load["routes"]:,} routes loaded while packets flow, in {load["seconds"]:.1f} s: {load["before"]:.1f} cycles per packet '
               f'before, {load["during"]:.1f} meanwhile, {load["after"]:.1f} after')
    yield from extras.get('lines', [])


# ---- JSON ----------------------------------------------------------------------------------------------------

def rounded(value):
    if isinstance(value, float):
        return float(f'{value:.5g}')
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


def write_json(data, path):
    """Readable, but a window is one line."""
    text = json.dumps(rounded(data), indent=1)
    text = re.sub(r'\{\n\s*("who"|"packets")[^{}\[\]]*\}', lambda m: re.sub(r'\n\s*', ' ', m.group(0)), text)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + '.new', 'w', encoding='utf-8') as file:
        file.write(text + '\n')
    os.replace(path + '.new', path)


def read_json(path):
    with open(path, encoding='utf-8') as file:
        return json.load(file)


# ---- RESULTS.md ----------------------------------------------------------------------------------------------

def markdown(all_results):
    """all_results: [(data, plots)]."""
    out = ['# Results', '',
           'Generated by `bench/run --report` from `bench/results/*.json`; do not edit. [README.md](README.md) says how '
           'to read it.', '']
    for data, plots in all_results:
        out += section(data, plots)
    return '\n'.join(out).rstrip() + '\n'


def section(data, plots):
    machine, method = data['machine'], data['method']
    out = [f'## {data["title"]}', '',
           f'{data["time"]}, Leat {data["leat"]}, `{data["command"]}`, {data["seconds"] / 60:.0f} minutes.', '',
           f'{machine["cpu"]}, {machine["cpus"]} CPUs{" (virtual)" if machine["virtual"] else ""}, '
           f'{machine["memory_gib"]} GiB, {machine["system"]}, Linux {machine["kernel"]}; '
           f'TSC {number(data.get("tsc_mhz"))} MHz; load before {machine["load_before"][0]:.2f}. '
           f'Floor {number(data["floor"]["reference"])} cycles.' + c2c_words(data), '',
           f'{method["rounds"]} rounds, windows of {method["window_ms"]} ms; {data["windows"]["all"]} windows, '
           f'of which {data["windows"]["rejected"]} did not count{reject_words(data["windows"])}.', '']
    if data['bars']:
        out += ['| wanted | | measured | |', '|---|---|---|---|']
        out += [f'| {bar_name(b)} | {bar_wanted(b)} {b["unit"]} | {bar_value(b)} | {bar_word(b)} |' for b in data['bars']]
        out.append('')
    out += [f'![{title}](plots/{name}.svg)' for name, title in plots] + ([''] if plots else [])
    out += ['Cycles per packet, min / median / max; generator and sink are in them, and in the floor.', '']
    for point in data['points']:
        out += point_markdown(point)
    out += figures_markdown(data)
    out += ['<details><summary>Peers and commands</summary>', '']
    out += [f'- {name}: {text}' for name, text in sorted(data['peers'].items())]
    # What was sent is in the JSON, with each contender.
    commands = [line for line in data['commands'] if not line.startswith('profile of ')]
    out += ['', '```', *commands, '```', '', '</details>', '']
    return out


def c2c_words(data):
    c2c = data.get('c2c')
    return f' A cache line goes between the cores and back in {three(c2c, 0)} ns.' if c2c else ''


def reject_words(windows):
    whys = ', '.join(f'{count} {why}' for why, count in sorted(windows['whys'].items(), key=lambda item: -item[1]))
    return f' ({whys})' if whys else ''


def point_markdown(point):
    out = [f'**{point["title"]}** (`{point["name"]}`)', '',
           '| | cycles | floor around it | Mpps | cost over that of another |', '|---|---|---|---|---|']
    notes = []
    for who, one in point['contenders'].items():
        floor = number(one['floor']['med']) if one.get('floor') else '-'
        mpps = number(one['mpps']['med'], 2) if one.get('mpps') else '-'
        mark = ' (unquiet)' if one['cycles'] and one['why'] else ''
        out.append(f'| {row_name(who, one)} | {cycles_words(one)}{mark} | {floor} | {mpps} | {ratio_words(point, who)} |')
        if one['why']:
            notes.append(f'{shown(who)}: {one["why"]}.')
        if one.get('rfc2544'):
            notes += [f'{who.partition("@")[0]}: {line}.' for line in rfc2544_lines(one['rfc2544'])]  # they tell their state
    notes += [f'{line}.' for line in [*passed_over_lines(point), *paced_lines(point)]]
    return out + [''] + [f'- {note}' for note in notes] + ([''] if notes else [])


def figures_markdown(data):
    out = []
    for name, values in data.get('figures', {}).items():
        if values:
            out.append(f'- {name}: ' + ', '.join(f'{who} {number(value)}' for who, value in values.items()))
    nodes = list(nodes_lines(data.get('extras', {})))
    if nodes:
        out.append('- cycles per packet and node, in the graph alone (`graph_bench`):')
        out += [f'  - {line}' for line in nodes]
    out += [f'- {line}' for line in extras_lines(data.get('extras', {}))]
    return out + ([''] if out else [])


# ---- plots ---------------------------------------------------------------------------------------------------

def curves(data, plot):
    """{line: [(x, min, med, max)]} of a plot, from its points."""
    lines = {}
    for point in data['points']:
        if not point['name'].startswith(plot.points) or any(point['axes'].get(k) != v for k, v in plot.only.items()):
            continue
        floors = []
        for name, one in point['contenders'].items():
            if not one.get('cycles'):
                continue
            who, _, state = name.partition('@')
            places = (point['axes'], one['profile'], one['options'])
            x = next((place[plot.axis] for place in places if plot.axis in place), 1)
            line = shown(f'{who.removesuffix(f"-{x}")}@{state}')
            cost = one['cycles']
            lines.setdefault(line, []).append((x, cost['min'], cost['med'], cost['max']))
            if one.get('floor'):
                floors.append((x, one['floor']['med']))
        for x in sorted({x for x, _ in floors}, key=str):
            at = sorted(floor for fx, floor in floors if fx == x)
            lines.setdefault('floor', []).append((x, at[0], at[len(at) // 2], at[-1]))
    return {line: rows for line, rows in lines.items() if rows}


def tidy(path):
    """No blanks at the ends of lines, and one newline at the end: it is a file of the repository."""
    with open(path, encoding='utf-8') as file:
        lines = [line.rstrip() for line in file.read().splitlines()]
    with open(path, 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines).rstrip('\n') + '\n')


def gnuplot_script(data, plot, path):
    lines = curves(data, plot)
    place = (lambda x: plot.order.index(x)) if plot.order else (lambda x: x)
    out = ["set terminal svg size 640,400 font 'sans,11' background '#ffffff'", f"set output '{path}'",
           f"set title '{plot.title}'", f"set xlabel '{plot.label}'", "set ylabel 'TSC cycles per packet'",
           "set grid lc rgb '#dddddd'", 'set key outside right top']
    out += ['set logscale x'] if plot.logx else []
    out += ['set logscale y', 'set yrange [10:]'] if plot.logy else ['set yrange [0:]']
    if plot.order:
        ticks = ', '.join(f"'{word}' {i}" for i, word in enumerate(plot.order))
        out += [f'set xtics ({ticks})', f'set xrange [-0.3:{len(plot.order) - 0.7}]']
    for i, rows in enumerate(lines.values()):
        rows = sorted((place(row[0]), *row[1:]) for row in rows)
        out += [f'$d{i} << EOD', *[' '.join(map(str, row)) for row in rows], 'EOD']
    parts = []
    for i, line in enumerate(lines):
        colour = COLOURS.get(re.split('[- ]', line)[0], '#5e3c99')
        dashes = ' dt 2' if '(cores far)' in line else ''
        # Points with the span of their windows, and a line through the medians.
        parts.append(f"$d{i} using 1:3:2:4 with yerrorlines lc rgb '{colour}'{dashes} lw 1.5 pt 7 ps 0.4 title '{line}'")
    return '\n'.join([*out, 'plot ' + ', \\\n '.join(parts), '']) if parts else ''


def draw(data, plots, folder):
    """SVG files of those plots that have something to show: [(name, title)]."""
    drawn = []
    for plot in plots:
        name = f'{data["what"]}-{plot.name}'
        path = os.path.join(folder, f'{name}.svg')
        script = gnuplot_script(data, plot, path)
        if not script:
            continue
        os.makedirs(folder, exist_ok=True)
        subprocess.run(['gnuplot'], input=script, text=True, check=True)
        tidy(path)
        drawn.append((name, plot.title))
    return drawn
