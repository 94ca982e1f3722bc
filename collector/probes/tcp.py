"""A TCP port: it takes connections, and says or answers what it should."""

import msgspec

from collector.core.record import Outcome, Reason
from collector.host.network import Connection, endpoint, round_trip
from collector.probe import BODY_KEPT, Observation, ProbeContext, ProbeSpec


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to say and what must come back; both may be empty."""

    send: str = ""
    expect: str = ""
    """Text that what is received must contain."""
    limit: int = 65_536
    """Bytes after which the expected text is too late."""

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 1 << 20:
            raise ValueError(f"limit: expected 1 to 1048576 bytes, got {self.limit}")


async def _expect(connection: Connection, params: Params) -> tuple[Reason, bytes]:
    """What came, and why it is not right."""
    wanted, data = params.expect.encode(), bytearray()
    searched = 0
    while data.find(wanted, max(0, searched - len(wanted))) < 0:
        searched = len(data)
        if searched >= params.limit:
            return Reason.OVERSIZE, bytes(data)
        more = await connection.receive(params.limit - searched)
        if not more:
            return Reason.CONTENT if data else Reason.RESET, bytes(data)
        data += more
    return Reason.NONE, bytes(data)


async def _run(target: str, params: msgspec.Struct, context: ProbeContext) -> Observation:
    assert isinstance(params, Params)
    host, port = endpoint(target, 0)
    phases = context.phases
    async with context.network.connect(host, port, phases) as connection:
        value, error = round_trip(connection, phases)
        reason, data = Reason.NONE, b""
        if params.send or params.expect:
            phases.enter("first_byte")
            await connection.send(params.send.encode())
            if params.expect:
                reason, data = await _expect(connection, params)
            phases.leave()
    return Observation(
        outcome=Outcome.FAILED if reason else Outcome.OK,
        reason=reason,
        value=value,
        error=error,
        phases=phases.took,
        facts=phases.facts,
        body=data[:BODY_KEPT] if reason else b"",
    )


def _host_and_port(target: str) -> None:
    if endpoint(target, 0)[1] == 0:
        raise ValueError(f'expected a port, got "{target}"')


SPEC = ProbeSpec(
    kind="tcp",
    target="host:port",
    fits=_host_and_port,
    params=Params,
    run=_run,
    facts={"peer": "address that the name led to (not kept where the target is an address)"},
    phases=("resolve", "connect", "first_byte"),
)
