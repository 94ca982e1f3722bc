"""The axis of a timeline shows round times of a clock on a Paris wall, and lanes what lies on it."""

from datetime import datetime

import pytest

from collector.core.timeline import DAY, HOUR, MINUTE, SECOND, Duration, Instant, Span
from exporters.documents.report import drawing
from exporters.documents.report.drawing import LEAST, WHOLE
from tests.exporters.documents.report.test_words import voice


def at(text: str) -> Instant:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


@pytest.mark.parametrize(
    "length", [3 * SECOND, 90 * SECOND, 10 * MINUTE, HOUR, 7 * HOUR, 2 * DAY, 31 * DAY, 366 * DAY]
)
def test_there_are_some_ticks_and_not_too_many_whatever_the_length(length: Duration) -> None:
    start = at("2026-11-18T12:00:00+01:00")
    ticks = drawing._ticks(Span(start, start + length), voice("en"))

    assert 2 <= len(ticks) <= drawing.TICKS + 1
    assert all(0 <= place <= WHOLE for place, _ in ticks if isinstance(place, int))


def test_days_begin_at_midnight_in_paris_also_when_clocks_are_set_back() -> None:
    window = Span(at("2026-10-24T00:00:00+02:00"), at("2026-10-28T00:00:00+01:00"))
    ticks = drawing._ticks(window, voice("fr"))

    assert [label for _, label in ticks] == ["24/10", "25/10", "26/10", "27/10", "28/10"]
    # The second day has 25 of the 97 hours.
    places = {label: place for place, label in ticks}
    assert int(places["26/10"]) - int(places["25/10"]) == pytest.approx(WHOLE * 25 / 97, abs=2)
    assert "UTC+02:00 puis UTC+01:00" in drawing._axis(window, voice("fr"))


def test_an_outage_of_a_second_in_a_year_can_be_seen_and_does_not_run_off_the_axis() -> None:
    year = Span(0, 365 * DAY)
    last = Span(year.end - SECOND, year.end)

    assert drawing._segments(year, (Span(5, SECOND), last), "down") == [
        [0, LEAST, "down"], [WHOLE - LEAST, LEAST, "down"],
    ]  # fmt: skip


def test_what_would_touch_is_drawn_as_one() -> None:
    year = Span(0, 365 * DAY)
    flaps = tuple(Span(k * MINUTE, k * MINUTE + SECOND) for k in range(100))

    assert len(drawing._segments(year, flaps, "down")) == 1
