"""A time server's answers: who may answer, and which clocks count."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.core.record import Outcome, Reason
from collector.wire import ntp
from tests.probes import scripted
from tests.probes.cases import time_answer, time_server
from tests.probes.conftest import Run

NOW = 1_795_400_832_649_693


def but(**other: Any) -> Callable[[bytes], list[bytes]]:
    return lambda data: [time_answer(data, **other)]


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (time_server, Outcome.OK, Reason.NONE),
        (but(stratum=15, leap=1), Outcome.OK, Reason.NONE),
        (but(stratum=16), Outcome.FAILED, Reason.STRATUM),
        (but(stratum=0), Outcome.FAILED, Reason.STRATUM),
        (but(stratum=0, reference_id=b"DENY"), Outcome.FAILED, Reason.STRATUM),
        (but(stratum=0, reference_id=b"RATE"), Outcome.THROTTLED, Reason.RATE_CALL),
        (but(leap=3), Outcome.FAILED, Reason.UNSYNCHRONISED),
        (but(leap=3, stratum=16), Outcome.FAILED, Reason.STRATUM),
        (but(mode=ntp.CLIENT), Outcome.FAILED, Reason.PROTOCOL),
        (but(mode=5), Outcome.FAILED, Reason.PROTOCOL),
        (but(origin=0), Outcome.FAILED, Reason.TIMEOUT),
        (but(origin=ntp.stamp(NOW)), Outcome.FAILED, Reason.TIMEOUT),
        (lambda data: [data], Outcome.FAILED, Reason.TIMEOUT),
        (lambda data: [time_answer(data)[:47]], Outcome.FAILED, Reason.TIMEOUT),
        (
            lambda data: [b"", bytes(48), time_answer(data, origin=1), time_answer(data)],
            Outcome.OK,
            Reason.NONE,
        ),
        (lambda data: [time_answer(data) + bytes(20)], Outcome.OK, Reason.NONE),
    ],
)
async def test_each_answer_has_its_verdict(
    answer: Callable[[bytes], list[bytes]], outcome: Outcome, reason: Reason, run: Run
) -> None:
    async with scripted.udp(answer) as port:
        seen = await run("ntp", f"127.0.0.1:{port}", timeout_s=0.2)

    assert (seen.outcome, seen.reason) == (outcome, reason)


async def test_all_four_stamps_are_kept(run: Run) -> None:
    async with scripted.udp(but(receive=ntp.stamp(NOW), transmit=ntp.stamp(NOW + 7))) as port:
        seen = await run("ntp", f"127.0.0.1:{port}")

    assert (seen.facts["t2"], seen.facts["t3"]) == (NOW, NOW + 7)
    assert int(seen.facts["t4"]) - int(seen.facts["t1"]) == pytest.approx(seen.value, abs=1)
    assert seen.error is not None
    assert seen.value is not None
    assert 0 <= seen.error <= seen.value


async def test_a_kiss_of_death_says_why(run: Run) -> None:
    async with scripted.udp(but(stratum=0, reference_id=b"RSTR")) as port:
        seen = await run("ntp", f"127.0.0.1:{port}")

    assert seen.facts["kiss"] == "RSTR"
    assert seen.body == seen.body[:48] != b""


async def test_the_question_is_never_the_same_and_does_not_tell_our_time(run: Run) -> None:
    questions: list[ntp.Message] = []

    def note(data: bytes) -> list[bytes]:
        questions.append(ntp.decode(data))
        return time_server(data)

    async with scripted.udp(note) as port:
        for _ in range(2):
            await run("ntp", f"127.0.0.1:{port}")

    first, second = questions
    assert (first.mode, first.version) == (ntp.CLIENT, 4)
    assert first.transmit != second.transmit
    assert abs(ntp.instant(first.transmit, NOW) - ntp.instant(second.transmit, NOW)) > 1_000_000
