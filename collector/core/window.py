"""Windows of a commitment: trailing, of the calendar, and the worst position of one that slides (rule A4).

A sliding window is as long as the calendar says from its start: what starts on January 31 ends on the last of
February. Its end is therefore no steady function of its start, which is why positions come as `Slide`s.

The worst position is found exactly, at few of them. Along a slide, between two places where downtime or
agreed time bends, both are straight, so the share lost only rises or only falls: it is highest at a place.
And what is above the target between them is one stretch, whose last microsecond is a division.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Literal, NamedTuple, Protocol, TypeAlias

from collector.core.calendar import CIVIL, Calendar, Slide
from collector.core.timeline import DAY, Duration, Instant, Span

WindowKind: TypeAlias = Literal["trailing", "calendar", "worst", "given"]
Asked: TypeAlias = Literal["trailing", "calendar", "worst"] | Span
"""Windows by kind, each as long as its commitment says; or one given span for all."""

MONTHS = {"P1M": 1, "P1Y": 12}


class Window(NamedTuple):
    """The time that an attainment is about."""

    kind: WindowKind
    span: Span


def windows(length: str, asked: Sequence[Asked], calendar: Calendar, as_of: Instant) -> tuple[Window, ...]:
    """The windows of a commitment over `length` ("P1M", "P1Y") at `as_of`, but for the worst: see `worst`.

    Of the calendar: the one that runs, whose future is UNKNOWN, and the last complete one before it.
    """
    trailing = calendar.trailing(as_of, MONTHS[length])
    found: list[Window] = []
    for one in asked:
        if one == "trailing":
            found.append(Window("trailing", trailing))
        elif one == "calendar":
            found += calendar_windows(length, calendar, Span(trailing.start, as_of + 1))
        elif one != "worst":
            found.append(Window("given", Span(*one)))
    return tuple(found)


def _around(length: str, calendar: Calendar, instant: Instant) -> Span:
    return calendar.month_of(instant) if length == "P1M" else calendar.year_of(instant)


def calendar_windows(length: str, calendar: Calendar, span: Span) -> Iterator[Window]:
    """Every window of the calendar that touches `span`, in order of time."""
    at, end = max(span.start, CIVIL.start), min(span.end, CIVIL.end)
    while at < end:
        around = _around(length, calendar, at)
        yield Window("calendar", around)
        at = around.end


# -------------------------------------------------------------------------------------- the sliding window


def positions(length: str, calendar: Calendar, began: Instant, as_of: Instant) -> tuple[Slide, ...]:
    """All positions, in order of start, that end by `as_of` and may hold some of the time since `began`.

    What such a window has of the time before `began` is UNKNOWN. `began` is no later than `as_of`. There is
    always one: the first ones start a day early, as the clock may skip where the only one would.
    """
    months = MONTHS[length]
    earliest = calendar.shift(began, -months) - DAY
    return ending(calendar.slides(Span(earliest, as_of), months), Span(earliest, as_of + 1))


def ending(slides: Iterable[Slide], span: Span) -> tuple[Slide, ...]:
    """Those positions that end at an instant of `span`, which is half-open; maybe none."""
    found = []
    for slide in slides:
        start, end = slide.starts
        if slide.stays:
            end = end if span.start <= slide.end < span.end else start
        else:
            length = slide.end - start
            start, end = max(start, span.start - length), min(end, span.end - length)
        if start < end:
            found.append(slide.part(start, end))
    return tuple(found)


class Episode(NamedTuple):
    """Missed positions of a sliding window with none between them that is not missed: first and last."""

    first: Span
    last: Span


class Worst(NamedTuple):
    """The position that loses the largest share, and the episodes of all that are missed."""

    span: Span
    episodes: tuple[Episode, ...]


class Lost(NamedTuple):
    """How much downtime a window has, of how much agreed time."""

    down: Duration
    agreed: Duration


class Losing(Protocol):
    """What positions are judged by."""

    def __call__(self, window: Span) -> Lost:
        """What a window loses."""

    def bends(self, slide: Slide) -> Sequence[Instant]:
        """The first and the last start of a slide, in order with all between which it loses steadily."""


def worst(
    slides: Sequence[Slide], losses: Losing, target: Callable[[Span], Fraction], turns: Iterable[Instant] = ()
) -> Worst:
    """The worst of all positions and the episodes that are missed (A4), exactly.

    Of several that are equal it is the earliest; where nothing is lost in any, the latest. `target` tells
    what a window has to reach: its lowest, so that a position is missed when less is left (A3). It may change
    only where a window begins or ceases to hold time next to one of `turns`, like the edges of watches.
    Raises ValueError where there is no position.
    """
    if not slides:
        raise ValueError("expected positions of a window, got none")
    most, at = Lost(0, 1), slides[-1].last
    told: list[tuple[bool, Span]] = []
    for slide in _cut(slides, sorted(set(turns))):
        bar = target(slide.first)
        known = []
        for start in losses.bends(slide):
            window = slide.window(start)
            here = losses(window)
            if here.down * most.agreed > most.down * here.agreed:
                most, at = here, window
            known.append((window, _excess(here, bar)))
        told += _missed(slide, known)
    return Worst(at, tuple(_episodes(told)))


def _cut(slides: Iterable[Slide], turns: Sequence[Instant]) -> Iterator[Slide]:
    """The slides in parts along which neither edge of the window passes one of `turns`."""
    for slide in slides:
        (start, end), last = slide.starts, slide.last.end
        # What ends at a turn is left by what starts there; what begins there is in what ends later.
        cuts = {start, end, *turns[bisect_right(turns, start) : bisect_left(turns, end)]}
        if not slide.stays:
            reached = turns[bisect_left(turns, slide.end) : bisect_left(turns, last)]
            cuts.update(turn + 1 - slide.end + start for turn in reached)
        for a, b in pairwise(sorted(cuts)):
            yield slide.part(a, b)


def _excess(lost: Lost, target: Fraction) -> int:
    """Above 0 exactly where best < target, and as straight as what it is made of."""
    return lost.down * target.denominator - (target.denominator - target.numerator) * lost.agreed


def _missed(slide: Slide, known: Sequence[tuple[Span, int]]) -> Iterator[tuple[bool, Span]]:
    """Positions in order, each with whether it is missed: what lies between two alike is like them.

    Known is the excess of the first position of a slide, of its last, and of all at which it bends.
    """
    for (before, at_a), (after, at_b) in pairwise([known[0], *known]):
        a, b = before.start, after.start
        if at_a > 0 >= at_b:
            yield True, slide.window(a - 1 - at_a * (b - a) // (at_b - at_a))
        elif at_b > 0 >= at_a:
            yield True, slide.window(a + 1 + -at_a * (b - a) // (at_b - at_a))
        yield at_b > 0, after


def _episodes(told: Iterable[tuple[bool, Span]]) -> Iterator[Episode]:
    for missed, alike in groupby(told, key=itemgetter(0)):
        if missed:
            positions = [position for _, position in alike]
            yield Episode(positions[0], positions[-1])
