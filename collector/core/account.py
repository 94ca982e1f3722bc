"""The whole chain in one function: what was seen and declared, and a contract → an account.

`replay` gathers the evidence from journal lines; the index gathers the same from what it kept. `draw` is
the account: it depends on nothing but its arguments, so anyone can draw it again. `to_json` is its published
form, and is versioned: durations are whole µs, instants µs since 1970 UTC, ratios "n/d".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from collector.core.attainment import Attainment, Facts, Line, Terms, attained
from collector.core.calendar import Calendar
from collector.core.claim import reserved
from collector.core.contract import READINGS, Commitment, Contract, Readings, ratio
from collector.core.deduction import Deduction, deductions, standing_declarations, taken_from
from collector.core.incident import Incident, Spared, Told, incidents, spared
from collector.core.latency import Fold, Latencies, LatencyFigure, figure, limits
from collector.core.outage import Outage, Runs, runs
from collector.core.record import Account as ProviderAccount
from collector.core.record import Line as JournalLine
from collector.core.sight import Testimony, Track
from collector.core.timeline import (
    Instant,
    Span,
    Spans,
    difference,
    spans,
    union,
    within,
)
from collector.core.verdict import States, Watches, seen, service_states, watches
from collector.core.window import Asked, Window, windows
from collector.errors import UncountableJournal, UsageError

VERSION = 1
"""Of the published form."""


class Evidence(NamedTuple):
    """All that an account is drawn from, besides the contract: origins, and the latencies of each by name."""

    testimonies: Sequence[Testimony]
    latencies: Mapping[str, Latencies]


class Listener:
    """Follows one origin for both the states and the latencies; what `constat account` replays with."""

    def __init__(self, origin: str, contract: Contract) -> None:
        self.track = Track(origin)
        self.fold = Fold(limits(contract), keep=True)

    def feed(self, line: JournalLine) -> None:
        """The next line."""
        self.track.feed(line)
        self.fold.feed(line)


def replay(origins: Mapping[str, Iterable[JournalLine]], contract: Contract, as_of: Instant) -> Evidence:
    """What the lines of each origin, in order, tell that were written by `as_of`.

    Lines that a clock running ahead dated later are left out, and stand as missing before those that follow.
    Raises UncountableJournal naming the line that cannot be counted.
    """
    listeners = {}
    for origin, lines in origins.items():
        listeners[origin] = Listener(origin, contract)
        for line in lines:
            if line.at <= as_of:
                listeners[origin].feed(line)
    return gathered(listeners.values())


def gathered(listeners: Iterable[Listener]) -> Evidence:
    """What listeners have heard so far."""
    testimonies, latencies = [], {}
    for one in listeners:
        testimonies.append(one.track.testimony())
        found = one.fold.take()
        latencies[one.track.origin] = replace(found, excursions=found.excursions + one.fold.tail())
    return Evidence(testimonies, latencies)


# ---------------------------------------------------------------------------------------------- the account


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Every figure at one instant, under one set of readings."""

    as_of: Instant
    contract: str
    readings: Readings
    attainments: tuple[Attainment, ...]
    outages: tuple[Outage, ...]
    """Those that touch a window."""
    blips: tuple[Outage, ...]
    incidents: tuple[Incident, ...]
    deductions: tuple[Deduction, ...]
    """All that were declared, with their standing."""
    latency: tuple[LatencyFigure, ...]
    flags: tuple[str, ...]
    """What concerns the account as a whole, like a deduction whose scope no plan knows."""
    watched: Mapping[str, Watches]
    """Service → who looked at it when. This and what follows is what the figures were drawn from."""
    states: Mapping[str, States]
    """Service → what is known of it, over all time."""
    runs: Mapping[str, Runs]
    """Service → all of its outages and blips."""


def draw(
    evidence: Evidence,
    contract: Contract,
    calendar: Calendar,
    *,
    as_of: Instant,
    readings: Mapping[str, str] | None = None,
    asked: Sequence[Asked] = ("trailing",),
) -> Account:
    """The account as of an instant.

    `readings` are what differs from all-safe. `asked` names the windows: "trailing", "calendar", or spans.
    Raises UsageError for an unknown reading, UncountableJournal where facts contradict each other.
    """
    return _Drawing(evidence, contract, calendar, as_of, _choices(contract, readings or {}), asked).account()


