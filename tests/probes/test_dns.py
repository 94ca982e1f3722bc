"""A name server's answers, right and wrong, over UDP and TCP."""

import asyncio
from collections.abc import Callable
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import msgspec
import pytest

from collector.core.record import Outcome, Reason
from collector.probes.dns import Params
from tests.probes import scripted
from tests.probes.cases import name_server
from tests.probes.conftest import Run

Answer = Callable[[bytes], list[bytes]]


def code(rcode: dns.rcode.Rcode) -> Answer:
    def answer(data: bytes) -> list[bytes]:
        message = dns.message.make_response(dns.message.from_wire(data))
        message.set_rcode(rcode)
        return [message.to_wire()]

    return answer


def with_records(*records: tuple[str, str]) -> Answer:
    def answer(data: bytes) -> list[bytes]:
        message = dns.message.make_response(dns.message.from_wire(data))
        name = message.question[0].name
        message.answer = [dns.rrset.from_text(name, 60, "IN", kind, text) for kind, text in records]
        return [message.to_wire()]

    return answer


def other_id(data: bytes) -> list[bytes]:
    (answer,) = name_server(data)
    return [bytes([answer[0] ^ 1]) + answer[1:]]


def other_question(data: bytes) -> list[bytes]:
    return [name_server(data)[0].replace(b"\3www", b"\3wwx")]


def the_question_itself(data: bytes) -> list[bytes]:
    return [data]


def cut_in_a_record(data: bytes) -> list[bytes]:
    return [name_server(data)[0][:-3]]


def in_capitals(data: bytes) -> list[bytes]:
    return [name_server(data)[0].replace(b"\3www\7example", b"\3WWW\7EXAMPLE", 1)]


def wrong_ones_first(data: bytes) -> list[bytes]:
    return other_id(data) + other_question(data) + [b"", b"\0" * 12] + name_server(data)


@pytest.mark.parametrize(
    ("answer", "params", "outcome", "reason"),
    [
        (name_server, {}, Outcome.OK, Reason.NONE),
        (name_server, {"expect": ["192.0.2.1"]}, Outcome.OK, Reason.NONE),
        (name_server, {"expect": ["192.0.2.2", "192.0.2.1"]}, Outcome.OK, Reason.NONE),
        (name_server, {"expect": ["192.0.2.9"]}, Outcome.FAILED, Reason.CONTENT),
        (code(dns.rcode.SERVFAIL), {}, Outcome.FAILED, Reason.RCODE),
        (code(dns.rcode.REFUSED), {}, Outcome.FAILED, Reason.RCODE),
        (code(dns.rcode.NXDOMAIN), {}, Outcome.FAILED, Reason.RCODE),
        (code(dns.rcode.NXDOMAIN), {"rcode": "NXDOMAIN"}, Outcome.OK, Reason.NONE),
        (name_server, {"rcode": "NXDOMAIN"}, Outcome.FAILED, Reason.RCODE),
        (code(dns.rcode.NOERROR), {}, Outcome.FAILED, Reason.ANSWER),
        (with_records(("CNAME", "elsewhere.example.")), {}, Outcome.FAILED, Reason.ANSWER),
        (with_records(("CNAME", "here."), ("A", "192.0.2.7")), {}, Outcome.OK, Reason.NONE),
        (cut_in_a_record, {}, Outcome.FAILED, Reason.PROTOCOL),
        (in_capitals, {}, Outcome.OK, Reason.NONE),
        (wrong_ones_first, {}, Outcome.OK, Reason.NONE),
        (other_id, {}, Outcome.FAILED, Reason.TIMEOUT),
        (other_question, {}, Outcome.FAILED, Reason.TIMEOUT),
        (the_question_itself, {}, Outcome.FAILED, Reason.TIMEOUT),
    ],
)
async def test_each_answer_has_its_verdict(
    answer: Answer, params: dict[str, Any], outcome: Outcome, reason: Reason, run: Run
) -> None:
    async with scripted.udp(answer) as port:
        seen = await run("dns", f"127.0.0.1:{port}", timeout_s=0.2, name="www.example", **params)

    assert (seen.outcome, seen.reason) == (outcome, reason)


async def test_the_records_are_kept_as_a_digest_that_knows_no_order(run: Run) -> None:
    def turned(data: bytes) -> list[bytes]:
        message = dns.message.from_wire(name_server(data)[0])
        rrset = message.answer[0]
        message.answer = [dns.rrset.from_rdata_list(rrset.name, 9, list(reversed(list(rrset))))]
        return [message.to_wire()]

    async with scripted.udp(name_server) as one, scripted.udp(turned) as other:
        first = await run("dns", f"127.0.0.1:{one}", name="www.example")
        second = await run("dns", f"127.0.0.1:{other}", name="www.example")

    assert first.facts["digest"] == second.facts["digest"]
    assert first.facts["answers"] == 2
    assert first.facts["rcode"] == "NOERROR"
    assert first.facts["aa"] == 1
    assert first.error is not None


def by_tcp(answer: Answer) -> scripted.Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        for data in answer(await reader.readexactly(length)):
            writer.write(len(data).to_bytes(2, "big") + data)
        await writer.drain()

    return handler


async def test_over_tcp_the_same_question_gets_the_same_answer(run: Run) -> None:
    async with scripted.tcp(by_tcp(name_server)) as port:
        seen = await run("dns", f"127.0.0.1:{port}", name="www.example", transport="tcp")

    assert seen.outcome is Outcome.OK
    assert seen.facts["answers"] == 2
    assert set(seen.phases) == {"connect", "first_byte"}


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (by_tcp(other_id), Reason.PROTOCOL),
        (scripted.saying(b"\0\x30too short"), Reason.RESET),
        (scripted.saying(b"\0"), Reason.RESET),
        (scripted.hanging, Reason.TIMEOUT),
    ],
)
async def test_over_tcp_nonsense_is_a_failure(server: scripted.Handler, reason: Reason, run: Run) -> None:
    async with scripted.tcp(server) as port:
        seen = await run("dns", f"127.0.0.1:{port}", timeout_s=0.2, name="www.example", transport="tcp")

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, reason)


async def test_an_answer_that_was_cut_short_is_asked_for_again_by_tcp(run: Run) -> None:
    def cut_short(data: bytes) -> list[bytes]:
        message = dns.message.make_response(dns.message.from_wire(data))
        message.flags |= dns.flags.TC
        return [message.to_wire()]

    async with scripted.tcp(by_tcp(name_server)) as port:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(_Datagrams(cut_short), ("127.0.0.1", port))
        seen = await run("dns", f"127.0.0.1:{port}", name="www.example")
        transport.close()

    assert seen.outcome is Outcome.OK
    assert seen.facts["tc"] == 1
    assert seen.facts["answers"] == 2


class _Datagrams(asyncio.DatagramProtocol):
    """One more server on a port that TCP has."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._transport: Any = None

    def __call__(self) -> "_Datagrams":
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for datagram in self._answer(data):
            self._transport.sendto(datagram, addr)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"name": "a" * 64},
        {"name": "a", "type": "NONSENSE"},
        {"name": "a", "rcode": "?"},
        {"name": "a..b"},
    ],
)
def test_parameters_that_make_no_sense_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(params, Params)
