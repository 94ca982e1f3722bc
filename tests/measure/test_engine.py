"""The engine on a real loop and clock: what it starts, holds back, gives up, and never loses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from collector.core.record import Gap, GapReason, Line, Outcome, Plan, Probe, Reason, Sample
from collector.core.timeline import MILLISECOND, SECOND, Duration
from collector.host.clock import Clock
from collector.host.network import Network
from collector.host.observer import Observer
from collector.measure.budget import BudgetFile, Turns
from collector.measure.engine import Admission, Engine
from collector.measure.runner import Prepared, Runner, prepared
from collector.probe import KEYS, Observation, ProbeContext, ProbeSpec
from tests.coverage_check import uncovered

Asking = Callable[[ProbeContext], Awaitable[Observation]]


class Params(msgspec.Struct):
    signed: bool = False


class Sleeper(Clock):
    """The real clock of a machine that can be said to have slept."""

    asleep: Duration = 0

    def slept(self) -> Duration:
        return super().slept() + self.asleep


def ready(
    name: str,
    asking: Asking,
    *,
    api: bool = False,
    signed: bool = False,
    interval: Duration = 100 * MILLISECOND,
) -> Prepared:
    async def run(target: str, params: msgspec.Struct, context: ProbeContext) -> Observation:
        return await asking(context)

    spec = ProbeSpec(
        kind="scripted", target="", params=Params, run=run, facts={}, phases=(), provider_api=api, needs=KEYS
    )
    probe = Probe(
        name=name, kind="scripted", target=name, interval=interval, burst=interval // 4, phase=0,
        timeout=interval * 5, sight=interval, persistence=interval, service="s", params={"signed": signed},
    )  # fmt: skip
    return prepared(probe, {"scripted": spec}, {}, "account")


@dataclass
class Bench:
    """Everything an engine needs, and all that it wrote."""

    path: Path
    clock: Sleeper = field(default_factory=Sleeper)
    lines: list[Line] = field(default_factory=list)
    turned: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.network, self.observer = Network(), Observer()
        self.runner = Runner(
            network=self.network, clock=self.clock, lag=self.observer.lag, stalled=self.observer.stalled
        )

    def engine(self, *probes: Prepared) -> Engine:
        start = self.clock.now()
        planned = tuple(one.probe for one in probes)
        self.lines.append(
            Plan(seq=0, at=start, contract="", contract_sha256="", accounts=(), services=(), probes=planned)
        )
        return Engine(
            probes,
            start,
            clock=self.clock,
            runner=self.runner,
            admission=Admission(BudgetFile(self.path / "budget", Turns()), self.clock),
            write=self.write,
            burst_turned=lambda: self.turned.append(len(self.lines)),
        )

    def write(self, line: Sample | Gap) -> None:
        self.lines.append(msgspec.structs.replace(line, seq=len(self.lines)))

    async def run(self, engine: Engine, seconds: float) -> None:
        """Run it for a while, and end it as a stop does."""
        running = asyncio.create_task(engine.run())
        await asyncio.sleep(seconds)
        running.cancel()
        engine.interrupt(self.clock.now(), GapReason.STOPPED)

    def samples(self, name: str) -> list[Sample]:
        return [line for line in self.lines if isinstance(line, Sample) and line.probe == name]

    def gaps(self, reason: GapReason) -> list[Gap]:
        return [line for line in self.lines if isinstance(line, Gap) and line.reason is reason]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.observer.close()
    await bench.network.close()


def says(outcome: Outcome, reason: Reason = Reason.NONE) -> Asking:
    async def asking(context: ProbeContext) -> Observation:
        return Observation(outcome=outcome, reason=reason)

    return asking


async def hangs(context: ProbeContext) -> Observation:
    await asyncio.sleep(60)
    raise AssertionError("it was to be cancelled")


async def test_slow_and_quick_probes_run_side_by_side_and_all_slots_are_covered(bench: Bench) -> None:
    async def slow(context: ProbeContext) -> Observation:
        await asyncio.sleep(0.25)
        return Observation(outcome=Outcome.OK)

    await bench.run(bench.engine(ready("quick", says(Outcome.OK)), ready("slow", slow)), 0.8)

    assert uncovered(bench.lines, until=bench.clock.now() - SECOND // 10) == []
    assert len(bench.samples("quick")) >= 6
    assert max(sample.covers for sample in bench.samples("slow")) >= 3


async def test_what_hangs_is_cancelled_and_leaves_a_gap(bench: Bench) -> None:
    cancelled: list[bool] = []

    async def asking(context: ProbeContext) -> Observation:
        try:
            return await hangs(context)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    await bench.run(bench.engine(ready("p", asking)), 0.3)
    await asyncio.sleep(0)

    assert cancelled == [True]
    assert bench.samples("p") == []
    assert uncovered(bench.lines, until=bench.clock.now() - SECOND // 10) == []
    assert len(bench.gaps(GapReason.STOPPED)) == 1


async def test_an_answer_that_comes_after_its_slots_were_written_off_is_dropped(bench: Bench) -> None:
    async def stubborn(context: ProbeContext) -> Observation:
        with suppress(asyncio.CancelledError):
            await hangs(context)
        return Observation(outcome=Outcome.OK)

    engine = bench.engine(ready("p", stubborn))
    running = asyncio.create_task(engine.run())
    await asyncio.sleep(0.25)
    engine.interrupt(bench.clock.now(), GapReason.CLOCK)
    await asyncio.sleep(0.05)

    assert not running.done()
    assert bench.samples("p") == []
    running.cancel()
    engine.interrupt(bench.clock.now(), GapReason.STOPPED)
    assert uncovered(bench.lines) == []


async def test_a_machine_that_slept_has_a_gap_and_what_was_in_flight_does_not_count(bench: Bench) -> None:
    engine = bench.engine(ready("p", hangs), ready("q", says(Outcome.OK)))
    running = asyncio.create_task(engine.run())
    await asyncio.sleep(0.25)
    bench.clock.asleep = SECOND
    await asyncio.sleep(0.25)
    running.cancel()
    engine.interrupt(bench.clock.now(), GapReason.STOPPED)

    assert any("p" in gap.probes for gap in bench.gaps(GapReason.SUSPENDED))
    assert uncovered(bench.lines, until=bench.clock.now() - SECOND // 10) == []


async def test_a_burst_begins_and_ends_with_a_word_to_the_journal(bench: Bench) -> None:
    outcomes = iter([Outcome.OK, Outcome.FAILED, Outcome.FAILED])

    async def asking(context: ProbeContext) -> Observation:
        return Observation(outcome=next(outcomes, Outcome.OK))

    await bench.run(bench.engine(ready("p", asking)), 0.5)

    seen = bench.samples("p")
    assert [s.outcome for s in seen[:4]] == [Outcome.OK, Outcome.FAILED, Outcome.FAILED, Outcome.OK]
    assert seen[2].sent - seen[1].sent >= 25 * MILLISECOND
    assert seen[3].sent - seen[1].sent < 100 * MILLISECOND
    assert len(bench.turned) == 2


async def test_requests_to_the_provider_keep_to_the_budget_and_the_rest_are_gaps(bench: Bench) -> None:
    """Four probes ten times a second each: eighty slots in two seconds, and room for four in the budget."""
    probes = [ready(f"p{k}", says(Outcome.OK), api=True) for k in range(4)]
    await bench.run(bench.engine(*probes), 1.9)

    asked = sorted(s.sent for k in range(4) for s in bench.samples(f"p{k}"))
    assert len(asked) == 4
    assert asked[2] - asked[0] >= SECOND
    assert asked[3] - asked[1] >= SECOND
    assert bench.gaps(GapReason.BUDGET)
    assert uncovered(bench.lines, until=bench.clock.now() - SECOND // 10) == []


async def test_signed_probes_of_an_account_stop_after_two_rejections_and_others_do_not(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    rejected = says(Outcome.BLIND, Reason.CREDENTIALS)
    await bench.run(
        bench.engine(ready("signed", rejected, signed=True), ready("plain", says(Outcome.OK))), 0.6
    )

    assert len(bench.samples("signed")) == 2
    assert len(bench.samples("plain")) > 3
    assert bench.gaps(GapReason.STOPPED), "what was held back until the end"
    assert uncovered(bench.lines, until=bench.clock.now() - SECOND // 10) == []
    assert sum("credentials-rejected" in message for message in caplog.messages) == 1


async def test_a_mistake_of_ours_outside_a_run_ends_the_engine_and_is_not_swallowed(bench: Bench) -> None:
    engine = bench.engine(ready("p", says(Outcome.OK)))

    def broken(line: Sample | Gap) -> None:
        if isinstance(line, Sample):
            raise ZeroDivisionError("our mistake")

    engine._write = broken
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(engine.run(), 5)
