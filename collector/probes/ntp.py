"""A time server: one SNTP question, which it must answer, and out of a clock that knows the time."""

import secrets

import msgspec

from collector.core.record import Outcome, Reason
from collector.host.network import endpoint
from collector.probe import Observation, ProbeContext, ProbeSpec
from collector.wire import ntp

PORT = 123


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """None: there is one way to ask for the time."""


def verdict(message: ntp.Message) -> tuple[Outcome, Reason]:
    """Whether the server gives the time, by its own word."""
    if message.mode != ntp.SERVER:
        return Outcome.FAILED, Reason.PROTOCOL
    if message.kiss == "RATE":
        return Outcome.THROTTLED, Reason.RATE_CALL
    if not 1 <= message.stratum <= 15:
        return Outcome.FAILED, Reason.STRATUM
    if message.leap == ntp.UNSYNCHRONISED:
        return Outcome.FAILED, Reason.UNSYNCHRONISED
    return Outcome.OK, Reason.NONE


async def _run(target: str, params: msgspec.Struct, context: ProbeContext) -> Observation:
    assert isinstance(params, Params)
    host, port = endpoint(target, PORT)
    # Nobody can guess this stamp: only who saw the question can answer it. It does not give our clock away.
    nonce = secrets.randbits(63) | 1
    question = ntp.Message(mode=ntp.CLIENT, transmit=nonce).encode()

    def ours(data: bytes) -> bool:
        return len(data) >= ntp.LENGTH and ntp.decode(data).origin == nonce

    exchange = await context.network.exchange(host, port, question, ours, context.phases)
    message = ntp.decode(exchange.payload)
    outcome, reason = verdict(message)
    facts: dict[str, int | str] = {
        "t1": exchange.sent,
        "t2": ntp.instant(message.receive, exchange.sent),
        "t3": ntp.instant(message.transmit, exchange.sent),
        "t4": exchange.received,
        "stratum": message.stratum,
        "leap": message.leap,
    }
    if message.kiss:
        facts["kiss"] = message.kiss
    return Observation(
        outcome=outcome,
        reason=reason,
        value=exchange.round_trip,
        error=exchange.error,
        phases=context.phases.took,
        facts=facts | context.phases.facts,
        body=b"" if outcome is Outcome.OK else exchange.payload,
    )


SPEC = ProbeSpec(
    kind="ntp",
    target="address[:port]",
    fits=lambda target: endpoint(target, PORT),
    params=Params,
    run=_run,
    facts={
        "peer": "address that the name led to (not kept where the target is an address)",
        "t1": "the question left, µs since 1970 by our clock",
        "t2": "it arrived, by the server's clock",
        "t3": "the answer left, by the server's clock",
        "t4": "it arrived, by our clock",
        "stratum": "how far the server is from a reference clock; 0 and 16 have no time to give",
        "leap": "leap indicator; 3 is a server that does not know the time",
        "kiss": "the server's reason for not giving the time",
    },
    phases=("resolve",),
)
