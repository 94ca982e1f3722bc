"""Made-up outages, and what windows lose of them by brute force that shares no code with what it judges."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cached_property, lru_cache
from random import Random
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st

from collector.core.attainment import Facts, Losses, Terms
from collector.core.calendar import Slide
from collector.core.contract import Readings
from collector.core.deduction import Deduction
from collector.core.incident import Incident, Spared
from collector.core.outage import Outage
from collector.core.timeline import DAY, HOUR, NOTHING, SECOND, Span, spans, union
from collector.core.verdict import States
from collector.core.window import MONTHS, Worst, positions, worst
from tests.strategies import calendar, contract

PARIS = ZoneInfo("Europe/Paris")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Naive = list[tuple[int, int]]


# --------------------------------------------------------------------------------------------- brute force


def utc(wall: datetime) -> int:
    """When Paris shows `wall`: the first of two passes; what is skipped, when it is over (on a full hour)."""
    aware = wall.replace(tzinfo=PARIS).astimezone(UTC)
    if aware.astimezone(PARIS).replace(tzinfo=None) != wall:
        aware = aware.replace(minute=0, second=0, microsecond=0)
    whole = aware - EPOCH
    return (whole.days * 86_400 + whole.seconds) * SECOND + whole.microseconds


def shown(at: int) -> datetime:
    return (EPOCH + timedelta(microseconds=at)).astimezone(PARIS).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=100_000)
def moved(at: int, months: int) -> int:
    wall = shown(at)
    month = wall.year * 12 + wall.month - 1 + months
    day = wall.day
    while True:
        try:
            return utc(wall.replace(year=month // 12, month=month % 12 + 1, day=day))
        except ValueError:
            day -= 1


@dataclass
class Case:
    """What is known of a service, in lists of instants."""

    months: int
    began: int
    as_of: int
    outages: list[Naive]
    """The certain pieces of each."""
    pools: list[list[int]]
    """For each incident, in order, which outages are its own."""
    amount: int
    excluded: Naive
    leaves: bool
    wall: bool
    target: Fraction
    seed: int
    reserved: Naive
    lowered: tuple[int, int]
    """When a target half as strict was in force."""

    @cached_property
    def counted(self) -> Naive:
        left = [piece for outage in self.outages for piece in outage]
        for a, b in self.excluded:
            left = [p for s, e in left for p in ((s, min(e, a)), (max(s, b), e)) if p[0] < p[1]]
        return sorted(left)

    @cached_property
    def owned(self) -> list[Naive]:
        """The certain pieces of each incident."""
        return [[piece for k in pool for piece in self.outages[k]] for pool in self.pools]

    @cached_property
    def earliest(self) -> int:
        """No window starts before that."""
        return moved(self.began, -self.months) - DAY

    def lost(self, start: int, end: int) -> tuple[int, int]:
        """Net downtime and agreed time of a window."""
        down = [(max(s, start), min(e, end)) for s, e in self.counted if max(s, start) < min(e, end)]
        for own in self.owned:
            left, kept = self.amount, list[tuple[int, int]]()
            zone = own[0][0]
            for s, e in down:
                mine = any(a <= s and e <= b for a, b in own)
                if not mine:
                    taken = (s, s)
                elif self.wall:
                    taken = (s, max(s, min(e, zone + self.amount)))
                else:
                    taken = (s, min(e, s + left))
                left -= taken[1] - taken[0]
                kept.append((taken[1], e))
            down = [(s, e) for s, e in kept if s < e]
        gone = sum(max(0, min(e, end) - max(s, start)) for s, e in self.excluded) if self.leaves else 0
        return sum(e - s for s, e in down), end - start - gone

    def best(self, start: int) -> Fraction:
        net, agreed = self.lost(start, moved(start, self.months))
        return 1 - Fraction(net, agreed) if agreed else Fraction(2)

    def asked(self, start: int) -> Fraction:
        since, until = self.lowered
        return self.half if start < until and since < moved(start, self.months) else self.target

    @property
    def half(self) -> Fraction:
        return 1 - 2 * (1 - self.target)

    def admitted(self, start: int) -> bool:
        return start >= self.earliest and moved(start, self.months) <= self.as_of

    def starts(self) -> set[int]:
        """Every break point, on either side of it, and some that are none."""
        edges = {x for s, e in [*self.counted, *self.excluded, self.lowered] for x in (s, e)}
        edges |= {s + n * self.amount for s, _ in self.counted for n in (1, 2)}
        edges |= {e - n * self.amount for _, e in self.counted for n in (1, 2)}
        edges |= {self.as_of, moved(self.began, -self.months), self.began}
        first, last = shown(moved(self.began, -self.months)), shown(self.as_of)
        days = [first.date() + timedelta(n) for n in range((last - first).days + 2)]
        edges |= {utc(datetime.combine(day, time())) for day in days if day.day in (1, 29, 30, 31)}
        for day in days:
            if day.month in (3, 10) and day.day > 24 and day.weekday() == 6:
                at = utc(datetime.combine(day, time(3)))
                edges |= {at, at - HOUR}
        chance = Random(self.seed)
        some = {chance.randrange(min(edges), self.as_of) for _ in range(5)}
        near = {edge + by for edge in edges | some for by in (-1, 0, 1)}
        return near | {back for one in near for back in self.backwards(one)}

    def backwards(self, end: int) -> Iterator[int]:
        """Starts of windows that may end there: a day of a month's end has several."""
        wall = shown(end).time()
        for days_on in range(4):
            day = shown(moved(end, -self.months) + days_on * DAY).date()
            yield utc(datetime.combine(day, wall))

    def hours(self) -> set[int]:
        """Where all edges and amounts are whole hours, so is every break point; and what lies just before."""
        first = moved(self.began, -self.months) - DAY
        return {
            at - by for at in range(first, moved(self.as_of, -self.months) + 4 * DAY, HOUR) for by in (0, 1)
        }


