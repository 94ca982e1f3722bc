"""What the index keeps does not depend on how the lines came in."""

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from collector.core.account import replay
from collector.core.latency import limits
from collector.core.record import Gap, GapReason, Line, Outcome, Reason
from collector.core.sight import Kind, State
from collector.core.timeline import MINUTE, SECOND, spans
from exporters.index import rows
from exporters.index.follow import Follower
from exporters.index.schema import create
from tests.exporters.index.dumped import rows_in
from tests.exporters.journals import BEGAN, CONTRACT, clock, day, numbered, plan, sample, start

LIMITS = limits(CONTRACT)


@contextmanager
def index() -> Iterator[Database]:
    db = Database(memory=True)
    create(db, "")
    yield db
    db.close()


def kept(chunks: Sequence[Sequence[Line]], *, anew: bool = True) -> dict[str, list[tuple[object, ...]]]:
    """The index's rows after so many lines at a time, each time taken up from what was kept if `anew`."""
    with index() as db:
        follower = Follower.stored(db, "here", LIMITS)
        for chunk in chunks:
            if anew:
                follower = Follower.stored(db, "here", LIMITS)
            for line in chunk:
                follower.feed(line)
            with db.atomic():
                follower.keep(db)
        return rows_in(db)


@st.composite
def journals(draw: st.DrawFn) -> list[Line]:
    """Lines of one origin: samples of any outcome, gaps, clocks good, bad and set back, restarts, plans."""
    lines: list[Line] = [start(), plan()]
    at = BEGAN
    instants = [at]
    for _ in range(draw(st.integers(0, 25))):
        at += draw(st.sampled_from([1, SECOND, 2 * SECOND, 10 * SECOND, MINUTE]))
        instants.append(at)
        kind = draw(
            st.sampled_from(
                ["sample"] * 12
                + ["object"] * 4
                + ["gap", "clock", "bad-clock", "set-back", "start", "plan", "platform"]
            )
        )
        name = draw(st.sampled_from(["api-1", "api-2", "get"]))
        match kind:
            case "sample":
                took = draw(st.sampled_from([1, 99, 10_000, 10_001, 250_000]))
                lines.append(
                    sample(name, at, draw(st.sampled_from(Outcome)), took, error=draw(st.integers(0, 9)))
                )
                at += took
            case "object":
                facts = {
                    "object": draw(st.sampled_from("ab")),
                    "did": draw(st.sampled_from(("written", "read"))),
                }
                outcome = draw(st.sampled_from((Outcome.OK, Outcome.FAILED)))
                reason = Reason.CONTENT if outcome is Outcome.FAILED else Reason.NONE
                lines.append(sample(name, at, outcome, reason=reason, facts=facts))
            case "platform":
                lines.append(sample(name, at, Outcome.THROTTLED, reason=Reason.RATE_PLATFORM))
            case "gap":
                lines.append(Gap(seq=0, at=at, probes=("*",), from_=at - 1, to=at, reason=GapReason.LAG))
            case "clock" | "bad-clock":
                lines.append(clock(at, None if kind == "bad-clock" else 1000))
            case "set-back":
                at = draw(st.sampled_from(instants))
                lines.append(msgspec.structs.replace(clock(at), step=-SECOND))
            case "start":
                lines.append(start(at))
            case "plan":
                lines.append(plan(at))
    return numbered(lines)


@pytest.mark.law(number=4)
@given(journals(), st.data())
def test_a_rebuilt_index_has_the_rows_of_one_fed_live_however_it_was_fed(
    lines: list[Line], data: st.DataObject
) -> None:
    """Law 4."""
    cuts = sorted(data.draw(st.sets(st.integers(1, len(lines)))) | {0, len(lines)})
    chunks = [lines[a:b] for a, b in itertools.pairwise(cuts)]

    assert kept([lines]) == kept(chunks) == kept(chunks, anew=False)