def _choices(contract: Contract, moved: Mapping[str, str]) -> Readings:
    for reading, choice in moved.items():
        if choice not in READINGS.get(reading, ()):
            known = ", ".join(f"{id}={'|'.join(sorted(c))}" for id, c in READINGS.items())
            raise UsageError(f"reading {reading}={choice}: expected one of {known}")
    return {**contract.all_safe(), **moved}


class _Drawing:
    """The steps of one account, each computed once for all services."""

    def __init__(
        self,
        evidence: Evidence,
        contract: Contract,
        calendar: Calendar,
        as_of: Instant,
        readings: Readings,
        asked: Sequence[Asked],
    ) -> None:
        self.evidence, self.contract, self.calendar = evidence, contract, calendar
        self.as_of, self.readings, self.asked = as_of, readings, asked
        told = evidence.testimonies
        self.watched = watches(told, as_of)
        self.states = service_states(self.watched, seen(told, readings["platform-throttle"]))
        self.runs = {name: runs(name, states) for name, states in self.states.items()}
        self.declarations = standing_declarations(told, as_of)
        self.deductions = deductions(self.declarations, contract, calendar, readings)
        self.network = self._network()
        self.accounts = _accounts(told, as_of)

    def account(self) -> Account:
        attainments = [
            attainment
            for name, watched in sorted(self.watched.items())
            for attainment in self._attainments(name, watched)
        ]
        shown = self._shown(attainments)
        return Account(
            as_of=self.as_of,
            contract=self.contract.id,
            readings=self.readings,
            attainments=tuple(attainments),
            outages=_touching((o for r in self.runs.values() for o in r.outages), shown),
            blips=_touching((o for r in self.runs.values() for o in r.blips), shown),
            incidents=tuple(i for found in self.network.values() for i in found if within(i.possible, shown)),
            deductions=self.deductions,
            latency=tuple(self._latencies(shown)),
            flags=self._flags(),
            watched=self.watched,
            states=self.states,
            runs=self.runs,
        )

    def _shown(self, attainments: Sequence[Attainment]) -> Span:
        drawn = [a.window.span for a in attainments] or [
            window.span for window in windows("P1M", self.asked, self.calendar, self.as_of)
        ]
        return Span(min((s.start for s in drawn), default=0), max((s.end for s in drawn), default=0))

    # ------------------------------------------------------------------------------------------ one service

    def _attainments(self, name: str, watched: Watches) -> Iterable[Attainment]:
        runs_of = self.runs[name]
        latest = watched[-1][1].rules
        facts = Facts(
            self.states[name],
            runs_of.outages,
            taken_from(latest, runs_of.outages, self.deductions, self.readings),
            reserved(name, runs_of.outages, self.declarations, self.contract, self.calendar, self.readings),
        )
        for id in dict.fromkeys(id for _, watch in watched for id in watch.rules.commitments):
            commitment = self._commitment(id, name)
            if commitment.measure != "availability" or commitment.target is None:
                continue
            given: tuple[Spared, ...] = ()
            if self.contract.grace is not None:
                told = self._told(name)
                network = self.network.get(latest.region, ())
                given = spared(latest, id, told, network, self.contract.grace, self.readings)
            for window in windows(commitment.window, self.asked, self.calendar, self.as_of):
                terms = Terms(
                    commitment=id,
                    target=_target(commitment, commitment.target, watched, window),
                    minimum=self.contract.countable.minimum,
                    grace=self.contract.grace,
                    spared=given,
                )
                flags = self._flagged(commitment, watched, name, window)
                yield attained(name, window, facts, terms, self.readings, flags)

    def _commitment(self, id: str, service: str) -> Commitment:
        try:
            return self.contract.commitment(id)
        except KeyError:
            raise UncountableJournal(
                f'service "{service}": contract {self.contract.id} has no commitment "{id}"; '
                "draw the account by the contract that the plan names"
            ) from None

    def _told(self, service: str) -> list[Told]:
        return [Told(outage, self.states[service].answered) for outage in self.runs[service].outages]

    def _network(self) -> dict[str, tuple[Incident, ...]]:
        """Region → its network incidents (G1)."""
        grace = self.contract.grace
        if grace is None:
            return {}
        told: dict[str, list[Told]] = defaultdict(list)
        for name, watched in sorted(self.watched.items()):
            if any(grace.incidents_of in watch.rules.commitments for _, watch in watched):
                told[watched[-1][1].rules.region] += self._told(name)
        return {region: incidents(of, region, grace, self.readings) for region, of in told.items()}

    def _latencies(self, span: Span) -> Iterable[LatencyFigure]:
        for name, watched in sorted(self.watched.items()):
            probes = dict.fromkeys(w for _, watch in watched for w in watch.probes)
            for id in dict.fromkeys(id for _, watch in watched for id in watch.rules.commitments):
                limit = self._commitment(id, name).limit
                if limit is None:
                    continue
                of = ((self.evidence.latencies.get(w.origin, Latencies()), w.probe) for w in probes)
                yield figure(id, name, limit, span, of)

    # ---------------------------------------------------------------------------------------------- flags

    def _flagged(
        self, commitment: Commitment, watched: Watches, name: str, window: Window
    ) -> tuple[str, ...]:
        # D4, S6, T4: what a figure rests on, or what stands against claiming it. None of it is time.
        inside = [watch for span, watch in watched if within((span,), window.span)]
        origins = {w.origin for watch in inside for w in watch.probes}
        told = [one for one in self.evidence.testimonies if one.origin in origins]
        untrusted = union(*(spans(one.harvest.untrusted) for one in told))
        holes = spans(hole.span for one in told for hole in one.harvest.holes)
        account = watched[-1][1].rules.account
        flags = {
            "unwitnessed": within(self.states[name].unwitnessed, window.span),
            "clock-untrusted": within(untrusted, window.span),
            "lines-missing": within(holes, window.span),
            "beta": any(watch.rules.beta for watch in inside),
            "not-all-zones": commitment.all_zones and not self._all_zones(account, window),
            "arrears": self._arrears(account, window),
            "contract-not-in-force": difference((window.span,), self._in_force()),
        }
        return tuple(flag for flag, raised in flags.items() if raised)

    def _all_zones(self, account: str, window: Window) -> bool:
        known = self.accounts.get(account)
        needed = within((window.span,), Span(window.span.start, min(window.span.end, self.as_of)))
        return (
            known is not None
            and bool(known.zones)
            and all(not difference(needed, self._deployed(account, zone)) for zone in known.zones)
        )

    def _deployed(self, account: str, zone: str) -> Spans:
        ever = -(1 << 62), 1 << 62
        return spans(
            (ever[0] if d.from_ is None else d.from_, ever[1] if d.to is None else d.to)
            for d in self.declarations
            if d.kind == "deployment" and d.account == account and zone in (d.zones or ())
        )

    def _arrears(self, account: str, window: Window) -> bool:
        # C5: none in the period, none until the claim.
        until = Span(window.span.start, max(window.span.end, self.as_of))
        return any(
            within(spans(d.spans or ()), until)
            for d in self.declarations
            if d.kind == "arrears" and d.account == account
        )

    def _in_force(self) -> Spans:
        force = self.contract.in_force
        until = self.calendar.midnight(date.fromisoformat(force.until)) if force.until else 1 << 62
        return spans([(self.calendar.midnight(date.fromisoformat(force.since)), until)])

    def _flags(self) -> tuple[str, ...]:
        rules = [watch.rules for watched in self.watched.values() for _, watch in watched]
        known = {"*"} | {r.name for r in rules} | {r.region for r in rules}
        return tuple(
            f'unknown-scope: {deduction.id}: no plan has "{scope}"'
            for deduction in self.deductions
            for scope in deduction.scope
            if scope not in known
        )


