"""The worst position of a sliding window, against brute force that shares no code with it (law 8)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from random import Random
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.core.account import draw, replay
from collector.core.attainment import Degree, Facts, Losses, Terms, attained
from collector.core.calendar import Slide
from collector.core.contract import Readings
from collector.core.deduction import Deduction
from collector.core.incident import Incident, Spared
from collector.core.outage import Outage
from collector.core.published import to_json
from collector.core.timeline import DAY, HOUR, NOTHING, SECOND, Span, spans, union
from collector.core.verdict import States
from collector.core.window import MONTHS, Episode, Window, Worst, ending, positions, worst
from tests.strategies import Journal, calendar, contract, instant, probe, service, watched

PARIS = ZoneInfo("Europe/Paris")
Naive = list[tuple[int, int]]


# --------------------------------------------------------------------------------------------- brute force


def utc(wall: datetime) -> int:
    """When Paris shows `wall`: the first of two passes; what is skipped, when it is over (on a full hour)."""
    aware = wall.replace(tzinfo=PARIS).astimezone(UTC)
    if aware.astimezone(PARIS).replace(tzinfo=None) != wall:
        aware = aware.replace(minute=0, second=0, microsecond=0)
    whole = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86_400 + whole.seconds) * SECOND + whole.microseconds


def shown(at: int) -> datetime:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    return moment.astimezone(PARIS).replace(tzinfo=None, fold=0)


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
        return left

    def lost(self, start: int, end: int) -> tuple[int, int]:
        """Net downtime and agreed time of a window."""
        down = [(max(s, start), min(e, end)) for s, e in self.counted if max(s, start) < min(e, end)]
        for pool in self.pools:
            left, kept = self.amount, list[tuple[int, int]]()
            own = [piece for k in pool for piece in self.outages[k]]
            zone = own[0][0]
            for s, e in sorted(down):
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
        return start >= moved(self.began, -self.months) - DAY and moved(start, self.months) <= self.as_of

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
        targets=[(Span(*case.lowered), case.half)],
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
        standing="accepted", why="", by="test", document=None, sent=None, received=None,
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
    case = made_up(seed, HOUR)
    return replace(case, began=case.as_of - Random(seed).randrange(1, 10 * 24) * HOUR)


seeds = st.integers(0, 1 << 32)


def in_one(episodes: tuple[Episode, ...], start: int) -> bool:
    return any(one.first.start <= start <= one.last.start for one in episodes)


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


def held_to_brute_force(case: Case, starts: set[int]) -> Worst:
    """The worst of all and, for each position that is tried, whether it is missed."""
    found = judged(case, every_position(case))
    best = cache(case.best)
    tried = {start for start in starts if case.admitted(start)}

    assert found.span.end == moved(found.span.start, case.months)
    assert case.admitted(found.span.start)
    least = best(found.span.start)
    for start in tried:
        assert best(start) > least or (best(start) == least and (start >= found.span.start or least == 1))
    for one in found.episodes:
        tried |= {s for s in (one.first.start - 1, one.last.start + 1) if case.admitted(s)}
        tried |= {one.first.start, one.last.start}
        assert one.first.end == moved(one.first.start, case.months)
        assert one.last.end == moved(one.last.start, case.months)
    for start in tried:
        assert in_one(found.episodes, start) == (best(start) < case.asked(start)), shown(start)
    for before, after in pairwise(found.episodes):
        assert before.last.start + 1 < after.first.start
    return found


@given(seeds.map(made_up))
@example(dipping())
@example(squeezing())
@example(made_up(164512))
def test_the_worst_sliding_window_equals_brute_force_over_every_break_point(case: Case) -> None:
    """Law 8; and exactly those positions are missed that lie in an episode. To the microsecond."""
    held_to_brute_force(case, case.starts())


@given(seeds.map(by_the_hour))
def test_where_all_is_whole_hours_no_hour_is_worse_and_none_just_before_one(case: Case) -> None:
    """Law 8 with no idea of where the break points are: each of them is among these."""
    held_to_brute_force(case, case.hours())


@given(seeds.map(made_up), seeds)
def test_losses_of_any_window_are_those_of_its_attainment(case: Case, seed: int) -> None:
    """Net and claimable, under every reading; also where incidents reach beyond both edges."""
    facts, terms, readings = told(case)
    edges = [x for piece in case.counted for x in piece]
    hull = Span(min(edges) - DAY, max(edges) + DAY)
    net, claimable = (Losses(hull, facts, terms, readings, of) for of in (*get_args(Degree),))
    chance = Random(seed)
    for _ in range(20):
        ends = [chance.choice([chance.randrange(*hull), chance.choice(edges)]) for _ in range(2)]
        if ends[0] != ends[1]:
            window = Span(min(ends), max(ends))
            found = attained("s", Window("given", window), facts, terms, readings, ())
            assert net(window) == (found.net.amount, found.agreed)
            assert claimable(window) == (found.claimable.amount, found.agreed)


@given(seeds.map(by_the_hour), st.integers(-48, 48), st.integers(0, 48))
def test_positions_that_end_in_a_span_are_all_of_those_and_no_other(
    case: Case, since: int, long: int
) -> None:
    middle = (case.began + case.as_of) // 2 // HOUR * HOUR
    span = Span(middle + since * HOUR, middle + (since + long) * HOUR)
    left = ending(every_position(case), span)

    for start in case.hours():
        kept = [one.window(start) for one in left if one.starts.start <= start < one.starts.end]
        asked = case.admitted(start) and span.start <= moved(start, case.months) < span.end
        assert kept == ([Span(start, moved(start, case.months))] if asked else [])


def test_between_two_missed_positions_there_may_be_some_that_are_not() -> None:
    """While half of either outage is in it, grace takes all: the episode ends there, and another begins."""
    case = dipping()
    before, after = held_to_brute_force(case, case.starts()).episodes
    began = case.outages[0][0][0]

    # To 1 h of net downtime in 31 days: 3 h of an outage less 2 h of grace are not yet too much.
    assert before.last.start == began + HOUR - 1
    assert after.first.start == began + 3 * HOUR + 1


def test_positions_that_end_too_late_to_be_known_do_not_part_an_episode() -> None:
    """At noon of February 28: the afternoon of January 28 ends later, the morning of the 29th does not."""
    noon = utc(datetime.fromisoformat("2026-02-28T12:00"))
    case = replace(dipping(), began=noon - 5 * DAY, as_of=noon, outages=[[(noon - 3 * DAY, noon)]], pools=[])

    (episode,) = held_to_brute_force(case, case.hours()).episodes
    assert shown(episode.last.start) == datetime.fromisoformat("2026-01-31T12:00")
    assert not case.admitted(noon - 31 * DAY + 1)
    assert case.admitted(noon - 30 * DAY - 12 * HOUR)


def test_without_positions_none_is_the_worst() -> None:
    with pytest.raises(ValueError, match="expected positions of a window, got none"):
        judged(dipping(), ())


# ---------------------------------------------------------------------------------------- in whole accounts


def month_of_outages() -> Journal:
    """Four days of a service, down for the two in the middle."""
    return watched("o" * 24 + "x" * 48 + "o" * 24, "internet.access", every=3600, burst=3600)


def drawn(made: Journal, until: float, *asked: str | Span) -> list[Any]:
    now = instant(until)
    evidence = replay({made.origin: made.lines}, contract(), now)
    account = draw(evidence, contract(), calendar(), as_of=now, asked=asked)  # type: ignore[arg-type]
    return to_json(account)["attainments"]  # type: ignore[no-any-return]


def test_the_worst_window_is_an_attainment_like_any_other_with_the_episodes_that_were_missed() -> None:
    """An outage of two days: every month that has enough of it is missed, one after the other."""
    made = month_of_outages()

    for found in drawn(made, 96 * 3600, "worst"):
        window = found["window"]
        assert window["kind"] == "worst"
        same = [
            other for other in drawn(made, 96 * 3600, Span(window["start"], window["end"]))
            if other["commitment"] == found["commitment"]
        ]  # fmt: skip
        episodes = found.pop("episodes")
        assert [{**one, "window": window} for one in same] == [found]
        assert found["finding"] == "MISSED"
        (episode,) = episodes
        assert episode["last"]["end"] == instant(96 * 3600)
        start, end = episode["first"]["start"], episode["first"]["end"]
        assert instant(24 * 3600) < end < instant(25 * 3600)
        assert [drawn(made, 96 * 3600, Span(start - k, end - k))[0]["finding"] for k in (0, 1)] == [
            "MISSED",
            "OPEN",
        ]


def test_of_windows_that_are_all_whole_the_latest_is_shown_and_no_episode() -> None:
    for found in drawn(watched("ooo", "internet.access"), 30, "worst"):
        assert found["window"]["end"] == instant(30)
        assert found["episodes"] == []


def test_a_target_that_was_lower_for_a_while_ends_the_episode_where_the_window_reaches_it() -> None:
    """A3: a target that changes inside a window counts at its lowest, at every position."""
    made = month_of_outages()
    lower = service("s", "internet.access", targets={"internet.access": "1 %"})
    made.plan([lower], [probe(every=3600, burst=3600)], 48 * 3600)

    for found in drawn(made.in_order(), 96 * 3600, "worst"):
        (episode,) = found["episodes"]
        assert episode["last"]["end"] == instant(48 * 3600)


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        ("2026-01-28T12:00", "2026-02-28T12:00"),
        ("2026-01-31T12:00", "2026-02-28T12:00"),
        ("2026-02-28T02:30", "2026-03-28T02:30"),
        ("2026-03-01T02:30", "2026-04-01T02:30"),
    ],
)
def test_a_month_runs_from_its_start_to_the_same_time_of_the_next_or_its_last_day(
    starts: str, ends: str
) -> None:
    at = utc(datetime.fromisoformat(starts))
    (found,) = [
        s for s in calendar().slides(Span(at - DAY, at + DAY), 1) if s.starts.start <= at < s.starts.end
    ]

    assert found.window(at) == (at, utc(datetime.fromisoformat(ends)))


def test_while_a_start_passes_what_the_clock_skips_a_month_later_the_end_stays() -> None:
    """Starts of 02:00 to 03:00 on February 28, 2027: a month later it is never that late."""
    start = utc(datetime.fromisoformat("2027-02-28T02:00"))
    (found,) = [s for s in calendar().slides(Span(start, start + HOUR), 1)]

    assert found.stays
    assert found.window(start + HOUR // 2).end == utc(datetime.fromisoformat("2027-03-28T03:00"))
