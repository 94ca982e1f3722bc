"""Which declarations stand: what takes the place of what, what does not, and that each is said."""

import pytest

from collector.core.account import replay
from collector.core.correction import stated
from collector.errors import UncountableJournal
from tests.core.test_deduction import force, journal
from tests.strategies import Journal, S, account, attainment, contract, instant


def corrected(made: Journal, id: str, of: str, end: int, at: float = 0) -> Journal:
    """With another word on what `of` says: force majeure from second 100 to `end`."""
    return made.declare(**force(id, (100, end), at=at, supersedes=of))


def deducted(*made: Journal) -> dict[str, int]:
    ledger = attainment(*made, until=600).ledger
    return {line.kind: line.amount for line in ledger if line.kind != "unreserved"}


def flags(*made: Journal) -> list[str]:
    return list(account(*made, until=600).flags)


def kinds(*made: Journal) -> list[str]:
    return [flag.split(": ")[0] + " " + flag.split(": ")[1] for flag in flags(*made)]


def test_of_two_corrections_the_last_that_was_written_counts_in_whatever_order_they_are_read() -> None:
    """The last one standing counts; that somebody corrected the first instead of the second is said."""
    made = journal().declare(**force("a", (100, 200)))
    corrected(corrected(made, "b", "a", 120, at=30), "c", "a", 150, at=20)
    b, c = (f"v-1:{line.seq}" for line in made.lines[-2:])

    assert deducted(made) == {"force-majeure": 20 * S}
    assert flags(made) == [f'corrected-twice: a: by "c" ({c}), "b" ({b}); the last counts']


def test_of_two_corrections_written_at_once_the_one_with_the_higher_id_counts() -> None:
    made = journal().declare(**force("a", (100, 200)))
    corrected(corrected(made, "c", "a", 150), "b", "a", 120)

    assert deducted(made) == {"force-majeure": 50 * S}


def test_a_correction_of_the_earlier_of_two_corrections_is_the_last_word() -> None:
    made = journal().declare(**force("a", (100, 200)))
    corrected(corrected(made, "b", "a", 120, at=1), "c", "a", 150, at=2)
    corrected(made, "d", "b", 130, at=3)

    assert deducted(made) == {"force-majeure": 30 * S}
    assert kinds(made) == ["corrected-twice a"]


def test_a_chain_of_corrections_is_nothing_odd() -> None:
    made = journal().declare(**force("a", (100, 200)))
    corrected(corrected(made, "b", "a", 120, at=9), "c", "b", 150, at=1)

    assert deducted(made) == {"force-majeure": 50 * S}
    assert flags(made) == []


@pytest.mark.parametrize("kind", ["note", "customer-fault"])
def test_what_is_of_another_kind_takes_the_place_of_nothing(kind: str) -> None:
    """A note that nobody reads must not make an accepted deduction disappear."""
    made = journal().declare(**force("a", (100, 200)))
    said = {"text": "t"} if kind == "note" else {"standing": "accepted", "scope": ("*",), "spans": ((0, 9),)}
    made.declare("b", kind, supersedes="a", **said)

    assert deducted(made)["force-majeure"] == 100 * S
    assert flags(made) == [
        f'supersedes-other-kind: b: of kind {kind}, where "a" is of kind force-majeure: both stand '
        f"(v-1:{made.lines[-1].seq})"
    ]


def test_what_supersedes_something_unknown_stands_and_is_told() -> None:
    made = corrected(journal(), "b", "a", 110)

    assert deducted(made) == {"force-majeure": 10 * S}
    assert flags(made) == [
        f'supersedes-unknown: b: nothing declared is called "a" (v-1:{made.lines[-1].seq})'
    ]


def test_what_is_corrected_before_it_is_written_is_unknown_until_then() -> None:
    """Another origin may write the correction first, or by another clock."""
    made = corrected(journal(), "b", "a", 110, at=10).declare(**force("a", (100, 200), at=20))

    assert kinds(made) == []
    assert account(made, until=600, as_of=15).flags[0].startswith("supersedes-unknown: b")


def test_what_an_index_knows_and_was_written_later_does_not_stand_yet() -> None:
    """Evidence may reach further than the instant of the account."""
    made = journal().declare(**force("a", (100, 200), at=10))
    evidence = replay({"v-1": corrected(made, "b", "a", 120, at=20).lines}, contract(), instant(600))

    assert [said.declared.id for said in stated(evidence.testimonies, instant(19)).standing] == ["a"]
    assert [said.declared.id for said in stated(evidence.testimonies, instant(20)).standing] == ["b"]
    assert stated(evidence.testimonies, instant(9)) == ((), ())


def test_a_loop_of_corrections_is_refused_by_name_and_line() -> None:
    made = journal().declare("a", "note", supersedes="b").declare("b", "note", supersedes="c")
    made.declare("c", "invoice", supersedes="b")
    b, c = (f"v-1:{line.seq}" for line in made.lines[-2:])

    with pytest.raises(UncountableJournal, match=rf'in a loop: "b" \({b}\), "c" \({c}\), "b"; no collector'):
        account(made, until=600)


def test_the_same_declaration_taken_in_twice_is_one_that_was_known_from_the_first() -> None:
    """Two origins of one machine, whichever is read first."""
    here, there = journal(), Journal("w-1", "w").start().clock()
    here.declare(**force("a", (100, 200), at=5))
    here.declare(**force("b", (100, 120), at=6, supersedes="a"))
    there.declare(**force("a", (100, 200), at=0))
    there.declare(**force("c", (100, 150), at=7, supersedes="a"))
    there.declare(**force("b", (100, 120), at=8, supersedes="a"))

    for made in ((here, there), (there, here)):
        assert deducted(*made) == {"force-majeure": 50 * S}


def test_one_id_that_says_two_things_is_refused_by_name() -> None:
    made = journal().declare("a", "note", text="this").declare("a", "note", text="that")
    first = len(made.lines) - 2

    with pytest.raises(
        UncountableJournal, match=f'v-1:{first} and v-1:{first + 1}: declaration "a" says two'
    ):
        account(made, until=600)


def test_what_stands_is_told_in_the_order_of_ids_whenever_it_was_written() -> None:
    """Also where the clock was set back between two lines: what is dated later is not known yet."""
    made = journal().declare("c", "note", 90, text="late").declare("b", "note", 60, text="first")
    made.declare("a", "note", 70, text="second")
    evidence = replay({made.origin: made.lines}, contract(), instant(1000))

    known = stated(evidence.testimonies, instant(80)).declarations

    assert [one.id for one in known] == ["a", "b"]


def test_one_id_that_says_two_things_is_refused_with_both_lines_and_what_to_do() -> None:
    made = journal().declare(**force("a", (100, 200))).declare(**force("a", (100, 201)))
    first, second = (f"v-1:{line.seq}" for line in made.lines[-2:])

    with pytest.raises(UncountableJournal) as refused:
        account(made, until=600)

    assert str(refused.value) == (
        f'{first} and {second}: declaration "a" says two things; '
        "a correction needs an id of its own and supersedes the first"
    )
