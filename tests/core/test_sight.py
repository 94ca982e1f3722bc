"""What one probe is told to have been, sample by sample (S2 to S5, T4)."""

import json
from itertools import pairwise

import msgspec
import pytest

from collector.core.record import Host, Outcome, Plan, Reason, Start, Stop
from collector.core.sight import Harvest, Kind, State, Track, together
from collector.core.timeline import Span
from collector.errors import UncountableJournal
from tests.strategies import BLIND, FAILED, OK, Journal, S, instant, probe, service, watched


def track(journal: Journal) -> Track:
    followed = Track(journal.origin)
    for line in journal.lines:
        followed.feed(line)
    return followed


def told(journal: Journal, throttle: str = "not-unavailable") -> list[tuple[float, float, str]]:
    """Start, end in seconds after T0, and state, of each stretch, in order of time."""
    stretches = track(journal).testimony().harvest.stretches
    return sorted(
        ((start - instant(0)) / S, (end - instant(0)) / S, str(kind.state))
        for kind, of in stretches.items()
        if kind.throttle in ("", throttle)
        for start, end in of
    )


def test_ok_after_ok_is_up_from_the_first_sending_to_the_last_answer() -> None:
    assert told(watched("ooo")) == [(0, 20.01, "up")]


def test_an_outage_is_certain_from_its_first_answer_to_its_last_question_and_possible_beyond() -> None:
    """S4: certain from the end of the first failed sample, possible from the sending of the last ok."""
    assert told(watched("oxxxo", every=1, burst=1)) == [
        (0, 0.01, "answered"),
        (0.01, 1.01, "edge"),
        (1.01, 3.0, "down"),
        (3.0, 4.0, "edge"),
        (4.0, 4.01, "answered"),
    ]


def test_one_lone_failure_proves_no_downtime() -> None:
    assert "down" not in {state for *_, state in told(watched("oooxooo"))}


def test_two_failures_further_apart_than_persistence_do_not_prove_what_lies_between() -> None:
    near, far = watched("xx", every=1.5), watched("xx", every=1.6)

    assert (0.01, 1.5, "down") in told(near)
    assert told(far) == [(0, 1.61, "edge")]


@pytest.mark.parametrize(("apart", "is_seen"), [(15.01, True), (15.010001, False)])
def test_a_sample_sees_no_further_than_its_sight(apart: float, is_seen: bool) -> None:
    """S2: from the end of one to the sending of the next, 1.5 × the interval and not a microsecond more."""
    found = told(watched("o").sample(apart))

    assert found == ([(0, apart + 0.01, "up")] if is_seen else [(0, 0.01, "up"), (apart, apart + 0.01, "up")])


@pytest.mark.parametrize(
    "between",
    [
        lambda j: j.sample(5, BLIND),
        lambda j: j.sample(5, Outcome.THROTTLED),
        lambda j: j.gap(5),
        lambda j: j.gap(5, "q", "p"),
        lambda j: j.start(5),
        lambda j: j.stop(5),
        lambda j: j.clock(5, step=0.06),
        lambda j: j.plan([service("s")], [probe(every=11)], 5),
    ],
    ids=["blind", "throttled", "gap", "named gap", "start", "stop", "step", "other plan"],
)
def test_nothing_is_seen_across(between: object) -> None:
    """S2, T4: each of these lines leaves the time between two samples UNKNOWN."""
    journal = watched("o")
    between(journal)  # type: ignore[operator]

    assert told(journal.sample(10)) == [(0, 0.01, "up"), (10, 10.01, "up")]


@pytest.mark.parametrize(
    "between",
    [
        lambda j: j.gap(5, "q"),
        lambda j: j.clock(5),
        lambda j: j.plan([service("t")], [probe(), probe("q")], 5),
        lambda j: j.declare("d", "note", 5),
        lambda j: j,
    ],
    ids=["gap of another", "clock", "plan with the same probe", "declaration", "nothing"],
)
def test_it_is_seen_across(between: object) -> None:
    journal = watched("o")
    between(journal)  # type: ignore[operator]

    assert told(journal.sample(10)) == [(0, 10.01, "up")]


