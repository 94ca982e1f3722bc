"""Journals for tests: a small world's lines, and real files of them by the collector's own writer."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from collector import settings
from collector.contracts import calendar, load
from collector.core.record import (
    FORMAT,
    Account,
    Clock,
    Line,
    Outcome,
    Plan,
    Probe,
    Reason,
    Sample,
    Service,
    Start,
)
from collector.core.timeline import MILLISECOND, SECOND, Duration, Instant
from collector.journal.origin import open_origin
from collector.journal.writer import Writer

CONTRACT_FILE = settings.shipped("contracts/outscale-cgv-2019-12.toml")
CONTRACT, CONTRACT_SHA256 = load(CONTRACT_FILE)
CALENDAR = calendar(CONTRACT)

BEGAN: Instant = 1_795_000_000 * SECOND
"""A morning in November 2026."""


def probe(name: str, service: str, **changed: object) -> Probe:
    given: dict[str, object] = {
        "kind": "http", "target": "http://127.0.0.1/", "phase": 0,
        "interval": 10 * SECOND, "burst": 2 * SECOND,
        "timeout": 2 * SECOND, "sight": 15 * SECOND, "persistence": 15 * SECOND, "service": service,
    }  # fmt: skip
    return Probe(name=name, **{**given, **changed})  # type: ignore[arg-type]


def plan(at: Instant = BEGAN) -> Plan:
    """Two services, three probes; one of the promises is about latency."""
    return Plan(
        seq=0,
        at=at,
        contract=CONTRACT.id,
        contract_sha256=CONTRACT_SHA256,
        accounts=(Account(id="acme", region="eu-west-2", zones=("eu-west-2a",)),),
        services=(
            Service(name="api", account="acme", region="eu-west-2", commitments=("compute.command-api",)),
            Service(
                name="storage",
                account="acme",
                region="eu-west-2",
                commitments=("object-storage.access-api", "internal-network.object-storage-latency"),
            ),
        ),
        probes=(
            probe("api-1", "api"),
            probe("api-2", "api"),
            probe("get", "storage"),
        ),
    )


def sample(
    name: str,
    sent: Instant,
    outcome: Outcome = Outcome.OK,
    took: Duration = 20 * MILLISECOND,
    **changed: object,
) -> Sample:
    reason = {
        Outcome.FAILED: Reason.TIMEOUT,
        Outcome.BLIND: Reason.RESOLVER,
        Outcome.THROTTLED: Reason.RATE_CALL,
    }
    given: dict[str, object] = {
        "seq": 0, "at": sent + took, "probe": name, "slot": sent, "covers": 1,
        "sent": sent, "done": sent + took, "outcome": outcome, "reason": reason.get(outcome, Reason.NONE),
        "value": took if outcome is Outcome.OK else None, "error": 0, "phases": {}, "facts": {},
    }  # fmt: skip
    return Sample(**{**given, **changed})  # type: ignore[arg-type]


def start(at: Instant = BEGAN - SECOND) -> Start:
    return Start(
        seq=0, at=at, format=FORMAT, origin="here", vantage="here", version="1", python="3", boot="b", cut=0
    )


def clock(at: Instant, error: Duration | None = MILLISECOND) -> Clock:
    return Clock(
        seq=0, at=at, wall=at, boot_offset=0, error=error, synced=int(error is not None), source="chrony",
        leap=0, step=0,
    )  # fmt: skip


def day(outcomes: Iterable[tuple[str, Outcome]], every: Duration = 10 * SECOND) -> list[Line]:
    """A journal from its start line: one round of all three probes per (failing service, outcome)."""
    lines: list[Line] = [start(), plan(), clock(BEGAN)]
    for number, (failing, outcome) in enumerate(outcomes):
        at = BEGAN + number * every
        for name, service in (("api-1", "api"), ("api-2", "api"), ("get", "storage")):
            lines.append(sample(name, at, outcome if service == failing else Outcome.OK))
    return numbered(lines)


def numbered(lines: Sequence[Line]) -> list[Line]:
    """`lines` with the `seq` that a writer would give them."""
    return [msgspec.structs.replace(line, seq=seq) for seq, line in enumerate(lines)]


async def write(state: Path, lines: Iterable[Line], vantage: str = "here") -> str:
    """Append `lines` to the journal of `state` with the real writer; the origin's name."""
    origin = open_origin(state, vantage, "machine")
    now = BEGAN
    writer = Writer(origin, now=lambda: now, boot=lambda: 0)
    writer.open()
    for line in lines:
        now = max(now, line.at)
        writer.append(line)
    assert await writer.flush()
    assert await writer.close()
    return origin.name
