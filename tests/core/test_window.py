"""Windows: trailing, calendar, given (A4)."""

from datetime import date

import pytest

from collector.core.calendar import Slide
from collector.core.timeline import DAY, HOUR, Span
from collector.core.window import Window, calendar_windows, ending, windows
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
