"""What is to be done by when, each with its clause: notices, claims, invoices, credits to use (C2)."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from collector.core.breach import FORWARD
from collector.core.calendar import Calendar
from collector.core.claim import Claim
from collector.core.contract import Contract, Due
from collector.core.credit import is_live
from collector.core.record import Declaration
from collector.core.reservation import Coverage
from collector.core.timeline import Instant

Task: TypeAlias = Literal["reserve", "claim", "contest", "use-credit"]


class Deadline(NamedTuple):
    """One thing to do. Reminders count from `safe`; what is done by `latest` may be argued to be in time."""

    task: Task
    about: str
    """The outage, claim, invoice or credit, by its id."""
    safe: Instant
    latest: Instant | None
    """None while it cannot be told: an outage goes on."""
    clause: str


def deadlines(
    coverages: Iterable[Coverage],
    claims: Iterable[Claim],
    declarations: Sequence[Declaration],
    contract: Contract,
    calendar: Calendar,
    as_of: Instant,
) -> tuple[Deadline, ...]:
    """Everything that may still be done at `as_of`, the most urgent first."""
    terms = contract.deadlines
    found = [
        Deadline("claim", claim.id, claim.due.safe, claim.due.latest, terms.claim.clause)
        for claim in claims
        if claim.state == "due"
    ]
    if terms.reservation is not None:
        found += (
            Deadline("reserve", one.outage, one.safe, one.latest, terms.reservation.clause)
            for one in coverages
            if one.safe is not None
        )
    if terms.contest is not None:
        found += _contests(declarations, terms.contest, contract, calendar)
    if terms.credit is not None:
        found += (_expiry(d, terms.credit, calendar) for d in declarations if d.kind == "credit")
    still = (one for one in found if one.latest is None or one.latest > as_of)
    return tuple(sorted(still, key=lambda one: (one.safe, one.task, one.about)))


def owed(invoice: Declaration, declarations: Sequence[Declaration]) -> list[Declaration]:
    """The claims of an invoice's account that were made before it and have no credit yet."""
    return [
        claim
        for claim in declarations
        if claim.kind == "claim" and claim.account == invoice.account and is_live(claim, declarations)
        if invoice.issued is not None and _given(claim) < invoice.issued
    ]


def _contests(
    declarations: Sequence[Declaration], due: Due, contract: Contract, calendar: Calendar
) -> Iterable[Deadline]:
    """Invoices that came after a claim and should have held its credit (clause 15)."""
    for invoice in declarations:
        issued = invoice.issued
        if invoice.kind == "invoice" and issued is not None and owed(invoice, declarations):
            safe, latest = (
                calendar.deadline(issued, due.within, due.unit, FORWARD[readings["clear-days"]])
                for readings in (contract.all_safe(), contract.all_arguable())
            )
            yield Deadline("contest", invoice.id, safe, latest, due.clause)


def _expiry(credit: Declaration, due: Due, calendar: Calendar) -> Deadline:
    """As declared, and as long as the contract says after it was given."""
    by_contract = calendar.deadline(_given(credit), due.within, due.unit)
    declared = by_contract if credit.expires is None else credit.expires
    return Deadline("use-credit", credit.id, min(declared, by_contract), declared, due.clause)


def _given(one: Declaration) -> Instant:
    """When it was sent or came, which may be long before somebody told the journal."""
    return min(at for at in (one.sent, one.received, one.at) if at is not None)
