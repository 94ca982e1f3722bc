"""Journals with something to report, written by the real writer, and the reports on them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from collector.core.record import Account, Declaration, Line, Outcome, Plan, Probe, Reason, Service
from collector.core.timeline import DAY, HOUR, MINUTE, SECOND, Instant, Span
from collector.journal.origin import open_origin
from collector.journal.writer import Writer
from exporters.commands import comparison, journals, world
from exporters.commands.journals import Drawn
from exporters.commands.reporting import report_facts
from exporters.documents import statement
from exporters.documents.report import Origin, ReportFacts
from exporters.documents.report.facts import Kind
from tests.exporters import claimed
from tests.exporters.journals import CONTRACT_FILE, clock, numbered, plan, probe, sample, start

BEGAN: Instant = 1_795_000_000 * SECOND
FROM, TO = BEGAN, BEGAN + HOUR
WHOLE = Span(FROM, TO)
FAILS = Span(BEGAN + 20 * MINUTE, BEGAN + 40 * MINUTE)
"""When the provider is down."""
MAINTAINED = Span(BEGAN + 30 * MINUTE, BEGAN + 35 * MINUTE)
BLIND = Span(BEGAN + 50 * MINUTE, BEGAN + 52 * MINUTE)
"""When one vantage point cannot look."""
AS_OF = BEGAN + 2 * HOUR

COMMITMENTS = ("compute.command-api", "internet.command-api", "load-balancer.command-api")
"""The contract promises it three times."""

Failing = Callable[[str, Instant], tuple[Outcome, Reason]]


def services(*, name: str = "command-api") -> tuple[Service, ...]:
    return (
        Service(name=name, account="acme", region="eu-west-2", commitments=COMMITMENTS),
        Service(name="internet", account="acme", region="eu-west-2", commitments=("internet.access",)),
    )


def probes(*, name: str, controls: bool) -> Iterator[Probe]:
    target = "https://api.eu-west-2.outscale.com"
    every: Mapping[str, Any] = {"interval": 10 * SECOND, "sight": 15 * SECOND, "persistence": 15 * SECOND}
    yield probe("api-regions", name, kind="oapi", target=target, params={"call": "ReadRegions"}, **every)
    yield probe("reach", "internet", kind="tcp", target="203.0.113.7:443", **every)
    if controls:
        yield probe("quad9", "", kind="dns", target="9.9.9.9", role="control", **every)


def told(vantage: str, at: Instant, outcome: Outcome, kind: str) -> dict[str, Any]:
    """What an answer had in it: the API refuses with 503, which has an id too."""
    if kind != "api-regions" or outcome is Outcome.BLIND:
        return {}
    date = format_datetime(datetime.fromtimestamp(at // SECOND, UTC), usegmt=True)
    status = 200 if outcome is Outcome.OK else 503
    return {"status": status, "request_id": request_id(vantage, at), "date": date, "rtt": 12_345}


def request_id(vantage: str, at: Instant) -> str:
    return f"{at // SECOND:08x}-{sum(vantage.encode()):04x}-4e1f-8c1d-{at // MINUTE:012x}"


def seen(
    vantage: str,
    until: Instant,
    failing: Failing,
    *,
    name: str = "command-api",
    controls: bool = True,
    declared: Iterable[Declaration] = (),
) -> list[Line]:
    """What one vantage point wrote down."""
    known: Plan = plan(BEGAN)
    asked = tuple(probes(name=name, controls=controls))
    lines: list[Line] = [
        msgspec.structs.replace(start(), vantage=vantage),
        msgspec.structs.replace(
            known,
            services=services(name=name),
            probes=asked,
            accounts=(Account(id="acme", region="eu-west-2", zones=("eu-west-2a",)),),
        ),
        *declared,
    ]
    for at in range(BEGAN, until, 10 * SECOND):
        if (at - BEGAN) % MINUTE == 0:
            lines.append(clock(at))
        for one in asked:
            outcome, reason = failing(one.name, at)
            more: dict[str, Any] = {"reason": reason, "facts": told(vantage, at, outcome, one.name)}
            lines.append(sample(one.name, at, outcome, **more))
    return numbered(sorted(lines, key=lambda line: line.at))


def usual(vantage: str, name: str, at: Instant) -> tuple[Outcome, Reason]:
    """The API fails for twenty minutes, the Internet in the last ten of them; Lyon is blind for two."""
    if vantage == "lyon" and BLIND.start <= at < BLIND.end:
        return Outcome.BLIND, Reason.ROUTE
    if name == "api-regions" and FAILS.start <= at < FAILS.end:
        return Outcome.FAILED, Reason.STATUS
    if name == "reach" and FAILS.start + 10 * MINUTE <= at < FAILS.end:
        return Outcome.FAILED, Reason.TIMEOUT
    return Outcome.OK, Reason.NONE


def forever(name: str, at: Instant) -> tuple[Outcome, Reason]:
    """The API fails, and does not come back."""
    down = name == "api-regions" and at >= FAILS.start
    return (Outcome.FAILED, Reason.TIMEOUT) if down else (Outcome.OK, Reason.NONE)


def maintenance(id: str = "mail-81", **more: Any) -> Declaration:
    given: dict[str, Any] = {
        "seq": 0,
        "at": BEGAN,
        "id": id,
        "kind": "planned-maintenance",
        "by": "ab",
        "sent": BEGAN - 9 * DAY,
        "received": BEGAN - 9 * DAY + 4 * SECOND,
        "spans": (tuple(MAINTAINED),),
        "scope": ("eu-west-2",),
        "standing": "accepted",
        "document": "5f" * 32,
    }
    return Declaration(**{**given, **more})


# ------------------------------------------------------------------------------------------- states on disk


async def write(state: Path, lines: Sequence[Line], vantage: str) -> None:
    """Append lines as they would have been: each into the file of its hour."""
    now = lines[0].at
    writer = Writer(open_origin(state, vantage, "machine"), now=lambda: now, boot=lambda: 0)
    writer.open()
    for _, batch in groupby(lines, lambda line: line.at // HOUR):
        for line in batch:
            now = max(now, line.at)
            writer.append(line)
        assert await writer.flush()
    assert await writer.close()


def two_vantages(folder: Path, *, name: str = "command-api") -> Sequence[Path]:
    """An outage of the API within a network incident, announced maintenance in it, and blind time."""
    said = [maintenance(), maintenance("late", sent=BEGAN - HOUR, received=BEGAN - HOUR)]
    for vantage, declared in (("paris", said), ("lyon", [])):
        lines = seen(vantage, TO + MINUTE, partial(usual, vantage), name=name, declared=declared)
        asyncio.run(write(folder / vantage, lines, vantage))
    return [folder / "paris", folder / "lyon"]


def still_open(folder: Path) -> Sequence[Path]:
    """An outage that nothing has ended, seen from one vantage point that has no controls."""
    asyncio.run(write(folder / "open", seen("paris", TO, forever, controls=False), "paris"))
    return [folder / "open"]


def flapping(folder: Path) -> Sequence[Path]:
    """Eight outages of the API, each longer than the one before."""

    def failing(name: str, at: Instant) -> tuple[Outcome, Reason]:
        number, since = divmod(at - BEGAN, 6 * MINUTE)
        down = name == "api-regions" and number < 8 and since < (number + 1) * 30 * SECOND
        return (Outcome.FAILED, Reason.TIMEOUT) if down else (Outcome.OK, Reason.NONE)

    asyncio.run(write(folder / "flapping", seen("paris", TO, failing), "paris"))
    return [folder / "flapping"]


def with_claim(folder: Path) -> Sequence[Path]:
    """An outage that was reserved and told of, invoices, and a claim under both caps."""
    lines = sorted([*claimed.watched(), *claimed.TOLD], key=lambda line: line.at)
    # Declarations of before the collector began were taken in when it did.
    first = next(k for k, line in enumerate(lines) if not isinstance(line, Declaration))
    early = [msgspec.structs.replace(line, at=claimed.BEGAN) for line in lines[:first]]
    told = numbered([*lines[first : first + 3], *early, *lines[first + 3 :]])
    asyncio.run(write(folder / "claim", told, "here"))
    return [folder / "claim"]


# ------------------------------------------------------------------------------------------------- reports


def drawn(sources: Sequence[Path], span: Span | None, as_of: Instant) -> Drawn:
    windows: Sequence[Any] = ["trailing"] if span is None else [span]
    return journals.drawn(world.by_contract(CONTRACT_FILE), sources, as_of, windows, {})


def reported(
    found: Drawn,
    kind: Kind,
    id: str = "",
    span: Span = WHOLE,
    origins: Sequence[Origin] | None = None,
    **more: Any,
) -> ReportFacts:
    filed = statement.encode(comparison.frozen(found))
    return report_facts(found, kind, id, span=span, filed=filed, origins=origins, **more)
