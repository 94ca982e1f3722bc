"""The worst position of a sliding window, against brute force that shares no code with it (law 8)."""

from dataclasses import replace
from datetime import datetime
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.account import draw, replay
from collector.core.attainment import Degree, Losses, attained
from collector.core.calendar import Calendar
from collector.core.contract import Countable
from collector.core.published import to_json
from collector.core.timeline import DAY, HOUR, SECOND, Span
from collector.core.window import Episode, Window, Worst, ending
from tests.sliding import (
    Case,
    by_the_hour,
    crossing,
    dipping,
    every_position,
    in_the_window,
    interlocked,
    judged,
    just_before,
    just_reached,
    lowered_at_a_month_end,
    made_up,
    moved,
    preceded,
    relieved,
    seeds,
    shown,
    skipping,
    spared_whole,
    squeezing,
    straddling,
    told,
    utc,
)
from tests.strategies import Journal, calendar, contract, instant, probe, service, watched


def in_one(episodes: tuple[Episode, ...], start: int) -> bool:
    return any(one.first.start <= start <= one.last.start for one in episodes)


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


@pytest.mark.law(number=8)
@given(seeds.map(made_up))
def test_the_worst_sliding_window_equals_brute_force_over_every_break_point(case: Case) -> None:
    """Law 8; and exactly those positions are missed that lie in an episode. To the microsecond."""
    held_to_brute_force(case, case.starts())


HARD: dict[str, Case] = {
    "dipping": dipping(),
    "squeezing": squeezing(),
    "straddling": straddling(),
    "preceded": preceded(),
    "skipping": skipping(),
    "relieved": relieved(),
    "lowered at a month's end": lowered_at_a_month_end(),
    "two targets": made_up(164512),
    "spared whole": spared_whole(),
    "in the window": in_the_window(),
    "interlocked": interlocked(),
    "just reached": just_reached(),
    "just before": just_before(),
}


@pytest.mark.parametrize("case", HARD.values(), ids=HARD)
def test_of_the_cases_that_were_hard_to_get_right_each_is(case: Case) -> None:
    """The same law; see each case for what is hard about it. What windows lose bends at whole instants."""
    held_to_brute_force(case, case.starts())
    facts, terms, readings = told(case)
    losses = Losses(Span(case.began - 400 * DAY, case.as_of), facts, terms, readings)
    for slide in every_position(case):
        bends = losses.bends(slide)
        assert {type(at) for at in bends} == {int}
        assert (bends[0], bends[-1]) == (slide.starts.start, slide.starts.end - 1)
    for window in (Span(start, moved(start, case.months)) for start in case.starts() if case.admitted(start)):
        assert losses(window) == case.lost(*window)


@pytest.mark.law(number=8)
@given(seeds.map(by_the_hour) | seeds.map(crossing))
def test_where_all_is_whole_hours_no_hour_is_worse_and_none_just_before_one(case: Case) -> None:
    """Law 8 with no idea of where the break points are: each of them is among these."""
    held_to_brute_force(case, case.hours())


@given(seeds.map(made_up) | seeds.map(crossing), seeds)
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

    assert all(one.starts.length > 0 for one in left)
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
    with pytest.raises(ValueError, match=r"^expected positions of a window, got none$"):
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


