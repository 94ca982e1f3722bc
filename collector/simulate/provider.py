"""The made-up provider: what of it is down when, and what it says of that before and after."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import msgspec

from collector.core.calendar import Calendar
from collector.core.declaration import checked
from collector.core.record import AtLeast, Declaration, Plan, Service
from collector.core.timeline import (
    DAY,
    HOUR,
    MINUTE,
    NOTHING,
    SECOND,
    Duration,
    Instant,
    Span,
    Spans,
    intersection,
    spans,
    union,
    within,
)
from collector.simulate.chance import length, moments, source

OUTAGES: Duration = 2 * DAY
"""How far apart a service's own outages are on average; what follows is counted likewise."""
PARTIAL: Duration = 3 * DAY
REGION: Duration = 12 * DAY
MAINTENANCE: Duration = 9 * DAY
SLOW: Duration = 2 * DAY
THROTTLED: Duration = 3 * DAY

LONGEST = 13
"""Doublings of two seconds that an outage may have: over four hours."""
FLAPS = 8
"""Of so many outages, one is a service that comes and goes."""
TOLD_FROM: Duration = 2 * MINUTE
"""An outage shorter than this nobody writes to the provider about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """Maintenance of which the provider gave notice, for a service; what came of it may be another thing."""

    id: str
    service: str
    span: Span
    sent: Instant
    happened: Spans
    """When the service was down for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What was true over a period. All in true time."""

    span: Span
    probes: Mapping[str, Spans]
    """Probe → when what it asks of was down."""
    services: Mapping[str, Spans]
    """Service → when it was down by its own rule (V2), had everybody been able to look at all times."""
    slow: Mapping[str, Spans]
    """Probe → when answers took long."""
    throttled: Spans
    """When the provider's API refused because of rate."""
    announced: Sequence[Announced]
    declarations: Sequence[Declaration]
    """By the time at which they came in."""


def provider(seed: int, plan: Plan, span: Span, calendar: Calendar, origins: int) -> Provider:
    """What befalls the services of `plan` over `span`, watched by so many `origins`."""
    regions = {service.region: _region(seed, service.region, span) for service in plan.services}
    announced = [one for service in plan.services for one in _maintenance(seed, service.name, span)]
    whole = {
        service.name: union(
            _own(seed, service.name, span),
            regions[service.region] if service.via == "internet" else NOTHING,
            *(one.happened for one in announced if one.service == service.name),
        )
        for service in plan.services
    }
    probes = {
        probe.name: union(whole[probe.service], _scattered(seed, "partial", probe.name, span, PARTIAL))
        if probe.service
        else NOTHING
        for probe in plan.probes
    }
    asked = {
        service.name: [probes[probe.name] for probe in plan.probes if probe.service == service.name]
        for service in plan.services
    }
    services = {service.name: _by_rule(service, asked[service.name], origins) for service in plan.services}
    return Provider(
        span=span,
        probes=probes,
        services=services,
        slow={probe.name: _scattered(seed, "slow", probe.name, span, SLOW) for probe in plan.probes},
        throttled=_scattered(seed, "throttled", "api", span, THROTTLED),
        announced=announced,
        declarations=_declarations(seed, plan, span, calendar, services, announced),
    )


# ------------------------------------------------------------------------------------------ what is down when


def _own(seed: int, service: str, span: Span) -> Spans:
    """Outages of a service alone, a few of which come and go."""
    chance = source(seed, "outages", service)
    parts: list[tuple[Instant, Instant]] = []
    for at in moments(chance, span, OUTAGES):
        if chance.randrange(FLAPS):
            parts.append((at, at + length(chance, 2 * SECOND, LONGEST)))
            continue
        for _ in range(chance.randrange(3, 20)):
            parts.append((at, at := at + length(chance, SECOND, 6)))
            at += length(chance, SECOND, 6)
    return within(spans(parts), span)


def _scattered(seed: int, what: str, name: str, span: Span, every: Duration) -> Spans:
    chance = source(seed, what, name)
    parts = ((at, at + length(chance, 4 * SECOND, 9)) for at in moments(chance, span, every))
    return within(spans(parts), span)


def _region(seed: int, region: str, span: Span) -> Spans:
    """When nothing in a region could be reached from the Internet."""
    chance = source(seed, "region", region)
    parts = ((at, at + length(chance, 20 * SECOND, 9)) for at in moments(chance, span, REGION))
    return within(spans(parts), span)


