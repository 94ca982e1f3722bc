"""A whole made-up period: the provider, every vantage point's journal, and the truth beside them."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from collector.core.calendar import Calendar
from collector.core.record import Plan, Probe
from collector.core.timeline import DAY, SECOND, Duration, Instant, Span, Spans
from collector.errors import UsageError
from collector.journal import layout
from collector.simulate.chance import source
from collector.simulate.disk import Disk
from collector.simulate.provider import Provider, provider
from collector.simulate.trouble import Trouble, troubles
from collector.simulate.vantage import Part, Vantage

TRUTH = "truth.json"
LONGEST: Duration = 100 * 366 * DAY

Progress = Callable[[Duration], None]
"""Told of made-up time that has passed, vantage point by vantage point."""


class _Announcement(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    sent: Instant
    planned: tuple[Instant, Instant]
    happened: Spans


class _Service(msgspec.Struct, frozen=True, kw_only=True):
    down: Spans
    """By its own rule (V2), had everybody been able to look at all times."""
    probes: dict[str, Spans]
    """Probe → when what it asks of was down."""
    announced: tuple[_Announcement, ...]


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """`truth.json`: what no journal can say. Instants are µs since 1970 UTC by a clock that is right."""

    version: int = 1
    seed: int
    start: Instant = msgspec.field(name="from")
    end: Instant = msgspec.field(name="to")
    services: dict[str, _Service]
    throttled: Spans
    vantages: dict[str, tuple[Trouble, ...]]


def simulate(
    state: Path,
    plan: Plan,
    span: Span,
    calendar: Calendar,
    *,
    seed: int,
    vantage: str,
    origins: int = 1,
    interval: Duration | None = None,
    progress: Progress = lambda _: None,
) -> Truth:
    """Write the journal of `span` as so many `origins` would have kept it, and `truth.json`, into `state`.

    The same arguments give the same bytes. With more than one origin the last one dies before the end.
    UsageError where `state` holds something already, or the period is none.
    """
    if not 0 < span.length <= LONGEST:
        raise UsageError(
            "the period: expected an end after the start, by 100 years at most; "
            f"got {calendar.iso(span.start)} to {calendar.iso(span.end)}"
        )
    layout.must_be_new(state)
    if interval is not None:
        plan = msgspec.structs.replace(plan, probes=tuple(asked(p, interval) for p in plan.probes))
    world = provider(seed, plan, span, calendar, origins)
    befallen: dict[str, tuple[Trouble, ...]] = {}
    for number in range(origins):
        name = f"{vantage}-{number + 1}" if origins > 1 else vantage
        dies = number > 0 and number == origins - 1
        befallen[name] = tuple(troubles(seed, name, span, dies=dies))
        part = Part(
            seed=seed,
            name=name,
            origin=f"{name}-{source(seed, name).getrandbits(24):06x}",
            plan=_apart(plan, number, origins),
            troubles=befallen[name],
            declarations=() if number else world.declarations,
        )
        disk = Disk(state, name, part.origin, seed)
        Vantage(part, world, disk, progress).run()
        disk.close()
    truth = _truth(seed, plan, world, befallen)
    (state / TRUTH).write_bytes(msgspec.json.format(msgspec.json.encode(truth)) + b"\n")
    return truth


def _apart(plan: Plan, number: int, origins: int) -> Plan:
    """`plan` as that one of so many origins has it: they take turns."""
    probes = (
        msgspec.structs.replace(p, phase=(p.phase + p.interval * number // origins) % p.interval)
        for p in plan.probes
    )
    return msgspec.structs.replace(plan, probes=tuple(probes))


def asked(probe: Probe, interval: Duration) -> Probe:
    """`probe`, asked every `interval`, with what hangs on that in the usual proportion."""
    burst = min(probe.burst, interval)
    return msgspec.structs.replace(
        probe, interval=interval, burst=burst, phase=probe.phase % interval, sight=interval * 3 // 2,
        timeout=min(probe.timeout, max(interval, SECOND)), persistence=max(burst * 3 // 2, 1),
    )  # fmt: skip


def _truth(seed: int, plan: Plan, world: Provider, befallen: dict[str, tuple[Trouble, ...]]) -> Truth:
    return Truth(
        seed=seed,
        start=world.span.start,
        end=world.span.end,
        services={
            service.name: _Service(
                down=world.services[service.name],
                probes={p.name: world.probes[p.name] for p in plan.probes if p.service == service.name},
                announced=tuple(
                    _Announcement(id=one.id, sent=one.sent, planned=one.span, happened=one.happened)
                    for one in world.announced
                    if one.service == service.name
                ),
            )
            for service in plan.services
        },
        throttled=world.throttled,
        vantages=befallen,
    )
