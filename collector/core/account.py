"""The whole chain in one function: what was seen and declared, and a contract → an account.

`replay` gathers the evidence from journal lines; the index gathers the same from what it kept. `draw` is
the account: it depends on nothing but its arguments, so anyone can draw it again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, partial
from typing import NamedTuple

from collector.core.attainment import Attainment, Facts, Stake, Terms
from collector.core.breach import Ground
from collector.core.calendar import Calendar
from collector.core.claim import Claim, claims
from collector.core.contract import READINGS, SHARES_OF_TIME, Commitment, Contract, Readings, ratio
from collector.core.correction import stated
from collector.core.deadline import Deadline, deadlines
from collector.core.deduction import Deduction, deductions, taken_from
from collector.core.durability import Canary, DurabilityFigure, Objects, durability, together
from collector.core.eligibility import Eligibility, newest_accounts
from collector.core.flags import flags
from collector.core.incident import History, Incident, Spared, network_incidents, spared
from collector.core.latency import Fold, Latencies, LatencyFigure, figure, limits
from collector.core.outage import Outage, Runs, runs
from collector.core.record import Line as JournalLine
from collector.core.record import Service
from collector.core.reservation import Coverage, coverage, reserved
from collector.core.sight import Testimony, Track
from collector.core.support import Known, Ticket, tickets
from collector.core.timeline import (
    Instant,
    Span,
    spans,
    within,
)
from collector.core.verdict import States, Watcher, Watches, seen, service_states, watches
from collector.core.window import Asked, Window, positions, windows
from collector.errors import UncountableJournal, UsageError


class Evidence(NamedTuple):
    """All that an account is drawn from, besides the contract."""

    testimonies: Sequence[Testimony]
    latencies: Mapping[str, Latencies]
    """By origin, as are the objects that were read back."""
    objects: Mapping[str, Sequence[Canary]]


class Listener:
    """Follows one origin for states, latencies and objects; what `constat account` replays with."""

    def __init__(self, origin: str, contract: Contract) -> None:
        self.track = Track(origin)
        self.fold = Fold(limits(contract), keep=True)
        self.objects = Objects()

    def feed(self, line: JournalLine) -> None:
        """The next line."""
        self.track.feed(line)
        self.fold.feed(line)
        self.objects.feed(line)


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
    testimonies, latencies, objects = [], {}, {}
    for one in listeners:
        testimonies.append(one.track.testimony())
        found = one.fold.take()
        latencies[one.track.origin] = replace(found, excursions=found.excursions + one.fold.tail())
        objects[one.track.origin] = one.objects.take()
    return Evidence(testimonies, latencies, objects)


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
    durability: tuple[DurabilityFigure, ...]
    tickets: tuple[Ticket, ...]
    """All that were declared."""
    flags: tuple[str, ...]
    """What concerns the account as a whole, like a deduction whose scope no plan knows."""
    watched: Mapping[str, Watches]
    """Service → who looked at it when. This and what follows is what the figures were drawn from."""
    states: Mapping[str, States]
    """Service → what is known of it, over all time."""
    runs: Mapping[str, Runs]
    """Service → all of its outages and blips."""
    stakes: Mapping[str, Sequence[Stake]]
    """Service → what is promised to it, under every heading."""
    ground: Ground
    """What claims are drawn on."""


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

    `readings` are what differs from all-safe. `asked` names the windows by kind, or gives spans.
    Raises UsageError for an unknown reading or a reversed window, UncountableJournal where facts contradict
    each other.
    """
    for one in asked:
        if isinstance(one, Span) and one.end <= one.start:
            raise UsageError(f"window: expected an end after the start, got {one.start} to {one.end}")
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
        # What has no worst position, or no figure that has one, is shown over the window that ends now.
        self.unslid = tuple(dict.fromkeys("trailing" if one == "worst" else one for one in asked))
        told = evidence.testimonies
        self.watched = watches(told, as_of)
        self.states = service_states(self.watched, seen(told, readings["platform-throttle"]))
        self.runs = {name: runs(name, states) for name, states in self.states.items()}
        self.stated = stated(told, as_of)
        self.declarations = self.stated.declarations
        self.deductions = deductions(self.declarations, contract, calendar, readings)
        self.histories = {
            name: History(watched, self.runs[name].outages, self.states[name].answered)
            for name, watched in sorted(self.watched.items())
        }
        self.network = self._network()
        self.spared: dict[tuple[str, tuple[str, ...]], tuple[Spared, ...]] = {}
        # Of all services the same.
        self.windows = cache(partial(windows, asked=asked, calendar=calendar, as_of=as_of))
        self.positions = cache(partial(positions, calendar=calendar, as_of=as_of))
        self.eligibility = Eligibility(
            contract=contract,
            calendar=calendar,
            accounts=newest_accounts(told, as_of),
            declarations=self.declarations,
            as_of=as_of,
        )
        self.stakes = {name: tuple(self._stakes(name, watched)) for name, watched in self.watched.items()}

    def account(self) -> Account:
        attainments = [attainment for name in sorted(self.watched) for attainment in self._attainments(name)]
        shown = self._shown(attainments)
        known = self._known()
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
            durability=tuple(self._durabilities()),
            tickets=tickets(self.declarations, known, self.as_of),
            flags=self._flags(known.services),
            watched=self.watched,
            states=self.states,
            runs=self.runs,
            stakes=self.stakes,
            ground=Ground(
                contract=self.contract,
                calendar=self.calendar,
                readings=self.readings,
                as_of=self.as_of,
                declarations=self.declarations,
            ),
        )

    def _shown(self, attainments: Sequence[Attainment]) -> Span:
        drawn = [a.window.span for a in attainments] or [
            window.span for window in windows("P1M", self.unslid, self.calendar, self.as_of)
        ]
        return Span(min((s.start for s in drawn), default=0), max((s.end for s in drawn), default=0))

    # ------------------------------------------------------------------------------------------ one service

    def _attainments(self, name: str) -> Iterable[Attainment]:
        watched = self.watched[name]
        listed = {id for _, watch in watched for id in watch.rules.commitments}
        for stake in self.stakes[name]:
            if stake.commitment.id not in listed:
                continue
            for window in self.windows(stake.commitment.window):
                yield stake.over(window, self.readings)
            if "worst" in self.asked:
                slides = self.positions(stake.commitment.window, began=stake.began)
                found = stake.worst(slides, stake.losses(slides, self.readings))
                drawn = stake.over(Window("worst", found.span), self.readings)
                yield replace(drawn, episodes=found.episodes)

    def _stakes(self, name: str, watched: Watches) -> Iterable[Stake]:
        """All that is promised to a service, under every heading that promises it."""
        runs_of = self.runs[name]
        latest = watched[-1][1].rules
        facts = Facts(
            self.states[name],
            runs_of.outages,
            taken_from(watched, runs_of.outages, self.deductions, self.readings),
            reserved(name, runs_of.outages, self.declarations, self.contract, self.calendar, self.readings),
        )
        listed = dict.fromkeys(id for _, watch in watched for id in watch.rules.commitments)
        named = [self._commitment(id, name) for id in listed]
        for id in dict.fromkeys(heading for one in named for heading in self.contract.headings(one.id)):
            commitment = self.contract.commitment(id)
            if commitment.measure in SHARES_OF_TIME and commitment.target is not None:
                terms = self._terms(commitment, commitment.target, watched)
                flags = partial(self._flagged, commitment, watched, name)
                yield Stake(commitment, latest, watched, facts, terms, flags)

    def _terms(self, commitment: Commitment, stated: Fraction, watched: Watches) -> Terms:
        grace = self.contract.grace
        given: tuple[Spared, ...] = ()
        if grace is not None:
            name, promise = watched[-1][1].rules.name, self.contract.promise(commitment.id, self.readings)
            if (name, promise) not in self.spared:
                of = spared(self.histories[name], promise, self.network, grace, self.readings)
                self.spared[name, promise] = of
            given = self.spared[name, promise]
        return Terms(
            commitment=commitment.id,
            stated=stated,
            targets=[(span, _target(watch.rules, commitment.id, stated)) for span, watch in watched],
            minimum=self.contract.countable.minimum,
            grace=grace,
            spared=given,
        )

    def _commitment(self, id: str, service: str) -> Commitment:
        try:
            return self.contract.commitment(id)
        except KeyError:
            raise UncountableJournal(
                f'service "{service}": contract {self.contract.id} has no commitment "{id}"; '
                "draw the account by the contract that the plan names"
            ) from None

    def _network(self) -> dict[str, tuple[Incident, ...]]:
        grace = self.contract.grace
        return network_incidents(self.histories.values(), grace, self.readings) if grace else {}

    def _promised(self) -> Iterable[tuple[str, Watches, Commitment, Iterable[Watcher]]]:
        """Every commitment that a service was ever planned for, with all probes that ever asked about it."""
        for name, watched in sorted(self.watched.items()):
            probes = dict.fromkeys(w for _, watch in watched for w in watch.probes)
            for id in dict.fromkeys(id for _, watch in watched for id in watch.rules.commitments):
                yield name, watched, self.contract.commitment(id), probes

    def _latencies(self, span: Span) -> Iterable[LatencyFigure]:
        for name, _, commitment, probes in self._promised():
            if commitment.limit is not None:
                of = ((self.evidence.latencies.get(w.origin, Latencies()), w.probe) for w in probes)
                yield figure(commitment.id, name, commitment.limit, span, of)

    def _durabilities(self) -> Iterable[DurabilityFigure]:
        for name, watched, commitment, probes in self._promised():
            if commitment.measure != "durability" or commitment.target is None:
                continue
            told = ((w, one) for w in probes for one in self.evidence.objects.get(w.origin, ()))
            objects = together((w.origin, one) for w, one in told if one.probe == w.probe)
            target = self._terms(commitment, commitment.target, watched).target
            for window in windows(commitment.window, self.unslid, self.calendar, self.as_of):
                flags = self._flagged(commitment, watched, name, window)
                yield durability(commitment.id, name, window, objects, target(window.span), flags)

    # ---------------------------------------------------------------------------------------------- flags

    def _flagged(
        self, commitment: Commitment, watched: Watches, name: str, window: Window
    ) -> tuple[str, ...]:
        # D4, S6, T4: what a figure rests on, or what stands against claiming it. None of it is time.
        inside = [watch for span, watch in watched if within((span,), window.span)]
        origins = {w.origin for watch in inside for w in watch.probes}
        told = [one for one in self.evidence.testimonies if one.origin in origins]
        untrusted = spans(span for one in told for span in one.harvest.untrusted)
        holes = spans(hole.span for one in told for hole in one.harvest.holes)
        flags = {
            "unwitnessed": within(self.states[name].unwitnessed, window.span),
            "clock-untrusted": within(untrusted, window.span),
            "lines-missing": within(holes, window.span),
            "rules-differ": any(watch.differs for watch in inside),
        }
        rules = [watch.rules for watch in inside]
        accounts = {one.account for one in rules or [watched[-1][1].rules]}
        against = self.eligibility.against(commitment, rules, accounts, window.span)
        return tuple(flag for flag, raised in flags.items() if raised) + against

    def _flags(self, services: Sequence[Service]) -> tuple[str, ...]:
        told, accounts = self.evidence.testimonies, self.eligibility.accounts
        return flags(self.stated, told, services, accounts, self.contract)

    def _known(self) -> Known:
        services = [watch.rules for watched in self.watched.values() for _, watch in watched]
        return Known(services, self.contract, self.calendar, self.eligibility)


