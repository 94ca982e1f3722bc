"""Durability: objects kept of objects written, with the list of the lost (A6)."""

import json
from collections.abc import Sequence
from fractions import Fraction
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.account import draw, replay
from collector.core.contract import Contract
from collector.core.durability import Canary, DurabilityFigure, Objects, joined, together
from collector.core.published import to_json
from collector.core.record import Line, Outcome, Reason
from collector.core.window import Asked
from tests.strategies import BLIND, FAILED, OK, Journal, account, calendar, contract, instant, probe, service

KEPT = "object-storage.durability"
DAY = 86_400.0


def canaries(origin: str = "v-1", **more: Any) -> Journal:
    made = Journal(origin, origin).start().clock().plan([service("s", KEPT, **more)], [probe(), probe("q")])
    return made.declare("zones", "deployment", account="a", zones=("r-a", "r-b"))


def wrote(made: Journal, at: float, *names: str, outcome: Outcome = OK) -> Journal:
    for name in names:
        made.sample(at, outcome, facts={"object": name, "did": "written"})
    return made


def read(
    made: Journal, at: float, name: str, outcome: Outcome = OK, why: Reason | None = None, **more: Any
) -> Journal:
    """A read by probe p; `missed` for one that found something else."""
    facts = {"object": name, "did": "read"} | {k: v for k, v in more.items() if k == "status"}
    return made.sample(at, outcome, more.get("by", "p"), reason=why, facts=facts)


def missed(made: Journal, at: float, name: str, **more: Any) -> Journal:
    return read(made, at, name, FAILED, Reason.CONTENT, **more)


def figure(*journals: Journal, until: float = 10 * DAY, **more: Any) -> DurabilityFigure:
    (found,) = account(*journals, until=until, **more).durability
    return found


def counts(found: DurabilityFigure) -> tuple[int, int, int, str]:
    return found.written, found.kept, found.read_back, found.finding


# --------------------------------------------------------------------------------------------- what is lost


def test_all_that_was_written_and_read_back_intact_is_kept() -> None:
    made = wrote(canaries(), 0, "a", "b")

    assert counts(figure(read(read(made, DAY, "a"), DAY, "b"))) == (2, 2, 2, "MET")


def test_what_was_not_read_back_yet_is_open_and_neither_kept_for_sure_nor_lost() -> None:
    found = figure(read(wrote(canaries(), 0, "a", "b"), DAY, "a"))

    assert counts(found) == (2, 2, 1, "OPEN")
    assert found.share == 1


def test_one_object_lost_is_a_miss_and_is_named_with_the_lines_that_say_so() -> None:
    made = read(wrote(canaries(), 0, "a", "b"), DAY, "b")
    missed(missed(read(made, DAY, "a"), 2 * DAY, "a"), 3 * DAY, "a")

    journal_lines = {line.seq: line for line in made.lines}
    published = json.loads(json.dumps(to_json(account(made, until=10 * DAY))))["durability"]

    assert published == [
        {
            "commitment": KEPT,
            "service": "s",
            "window": {"kind": "given", "start": instant(0), "end": instant(10 * DAY)},
            "written": 2,
            "kept": 1,
            "read_back": 1,
            "share": "1/2",
            "target": "999999999999/1000000000000",
            "finding": "MISSED",
            "lost": [
                {
                    "object": "a",
                    "last_intact": {"at": instant(DAY), "line": "v-1:7"},
                    "first_missed": {"at": instant(2 * DAY), "line": "v-1:8"},
                    "last_missed": {"at": instant(3 * DAY), "line": "v-1:9"},
                }
            ],
            "flags": ["unwitnessed"],
        }
    ]
    assert [journal_lines[seq].at for seq in (7, 8, 9)] == [instant(day * DAY + 0.01) for day in (1, 2, 3)]


