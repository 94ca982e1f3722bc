"""Windows: trailing, calendar, given (A4)."""

from datetime import date
from fractions import Fraction

import pytest

from collector.core.attainment import Facts, Losses, Terms
from collector.core.calendar import Slide
from collector.core.timeline import DAY, HOUR, Span, spans
from collector.core.verdict import States
from collector.core.window import Window, calendar_windows, ending, windows, worst
from tests.strategies import calendar


def day(text: str) -> int:
    return calendar().midnight(date.fromisoformat(text))


@pytest.mark.parametrize(
    ("length", "as_of", "start"),
    [
        ("P1M", "2026-03-31", "2026-02-28"),
        ("P1M", "2026-11-15", "2026-10-15"),
        ("P1Y", "2024-02-29", "2023-02-28"),
    ],
)
def test_a_trailing_window_ends_now_and_is_as_long_as_the_calendar_says(
    length: str, as_of: str, start: str
) -> None:
    assert windows(length, ["trailing"], calendar(), day(as_of)) == (
        Window("trailing", Span(day(start), day(as_of))),
    )


def test_of_the_calendar_the_running_and_the_last_complete_window() -> None:
    assert windows("P1M", ["calendar"], calendar(), day("2026-11-15")) == (
        Window("calendar", Span(day("2026-10-01"), day("2026-11-01"))),
        Window("calendar", Span(day("2026-11-01"), day("2026-12-01"))),
    )
    assert [w.span for w in windows("P1Y", ["calendar"], calendar(), day("2026-01-01"))] == [
        Span(day("2025-01-01"), day("2026-01-01")),
        Span(day("2026-01-01"), day("2027-01-01")),
    ]


def test_months_of_paris_are_not_thirty_days() -> None:
    (october, _) = windows("P1M", ["calendar"], calendar(), day("2026-11-15"))

    assert october.span.length == 31 * DAY + HOUR


def test_a_given_window_is_taken_as_it_is() -> None:
    assert windows("P1Y", [Span(3, 7)], calendar(), 0) == (Window("given", Span(3, 7)),)


def test_the_worst_position_is_asked_for_elsewhere() -> None:
    """It is no window before what is lost in every position is known."""
    assert windows("P1M", ["worst"], calendar(), 0) == ()


def test_windows_of_the_calendar_that_touch_a_span() -> None:
    """One that only ends or begins where it does is not touched."""
    span = Span(day("2026-01-31"), day("2026-03-01"))

    assert list(calendar_windows("P1M", calendar(), span)) == [
        Window("calendar", Span(day("2026-01-01"), day("2026-02-01"))),
        Window("calendar", Span(day("2026-02-01"), day("2026-03-01"))),
    ]
    assert list(calendar_windows("P1Y", calendar(), span)) == [
        Window("calendar", Span(day("2026-01-01"), day("2027-01-01")))
    ]


def test_windows_that_all_end_at_one_instant_are_kept_or_left_together() -> None:
    """What starts from 28 to 31 January ends with February: at 200, say."""
    standing = Slide(Span(100, 110), 200, stays=True)

    assert ending([standing], Span(200, 201)) == (standing,)
    assert ending([standing], Span(150, 200)) == ending([standing], Span(201, 250)) == ()


# ------------------------------------------------------------------------- every position, to the microsecond


def episodes(slides: list[Slide], target: Fraction, *down: tuple[int, int]) -> list[tuple[int, int]]:
    """From which start to which start positions are missed, of a service that was down at those instants."""
    facts = Facts(States(down=spans(down), edge=(), up=()), (), (), reserved=())
    terms = Terms("c", target, targets=(), minimum=0, grace=None, spared=())
    losses = Losses(Span(-1000, 1000), facts, terms, {"excluded-time": "period-stays"})
    return [(one.first.start, one.last.start) for one in worst(slides, losses, terms.target).episodes]


SLIDING = Slide(Span(0, 10), 3, stays=False)
"""Ten positions of three microseconds, of which half may be lost: two are missed by the least there is."""


@pytest.mark.parametrize(
    ("down", "missed"),
    [
        ([], []),
        ([(0, 1), (11, 12)], []),
        ([(5, 6)], []),
        ([(5, 7)], [(4, 5)]),
        ([(5, 8)], [(4, 6)]),
        ([(0, 2)], [(0, 0)]),
        ([(-5, 4)], [(0, 2)]),
        ([(10, 12)], [(9, 9)]),
        ([(8, 20)], [(7, 9)]),
        ([(-5, 20)], [(0, 9)]),
        ([(2, 4), (5, 7)], [(1, 5)]),
        ([(2, 4), (6, 8)], [(1, 2), (5, 6)]),
        ([(2, 4), (4, 6)], [(1, 4)]),
    ],
)
def test_an_episode_is_every_position_that_loses_too_much_and_no_other(
    down: list[tuple[int, int]], missed: list[tuple[int, int]]
) -> None:
    assert episodes([SLIDING], Fraction(1, 2), *down) == missed
    parts = [SLIDING.part(start, start + 1) for start in range(10)]
    assert episodes(parts, Fraction(1, 2), *down) == missed


@pytest.mark.parametrize(
    ("down", "missed"),
    [
        ([(5, 6)], []),
        ([(5, 7)], [(4, 5)]),
        ([(5, 8)], [(4, 6)]),
        ([(3, 6), (8, 11)], [(2, 4), (7, 9)]),
    ],
)
def test_what_just_reaches_its_target_is_not_missed(
    down: list[tuple[int, int]], missed: list[tuple[int, int]]
) -> None:
    """Of three microseconds one may be lost: that is a third, exactly."""
    assert episodes([SLIDING], Fraction(2, 3), *down) == missed


def test_of_the_calendar_it_is_the_running_window_until_its_last_microsecond() -> None:
    november = Window("calendar", Span(day("2026-11-01"), day("2026-12-01")))

    assert windows("P1M", ["calendar"], calendar(), day("2026-12-01") - 1)[-1] == november
    assert windows("P1M", ["calendar"], calendar(), day("2026-12-01"))[0] == november


@pytest.mark.parametrize(
    ("since", "days"), [("2026-07-20", 20), ("2026-08-02", 24), ("2026-12-20", 20)], ids=lambda value: value
)
def test_where_a_month_later_goes_on_as_it_did_a_slide_does(since: str, days: int) -> None:
    """From July to August and December to January one has as many days as the other."""
    (slide,) = calendar().slides(Span(day(since), day(since) + days * DAY), 1)

    assert not slide.stays
