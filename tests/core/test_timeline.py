"""Span sets against a model that keeps every instant by itself (T1)."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collector.core.timeline import (
    Span,
    Spans,
    difference,
    duration,
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
