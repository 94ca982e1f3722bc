"""What stands against a claim without being time: beta, zones, arrears, a contract not in force (D4)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from collector.core.calendar import Calendar
from collector.core.contract import Commitment, Contract
from collector.core.record import Account, Declaration, Service
from collector.core.sight import Testimony
from collector.core.timeline import ALWAYS, Instant, Span, Spans, difference, either_way, spans, within


@dataclass(frozen=True, kw_only=True)
class Eligibility:
    """What plans, declarations and the contract say about who may claim, as of an instant."""

    contract: Contract
    calendar: Calendar
    accounts: Mapping[str, Account]
    """The newest word on every account."""
    declarations: Sequence[Declaration]
    as_of: Instant

    def against(
        self, commitment: Commitment, services: Iterable[Service], accounts: Collection[str], span: Span
    ) -> tuple[str, ...]:
        """The flags of a figure over `span` about these services of these accounts; none of them is time."""
        flags = {
            "beta": any(service.beta for service in services),
            "not-all-zones": commitment.all_zones and not self._all_zones(accounts, span),
            "arrears": any(self._arrears(account, span) for account in accounts),
            "contract-not-in-force": difference((span,), self._in_force),
        }
        return tuple(flag for flag, raised in flags.items() if raised)

    def _all_zones(self, accounts: Collection[str], span: Span) -> bool:
        return bool(accounts) and all(self._zoned(account, span) for account in accounts)

    def _zoned(self, account: str, span: Span) -> bool:
        known = self.accounts.get(account)
        needed = within((span,), Span(span.start, min(span.end, self.as_of)))
        return (
            known is not None
            and bool(known.zones)
            and all(not difference(needed, self._deployed(account, zone)) for zone in known.zones)
        )

    def _deployed(self, account: str, zone: str) -> Spans:
        ((first, last),) = ALWAYS
        return spans(
            (first if d.from_ is None else d.from_, last if d.to is None else d.to)
            for d in self.declarations
            if d.kind == "deployment" and d.account == account and zone in (d.zones or ())
        )

    def _arrears(self, account: str, span: Span) -> bool:
        # C5: none in the period, none until the claim.
        until = Span(span.start, max(span.end, self.as_of))
        return any(
            within(either_way(d.spans or ()), until)
            for d in self.declarations
            if d.kind == "arrears" and d.account == account
        )

    @cached_property
    def _in_force(self) -> Spans:
        force = self.contract.in_force
        until = self.calendar.midnight(date.fromisoformat(force.until)) if force.until else ALWAYS[0].end
        return spans([(self.calendar.midnight(date.fromisoformat(force.since)), until)])


def newest_accounts(testimonies: Iterable[Testimony], as_of: Instant) -> dict[str, Account]:
    """Account id → the newest word of any plan on it."""
    plans = sorted(
        (p for told in testimonies for p in told.harvest.plans if p.at <= as_of), key=lambda p: p.at
    )
    return {account.id: account for plan in plans for account in plan.accounts}
