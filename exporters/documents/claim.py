"""A claim in full: downtime, calculation, caps, references, what it lacks and what it waives."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from textwrap import wrap
from typing import NamedTuple

from collector.core.breach import Ground
from collector.core.claim import Claim, Need
from collector.core.contract import Penalty
from collector.core.credit import Books, Cents, books, share_of_base
from collector.core.record import Declaration
from collector.core.timeline import duration, within
from exporters.documents import asking, caps, show
from exporters.documents.caps import Cap
from exporters.documents.finding import FLAGS
from exporters.documents.page import INDENT, Line, Page, Style
from exporters.documents.words import Context, clause, count, fraction, long, times

WORD: Mapping[str, Style] = {"due": "unsure", "late": "bad", "blocked": "bad"}


class Row(NamedTuple):
    """A line of a sum of money: a sign before it, what it is, and how much."""

    sign: str
    label: str
    amount: str


RULE = Row("-", "", "")


def brief(one: Claim, context: Context) -> str:
    """A claim in a line."""
    return f"{one.id}: {one.state}, {_credit(one, context)}, due by {context.at(one.due.safe)}"


def explain(page: Page, one: Claim, context: Context) -> None:
    """One claim by itself, from what is asked for to what is given up by it."""
    page.title(f"{one.commitment} of {one.attainment.service}", one.state, WORD[one.state])
    page.gap()
    page.say(_state(one, context), 0)
    number = itertools.count(1)
    page.heading(f"{next(number)}  What is asked for")
    _promise(page, one, context)
    _asked(page, one, context)
    _counted(page, one, context, number)
    _worth(page, one, context, number)


def after_ledger(page: Page, one: Claim, context: Context, first: int) -> None:
    """What is to be said of a claim below the ledger of its window, in sections that count from `first`."""
    number = itertools.count(first)
    page.heading(f"{next(number)}  What is asked for")
    page.say(_state(one, context))
    _asked(page, one, context)
    _worth(page, one, context, number)
    _effects(page, one, context, number)


def _worth(page: Page, one: Claim, context: Context, number: Iterator[int]) -> None:
    """What it comes to, what it rests on, what it waives."""
    penalty = context.contract.penalty
    if penalty is None:
        page.heading(f"{next(number)}  The calculation")
        page.say("The contract has no penalties, so there is nothing to calculate.")
    else:
        _calculation(page, one, penalty, context, number)
        _caps(page, one, context, number)
    _references(page, one, context, number)
    _waived(page, context, number)


def _state(one: Claim, context: Context) -> str:
    match one.state:
        case "due":
            missing, waits = asking.lacking(one), _waits(one, context) if one.credit is None else ""
            lacks = [f"What is missing: {', '.join(missing)}."] if missing else []
            if waits:
                lacks.append(f"The amount waits for what is not invoiced: {waits}.")
            told = " ".join(lacks) or "Nothing is missing."
            return f"This may be claimed until {show.until(one.due.safe, context.where)}. {told}"
        case "late":
            return "Nobody claimed this in time: under the readings in force nothing can be asked for it."
        case "blocked":
            against = "; ".join(f"{flag}: {FLAGS[flag]}" for flag in asking.blocked_by(one))
            return f"This cannot be claimed. {against}."


# --------------------------------------------------------------------------------------- 1, what is asked for


def _promise(page: Page, one: Claim, context: Context) -> None:
    contract, found = context.contract, one.attainment
    regions = dict.fromkeys(
        watch.rules.region
        for span, watch in context.account.watched[found.service]
        if within(one.counted, span)
    )
    commitment = contract.commitment(found.commitment)
    start, end = found.window.span
    page.fact("commitment", f"{one.commitment}, {clause(commitment.clause)} of {contract.provider}'s terms")
    page.fact("contract", f"{contract.id}, version {contract.version}")
    page.fact("service", f"{found.service}, account {one.account}, region {', '.join(regions)}")
    page.fact("window", _KINDS[one.kind])
    page.fact("from", f"{context.at(start)} = {show.grouped(start)} µs since 1970 UTC")
    page.fact("to", f"{context.at(end)} = {show.grouped(end)} µs, itself not in it")
    page.fact("as of", f"{context.at(context.account.as_of)}: nothing that was learnt later is in here")
    page.fact("readings", _readings(context))


def _asked(page: Page, one: Claim, context: Context) -> None:
    due = context.contract.deadlines.claim
    page.fact("claim", one.id)
    page.fact("account", one.account)
    page.fact("credit", _credit(one, context))
    page.fact("claim by", f"{show.until(one.due.safe, context.where)}, {clause(due.clause)}")
    page.fact("at the latest", f"{show.until(one.due.latest, context.where)}, as could also be argued")


_KINDS: Mapping[str, str] = {
    "sliding": "a position of the sliding window",
    "calendar": "the calendar month or year",
}


def _credit(one: Claim, context: Context) -> str:
    if one.credit is not None:
        return f"{_money(one.credit, context)} without VAT, rounded down"
    if one.state != "due":
        return "none"
    return f"unknown until invoiced: {_waits(one, context)}"


def _waits(one: Claim, context: Context) -> str:
    """The months that its amount waits for."""
    return ", ".join(asking.waiting_for(context.settlement.claims, one.account, context.account.ground))


def _readings(context: Context) -> str:
    safe = context.contract.all_safe()
    moved = [f"{id} = {choice}" for id, choice in context.account.readings.items() if choice != safe[id]]
    return (
        f"all safe but {', '.join(moved)}"
        if moved
        else "all safe: each, by itself, the stricter one against the customer"
    )


# ------------------------------------------------------------------------------------ 2, what is counted


def _counted(page: Page, one: Claim, context: Context, number: Iterator[int]) -> None:
    page.heading(f"{next(number)}  The downtime that is counted")
    words = ", ".join(["Certain", "after deductions and grace", *asking.conditions(context.account.ground)])
    page.say(f"{words}, and not claimed before:")
    for span in one.counted:
        page.say(context.span(span), 5, hang=2)
    total = duration(one.counted)
    page.fact("together", f"{long(total)} = {show.grouped(total)} µs in {_stretches(one)}")


def _stretches(one: Claim) -> str:
    return count(len(one.counted), "stretch", "stretches")


# -------------------------------------------------------------------------------------- 3, the calculation


def _calculation(page: Page, one: Claim, penalty: Penalty, context: Context, number: Iterator[int]) -> None:
    found = one.attainment
    attained = found.claimable.best
    assert attained is not None
    agreed, lost = show.grouped(found.agreed), show.grouped(found.claimable.amount)
    page.heading(f"{next(number)}  The calculation ({clause(penalty.clause)})")
    page.fact("promised", f"{show.promise(found.target)}, exactly {fraction(found.target)}")
    page.fact("agreed time", f"{agreed} µs")
    page.fact("kept", f"({agreed} - {lost}) / {agreed} = {fraction(attained)} = {show.digits(attained)}")
    page.gap()
    for told in _FORMULAS[penalty.formula](found.target, attained, penalty):
        page.say(told, hang=2)
    share = share_of_base(found.target, attained, penalty)
    if one.share != share:
        reading = next(r for r in context.contract.readings if r.id == "no-formula")
        page.say(f"But {reading.says_safe} ({clause(reading.clause)}): {fraction(one.share)}.", hang=2)
    _base(page, one, penalty, context)
    if one.by_formula is not None and one.base.amount is not None:
        page.gap()
        exact = "" if one.by_formula.denominator == 1 else f", exactly {fraction(one.by_formula)} cents"
        page.say(
            f"{fraction(one.share)} × {_money(one.base.amount, context)} = "
            f"{_money(one.by_formula, context)} by formula{exact}",
            hang=2,
        )


def _shortfall(target: Fraction, attained: Fraction, penalty: Penalty) -> Iterator[str]:
    assert penalty.factor is not None
    short = target - attained
    yield f"Shortfall: {fraction(target)} - {fraction(attained)} = {fraction(short)}"
    yield (
        f"Of the base: {fraction(short)} × {show.grouped(penalty.factor.__floor__())} = "
        if penalty.factor.denominator == 1
        else f"Of the base: {fraction(short)} × {fraction(penalty.factor)} = "
    ) + fraction(share_of_base(target, attained, penalty))


def _tiers(target: Fraction, attained: Fraction, penalty: Penalty) -> Iterator[str]:  # noqa: ARG001
    for tier in penalty.tiers:
        below = "below" if attained < tier.below else "not below"
        yield f"{below} {show.promise(tier.below)}: {show.promise(tier.credit)} of the base"
    yield f"The last step that it is below counts: {fraction(share_of_base(target, attained, penalty))}"


_FORMULAS: Mapping[str, Callable[[Fraction, Fraction, Penalty], Iterator[str]]] = {
    "shortfall": _shortfall,
    "tiers": _tiers,
}
"""How each formula of the core is written out."""


def _base(page: Page, one: Claim, penalty: Penalty, context: Context) -> None:
    page.gap()
    known = _books(one, context.account.ground)
    wanted = len(one.base.months) + len(one.base.missing)
    if penalty.base_months:
        fewer = "; there are no older ones" if wanted < penalty.base_months else ""
        page.say(f"The base is the mean of the last {penalty.base_months} monthly invoices{fewer}:")
    else:
        page.say("The base is the invoice of the month:")
    rows = [
        Row("+" if k else "", f"{month} ({id})", _money(known.invoiced(month) or Cents(0), context))
        for k, (month, id) in enumerate(one.base.months.items())
    ]
    rows += [Row("+", month, "not yet invoiced") for month in one.base.missing]
    if one.base.amount is not None:
        divided = f"their sum / {wanted}" if wanted > 1 else "base"
        rows += [RULE, Row("=", divided, _money(one.base.amount, context))]
    _sums(page, rows)


# -------------------------------------------------------------------------------------------- 4, the caps


def _caps(page: Page, one: Claim, context: Context, number: Iterator[int]) -> None:
    penalty = context.contract.penalty
    assert penalty is not None
    page.heading(f"{next(number)}  The caps")
    if one.after_invoice_cap is not None and penalty.cap_of_invoice is not None:
        _of_invoice(page, one, penalty, context)
    if one.credit is not None:
        _of_base(page, one, penalty, context)
    else:
        page.say(f"The credit is {_credit(one, context)}.")


def _of_invoice(page: Page, one: Claim, penalty: Penalty, context: Context) -> None:
    """Clause 8: month by month, shared by all claims of the account in proportion."""
    assert penalty.cap_of_invoice is not None
    known = _books(one, context.account.ground)
    share, named = show.promise(penalty.cap_of_invoice), clause(penalty.cap_of_invoice_clause)
    page.say(
        f"{_upper(named)}: all penalties together at most {share} of the invoice of the month "
        "of the incidents, shared in proportion."
    )
    total = Cents(0)
    for month, cap in caps.of_invoices(one, penalty, context).items():
        page.say(f"Of {month}:")
        invoiced = _money(known.invoiced(month) or Cents(0), context)
        total += _shared(page, cap, f"{share} of {invoiced} invoiced", context)
    page.say(f"After {named}: {_money(total, context)}")
    assert total == one.after_invoice_cap
    page.gap()


def _shared(page: Page, cap: Cap, allowed: str, context: Context) -> Cents:
    """What a cap leaves of a part of all that is asked for."""
    over = ", as more is taken than that" if cap.spent > cap.limit else ""
    _sums(
        page,
        [
            Row("", allowed, _money(cap.limit, context)),
            Row("-", "credited for it, or asked for, already", _money(cap.spent, context)),
            RULE,
            Row("=", f"left for all claims of the account{over}", _money(cap.room, context)),
        ],
    )
    asks = f"All of them ask for {_money(cap.asked, context)}, this one for {_money(cap.part, context)}"
    if cap.fits:
        page.say(f"{asks}: it fits.", 5)
    else:
        page.say(f"{asks}: its share of what is left is {_money(cap.left, context)}.", 5)
    return cap.left


def _of_base(page: Page, one: Claim, penalty: Penalty, context: Context) -> None:
    """Annex B: the base, over what the reading `cap-period` says."""
    chosen = context.account.readings["cap-period"]
    reading = next(r for r in context.contract.readings if r.id == "cap-period")
    says = reading.says_safe if chosen == reading.safe else reading.says_arguable
    page.say(f"{_upper(clause(penalty.clause))}: {says} (reading cap-period = {chosen}).")
    whose, cap = caps.of_base(one, penalty, context)
    allowed = f"{show.promise(penalty.cap_of_base)} of the base"
    if chosen == "claim":
        page.say(f"{allowed}: {_money(cap.limit, context)}", 5)
    else:
        of = "" if whose is one else f" of {whose.id}, which leaves least"
        _shared(page, cap, f"{allowed}{of}", context)
    page.say(f"Credit: {_money(cap.left, context)}", style="good")
    assert cap.left == one.credit


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _books(one: Claim, ground: Ground) -> Books:
    return books(one.account, ground.declarations, ground.calendar)


# --------------------------------------------------------------------------- 5, references; 6, what it waives


def _references(page: Page, one: Claim, context: Context, number: Iterator[int]) -> None:
    page.heading(f"{next(number)}  What it rests on, and what is missing")
    for need in one.needs:
        page.say(asking.referred(need), style="" if need.met else "bad")
        for told in _told(need, context):
            page.say(told, 5, hang=2)
    for flag in one.attainment.flags:
        page.say(f"{flag}: {FLAGS.get(flag, 'to be known before this is used')}", hang=2)


def _told(need: Need, context: Context) -> Iterator[str]:
    """Each declaration that meets a need: its number, and when it was sent, opened or complete."""
    for id in need.by:
        yield f"{id}: {_dated(context.declarations[id], context)}"


def _dated(said: Declaration, context: Context) -> str:
    dated = [f"{word} {context.at(at)}" for word, at in times(said).items()]
    number = [f"number {said.number}"] if said.number else []
    document = [f"document {said.document}"] if said.document else []
    return ", ".join([*number, *([said.state] if said.state else []), *dated, *document])


def _waived(page: Page, context: Context, number: Iterator[int]) -> None:
    told = list(asking.waived(context.contract))
    if told:
        page.heading(f"{next(number)}  What it waives")
        for one in told:
            page.say(one)


# ------------------------------------------------------------------------------- what readings are worth


def _effects(page: Page, one: Claim, context: Context, number: Iterator[int]) -> None:
    """What all that may be asked for on the account would come to, were a clause read another way."""
    moved = [effect for effect in context.effects if one.account in effect.credit]
    if moved:
        page.heading(f"{next(number)}  What the readings are worth")
        page.say("All that may be asked for on this account would be another, were it read otherwise:")
    for effect in moved:
        before, after = (
            "unknown until invoiced" if cents is None else _money(cents, context)
            for cents in effect.credit[one.account]
        )
        page.say(f"{effect.reading} = {effect.choice}: {before} → {after}", 5, hang=2)


# ----------------------------------------------------------------------------------------------- money


def _money(cents: Cents, context: Context) -> str:
    return show.money(cents, context.contract.currency)


def _sums(page: Page, rows: Sequence[Row]) -> None:
    """Amounts under each other, to be added up with a pencil."""
    widest = max((len(row.amount) for row in rows), default=0)
    room = page.width - INDENT - 5 - widest
    for row in rows:
        if row is RULE:
            page.lines.append(Line(" " * (page.width - widest) + "-" * widest, "quiet"))
            continue
        sign, margin = f"{' ' * (INDENT + 2)}{row.sign:<2}", " " * (INDENT + 4)
        *above, label = wrap(row.label, room, break_on_hyphens=False) or [""]
        for text in above:
            page.lines.append(Line(f"{sign}{text}".replace(show.SPACE, " ")))
            sign = margin
        text = f"{sign}{label:<{room}} {row.amount:>{widest}}"
        page.lines.append(Line(text.replace(show.SPACE, " ")))
