"""Samples → how many were over, within or undecided against a limit; excursions and quantiles (rule A5).

A measured value is an interval, value ± error, so a sample may be neither over nor within. One fold follows
one origin and serves both sides: the index keeps what `take` gives (counts by hour, closed excursions), an
account drawn from the journal keeps every value for exact quantiles.
"""

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from collector.core.contract import Contract
from collector.core.record import Clock, Gap, Line, Outcome, Plan, Sample, Start, Stop
from collector.core.timeline import HOUR, Duration, Instant, Span

Side: TypeAlias = Literal["over", "within", "undecided"]

TOGETHER = 1024
"""So many values are packed at once."""

_Packed: TypeAlias = tuple[int, Any]
"""The least of some numbers, and what each is above it in the fewest bytes that hold them all."""


def side(value: Duration, error: Duration, limit: Duration) -> Side:
    """Where a value, known to within `error`, lies for sure."""
    if value - error > limit:
        return "over"
    return "within" if value + error <= limit else "undecided"


class Excursion(NamedTuple):
    """A run of samples of one probe that were all over the limit."""

    probe: str
    commitment: str
    start: Instant
    """Sending of the first."""
    end: Instant
    """End of the last."""
    samples: int
    highest: Duration


class Judged(NamedTuple):
    """One hour of one probe against one commitment's limit; `hour` is when it begins, by `sent`."""

    probe: str
    commitment: str
    hour: Instant
    over: int
    within: int
    undecided: int


@dataclass(slots=True)
class Latencies:
    """What a fold found, or what the index kept of it; counts of one hour may come in several parts."""

    judged: list[Judged] = field(default_factory=list)
    excursions: list[Excursion] = field(default_factory=list)
    values: dict[str, "Values"] = field(default_factory=dict)


class Values:
    """Every value of one probe that a latency commitment is about, exactly, in some five bytes each.

    Many are packed together: each column as its least number and what the others are above it, instants as
    how far each is from the one before, which on a grid is nearly always the same.
    """

    __slots__ = ("_fresh", "_packed")

    def __init__(self) -> None:
        self._fresh = _columns()
        self._packed: list[tuple[Instant, _Packed, _Packed, _Packed]] = []

    def add(self, sent: Instant, value: Duration, error: Duration) -> None:
        """One more."""
        instants, values, errors = self._fresh
        instants.append(sent)
        values.append(value)
        errors.append(error)
        if len(instants) == TOGETHER:
            apart = _pack(np.diff(np.asarray(instants)))
            self._packed.append((instants[0], apart, _pack(values), _pack(errors)))
            self._fresh = _columns()

    def sent_in(self, span: Span) -> Iterator[tuple[Any, Any]]:
        """Values and errors of what was sent in `span`, a part at a time."""
        for sent, value, error in self._parts():
            chosen = (sent >= span.start) & (sent < span.end)
            yield value[chosen], error[chosen]

    def _parts(self) -> Iterator[tuple[Any, Any, Any]]:
        for begin, *packed in self._packed:
            apart, value, error = map(_unpack, packed)
            yield np.cumsum(np.concatenate(([begin], apart))), value, error
        sent, value, error = map(np.asarray, self._fresh)
        yield sent, value, error


def _columns() -> tuple["array[int]", "array[int]", "array[int]"]:
    return array("q"), array("q"), array("q")


def _pack(column: Any) -> _Packed:
    numbers = np.asarray(column)
    least = int(numbers.min())
    # Differences of 64 bits wrap around, and back again when they are added.
    above = (numbers - least).view(np.uint64)
    return least, above.astype(np.min_scalar_type(int(above.max())))


def _unpack(packed: _Packed) -> Any:
    least, above = packed
    return above.astype(np.int64) + least


def limits(contract: Contract) -> dict[str, Duration]:
    """Latency commitment → its limit."""
    return {c.id: c.limit for c in contract.commitments if c.limit is not None}


_OK = Outcome.OK  # asked of every line, and a member of an Enum is found in Python