def test_a_sample_asked_under_an_old_plan_sees_nothing_of_the_new_and_nothing_is_told_of_its_time() -> None:
    """S2: the new plan may be about another service, which that run did not ask."""
    journal = watched("o").plan([service("s")], [probe(every=11)], 10.005)
    journal.sample(10)  # due before the plan, answered after it

    assert told(journal.sample(21)) == [(0, 0.01, "up"), (10, 10.005, "up"), (21, 21.01, "up")]


def test_a_sample_asked_under_an_old_plan_does_not_see_one_of_the_new() -> None:
    """S2: among failures of the new plan, the late word of the old one proves nothing."""
    journal = watched("").plan([service("s")], [probe(every=11)], 6).sample(7, FAILED)
    journal.sample(8, FAILED)
    journal.lines[-1] = msgspec.structs.replace(journal.lines[-1], slot=instant(5))

    assert told(journal.sample(9, FAILED)) == [(7, 7.01, "edge"), (9, 9.01, "edge")]


def test_a_run_that_takes_no_time_is_seen_by_the_next_and_sees_nothing_that_it_is_not_seen_by() -> None:
    journal = watched("o").sample(20, took=0).sample(20, took=1)

    assert told(journal.sample(30)) == [(0, 0.01, "up"), (20, 30.01, "up")]


@pytest.mark.parametrize(("field", "moved"), [("done", 2 * S), ("slot", -60 * S)])
def test_a_line_that_contradicts_itself_sees_nothing_however_well_all_is(field: str, moved: int) -> None:
    """T4, S2: done long after it was written, or asked under the plan before, among ok ones."""
    journal = watched("oooooo")
    odd = journal.lines[-2]
    journal.lines[-2] = msgspec.structs.replace(odd, **{field: getattr(odd, field) + moved})

    assert told(journal)[-1] == (50, 50.01, "up")


def test_nothing_is_seen_from_before_a_probe_was_left_out_to_after_it_came_back() -> None:
    journal = watched("").plan([service("s")], [], 3).sample(2, took=2).plan([service("s")], [probe()], 6)

    assert told(journal.sample(10)) == [(2, 3, "up"), (10, 10.01, "up")]


def test_a_throttled_run_asked_under_an_old_plan_sees_nothing_of_the_new_in_either_reading() -> None:
    journal = watched("o").plan([service("s")], [probe(every=11)], 10.005)
    journal.sample(10, Outcome.THROTTLED, reason=Reason.RATE_PLATFORM)

    assert told(journal.sample(11, FAILED), "unavailable") == [
        (0, 0.01, "up"), (10, 10.005, "edge"), (11, 11.01, "edge"),
    ]  # fmt: skip


def test_a_clock_that_was_set_back_among_missing_lines_brings_no_two_failures_together() -> None:
    """60 s after T0 for the second time, and 110 s: 50 s lie between them, and prove nothing."""
    journal = watched("o" * 11, burst=8).clock(55, step=-50).sample(60, FAILED).sample(110, FAILED)
    del journal.lines[14]

    assert "down" not in [state for _, _, state in told(journal)]


def test_time_told_twice_by_a_clock_that_is_slewed_back_stays_as_first_told() -> None:
    journal = watched("o").sample(10, took=1).sample(10.5, FAILED, took=1).sample(12)

    found = told(journal)

    assert found == [(0, 10, "up"), (10, 11, "answered"), (11, 12, "edge"), (12, 12.01, "answered")]
    assert all(before[1] <= after[0] for before, after in pairwise(found))


def test_after_a_step_back_the_probe_is_seen_again_at_once() -> None:
    """A clock that was a year ahead for a moment does not blind a probe for a year."""
    journal = watched("oo").clock(15, step=-31_536_000)

    assert (-31_536_000, -31_535_989.99, "up") in told(journal.sample(-31_536_000).sample(-31_535_990))


