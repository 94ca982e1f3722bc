"""What moved between two accounts, in words: nothing that moved is left out where it is all that did."""

from typing import Any

import pytest

from exporters.documents import moves
from exporters.documents.difference import ABSENT, Change

ATTAINMENT = "attainments", "c/api/given"
OUTAGE = "outages", "api@9"


def changed(*path: str, before: Any = 1, after: Any = 2) -> Change:
    return Change(path, before, after)


def told(*path: str, before: Any, after: Any) -> str:
    return moves.told(changed(*path, before=before, after=after), lambda instant: f"@{instant}")


NET, BEST = changed(*ATTAINMENT, "net"), changed(*ATTAINMENT, "best")
FLAGS, LEDGER = changed(*ATTAINMENT, "flags"), changed(*ATTAINMENT, "ledger")
CERTAIN, OPEN = changed(*OUTAGE, "certain"), changed(*OUTAGE, "open")


@pytest.mark.parametrize(
    ("changes", "shown", "causes"),
    [
        ([NET, BEST, LEDGER], [NET, BEST], [NET]),
        ([FLAGS, BEST], [BEST, FLAGS], [FLAGS]),
        ([NET, CERTAIN], [NET, CERTAIN], [NET, CERTAIN]),
        ([CERTAIN, OPEN], [OPEN], [OPEN]),
        ([BEST], [BEST], [BEST]),
        ([LEDGER, BEST], [BEST], [BEST]),
        ([LEDGER], [LEDGER], [LEDGER]),
        ([changed("as_of"), changed("flags")], [changed("flags")], [changed("flags")]),
    ],
)
def test_what_others_say_in_short_is_left_out_only_where_they_moved(
    changes: list[Change], shown: list[Change], causes: list[Change]
) -> None:
    assert moves.figures(changes) == shown
    assert moves.causes(changes) == causes


def test_episodes_that_a_restatement_does_not_look_for_are_no_figure_that_moved() -> None:
    assert moves.figures([changed(*ATTAINMENT, "episodes", before=[], after=ABSENT)]) == []


def test_changes_are_gathered_under_the_thing_that_they_are_of() -> None:
    found = moves.things(moves.figures([changed("flags"), NET, FLAGS, OPEN]))

    assert list(found) == [
        ("Attainment c/api/given", [NET, FLAGS]), ("Flags", [changed("flags")]), ("Outage api@9", [OPEN]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "before", "after", "words"),
    [
        ((*ATTAINMENT, "flags"), ["a"], ["a", "b"], "flags: b is new"),
        ((*ATTAINMENT, "flags"), ["a"], ["c"], "flags: a is not there any more; c is new"),
        (("flags",), ["a"], [], "a is not there any more"),
        (("reservations", "r", "open"), [[1, 2]], [], "open: @1 to @2, now none"),
        (("reservations", "r", "open"), [[1, 2]], [[1, 2], [4, 5]], "open: @1 to @2, now @1 to @2, @4 to @5"),
        (("reservations", "r", "open"), [], [[1, 2]] * 6, "open: none, now 6 entries"),
        (("claims", "c", "credit"), "30000/1", "20099/2", "credit: 30 000 cents, now 10 049 cents"),
        (("claims", "c", "credit"), "3/2", "5/4", "credit: 3/2, now 5/4"),
        (("claims", "c", "share"), "1/2", "1/4", "share: 50 %, now 25 %"),
    ],
)  # fmt: skip
def test_a_value_is_told_before_and_after(path: tuple[str, ...], before: Any, after: Any, words: str) -> None:
    assert told(*path, before=before, after=after).replace("\u00a0", " ") == words