class Fold:
    """Follows the latencies of one origin, line by line.

    With `keep`, every value that a commitment is about is kept, and nothing is counted by the hour.
    """

    def __init__(self, limits: Mapping[str, Duration], *, keep: bool = False) -> None:
        self._limits = limits
        self._keep = keep
        self._about: dict[str, tuple[tuple[str, Duration], ...]] = {}
        self._counts: dict[tuple[str, str, Instant], Counter[Side]] = defaultdict(Counter)
        self._closed: list[Excursion] = []
        self._open: dict[tuple[str, str], Excursion] = {}
        self._values: dict[str, Values] = defaultdict(Values)

    def feed(self, line: Line) -> None:
        """The next line."""
        if type(line) is Sample:
            if line.outcome is _OK and line.value is not None:
                about = self._about.get(line.probe)
                if about:
                    self._sample(line, line.value, about)
            elif self._open:
                self._close((line.probe,))
        elif isinstance(line, Plan):
            self.plan(line)
        elif isinstance(line, Gap):
            self._close(None if line.probes == ("*",) else line.probes)
        elif isinstance(line, Start | Stop) or (isinstance(line, Clock) and line.step):
            self._close(None)

    def plan(self, plan: Plan) -> None:
        """Which probes a limit is about, from here on."""
        promised = {service.name: service.commitments for service in plan.services}
        self._about = {
            probe.name: tuple(
                (id, self._limits[id]) for id in promised.get(probe.service, ()) if id in self._limits
            )
            for probe in plan.probes
        }

    def take(self) -> Latencies:
        """What was found since the last time; an excursion that goes on is not in it."""
        taken = Latencies(
            judged=[
                Judged(probe, commitment, hour, n["over"], n["within"], n["undecided"])
                for (probe, commitment, hour), n in self._counts.items()
            ],
            excursions=self._closed,
            values=self._values,
        )
        self._counts, self._closed, self._values = defaultdict(Counter), [], defaultdict(Values)
        return taken

    def tail(self) -> list[Excursion]:
        """The excursions that go on, as they stand."""
        return list(self._open.values())

    def snapshot(self) -> list[Any]:
        """What goes on, as JSON has it; a restored fold needs the plan in force too."""
        return [list(excursion) for excursion in self._open.values()]

    def restore(self, snapshot: Sequence[Any], plan: Plan | None) -> None:
        """Go on where `snapshot` was made."""
        if plan is not None:
            self.plan(plan)
        for memory in snapshot:
            excursion = Excursion(*memory)
            self._open[excursion.probe, excursion.commitment] = excursion

    def _sample(self, line: Sample, value: Duration, about: Iterable[tuple[str, Duration]]) -> None:
        if self._keep:
            self._values[line.probe].add(line.sent, value, line.error)
        for commitment, limit in about:
            judged = side(value, line.error, limit)
            if not self._keep:
                self._counts[line.probe, commitment, line.sent - line.sent % HOUR][judged] += 1
            key = line.probe, commitment
            if judged == "over":
                self._over(Excursion(*key, line.sent, line.done, 1, value))
            elif key in self._open:
                self._closed.append(self._open.pop(key))

    def _over(self, one: Excursion) -> None:
        key = one.probe, one.commitment
        begun = self._open.get(key)
        self._open[key] = (
            one
            if begun is None
            else begun._replace(
                end=one.end, samples=begun.samples + 1, highest=max(begun.highest, one.highest)
            )
        )

    def _close(self, probes: Sequence[str] | None) -> None:
        ended = [key for key in self._open if probes is None or key[0] in probes]
        self._closed += (self._open.pop(key) for key in ended)


# --------------------------------------------------------------------------------------------- the figures


QUANTILES = {"p50": Fraction(1, 2), "p90": Fraction(9, 10), "p99": Fraction(99, 100), "max": Fraction(1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyFigure:
    """One latency commitment of one service over one span. No formula gives a credit for it."""

    commitment: str
    service: str
    limit: Duration
    span: Span
    over: int
    within: int
    undecided: int
    quantiles: Mapping[str, Duration]
    """Of the values; empty where only hourly counts are at hand."""
    excursions: tuple[Excursion, ...]

    @property
    def share_within(self) -> Fraction | None:
        """Of all that was judged; none where nothing was."""
        judged = self.over + self.within + self.undecided
        return Fraction(self.within, judged) if judged else None


def figure(
    commitment: str,
    service: str,
    limit: Duration,
    span: Span,
    probes: Iterable[tuple[Latencies, str]],
) -> LatencyFigure:
    """The figure over all `probes` of a service, each with the latencies of its origin.

    Exact to the sample where every value was kept, else to the hour: those that begin inside `span`.
    """
    count: Counter[Side] = Counter()
    found: Counter[Duration] = Counter()
    excursions: list[Excursion] = []
    for latencies, probe in probes:
        values = latencies.values.get(probe)
        if values is not None:
            for value, error in values.sent_in(span):
                over, within = int((value - error > limit).sum()), int((value + error <= limit).sum())
                count.update(over=over, within=within, undecided=len(value) - over - within)
                found.update(value.tolist())
        else:
            for hour in latencies.judged:
                if hour.probe == probe and hour.commitment == commitment and _in(hour.hour, span):
                    count.update(over=hour.over, within=hour.within, undecided=hour.undecided)
        excursions += (
            e
            for e in latencies.excursions
            if e.probe == probe and e.commitment == commitment and e.start < span.end and e.end > span.start
        )
    return LatencyFigure(
        commitment=commitment,
        service=service,
        limit=limit,
        span=span,
        over=count["over"],
        within=count["within"],
        undecided=count["undecided"],
        quantiles=quantiles(found),
        excursions=tuple(sorted(excursions, key=lambda e: (e.start, e.probe))),
    )


def quantiles(values: Counter[Duration]) -> dict[str, Duration]:
    """The smallest value that so large a share of all does not exceed: exact, never interpolated.

    `values` are counted: of few microseconds' difference there are few, however long one measures.
    """
    if not values:
        return {}
    rising = sorted(values)
    upto = list(accumulate(values[value] for value in rising))
    return {name: rising[bisect_left(upto, share * upto[-1])] for name, share in QUANTILES.items()}


def _in(instant: Instant, span: Span) -> bool:
    return span.start <= instant < span.end