@pytest.mark.parametrize(
    ("outcome", "why", "status", "lost"),
    [
        (FAILED, Reason.CONTENT, 200, True),
        (FAILED, Reason.CONTENT, 404, True),
        (FAILED, Reason.STATUS, 404, True),
        (FAILED, Reason.STATUS, 410, True),
        (FAILED, Reason.STATUS, 500, False),
        (FAILED, Reason.TIMEOUT, 0, False),
        (FAILED, Reason.REFUSED, 0, False),
        (BLIND, Reason.CREDENTIALS, 403, False),
        (BLIND, Reason.REQUEST, 404, False),
        (Outcome.THROTTLED, Reason.RATE_STORAGE, 503, False),
    ],
)
def test_only_an_answer_that_it_is_not_there_or_another_loses_an_object(
    outcome: Outcome, why: Reason, status: int, lost: bool
) -> None:
    """A service that cannot be reached keeps what it has."""
    made = read(wrote(canaries(), 0, "a"), DAY, "a", outcome, why, status=status)

    assert [one.name for one in figure(made).lost] == (["a"] if lost else [])


def test_what_was_lost_before_anybody_read_it_back_was_never_seen_intact() -> None:
    made = missed(wrote(canaries(), 0, "a"), DAY, "a")

    (published,) = to_json(account(made, until=2 * DAY))["durability"]

    assert [one["last_intact"] for one in published["lost"]] == [None]


def test_a_later_read_that_finds_it_intact_says_it_never_was_lost() -> None:
    made = missed(missed(wrote(canaries(), 0, "a"), DAY, "a"), 2 * DAY, "a")

    assert figure(made).finding == "MISSED"
    assert counts(figure(read(made, 3 * DAY, "a"))) == (1, 1, 1, "MET")
    (lost,) = figure(missed(missed(made, 4 * DAY, "a"), 5 * DAY, "a")).lost
    assert (lost.intact and lost.intact.at, lost.lost and lost.lost.at) == (
        instant(3 * DAY),
        instant(4 * DAY),
    )


def test_who_reads_does_not_matter_as_long_as_it_is_the_same_object() -> None:
    """Another probe, or another vantage point, finds intact what one has missed."""
    one, other = missed(read(wrote(canaries(), 0, "a"), 1, "a"), DAY, "a"), canaries("w-1")

    assert figure(one, other).finding == "MISSED"
    assert figure(one, read(other, 2 * DAY, "a", by="q")).finding == "MET"
    (lost,) = figure(missed(one, 3 * DAY, "a"), other).lost
    assert (lost.intact, lost.lost) == ((instant(2 * DAY), "w-1:4"), (instant(3 * DAY), "v-1:7"))


def test_an_object_is_there_since_anybody_wrote_or_found_it() -> None:
    one, other = wrote(canaries(), 0, "a"), read(canaries("w-1"), 5 * DAY, "a")

    assert figure(one, other, over=(0, 3 * DAY), as_of=10 * DAY).written == 1


def test_found_and_missed_at_the_same_instant_is_found() -> None:
    assert figure(missed(canaries(), DAY, "a"), read(canaries("w-1"), DAY, "a")).lost == ()


def test_within_one_origin_the_order_of_lines_counts_whatever_the_clock_says() -> None:
    back = read(missed(wrote(canaries(), 0, "a"), DAY, "a"), DAY - 100, "a")

    assert figure(back).finding == "MET"


def test_writing_it_again_brings_nothing_back() -> None:
    (lost,) = figure(
        wrote(missed(missed(wrote(canaries(), 0, "a"), DAY, "a"), 2 * DAY, "a"), 3 * DAY, "a")
    ).lost

    assert (lost.first, lost.lost, lost.still) == (
        (instant(0), "v-1:4"),
        (instant(DAY), "v-1:5"),
        (instant(2 * DAY), "v-1:6"),
    )


def test_each_service_has_its_own_objects() -> None:
    made = Journal().start().clock()
    made.plan([service("s", KEPT), service("t", KEPT)], [probe(), probe("q", "t")])
    missed(read(wrote(made, 0, "a"), DAY, "b", by="q"), 2 * DAY, "b", by="q")

    found = {one.service: one.finding for one in account(made, until=10 * DAY).durability}

    assert found == {"s": "OPEN", "t": "MISSED"}


def test_what_was_never_written_cannot_be_lost_and_is_named() -> None:
    found = figure(missed(wrote(canaries(), 0, "b", outcome=FAILED), DAY, "a"))

    assert counts(found) == (0, 0, 0, "OPEN")
    assert found.share is None
    assert found.flags == ("unwitnessed", "never-written: a")


def test_an_object_that_was_there_before_is_written_by_being_found() -> None:
    assert counts(figure(missed(read(canaries(), 0, "a"), DAY, "a"))) == (1, 0, 0, "MISSED")


