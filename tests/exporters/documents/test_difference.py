"""What differs between two published documents: everything, once, and under the thing that it is about."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.documents.difference import ABSENT, Change, difference

LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a", "b"])
NAMES = st.sampled_from(["id", "commitment", "service", "net", "up", "kind"])
JSON = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES, part, max_size=3), max_leaves=12
)


def attainment(net: int, start: int = 0, kind: str = "trailing", service: str = "api") -> dict[str, Any]:
    return {
        "commitment": "c", "service": service, "window": {"kind": kind, "start": start, "end": start + 9},
        "net": net,
    }  # fmt: skip


@given(JSON)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert difference(value, value) == ()


@given(JSON, JSON)
def test_the_other_way_round_is_the_same_with_sides_changed(one: Any, other: Any) -> None:
    there, back = difference(one, other), difference(other, one)

    assert {(c.path, repr(c.before), repr(c.after)) for c in there} == {
        (c.path, repr(c.after), repr(c.before)) for c in back
    }


@given(st.dictionaries(NAMES, LEAVES, max_size=4), st.dictionaries(NAMES, LEAVES, max_size=4))
def test_each_value_that_differs_is_told(one: dict[str, Any], other: dict[str, Any]) -> None:
    changed = {k for k in {*one, *other} if one.get(k, ABSENT) != other.get(k, ABSENT)}

    assert [change.path for change in difference(one, other)] == [(k,) for k in sorted(changed)]


def test_items_are_matched_by_what_they_are_about_and_not_by_their_place() -> None:
    before = [attainment(1), attainment(2, service="storage")]
    after = [attainment(2, service="storage"), attainment(5)]

    assert difference(before, after) == (Change(("c/api/trailing", "net"), 1, 5),)


def test_an_item_of_one_side_alone_is_told_whole() -> None:
    new = {"id": "m1", "standing": "accepted"}

    assert difference({"deductions": []}, {"deductions": [new]}) == (
        Change(("deductions", "m1"), ABSENT, new),
    )


def test_several_windows_of_one_promise_are_matched_by_when_they_are() -> None:
    """A new month has begun: the one before is compared with itself."""
    before = [attainment(1, 0, "calendar"), attainment(2, 10, "calendar")]
    after = [attainment(2, 10, "calendar"), attainment(3, 20, "calendar")]

    found = difference(before, after)

    assert [(change.path[1:], change.before, change.after) for change in found] == [
        (("net",), 1, 3),
        (("window", "end"), 9, 29),
        (("window", "start"), 0, 20),
    ]


def test_a_window_that_ends_later_is_the_same_promise_moved_on() -> None:
    found = difference([attainment(1, 0)], [attainment(1, 5)])

    assert {change.path for change in found} == {
        ("c/api/trailing", "window", "start"), ("c/api/trailing", "window", "end"),
    }  # fmt: skip


def test_a_deduction_that_stands_in_part_is_two_things() -> None:
    parts = [{"id": "m", "standing": "accepted"}, {"id": "m", "standing": "refused"}]

    assert difference(parts, [*parts[:1], {"id": "m", "standing": "disputed"}]) == (
        Change(("m#2", "standing"), "refused", "disputed"),
    )


@pytest.mark.parametrize("spans", [[[1, 2]], [[1, 2], [4, 9]], []])
def test_spans_differ_as_a_whole(spans: list[list[int]]) -> None:
    assert difference({"spans": [[1, 3]]}, {"spans": spans}) == (Change(("spans",), [[1, 3]], spans),)
