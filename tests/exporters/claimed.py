"""A journal with all that claims are made of: an outage that was reserved, one that is not, and the books."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from collector.core.record import Declaration, Line, Outcome, Plan, Service
from collector.core.timeline import HOUR, MINUTE, SECOND, Instant
from tests.exporters.journals import clock, numbered, plan, probe, sample, start, write

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def paris(text: str) -> Instant:
    """ "11-29 10:00" of the winter of 2026."""
    return (datetime.fromisoformat(f"2026-{text}:00+01:00") - EPOCH) // timedelta(microseconds=1)


BEGAN = paris("11-29 10:00")
RESERVED = paris("11-29 10:05")
"""The first failure of the outage that a notice and a ticket are about; it lasts five hours."""
FORGOTTEN = paris("12-01 20:05")
"""The first failure of one that nobody did anything about; it lasts an hour."""
AS_OF = paris("12-02 09:00")


def declared(id: str, kind: str, at: Instant, **more: Any) -> Declaration:
    return Declaration(seq=0, at=at, id=id, kind=kind, by="ab", **more)  # type: ignore[arg-type]


def invoice(month: str, amount_cents: int, issued: Instant) -> Declaration:
    return declared(
        f"invoice-{month}", "invoice", issued, account="acme", month=month, amount_cents=amount_cents,
        issued=issued,
    )  # fmt: skip


NOTICE = declared(
    "notice-1", "notice", RESERVED + 6 * HOUR, number="N-1", state="delivered",
    services=("balancer",), possible=((RESERVED - HOUR, RESERVED + 5 * HOUR + MINUTE),), certain=(),
    sent=RESERVED + 6 * HOUR, received=RESERVED + 6 * HOUR,
)  # fmt: skip
TICKET = declared(
    "ticket-1", "ticket", RESERVED + MINUTE, number="T-1", severity=1, scope=("balancer",),
    opened=RESERVED + MINUTE, complete=RESERVED + MINUTE,
)  # fmt: skip
INVOICES = (
    invoice("2026-09", 1_000_000, paris("10-01 09:00")),
    invoice("2026-10", 1_000_000, paris("11-01 09:00")),
    invoice("2026-11", 100_000, paris("12-01 09:00")),
)
SENT = declared(
    "claim-7", "claim", paris("11-05 12:00"), number="R-7", statement="s", account="acme",
    amount_cents=5_000, state="sent", commitment="compute.zone", services=("other",),
    certain=((paris("10-20 10:00"), paris("10-20 18:00")),),
)  # fmt: skip
CREDIT = declared(
    "credit-3", "credit", paris("11-10 12:00"), account="acme", claim="R-3", amount_cents=12_000,
    month="2026-08", expires=paris("12-31 09:00"),
)  # fmt: skip
TOLD = (NOTICE, TICKET, *INVOICES, SENT, CREDIT)


def watched(names: Sequence[str] = ("balancer",)) -> Iterable[Line]:
    """Load balancers, asked every minute, in two stretches of ten answers around an outage each."""
    services = tuple(
        Service(name=name, account="acme", region="eu-west-2", commitments=("load-balancer.availability",))
        for name in names
    )
    every = {"interval": MINUTE, "burst": MINUTE, "sight": 90 * SECOND, "persistence": 90 * SECOND}
    asked = tuple(probe(name, name, **every) for name in names)
    known: Plan = plan(BEGAN)
    yield start(BEGAN - SECOND)
    yield msgspec.structs.replace(known, services=services, probes=asked)
    yield clock(BEGAN)
    for first, failures in ((RESERVED, 300), (FORGOTTEN, 60)):
        for k in range(-5, failures + 5):
            for name in names:
                yield sample(name, first + k * MINUTE, Outcome.FAILED if 0 <= k < failures else Outcome.OK)


async def journal(
    state: Path, told: Iterable[Declaration] = TOLD, names: Sequence[str] = ("balancer",)
) -> Path:
    """Write it with the real writer, notice and ticket being about all balancers; `state`."""
    concerned = {"notice": {"services": tuple(names)}, "ticket": {"scope": tuple(names)}}
    said = [msgspec.structs.replace(one, **concerned.get(one.kind, {})) for one in told]
    lines = sorted([*watched(names), *said], key=lambda line: line.at)
    # Declarations of before the collector began were taken in when it did.
    first = next(k for k, line in enumerate(lines) if not isinstance(line, Declaration))
    early = [msgspec.structs.replace(line, at=BEGAN) for line in lines[:first]]
    await write(state, numbered([*lines[first : first + 3], *early, *lines[first + 3 :]]))
    return state