def test_samples_that_are_about_no_object_say_nothing() -> None:
    made = canaries().sample(0, facts={"did": "read"}).sample(1, facts={"object": "a"})
    made.sample(2, facts={"object": "a", "did": "looked"})

    assert counts(figure(made)) == (0, 0, 0, "OPEN")


# ------------------------------------------------------------------------------------------ windows, targets


def test_a_window_counts_what_was_there_in_it_by_what_is_known_now() -> None:
    made = wrote(canaries(), 0, "lost early", "lost late", "kept")
    for name in ("lost early", "lost late", "kept"):
        read(made, DAY, name)
    missed(made, 2 * DAY, "lost early")
    missed(wrote(read(made, 5 * DAY, "kept"), 6 * DAY, "new"), 7 * DAY, "lost late")

    def over(start: float, end: float) -> tuple[int, int, int, str]:
        return counts(figure(made, over=(start * DAY, end * DAY), as_of=10 * DAY))

    assert over(0, 2) == (3, 3, 3, "MET")
    assert over(0, 3) == (3, 2, 2, "MISSED")
    assert over(3, 6) == (2, 2, 1, "OPEN")
    assert over(3, 7) == (3, 3, 1, "OPEN")
    assert over(3, 8) == (3, 2, 1, "MISSED")
    assert over(8, 9) == (2, 2, 0, "OPEN")


def test_a_read_on_the_edge_of_a_window_belongs_to_the_one_that_begins_there() -> None:
    made = missed(wrote(canaries(), 0, "a"), DAY, "a")

    before = figure(made, over=(0, DAY), as_of=3 * DAY)
    assert (before.finding, before.lost) == ("OPEN", ())
    assert figure(read(canaries(), DAY, "a"), over=(DAY, 2 * DAY), as_of=3 * DAY).finding == "MET"
    assert figure(made, over=(DAY, 2 * DAY), as_of=3 * DAY).finding == "MISSED"
    assert figure(wrote(canaries(), DAY, "a"), over=(0, DAY), as_of=3 * DAY).written == 0


def test_what_slides_nowhere_is_shown_over_the_window_that_ends_now() -> None:
    made = read(wrote(canaries(), 0, "a"), DAY, "a")
    evidence = replay({made.origin: made.lines}, contract(), instant(2 * DAY))

    def shown(*asked: Asked) -> list[str]:
        drawn = draw(evidence, contract(), calendar(), as_of=instant(2 * DAY), asked=asked)
        return [one.window.kind for one in drawn.durability]

    assert shown("worst") == shown("trailing", "worst") == ["trailing"]


def test_nothing_is_known_before_it_was_written_down() -> None:
    made = missed(wrote(canaries(), 0, "a"), 5 * DAY, "a")

    assert figure(made, until=5 * DAY).finding == "OPEN"
    assert figure(made, until=6 * DAY).finding == "MISSED"


def lenient(target: Fraction) -> Contract:
    """The contract with another target for objects."""
    changed = (
        msgspec.structs.replace(c, target=target) if c.id == KEPT else c for c in contract().commitments
    )
    return msgspec.structs.replace(contract(), commitments=tuple(changed))


@pytest.mark.parametrize(("target", "finding"), [("2/3", "MET"), ("667/1000", "MISSED"), ("1/3", "MET")])
def test_a_target_that_leaves_room_is_met_by_what_was_read_back(target: str, finding: str) -> None:
    """Rule A3, exactly: two of three are not 66.7 %."""
    made = missed(read(read(wrote(canaries(), 0, "a", "b", "c"), DAY, "a"), DAY, "b"), DAY, "c")

    assert figure(made, by=lenient(Fraction(target))).finding == finding


def test_a_derogation_is_the_target() -> None:
    made = missed(wrote(canaries(targets={KEPT: "50 %"}), 0, "a", "b"), DAY, "b")

    assert (figure(made).target, figure(made).finding) == (Fraction(1, 2), "OPEN")


def test_what_bars_a_claim_is_flagged_and_changes_no_count() -> None:
    made = canaries(beta=True)
    made.lines = [line for line in made.lines if getattr(line, "id", "") != "zones"]

    found = figure(read(wrote(made, 0, "a"), DAY, "a"))

    assert found.flags == ("unwitnessed", "beta", "not-all-zones")
    assert found.finding == "MET"


