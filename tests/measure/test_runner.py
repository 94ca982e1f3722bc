"""One run becomes one sample: answers, faults, timeouts, mistakes of ours, and a loop that stood still."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from collector.core.record import Outcome, Probe, Reason, Sample
from collector.core.timeline import MINUTE, SECOND
from collector.errors import ConfigurationError
from collector.host.clock import Clock
from collector.host.network import Network, NetworkFault
from collector.host.observer import Observer
from collector.measure.runner import BODY_EVERY, Prepared, Runner, prepared
from collector.probe import Observation, ProbeContext, ProbeSpec

Asking = Callable[[ProbeContext], Awaitable[Observation]]


class Params(msgspec.Struct, forbid_unknown_fields=True):
    size: int = 1


def spec(asking: Asking) -> ProbeSpec:
    async def run(target: str, params: msgspec.Struct, context: ProbeContext) -> Observation:
        return await asking(context)

    return ProbeSpec(kind="scripted", target="anything", params=Params, run=run, facts={}, phases=())


def ready(asking: Asking, timeout: int = 5 * SECOND, **params: int | str) -> Prepared:
    probe = Probe(
        name="p", kind="scripted", target="t", interval=MINUTE, burst=SECOND, phase=0, timeout=timeout,
        sight=MINUTE, persistence=SECOND, params=dict(params),
    )  # fmt: skip
    return prepared(probe, {"scripted": spec(asking)}, {"access_key": "k"})


class Bench:
    """A runner on this loop, and the documents that it wanted kept."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.clock = Clock()
        self.network = Network()
        self.observer = Observer()
        self.runner = Runner(
            network=self.network,
            clock=self.clock,
            lag=self.observer.lag,
            stalled=self.observer.stalled,
            keep=self.documents.__setitem__,
        )

    async def run(self, asking: Asking, limit: int = 5 * SECOND) -> Sample:
        return await self.runner.run(ready(asking, limit), slot=7)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    bench.observer.close()
    await bench.network.close()


async def test_an_answer_becomes_a_sample_with_what_was_seen(bench: Bench) -> None:
    async def asking(context: ProbeContext) -> Observation:
        assert context.credentials == {"access_key": "k"}
        return Observation(
            outcome=Outcome.OK, value=1234, error=1, phases={"connect": 1200}, facts={"status": 200}
        )

    before = bench.clock.now()
    sample = await bench.run(asking)

    assert before <= sample.sent <= sample.done <= bench.clock.now()
    assert (sample.probe, sample.slot, sample.outcome, sample.reason) == ("p", 7, Outcome.OK, Reason.NONE)
    assert (sample.value, sample.error, sample.phases, sample.facts) == (
        1234,
        1,
        {"connect": 1200},
        {"status": 200},
    )


