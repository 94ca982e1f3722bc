"""Span sets against a model that keeps every instant by itself (T1)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.timeline import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    NOTHING,
    SECOND,
    Span,
    Spans,
    Summed,
    decimal,
    difference,
    duration,
    duration_of,
    first,
    intersection,
    spans,
    union,
    within,
)

pairs = st.tuples(st.integers(0, 60), st.integers(0, 60))
parts = st.lists(pairs, max_size=12)


def instants(found: Spans) -> set[int]:
    return {instant for start, end in found for instant in range(start, end)}


def model(given_parts: list[tuple[int, int]]) -> set[int]:
    return {instant for start, end in given_parts for instant in range(start, end)}


def check(found: Spans, expected: set[int]) -> None:
    """The same instants, sorted, disjoint, with nothing empty and nothing touching."""
    assert instants(found) == expected
    assert all(start < end for start, end in found)
    assert all(one.end < other.start for one, other in pairwise(found))
    assert duration(found) == len(expected)


@given(parts)
def test_a_set_is_made_of_parts_in_any_order(a: list[tuple[int, int]]) -> None:
    check(spans(a), model(a))


@given(parts, parts)
def test_sets_are_joined_cut_and_taken_off(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    check(union(spans(a), spans(b)), model(a) | model(b))
    check(intersection(spans(a), spans(b)), model(a) & model(b))
    check(difference(spans(a), spans(b)), model(a) - model(b))


@given(parts, pairs)
def test_a_window_cuts_at_its_edges(a: list[tuple[int, int]], window: tuple[int, int]) -> None:
    check(within(spans(a), Span(*window)), model(a) & set(range(*window)))


@given(parts, st.integers(-1, 70))
def test_the_first_of_a_set(a: list[tuple[int, int]], amount: int) -> None:
    check(first(spans(a), amount), set(sorted(model(a))[: max(amount, 0)]))


def test_a_span_knows_its_length() -> None:
    assert Span(3, 10).length == 7


# --------------------------------------------------------------------------------------- by worked examples

SOME = spans([(10, 20), (30, 40), (50, 60)])


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(5, 5), (7, 6)], []),
        ([(5, 5), (6, 7)], [(6, 7)]),
        ([(3, 4), (1, 2)], [(1, 2), (3, 4)]),
        ([(1, 2), (2, 3)], [(1, 3)]),
        ([(1, 9), (2, 3), (4, 5)], [(1, 9)]),
        ([(1, 4), (3, 6), (8, 9)], [(1, 6), (8, 9)]),
    ],
    ids=["empty", "one empty", "out of order", "touching", "one in another", "overlapping"],
)
def test_parts_make_a_set(parts: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    assert list(spans(parts)) == expected
    assert all(isinstance(span, Span) for span in spans(parts))


def test_joining_is_any_of_them() -> None:
    assert union() == NOTHING
    assert union(NOTHING, SOME, NOTHING) == SOME
    assert union(SOME, spans([(20, 30)]), spans([(70, 80)])) == spans([(10, 40), (50, 60), (70, 80)])


@pytest.mark.parametrize(
    ("other", "common", "left"),
    [
        ([], [], [(10, 20), (30, 40), (50, 60)]),
        ([(0, 10), (20, 30), (40, 50), (60, 70)], [], [(10, 20), (30, 40), (50, 60)]),
        ([(10, 60)], [(10, 20), (30, 40), (50, 60)], []),
        ([(0, 11), (19, 31)], [(10, 11), (19, 20), (30, 31)], [(11, 19), (31, 40), (50, 60)]),
        ([(12, 13), (14, 15)], [(12, 13), (14, 15)], [(10, 12), (13, 14), (15, 20), (30, 40), (50, 60)]),
        ([(15, 35), (39, 55)], [(15, 20), (30, 35), (39, 40), (50, 55)], [(10, 15), (35, 39), (55, 60)]),
        ([(10, 20), (30, 40)], [(10, 20), (30, 40)], [(50, 60)]),
    ],
    ids=["nothing", "all around", "over all", "edges", "holes", "across", "the same"],
)
def test_what_two_sets_share_and_what_one_leaves_of_the_other(
    other: list[tuple[int, int]], common: list[tuple[int, int]], left: list[tuple[int, int]]
) -> None:
    assert list(intersection(SOME, spans(other))) == common
    assert list(intersection(spans(other), SOME)) == common
    assert list(difference(SOME, spans(other))) == left


@pytest.mark.parametrize(
    ("window", "inside"),
    [
        ((0, 100), [(10, 20), (30, 40), (50, 60)]),
        ((10, 60), [(10, 20), (30, 40), (50, 60)]),
        ((15, 55), [(15, 20), (30, 40), (50, 55)]),
        ((20, 50), [(30, 40)]),
        ((32, 38), [(32, 38)]),
        ((20, 30), []),
        ((35, 35), []),
        ((38, 32), []),
    ],
)
def test_a_window_cuts_what_reaches_over_its_edges(
    window: tuple[int, int], inside: list[tuple[int, int]]
) -> None:
    assert list(within(SOME, Span(*window))) == inside


def test_a_window_of_nothing_has_nothing() -> None:
    assert within(NOTHING, Span(0, 10)) == NOTHING


@pytest.mark.parametrize(
    ("amount", "taken"),
    [(0, []), (-1, []), (10, [(10, 20)]), (11, [(10, 20), (30, 31)]), (99, [(10, 20), (30, 40), (50, 60)])],
)
def test_the_earliest_of_a_set(amount: int, taken: list[tuple[int, int]]) -> None:
    assert list(first(SOME, amount)) == taken


def test_how_much_lies_before_an_instant_and_where_so_much_does() -> None:
    summed = Summed(SOME)

    assert summed.edges == [10, 20, 30, 40, 50, 60]
    assert [summed.before(at) for at in (0, 10, 11, 20, 25, 30, 39, 60, 99)] == [
        0,
        0,
        1,
        10,
        10,
        10,
        19,
        30,
        30,
    ]
    assert [summed.at(amount) for amount in (0, 1, 9, 10, 19, 20, 29, 30)] == [10, 11, 19, 30, 39, 50, 59, 60]
    assert Summed(NOTHING).before(5) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1us", 1),
        ("2 µs", 2),
        ("10 ms", 10 * MILLISECOND),
        ("1.5 s", 1_500_000),
        ("0.000001s", 1),
        ("2 min", 120 * SECOND),
        ("48 h", 48 * 60 * MINUTE),
        ("7d", 7 * 24 * HOUR),
        ("1d", DAY),
    ],
)
def test_a_duration_is_a_number_and_its_unit(text: str, expected: int) -> None:
    assert duration_of(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "10", "s", "ten s", "10 weeks", "-1s", "1e3s", "1.2.3s", ".5s", "1.s", "0.5us", "10  s", "\u0661s"],
)
def test_what_is_no_duration_is_refused_as_it_was_written(text: str) -> None:
    with pytest.raises(ValueError, match=f'^expected a duration like "10s", got "{text}"$'):
        duration_of(text)


def test_a_decimal_has_digits_and_at_most_one_point_between_them() -> None:
    assert [str(decimal(text)) for text in ("7", "99.97", "0.10")] == ["7", "9997/100", "1/10"]
    assert {
        decimal(text) for text in ("", ".", "1.", ".5", "1.2.3", "-1", "1e3", "1_0", "\u0663", "1.\u0663")
    } == {None}
