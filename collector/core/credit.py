"""What a miss is worth: formula, base, the months it falls into, and the caps (rule C4, Annex B, clause 8).

Amounts are exact fractions of a cent; only a document rounds, and down. Caps are shared in proportion by all
that is claimed together, so the order in which claims are drawn up does not matter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from collector.core.calendar import CIVIL, Calendar
from collector.core.contract import Choice, Penalty, Readings
from collector.core.record import Declaration
from collector.core.timeline import Instant, Span, Spans, duration, either_way, within
from collector.core.window import MONTHS

Cents: TypeAlias = Fraction
"""Hundredths of the contract's currency, exactly."""

Month: TypeAlias = str
"""Like "2026-11"."""


# ------------------------------------------------------------------------------------------------ the formula


def _shortfall(target: Fraction, attained: Fraction, penalty: Penalty) -> Fraction:
    # Annex B: (promised - attained) x factor, both as fractions: 99.99 % is 0.9999.
    assert penalty.factor is not None
    return max(target - attained, Fraction(0)) * penalty.factor


def _tiers(target: Fraction, attained: Fraction, penalty: Penalty) -> Fraction:  # noqa: ARG001
    reached = [tier.credit for tier in penalty.tiers if attained < tier.below]
    return reached[-1] if reached else Fraction(0)


_FORMULAS: Mapping[str, Callable[[Fraction, Fraction, Penalty], Fraction]] = {
    "shortfall": _shortfall,
    "tiers": _tiers,
}


def share_of_base(target: Fraction, attained: Fraction, penalty: Penalty) -> Fraction:
    """What share of the base a window is worth, before any cap."""
    return _FORMULAS[penalty.formula](target, attained, penalty)


# ------------------------------------------------------------------------------------- what is on the books


class Base(NamedTuple):
    """What shares are of: an amount, from which invoices (declarations, by month), and what is not yet in."""

    amount: Cents | None
    """None until every month that it needs is invoiced."""
    months: Mapping[Month, str]
    missing: tuple[Month, ...]


class Entry(NamedTuple):
    """An amount that is credited, or asked for, for incidents of one or several months."""

    months: frozenset[Month]
    """Empty where nobody said which: then it may be of any, and takes room from each."""
    amount: Cents

    def may_be_of(self, month: Month) -> bool:
        return not self.months or month in self.months

    def may_be_since(self, first: Month) -> bool:
        return not self.months or max(self.months) >= first


@dataclass(frozen=True, slots=True)
class Books:
    """What one account was invoiced, has been credited and has claims for, as far as declarations tell."""

    invoices: Mapping[Month, Declaration] = field(default_factory=dict)
    entries: Sequence[Entry] = ()

    def invoiced(self, month: Month) -> Cents | None:
        """The invoice of a month without VAT; None until it is in."""
        found = self.invoices.get(month)
        return None if found is None or found.amount_cents is None else _stated(found)

    def credited(self, month: Month) -> Cents:
        """What may be settled for incidents of a month, or asked for already.

        A claim is declared as one amount, so each of its months has to allow for all that is left of it.
        """
        return sum((entry.amount for entry in self.entries if entry.may_be_of(month)), Fraction(0))

    def base(self, window: Span, calendar: Calendar, penalty: Penalty) -> Base:
        """The mean of the last monthly invoices before the window's end (fewer if the account is younger).

        Under `base_months` 0, the invoice of the month in which the window begins.
        """
        if penalty.base_months:
            wanted = calendar.months_before(window.end, penalty.base_months)
            first = min(self.invoices, default=wanted[-1])
            months = tuple(m for m in wanted if m >= first) or wanted[-1:]
        else:
            months = (calendar.month_name(window.start),)
        whole = total(self.invoiced(month) for month in months)
        return Base(
            amount=None if whole is None else whole / len(months),
            months={month: self.invoices[month].id for month in months if month in self.invoices},
            missing=tuple(month for month in months if month not in self.invoices),
        )

    def credited_since(self, window_end: Instant, calendar: Calendar) -> Cents:
        """What is settled or asked for already, for incidents of the rolling year that ends then, or later:
        what came after shares a rolling year with the window too."""
        first = calendar.months_before(window_end, MONTHS["P1Y"])[0]
        late = (entry.amount for entry in self.entries if entry.may_be_since(first))
        return sum(late, Fraction(0))


def _stated(declared: Declaration) -> Cents:
    """What an invoice, a claim or a credit is over: nothing where it says less, which would make room."""
    return Fraction(max(declared.amount_cents or 0, 0))


_LIVE: frozenset[str] = frozenset({"sent", "delivered", "answered", "accepted"})
"""States of a claim that is with the provider, or settled."""


def is_live(claim: Declaration, declarations: Iterable[Declaration]) -> bool:
    """Whether a declared claim is with the provider and has no credit yet."""
    return claim.state in _LIVE and not any(is_credit_for(claim, d) for d in declarations)


def is_credit_for(claim: Declaration, declared: Declaration) -> bool:
    """Whether what was declared is the credit that a claim asked for; it names the claim's id or number.

    Clause 4: each account has a contract of its own, so two may have given one number to a claim each.
    """
    named = declared.claim is not None and declared.claim in (claim.id, claim.number)
    return declared.kind == "credit" and named and may_be_of(claim.account, declared)


def may_be_of(account: str | None, declared: Declaration) -> bool:
    """Whether a claim or a credit is of an account; where either is not said, it may be."""
    return account is None or declared.account in (account, None)


