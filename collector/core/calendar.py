"""Civil time of a contract's zone as data: dates, windows, clear and working days, deadlines.

Rule T3: the zone's offsets and its holidays come in as data (`collector.contracts` reads them), so that
their versions are part of every statement. Local time is an integer too: the microseconds that a wall
clock of the zone has shown since its own 1970-01-01 00:00. A local time that a clock change skips stands
for the first instant after the gap, one that occurs twice for its first pass.

A journal may state any instant, and dates end somewhere: what lies before 1970 has date and time of day of
its first instant, what lies after 2299 those of its last. So each has a date, with centuries to spare for
terms that run from it, and no walk over days or months is long. The inbox takes 2000 to 2199.

Terms run in two directions, never in one function: one that runs *forward* from an event may be extended
past days off, one that counts *back* from an event may not (art. 642 of the French code of civil procedure
moves the former only). Each way of counting has a name; `safe` and `strict` give the customer least.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Literal, NamedTuple, TypeAlias

from collector.core.timeline import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Duration,
    Instant,
    Span,
    Spans,
    Unit,
    intersection,
    spans,
    within,
)

Forward: TypeAlias = Literal["strict", "working", "franc", "extended"]
"""Due within n clear days of a day E is what is done by the end of: E+n; E+n moved past days off; E+n+1;
E+n+1 moved past days off."""

Back: TypeAlias = Literal["strict", "prudent", "extended"]
"""The last day that leaves n clear days before a day M: n full days lie between; that moved back before
days off; n full working days lie between."""

Hours: TypeAlias = Literal["safe", "elapsed", "wall", "full-hour"]
"""A term in hours runs: as the earlier of the next two; elapsed; on the wall clock; from the next hour on."""

CIVIL = Span(0, 120_530 * DAY)
"""What a calendar tells apart: the years 1970 to 2299, in UTC."""

_EPOCH = date(1970, 1, 1).toordinal()
_start = itemgetter(0)
_SATURDAY = 5


class Civil(NamedTuple):
    """What calendar and wall clock of the zone show: the date, and microseconds on the clock since 00:00."""

    date: date
    day_us: Duration


class Slide(NamedTuple):
    """Starts of windows that all end equally long after them or, where the end `stays`, at one instant."""

    starts: Span
    end: Instant
    """Where the first of these windows ends."""
    stays: bool

    @property
    def first(self) -> Span:
        """The window that starts first."""
        return Span(self.starts.start, self.end)

    @property
    def last(self) -> Span:
        """The window that starts last: one microsecond before `starts` are over."""
        return self.window(self.starts.end - 1)

    def window(self, start: Instant) -> Span:
        """The one that starts there."""
        return Span(start, self.end if self.stays else self.end + start - self.starts.start)

    def meeting(self, starts: Sequence[Instant], ends: Sequence[Instant]) -> Iterator[Instant]:
        """Where, between first and last, a window starts at one of `starts` or ends at one of `ends`."""
        first, last = self.first, self.last
        yield from starts[bisect_right(starts, first.start) : bisect_left(starts, last.start)]
        if not self.stays:
            met = ends[bisect_right(ends, first.end) : bisect_left(ends, last.end)]
            yield from (end - first.length for end in met)

    def part(self, start: Instant, end: Instant) -> "Slide":
        """The windows that start in a part of it, which is not empty."""
        return Slide(Span(start, end), self.window(start).end, self.stays)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Civil time of one zone, with its holidays, as of one version of either.

    `transitions` are (instant, offset from UTC in µs) in order, more than a day apart; the first holds for
    all time before it too, the last for all after.
    """

    zone: str
    transitions: tuple[tuple[Instant, Duration], ...]
    holidays: frozenset[date]
    tzdata_version: str
    holidays_version: str

    # -------------------------------------------------------------------------------- instants and local time

    def offset(self, instant: Instant) -> Duration:
        """Local time minus UTC at `instant`, in µs."""
        return self.transitions[self._segment(instant)][1]

    def civil(self, instant: Instant) -> Civil:
        """Date and time of day in the zone, of the nearest instant of `CIVIL`."""
        instant = min(max(instant, CIVIL.start), CIVIL.end - 1)
        days, day_us = divmod(instant + self.offset(instant), DAY)
        return Civil(date.fromordinal(_EPOCH + days), day_us)

    def date_of(self, instant: Instant) -> date:
        """The date in the zone: 22:30 UTC in a Paris summer is already the next day."""
        return self.civil(instant).date

    def instant_of(self, day: date, day_us: Duration = 0) -> Instant:
        """When the wall clock shows `day_us` past 00:00 of `day`: end of a gap, first of two passes."""
        return self._instant_of_local(_local(day) + day_us)

    def midnight(self, day: date) -> Instant:
        """The first instant of `day`."""
        return self.instant_of(day)

    def iso(self, instant: Instant) -> str:
        """Local time with its offset: 2026-10-26T11:00:00+01:00, with microseconds where there are any."""
        day, day_us = self.civil(instant)
        seconds, fraction = divmod(day_us, SECOND)
        offset = self.offset(instant)
        hours, minutes = divmod(abs(offset) // MINUTE, 60)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        tail = f".{fraction:06}" if fraction else ""
        return f"{day.isoformat()}T{clock}{tail}{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"

    def _segment(self, instant: Instant) -> int:
        return bisect_right(self.transitions, instant, lo=1, key=_start) - 1

    def _instant_of_local(self, local: Duration) -> Instant:
        # The first instant at which the clock shows `local` or more: where a gap ends, a fold's first pass.
        # Its segment is that of `local` read as an instant, or a neighbour: offsets are under a day.
        before = max(self._segment(local) - 1, 0)
        instant = local - self.transitions[before][1]
        for start, offset in self.transitions[before + 1 : before + 3]:
            if instant < start:
                break
            instant = max(start, local - offset)
        return instant

    def _passes(self, local: Duration) -> set[Instant]:
        """Every instant at which the wall clock shows `local`, and maybe one at which it does not."""
        return {local - self.offset(local + day) for day in (-DAY, DAY)}

    # -------------------------------------------------------------------------------------- steps and windows

    def shift(self, instant: Instant, months: int) -> Instant:
        """The same time of day, `months` later (or earlier); a day that month lacks is its last (rule A4)."""
        day, day_us = self.civil(instant)
        return self.instant_of(_months_from(day, months), day_us)

    def day_of(self, instant: Instant) -> Span:
        """The civil day that contains `instant`: 23, 24 or 25 hours."""
        today = self.date_of(instant)
        return Span(self.midnight(today), self.midnight(today + timedelta(1)))

    def month_name(self, instant: Instant) -> str:
        """The month that contains `instant`, like "2026-11", as invoices and credits name it."""
        return self.date_of(instant).isoformat()[:7]

    def months_before(self, end: Instant, count: int) -> tuple[str, ...]:
        """The names of the last `count` months that were over at `end`, in order of time."""
        running = self.date_of(end)
        number = running.year * 12 + running.month - 1
        return tuple(f"{n // 12:04}-{n % 12 + 1:02}" for n in range(number - count, number))

    def month_of(self, instant: Instant) -> Span:
        """The calendar month that contains `instant`."""
        return self._months_around(self.date_of(instant).replace(day=1), 1)

    def year_of(self, instant: Instant) -> Span:
        """The calendar year that contains `instant`."""
        return self._months_around(self.date_of(instant).replace(month=1, day=1), 12)

    def trailing(self, end: Instant, months: int) -> Span:
        """The window of `months` that ends at `end`."""
        return Span(self.shift(end, -months), end)

    def slides(self, starts: Span, months: int) -> tuple[Slide, ...]:
        """Every window of `months` that starts in `starts`, in stretches along which it only moves (A4)."""
        cuts = {*starts, *(cut for cut in self._cuts(starts, months) if starts.start < cut < starts.end)}
        found = []
        for start, end in pairwise(sorted(cuts)):
            first, last = self.shift(start, months), self.shift(end - 1, months)
            found.append(Slide(Span(start, end), first, stays=end - start > 1 and first == last))
        return tuple(found)

    def _cuts(self, starts: Span, months: int) -> Iterator[Instant]:
        """All starts at which the end of a window of `months` does not go on as it did; more do no harm.

        The way from start to end is: instant, local time, `months` on, instant. It bends where the clocks
        change at the start; at midnights after which the day that is `months` on is not the next one; and
        at what, `months` on, is the beginning or the end of what the clocks there skip or show twice.
        """
        first, last = self.date_of(starts.start), self.date_of(starts.end) + timedelta(1)
        days = map(date.fromordinal, range(first.toordinal(), last.toordinal() + 1))
        bends = [_local(day) for day in days if (day.day == 1 or day.day > 28) and not _goes_on(day, months)]
        upto = self._segment(self.midnight(_months_from(last, months)) + DAY)
        for (_, before), (at, after) in pairwise(self.transitions[self._segment(starts.start) : upto + 1]):
            yield at
            for local in (at + before, at + after):
                number, day_us = divmod(local, DAY)
                day = date.fromordinal(_EPOCH + number)
                bends += (_local(source) + day_us for source in _months_to(day, months))
        for local in bends:
            yield from self._passes(local)

    def _months_around(self, first: date, months: int) -> Span:
        return Span(self.midnight(first), self.midnight(_months_from(first, months)))

    # ----------------------------------------------------------------------------------------------- days off

    def working(self, day: date) -> bool:
        """Whether `day` is neither a Saturday, a Sunday nor a holiday."""
        return day.weekday() < _SATURDAY and day not in self.holidays

    def next_working(self, day: date) -> date:
        """`day` itself, or the first working day after it."""
        while not self.working(day):
            day += timedelta(1)
        return day

    def previous_working(self, day: date) -> date:
        """`day` itself, or the last working day before it."""
        while not self.working(day):
            day -= timedelta(1)
        return day

    def business_hours(
        self, of: Spans, *, opens_minute: int, closes_minute: int, weekdays: frozenset[int]
    ) -> Spans:
        """What of `of` is business hours: [opens, closes) on those ISO weekdays that are no holidays."""
        told = within(of, CIVIL)
        return intersection(told, spans(self._open(told, opens_minute, closes_minute, weekdays)))

    def _open(self, told: Spans, opens: int, closes: int, weekdays: frozenset[int]) -> Iterator[Span]:
        for start, end in told:
            day = self.date_of(start)
            while self.midnight(day) < end:
                if day.isoweekday() in weekdays and day not in self.holidays:
                    yield Span(self.instant_of(day, opens * MINUTE), self.instant_of(day, closes * MINUTE))
                day += timedelta(1)

    # ---------------------------------------------------------------------------------------------- deadlines

    def last_day(self, event: date, within: int, unit: Unit, reading: Forward) -> date:
        """Until the end of which day something due `within` so many units of `event` may be done.

        The day of the event is never counted. Readings part over clear days; over the others they agree but
        for `working` and `extended`, which move past days off what is not counted in working days anyway.
        """
        match unit:
            case "business-days":
                return self._working_days_after(event, within)
            case "months" | "years":
                due = _months_from(event, within * (12 if unit == "years" else 1))
            case _:
                due = event + timedelta(within + (unit == "clear-days" and reading in ("franc", "extended")))
        return self.next_working(due) if reading in ("working", "extended") else due

    def deadline(self, event: Instant, within: int, unit: Unit, reading: Forward = "strict") -> Instant:
        """When it is too late for what is due `within` so many units of `event`: the end of the last day.

        Hours elapse from `event` itself; all else is counted from its civil date (rule C3).
        """
        if unit == "hours":
            return event + within * HOUR
        return self.midnight(self.last_day(self.date_of(event), within, unit, reading) + timedelta(1))

    def _working_days_after(self, day: date, count: int) -> date:
        for _ in range(count):
            day = self.next_working(day + timedelta(1))
        return day

    def latest_notice(self, start: date, clear_days: int, reading: Back) -> date:
        """The last day to announce something that happens on `start`, `clear_days` ahead (rule D2)."""
        if reading == "extended":
            day = start
            for _ in range(clear_days):
                day = self.previous_working(day - timedelta(1))
            return day - timedelta(1)
        day = start - timedelta(clear_days + 1)
        return self.previous_working(day) if reading == "prudent" else day

    def reservation_deadline(self, instant: Instant, hours: int, reading: Hours = "safe") -> Instant:
        """When an instant of downtime is waived that nobody reserved (rule C1)."""
        term = hours * HOUR
        elapsed = instant + term
        wall = self._instant_of_local(instant + self.offset(instant) + term)
        match reading:
            case "elapsed":
                return elapsed
            case "wall":
                return wall
            case "full-hour":
                return elapsed + -(instant + self.offset(instant)) % HOUR
            case _:
                return min(elapsed, wall)

    def unwaived_since(self, arrived: Instant, hours: int) -> Instant:
        """The first instant that a notice which came at `arrived` still saves: no earlier one (rule C1).

        None whose hours have elapsed. Where the clocks change meanwhile, its hours on the wall clock may have
        passed; bisection finds the first, since the safe deadline never runs backwards.
        """
        low = arrived - hours * HOUR + 1
        if self.reservation_deadline(low, hours) > arrived:
            return low
        high = low + DAY
        while low < high:
            middle = (low + high) // 2
            if self.reservation_deadline(middle, hours) > arrived:
                high = middle
            else:
                low = middle + 1
        return low


def _local(day: date) -> Duration:
    """Local time at 00:00 of a day."""
    return (day.toordinal() - _EPOCH) * DAY


def _months_from(day: date, months: int) -> date:
    """The same day number `months` later, or the last of a month that lacks it."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    found = date(year, month + 1, 1) + timedelta(day.day - 1)
    return found if found.day == day.day else found - timedelta(found.day)


def _months_to(day: date, months: int) -> list[date]:
    """The days of which that one is `months` later: maybe several for the last of a month, maybe none."""
    near = (_months_from(day, -months) + timedelta(n) for n in range(4))
    return [one for one in near if _months_from(one, months) == day]


def _goes_on(day: date, months: int) -> bool:
    """Whether the day that is `months` later comes after the one that is `months` after the day before."""
    return _months_from(day, months) == _months_from(day - timedelta(1), months) + timedelta(1)
