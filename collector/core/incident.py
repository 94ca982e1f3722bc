"""Outages → network incidents, and the grace that each is given (rules G1, G2).

Grace is the one deduction that is an amount and not a time, so its place matters: it is taken from what the
other deductions have left. It takes certain downtime first and, where that is shorter, EDGE.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

import msgspec

from collector.core.contract import Choice, Grace, Readings
from collector.core.outage import Outage
from collector.core.record import Service
from collector.core.sight import NEVER
from collector.core.timeline import (
    ALWAYS,
    NOTHING,
    Duration,
    Instant,
    Span,
    Spans,
    difference,
    duration,
    first,
    intersection,
    spans,
    union,
    within,
)
from collector.core.verdict import Watches, ruled


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What one grace is given for."""

    id: str
    """That of its first outage, or of the part that was cut off."""
    region: str
    certain: Spans
    possible: Spans
    outages: tuple[str, ...]

    @property
    def begins(self) -> Instant:
        """Its first certain instant."""
        return self.certain[0].start


class History(NamedTuple):
    """What the plans said of a service, its outages, and the answers that its probes got."""

    watched: Watches
    outages: Sequence[Outage]
    answered: Spans

    def by_region(self, counts: Callable[[Service], bool]) -> dict[str, Sequence[Outage]]:
        """Region → the outages there while the plan counts; one that outlasts a change is cut there."""
        # JOURNAL: when a service's rules change, each stretch is judged by its own plan.
        where = ruled(self.watched, lambda rules: rules.region if counts(rules) else None)
        return {
            region: _parts_in(self.outages, there) for region, there in where.items() if region is not None
        }


def _parts_in(outages: Sequence[Outage], there: Spans) -> Sequence[Outage]:
    if there == ALWAYS:
        return outages  # mostly: nothing changed, and there may be very many
    # V3: a part in which nothing is certain is a blip, and never counts.
    return [_part(one, span) for one in outages for span in there if within(one.certain, span)]


def _part(outage: Outage, span: Span) -> Outage:
    if span.start <= outage.begins and outage.ends <= span.end:
        return outage
    return msgspec.structs.replace(
        outage,
        id=f"{outage.service}@{max(span.start, outage.begins)}",
        certain=within(outage.certain, span),
        possible=within(outage.possible, span),
    )


# ------------------------------------------------------------------------------------- reading grace-unit


class _Unit(NamedTuple):
    """What counts as one outage here, and which outages make one incident."""

    parts: Callable[[Outage, Spans], list[Outage]]
    groups: Callable[[list[Outage], Duration], list[list[Outage]]]


def _split(outage: Outage, answered: Spans) -> list[Outage]:
    cuts = []
    for before, after in pairwise(outage.certain):
        answers = within(answered, Span(before.end, after.start))
        if answers:
            cuts.append(answers[0].start)
    if not cuts:
        return [outage]
    edges = pairwise((outage.begins, *cuts, outage.ends))
    return [_part(outage, Span(start, end)) for start, end in edges]


def _whole(outage: Outage, answered: Spans) -> list[Outage]:  # noqa: ARG001
    return [outage]


def _each(parts: list[Outage], apart: Duration) -> list[list[Outage]]:  # noqa: ARG001
    return [[part] for part in parts]


def _close(parts: list[Outage], apart: Duration) -> list[list[Outage]]:
    groups: list[list[Outage]] = []
    ends = NEVER
    for part in sorted(parts, key=lambda one: one.begins):
        if part.begins - ends > apart:
            groups.append([])
        groups[-1].append(part)
        ends = max(ends, part.ends)
    return groups


_UNITS: Mapping[Choice, _Unit] = {
    # Safe: every outage has its own, split wherever a probe got an answer.
    "outage": _Unit(_split, _each),
    # Arguable: outages that lie close together are one incident.
    "joined": _Unit(_whole, _close),
}


_certain, _possible, _id = attrgetter("certain"), attrgetter("possible"), attrgetter("id")


def _incident(outages: Sequence[Outage], region: str) -> Incident:
    if len(outages) == 1:  # mostly
        (one,) = outages
        return Incident(
            id=one.id, region=region, certain=one.certain, possible=one.possible, outages=(one.id,)
        )
    return Incident(
        id=outages[0].id,
        region=region,
        certain=union(*map(_certain, outages)),
        possible=union(*map(_possible, outages)),
        outages=tuple(map(_id, outages)),
    )


def _parts(outages: Sequence[Outage], answered: Spans, readings: Readings) -> list[Outage]:
    parts = _UNITS[readings["grace-unit"]].parts
    return [part for outage in outages for part in parts(outage, answered)]


def incidents(parts: list[Outage], region: str, grace: Grace, readings: Readings) -> tuple[Incident, ...]:
    """The incidents that outages of a region make, or parts of them (G1)."""
    groups = _UNITS[readings["grace-unit"]].groups(parts, grace.joined_within)
    return tuple(_incident(group, region) for group in groups)


def network_incidents(
    of: Iterable[History], grace: Grace, readings: Readings
) -> dict[str, tuple[Incident, ...]]:
    """Region → its network incidents (G1), by each service where and while it is promised access."""
    parts: dict[str, list[Outage]] = defaultdict(list)
    for history in of:
        there = history.by_region(lambda rules: grace.incidents_of in rules.commitments)
        for region, outages in there.items():
            parts[region] += _parts(outages, history.answered, readings)
    return {region: incidents(of_region, region, grace, readings) for region, of_region in parts.items()}


# ------------------------------------------------------------------------------------ reading grace-scope


