"""The scheduler's promises, for any probes, delays, outcomes, stops, sleeps and clock steps."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.record import Gap, GapReason, Line, Outcome, Plan, Probe, Reason, Sample, Stop
from collector.core.timeline import Duration, Instant
from collector.journal.slots import Coverage
from collector.measure.scheduler import BACK_OFF_LIMIT, LATE, Run, Scheduler, next_slot, spacing, together
from tests.coverage_check import slots, uncovered

OK, FAILED, THROTTLED, BLIND = Outcome.OK, Outcome.FAILED, Outcome.THROTTLED, Outcome.BLIND
SECOND = 1_000_000


def probe(name: str = "p", interval: int = 10 * SECOND, burst: int = 2 * SECOND, **more: object) -> Probe:
    given = {"phase": 0, "timeout": 3 * SECOND, "sight": interval, "persistence": burst} | more
    return Probe(name=name, kind="tcp", target="t", interval=interval, burst=burst, **given)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ any world


@dataclass
class World:
    """Runs schedulers through what hypothesis draws, keeps the journal, and watches the starts."""

    probes: list[Probe]
    draw: Callable[[st.SearchStrategy[int]], int]
    now: Instant
    lines: list[Line] = field(default_factory=list)
    starts: dict[str, Instant] = field(default_factory=dict)
    flying: dict[str, tuple[Run, Instant, Instant]] = field(default_factory=dict)
    """Probe → run, sent, done."""

    def boot(self) -> None:
        at = self.now
        covered = Coverage({}, {}, 0)
        for line in self.lines:
            covered.feed(line)
        at = max([at, covered.plan_at, *covered.covered.values()])
        for span, names in covered.open_until(at):
            self.gap(names, span.start, span.end, GapReason.STOPPED)
        plan = Plan(
            seq=len(self.lines),
            at=at,
            contract="",
            contract_sha256="",
            accounts=(),
            services=(),
            probes=tuple(self.probes),
        )
        self.lines.append(plan)
        self.scheduler = Scheduler(self.probes, at)
        self.flying.clear()

    def gap(self, names: tuple[str, ...], start: Instant, end: Instant, reason: GapReason) -> None:
        self.lines.append(
            Gap(seq=len(self.lines), at=self.now, probes=names, from_=start, to=end, reason=reason)
        )

    def keep_missed(self) -> None:
        for one, names in together(self.scheduler.take_missed()):
            self.gap(names, one.start, one.end, one.reason)

    def begin(self) -> None:
        for run in self.scheduler.due(self.now):
            assert run.probe.name not in self.flying, "two runs of one probe in flight"
            if self.draw(st.integers(0, 9)) == 0:
                self.scheduler.hold(run, self.now + self.draw(st.integers(-2, 30)))
                continue
            assert self.now - self.starts.get(run.probe.name, -(10**9)) >= spacing(run.probe)
            self.starts[run.probe.name] = self.now
            self.flying[run.probe.name] = (run, self.now, self.now + self.draw(st.integers(0, 25)))
        self.keep_missed()

    def end(self) -> None:
        for name, (run, sent, done) in list(self.flying.items()):
            if done > self.now:
                continue
            del self.flying[name]
            outcome = list(Outcome)[self.draw(st.integers(0, 3))]
            covers = self.scheduler.finished(run, sent=sent, done=done, outcome=outcome)
            self.lines.append(
                Sample(
                    seq=len(self.lines),
                    at=self.now,
                    probe=name,
                    slot=run.slot,
                    covers=covers,
                    sent=sent,
                    done=done,
                    outcome=outcome,
                    reason=Reason.NONE,
                    value=None,
                    error=0,
                    phases={},
                    facts={},
                )
            )
            self.keep_missed()

    def advance(self) -> None:
        """To when something happens next, or a lag later."""
        whens = [done for _, _, done in self.flying.values()]
        if (wakeup := self.scheduler.next_wakeup()) is not None:
            whens.append(wakeup)
        lag = self.draw(st.integers(0, 40)) if self.draw(st.integers(0, 5)) == 0 else 0
        self.now = max(self.now, min(whens, default=self.now)) + lag

    def happen(self, what: int) -> None:
        before = self.now
        if what == 0:  # the clock steps
            self.now = max(0, self.now + self.draw(st.integers(-60, 60)))
            self.interrupt(max(before, self.now), GapReason.CLOCK)
        elif what == 1:  # the machine sleeps
            self.now += self.draw(st.integers(1, 60))
            self.interrupt(self.now, GapReason.SUSPENDED)
        elif what == 2:  # an orderly stop, and a start some time later
            self.interrupt(self.now, GapReason.STOPPED)
            self.lines.append(Stop(seq=len(self.lines), at=self.now))
            assert uncovered(self.lines) == []
            self.now = max(0, self.now + self.draw(st.integers(-20, 60)))
            self.starts.clear()
            self.boot()
        elif what == 3:  # killed, and started some time later
            self.now = max(0, self.now + self.draw(st.integers(-20, 60)))
            self.starts.clear()
            self.boot()

    def interrupt(self, through: Instant, reason: GapReason) -> None:
        cancelled = self.scheduler.interrupt(through, reason)
        assert {run.probe.name for run in cancelled} == set(self.flying)
        self.flying.clear()
        self.keep_missed()
        if reason is GapReason.CLOCK and self.now < through:
            self.starts.clear()


probes_strategy = st.lists(
    st.builds(
        lambda interval, burst, phase, role: (interval, burst, phase, role),
        st.integers(1, 20), st.integers(1, 25), st.integers(0, 40), st.sampled_from(["", "", "control"]),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


@given(drawn=probes_strategy, start=st.integers(0, 50), data=st.data())
def test_every_planned_slot_is_covered_exactly_once_whatever_happens(
    drawn: list[tuple[int, int, int, str]], start: int, data: st.DataObject
) -> None:
    """Lags, overlong runs, bursts, holds, sleeps, clock steps, stops, kills leave no hole and no double."""
    probes = [
        probe(f"p{k}", interval, burst, phase=phase, role=role)
        for k, (interval, burst, phase, role) in enumerate(drawn)
    ]
    world = World(probes, data.draw, start)
    world.boot()
    for _ in range(data.draw(st.integers(5, 40))):
        world.begin()
        world.advance()
        world.end()
        world.happen(data.draw(st.integers(0, 24)))
    world.interrupt(world.now, GapReason.STOPPED)
    world.lines.append(Stop(seq=len(world.lines), at=world.now))

    assert uncovered(world.lines) == []


@given(since=st.integers(-100, 1000), interval=st.integers(1, 50), phase=st.integers(0, 200))
def test_the_next_slot_is_the_first_on_the_grid(since: int, interval: int, phase: int) -> None:
    slot = next_slot(probe(interval=interval, phase=phase), since)

    assert since <= slot < since + interval
    assert (slot - phase) % interval == 0


# ---------------------------------------------------------------------------------------- one thing at a time


def one(scheduler: Scheduler, now: Instant) -> Run:
    runs = scheduler.due(now)
    assert len(runs) == 1
    return runs[0]


def asked(
    scheduler: Scheduler, at: Instant, outcome: Outcome, took: Duration = SECOND // 10
) -> tuple[Run, int]:
    run = one(scheduler, at)
    return run, scheduler.finished(run, sent=at, done=at + took, outcome=outcome)


def test_a_probe_runs_on_its_grid_counted_from_1970() -> None:
    scheduler = Scheduler([probe(phase=3 * SECOND)], start=100 * SECOND)

    assert scheduler.next_wakeup() == 103 * SECOND
    assert scheduler.due(103 * SECOND - 1) == []
    run, covers = asked(scheduler, 103 * SECOND, OK)
    assert (run.slot, covers) == (103 * SECOND, 1)
    assert scheduler.next_wakeup() == 113 * SECOND


def test_a_failure_is_followed_by_a_burst_until_a_run_is_ok() -> None:
    scheduler = Scheduler([probe()], start=0)

    asked(scheduler, 0, FAILED)
    assert scheduler.bursting("p")
    assert scheduler.next_wakeup() == 2 * SECOND
    run, covers = asked(scheduler, 2 * SECOND, FAILED, took=3 * SECOND)
    assert (run.slot, covers) == (2 * SECOND, 0)
    assert scheduler.next_wakeup() == 5 * SECOND, "the later of sent + burst and done"
    run, covers = asked(scheduler, 5 * SECOND, OK)
    assert (run.slot, covers) == (5 * SECOND, 0)
    assert not scheduler.bursting("p")
    assert scheduler.next_wakeup() == 10 * SECOND


def test_a_run_covers_slots_that_come_due_during_it_but_not_one_that_comes_due_as_it_ends() -> None:
    scheduler = Scheduler([probe(timeout=30 * SECOND)], start=0)

    _, covers = asked(scheduler, 0, OK, took=20 * SECOND)

    assert covers == 2
    assert scheduler.next_wakeup() == 20 * SECOND


def test_a_slot_between_two_runs_of_a_burst_is_covered_by_the_second() -> None:
    scheduler = Scheduler([probe(burst=4 * SECOND)], start=0)
    for at in (0, 4, 8):
        asked(scheduler, at * SECOND, FAILED)

    run, covers = asked(scheduler, 12 * SECOND, FAILED)

    assert (run.slot, run.due, covers) == (10 * SECOND, 12 * SECOND, 1)
    assert scheduler.late == 0, "it was not late: the burst's spacing held it back"


def test_slots_too_old_to_run_are_missed_for_lag_and_the_newest_is_run() -> None:
    scheduler = Scheduler([probe()], start=0)

    run = one(scheduler, 35 * SECOND)

    assert run.slot == 30 * SECOND
    missed = scheduler.take_missed()
    assert [(m.start, m.end, m.reason) for m in missed] == [(0, 30 * SECOND, GapReason.LAG)]
    assert scheduler.late == 1
    assert scheduler.take_missed() == []


def test_a_run_that_starts_within_tolerance_is_not_late() -> None:
    scheduler = Scheduler([probe()], start=0)

    one(scheduler, LATE)

    assert scheduler.late == 0


def test_blind_neither_begins_a_burst_nor_ends_one() -> None:
    scheduler = Scheduler([probe()], start=0)

    asked(scheduler, 0, BLIND)
    assert scheduler.next_wakeup() == 10 * SECOND
    asked(scheduler, 10 * SECOND, FAILED)
    asked(scheduler, 12 * SECOND, BLIND)
    assert scheduler.next_wakeup() == 14 * SECOND


def test_throttling_ends_a_burst_and_backs_off_twice_as_long_each_time() -> None:
    scheduler = Scheduler([probe()], start=0)
    asked(scheduler, 0, FAILED)

    waits = []
    at = 2 * SECOND
    for _ in range(12):
        asked(scheduler, at, THROTTLED)
        following = scheduler.next_wakeup()
        assert following is not None
        waits.append(following - at)
        at = following

    assert not scheduler.bursting("p")
    assert [w // SECOND for w in waits[:4]] == [8, 10, 16, 32], "4 and 8 s end on the next slot of the grid"
    assert max(waits) <= BACK_OFF_LIMIT + 10 * SECOND
    assert {m.reason for m in scheduler.take_missed()} == {GapReason.BUDGET}
    asked(scheduler, at, OK)
    asked(scheduler, next_slot(probe(), at + 1), THROTTLED)
    assert scheduler.next_wakeup() == next_slot(probe(), at + 1) + 10 * SECOND


def test_a_run_held_back_by_the_budget_starts_later_and_what_grows_too_old_is_missed_for_budget() -> None:
    scheduler = Scheduler([probe()], start=0)

    scheduler.hold(one(scheduler, 0), 3 * SECOND)
    assert scheduler.next_wakeup() == 3 * SECOND
    run = one(scheduler, 3 * SECOND)
    assert run.slot == 0
    scheduler.hold(run, 25 * SECOND)
    run = one(scheduler, 25 * SECOND)

    assert run.slot == 20 * SECOND
    missed = scheduler.take_missed()
    assert [(m.start, m.end, m.reason) for m in missed] == [(0, 20 * SECOND, GapReason.BUDGET)]
    assert scheduler.late == 0


def test_what_lags_after_it_was_held_back_is_missed_for_lag_again() -> None:
    scheduler = Scheduler([probe()], start=0)
    scheduler.hold(one(scheduler, 0), 3 * SECOND)
    asked(scheduler, 3 * SECOND, OK)

    one(scheduler, 25 * SECOND)

    assert [m.reason for m in scheduler.take_missed()] == [GapReason.LAG]
    assert scheduler.late == 1


def test_controls_burst_at_their_own_pace_while_a_service_does() -> None:
    control = probe("c", interval=60 * SECOND, burst=5 * SECOND, phase=30 * SECOND, role="control")
    scheduler = Scheduler([probe(), control], start=0)

    asked(scheduler, 0, FAILED)
    run = one(scheduler, SECOND // 10)
    assert (run.probe.name, run.slot) == ("c", SECOND // 10)
    assert scheduler.finished(run, sent=SECOND // 10, done=SECOND, outcome=OK) == 0
    for at in (2, 4):
        asked(scheduler, at * SECOND, FAILED)
    assert scheduler.next_wakeup() == 5 * SECOND + SECOND // 10
    run = one(scheduler, 5 * SECOND + SECOND // 10)
    assert run.probe.name == "c"
    scheduler.finished(run, sent=run.started, done=run.started, outcome=OK)
    asked(scheduler, 6 * SECOND, OK)

    assert scheduler.next_wakeup() == 10 * SECOND
    asked(scheduler, 10 * SECOND, OK)
    asked(scheduler, 20 * SECOND, OK)
    assert [r.probe.name for r in scheduler.due(30 * SECOND)] == ["c", "p"]


def test_a_control_that_fails_bursts_alone() -> None:
    controls = [probe(name, interval=60 * SECOND, burst=5 * SECOND, role="control") for name in ("a", "b")]
    scheduler = Scheduler(controls, start=0)
    a, b = scheduler.due(0)

    scheduler.finished(a, sent=0, done=SECOND, outcome=FAILED)
    scheduler.finished(b, sent=0, done=SECOND, outcome=OK)

    assert one(scheduler, 5 * SECOND).probe.name == "a"
    assert scheduler.next_wakeup() == 60 * SECOND


def test_an_interruption_cancels_what_is_in_flight_and_leaves_its_slots_as_gaps() -> None:
    scheduler = Scheduler([probe("a"), probe("b", phase=5 * SECOND)], start=0)
    run = one(scheduler, 0)

    cancelled = scheduler.interrupt(2 * SECOND, GapReason.CLOCK)

    assert cancelled == [run]
    assert [(m.probe, m.start, m.end) for m in scheduler.take_missed()] == [("a", 0, 2 * SECOND)]
    assert scheduler.next_wakeup() == 5 * SECOND


def test_after_a_step_back_covered_slots_are_not_run_again() -> None:
    scheduler = Scheduler([probe()], start=0)
    for at in (0, 10, 20):
        asked(scheduler, at * SECOND, FAILED if at == 20 else OK)

    scheduler.interrupt(21 * SECOND, GapReason.CLOCK)  # the clock goes from 21 to 1

    assert scheduler.due(1 * SECOND) == []
    assert scheduler.next_wakeup() == 22 * SECOND


# ---------------------------------------------------------------------------------------- the judge judged


def plan_of(probes: list[Probe], at: Instant = 0, seq: int = 0) -> Plan:
    return Plan(
        seq=seq, at=at, contract="", contract_sha256="", accounts=(), services=(), probes=tuple(probes)
    )


def sample_of(seq: int, slot: Instant, covers: int, name: str = "p") -> Sample:
    return Sample(
        seq=seq, at=slot, probe=name, slot=slot, covers=covers, sent=slot, done=slot, outcome=OK,
        reason=Reason.NONE, value=None, error=0, phases={}, facts={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([sample_of(1, 0, 1), sample_of(2, 20, 1)], "slot 10 of plan 0 is covered by no line"),
        ([sample_of(1, 0, 2), sample_of(2, 10, 1)], "slot 10 of plan 0 is covered by lines [1, 2]"),
        ([sample_of(1, 0, 1), Stop(seq=2, at=11)], "slot 10 of plan 0 is covered by no line"),
        (
            [sample_of(1, 0, 1), Gap(seq=2, at=9, probes=("*",), from_=0, to=10, reason=GapReason.LAG)],
            "slot 0 of plan 0 is covered by lines [1, 2]",
        ),
        ([sample_of(1, 0, 1), sample_of(2, 5, 0, name="q")], "has a slot, 5, that no plan has"),
        ([sample_of(1, 0, 2), plan_of([], at=5, seq=2)], "covers [10] of another plan"),
    ],
)
def test_the_coverage_check_finds_holes_doubles_and_strangers(lines: list[Line], says: str) -> None:
    problems = uncovered([plan_of([probe(interval=10, burst=1)]), *lines])

    assert len(problems) == 1
    assert says in problems[0]


def test_the_coverage_check_passes_what_is_covered_once() -> None:
    lines: list[Line] = [
        plan_of([probe(interval=10, burst=1)]),
        sample_of(1, 0, 1),
        sample_of(2, 5, 0),
        Gap(seq=3, at=25, probes=("p",), from_=1, to=30, reason=GapReason.STOPPED),
        plan_of([probe(interval=7, burst=1)], at=30, seq=4),
        sample_of(5, 35, 2),
    ]

    assert uncovered(lines) == []
    assert uncovered(lines, until=50) == ["p: slot 49 of plan 4 is covered by no line"]
    assert list(slots(probe(interval=7), 30, 50)) == [35, 42, 49]
