"""Instants, durations, spans and their set algebra, in whole microseconds.

Rule T1: instants are microseconds since 1970-01-01T00:00:00Z, spans are half-open [start, end), a set of
spans is kept sorted, disjoint and without empty or touching members. All that is taken off is taken off by
set difference, so nothing can be taken off twice.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from itertools import accumulate, chain
from operator import itemgetter
from typing import Annotated, Literal, NamedTuple, TypeAlias

Instant: TypeAlias = int
"""Microseconds since 1970-01-01T00:00:00Z; leap seconds are not counted, as POSIX does not."""

Duration: TypeAlias = int
"""Microseconds."""

Term: TypeAlias = Annotated[Duration, "quoted"]
"""A duration that a file states as quoted text, like "10 ms"; `duration_of` reads it."""

Unit: TypeAlias = Literal["hours", "days", "clear-days", "business-days", "months", "years"]
"""What a term of a contract is counted in; a calendar counts it."""

MILLISECOND: Duration = 1_000
SECOND: Duration = 1_000_000
MINUTE: Duration = 60 * SECOND
HOUR: Duration = 60 * MINUTE
DAY: Duration = 24 * HOUR


_UNITS: dict[str, Duration] = {
    "us": 1, "µs": 1, "ms": MILLISECOND, "s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY,
}  # fmt: skip


def decimal(text: str) -> Fraction | None:
    """The exact value of digits with at most one point between them, like "99.97"; None for anything else."""
    whole, point, part = text.partition(".")
    plain = text.isascii() and whole.isdecimal() and (part.isdecimal() if point else not part)
    return Fraction(text) if plain else None


def duration_of(text: str) -> Duration:
    """The microseconds that "10s", "1.5 s", "2 min", "10 ms" or "48 h" is; ValueError for anything else."""
    unit = text.lstrip("0123456789.").removeprefix(" ")
    number = decimal(text.removesuffix(unit).removesuffix(" "))
    exact = None if number is None or unit not in _UNITS else number * _UNITS[unit]
    if exact is None or exact.denominator != 1:
        raise ValueError(f'expected a duration like "10s", got "{text}"')
    return exact.numerator


class Span(NamedTuple):
    """A stretch of time [start, end)."""

    start: Instant
    end: Instant

    @property
    def length(self) -> Duration:
        return self.end - self.start


# Calling Span itself is a call of Python, and was a tenth of the time that an account takes.
_span: Callable[[tuple[Instant, Instant]], Span] = partial(tuple.__new__, Span)

Spans: TypeAlias = tuple[Span, ...]
"""A set of instants: sorted, disjoint, not touching, none empty. Make one with `spans`."""

NOTHING: Spans = ()
ALWAYS: Spans = (Span(-(1 << 62), 1 << 62),)


def spans(parts: Iterable[tuple[Instant, Instant]]) -> Spans:
    """The set of all instants in `parts`, which may overlap, touch, be empty and come in any order."""
    merged: list[tuple[Instant, Instant]] = []
    upto: Instant = 0
    for part in sorted(parts):
        start, end = part
        if end <= start:
            continue
        if not merged or start > upto:
            merged.append(part)
            upto = end
        elif end > upto:
            merged[-1] = merged[-1][0], end
            upto = end
    return tuple(map(_span, merged))


def either_way(parts: Iterable[tuple[Instant, Instant]]) -> Spans:
    """The set of all between the two instants of each part, in whatever order they come."""
    return spans((min(part), max(part)) for part in parts)


def union(*sets: Spans) -> Spans:
    """Instants that are in any of `sets`."""
    if len(sets) == 1:
        return sets[0]
    present = tuple(filter(None, sets))
    if len(present) < 2:
        return present[0] if present else NOTHING
    return spans(chain.from_iterable(present))


_start, _end = itemgetter(0), itemgetter(1)


def intersection(a: Spans, b: Spans) -> Spans:
    """Instants that are in both."""
    if len(b) == 1:
        return within(a, b[0])
    if len(a) == 1:
        return within(b, a[0])
    if not a or not b:
        return NOTHING
    found: list[Span] = []
    i, j = bisect_right(a, b[0].start, key=_end), bisect_right(b, a[0].start, key=_end)
    while i < len(a) and j < len(b):
        start, end = max(a[i].start, b[j].start), min(a[i].end, b[j].end)
        if start < end:
            found.append(_span((start, end)))
        if a[i].end <= b[j].end:
            i += 1
        else:
            j += 1
    return tuple(found)


def difference(a: Spans, b: Spans) -> Spans:
    """Instants of `a` that are not in `b`."""
    if not a or not b:
        return a
    left: list[Span] = []
    j = 0
    for span in a:
        start, end = span
        while j < len(b) and b[j].end <= start:
            j += 1
        k = j
        while k < len(b) and b[k].start < end:
            if start < b[k].start:
                left.append(_span((start, b[k].start)))
            start = max(start, b[k].end)
            k += 1
        if start < end:
            left.append(span if k == j else _span((start, end)))
    return tuple(left)


def within(a: Spans, window: Span) -> Spans:
    """The part of `a` that lies in `window`: edges cut, never whole members chosen."""
    start, end = window
    if end <= start:
        return NOTHING
    if not a or (start <= a[0].start and a[-1].end <= end):
        return a
    first_in = bisect_right(a, start, key=_end)
    inside = a[first_in : bisect_left(a, end, first_in, key=_start)]
    if inside and inside[0].start < start:
        inside = (_span((start, inside[0].end)), *inside[1:])
    if inside and inside[-1].end > end:
        inside = (*inside[:-1], _span((inside[-1].start, end)))
    return inside


def duration(a: Spans) -> Duration:
    """How long `a` is in all."""
    total = 0
    for start, end in a:
        total += end - start
    return total


def first(a: Spans, amount: Duration) -> Spans:
    """The earliest `amount` of `a` (all of it if it is shorter)."""
    taken: list[Span] = []
    for span in a:
        if amount <= 0:
            break
        length = span[1] - span[0]
        taken.append(span if length <= amount else _span((span[0], span[0] + amount)))
        amount -= length
    return tuple(taken)


class Summed:
    """How much of a set lies before any instant, by bisection: for those who ask very often."""

    def __init__(self, of: Spans) -> None:
        self.edges: list[Instant] = [edge for span in of for edge in span]
        self._starts = [start for start, _ in of]
        self._ends = [end for _, end in of]
        self._sums = list(accumulate((end - start for start, end in of), initial=0))

    def before(self, instant: Instant) -> Duration:
        """The amount of it before `instant`."""
        k = bisect_right(self._starts, instant)
        return self._sums[k] - max(0, self._ends[k - 1] - instant) if k else 0

    def at(self, amount: Duration) -> Instant:
        """The last instant that has so much of it before, which is not more than there is."""
        k = min(bisect_right(self._sums, amount), len(self._starts)) - 1
        return self._starts[k] + amount - self._sums[k]