class Settlement(NamedTuple):
    """What an account comes to: what may be claimed, what is reserved, and what is to be done by when."""

    claims: tuple[Claim, ...]
    reservations: tuple[Coverage, ...]
    """Of every outage in time to be reserved, or that a notice documents, or that is shown."""
    deadlines: tuple[Deadline, ...]


NOT_SETTLED = Settlement((), (), ())


def settle(account: Account) -> Settlement:
    """Claims, reservations and deadlines as of the account's instant, whatever windows it shows."""
    ground = account.ground
    drawn = claims((stake for of in account.stakes.values() for stake in of), ground)
    shown = {outage.id for outage in account.outages}
    found = [
        one
        for name, runs in account.runs.items()
        for one in _coverages(name, runs.outages, account)
        if one.open or one.notices or one.outage in shown
    ]
    due = deadlines(found, drawn, ground.declarations, ground.contract, ground.calendar, ground.as_of)
    return Settlement(drawn, tuple(sorted(found, key=lambda one: one.outage)), due)


def _coverages(name: str, outages: Sequence[Outage], account: Account) -> Iterable[Coverage]:
    of, ground = account.stakes[name], account.ground
    for outage in outages if of else ():
        found = coverage(
            outage, of[0].facts.reserved, ground.declarations, ground.contract, ground.calendar,
            ground.readings, ground.as_of,
        )  # fmt: skip
        if found is not None:
            yield found


def _target(service: Service, commitment: str, stated: Fraction) -> Fraction:
    """The target as the contract states it, or as special conditions derogate from it (clause 3.3)."""
    text = service.targets.get(commitment)
    if text is None:
        return stated
    try:
        target = ratio(text)
    except ValueError:
        target = Fraction(0)
    if not 0 < target <= 1:
        raise UncountableJournal(
            f'service "{service.name}": a plan states a target of {commitment} that is none: expected over 0 '
            f'and up to "100 %", got "{text}"'
        )
    return target


def _touching(outages: Iterable[Outage], span: Span) -> tuple[Outage, ...]:
    return tuple(
        sorted((o for o in outages if within(o.possible, span)), key=lambda o: (o.begins, o.service))
    )
