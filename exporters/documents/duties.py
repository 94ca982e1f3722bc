"""What is to be done by when, in words: the most urgent first, with all that must be written down for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from collector.core.account import Account, Settlement
from collector.core.claim import Claim
from collector.core.credit import Cents
from collector.core.deadline import Deadline, Task, owed
from collector.core.outage import Outage
from collector.core.record import Declaration
from collector.core.reservation import Coverage
from collector.core.timeline import Duration, Spans, duration
from exporters.documents import asking, show, uncounted
from exporters.documents.page import Line, Page
from exporters.documents.words import Context, clause, long


class Duty(NamedTuple):
    """A deadline with what it is about."""

    deadline: Deadline
    left: Duration
    """Until it is too late under the safe reading; negative once it is."""
    outage: Outage | None
    coverage: Coverage | None
    claim: Claim | None
    declared: Declaration | None

    @property
    def overdue(self) -> bool:
        """Nobody did it, and under the safe reading it is too late for all or for some of it."""
        return self.left <= 0 or (self.coverage is not None and bool(self.coverage.waived))


def duties(account: Account, settled: Settlement) -> list[Duty]:
    """Everything that is still to be done, the most urgent first."""
    outages = {outage.id: outage for runs in account.runs.values() for outage in runs.outages}
    coverages = {one.outage: one for one in settled.reservations}
    claims = {claim.id: claim for claim in settled.claims}
    declared = {d.id: d for d in account.ground.declarations}
    return [
        Duty(
            deadline=one,
            left=one.safe - account.as_of,
            outage=outages.get(one.about) if one.task == "reserve" else None,
            coverage=coverages.get(one.about) if one.task == "reserve" else None,
            claim=claims.get(one.about) if one.task == "claim" else None,
            declared=declared.get(one.about),
        )
        for one in settled.deadlines
    ]


def to_json(duty: Duty) -> dict[str, Any]:
    """`left` is in µs until `safe`; `overdue` where it is too late for some of it under the safe reading."""
    return {**duty.deadline._asdict(), "left": duty.left, "overdue": duty.overdue}


# ------------------------------------------------------------------------------------------------ in words


def explain(page: Page, found: Sequence[Duty], context: Context) -> None:
    """Everything to do, and at the end, once for each kind, how it is done and where its term comes from."""
    for duty in found:
        _told(page, duty, context)
    kinds = list(dict.fromkeys(duty.deadline.task for duty in found))
    if kinds:
        page.heading("How")
    for kind in kinds:
        clauses = list(dict.fromkeys(d.deadline.clause for d in found if d.deadline.task == kind))
        page.fact(kind, " ".join(_how(kind, clauses[0], context)))


def _told(page: Page, duty: Duty, context: Context) -> None:
    """One thing to do: what, until when, and what to write down for it."""
    one = duty.deadline
    page.gap()
    left = _left(duty)
    head, facts = _TOLD[one.task](duty, context)
    room = page.width - len(left)
    text = f"{head:<{room}}{left}" if len(head) < room else f"{head}  {left}"
    page.lines.append(Line(text, "bad" if duty.overdue else "heading"))
    page.fact("by", f"{show.until(one.safe, context.where)}, {clause(one.clause)}")
    if one.latest is None:
        page.fact("at the latest", "cannot be told while the outage goes on")
    elif one.latest != one.safe:
        page.fact("at the latest", show.until(one.latest, context.where))
    for label, said in facts:
        page.fact(label, said)


def _left(duty: Duty) -> str:
    if duty.coverage is not None and duty.coverage.waived:
        return f"{show.left(duration(duty.coverage.waived))} lost, more by the minute"
    return f"{show.left(duty.left)} left" if duty.left > 0 else f"{show.left(-duty.left)} too late"


Told: TypeAlias = tuple[str, Iterator[tuple[str, str]]]
"""What a duty is called, and the facts about it with their labels."""


def _reserve(duty: Duty, context: Context) -> Told:
    assert duty.outage is not None
    assert duty.coverage is not None
    return f"Reserve the outage of {duty.outage.service}", _outage(duty.outage, duty.coverage, context)


def _outage(outage: Outage, coverage: Coverage, context: Context) -> Iterator[tuple[str, str]]:
    yield "outage", outage.id
    yield from _spans("certain", outage.certain, context)
    yield from _spans("possible", outage.possible, context)
    if outage.open:
        yield "", "it goes on: a second notice is needed once it has ended, with its start and its end"
    if coverage.notices:
        yield "reserved", f"{long(duration(coverage.reserved))} of it, by {', '.join(coverage.notices)}"
    if coverage.waived:
        yield "waived", f"{long(duration(coverage.waived))} of it, unless one argues for the latest deadline"
    if not uncounted.told_of(outage, context.account):
        # No deadline of its own: what a ticket comes too late for is lost at once and for good.
        why = f"what comes before a complete ticket does not count ({_ticket_clause(context)})"
        yield "ticket", f"none yet: {why}" if outage.open else f"none while it went on: {why}"


def _ticket_clause(context: Context) -> str:
    return clause(uncounted.places(context.contract)["ticket"])


def _spans(label: str, parts: Spans, context: Context) -> Iterator[tuple[str, str]]:
    for k, span in enumerate(parts):
        yield "" if k else label, context.span(span)


def _claim(duty: Duty, context: Context) -> Told:
    assert duty.claim is not None
    one = duty.claim
    facts = [("claim", one.id)]
    if one.credit is not None:
        facts.append(("credit", show.money(one.credit, context.contract.currency)))
    missing = asking.lacking(one)
    if missing:
        facts.append(("missing", ", ".join(missing)))
    return f"Claim {one.commitment} of {one.attainment.service}", iter(facts)


def _contest(duty: Duty, context: Context) -> Told:
    assert duty.declared is not None
    claims = [
        f"{claim.number} ({show.money(Cents(claim.amount_cents or 0), context.contract.currency)})"
        for claim in owed(duty.declared, context.account.ground.declarations)
    ]
    head = f"Contest the invoice of {duty.declared.month}, account {duty.declared.account}"
    return head, iter([("invoice", duty.declared.id), ("claimed", ", ".join(claims))])


def _use(duty: Duty, context: Context) -> Told:
    assert duty.declared is not None
    credit = duty.declared
    amount = show.money(Cents(credit.amount_cents or 0), context.contract.currency)
    return f"Use the credit {credit.id}", iter([("credit", f"{amount}, account {credit.account}")])


_TOLD: Mapping[Task, Callable[[Duty, Context], Told]] = {
    "reserve": _reserve,
    "claim": _claim,
    "contest": _contest,
    "use-credit": _use,
}


def _how(task: Task, stated: str, context: Context) -> Iterator[str]:
    """What whoever does it does, and the clause with its term and the readings of it."""
    yield _DO[task].format(provider=context.contract.provider)
    terms = context.contract.deadlines
    due = {"reserve": terms.reservation, "claim": terms.claim, "contest": terms.contest}.get(task)
    given = "" if due is None else f", {due.within} {due.unit.replace('-', ' ')}"
    yield f"The term is that of {clause(stated)}{given}."
    reading = next((r for r in context.contract.readings if r.id == _READING.get(task)), None)
    if reading is not None:
        yield f"To be safe, {reading.says_safe}; it may be argued that {reading.says_arguable}."


_DO: Mapping[Task, str] = {
    "reserve": "Write to {provider} that the service was not available, with the date, the start and the end "
    "that stand above; then put that on record with `constat declare notice`. Downtime that no notice "
    "names in time cannot be claimed.",
    "claim": "Send the claim; `constat claim` with its id has the calculation and the references.",
    "contest": "Contest the invoice, unless it holds the credit that was claimed before it was issued.",
    "use-credit": "Use the credit before it ends.",
}

_READING: Mapping[Task, str] = {"reserve": "reservation-clock", "claim": "claim-clock"}
"""What lies between the safe deadline and the latest one, besides days off."""
