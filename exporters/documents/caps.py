"""How far the caps of a penalty reach: what each allows, what is taken of it already, and what it leaves."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from collector.core.claim import Claim
from collector.core.contract import Choice, Penalty
from collector.core.credit import Books, Cents, Month, books
from exporters.documents.words import Context


class Cap(NamedTuple):
    """A limit that all claims of an account share in proportion, and how one claim fares under it."""

    limit: Cents
    spent: Cents
    """Credited already, or asked for by claims that were sent."""
    asked: Cents
    """By all claims of the account that are due."""
    part: Cents
    """By this one."""

    @property
    def room(self) -> Cents:
        """What is left for all of them; nothing where more is taken already than the cap allows."""
        return max(self.limit - self.spent, Cents(0))

    @property
    def fits(self) -> bool:
        return self.asked <= self.room

    @property
    def left(self) -> Cents:
        """What it leaves of this one."""
        return self.part if self.fits else self.part * self.room / self.asked


class OfBase(NamedTuple):
    """The cap of the base, and the claim whose base it is: of several, that which leaves least."""

    whose: Claim
    cap: Cap


def of_invoices(one: Claim, penalty: Penalty, context: Context) -> Mapping[Month, Cap]:
    """Clause 8: month by month of the incidents, a share of that month's invoice."""
    assert penalty.cap_of_invoice is not None
    known, together = _books(one, context), _together(one, context)
    return {
        month: Cap(
            limit=(known.invoiced(month) or Cents(0)) * penalty.cap_of_invoice,
            spent=known.credited(month),
            asked=sum((claim.parts.get(month, Cents(0)) for claim in together), Cents(0)),
            part=part,
        )
        for month, part in one.parts.items()
    }


def of_base(one: Claim, penalty: Penalty, context: Context) -> OfBase:
    """Annex B: the base, over what the reading `cap-period` says."""
    return _PERIODS[context.account.readings["cap-period"]](one, penalty, context)


def _rolling_year(one: Claim, penalty: Penalty, context: Context) -> OfBase:
    known, together = _books(one, context), _together(one, context)

    def spent(claim: Claim) -> Cents:
        return known.credited_since(claim.attainment.window.span.end, context.calendar)

    least = min(together, key=lambda claim: (_limit(claim, penalty) - spent(claim), claim is not one))
    asked = sum((claim.after_invoice_cap or Cents(0) for claim in together), Cents(0))
    return OfBase(least, Cap(_limit(least, penalty), spent(least), asked, one.after_invoice_cap or Cents(0)))


def _by_itself(one: Claim, penalty: Penalty, context: Context) -> OfBase:  # noqa: ARG001
    part = one.after_invoice_cap or Cents(0)
    return OfBase(one, Cap(_limit(one, penalty), Cents(0), part, part))


_PERIODS: Mapping[Choice, Callable[[Claim, Penalty, Context], OfBase]] = {
    "rolling-year": _rolling_year,
    "claim": _by_itself,
}
"""How each choice of the reading `cap-period` is redone."""


def _limit(claim: Claim, penalty: Penalty) -> Cents:
    return (claim.base.amount or Cents(0)) * penalty.cap_of_base


def _together(one: Claim, context: Context) -> Sequence[Claim]:
    return [c for c in context.settlement.claims if c.account == one.account and c.state == "due"]


def _books(one: Claim, context: Context) -> Books:
    return books(one.account, context.account.ground.declarations, context.calendar)