class Spared(msgspec.Struct, frozen=True, gc=False):
    """An incident, and the part of one service's time that belongs to it."""

    incident: Incident
    pool: Spans


class _Scope(NamedTuple):
    """When a promise to a service has grace."""

    ways: Collection[str]
    """In a network incident, where it is reached by one of these (`via`)."""
    always: bool
    """Without one too: each part of an outage has its own."""
    whole: bool
    """All of an outage belongs to an incident that it overlaps (G1), not the part alone that touches it."""


_ANY_WAY = ("internet", "internal")


def _headed(promise: Collection[str], grace: Grace) -> _Scope:
    # Safe: the commitments that the sentence heads, always; others through the Internet, in an incident.
    # Where each part has a grace of its own, the short ones, taken for the whole, would have none left.
    headed = not set(promise).isdisjoint(grace.heads)
    return _Scope(_ANY_WAY, True, False) if headed else _Scope(("internet",), False, True)


def _access_only(promise: Collection[str], grace: Grace) -> _Scope:
    return _Scope(_ANY_WAY if grace.incidents_of in promise else (), False, False)


_SCOPES: Mapping[Choice, Callable[[Collection[str], Grace], _Scope]] = {
    "headed": _headed,
    "access-only": _access_only,
}


def _overlapping(parts: Sequence[Outage], possible: Spans) -> list[Outage]:
    """Those of `parts`, which are in order of time and disjoint, that share an instant with `possible`."""
    first_in = bisect_right(parts, possible[0].start, key=lambda part: part.ends)
    last_in = bisect_left(parts, possible[-1].end, first_in, key=lambda part: part.begins)
    return [part for part in parts[first_in:last_in] if intersection(part.possible, possible)]


def spared(
    history: History,
    promise: Collection[str],
    network: Mapping[str, Sequence[Incident]],
    grace: Grace,
    readings: Readings,
) -> tuple[Spared, ...]:
    """The incidents in which a service has grace, in order of when their pools begin.

    `promise` are the commitments that are one promise, as `Contract.promise` tells them.
    `network` are the incidents of each region; an outage belongs to every one there that it overlaps.
    """
    scope = _SCOPES[readings["grace-scope"]](promise, grace)
    found: list[Spared] = []
    for region, outages in history.by_region(lambda rules: rules.via in scope.ways).items():
        parts = _parts(outages, history.answered, readings)
        touched: set[str] = set()
        for incident in network.get(region, ()):
            touching = _overlapping(parts, incident.possible)
            touched.update(map(_id, touching))
            belonging = _overlapping(outages, incident.possible) if scope.whole else touching
            if belonging:
                found.append(Spared(incident, union(*map(_possible, belonging))))
        if scope.always:
            alone = [part for part in parts if part.id not in touched]
            found += (Spared(one, one.possible) for one in incidents(alone, region, grace, readings))
    return tuple(sorted(found, key=lambda one: (one.pool[0].start, one.incident.begins, one.incident.id)))


# ------------------------------------------------------------------------------------- reading grace-kind

# What each choice takes of `down` and `edge`, which lie in the pool of one incident.


def _accumulated(down: Spans, edge: Spans, _: Spared, amount: Duration) -> tuple[Spans, Spans]:
    # Safe: so much downtime comes off, wherever in the incident it lies.
    return first(down, amount), first(edge, amount - duration(down))


def _wall(down: Spans, edge: Spans, one: Spared, amount: Duration) -> tuple[Spans, Spans]:
    # Arguable: what lies in the incident's first minutes on the clock comes off.
    zone = within(one.pool, Span(one.incident.begins, one.incident.begins + amount))
    return intersection(down, zone), intersection(edge, zone)


_KINDS: Mapping[Choice, Callable[[Spans, Spans, Spared, Duration], tuple[Spans, Spans]]] = {
    "accumulated": _accumulated,
    "wall": _wall,
}


class Graced(NamedTuple):
    """What grace takes, and for which incidents."""

    down: Spans
    edge: Spans
    each: tuple[tuple[str, Spans], ...]
    """Incident → the downtime that its grace takes."""

    @property
    def because(self) -> tuple[str, ...]:
        return tuple(incident for incident, _ in self.each)


def graced(
    down: Spans, edge: Spans, given: Sequence[Spared], grace: Grace | None, readings: Readings
) -> Graced:
    """What of `down` and `edge`, as the other deductions left them in one window, is grace (G2).

    `given` is in the order of `spared`: what was taken concerns only pools that begin before all earlier ones
    have ended, so the rest need not be looked at again.
    """
    if grace is None or not (down or edge):
        return Graced(NOTHING, NOTHING, ())
    taken_down: list[Span] = []
    taken_edge: list[Span] = []
    each: list[tuple[str, Spans]] = []
    reach, since = NEVER, (0, 0)
    for one in given:
        pool = one.pool
        left_down, left_edge = intersection(down, pool), intersection(edge, pool)
        if pool[0].start >= reach:
            since = len(taken_down), len(taken_edge)
        else:
            left_down = difference(left_down, spans(taken_down[since[0] :]))
            left_edge = difference(left_edge, spans(taken_edge[since[1] :]))
        reach = max(reach, pool[-1].end)
        if not (left_down or left_edge):
            continue
        of_down, of_edge = _KINDS[readings["grace-kind"]](left_down, left_edge, one, grace.amount)
        if of_down or of_edge:
            each.append((one.incident.id, of_down))
            taken_down += of_down
            taken_edge += of_edge
    return Graced(spans(taken_down), spans(taken_edge), tuple(each))
