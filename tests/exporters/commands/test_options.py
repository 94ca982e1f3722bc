"""Instants on the command line."""

import pytest

from exporters.commands.options import parse_instant


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1774746000000000", 1_774_746_000_000_000),
        ("2026-03-29T03:00:00+02:00", 1_774_746_000_000_000),
        ("2026-03-29T01:00:00Z", 1_774_746_000_000_000),
        ("2026-03-29 01:00:00.000001z", 1_774_746_000_000_001),
    ],
)
def test_an_instant_is_rfc_3339_or_microseconds(text: str, at: int) -> None:
    assert parse_instant(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-03-29",
        "2026-03-29T01:00:00",
        "2026-03-29T01:00:00.1234567Z",
        "2026-02-30T01:00:00Z",
    ],
)
def test_anything_else_is_refused_instead_of_guessed(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected an instant|day is out of range"):
        parse_instant(text)


@pytest.mark.parametrize(
    "text", ["-1", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9" * 20]
)
def test_what_no_figure_could_be_of_is_refused_instead_of_shown_as_another_day(text: str) -> None:
    with pytest.raises(ValueError, match=f'an instant of the years 1970 to 2199, got "{text}"'):
        parse_instant(text)


@pytest.mark.parametrize(("text", "at"), [("0", 0), ("2200-01-01T00:00:00+00:01", 7_258_118_340_000_000)])
def test_the_first_and_the_last_instants_are_taken(text: str, at: int) -> None:
    assert parse_instant(text) == at