def told(case: Case) -> tuple[Facts, Terms, Readings]:
    certain = [spans(outage) for outage in case.outages]
    outages = [
        Outage(id=f"s@{k}", service="s", certain=one, possible=(Span(one[0].start, one[-1].end),), open=False)
        for k, one in enumerate(certain)
    ]
    given = [
        Spared(
            Incident(id=f"i{k}", region="r", certain=certain[pool[0]], possible=NOTHING, outages=()),
            union(*(outages[n].possible for n in pool)),
        )
        for k, pool in enumerate(case.pools)
    ]
    grace = contract().grace
    assert grace is not None
    terms = Terms(
        commitment="c",
        stated=case.target,
        targets=[
            (Span(0, case.lowered[0]), case.target),
            (Span(*case.lowered), case.half),
            (Span(case.lowered[1], case.as_of), case.target),
        ],
        minimum=0,
        grace=msgspec.structs.replace(grace, amount=case.amount),
        spared=given,
    )
    readings = {
        **contract().all_safe(),
        "excluded-time": "leaves-period" if case.leaves else "period-stays",
        "grace-kind": "wall" if case.wall else "accumulated",
    }
    states = States(down=union(*certain), edge=NOTHING, up=NOTHING)
    return Facts(states, outages, excluding(case), spans(case.reserved)), terms, readings


def every_position(case: Case) -> tuple[Slide, ...]:
    length = {months: name for name, months in MONTHS.items()}[case.months]
    return positions(length, calendar(), case.began, case.as_of)


def judged(case: Case, slides: tuple[Slide, ...]) -> Worst:
    facts, terms, readings = told(case)
    losses = Losses(Span(case.began - 400 * DAY, case.as_of), facts, terms, readings)
    return worst(slides, losses, terms.target, terms.turns)


def excluding(case: Case) -> list[Deduction]:
    deduction = Deduction(
        id="d", kind="force-majeure", clause="c", spans=spans(case.excluded), scope=("*",),
        standing="accepted", why="", by="test", document=None, sent=None, received=None, takes=True,
    )  # fmt: skip
    return [deduction] if case.excluded else []


TURNS = ["2024-01-30", "2024-02-29", "2025-02-28", "2026-02-27", "2026-09-24", "2026-10-24", "2027-02-27"]
"""Days near which a month later has fewer days, or the clocks change, at either end of a window."""