async def test_a_run_that_takes_too_long_is_a_timeout_with_the_phases_so_far(bench: Bench) -> None:
    async def asking(context: ProbeContext) -> Observation:
        context.phases.enter("connect")
        context.phases.enter("first_byte")
        await asyncio.sleep(60)
        raise AssertionError("it was to be cancelled")

    sample = await bench.run(asking, limit=SECOND // 10)

    assert (sample.outcome, sample.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert list(sample.phases) == ["connect"]
    assert sample.done - sample.sent >= SECOND // 10


async def test_a_fault_of_the_network_becomes_its_outcome(bench: Bench) -> None:
    async def asking(context: ProbeContext) -> Observation:
        raise NetworkFault(Outcome.BLIND, Reason.ROUTE, {"resolve": 5}, {"peer": "192.0.2.1"})

    sample = await bench.run(asking)

    assert (sample.outcome, sample.reason) == (Outcome.BLIND, Reason.ROUTE)
    assert (sample.value, sample.phases, sample.facts) == (None, {"resolve": 5}, {"peer": "192.0.2.1"})


async def test_a_mistake_of_ours_is_blind_and_told_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async def asking(context: ProbeContext) -> Observation:
        raise ZeroDivisionError("our mistake")

    with caplog.at_level(logging.ERROR):
        samples = [await bench.run(asking) for _ in range(3)]

    assert {(s.outcome, s.reason) for s in samples} == {(Outcome.BLIND, Reason.BUG)}
    assert len(caplog.messages) == 1
    assert "kind=scripted" in caplog.messages[0]
    assert "our mistake" in caplog.messages[0]
    assert "test_runner.py" in caplog.messages[0]
    assert "\n" not in caplog.messages[0]


async def test_a_run_that_is_cancelled_from_outside_is_no_sample(bench: Bench) -> None:
    async def asking(context: ProbeContext) -> Observation:
        await asyncio.sleep(60)
        raise AssertionError("it was to be cancelled")

    task = asyncio.create_task(bench.run(asking))
    await asyncio.sleep(0.01)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_the_loop_timed_is_off_by_as_much_as_it_stood_still(bench: Bench) -> None:
    async def asking(context: ProbeContext) -> Observation:
        time.sleep(0.15)  # noqa: ASYNC251 - this is the fault
        await asyncio.sleep(0)
        return Observation(outcome=Outcome.OK, value=160_000)

    sample = await bench.run(asking)

    assert sample.outcome is Outcome.OK
    assert sample.error > 60_000


async def test_what_the_kernel_timed_is_as_exact_as_it_says(bench: Bench) -> None:
    async def asking(context: ProbeContext) -> Observation:
        time.sleep(0.15)  # noqa: ASYNC251 - this is the fault
        return Observation(outcome=Outcome.OK, value=100, error=1)

    assert (await bench.run(asking)).error == 1


async def test_a_failure_while_the_loop_stood_still_is_blind(bench: Bench) -> None:
    async def asking(context: ProbeContext) -> Observation:
        time.sleep(0.15)  # noqa: ASYNC251 - this is the fault
        await asyncio.sleep(60)
        raise AssertionError("it was to be cancelled")

    sample = await bench.run(asking, limit=SECOND // 10)

    assert (sample.outcome, sample.reason) == (Outcome.BLIND, Reason.LAG)


async def test_a_failure_after_many_stalls_that_are_short_each_is_blind(bench: Bench) -> None:
    """Each step of a request waits for the loop again: what adds up to a timeout may be all ours."""

    async def asking(_: ProbeContext) -> Observation:
        for _step in range(6):
            time.sleep(0.2)  # noqa: ASYNC251
            await asyncio.sleep(0.06)
        return Observation(outcome=Outcome.FAILED, reason=Reason.TIMEOUT)

    sample = await bench.run(asking, limit=2 * SECOND)

    assert (sample.outcome, sample.reason) == (Outcome.BLIND, Reason.LAG)


async def test_the_body_of_a_wrong_answer_is_kept_as_a_document_once_in_a_while(bench: Bench) -> None:
    async def asking(context: ProbeContext) -> Observation:
        body = f"sorry, {context.unique}".encode()
        return Observation(outcome=Outcome.FAILED, reason=Reason.STATUS, facts={"status": 500}, body=body)

    samples = [await bench.run(asking) for _ in range(2)]

    assert BODY_EVERY > 2 * SECOND
    assert [set(s.facts) for s in samples] == [{"status", "document"}, {"status"}]
    [(name, body)] = bench.documents.items()
    assert name == samples[0].facts["document"] == hashlib.sha256(body).hexdigest()


async def test_no_two_runs_have_the_same_token(bench: Bench) -> None:
    tokens = []

    async def asking(context: ProbeContext) -> Observation:
        tokens.append(context.unique)
        return Observation(outcome=Outcome.OK)

    for _ in range(5):
        await bench.run(asking)

    assert len(set(tokens)) == 5


async def test_parameters_that_the_kind_does_not_know_are_refused() -> None:
    async def asking(context: ProbeContext) -> Observation:
        return Observation(outcome=Outcome.OK)

    assert ready(asking, size=3).params == Params(size=3)
    with pytest.raises(ConfigurationError, match=r"probe p: params: .*colour"):
        ready(asking, colour="red")
    with pytest.raises(ConfigurationError, match="expected a kind out of tcp, got scripted"):
        prepared(ready(asking).probe, {"tcp": spec(asking)}, {})
