"""Words about claims that every screen and document has in common: what each lacks, waits for and waives."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from collector.core.breach import Ground, needs_ticket
from collector.core.claim import BLOCKING, Claim, Need
from collector.core.contract import Contract
from collector.core.credit import Cents, Month, books, by_month

NEEDS: Mapping[str, str] = {
    "calculation": "the calculation",
    "reservations": "the references of reservations that tell the start and the end",
    "decided-deductions": "a decision on what was proposed to be taken off",
    "ticket": "a complete ticket",
    "all-zones": "proof of deployment in every zone",
    "no-arrears": "no arrears",
    "two-witnesses": "a second vantage point",
    "evidence": "an evidence bundle",
}
"""What a claim needs (C5)."""


_WRITTEN = ("reservations", "ticket")
"""Needs that are met by what people wrote, or by nothing where no such thing is needed."""


def not_needed(need: Need) -> bool:
    """Whether nothing meets a need because nothing has to: not the same as being there."""
    return need.what in _WRITTEN and need.met and not need.by


def conditions(ground: Ground) -> list[str]:
    """What downtime has to be for a claim to count it, in words: nothing of what need not be."""
    reserved = ground.contract.deadlines.reservation is not None
    return ["reserved in time"] * reserved + ["told of"] * needs_ticket(ground)


def lacking(claim: Claim) -> list[str]:
    """What a claim still needs, in words."""
    return [NEEDS[need.what] for need in claim.needs if not need.met]


def referred(need: Need) -> str:
    """A need with what meets it, or that nothing does, or has to."""
    if not_needed(need):
        return f"{NEEDS[need.what]}: none needed, as the contract is read here"
    by = f": {', '.join(need.by)}" if need.by else ""
    return f"{NEEDS[need.what]}{by}" if need.met else f"{NEEDS[need.what]}: missing"


def blocked_by(claim: Claim) -> list[str]:
    """What stands against claiming it at all (D4)."""
    return [flag for flag in claim.attainment.flags if flag in BLOCKING]


def waiting_for(claims: Iterable[Claim], account: str, ground: Ground) -> list[Month]:
    """The months whose invoices must be in before any claim of an account has its credit: caps are shared."""
    known = books(account, ground.declarations, ground.calendar)
    penalty = ground.contract.penalty
    wanted: set[Month] = set()
    for claim in claims:
        if claim.account == account and claim.state == "due":
            wanted |= set(claim.base.missing)
            if penalty is not None and penalty.cap_of_invoice is not None:
                wanted |= by_month(Cents(1), claim.counted, ground.calendar).keys()
    return sorted(month for month in wanted if known.invoiced(month) is None)


def waived(contract: Contract) -> Iterator[str]:
    """What taking the penalty gives up, and what is left beyond penalties."""
    penalty, beyond = contract.penalty, contract.liability
    if penalty is not None and penalty.final_clause:
        yield (
            f"Clause {penalty.final_clause}: penalties settle the incidents they are about for good. Whoever "
            "takes this credit cannot ask for anything more for the downtime counted here."
        )
    if beyond is not None:
        yield (
            f"Clause {beyond.clause}, instead of penalties and for a damage that the customer proves: up to "
            f"{beyond.billings} monthly billings of the service, {beyond.billings_past} where the failure "
            f"lasted more than {beyond.past_days} days. Named here, not computed."
        )


class Sums:
    """What the claims of one account that are due come to."""

    def __init__(self, account: str, claims: Sequence[Claim]) -> None:
        self.account = account
        self.claims = [claim for claim in claims if claim.account == account and claim.state == "due"]
        self.by_formula = _sum(claim.by_formula for claim in self.claims)
        self.after_invoice_cap = _sum(claim.after_invoice_cap for claim in self.claims)
        self.credit = _sum(claim.credit for claim in self.claims)


def _sum(amounts: Iterable[Cents | None]) -> Cents | None:
    """None where one of them is not known."""
    total = Cents(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def accounts(claims: Sequence[Claim]) -> list[Sums]:
    """The sums of every account that has a claim that is due."""
    return [Sums(account, claims) for account in sorted({c.account for c in claims if c.state == "due"})]
