"""What is to be done by when, in words: the most urgent first, with all that must be written down for it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from collector.core.account import Account, Settlement
from collector.core.claim import Claim
from collector.core.contract import Reading
from collector.core.credit import Cents
from collector.core.deadline import Deadline, owed
from collector.core.outage import Outage
from collector.core.record import Declaration
from collector.core.reservation import Coverage
from collector.core.timeline import Duration, Spans, duration
from exporters.documents import asking, show
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


def explain(page: Page, duty: Duty, context: Context) -> None:
    """One thing to do: what, until when, by which clause, and what to write."""
    one = duty.deadline
    page.gap()
    left = _left(duty)
    head = _HEADS[one.task](duty, context)
    room = page.width - len(left)
    text = f"{head:<{room}}{left}" if len(head) < room else f"{head}  {left}"
    page.lines.append(Line(text, "bad" if duty.overdue else "heading"))
    _times(page, duty, context)
    for label, said in _FACTS[one.task](duty, context):
        page.fact(label, said)


def _left(duty: Duty) -> str:
    if duty.coverage is not None and duty.coverage.waived:
        return f"{show.left(duration(duty.coverage.waived))} lost, more by the minute"
    return f"{show.left(duty.left)} left" if duty.left > 0 else f"{show.left(-duty.left)} too late"


def _times(page: Page, duty: Duty, context: Context) -> None:
    one = duty.deadline
    reading = next((r for r in context.contract.readings if r.id == _READING.get(one.task)), None)
    safe, latest = (f": {says}" if says else "" for says in _says(reading))
    page.fact("by", f"{show.until(one.safe, context.where)}, {_term(one, context)}{safe}")
    if one.latest is None:
        page.fact("at the latest", "cannot be told while the outage goes on")
    elif one.latest != one.safe:
        page.fact("at the latest", f"{show.until(one.latest, context.where)}{latest}")


_READING: Mapping[str, str] = {"reserve": "reservation-clock", "claim": "claim-clock"}
"""What lies between the safe deadline and the latest one, besides days off."""


def _says(reading: Reading | None) -> tuple[str, str]:
    return ("", "") if reading is None else (reading.says_safe, reading.says_arguable)


def _term(one: Deadline, context: Context) -> str:
    """The clause, and how long it gives."""
    terms = context.contract.deadlines
    due = {"reserve": terms.reservation, "claim": terms.claim, "contest": terms.contest}.get(one.task)
    given = "" if due is None else f", {due.within} {due.unit.replace('-', ' ')}"
    return f"{clause(one.clause)}{given}"


def _reserve(duty: Duty, context: Context) -> Iterator[tuple[str, str]]:
    assert duty.outage is not None
    assert duty.coverage is not None
    outage, coverage = duty.outage, duty.coverage
    yield (
        "do",
        f"write to {context.contract.provider} that {outage.service} was not available, with the date, the "
        "start and the end, all of which stand below; then put it on record with `constat declare notice`. "
        "Downtime that no notice names in time cannot be claimed.",
    )
    yield "outage", outage.id
    yield from _spans("certain", outage.certain, context)
    yield from _spans("possible", outage.possible, context)
    if outage.open:
        yield "", "it goes on: a second notice is needed once it has ended, with its start and its end"
    if coverage.notices:
        yield "reserved", f"{long(duration(coverage.reserved))} of it, by {', '.join(coverage.notices)}"
    if coverage.waived:
        yield "waived", f"{long(duration(coverage.waived))} of it, unless one argues for the latest deadline"


def _spans(label: str, parts: Spans, context: Context) -> Iterator[tuple[str, str]]:
    for k, span in enumerate(parts):
        yield "" if k else label, context.span(span)
    if not parts:
        yield label, "nothing"


def _claim(duty: Duty, context: Context) -> Iterator[tuple[str, str]]:
    assert duty.claim is not None
    one = duty.claim
    yield "do", f"send the claim; `constat claim {one.id}` has its calculation and its references"
    if one.credit is not None:
        yield "credit", show.money(one.credit, context.contract.currency)
    missing = asking.lacking(one)
    if missing:
        yield "missing", ", ".join(missing)


def _contest(duty: Duty, context: Context) -> Iterator[tuple[str, str]]:
    assert duty.declared is not None
    claims = [
        f"{claim.number} ({show.money(Cents(claim.amount_cents or 0), context.contract.currency)})"
        for claim in owed(duty.declared, context.account.ground.declarations)
    ]
    yield "do", "contest the invoice unless it holds the credit that was claimed before it was issued"
    yield "claimed", ", ".join(claims)


def _use(duty: Duty, context: Context) -> Iterator[tuple[str, str]]:
    assert duty.declared is not None
    credit = duty.declared
    amount = show.money(Cents(credit.amount_cents or 0), context.contract.currency)
    yield "do", f"use the credit of {amount}, account {credit.account}: it ends then"


_FACTS: Mapping[str, Callable[[Duty, Context], Iterator[tuple[str, str]]]] = {
    "reserve": _reserve,
    "claim": _claim,
    "contest": _contest,
    "use-credit": _use,
}

_HEADS: Mapping[str, Callable[[Duty, Context], str]] = {
    "reserve": lambda duty, _: f"Reserve the outage of {duty.outage.service if duty.outage else ''}",
    "claim": lambda duty, _: (
        f"Claim {duty.claim.commitment} of {duty.claim.attainment.service}" if duty.claim else ""
    ),
    "contest": lambda duty, _: (
        f"Contest the invoice of {duty.declared.month}, account {duty.declared.account}"
        if duty.declared
        else ""
    ),
    "use-credit": lambda duty, _: f"Use the credit {duty.deadline.about}",
}