def test_downtime_after_a_turn_of_the_clocks_is_found_too() -> None:
    """The first windows end on October 24, 2026, in summer time; the outage is on the 26th."""
    start = (utc(datetime.fromisoformat("2026-10-24T00:00")) - instant(0)) / SECOND
    made = watched("o" * 60 + "x" * 6 + "o" * 3, "internet.access", every=3600, burst=3600, start=start)

    for found in drawn(made, start + 69 * 3600, "worst"):
        (episode,) = found["episodes"]
        assert episode["last"]["end"] == instant(start + 69 * 3600)
        assert found["finding"] == "MISSED"


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

    end = utc(datetime.fromisoformat("2027-03-28T03:00"))
    assert found.stays
    assert found.window(start + HOUR // 2).end == end
    assert ending([found], Span(end - 1, end)) == ()
    assert ending([found], Span(end, end + 1)) == (found,)


MONTH_ENDS = ["2026-02-28", "2026-03-31", "2027-01-31", "2027-02-28", "2027-03-31", "2028-02-29"]


@st.composite
def clocks(draw: st.DrawFn) -> Calendar:
    """A zone whose clock is changed now and then by some hours, near the end of a month."""
    near = draw(st.lists(st.sampled_from(MONTH_ENDS), min_size=1, unique=True))
    changes = [utc(datetime.fromisoformat(day)) + draw(st.integers(-30, 30)) * HOUR for day in sorted(near)]
    offsets = [draw(st.integers(-2, 2)) * HOUR for _ in changes]
    return replace(calendar(), transitions=tuple(zip([0, *changes], [0, *offsets], strict=True)))


@given(clocks(), st.integers(-60 * 24, 60 * 24), st.integers(1, 60 * 24), st.sampled_from([1, 12]))
def test_slides_are_every_start_and_end_as_the_calendar_says(
    clock: Calendar, since: int, long: int, months: int
) -> None:
    """Wherever clocks change, at either end of the window and right beside the end of a month."""
    start = utc(datetime.fromisoformat("2027-02-01")) + since * HOUR
    _every_start_and_end(clock, Span(start, start + long * HOUR), months)


@pytest.mark.parametrize(
    ("since", "days"),
    [("2026-01-26", 8), ("2026-02-26", 4), ("2026-03-26", 8), ("2024-03-28", 6), ("2026-09-24", 2)],
    ids=["long to short", "short to long", "into a change", "a change at a month's end", "out of summer"],
)
def test_along_a_slide_windows_only_move(since: str, days: int) -> None:
    """Every hour of some days in Paris, where what is a month later turns in some way."""
    start = utc(datetime.fromisoformat(since))
    _every_start_and_end(calendar(), Span(start, start + days * DAY), 1)
    _every_start_and_end(calendar(), Span(start, start + days * DAY - 12 * HOUR), 1)


def test_slides_may_be_two_microseconds_short() -> None:
    """One whose windows move, and one whose windows all end where the clock is put forward."""
    moving, staying = (utc(datetime.fromisoformat(at)) for at in ("2027-02-27T02:30", "2027-02-28T02:30"))

    (moves,), (stays,) = (calendar().slides(Span(at, at + 2), 1) for at in (moving, staying))

    assert (moves.stays, stays.stays) == (False, True)
    assert moves.last.end == moves.first.end + 1
    assert stays.last.end == stays.first.end


def test_a_midnight_that_comes_twice_bends_twice() -> None:
    """The clock goes back an hour at half past midnight of March 1, and February 28 ends once more."""
    start = utc(datetime.fromisoformat("2027-03-01T01:00"))
    clock = replace(calendar(), transitions=((0, 0), (start + HOUR // 2, -HOUR)))

    _every_start_and_end(clock, Span(start + HOUR // 6, start + DAY), 1)


def _every_start_and_end(clock: Calendar, starts: Span, months: int) -> None:
    found = clock.slides(starts, months)

    assert [one.starts.start for one in found] == [starts.start, *(one.starts.end for one in found[:-1])]
    assert found[-1].starts.end == starts.end
    for one in found:
        for at in {*range(*one.starts, HOUR), *range(one.starts.end - 1, one.starts.start - 1, -HOUR)}:
            assert one.window(at).end == clock.shift(at, months)


def test_what_is_too_short_to_count_makes_no_window_the_worst() -> None:
    """Five outages of two hours in one month, and one of five hours two months later."""
    by = msgspec.structs.replace(contract(), countable=Countable(clause="x", minimum=3 * HOUR))
    hours = "oxxo" * 5 + "o" * 1500 + "xxxxxo"
    made = watched(hours, every=3600, burst=3600)

    now = instant(len(hours) * 3600)
    evidence = replay({made.origin: made.lines}, by, now)
    found = draw(evidence, by, calendar(), as_of=now, asked=("worst",))

    (worst_,) = found.attainments
    assert worst_.net.amount == 4 * HOUR - 10_000