def made_up(seed: int, step: int = 1) -> Case:
    """Outages near a turn of the calendar and one window later, so that both edges pass some at once.

    All edges and amounts are whole steps.
    """
    chance = Random(seed)

    def amount(low: int, high: int) -> int:
        return max(low, chance.randrange(low, high) // step * step)

    months = chance.choice([1, 1, 1, 12])
    turn = calendar().midnight(date.fromisoformat(chance.choice(TURNS)))
    unit = chance.choice([HOUR, 6 * HOUR, DAY])
    anchors = [turn, moved(turn, months)]
    edges = set[int]()
    for _ in range(chance.randrange(3, 9) * 2):
        edge = chance.choice(anchors) + chance.randrange(-8, 9) * unit // 2 // step * step
        edges.add(edge + chance.choice([0, 0, amount(0, unit)]))
    ordered = sorted(edges)
    outages: list[Naive] = []
    for piece in zip(ordered[::2], ordered[1::2], strict=False):
        if outages and chance.random() < 0.3:
            outages[-1].append(piece)
        else:
            outages.append([piece])
    numbers = range(len(outages))
    pools = [[k] for k in numbers if chance.random() < 0.6]
    if chance.random() < 0.5:  # incidents at one time in one region
        pools += [list(range(k, min(k + 2, len(outages)))) for k in numbers if chance.random() < 0.4]
    pools.sort(key=lambda pool: (outages[pool[0]][0][0], pool))
    excluded = []
    if chance.random() < 0.5:
        start = chance.choice(ordered) + amount(-unit, unit)
        excluded = [(start, start + amount(step, 4 * unit))]
    worst_case = chance.randrange(1, 40)
    case = Case(
        months=months,
        began=turn - amount(0, 5 * unit),
        as_of=max(ordered[-1], anchors[1]) + amount(0, 8 * unit),
        outages=outages,
        pools=pools,
        amount=amount(step, 3 * unit),
        excluded=excluded,
        leaves=chance.random() < 0.5,
        wall=chance.random() < 0.3,
        target=1 - Fraction(worst_case * unit, 31 * 24 * HOUR * months * 10),
        seed=seed,
        reserved=[],
        lowered=(0, 1),
    )
    case.reserved = [
        (s + chance.choice([0, (e - s) // 2]), e) for s, e in zip(ordered, ordered[2:], strict=False)
    ]
    if chance.random() < 0.3:
        start = chance.choice(anchors) + amount(-unit, unit)
        case.lowered = start, start + amount(step, 4 * unit)
    return case


def by_the_hour(seed: int) -> Case:
    """A case of few positions in which all is whole hours."""
    chance = Random(seed)
    case = made_up(seed, HOUR)
    case = replace(case, began=case.as_of - chance.randrange(1, 10 * 24) * HOUR)
    return exact(case, chance) if chance.random() < 0.5 else case


def exact(case: Case, chance: Random) -> Case:
    """The case with a target that some position just reaches."""
    positions = sorted(start for start in case.hours() if case.admitted(start) and start % HOUR == 0)
    reached = case.best(chance.choice(positions)) if positions else Fraction(1)
    return replace(case, target=reached) if reached < 1 else case


def crossing(seed: int) -> Case:
    """A case by the hour with incidents that reach beyond both edges of a window, and into each other."""
    case = by_the_hour(seed)
    chance = Random(seed)
    numbers = range(len(case.outages))
    some = (
        chance.sample(numbers, min(len(numbers), chance.randrange(2, 5)))
        for _ in range(chance.randrange(1, 4))
    )
    pools = sorted((sorted(pool) for pool in some), key=lambda pool: (case.outages[pool[0]][0][0], pool))
    case = replace(case, pools=pools, amount=chance.choice([1, 6, 24]) * chance.randrange(1, 9) * HOUR)
    return exact(case, chance) if chance.random() < 0.5 else case


seeds = st.integers(0, 1 << 32)


def dipping() -> Case:
    """The window leaves one outage while it enters another a month later, and is spared half of each."""
    first = utc(datetime.fromisoformat("2026-05-10T12:00"))
    second = moved(first, 1)
    return Case(
        months=1,
        began=first - DAY,
        as_of=second + DAY,
        outages=[[(first, first + 4 * HOUR)], [(second, second + 4 * HOUR)]],
        pools=[[0], [1]],
        amount=2 * HOUR,
        excluded=[],
        leaves=False,
        wall=False,
        target=1 - Fraction(1, 31 * 24),
        seed=0,
        reserved=[],
        lowered=(0, 1),
    )


def relieved() -> Case:
    """A lower target holds until the window's start has passed half an hour of the first outage."""
    case = dipping()
    return replace(case, lowered=(0, case.began + DAY + HOUR // 2))


def lowered_at_a_month_end() -> Case:
    """The window that starts on March 1 ends just where a lower target begins; the next one has it."""
    turn = utc(datetime.fromisoformat("2026-04-01T00:00"))
    return replace(
        dipping(),
        began=turn - 2 * DAY,
        as_of=turn + DAY,
        outages=[[(turn - 3 * HOUR, turn - HOUR * 3 // 2)]],
        pools=[],
        lowered=(turn, turn + DAY),
    )


def straddling() -> Case:
    """One incident a month long: as the window leaves its start, grace moves beyond the window."""
    first = utc(datetime.fromisoformat("2026-05-10T12:00"))
    second = moved(first, 1)
    outages = [[(first, first + 8 * HOUR)], [(second + 5 * HOUR, second + 7 * HOUR)]]
    return replace(dipping(), outages=outages, pools=[[0, 1]], amount=6 * HOUR)


def preceded() -> Case:
    """As one, with a short incident hours before it, in August: from July on windows move for two months."""
    first = utc(datetime.fromisoformat("2026-08-10T12:00"))
    second = moved(first, 1)
    return replace(
        straddling(),
        began=first - DAY,
        as_of=second + DAY,
        outages=[
            [(first - 3 * HOUR, first - HOUR)],
            [(first, first + 8 * HOUR)],
            [(second + 5 * HOUR, second + 7 * HOUR)],
        ],
        pools=[[0], [1, 2]],
    )


def skipping() -> Case:
    """As one, where the window's end stays for an hour, on what the clock skips, and grace passes it."""
    start, end = (utc(datetime.fromisoformat(text)) for text in ("2027-02-28T02:00", "2027-03-28T03:00"))
    return replace(
        dipping(),
        began=end - DAY,
        as_of=end + DAY,
        outages=[[(start, start + HOUR)], [(end - HOUR, end + 2 * HOUR)]],
        pools=[[0, 1]],
        amount=HOUR * 3 // 2,
        target=1 - Fraction(1, 28 * 24 * 4),
    )


def squeezing() -> Case:
    """As the start passes an outage, its grace moves into a second that has grace of its own, then a third.

    Meanwhile the end passes excluded time, so less is agreed the later a window starts: what is lost falls,
    stays while the second outage is squeezed out of grace, and falls again. The share lost is highest there.
    """
    first = utc(datetime.fromisoformat("2026-05-10T12:00"))
    return replace(
        dipping(),
        as_of=moved(first, 1) + 15 * HOUR,
        outages=[
            [(first, first + 15 * HOUR)],
            [(first + 16 * HOUR, first + 20 * HOUR)],
            [(first + 21 * HOUR, first + 100 * HOUR)],
        ],
        pools=[[0, 1, 2], [1]],
        amount=10 * HOUR,
        excluded=[(moved(first, 1), moved(first, 1) + DAY)],
        leaves=True,
        target=1 - Fraction(84, 31 * 24 - 7),
    )


def spared_whole() -> Case:
    """Of the first outage grace leaves nothing, of the third nobody asks for it: it is excluded."""
    case = dipping()
    (first, _), (second, end) = case.outages[0][0], case.outages[1][0]
    return replace(
        case,
        outages=[[(first, first + HOUR)], [(second, end)], [(end + HOUR, end + 5 * HOUR)]],
        pools=[[0], [1], [2]],
        excluded=[(end + HOUR, end + 5 * HOUR)],
    )


def in_the_window() -> Case:
    """One incident of 26 days: no window lies within it, and both edges pass it in one month."""
    case = straddling()
    ((first, end),) = case.outages[0]
    outages = [[(first, end)], [(first + 26 * DAY, first + 26 * DAY + 4 * HOUR)]]
    return replace(case, as_of=first + 45 * DAY, outages=outages)


def interlocked() -> Case:
    """One incident goes on over another: as its first outage is left behind, its grace moves to its last."""
    case = dipping()
    first = case.outages[0][0][0]
    outages = [[(first + k * HOUR, first + (k + 6) * HOUR)] for k in (0, 12, 24)]
    return replace(case, as_of=moved(first, 1) + 3 * DAY, outages=outages, pools=[[0, 2], [1]])


def just_reached() -> Case:
    """The first outage is all that may be lost, to the microsecond; with the second it is too much."""
    case = dipping()
    first = case.outages[0][0][0]
    outages = [[(first + k * HOUR, first + (k + 2) * HOUR)] for k in (0, 10)]
    target = 1 - Fraction(2, 31 * 24)
    return replace(case, as_of=moved(first, 1) + 3 * DAY, outages=outages, pools=[], target=target)


def just_before() -> Case:
    """Grace moves on as the start leaves ten seconds behind; the end gets past it as the start meets more."""
    case = dipping()
    first = case.outages[0][0][0]
    met = first + 510 * SECOND
    spared_until = moved(met, 1) - 1
    last = spared_until - 60 * SECOND
    pieces = [(first, first + 10 * SECOND), (met, met + 60 * SECOND), (last, last + 1000 * SECOND)]
    return replace(case, outages=[pieces], pools=[[0]], amount=120 * SECOND, target=Fraction(1))
