"""All that a report is made of, gathered once for both languages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from collector.core.account import Account, Settlement
from collector.core.attainment import Attainment
from collector.core.claim import Claim
from collector.core.effect import Effect
from collector.core.outage import Outage
from collector.core.record import Declaration
from collector.core.sight import Testimony
from collector.core.timeline import HOUR, Duration, Instant, Span, duration, intersection, spans, within
from collector.core.verdict import Seen, seen
from collector.core.window import MONTHS
from collector.errors import UsageError
from collector.journal.layout import OriginDir
from exporters.documents import ledger, lines, show, statement
from exporters.documents.blindness import Silence
from exporters.documents.lines import Clocked
from exporters.documents.witness import Witness, questions
from exporters.documents.words import Context

Kind: TypeAlias = Literal["outage", "reservation", "claim", "period"]

IN_FULL = 5
"""So many outages are told down to their samples: those that count most. The others are listed."""

BESIDE: Duration = HOUR
"""So much before and after an outage, what the clock said is told too."""


class Stamp(NamedTuple):
    """An authority's word that the first `size` lines of an origin were there at an instant."""

    authority: str
    size: int
    at: Instant
    accuracy: Duration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a bundle has of one origin, and what vouches for it; a report without a bundle knows less."""

    origin: str
    vantage: str
    size: int
    """Lines that the head is over."""
    root: str | None
    """Hex, of the tree over them."""
    first: int | None = None
    """Of the stretch of whole lines that is in the bundle; none where there is none."""
    last: int | None = None
    keys: Sequence[str] = ()
    """Public keys (vkeys) that its checkpoints are signed with."""
    stamps: Sequence[Stamp] = ()
    """Those that are bundled, in order of size."""


class Named(NamedTuple):
    """The line of an origin whose plan names the contract that held at the end of what is reported."""

    origin: str
    seq: int
    at: Instant


class Group(NamedTuple):
    """Attainments of one service that are the same figure under several headings of the contract."""

    one: Attainment
    also: tuple[str, ...]
    """The other headings' commitments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """What a report tells, in no language yet."""

    kind: Kind
    id: str
    span: Span
    """Over which states can be computed again from the bundle."""
    statement: bytes
    """`statement.json`: attached to the report, and what it is called by."""
    account: Account
    settlement: Settlement
    claim: Claim | None
    groups: Sequence[Group]
    """The figures that the subject is about, the worst first."""
    outages: Sequence[Outage]
    """All that the subject is about, in order of time."""
    detailed: Sequence[Outage]
    """Those of them that are told down to their samples."""
    context: Context
    witnesses: Sequence[Witness]
    silences: Mapping[tuple[str, Span], Silence]
    """(service, stretch in which it was UNKNOWN) → what its probes' lines say of it."""
    seen: Mapping[tuple[str, str], Seen]
    """(origin, probe) → its states."""
    clocks: Sequence[Clocked]
    named: Sequence[Named]
    """Of each origin, the plan that names the contract."""
    origins: Sequence[Origin]
    deposits: Sequence[str]
    """Where keys and plan were deposited, as far as that was said, in words."""
    provider: Mapping[str, Any] | None
    """`provider.json`."""

    def judges(self, one: Attainment) -> bool:
        """Whether its window is one over which the contract judges, and not just what was asked for."""
        length = MONTHS.get(self.context.contract.commitment(one.commitment).window)
        if one.window.kind != "given" or self.claim is not None or length is None:
            return True
        return self.context.calendar.shift(one.window.span.start, months=length) == one.window.span.end

    @property
    def name(self) -> str:
        """By which the report and its bundle are called: the beginning of the statement's SHA-256."""
        return statement.sha256(self.statement)[:12]


def gathered(
    kind: Kind,
    id: str,
    *,
    span: Span,
    filed: bytes,
    account: Account,
    settlement: Settlement,
    effects: Sequence[Effect],
    testimonies: Sequence[Testimony],
    places: Sequence[OriginDir],
    origins: Sequence[Origin],
    deposits: Sequence[str] = (),
    provider: Mapping[str, Any] | None = None,
) -> ReportFacts:
    """The facts of a report on a subject, read from an account and the journal that it was drawn from.

    `id` is that of an outage or of a claim, or the id or number of a notice or of a claim that was declared;
    of a period it is not looked at. `filed` are the bytes of the statement. Raises UsageError where it names
    nothing.
    """
    claim = next((one for one in settlement.claims if kind == "claim" and one.id == id), None)
    outages = _outages(kind, id, claim, account, settlement)
    groups = _groups(kind, claim, outages, account)
    detailed = _weightiest(outages, groups)
    heard = lines.heard(account, detailed, testimonies, places, keep=True)
    context = _context(account, settlement, effects, testimonies, places, claimed=claim is not None)
    around: dict[str, list[Span]] = {}
    for one in heard:
        around.setdefault(one.watcher.origin, []).append(Span(one.span.start - BESIDE, one.span.end + BESIDE))
    return ReportFacts(
        kind=kind,
        id=id,
        span=span,
        statement=filed,
        account=account,
        settlement=settlement,
        claim=claim,
        groups=groups,
        outages=outages,
        detailed=detailed,
        context=context,
        witnesses=heard,
        silences={
            (one.service, one.span): one
            for one in lines.silences((group.one for group in groups), account, places)
        },
        seen=seen(testimonies, account.readings["platform-throttle"]),
        clocks=lines.clocks(around, testimonies, places),
        named=list(_named(testimonies, account, max([span.end, *(g.one.window.span.end for g in groups)]))),
        origins=origins,
        deposits=deposits,
        provider=provider,
    )