@given(journals(), st.integers(0, 30))
def test_what_the_index_keeps_with_what_came_since_is_what_a_replay_finds(
    lines: list[Line], cut: int
) -> None:
    replayed = replay({"here": lines}, CONTRACT, 1 << 62)
    (whole,) = replayed.testimonies
    with index() as db:
        follower = Follower("here", LIMITS, tallied=True)
        for line in lines[:cut]:
            follower.feed(line)
        with db.atomic():
            follower.keep(db)
        again = Follower.stored(db, "here", LIMITS)
        for line in lines[cut:]:
            again.feed(line)
        found = again.told(db)

    told = found.testimony
    assert told[:4] == whole[:4]
    assert {kind: sorted(of) for kind, of in told.harvest.stretches.items()} == {
        kind: sorted(of) for kind, of in whole.harvest.stretches.items()
    }
    assert spans(told.harvest.untrusted) == spans(whole.harvest.untrusted)
    assert told.harvest.plans == whole.harvest.plans
    assert told.harvest.holes == whole.harvest.holes
    assert sorted(found.objects) == sorted(replayed.objects["here"])


def test_of_two_stretches_that_begin_at_one_instant_both_are_kept() -> None:
    """T4: the clock was set back to that instant, and what is told twice is UNKNOWN."""
    answers = [sample("get", BEGAN + k * 10 * SECOND, took=1) for k in range(3)]
    set_back = msgspec.structs.replace(clock(BEGAN), step=-20 * SECOND)
    lines = numbered([start(), plan(), *answers, set_back, *answers[:2]])
    with index() as db:
        for part in (lines[:5], lines[5:]):
            follower = Follower.stored(db, "here", LIMITS)
            for line in part:
                follower.feed(line)
            with db.atomic():
                follower.keep(db)
        told = Follower.stored(db, "here", LIMITS).told(db)

    assert told.testimony.harvest.stretches[Kind("get", "", State.UP)] == [
        (BEGAN, BEGAN + 20 * SECOND + 1),
        (BEGAN, BEGAN + 10 * SECOND + 1),
    ]


def test_a_clock_that_jumps_to_and_fro_unsaid_is_untrusted_as_long_as_it_ever_was() -> None:
    """T4: each line that contradicts those before it tells of time from one instant on, the later of less."""
    right = [sample("get", BEGAN + k * 10 * SECOND) for k in range(3)]
    wrong = [sample("get", BEGAN + 5 * SECOND, took=(at - 5) * SECOND) for at in (60, 40)]

    (row,) = kept([numbered([start(), plan(), *right, *wrong])])["untrusted"]

    assert row == ("here", BEGAN + 20 * SECOND + 20_000, BEGAN + 60 * SECOND + 1)


def test_a_row_of_stretches_is_filled_up_before_the_next_begins() -> None:
    lines = day([("api", Outcome.FAILED), ("", Outcome.OK)] * 300)
    (whole,) = replay({"here": lines}, CONTRACT, 1 << 62).testimonies

    at_once, by_and_by = kept([lines]), kept([lines[k : k + 170] for k in range(0, len(lines), 170)])

    edges = [json.loads(str(row[-1])) for row in at_once["stretches"] if row[1:4] == ("api-1", "", "edge")]
    assert [len(row) for row in edges] == [256, 43]
    told = whole.harvest.stretches[Kind("api-1", "", State.EDGE)]
    assert [tuple(span) for row in edges for span in row] == told[:299]
    assert at_once == by_and_by


def test_the_index_holds_no_row_for_each_line() -> None:
    """Nor for each line of a clock that nobody keeps right."""
    bad_clocks = [clock(BEGAN + k * MINUTE, None) for k in range(50)]
    short = kept([numbered([*day([("", Outcome.OK)] * 10), *bad_clocks[:9]])])
    long = kept([numbered([*day([("", Outcome.OK)] * 300), *bad_clocks])])

    assert {name: len(found) for name, found in short.items()} == {
        name: len(found) for name, found in long.items()
    }


def test_counts_of_one_hour_are_added_up() -> None:
    slow = [sample("get", BEGAN + k * 10 * SECOND, took=250_000) for k in range(9)]
    lines = numbered([start(), plan(), *slow])

    (judged,) = kept([lines[:4], lines[4:7], lines[7:]])["judged"]

    assert judged[-3:] == (9, 0, 0)


def test_forgetting_an_origin_leaves_nothing_of_it_and_all_of_the_others() -> None:
    lines = day([("api", Outcome.FAILED)] * 5)
    with index() as db:
        for origin in ("here", "there"):
            follower = Follower(origin, LIMITS, tallied=True)
            for line in lines:
                follower.feed(line)
            with db.atomic():
                follower.keep(db)
        before = rows_in(db)
        rows.forget(db, "here")
        after = rows_in(db)

    assert after == {name: [row for row in found if row[0] == "there"] for name, found in before.items()}
    assert any(after.values())
