"""Instants, durations, ratios and amounts as people see them."""

from datetime import UTC
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.timeline import DAY, HOUR, MINUTE, SECOND
from exporters.documents import show

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("at", "where", "text"),
    [
        (1_774_746_000_000_000, PARIS, "2026-03-29 03:00:00+02:00"),  # the moment summer time begins
        (1_774_745_999_999_999, PARIS, "2026-03-29 01:59:59.999999+01:00"),
        (1_774_746_000_250_000, UTC, "2026-03-29 01:00:00.250000+00:00"),
    ],
)
def test_instants_carry_their_offset_and_every_microsecond(at: int, where: ZoneInfo, text: str) -> None:
    assert show.instant(at, where) == text


def test_a_deadline_at_midnight_is_told_as_the_end_of_the_day_before() -> None:
    """ "Until the 29th, 00:00" is what somebody who is a day late has read."""
    midnight = 1_774_738_800_000_000

    assert show.until(midnight, PARIS) == "the end of 2026-03-28 (2026-03-29 00:00:00+01:00)"
    assert show.until(midnight + 1, PARIS) == "2026-03-29 00:00:00.000001+01:00"
    assert show.until(midnight, UTC) == "2026-03-28 23:00:00+00:00"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0, "0 s"),
        (1, "0.000001 s"),
        (MINUTE, "1 min"),
        (DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND + 5_000, "1 d 2 h 3 min 4.005 s"),
        (-90 * SECOND, "-1 min 30 s"),
    ],
)
def test_durations_are_told_in_full(length: int, text: str) -> None:
    assert show.duration(length) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (DAY + MINUTE + 59 * SECOND + 999_999, "1 d 1 min"),
        (MINUTE, "1 min"),
        (MINUTE - 1, "less than a minute"),
    ],
)
def test_time_that_is_left_is_never_more_than_there_is(length: int, text: str) -> None:
    assert show.left(length) == text


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (Fraction(339_000), "3 390.00 EUR"),
        (Fraction(123_456_789_999, 1000), "1 234 567.89 EUR"),
        (Fraction(9_999, 10_000), "0.00 EUR"),
        (Fraction(5), "0.05 EUR"),
        (Fraction(-1, 2), "-0.01 EUR"),  # down, not towards nothing
    ],
)
def test_amounts_are_rounded_down_to_the_cent(cents: Fraction, text: str) -> None:
    assert show.money(cents, "EUR").replace(show.SPACE, " ") == text


@given(st.fractions(min_value=0))
def test_no_amount_is_shown_as_more_than_it_is(cents: Fraction) -> None:
    shown = show.money(cents, "EUR").removesuffix(f"{show.SPACE}EUR").replace(show.SPACE, "").replace(".", "")

    assert int(shown) <= cents < int(shown) + 1


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Fraction(1), "100 %"),
        (Fraction(9997, 10000), "99.97 %"),
        (Fraction(999_999_999, 1_000_000_000), "99.99999… %"),  # rounding would say that nothing was lost
        (Fraction(2, 3), "66.66666… %"),
        (Fraction(0), "0 %"),
    ],
)
def test_percentages_are_cut_and_say_so(ratio: Fraction, text: str) -> None:
    assert show.percent(ratio) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Fraction("0.999999999999"), "99.9999999999 %"),  # what the shipped contract promises of an object
        (Fraction("0.9997"), "99.97 %"),
        (Fraction("0.3"), "30 %"),
        (Fraction(1), "100 %"),
        (Fraction(2, 3), "66.66666… %"),  # no promise: those are written with a point
    ],
)
def test_what_is_promised_is_shown_with_every_digit_it_has(ratio: Fraction, text: str) -> None:
    assert show.percent(ratio, show.EXACT) == text


@given(st.integers(0, 10**15))
def test_no_promise_is_cut(number: int) -> None:
    ratio = Fraction(number, 10**15)

    assert Fraction(show.percent(ratio, show.EXACT).removesuffix(" %")) / 100 == ratio


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(Fraction(999, 1000), "99.9 %"), (Fraction(2, 3), "66.66666… %"), (Fraction(1), "100 %")],
)
def test_digits_that_go_on_are_marked_so(ratio: Fraction, text: str) -> None:
    assert show.digits(ratio).replace(show.SPACE, " ") == text


@given(st.fractions(0, 1))
def test_no_percentage_says_more_than_the_ratio_it_stands_for(ratio: Fraction) -> None:
    told = Fraction(show.percent(ratio).removesuffix(" %").removesuffix("…")) / 100

    assert told <= ratio < told + Fraction(1, 10 ** (show.DIGITS + 2))
