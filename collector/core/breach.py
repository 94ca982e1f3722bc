"""Windows that are missed on what may be claimed: which, by how much, and until when they can be (rule C3).

What may be claimed is reserved downtime that a ticket told of, where one is needed, and that no earlier claim
has asked for: an instant pays once per commitment. Under it, a window of the calendar, and of each episode of
the sliding window the worst position, is a breach.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

from collector.core.attainment import Attainment, Losses, Stake
from collector.core.calendar import Calendar, Forward, Slide
from collector.core.contract import Choice, Contract, Readings
from collector.core.credit import asked_for, is_credit_for, is_live, may_be_of, share_of_base
from collector.core.deduction import concerned
from collector.core.record import Declaration
from collector.core.reservation import documented, leaves_for
from collector.core.timeline import (
    ALWAYS,
    NOTHING,
    Instant,
    Span,
    Spans,
    difference,
    intersection,
    spans,
    union,
    within,
)
from collector.core.window import MONTHS, Episode, Window, calendar_windows, ending, positions

Kind: TypeAlias = Literal["sliding", "calendar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every claim of an account is drawn on."""

    contract: Contract
    calendar: Calendar
    readings: Readings
    as_of: Instant
    declarations: Sequence[Declaration]


class Until(NamedTuple):
    """When a claim is too late: under the strictest count, and under the one that leaves most time (C2)."""

    safe: Instant
    latest: Instant


class Breach(NamedTuple):
    """A window that is missed on what a claim may count."""

    stake: Stake
    kind: Kind
    attainment: Attainment
    first: Instant
    """The end of the first window that was missed, of all that overlap this one."""
    late: bool
    """It cannot be claimed any more, under the readings `claim-clock` and `clear-days`."""
    share: Fraction
    """Of the base, by the formula."""
    gone: Spans
    """What nobody can claim any more because this was not: nothing while it is in time (clause 11)."""

    def until(self, others: Sequence["Breach"], ground: Ground) -> Until:
        """C2, C3: as the contract's safe and its arguable readings have it, whichever are in force.

        Of `others`, those about the same downtime may set the clock too: whichever of them the provider
        holds to be the right one, a claim by then is in time.
        """
        counted = self.attainment.claimable.down
        same = [self, *(one for one in others if intersection(one.attainment.claimable.down, counted))]
        safe, arguable = ground.contract.all_safe(), ground.contract.all_arguable()
        return Until(
            safe=min(_due(one, safe, ground) for one in same),
            latest=_due(self, arguable, ground),
        )


_STARTS: Mapping[Choice, Callable[[Breach], Instant]] = {
    "first-missed-window": lambda breach: breach.first,
    "claimed-window": lambda breach: breach.attainment.window.span.end,
}
"""The reading `claim-clock`: what the days run from. Which windows it leaves: `_CLOCKS`."""


def _due(breach: Breach, readings: Readings, ground: Ground) -> Instant:
    start = _STARTS[readings["claim-clock"]](breach)
    return _deadline(start, ground, FORWARD[readings["clear-days"]])


FORWARD: Mapping[Choice, Forward] = {"strict": "strict", "extended": "extended"}
"""The reading `clear-days`, forward."""


def _deadline(window_end: Instant, ground: Ground, reading: Forward) -> Instant:
    # C3: counted from the civil date of the window's last microsecond.
    due = ground.contract.deadlines.claim
    return ground.calendar.deadline(window_end - 1, due.within, due.unit, reading)


def _late(event: Instant, ground: Ground) -> bool:
    return ground.as_of >= _deadline(event, ground, FORWARD[ground.readings["clear-days"]])


def eligible(stake: Stake, ground: Ground) -> Stake:
    """The stake with that downtime reserved which a claim may count: a ticket told of it, no claim asked."""
    asked = union(*(asked_for(c) for c in _live(stake, ground) if stake.rules.name in (c.services or ())))
    reserved = intersection(stake.facts.reserved, ticketed(stake, ground))
    return without(stake._replace(facts=stake.facts._replace(reserved=reserved)), asked)


def without(stake: Stake, gone: Spans) -> Stake:
    """The stake with nothing reserved of what is gone."""
    return stake._replace(facts=stake.facts._replace(reserved=difference(stake.facts.reserved, gone)))


def asked_elsewhere(stake: Stake, ground: Ground) -> Spans:
    """What claims ask for the same promise to other services of the account alone."""
    name, account = stake.rules.name, stake.rules.account
    of = (c for c in _live(stake, ground) if may_be_of(account, c) and name not in (c.services or ()))
    return union(*(asked_for(claim) for claim in of))


def _live(stake: Stake, ground: Ground) -> Iterable[Declaration]:
    """Claims under any heading of a stake's promise that are with the provider, or were credited."""
    promise, told = ground.contract.promise(stake.commitment.id, ground.readings), ground.declarations
    for claim in (d for d in told if d.kind == "claim" and d.commitment in promise):
        if is_live(claim, told) or any(is_credit_for(claim, declared) for declared in told):
            yield claim


def sliding(stake: Stake, ground: Ground) -> Iterator[Breach]:
    """Of each episode of the sliding window, the worst position that the reading `claim-clock` allows."""
    slides = positions(stake.commitment.window, ground.calendar, stake.began, ground.as_of)
    if intersection(stake.facts.states.down, stake.facts.reserved):
        yield from _CLOCKS[ground.readings["claim-clock"]](stake, slides, ground)


