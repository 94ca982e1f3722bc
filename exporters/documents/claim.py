"""A claim as one would check it: formula, base, the split over months, caps, days left, what is missing."""

from collections.abc import Iterator
from fractions import Fraction

from collector.core.claim import Claim
from collector.core.contract import Penalty
from exporters.documents import show
from exporters.documents.page import Page, Style
from exporters.documents.words import Context, clause, count, fraction

STATE: dict[str, Style] = {"due": "good", "late": "bad", "blocked": "unsure"}
_SAYS = {
    "due": "may still be asked for",
    "late": "too late: its days are over under the readings in force",
    "blocked": "something stands against asking for it, see the flags in 5",
}


def brief(one: Claim, context: Context) -> str:
    """A claim in a line."""
    credit = _amount(one.credit, context) if one.credit is not None else "credit unknown until invoiced"
    return f"{one.id}: {one.state}, {credit}, due by {context.at(one.due.safe)}"


def explain(page: Page, one: Claim, context: Context) -> None:
    """What a claim comes to, step by step, once its window is missed."""
    page.heading("7  What may be asked for")
    page.fact("state", f"{one.state}: {_SAYS[one.state]}", STATE[one.state])
    page.fact("account", one.account)
    penalty = context.contract.penalty
    if penalty is None:
        page.fact("credit", "the contract has no penalty: nothing may be asked for")
    else:
        _amounts(page, one, penalty, context)
    term = context.contract.deadlines.claim
    due = f"{context.at(one.due.safe)}, whichever way the clauses are read"
    page.fact("due by", f"{due} ({clause(term.clause)})")
    page.fact("at the latest", f"{context.at(one.due.latest)}, if all are read for the customer")
    _effects(page, one, context)
    page.gap()
    page.say("What it needs:")
    for need in one.needs:
        by = f" ({', '.join(need.by)})" if need.by else ""
        page.say(
            f"{'have   ' if need.met else 'MISSING'}  {need.what}{by}", 5, "" if need.met else "bad", hang=9
        )


def _effects(page: Page, one: Claim, context: Context) -> None:
    """What all that may be asked for on the account would come to, were a clause read another way."""
    moved = [effect for effect in context.effects if one.account in effect.credit]
    if moved:
        page.gap()
        page.say("All that may be asked for on this account would be another, were it read otherwise:")
    for effect in moved:
        before, after = (
            "unknown" if cents is None else show.money(cents, context.contract.currency)
            for cents in effect.credit[one.account]
        )
        page.say(f"{effect.reading} = {effect.choice}: {before}, then {after}", 5, hang=2)


def _amounts(page: Page, one: Claim, penalty: Penalty, context: Context) -> None:
    page.fact("formula", f"{' '.join(_formula(one, penalty))} ({clause(penalty.clause)})")
    page.fact("base", _base(one, penalty, context))
    if one.by_formula is None:
        page.fact("credit", "unknown until invoiced: no guess is made")
        return
    page.fact("penalty", f"{fraction(one.share)} × the base = {_amount(one.by_formula, context)}")
    for month, part in one.parts.items():
        page.fact("", f"of it for downtime in {month}: {_amount(part, context)}")
    _caps(page, one, penalty, context)


def _caps(page: Page, one: Claim, penalty: Penalty, context: Context) -> None:
    if one.state != "due":
        page.fact("credit", f"none: it is {one.state}")
        return
    if penalty.cap_of_invoice is not None:
        share, under = show.digits(penalty.cap_of_invoice), clause(penalty.cap_of_invoice_clause)
        said = f"at most {share} of each month's invoice, less what was credited or is asked for it ({under})"
        left = one.after_invoice_cap
        after = "unknown until these months are invoiced" if left is None else _amount(left, context)
        page.fact("first cap", f"{said}: {after}")
    if one.credit is None:
        page.fact("credit", "unknown until invoiced: no guess is made")
        return
    share, under = show.digits(penalty.cap_of_base), clause(penalty.clause)
    said = f"at most {share} of the base, with all other credits of its time ({under})"
    page.fact("second cap", f"{said}: {_amount(one.credit, context)}")
    page.fact("credit", f"{show.money(one.credit, context.contract.currency)}, rounded down", "heading")


def _formula(one: Claim, penalty: Penalty) -> Iterator[str]:
    found = one.attainment
    if found.claimable.best is None:
        return
    attained = found.claimable.best
    yield f"promised {fraction(found.target)}, attained {fraction(attained)} on what is claimable:"
    if penalty.factor is not None:
        short = found.target - attained
        yield (
            f"{fraction(short)} short, × {fraction(penalty.factor)} = {fraction(short * penalty.factor)}; "
            f"counted: {fraction(one.share)} of the base"
        )
    else:
        steps = "; ".join(f"below {show.digits(t.below)}: {show.digits(t.credit)}" for t in penalty.tiers)
        yield f"of the steps {steps}, {show.digits(one.share)} of the base"


def _base(one: Claim, penalty: Penalty, context: Context) -> str:
    base = one.base
    months = count(len(base.months) + len(base.missing), "monthly invoice", "monthly invoices")
    kind = f"mean of {months}" if penalty.base_months else "the invoice"
    known = ", ".join(f"{month} ({id}{_invoiced(id, context)})" for month, id in base.months.items())
    missing = f"; not invoiced yet: {', '.join(base.missing)}" if base.missing else ""
    amount = "unknown" if base.amount is None else _amount(base.amount, context)
    return f"{amount}: {kind}, without VAT: {known or 'none is in'}{missing}"


def _invoiced(id: str, context: Context) -> str:
    declared = context.declarations.get(id)
    if declared is None or declared.amount_cents is None:
        return ""
    return f", {show.money(Fraction(declared.amount_cents), context.contract.currency)}"


def _amount(cents: Fraction, context: Context) -> str:
    """An amount to the cent, and exactly where it is no whole number of them."""
    shown = show.money(cents, context.contract.currency)
    return shown if cents.denominator == 1 else f"{shown} (exactly {fraction(cents)} cents)"