def test_platform_throttling_is_unknown_or_a_failure_by_its_reading() -> None:
    journal = watched("o", every=1)
    for k in (1, 2, 3):
        journal.sample(k, Outcome.THROTTLED, reason=Reason.RATE_PLATFORM)
    journal.sample(4).sample(5)

    assert told(journal) == [(0, 0.01, "up"), (4, 5.01, "up")]
    assert told(journal, "unavailable") == [
        (0, 0.01, "answered"),
        (0.01, 1.01, "edge"),
        (1.01, 3, "down"),
        (3, 4, "edge"),
        (4, 4.01, "answered"),
        (4.01, 5.01, "up"),
    ]


def test_throttling_by_our_own_rate_is_never_a_failure() -> None:
    journal = watched("o").sample(5, Outcome.THROTTLED, reason=Reason.RATE_ACCOUNT).sample(10)

    assert told(journal, "unavailable") == [(0, 0.01, "up"), (10, 10.01, "up")]


def test_readings_see_the_same_again_after_the_next_blindness() -> None:
    journal = watched("o").sample(5, Outcome.THROTTLED, reason=Reason.RATE_PLATFORM).sample(10, BLIND)

    told_ = track(journal.sample(20).sample(30)).testimony().harvest.stretches

    assert told_[Kind("p", "", State.UP)][-1] == (instant(20), instant(30.01))


@pytest.mark.parametrize(("seq", "message"), [(3, "v-1:3: expected a seq above 3"), (1, "v-1:1: ")])
def test_a_seq_that_comes_again_is_refused_by_name(seq: int, message: str) -> None:
    followed = track(watched("o"))
    again = watched("o").lines[seq]

    with pytest.raises(UncountableJournal, match=message):
        followed.feed(again)


def test_missing_lines_are_unknown_and_named() -> None:
    journal = watched("oooo")
    del journal.lines[4]

    harvest = track(journal).testimony().harvest

    assert told(journal) == [(0, 0.01, "up"), (20, 30.01, "up")]
    assert [(hole.first_seq, hole.last_seq) for hole in harvest.holes] == [(4, 4)]


@pytest.mark.parametrize("planned_again", [False, True])
def test_what_follows_missing_lines_is_marked_until_the_next_plan(planned_again: bool) -> None:
    """A plan may have been among the missing lines: the rules of what follows are not sure."""
    journal = watched("oooo")
    last = journal.lines[-1].at
    del journal.lines[4]
    followed = track(journal)
    if planned_again:
        plan = next(line for line in journal.lines if isinstance(line, Plan))
        followed.feed(msgspec.structs.replace(plan, seq=followed.seq + 1, at=last + S))
        followed.feed(Stop(seq=followed.seq + 1, at=last + 5 * S))

    (hole,) = followed.testimony().harvest.holes

    assert hole.span.end == (last + S if planned_again else last)


def test_a_sample_of_a_probe_that_no_plan_names_is_refused() -> None:
    with pytest.raises(UncountableJournal, match='v-1:4: sample of probe "q"'):
        track(watched("o").sample(10, OK, "q"))


def test_a_journal_that_begins_in_the_middle_is_counted_from_its_first_plan() -> None:
    journal = watched("ooo").plan([service()], [probe()], 25).sample(30)
    journal.lines = journal.lines[4:]

    heard = track(journal).testimony()
    assert (heard.origin, heard.vantage, heard.began) == ("v-1", "v-1", journal.lines[0].at)
    assert told(journal) == [(30, 30.01, "up")]


def test_a_newer_format_is_refused() -> None:
    journal = Journal().add(
        Start, 0, format=2, origin="v-1", vantage="v",
        version="", python="", boot="", cut=0,
    )  # fmt: skip

    with pytest.raises(UncountableJournal, match="got 2: upgrade constat"):
        track(journal)