# ------------------------------------------------------------------------------------------------------ laws

steps = st.lists(
    st.tuples(
        st.sampled_from(["written", "read", "read", "looked"]),
        st.sampled_from([OK, OK, FAILED, BLIND]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["p", "q"]),
        st.integers(-2, 5),
    ),
    max_size=20,
)


def told(found: Sequence[tuple[str, Outcome, str, str, int]], origin: str = "v-1") -> list[Line]:
    """Samples about objects; now and then the clock goes back."""
    made, at = Journal(origin), 0
    for did, outcome, name, by, later in found:
        at += later
        why = Reason.CONTENT if outcome is FAILED else None
        made.sample(at, outcome, by, reason=why, facts={"object": name, "did": did})
    return made.lines


def followed(lines: Sequence[Line]) -> list[Canary]:
    objects = Objects()
    for line in lines:
        objects.feed(line)
    return objects.take()


@pytest.mark.law(number=4)
@given(steps, st.integers(0, 1 << 32))
def test_in_any_number_of_parts_objects_are_known_as_all_at_once(
    found: list[tuple[str, Outcome, str, str, int]], seed: int
) -> None:
    """The index keeps what `take` gives; a restart in between changes nothing (law 4)."""
    chance, kept, objects = Random(seed), list[Canary](), Objects()
    for line in told(found):
        objects.feed(line)
        if chance.randrange(3) == 0:
            kept = joined(kept, objects.take())
    kept = joined(kept, objects.take())

    assert sorted(kept) == sorted(followed(told(found)))


@pytest.mark.law(number=4)
@given(steps, steps)
def test_the_order_of_origins_makes_no_odds(
    one: list[tuple[str, Outcome, str, str, int]], other: list[tuple[str, Outcome, str, str, int]]
) -> None:
    parts = [("v", seen) for seen in followed(told(one))] + [("w", seen) for seen in followed(told(other))]

    assert together(parts) == together(reversed(parts))


@given(steps)
def test_an_object_is_lost_when_nobody_found_it_intact_after_the_last_miss(
    found: list[tuple[str, Outcome, str, str, int]],
) -> None:
    """By another road: the list of reads, in order of time."""
    forward = [(did, outcome, name, by, abs(later) + 1) for did, outcome, name, by, later in found]
    at, reads = 0, dict[str, list[tuple[int, bool]]]()
    for did, outcome, name, _, later in forward:
        at += later
        if did == "read" and outcome in (OK, FAILED):
            reads.setdefault(name, []).append((at, outcome is OK))

    objects = {one.name: one for one in together(("v", canary) for canary in followed(told(forward)))}

    for name, of in reads.items():
        intact = [when for when, is_so in of if is_so]
        after = [when for when, is_so in of if not is_so and when > max(intact, default=-1)]
        lost = objects[name].lost
        assert (lost is not None) == bool(after)
        if lost is not None and len({by for did, _, n, by, _ in forward if n == name}) == 1:
            assert lost.at == instant(after[0])


def test_what_the_index_kept_in_parts_is_known_together() -> None:
    """Lost on the first day, found on the second, lost again on the third: each part knows its own day."""
    seen = missed(missed(read(wrote(canaries(), 0, "a", "b"), 1, "a"), 2, "a"), 3, "d").lines
    found = missed(missed(read(wrote(canaries(), 10, "c", "d"), 11, "a"), 12, "a"), 13, "a").lines
    again = missed(canaries(), 20, "a").lines

    parts = [followed(lines) for lines in (seen, found, again)]
    kept = joined(joined(parts[0], parts[1]), parts[2])

    assert {one.object: (one.first, one.intact, one.lost, one.still) for one in kept} == {
        "a": (parts[0][0].first, parts[1][2].intact, parts[1][2].lost, parts[2][0].still),
        "b": (parts[0][1].first, None, None, None),
        "c": (parts[1][0].first, None, None, None),
        "d": (parts[1][1].first, None, parts[0][2].lost, parts[0][2].still),
    }
    assert joined(parts[0], []) == parts[0] == joined([], parts[0])
    assert joined(parts[0][:1], parts[2]) == [parts[0][0]._replace(still=parts[2][0].still)]