def _accounts(testimonies: Sequence[Testimony], as_of: Instant) -> dict[str, ProviderAccount]:
    """The newest word on every account."""
    plans = sorted(
        (p for told in testimonies for p in told.harvest.plans if p.at <= as_of), key=lambda p: p.at
    )
    return {account.id: account for plan in plans for account in plan.accounts}


def _target(commitment: Commitment, stated: Fraction, watched: Watches, window: Window) -> Fraction:
    # A3: a target that changes inside a window counts at its lowest.
    inside = [watch.rules.targets for span, watch in watched if within((span,), window.span)]
    return min(
        (ratio(own[commitment.id]) if commitment.id in own else stated for own in inside), default=stated
    )


def _touching(outages: Iterable[Outage], span: Span) -> tuple[Outage, ...]:
    return tuple(
        sorted((o for o in outages if within(o.possible, span)), key=lambda o: (o.begins, o.service))
    )


# -------------------------------------------------------------------------------------- the published form


def to_json(account: Account) -> dict[str, Any]:
    """The account as other programs read it. `best`, `worst` and `finding` are about net downtime."""
    of = {outage: incident.id for incident in account.incidents for outage in incident.outages}
    return {
        "version": VERSION,
        "as_of": account.as_of,
        "contract": account.contract,
        "readings": account.readings,
        "attainments": [_attainment(a) for a in account.attainments],
        "outages": [_outage(o, of.get(o.id)) for o in account.outages],
        "blips": [_outage(o, None) for o in account.blips],
        "incidents": [_incident(i) for i in account.incidents],
        "deductions": [_deduction(d) for d in account.deductions],
        "latency": [_latency(one) for one in account.latency],
        "tickets": [],
        "reservations": [],
        "claims": [],
        "readings_effect": [],
        "flags": account.flags,
    }


