"""Pages of text: nothing is wider than the page, and sums stand under each other."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.timeline import DAY, HOUR, SECOND
from exporters.documents import show
from exporters.documents.page import RULE, WIDEST, Page, Row

WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=20), max_size=60).map(" ".join)


@given(WORDS, st.integers(60, 200))
def test_no_line_is_wider_than_the_page(text: str, width: int) -> None:
    page = Page(width)
    page.title(text[:40], "MISSED")
    page.say(text)
    page.fact("label", text)
    page.sums([Row("", text, DAY, (text,)), RULE, Row("=", "sum", 400 * DAY)])

    assert max(len(line.text) for line in page.lines) <= min(width, WIDEST)


@given(WORDS)
def test_folding_loses_no_word(text: str) -> None:
    page = Page(80)
    page.fact("label", text)

    assert " ".join(page.text().split()) == " ".join(["label", *text.split()])


def test_amounts_of_a_sum_stand_under_each_other_in_both_forms() -> None:
    page = Page(80)
    page.sums(
        [Row("", "one", 2 * DAY + SECOND), Row("-", "two", HOUR), RULE, Row("=", "left", 47 * HOUR + SECOND)]
    )

    shown = page.text().splitlines()

    assert shown == [
        "      one                                2 d 00:00:01.000000  172 801 000 000 µs",
        "   -  two                                    01:00:00.000000    3 600 000 000 µs",
        "                                         ---------------------------------------",
        "   =  left                               1 d 23:00:01.000000  169 201 000 000 µs",
    ]


def test_two_gaps_are_one() -> None:
    page = Page(80)
    page.say("one")
    page.gap()
    page.gap()
    page.say("two")

    assert page.text() == "   one\n\n   two\n"


@pytest.mark.parametrize(("asked", "had"), [(10, 60), (80, 80), (300, 110)])
def test_a_page_is_as_wide_as_an_eye_can_follow(asked: int, had: int) -> None:
    assert Page(asked).width == had


@given(st.integers(0, 10**16))
def test_a_clocked_duration_adds_up_to_what_it_stands_for(length: int) -> None:
    text = show.clocked(length)

    found = re.fullmatch(r"(?:(\d+)\s*d\s*)?(\d\d):(\d\d):(\d\d)\.(\d{6})", text)
    assert found is not None
    days, *clock = (int(part or 0) for part in found.groups())
    hours, minutes, seconds, rest = clock
    assert ((days * 24 + hours) * 60 + minutes) * 60 * SECOND + seconds * SECOND + rest == length
    assert hours < 24
    assert max(minutes, seconds) < 60


@given(st.integers(0, 10**20))
def test_grouped_digits_are_the_number(number: int) -> None:
    assert int(show.grouped(number).replace(show.SPACE, "")) == number
