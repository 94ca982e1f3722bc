"""A name server: one question, whose answer must be to it, without error, and with the records asked for."""

import hashlib
import secrets
import struct
from functools import lru_cache
from typing import Literal

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import msgspec

from collector.core.record import Outcome, Reason
from collector.core.timeline import Duration
from collector.host.network import NetworkFault, endpoint
from collector.probe import BODY_KEPT, Observation, ProbeContext, ProbeSpec

PORT = 53

_HEADER = 12
_ID, _FLAGS = struct.Struct("!H"), struct.Struct("!HH")
_RESPONSE, _TRUNCATED = 0x8000, 0x0200


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to ask, and what the answer must contain."""

    name: str
    type: str = "A"
    expect: tuple[str, ...] = ()
    """Records that must be among the answers, as text, like "192.0.2.1"; any will do if empty."""
    transport: Literal["udp", "tcp"] = "udp"
    rcode: str = "NOERROR"
    """The right answer's code: "NXDOMAIN" asks a server to deny a name."""

    def __post_init__(self) -> None:
        try:
            _question(self.name, self.type)
            dns.rcode.from_text(self.rcode)
        except (dns.exception.DNSException, ValueError, UnicodeError) as error:
            raise ValueError(f"name, type, rcode: expected words of DNS, got {self}: {error}") from error


@lru_cache(maxsize=1024)
def _question(name: str, kind: str) -> bytes:
    """The message that asks, without its first two bytes, the id."""
    query: dns.message.QueryMessage = dns.message.make_query(name, kind)
    return query.to_wire()[_ID.size :]


def _answers(question: bytes, data: bytes) -> bool:
    """Whether `data` responds to the message `question`: with its id, and its question or none."""
    if len(data) < _HEADER or data[:2] != question[:2]:
        return False
    flags, questions = _FLAGS.unpack_from(data, 2)
    if not flags & _RESPONSE:
        return False
    asked = question[_HEADER:]
    return questions == 0 or data[_HEADER : _HEADER + len(asked)].lower() == asked.lower()


def verdict(response: dns.message.Message, params: Params) -> tuple[Outcome, Reason, list[str]]:
    """Whether the answer is right, and the records of the type asked for, as sorted text."""
    kind = dns.rdatatype.from_text(params.type)
    records = sorted(
        record.to_text() for rrset in response.answer if rrset.rdtype == kind for record in rrset
    )
    if response.rcode() != dns.rcode.from_text(params.rcode):
        return Outcome.FAILED, Reason.RCODE, records
    if response.rcode() == dns.rcode.NOERROR and not records:
        return Outcome.FAILED, Reason.ANSWER, records
    if not set(params.expect) <= set(records):
        return Outcome.FAILED, Reason.CONTENT, records
    return Outcome.OK, Reason.NONE, records


async def _by_tcp(host: str, port: int, question: bytes, context: ProbeContext) -> bytes:
    """The answer over a connection, where each message follows its length."""
    async with context.network.connect(host, port, context.phases) as connection:
        context.phases.enter("first_byte")
        await connection.send(_ID.pack(len(question)) + question)
        (length,) = _ID.unpack(await connection.receive_exactly(_ID.size))
        data = await connection.receive_exactly(length)
        context.phases.leave()
    if not _answers(question, data):
        raise NetworkFault(Outcome.FAILED, Reason.PROTOCOL, context.phases.took, context.phases.facts)
    return data


async def _run(target: str, params: msgspec.Struct, context: ProbeContext) -> Observation:
    assert isinstance(params, Params)
    host, port = endpoint(target, PORT)
    question = secrets.token_bytes(_ID.size) + _question(params.name, params.type)
    phases = context.phases
    value: Duration | None = None
    error: Duration | None = None
    data = b""
    truncated = False
    if params.transport == "udp":
        exchange = await context.network.exchange(
            host, port, question, lambda data: _answers(question, data), phases
        )
        value, error, data = exchange.round_trip, exchange.error, exchange.payload
        truncated = bool(_FLAGS.unpack_from(data, 2)[0] & _TRUNCATED)
    if truncated or params.transport == "tcp":
        data = await _by_tcp(host, port, question, context)
        if value is None:
            value = phases.took["first_byte"]
    return _observe(data, params, context, value, error, truncated)


def _observe(
    data: bytes,
    params: Params,
    context: ProbeContext,
    value: Duration | None,
    error: Duration | None,
    truncated: bool,
) -> Observation:
    facts: dict[str, int | str] = dict(context.phases.facts)
    try:
        response = dns.message.from_wire(data)
    except (dns.exception.DNSException, ValueError, UnicodeError, struct.error, IndexError):
        outcome, reason = Outcome.FAILED, Reason.PROTOCOL
    else:
        outcome, reason, records = verdict(response, params)
        facts |= {
            "rcode": dns.rcode.to_text(response.rcode()),
            "answers": len(records),
            "digest": hashlib.sha256("\n".join(records).encode()).hexdigest()[:16],
            "aa": int(bool(response.flags & dns.flags.AA)),
        }
    if truncated:
        facts["tc"] = 1
    return Observation(
        outcome=outcome,
        reason=reason,
        value=value,
        error=error,
        phases=context.phases.took,
        facts=facts,
        body=b"" if outcome is Outcome.OK else data[:BODY_KEPT],
    )


SPEC = ProbeSpec(
    kind="dns",
    target="address[:port]",
    fits=lambda target: endpoint(target, PORT),
    params=Params,
    run=_run,
    facts={
        "peer": "address that the server's name led to (not kept where the target is an address)",
        "rcode": "the answer's code, like NOERROR or SERVFAIL",
        "answers": "records of the type asked for",
        "digest": "first 16 digits of the SHA-256 of the records as text, sorted, a line each",
        "aa": "1 if the answer is authoritative",
        "tc": "1 if the answer over UDP was cut short and TCP was asked",
    },
    phases=("resolve", "connect", "first_byte"),
)