def _ratio(value: Fraction | None) -> str | None:
    return None if value is None else f"{value.numerator}/{value.denominator}"


def _attainment(a: Attainment) -> dict[str, Any]:
    return {
        "commitment": a.commitment,
        "service": a.service,
        "window": {"kind": a.window.kind, "start": a.window.span.start, "end": a.window.span.end},
        "agreed": a.agreed,
        "states": {"up": a.up, "down": a.down, "edge": a.edge, "unknown": a.unknown},
        "excluded": {line.kind: line.amount for line in a.excluded},
        "deducted": {line.kind: line.amount for line in a.ledger},
        "ledger": [_line(line) for line in a.ledger],
        "net": a.net.amount,
        "claimable": a.claimable.amount,
        "best": _ratio(a.net.best),
        "worst": _ratio(a.net.worst),
        "observed_best": _ratio(a.observed.best),
        "observed_worst": _ratio(a.observed.worst),
        "claimable_best": _ratio(a.claimable.best),
        "claimable_worst": _ratio(a.claimable.worst),
        "target": _ratio(a.target),
        "finding": a.finding,
        "claim_finding": a.claim_finding,
        "coverage": _ratio(a.coverage),
        "flags": a.flags,
    }


def _line(line: Line) -> dict[str, Any]:
    return {"kind": line.kind, "amount": line.amount, "spans": line.spans, "because": line.because}


def _outage(outage: Outage, incident: str | None) -> dict[str, Any]:
    return {
        "id": outage.id,
        "service": outage.service,
        "certain": outage.certain,
        "possible": outage.possible,
        "open": outage.open,
        "incident": incident,
    }


def _incident(i: Incident) -> dict[str, Any]:
    return {
        "id": i.id,
        "region": i.region,
        "certain": i.certain,
        "possible": i.possible,
        "outages": i.outages,
    }


def _deduction(d: Deduction) -> dict[str, Any]:
    return {
        "id": d.id,
        "kind": d.kind,
        "clause": d.clause,
        "spans": d.spans,
        "scope": d.scope,
        "standing": d.standing,
        "why": d.why,
        "by": d.by,
        "document": d.document,
        "sent": d.sent,
        "received": d.received,
    }


def _latency(one: LatencyFigure) -> dict[str, Any]:
    return {
        "commitment": one.commitment,
        "service": one.service,
        "limit": one.limit,
        "start": one.span.start,
        "end": one.span.end,
        "over": one.over,
        "within": one.within,
        "undecided": one.undecided,
        "share_within": _ratio(one.share_within),
        "quantiles": dict(one.quantiles),
        "excursions": [
            {"probe": e.probe, "start": e.start, "end": e.end, "samples": e.samples, "highest": e.highest}
            for e in one.excursions
        ],
    }