def test_an_origin_has_one_vantage_point() -> None:
    journal = watched("o")
    journal.vantage = "w"

    with pytest.raises(UncountableJournal, match='vantage is now "w" and was "v"'):
        track(journal.start(20))


def test_the_clock_is_untrusted_from_a_bad_line_to_a_good_one() -> None:
    journal = watched("o").clock(60, synced=0).clock(120, error=None).clock(180, error=S + 1)
    journal.clock(240, error=S).clock(300, error=None)

    assert [(a - instant(0), b - instant(0)) for a, b in track(journal).testimony().harvest.untrusted] == [
        (60 * S, 240 * S)
    ]


def test_without_a_word_about_the_clock_it_is_untrusted() -> None:
    assert track(watched("oo", clocked=False)).testimony().harvest.untrusted == [(instant(0), instant(10.01))]


@pytest.mark.parametrize(
    ("sent", "took", "late"),
    [(3, 0.01, 0), (11, -5, 5), (40, 0.01, -29)],
    ids=["sent before the one before it", "done before it was sent", "done long after it was written"],
)
def test_a_sample_out_of_order_sees_nothing_and_says_that_the_clock_is_not_to_be_trusted(
    sent: float, took: float, late: float
) -> None:
    """Otherwise a failure of long ago, next to one of now, would prove an outage between the two."""
    journal = watched("o").sample(10)
    journal.sample(sent, FAILED, took=took)
    journal.lines[-1] = msgspec.structs.replace(journal.lines[-1], at=instant(sent + took + late))
    journal.sample(12, FAILED).sample(13)

    assert told(journal) == [(0, 10.01, "up"), (12, 13, "edge"), (13, 13.01, "answered")]
    ((start, end),) = track(journal).testimony().harvest.untrusted
    assert start <= instant(10.01) < end <= instant(12)


def test_two_samples_sent_in_one_instant_are_in_order() -> None:
    journal = watched("o").sample(10, FAILED, took=0).sample(10, FAILED, took=0).sample(20)

    assert told(journal) == [(0, 0.01, "answered"), (0.01, 20, "edge"), (20, 20.01, "answered")]
    assert track(journal).testimony().harvest.untrusted == []


def test_a_sample_out_of_order_is_so_in_both_readings_of_throttling() -> None:
    journal = watched("o").sample(10, Outcome.THROTTLED, reason=Reason.RATE_PLATFORM)
    journal.sample(5, FAILED).sample(11, FAILED).sample(12)

    assert told(journal) == [(0, 0.01, "up"), (11, 12, "edge"), (12, 12.01, "answered")]
    assert ("down" in [state for _, _, state in told(journal, "unavailable")]) is False


def test_a_sample_out_of_order_before_any_other_is_told_where_it_stands() -> None:
    journal = Journal().start().clock().plan([service()], [probe()]).sample(5, took=-1)

    assert track(journal).testimony().harvest.untrusted == [(instant(0), instant(4) + 1)]


# ------------------------------------------------------------------------------------------------- a restart


def eventful() -> Journal:
    """Two probes through all that a track must remember: a hole, a bad clock, throttling, a changed plan."""
    journal = watched("ooxxo", every=1).sample(5, Outcome.THROTTLED, reason=Reason.RATE_PLATFORM)
    journal.clock(5.5, synced=0).sample(6, FAILED).sample(7, BLIND).sample(8, BLIND).sample(9)
    journal.declare("d", "note", 9.5).clock(9.7).plan([service()], [probe(every=2), probe("q")], 10)
    journal.sample(11).sample(11.5, FAILED, "q").sample(12, OK, "q").sample(13, OK, "q")
    journal.sample(14, Outcome.THROTTLED, "q", reason=Reason.RATE_PLATFORM).clock(14.5, error=None)
    journal.sample(15, FAILED, "q").sample(16, OK, "q").sample(16.5).clock(18)
    journal.plan([service()], [probe(every=2), probe("q")], 18.5).sample(19).clock(20, step=-12).sample(9)
    del journal.lines[10]  # one of those that were blind
    return journal