def _named(testimonies: Sequence[Testimony], account: Account, until: Instant) -> Iterator[Named]:
    for told in testimonies:
        before = (one for one in told.harvest.plans if one.at < until)
        plan = max(before, key=lambda one: (one.at, one.seq), default=None)
        if plan is not None and plan.contract == account.ground.contract.id:
            yield Named(told.origin, plan.seq, plan.at)


def _outages(
    kind: Kind, id: str, claim: Claim | None, account: Account, settlement: Settlement
) -> Sequence[Outage]:
    runs = account.runs.values()
    if claim is not None:
        return ledger.outages_in(claim.attainment, account)
    if kind == "period":
        return account.outages
    wanted = {id}
    said = filed(id, account)
    wanted |= {one.outage for one in settlement.reservations if {*one.notices} & {d.id for d in said}}
    found = [
        outage
        for run in runs
        for outage in (*run.outages, *run.blips)
        if outage.id in wanted or any(_speaks_of(one, outage) for one in said)
    ]
    if not found:
        known = [o.id for o in account.outages[:20]] + [one.id for one in settlement.claims[:20]]
        there = ", ".join(known) or "none"
        raise UsageError(f'{kind}: expected the id of one of this account, got "{id}"; there are {there}')
    return sorted(found, key=lambda outage: (outage.begins, outage.service))


def filed(what: str, account: Account) -> Sequence[Declaration]:
    """The notice or claim of an id; where there is none, those of a number."""
    of = [one for one in account.ground.declarations if one.kind in ("notice", "claim")]
    return [one for one in of if one.id == what] or [one for one in of if one.number == what]


def _speaks_of(said: Declaration, outage: Outage) -> bool:
    """Whether a notice, or a claim that was sent, is about an outage."""
    told = spans((*(said.certain or ()), *(said.possible or ())))
    return outage.service in (said.services or ()) and bool(intersection(told, outage.possible))


def _groups(kind: Kind, claim: Claim | None, outages: Sequence[Outage], account: Account) -> Sequence[Group]:
    if claim is not None:
        return [Group(claim.attainment, ())]
    concerned = {outage.service for outage in outages}
    found: dict[tuple[object, ...], list[Attainment]] = {}
    for one in account.attainments:
        if kind == "period" or one.service in concerned:
            same = (one.service, one.window, one.target, one.ledger, one.net, one.claimable, one.flags)
            found.setdefault(same, []).append(one)
    groups = [Group(first, tuple(other.commitment for other in rest)) for first, *rest in found.values()]
    return sorted(groups, key=_worst_first)


def _worst_first(group: Group) -> tuple[object, ...]:
    one = group.one
    short = 0 if one.net.best is None else one.net.best - one.target
    return ("MISSED", "OPEN", "MET").index(one.finding), short, one.service, one.commitment, one.window


def _weightiest(outages: Sequence[Outage], groups: Sequence[Group]) -> Sequence[Outage]:
    def weight(outage: Outage) -> tuple[Duration, Duration]:
        of = (group.one for group in groups if group.one.service == outage.service)
        counted = max((duration(intersection(outage.certain, one.net.down)) for one in of), default=0)
        return counted, duration(outage.certain)

    chosen = sorted(outages, key=weight, reverse=True)[:IN_FULL]
    return sorted(chosen, key=lambda outage: (outage.begins, outage.service))


def _context(
    account: Account,
    settlement: Settlement,
    effects: Sequence[Effect],
    testimonies: Sequence[Testimony],
    places: Sequence[OriginDir],
    *,
    claimed: bool,
) -> Context:
    ground = account.ground
    said = lines.declared(testimonies)
    told = {one.id for one in account.deductions}
    return Context(
        account=account,
        settlement=settlement,
        contract=ground.contract,
        calendar=ground.calendar,
        where=show.zone(ground.contract.zone, utc=False),
        declarations={one.id: one for _, one in said},
        claimed=claimed,
        cited=lines.cited([(origin, one) for origin, one in said if one.id in told], places),
        effects=effects,
        silences={},
        asked=questions(testimonies),
    )


def concerned(facts: ReportFacts, outage: Outage) -> Sequence[Group]:
    """The figures that an outage is part of."""
    return [
        group
        for group in facts.groups
        if group.one.service == outage.service and within(outage.possible, group.one.window.span)
    ]
