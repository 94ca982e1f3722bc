"""What holds for every kind of probe, this year's and next year's."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

import collector.probes
from collector.core.record import Outcome, Reason
from collector.probes import specs
from tests.conftest import free_port
from tests.probes import scripted
from tests.probes.cases import Case, backend, case
from tests.probes.conftest import Run, open_sockets

KINDS = sorted(specs())
GARBAGE = bytes(range(256)) * 8


@pytest.fixture
async def backend_port(nothing_left: None) -> AsyncIterator[int]:
    async with backend() as port:
        yield port


def test_each_file_in_the_folder_is_one_kind() -> None:
    files = {file.stem for file in Path(collector.probes.__path__[0]).glob("*.py")} - {"__init__"}

    assert files == set(specs())


@pytest.mark.parametrize("kind", KINDS)
async def test_a_right_answer_is_ok_and_has_a_latency(kind: str, run: Run, backend_port: int) -> None:
    asking = case(kind, backend_port)
    async with asking.serving() as port:
        seen = await run(kind, asking.target.format(port=port), **asking.params)

    assert (seen.outcome, seen.reason) == (Outcome.OK, Reason.NONE)
    assert seen.value is not None
    assert 0 < seen.value < 5_000_000
    assert seen.body == b""


@pytest.mark.parametrize("kind", KINDS)
def test_a_target_of_another_form_is_refused_before_anything_runs(kind: str) -> None:
    specs()[kind].fits(case(kind, 1).target.format(port=9))
    for wrong in ("not a target", "http://a b", "a:99999"):
        with pytest.raises(ValueError, match="expected "):
            specs()[kind].fits(wrong)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_closed_port_is_a_refusal(kind: str, run: Run, backend_port: int) -> None:
    asking = case(kind, backend_port)

    seen = await run(kind, asking.target.format(port=_closed(asking)), **asking.params)

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.REFUSED)
    assert seen.value is None


@pytest.mark.parametrize("kind", KINDS)
async def test_silence_is_a_timeout_that_leaves_nothing_behind(
    kind: str, run: Run, backend_port: int
) -> None:
    asking = case(kind, backend_port)
    tasks, sockets = len(asyncio.all_tasks()), open_sockets()
    async with _mute(asking) as port:
        seen = await run(kind, asking.target.format(port=port), timeout_s=0.1, **asking.params)

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert len(asyncio.all_tasks()) == tasks
    assert open_sockets() <= sockets + 1  # the backend may be seeing its connection off still


@pytest.mark.parametrize("kind", KINDS)
async def test_a_run_that_is_cancelled_ends_at_once_and_leaves_nothing_behind(
    kind: str, run: Run, backend_port: int
) -> None:
    asking = case(kind, backend_port)
    async with _mute(asking) as port:
        running = asyncio.create_task(run(kind, asking.target.format(port=port), **asking.params))
        await asyncio.sleep(0.05)
        running.cancel()

        with pytest.raises(asyncio.CancelledError):
            await running


@pytest.mark.parametrize("kind", KINDS)
async def test_garbage_is_a_failure_that_says_so(kind: str, run: Run, backend_port: int) -> None:
    asking = case(kind, backend_port)
    garbled = scripted.tcp(scripted.saying(GARBAGE)) if asking.right else scripted.udp(lambda _: [GARBAGE])
    async with garbled as port:
        seen = await run(
            kind, asking.target.format(port=port), timeout_s=0.2, **asking.params, **_something(kind)
        )

    # Anybody can send a datagram: one that is no answer to ours is not listened to.
    expected = {"tcp": Reason.CONTENT}.get(kind, Reason.PROTOCOL if asking.right else Reason.TIMEOUT)
    assert (seen.outcome, seen.reason) == (Outcome.FAILED, expected)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if case(kind, 0).right])
@pytest.mark.parametrize("end", [scripted.hanging_up, scripted.resetting], ids=["closed", "reset"])
async def test_an_empty_answer_is_a_connection_that_was_cut(
    kind: str, end: scripted.Handler, run: Run, backend_port: int
) -> None:
    asking = case(kind, backend_port)
    async with scripted.tcp(end) as port:
        seen = await run(kind, asking.target.format(port=port), **asking.params, **_something(kind))

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.RESET)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_name_that_our_resolver_does_not_know_is_our_blindness(
    kind: str, run: Run, backend_port: int
) -> None:
    asking = case(kind, backend_port)
    target = asking.target.replace("127.0.0.1", "two..dots").format(port=1)

    seen = await run(kind, target, **asking.params)

    assert (seen.outcome, seen.reason) == (Outcome.BLIND, Reason.RESOLVER)


@pytest.mark.parametrize("kind", KINDS)
async def test_where_no_route_leads_we_are_blind(kind: str, run: Run, backend_port: int) -> None:
    asking = case(kind, backend_port)
    # The limited broadcast address: the kernel lets no ordinary socket talk to it.
    target = asking.target.replace("127.0.0.1", "255.255.255.255").format(port=9)

    seen = await run(kind, target, **asking.params)

    assert (seen.outcome, seen.reason) == (Outcome.BLIND, Reason.ROUTE)


def _something(kind: str) -> dict[str, Any]:
    """What makes a kind speak that would otherwise wait to be spoken to."""
    return {"send": "hello"} if kind == "tcp" else {}


def _closed(asking: Case) -> int:
    return free_port(socket.SOCK_STREAM if asking.right else socket.SOCK_DGRAM)


def _mute(asking: Case) -> AbstractAsyncContextManager[int]:
    return scripted.tcp(scripted.hanging) if asking.right else scripted.udp(lambda _: [])
