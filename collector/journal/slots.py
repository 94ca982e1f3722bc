"""Which planned slots lines stand for: how far probes are covered, and what was lost on its way to disk."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from collector.core.record import Clock, Gap, GapReason, Host, Line, Plan, Sample
from collector.core.timeline import Duration, Instant, Span

Grid = Mapping[str, tuple[Duration, Duration]]
"""Probe → interval and phase: its planned slots are phase + k * interval."""


def grid_of(plan: Plan) -> dict[str, tuple[Duration, Duration]]:
    return {probe.name: (probe.interval, probe.phase) for probe in plan.probes}


def stands_for(line: Line, grid: Grid) -> Iterator[tuple[str, Span]]:
    """Probe and span of the planned slots a line covers (S1); of a run between two slots, its instant."""
    if isinstance(line, Sample):
        if line.probe not in grid:  # no plan tells; it covers nothing that came due later
            yield line.probe, Span(line.slot, max(line.slot, line.done) + 1)
            return
        interval, phase = grid[line.probe]
        due = _at_or_after(line.slot, interval, phase)
        if line.covers:
            yield line.probe, Span(line.slot, due + (line.covers - 1) * interval + 1)
        else:  # a slot that falls on it is another line's
            start = line.slot + (due == line.slot)
            yield line.probe, Span(start, start + 1)
    elif isinstance(line, Gap):
        for probe in grid if "*" in line.probes else line.probes:
            yield probe, Span(line.from_, line.to)


class Coverage:
    """The plan's grid, and how far each of its probes is covered; fed with lines in their order."""

    def __init__(self, grid: Grid, covered: Mapping[str, Instant], plan_at: Instant) -> None:
        self.grid = dict(grid)
        self.covered = dict(covered)
        self.plan_at = plan_at

    def feed(self, line: Line) -> None:
        if isinstance(line, Plan):
            self.grid, self.plan_at = grid_of(line), line.at
            self.covered = {probe: self.covered.get(probe, line.at) for probe in self.grid}
            return
        if isinstance(line, Sample) and not line.covers:
            return
        for probe, span in stands_for(line, self.grid):
            if probe in self.covered:
                self.covered[probe] = max(self.covered[probe], span.end)

    def open_until(self, at: Instant) -> list[tuple[Span, tuple[str, ...]]]:
        """Spans up to `at` whose planned slots no line covers, each with its probes: a gap line each."""
        spans = {probe: Span(start, at) for probe, start in self.covered.items() if start < at}
        return together(spans, self.grid, self.plan_at)


class Held(NamedTuple):
    """What of a plan tells its planned slots: its grid, and from when on it holds."""

    grid: Grid
    at: Instant


class Lost:
    """What stands for lines that will not reach the disk; bounded, however long that goes on.

    Samples and gaps come down to one span per probe and plan: lines are given up oldest first, so between a
    probe's first lost slot and its last there is nothing else of it. Lines that only tell how things are
    (`host`, `clock` without a step) are forgotten; the rest is rare, and kept.
    """

    def __init__(self) -> None:
        self._eras: dict[int, tuple[Held, dict[str, Span]]] = {}
        self._items: list[int | tuple[Line, Held]] = []  # an era by its number, or a line that is kept

    def __bool__(self) -> bool:
        return bool(self._items)

    def give_up(self, line: Line, plan: Held) -> None:
        """A line, with the plan that held when it was made."""
        if isinstance(line, Sample | Gap):
            for probe, span in stands_for(line, plan.grid):
                self._lose(probe, span, plan)
        elif not isinstance(line, Host) and not (isinstance(line, Clock) and not line.step):
            self._items.append((line, plan))

    def followed_by(self, younger: "Lost") -> None:
        """Take in all that `younger` lost after this."""
        for item in younger._items:
            if isinstance(item, int):
                plan, spans = younger._eras[item]
                for probe, span in spans.items():
                    self._lose(probe, span, plan)
            else:
                self._items.append(item)

    def take(self, at: Instant) -> list[tuple[Line, Held]]:
        """The lines to write in their stead, in order, gaps dated `at`; all is forgotten."""
        taken: list[tuple[Line, Held]] = []
        for item in self._items:
            if isinstance(item, int):
                plan, spans = self._eras[item]
                groups = together(spans, plan.grid, plan.at)
                taken += [(_gap(span, probes, at), plan) for span, probes in groups]
            else:
                taken.append(item)
        self._eras, self._items = {}, []
        return taken

    def _lose(self, probe: str, span: Span, plan: Held) -> None:
        era = id(plan)  # kept alive by the era itself
        if era not in self._eras:
            self._eras[era] = (plan, {})
            self._items.append(era)
        spans = self._eras[era][1]
        before = spans.get(probe, span)
        spans[probe] = Span(min(before.start, span.start), max(before.end, span.end))


def _gap(span: Span, probes: tuple[str, ...], at: Instant) -> Gap:
    return Gap(seq=0, at=at, probes=probes, from_=span.start, to=span.end, reason=GapReason.JOURNAL)


def together(spans: Mapping[str, Span], grid: Grid, plan_at: Instant) -> list[tuple[Span, tuple[str, ...]]]:
    """As few spans as will do, each with its probes, that hold the very planned slots that `spans` hold.

    A start may move back to just after the planned slot before it (never over the plan's own start), an end
    on to the planned slot after it.
    """
    groups: list[tuple[Span, Instant, list[str]]] = []  # the span, how far its end may move, probes
    for probe, span in sorted(spans.items(), key=lambda item: (item[1], item[0])):
        earliest, latest = _room(span, grid.get(probe), plan_at)
        for number, (whole, limit, names) in enumerate(groups):
            end = max(whole.end, span.end)
            if earliest <= whole.start and end <= min(limit, latest):
                groups[number] = (Span(whole.start, end), min(limit, latest), [*names, probe])
                break
        else:
            groups.append((span, latest, [probe]))
    return [(span, tuple(names)) for span, _, names in groups]


def _room(span: Span, grid: tuple[Duration, Duration] | None, plan_at: Instant) -> Span:
    """The earliest start and the latest end between which the same planned slots lie as in `span`."""
    if grid is None:
        return span
    interval, phase = grid
    before = _at_or_after(span.start, interval, phase) - interval + 1
    earliest = max(before, plan_at) if plan_at <= span.start else span.start
    return Span(earliest, _at_or_after(span.end, interval, phase))


def _at_or_after(instant: Instant, interval: Duration, phase: Duration) -> Instant:
    """The first planned slot at or after `instant`."""
    return instant + (phase - instant) % interval
