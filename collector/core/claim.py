"""Missed windows → claims: which window, what it is worth, until when, and what is missing (rules C3 to C5).

A claim is judged on downtime that is reserved, that a ticket told of where one is needed, and that no earlier
claim has asked for: an instant pays once per commitment. Two plans are drawn up, one over the positions of
the sliding window, one over the calendar; the reading `window` says which of them is the claim.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

from collector.core.attainment import Attainment, Facts, Terms, attained
from collector.core.calendar import Calendar, Forward
from collector.core.contract import Choice, Commitment, Contract, Due, Readings
from collector.core.credit import (
    LIVE_CLAIMS,
    Ask,
    Base,
    Books,
    Cents,
    Month,
    asked_for,
    books,
    by_month,
    capped,
    share_of_base,
)
from collector.core.deduction import in_scope
from collector.core.outage import Outage
from collector.core.record import Declaration, Service
from collector.core.reservation import LEFT
from collector.core.sliding import Losses, ending, positions, worst_of
from collector.core.timeline import (
    ALWAYS,
    NOTHING,
    Instant,
    Span,
    Spans,
    difference,
    duration,
    intersection,
    spans,
    union,
    within,
)
from collector.core.verdict import Watches
from collector.core.window import MONTHS, Window, calendar_windows

State: TypeAlias = Literal["due", "late", "blocked"]


class Stake(NamedTuple):
    """One commitment of one service, with all that its attainment over any window is drawn from."""

    commitment: Commitment
    rules: Service
    watched: Watches
    facts: Facts
    terms: Terms
    flags: Callable[[Window], tuple[str, ...]]

    @property
    def began(self) -> Instant:
        """When the service was first watched."""
        return self.watched[0][0].start


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every claim of an account is drawn on."""

    contract: Contract
    calendar: Calendar
    readings: Readings
    as_of: Instant
    declarations: Sequence[Declaration]


class Deadline(NamedTuple):
    """When a claim is too late: under the strictest count, and under the one that leaves most time (C2)."""

    safe: Instant
    latest: Instant


