"""For each kind of probe, a server that is right and how to ask it: a new kind adds one function here."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.rrset

from collector.wire import ntp
from tests.probes import scripted
from tests.probes.scripted import Asked, Handler, response

OBJECT = b"kept since 2026"

API_ANSWER = response(
    200,
    b'{"Regions":[],"ResponseContext":{"RequestId":"0475ca1e-d0c5-441d-712a-da55a4175157"}}',
    Content_Type="application/json",
    Date="Sun, 22 Nov 2026 23:00:00 GMT",
    Server="gateway",
)


@dataclass
class Case:
    """How to ask a server of this kind on a port, and one that answers rightly."""

    target: str
    """With {port}."""
    params: dict[str, Any] = field(default_factory=dict)
    right: Handler | None = None
    """For kinds over TCP."""
    right_udp: Callable[[bytes], list[bytes]] | None = None

    def serving(self) -> AbstractAsyncContextManager[int]:
        """A server that is right."""
        if self.right is not None:
            return scripted.tcp(self.right)
        assert self.right_udp is not None
        return scripted.udp(self.right_udp)


def name_server(data: bytes) -> list[bytes]:
    """Answers every question for an address with 192.0.2.1 and .2."""
    query = dns.message.from_wire(data)
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.AA
    answer.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "192.0.2.2", "192.0.2.1"))
    return [answer.to_wire()]


def time_server(data: bytes) -> list[bytes]:
    """Knows the time."""
    return [time_answer(data)]


def time_answer(data: bytes, **other: Any) -> bytes:
    """The right answer to an NTP question, but for what `other` says."""
    now = ntp.stamp(1_795_400_832_649_693)
    right: dict[str, Any] = {
        "mode": ntp.SERVER,
        "stratum": 2,
        "origin": ntp.decode(data).transmit,
        "receive": now,
        "transmit": now,
    }
    return ntp.Message(**{**right, **other}).encode()


def storage(asked: Asked) -> bytes:
    """Keeps nothing, but answers as if it did."""
    named = {"x_amz_request_id": "tx0001", "ETag": '"e"'}
    match asked.method:
        case "GET":
            return response(200, OBJECT, **named)
        case "DELETE":
            return response(204, **named)
        case _:
            return response(200, **named)


@asynccontextmanager
async def backend() -> AsyncIterator[int]:
    """A backend that answers directly, whatever the balancer does."""
    async with scripted.tcp(scripted.http(lambda _: response(200, b"hello", X_Backend="one"))) as port:
        yield port


async def _echo(reader: Any, writer: Any) -> None:
    writer.write(b"220 ready\r\n")
    await writer.drain()
    await reader.read(100)


def case(kind: str, backend_port: int) -> Case:
    """How to ask a server of `kind`; the balancer's backend listens on `backend_port`."""
    http = "http://127.0.0.1:{port}"
    cases = {
        "dns": Case("127.0.0.1:{port}", {"name": "www.example"}, right_udp=name_server),
        "http": Case(http + "/", right=scripted.http(lambda _: response(200, b"hello"))),
        "lb": Case(
            http + "/",
            {"backends": [f"http://127.0.0.1:{backend_port}/"]},
            scripted.http(lambda _: response(200, b"hello", X_Backend="one")),
        ),
        "ntp": Case("127.0.0.1:{port}", right_udp=time_server),
        "oapi": Case(http, right=scripted.http(lambda _: API_ANSWER)),
        "s3": Case(
            http,
            {
                "mode": "access",
                "bucket": "canary",
                "key": "fixed",
                "region": "eu-west-2",
                "sha256": hashlib.sha256(OBJECT).hexdigest(),
            },
            scripted.http(storage),
        ),
        "tcp": Case("127.0.0.1:{port}", {"expect": "220 "}, _echo),
    }
    return cases[kind]
