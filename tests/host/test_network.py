"""Sockets as probes see them: phases, faults, and times out of the kernel."""

import asyncio
import resource
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.core.record import Outcome, Reason
from collector.host.network import Network, NetworkFault, Phases, Request, round_trip
from tests.host.conftest import stand_still
from tests.probes import scripted


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    network = Network()
    yield network
    await network.close()


@contextmanager
def answering_after(delay_s: float) -> Iterator[int]:
    """A thread that answers each datagram after a delay: it keeps its time whatever the loop does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)

        def serve() -> None:
            data, peer = server.recvfrom(2048)
            time.sleep(delay_s)
            server.sendto(data, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


async def test_a_round_trip_is_not_longer_because_our_loop_stands_still(network: Network) -> None:
    with answering_after(0.02) as port:
        asking = asyncio.create_task(
            network.exchange("127.0.0.1", port, b"question", lambda _: True, Phases())
        )
        await asyncio.sleep(0.005)
        stand_still(0.3)
        answer = await asking

    assert 20_000 <= answer.round_trip < 200_000
    assert answer.error < 100_000
    assert abs(answer.received - answer.sent - answer.round_trip) <= 1


async def test_only_the_peer_that_was_asked_can_answer(network: Network) -> None:
    def ask(data: bytes) -> list[bytes]:
        # Somebody else, who knows the port, is quicker.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            for client in _bound_ports() - {port}:
                other.sendto(b"forged", ("127.0.0.1", client))
        return [b"true"]

    async with scripted.udp(ask) as port:
        answer = await network.exchange("127.0.0.1", port, b"question", lambda _: True, Phases())

    assert answer.payload == b"true"


def _bound_ports() -> set[int]:
    """Ports of UDP sockets on 127.0.0.1 that this machine has open."""
    table = Path("/proc/net/udp").read_text().splitlines()[1:]
    rows = [line.split()[1].split(":") for line in table]
    return {int(port, 16) for address, port in rows if address == "0100007F"}


async def test_what_is_not_accepted_is_not_an_answer(network: Network) -> None:
    async with scripted.udp(lambda _: [b"one", b"two", b"three"]) as port:
        answer = await network.exchange("127.0.0.1", port, b"?", lambda data: data == b"two", Phases())

    assert answer.payload == b"two"


async def test_out_of_descriptors_is_our_own_blindness(network: Network) -> None:
    async with scripted.tcp(scripted.http(lambda _: scripted.response(200))) as port:
        with _no_more_descriptors():
            faults = [
                await _fault(network.http(Request(method="GET", url=f"http://127.0.0.1:{port}/"), Phases())),
                await _fault(network.exchange("127.0.0.1", port, b"?", lambda _: True, Phases())),
                await _fault(_connected(network, port)),
            ]

    assert faults == [(Outcome.BLIND, Reason.ROUTE)] * 3


async def _connected(network: Network, port: int) -> None:
    async with network.connect("127.0.0.1", port, Phases()):
        pass


async def _fault(asking: Awaitable[object]) -> tuple[Outcome, Reason]:
    with pytest.raises(NetworkFault) as raised:
        await asking
    return raised.value.outcome, raised.value.reason


@contextmanager
def _no_more_descriptors() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path("/dev/null").open() as last:
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno(), limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_the_kernels_measure_of_a_handshake_is_taken_unless_it_had_to_be_repeated(
    network: Network,
) -> None:
    phases = Phases()
    async with (
        scripted.tcp(scripted.hanging) as port,
        network.connect("127.0.0.1", port, phases) as connection,
    ):
        kernel = round_trip(connection, phases)
        connection.retransmitted = 1
        ours = round_trip(connection, phases)

    assert kernel == (connection.round_trip, 1)
    assert ours == (phases.took["connect"], 0)


async def test_a_request_names_the_program_and_its_version(network: Network) -> None:
    asked: list[scripted.Asked] = []

    def note(request: scripted.Asked) -> bytes:
        asked.append(request)
        return scripted.response(200)

    async with scripted.tcp(scripted.http(note)) as port:
        await network.http(Request(method="GET", url=f"http://127.0.0.1:{port}/"), Phases())

    assert asked[0].headers["user-agent"].partition("/")[0] == "constat"


def test_phases_end_where_the_next_begins_and_add_up() -> None:
    phases = Phases()
    phases.enter("connect")
    phases.enter("first_byte")
    with phases.part("head"):
        phases.enter("connect")
        phases.enter("first_byte")
        phases.leave()
    phases.enter("connect")
    phases.leave()

    assert list(phases.took) == ["connect", "first_byte", "head"]
    assert phases.total() == sum(phases.took.values())
    assert phases.stage == ""


@pytest.mark.parametrize(
    ("stage", "outcome", "reason"),
    [
        ("resolve", Outcome.BLIND, Reason.RESOLVER),
        ("connect", Outcome.FAILED, Reason.TIMEOUT),
        ("tls", Outcome.FAILED, Reason.TIMEOUT),
        ("first_byte", Outcome.FAILED, Reason.TIMEOUT),
    ],
)
def test_a_timeout_while_our_resolver_thinks_is_not_the_services(
    stage: str, outcome: Outcome, reason: Reason
) -> None:
    phases = Phases()
    phases.enter(stage)

    fault = phases.timed_out()

    assert (fault.outcome, fault.reason) == (outcome, reason)
    assert fault.phases == {}