def _maintenance(seed: int, service: str, span: Span) -> Iterator[Announced]:
    """Announced days ahead or hours ahead; kept to, overrun, or not used at all."""
    chance = source(seed, "maintenance", service)
    for number, at in enumerate(moments(chance, span, MAINTENANCE)):
        planned = Span(at, at + HOUR + chance.randrange(3) * HOUR)
        ahead = chance.choice((2 * HOUR, DAY, 3 * DAY, 4 * DAY, 10 * DAY))
        begun = at + chance.randrange(10 * MINUTE)
        took = chance.choice((0, planned.length // 4, planned.length // 2, planned.length + 20 * MINUTE))
        yield Announced(
            id=f"maintenance-{service}-{number}",
            service=service,
            span=planned,
            sent=at - ahead,
            happened=within(spans([(begun, begun + took)]), span),
        )


def _by_rule(service: Service, probes: Sequence[Spans], origins: int) -> Spans:
    """When `service` is down by its own rule, where every one of so many `origins` sees all (V2)."""
    if service.down_when == "all":
        common = probes[0] if probes else NOTHING
        for one in probes[1:]:
            common = intersection(common, one)
        return common
    least = service.down_when.at_least if isinstance(service.down_when, AtLeast) else 1
    changes = sorted({edge for one in probes for span in one for edge in span})
    return spans(
        (start, end)
        for start, end in pairwise(changes)
        if origins * sum(bool(within(one, Span(start, end))) for one in probes) >= least
    )


# ----------------------------------------------------------------------------------------------- what is said


def _declarations(
    seed: int,
    plan: Plan,
    span: Span,
    calendar: Calendar,
    services: Mapping[str, Spans],
    announced: Sequence[Announced],
) -> list[Declaration]:
    chance = source(seed, "declarations")
    said = [*_standing(plan, span, calendar), *map(_notice_of, announced)]
    for name, down in services.items():
        for number, one in enumerate(down):
            if one.length >= TOLD_FROM:
                said += _reported(chance, f"{name}-{number}", name, one)
    lines = [
        (max(at, span.start), checked({"by": "simulate", **given})) for at, given in said if at < span.end
    ]
    lines.sort(key=lambda line: (line[0], line[1].id))
    return [msgspec.structs.replace(declaration, at=at) for at, declaration in lines]


def _notice_of(one: Announced) -> tuple[Instant, dict[str, Any]]:
    return one.sent + MINUTE, {
        "id": one.id, "kind": "planned-maintenance", "spans": [list(one.span)], "scope": [one.service],
        "standing": "accepted", "sent": one.sent, "received": one.sent + MINUTE,
    }  # fmt: skip


def _standing(plan: Plan, span: Span, calendar: Calendar) -> Iterator[tuple[Instant, dict[str, Any]]]:
    """Where the customer is deployed, and an invoice for each month."""
    for account in plan.accounts:
        if account.zones:
            yield span.start, {
                "id": f"deployment-{account.id}", "kind": "deployment", "account": account.id,
                "zones": list(account.zones), "from": span.start - DAY,
            }  # fmt: skip
        month = calendar.month_of(span.start)
        while month.end < span.end:
            name = calendar.iso(month.start)[:7]
            yield month.end + 4 * DAY, {
                "id": f"invoice-{account.id}-{name}", "kind": "invoice", "account": account.id, "month": name,
                "amount_cents": 1_000_000, "issued": month.end + 4 * DAY,
            }  # fmt: skip
            month = calendar.month_of(month.end)


def _reported(
    chance: Random, id: str, service: str, outage: Span
) -> Iterator[tuple[Instant, dict[str, Any]]]:
    """A ticket for most outages; a notice too, which some people send too late, and some never."""
    if chance.randrange(5) == 0:
        return
    opened = outage.start + chance.randrange(MINUTE, HOUR)
    answered = opened + chance.randrange(MINUTE, 3 * HOUR)
    solved = max(answered, outage.end) + chance.randrange(HOUR)
    number = f"T-{chance.randrange(1_000_000):06d}"
    yield solved, {
        "id": f"ticket-{id}", "kind": "ticket", "number": number, "severity": chance.randrange(1, 4),
        "opened": opened, "complete": opened, "first_answer": answered, "solved": solved, "scope": [service],
    }  # fmt: skip
    if chance.randrange(4) == 0:
        return
    sent = outage.end + chance.choice((HOUR, 10 * HOUR, 47 * HOUR, 3 * DAY))
    around = [outage.start - MINUTE, outage.end + MINUTE]
    yield sent, {
        "id": f"notice-{id}", "kind": "notice", "number": number, "services": [service],
        "possible": [around], "state": "delivered", "sent": sent, "received": sent + MINUTE,
    }  # fmt: skip