def books(account: str, declarations: Iterable[Declaration], calendar: Calendar) -> Books:
    """The books of an account. A claim that was credited counts as its credit, one that was refused not.

    Of what its credits leave, months that none of them is for are still asked for: those may be yet to come.
    """
    of = [d for d in declarations if may_be_of(account, d)]
    credits = [d for d in of if d.kind == "credit"]
    # Of several invoices of one month the lowest counts: it leaves the customer least.
    mine = (d for d in of if d.kind == "invoice" and d.account == account)
    invoices = sorted(mine, key=lambda d: -(d.amount_cents or 0))
    entries = [Entry(frozenset({d.month} if d.month else ()), _stated(d)) for d in credits]
    for claim in of:
        if claim.kind == "claim" and claim.state in _LIVE:
            paid = (credit for credit in credits if (credit.amount_cents or 0) >= 0)
            given = [credit for credit in paid if is_credit_for(claim, credit)]
            left = max(_stated(claim) - sum(map(_stated, given)), Fraction(0))
            months = {calendar.month_name(month.start) for month in _months(asked_for(claim), calendar)}
            open_ = months - {d.month for d in given}
            # One that names no downtime may be for that of any month.
            if open_ or not months:
                entries.append(Entry(frozenset(open_), left))
    return Books({d.month or "": d for d in invoices}, entries)


def asked_for(claim: Declaration) -> Spans:
    """The downtime that a declared claim asks a credit for."""
    return either_way(claim.certain or ())


# ----------------------------------------------------------------------------------------- months and caps


def by_month(amount: Cents, counted: Spans, calendar: Calendar) -> dict[Month, Cents]:
    """`amount`, split over the contract's months by counted time."""
    whole = duration(counted)
    return {
        calendar.month_name(month.start): amount * Fraction(duration(within(counted, month)), whole)
        for month in _months(counted, calendar)
    }


def _months(counted: Spans, calendar: Calendar) -> Iterable[Span]:
    reached: Instant | None = None
    for start, end in within(counted, CIVIL):
        at = start if reached is None else max(start, reached)
        while at < end:
            month = calendar.month_of(at)
            yield month
            reached = at = month.end


class Ask(NamedTuple):
    """What one claim comes to by the formula, and how that lies in the months of its incidents."""

    amount: Cents | None
    """None while its base is not invoiced."""
    months: Mapping[Month, Fraction]
    """Month → its share of what is counted."""
    base: Cents | None
    window: Span

    def part(self, month: Month) -> Cents | None:
        """What it asks for incidents of one of its months."""
        return None if self.amount is None else self.amount * self.months[month]


Amounts: TypeAlias = tuple[Cents | None, ...]
"""One for each ask; None where it rests on what is not invoiced yet: credit unknown, never a guess (C4)."""


class Caps(NamedTuple):
    """What is left of each ask: after the cap of each month's invoice, and after that of the base."""

    of_invoice: Amounts
    of_base: Amounts


def capped(
    asks: Sequence[Ask], books: Books, penalty: Penalty, calendar: Calendar, readings: Readings
) -> Caps:
    """What the caps leave of all claims of one account that are drawn up together.

    Clause 8: at most a share of the invoice of the month of the incidents, less what was credited for it.
    Annex B: together at most the base, over what the reading `cap-period` says.
    """
    months = {month for ask in asks for month in ask.months}
    scales = {month: _left_of_invoice(month, asks, books, penalty) for month in months}
    of_invoice = tuple(total(_times(ask.part(month), scales[month]) for month in ask.months) for ask in asks)
    return Caps(of_invoice, _PERIODS[readings["cap-period"]](of_invoice, asks, books, penalty, calendar))


def total(amounts: Iterable[Cents | None]) -> Cents | None:
    """The sum of amounts; None where one of them is not known."""
    known = list(amounts)
    return None if None in known else sum((amount or Fraction(0) for amount in known), Fraction(0))


def _left_of_invoice(month: Month, asks: Sequence[Ask], books: Books, penalty: Penalty) -> Fraction | None:
    if penalty.cap_of_invoice is None:
        return Fraction(1)
    invoice, wanted = books.invoiced(month), total(ask.part(month) for ask in asks if month in ask.months)
    if invoice is None or wanted is None:
        return None
    return _scale(wanted, invoice * penalty.cap_of_invoice - books.credited(month))


def _scale(wanted: Cents, room: Cents) -> Fraction:
    # More may have been credited than a cap: then there is no room, and nothing asked is still nothing.
    room = max(room, Fraction(0))
    return Fraction(1) if wanted <= room else room / wanted


def _times(amount: Cents | None, scale: Fraction | None) -> Cents | None:
    return None if amount is None or scale is None else amount * scale


# -------------------------------------------------------------------------------------- reading cap-period


def _rolling_year(
    amounts: Amounts, asks: Sequence[Ask], books: Books, penalty: Penalty, calendar: Calendar
) -> Amounts:
    # Safe: all credits of a rolling year together stay under the base, the smallest where they differ.
    wanted = total(amounts)
    if wanted is None:
        return (None,) * len(amounts)  # what is not known yet has a share in what is left
    room = min(
        ask.base * penalty.cap_of_base - books.credited_since(ask.window.end, calendar)
        for ask in asks
        if ask.base is not None
    )
    scale = _scale(wanted, room)
    return tuple(_times(amount, scale) for amount in amounts)


def _claim(
    amounts: Amounts,
    asks: Sequence[Ask],
    books: Books,  # noqa: ARG001
    penalty: Penalty,
    calendar: Calendar,  # noqa: ARG001
) -> Amounts:
    # Arguable: each claim stays under it by itself.
    return tuple(
        None if amount is None or ask.base is None else min(amount, ask.base * penalty.cap_of_base)
        for amount, ask in zip(amounts, asks, strict=True)
    )


_PERIODS: Mapping[Choice, Callable[[Amounts, Sequence[Ask], Books, Penalty, Calendar], Amounts]] = {
    "rolling-year": _rolling_year,
    "claim": _claim,
}