class Need(NamedTuple):
    """Something without which a claim is incomplete, whether it is there, and the declarations it is in."""

    what: str
    met: bool
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A credit that may be asked for, and on what."""

    id: str
    account: str
    commitment: str
    attainment: Attainment
    """Of the window claimed; its claimable figure is what this claim counts."""
    kind: Literal["sliding", "calendar"]
    due: Deadline
    state: State
    share: Fraction
    """Of the base, by the formula."""
    base: Base
    by_formula: Cents | None
    """None until the base is invoiced; split by months of the incidents in `parts`."""
    parts: Mapping[Month, Cents]
    after_invoice_cap: Cents | None
    credit: Cents | None
    """What is left under both caps, shared with all claims of the account; None until invoiced."""
    needs: tuple[Need, ...]

    @property
    def counted(self) -> Spans:
        """The downtime that it asks a credit for."""
        return self.attainment.claimable.down


def claims(stakes: Iterable[Stake], ground: Ground) -> tuple[Claim, ...]:
    """All claims that may still be drawn up at `as_of`, and those that nobody drew up in time."""
    promised: dict[tuple[str, str], list[Stake]] = defaultdict(list)
    for stake in stakes:
        promised[stake.rules.account, _PROMISES[ground.readings["command-api"]](stake, ground)].append(stake)
    found: list[Claim] = []
    for account in sorted({account for account, _ in promised}):
        known = books(account, ground.declarations, ground.calendar)
        drawn = [
            claim
            for (of, promise), concerned in sorted(promised.items())
            if of == account
            for claim in _drawn(promise, _one_each(concerned), ground, known)
        ]
        found += _settled(drawn, ground, known)
    return tuple(found)


def _one_each(stakes: Sequence[Stake]) -> Sequence[Stake]:
    """One stake per service: a promise that it lists under several headings is one."""
    return list({stake.rules.name: stake for stake in reversed(stakes)}.values())[::-1]


def _drawn(promise: str, stakes: Sequence[Stake], ground: Ground, known: Books) -> Iterable[Claim]:
    counted = [_eligible(stake, promise, ground) for stake in stakes]
    plans = [
        [missed for stake in counted for missed in of_kind(stake, ground)]
        for of_kind in (_sliding, _calendar)
    ]
    unit = _UNITS[ground.readings["penalty-unit"]]
    in_time = [unit([m for m in plan if m.in_time(ground)]) for plan in plans]
    chosen = _WINDOWS[ground.readings["window"]](*in_time)
    late = [m for plan in plans for m in plan if not m.in_time(ground)]
    for missed in [*chosen, *late]:
        yield _claim(promise, missed, ground, known)


# ------------------------------------------------------------------------------------------ missed windows


class Missed(NamedTuple):
    """A window that is missed on what a claim may count."""

    stake: Stake
    kind: Literal["sliding", "calendar"]
    attainment: Attainment
    first: Instant
    """The end of the first window that was missed, of all that overlap this one."""
    share: Fraction

    def in_time(self, ground: Ground) -> bool:
        """Whether it can still be claimed, under the readings `claim-clock` and `clear-days`."""
        event = _CLOCKS[ground.readings["claim-clock"]](self)
        return ground.as_of < _deadline(event, ground, _FORWARD[ground.readings["clear-days"]])

    def deadline(self, ground: Ground) -> Deadline:
        """C2, C3: from the end of the first missed window and strictly, or from its own end and extended."""
        return Deadline(
            safe=_deadline(self.first, ground, "strict"),
            latest=_deadline(self.attainment.window.span.end, ground, "extended"),
        )


_FORWARD: Mapping[Choice, Forward] = {"strict": "strict", "extended": "extended"}


def _deadline(window_end: Instant, ground: Ground, reading: Forward) -> Instant:
    # C3: counted from the civil date of the window's last microsecond.
    due = ground.contract.deadlines.claim
    return ground.calendar.deadline(window_end - 1, due.within, due.unit, reading)


def _eligible(stake: Stake, promise: str, ground: Ground) -> Stake:
    """The stake with only that downtime reserved which a claim may count: told of by ticket, asked for never."""
    told = _TICKETS[ground.readings["ticket"]](stake, ground)
    asked = union(*(asked_for(claim) for claim in _live(stake, promise, ground)))
    reserved = difference(intersection(stake.facts.reserved, told), asked)
    return stake._replace(facts=stake.facts._replace(reserved=reserved))


def _live(stake: Stake, promise: str, ground: Ground) -> Iterable[Declaration]:
    settled = {d.claim for d in ground.declarations if d.kind == "credit"}
    for claim in ground.declarations:
        if claim.kind != "claim" or claim.commitment not in (promise, stake.commitment.id):
            continue
        paid = claim.state in LIVE_CLAIMS or bool(settled & {claim.id, claim.number})
        if paid and stake.rules.name in (claim.services or ()):
            yield claim


def _sliding(stake: Stake, ground: Ground) -> Iterable[Missed]:
    """The worst position of each episode; of one that is in time in part only, of that part."""
    slides = positions(stake.commitment.window, ground.calendar, stake.began, ground.as_of)
    hull = Span(slides[0].starts.start, ground.as_of)
    if not within(intersection(stake.facts.states.down, stake.facts.reserved), hull):
        return
    losses = Losses(hull, stake.facts, stake.terms, ground.readings, of="claimable")
    for episode in worst_of(slides, losses, stake.terms).episodes:
        ends = Span(episode.first.end, episode.last.end + 1)
        still = Span(max(ends.start, _still_in_time(ground)), ends.end)
        if _CLOCKS[ground.readings["claim-clock"]] is _claimed_window and still.start < still.end:
            ends = still
        span = worst_of(ending(slides, ends), losses, stake.terms).span
        yield from _missed(stake, "sliding", Window("worst", span), episode.first.end, ground)


def _still_in_time(ground: Ground) -> Instant:
    """The earliest end of a window that can still be claimed, counted from that end."""
    reading = _FORWARD[ground.readings["clear-days"]]
    low, high = ground.calendar.shift(ground.as_of, -MONTHS["P1Y"]), ground.as_of
    while low < high:
        middle = (low + high) // 2
        if _deadline(middle, ground, reading) > ground.as_of:
            high = middle
        else:
            low = middle + 1
    return low


def _calendar(stake: Stake, ground: Ground) -> Iterable[Missed]:
    """Every month or year of the calendar since the service was first watched; the one that runs, so far."""
    counted = intersection(stake.facts.states.down, stake.facts.reserved)
    for window in calendar_windows(
        stake.commitment.window, ground.calendar, Span(stake.began, ground.as_of)
    ):
        if within(counted, window.span):
            yield from _missed(stake, "calendar", window, window.span.end, ground)


def _missed(
    stake: Stake, kind: Literal["sliding", "calendar"], window: Window, first: Instant, ground: Ground
) -> Iterable[Missed]:
    terms = stake.terms
    found = attained(stake.rules.name, window, stake.facts, terms, ground.readings, stake.flags(window))
    if found.claim_finding == "MISSED":
        yield Missed(stake, kind, found, first, _share(stake, found, ground))


def _share(stake: Stake, found: Attainment, ground: Ground) -> Fraction:
    penalty = ground.contract.penalty
    if penalty is None or found.claimable.best is None:
        return Fraction(0)
    share = share_of_base(found.target, found.claimable.best, penalty)
    if stake.commitment.measure == "availability":
        return share
    return _FORMULALESS[ground.readings["no-formula"]](share)


# ---------------------------------------------------------------------------------- what a claim looks like


def _claim(promise: str, missed: Missed, ground: Ground, known: Books) -> Claim:
    penalty, found = ground.contract.penalty, missed.attainment
    base = Base(None, {}, ()) if penalty is None else known.base(found.window.span, ground.calendar, penalty)
    amount = None if base.amount is None else missed.share * base.amount
    counted = found.claimable.down
    needs = tuple(_needs(missed, ground))
    in_time = missed.in_time(ground)
    return Claim(
        id=f"{promise}/{missed.stake.rules.name}@{counted[0].start}",
        account=missed.stake.rules.account,
        commitment=promise,
        attainment=found,
        kind=missed.kind,
        due=missed.deadline(ground),
        state="late" if not in_time else "blocked" if _blocked(found) else "due",
        share=missed.share,
        base=base,
        by_formula=amount,
        parts={} if amount is None else by_month(amount, counted, ground.calendar),
        after_invoice_cap=None,
        credit=None,
        needs=needs,
    )


BLOCKING = ("beta", "not-all-zones", "arrears", "contract-not-in-force")
"""D4: flags of an attainment that stand against claiming it, whatever it says."""


def _blocked(found: Attainment) -> bool:
    return any(flag in BLOCKING for flag in found.flags)


def _settled(drawn: Sequence[Claim], ground: Ground, known: Books) -> Iterable[Claim]:
    """The claims with what the caps leave of those that are due: they share them in proportion."""
    due = [claim for claim in drawn if claim.state == "due"]
    asks = [
        Ask(claim.parts, claim.base.amount, claim.attainment.window.span)
        for claim in due
        if claim.base.amount is not None
    ]
    penalty = ground.contract.penalty
    caps = None
    if penalty is not None and asks and len(asks) == len(due):
        caps = capped(asks, known, penalty, ground.calendar, ground.readings)
    for claim in drawn:
        if caps is None or claim.state != "due":
            yield claim
        else:
            k = due.index(claim)
            yield replace(claim, after_invoice_cap=caps.of_invoice[k], credit=caps.of_base[k])


def _needs(missed: Missed, ground: Ground) -> Iterable[Need]:
    """C5: all that a claim needs, there or missing."""
    stake, found = missed.stake, missed.attainment
    counted, window = found.claimable.down, found.window.span
    told = ground.declarations
    yield Need("calculation", True)
    notices = [
        d.id
        for d in told
        if d.kind == "notice" and d.state in LEFT and stake.rules.name in (d.services or ())
        if intersection(spans((*(d.certain or ()), *(d.possible or ()))), counted)
    ]
    yield Need("reservations", bool(notices) or ground.contract.deadlines.reservation is None, tuple(notices))
    if _TICKETS[ground.readings["ticket"]] is not _support_only:
        tickets = [d.id for d in told if intersection(_told_by(d, stake), counted)]
        yield Need("ticket", bool(tickets), tuple(tickets))
    if stake.commitment.all_zones:
        proofs = [d.id for d in told if d.kind == "deployment" and d.account == stake.rules.account]
        yield Need("all-zones", "not-all-zones" not in found.flags, tuple(proofs))
    yield Need("no-arrears", "arrears" not in found.flags)
    if stake.rules.via == "internet":
        # Two witnesses for what is reached through the Internet: one of them may be what had failed.
        yield Need("two-witnesses", len(_vantages(stake, window)) > 1)
    statements = {d.statement for d in told if d.kind == "claim" and d.commitment == stake.commitment.id}
    kept = [d.id for d in told if d.kind == "statement" and d.id in statements]
    yield Need("evidence", bool(kept), tuple(kept))


def _vantages(stake: Stake, window: Span) -> set[str]:
    return {w.vantage for span, watch in stake.watched if within((span,), window) for w in watch.probes}


# ------------------------------------------------------------------------------------ reading command-api


def _once(stake: Stake, ground: Ground) -> str:
    # Safe: what several headings promise is one promise.
    return ground.contract.same_promise(stake.commitment.id)[0]


def _each(stake: Stake, ground: Ground) -> str:  # noqa: ARG001
    # Arguable: each heading is a promise of its own.
    return stake.commitment.id


_PROMISES: Mapping[Choice, Callable[[Stake, Ground], str]] = {"once": _once, "each": _each}


# ----------------------------------------------------------------------------------------- reading ticket


def _always(stake: Stake, ground: Ground) -> Spans:
    # Safe: downtime before a complete ticket was opened does not count (SLA9, "préalable nécessaire").
    return union(*(_told_by(declared, stake) for declared in ground.declarations))


def _support_only(stake: Stake, ground: Ground) -> Spans:  # noqa: ARG001
    # Arguable: only the support commitments need a ticket.
    return ALWAYS


_TICKETS: Mapping[Choice, Callable[[Stake, Ground], Spans]] = {
    "always": _always,
    "support-only": _support_only,
}


def _told_by(ticket: Declaration, stake: Stake) -> Spans:
    """Of the outages that went on while a ticket was open, what came after it was complete."""
    if ticket.kind != "ticket" or ticket.complete is None or not in_scope(ticket.scope, stake.rules):
        return NOTHING
    opened = ticket.complete if ticket.opened is None else ticket.opened
    return spans(
        (max(outage.begins, ticket.complete), outage.ends)
        for outage in stake.facts.outages
        if outage.ends > opened and (ticket.solved is None or outage.begins < ticket.solved)
    )


# ------------------------------------------------------------------------------------- reading claim-clock


def _first_missed_window(missed: Missed) -> Instant:
    # Safe: the days run from the end of the first window that was missed.
    return missed.first


def _claimed_window(missed: Missed) -> Instant:
    # Arguable: they run from the end of the window claimed.
    return missed.attainment.window.span.end


_CLOCKS: Mapping[Choice, Callable[[Missed], Instant]] = {
    "first-missed-window": _first_missed_window,
    "claimed-window": _claimed_window,
}


# ------------------------------------------------------------------------------------ reading penalty-unit


def _commitment(of: Sequence[Missed]) -> Sequence[Missed]:
    # Safe: one penalty per commitment and window, for the resource with the smallest shortfall.
    smallest: list[Missed] = []
    for group in _overlapping(of):
        resources = defaultdict(list)
        for missed in group:
            resources[missed.stake.rules.name].append(missed)
        best = [_disjoint(each) for each in resources.values()]
        smallest += min(best, key=_worth)
    return smallest


def _resource(of: Sequence[Missed]) -> Sequence[Missed]:
    # Arguable: one penalty per resource.
    resources: dict[str, list[Missed]] = defaultdict(list)
    for missed in of:
        resources[missed.stake.rules.name].append(missed)
    return [missed for each in resources.values() for missed in _disjoint(each)]


_UNITS: Mapping[Choice, Callable[[Sequence[Missed]], Sequence[Missed]]] = {
    "commitment": _commitment,
    "resource": _resource,
}


def _worth(of: Sequence[Missed]) -> Fraction:
    return sum((missed.share for missed in of), Fraction(0))


def _overlapping(of: Sequence[Missed]) -> Iterable[list[Missed]]:
    """Groups of windows that hang together."""
    group: list[Missed] = []
    reach: Instant = 0
    for missed in sorted(of, key=lambda m: m.attainment.window.span):
        start, end = missed.attainment.window.span
        if group and start >= reach:
            yield group
            group = []
        reach = max(reach, end) if group else end
        group.append(missed)
    if group:
        yield group


def _disjoint(of: Sequence[Missed]) -> Sequence[Missed]:
    """C3: of windows of one service, the disjoint ones that are worth most; of equals, the earlier."""
    best: list[tuple[Instant, Sequence[Missed]]] = [(0, ())]
    for missed in sorted(of, key=lambda m: m.attainment.window.span.end):
        start, end = missed.attainment.window.span
        before = max((chosen for until, chosen in best if until <= start), key=_worth)
        with_it = [*before, missed]
        if _worth(with_it) > _worth(best[-1][1]):
            best.append((end, with_it))
    return best[-1][1]


# ------------------------------------------------------------------------------------------ reading window


def _smaller_credit(sliding: Sequence[Missed], of_calendar: Sequence[Missed]) -> Sequence[Missed]:
    return min(sliding, of_calendar, key=_worth)


def _larger_credit(sliding: Sequence[Missed], of_calendar: Sequence[Missed]) -> Sequence[Missed]:
    return max(sliding, of_calendar, key=_worth)


def _only_sliding(sliding: Sequence[Missed], of_calendar: Sequence[Missed]) -> Sequence[Missed]:  # noqa: ARG001
    return sliding


def _only_calendar(sliding: Sequence[Missed], of_calendar: Sequence[Missed]) -> Sequence[Missed]:  # noqa: ARG001
    return of_calendar


_WINDOWS: Mapping[Choice, Callable[[Sequence[Missed], Sequence[Missed]], Sequence[Missed]]] = {
    "smaller-credit": _smaller_credit,
    "larger-credit": _larger_credit,
    "sliding": _only_sliding,
    "calendar": _only_calendar,
}


# -------------------------------------------------------------------------------------- reading no-formula


def _no_credit(share: Fraction) -> Fraction:  # noqa: ARG001
    # Safe: the formula is about availability, so it gives nothing for other shares.
    return Fraction(0)


def _as_shortfall(share: Fraction) -> Fraction:
    # Arguable: their shortfall goes into it like any other.
    return share


_FORMULALESS: Mapping[Choice, Callable[[Fraction], Fraction]] = {
    "no-credit": _no_credit,
    "shortfall": _as_shortfall,
}