class _Sliding(NamedTuple):
    """All positions of a stake's window, and what they lose of what may be claimed."""

    stake: Stake
    slides: Sequence[Slide]
    losses: Losses
    episodes: Sequence[Episode]

    def worst(self, ends: Span, first: Instant, late: bool, ground: Ground) -> Breach:
        """The worst of the positions that end in `ends`, as a breach."""
        span = self.stake.worst(ending(self.slides, ends), self.losses).span
        return _breach(self.stake, "sliding", Window("worst", span), first, late, ground)


def _judged(stake: Stake, slides: Sequence[Slide], ground: Ground) -> _Sliding:
    losses = stake.losses(slides, ground.readings, of="claimable")
    return _Sliding(stake, slides, losses, stake.worst(slides, losses).episodes)


def of_calendar(stake: Stake, ground: Ground) -> Iterator[Breach]:
    """Every month or year of the calendar since the service was first watched; the one that runs, so far."""
    counted = intersection(stake.facts.states.down, stake.facts.reserved)
    for window in calendar_windows(stake.commitment.window, ground.calendar, Span(stake.began, ground.as_of)):
        end = window.span.end
        if within(counted, window.span):
            found = _breach(stake, "calendar", window, end, _late(end, ground), ground)
            if found.attainment.claim_finding == "MISSED":
                yield found


def _breach(stake: Stake, kind: Kind, window: Window, first: Instant, late: bool, ground: Ground) -> Breach:
    found = stake.over(window, ground.readings)
    gone = found.claimable.down if late else NOTHING
    return Breach(stake, kind, found, first, late, _share(stake, found, ground), gone)


def _share(stake: Stake, found: Attainment, ground: Ground) -> Fraction:
    penalty = ground.contract.penalty
    if penalty is None or found.claimable.best is None:
        return Fraction(0)
    share = share_of_base(found.target, found.claimable.best, penalty)
    if stake.commitment.measure == "availability":
        return share
    return _FORMULALESS[ground.readings["no-formula"]](share)


# ----------------------------------------------------------------------------------------- reading ticket


def _always(stake: Stake, ground: Ground) -> Spans:
    # Safe: downtime before a complete ticket was opened does not count (SLA9, "préalable nécessaire").
    return union(*(told_by(declared, stake) for declared in ground.declarations))


def _support_only(stake: Stake, ground: Ground) -> Spans:  # noqa: ARG001
    # Arguable: only the support commitments need a ticket.
    return ALWAYS


_TICKETS: Mapping[Choice, Callable[[Stake, Ground], Spans]] = {
    "always": _always,
    "support-only": _support_only,
}


def needs_ticket(ground: Ground) -> bool:
    """Whether downtime counts only where a ticket told of it."""
    return _TICKETS[ground.readings["ticket"]] is _always


def ticketed(stake: Stake, ground: Ground) -> Spans:
    """The time that complete tickets told of; all time where none is needed."""
    return _TICKETS[ground.readings["ticket"]](stake, ground)


def told_by(ticket: Declaration, stake: Stake) -> Spans:
    """Of the outages that went on when a ticket was opened, what came after it was complete.

    SLA9: each incident takes a ticket of its own, so none tells of an outage that began after it was opened.
    """
    if ticket.kind != "ticket" or ticket.complete is None:
        return NOTHING
    opened = ticket.complete if ticket.opened is None else ticket.opened
    complete = max(opened, ticket.complete)
    told = spans(
        (max(outage.begins, complete), outage.ends)
        for outage in stake.facts.outages
        if outage.begins <= opened
    )
    return intersection(told, concerned(ticket.scope or (), stake.watched))


# ------------------------------------------------------------------------------------- reading claim-clock


def _first_missed_window(stake: Stake, slides: Sequence[Slide], ground: Ground) -> Iterator[Breach]:
    """Safe: the days run from the end of the first window that was missed.

    What lies in missed positions that nobody claimed in time is gone, and the rest is judged without it.
    """
    while True:
        judged = _judged(stake, slides, ground)
        for episode in judged.episodes:
            first, last = episode.first.end, episode.last.end
            late = _late(first, ground)
            last = min(last, _still_in_time(ground) - 1) if late else last
            worst = judged.worst(Span(first, last + 1), first, late, ground)
            if late:
                worst = worst._replace(gone=_given_up(Span(episode.first.start, last), stake, ground))
            yield worst
            if late:
                stake = without(stake, worst.gone)
                break
        else:
            return


def _given_up(lapsed: Span, stake: Stake, ground: Ground) -> Spans:
    # Clause 11: who does not claim gives up the reservations, as if they had never been: all that the notices
    # of that downtime document, also of the same outage after it.
    deducted = union(*(one.spans for one in stake.facts.deductions))
    lost = difference(intersection(stake.facts.states.down, within(stake.facts.reserved, lapsed)), deducted)
    told = (documented(one) for one in ground.declarations if leaves_for(stake.rules.name, one))
    return union((lapsed,), *(one for one in told if intersection(one, lost)))


def _claimed_window(stake: Stake, slides: Sequence[Slide], ground: Ground) -> Iterator[Breach]:
    # Arguable: they run from the end of the window claimed.
    past = _still_in_time(ground)
    judged = _judged(stake, slides, ground)
    for episode in judged.episodes:
        first, until = episode.first.end, episode.last.end + 1
        late = until <= past
        yield judged.worst(Span(first if late else max(first, past), until), first, late, ground)


_CLOCKS: Mapping[Choice, Callable[[Stake, Sequence[Slide], Ground], Iterator[Breach]]] = {
    "first-missed-window": _first_missed_window,
    "claimed-window": _claimed_window,
}


def _still_in_time(ground: Ground) -> Instant:
    """The earliest end of a window that can still be claimed, counted from that end."""
    low, high = ground.calendar.shift(ground.as_of, -MONTHS["P1Y"]), ground.as_of
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if _late(middle, ground) else (low, middle)
    return low


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