@pytest.mark.parametrize("cut", range(len(eventful().lines) + 1))
def test_a_restart_after_any_line_changes_nothing(cut: int) -> None:
    """Law 4, on a journal that has everything: all that is open is in the snapshot, as JSON has it."""
    journal = eventful()
    before = Track(journal.origin)
    for line in journal.lines[:cut]:
        before.feed(line)
    early = before.take()
    assert before.take() == Harvest()

    after = Track.restore(json.loads(json.dumps(before.snapshot())))
    for line in journal.lines[cut:]:
        after.feed(line)

    expected = track(journal).testimony()
    assert together((early, after.take(), after.tail())) == expected.harvest
    assert (after.origin, after.vantage, after.began, after.until) == expected[:4]
    assert len(expected.harvest.holes) == 1
    assert len(expected.harvest.untrusted) == 2


def test_a_restored_track_still_knows_what_it_refuses() -> None:
    followed = track(watched("o"))

    restored = Track.restore(json.loads(json.dumps(followed.snapshot())))

    with pytest.raises(
        UncountableJournal, match=r"^v-1:3: expected a seq above 3, so the journal tells a story"
    ):
        restored.feed(watched("o").lines[3])
    with pytest.raises(
        UncountableJournal, match=r'^v-1:4: sample of probe "q", which no plan before it names$'
    ):
        restored.feed(watched("o").sample(10, OK, "q").lines[4])


def test_what_a_host_says_of_itself_is_not_counted() -> None:
    told_here = {"loop_lag_max": 9 * S, "loop_lag_p99": 9 * S, "queue": 1, "fds": 1, "rss": 1, "late": 1}
    journal = watched("o").add(Host, 5, route={}, **told_here).sample(10)

    assert told(journal) == [(0, 10.01, "up")]


def test_a_clock_that_was_untrusted_for_no_time_was_not() -> None:
    journal = watched("o").clock(5, synced=0).clock(5).sample(10)

    assert track(journal).testimony().harvest.untrusted == []


def test_a_clock_that_turned_bad_stays_so_to_the_last_line() -> None:
    bad = watched("o").clock(5, synced=0)

    assert track(bad).testimony().harvest.untrusted == []
    assert track(bad.sample(10)).testimony().harvest.untrusted == [Span(instant(5), instant(10.01))]


@pytest.mark.parametrize("first", range(5))
def test_whichever_line_is_the_first_that_is_left_the_journal_begins_with_it(first: int) -> None:
    """Lines that an origin no longer has are not holes in what it has."""
    journal = watched("oooo")
    journal.lines = journal.lines[first:]

    heard = track(journal).testimony()

    assert heard.began == journal.lines[0].at
    assert heard.harvest.holes == []


def test_after_a_recovery_an_answer_on_the_heels_of_another_is_up() -> None:
    journal = watched("x").sample(5, took=1).sample(6, took=1).sample(8)

    assert told(journal) == [(0, 5, "edge"), (5, 6, "answered"), (6, 8.01, "up")]


def test_among_missing_lines_may_have_been_the_plan_that_names_a_probe() -> None:
    journal = watched("oo").sample(20, OK, "q").sample(30, OK, "q")
    del journal.lines[4]

    assert told(journal) == [(0, 0.01, "up")]


def test_a_line_may_be_a_second_older_than_the_run_that_it_tells() -> None:
    """T4: a clock's error is tolerated up to a second; more, and the line contradicts itself."""
    for early, seen_ in ((S, [(0, 10.01, "up")]), (S + 1, [(0, 0.01, "up")])):
        journal = watched("o").sample(10)
        journal.lines[-1] = msgspec.structs.replace(journal.lines[-1], at=instant(10.01) - early)

        assert told(journal) == seen_


def test_a_clock_that_is_set_where_a_plan_begins_repeats_no_plan() -> None:
    journal = watched("", clocked=False).clock(0, step=1).sample(10)

    assert len(track(journal).testimony().harvest.plans) == 1
