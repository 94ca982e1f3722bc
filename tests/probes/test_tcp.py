"""A TCP port that takes connections, and says what it should."""

import asyncio

import pytest

from collector.core.record import Outcome, Reason
from tests.probes import scripted
from tests.probes.conftest import Run
from tests.probes.scripted import Handler


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(3):
        writer.write(data)
        await writer.drain()


async def test_a_connection_is_enough_where_nothing_is_expected(run: Run) -> None:
    async with scripted.tcp(scripted.hanging) as port:
        seen = await run("tcp", f"127.0.0.1:{port}")

    assert seen.outcome is Outcome.OK
    assert set(seen.phases) == {"connect"}


async def test_the_latency_is_the_handshake_as_the_kernel_measured_it(run: Run) -> None:
    async with scripted.tcp(scripted.hanging) as port:
        seen = await run("tcp", f"127.0.0.1:{port}")

    assert seen.value is not None
    assert 0 < seen.value <= seen.phases["connect"]
    assert seen.error == 1


async def test_what_is_expected_may_come_in_pieces(run: Run) -> None:
    async with scripted.tcp(scripted.pausing(b"welcome 2", b"2", b"0 ready")) as port:
        seen = await run("tcp", f"127.0.0.1:{port}", send="hello", expect="220 ")

    assert seen.outcome is Outcome.OK


async def test_what_is_sent_arrives(run: Run) -> None:
    async with scripted.tcp(echo) as port:
        seen = await run("tcp", f"127.0.0.1:{port}", send="hello, echo", expect="lo, ec")

    assert seen.outcome is Outcome.OK


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (scripted.for_ever(b"", b"garbage" * 999), Reason.OVERSIZE),
        (scripted.saying(b"421 go away\r\n"), Reason.CONTENT),
        (scripted.hanging_up, Reason.RESET),
        (scripted.resetting, Reason.RESET),
        (scripted.hanging, Reason.TIMEOUT),
        (scripted.dripping(b"421 go away, and slowly\r\n"), Reason.TIMEOUT),
    ],
)
async def test_another_answer_is_a_failure_with_its_reason(server: Handler, reason: Reason, run: Run) -> None:
    async with scripted.tcp(server) as port:
        seen = await run("tcp", f"127.0.0.1:{port}", timeout_s=0.3, send="hello", expect="220 ")

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, reason)


async def test_a_host_given_by_name_has_its_lookup_apart(run: Run) -> None:
    async with scripted.tcp(scripted.hanging) as port:
        seen = await run("tcp", f"localhost:{port}")

    assert set(seen.phases) == {"resolve", "connect"}
    assert seen.facts == {"peer": "127.0.0.1"}
