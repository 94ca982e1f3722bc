"""What of an account is to be explained: by the name of a promise or a service, by an id, or all not met."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TypeAlias

from collector.core.account import Account
from collector.core.attainment import Attainment
from collector.core.claim import Claim
from collector.core.deduction import Deduction
from collector.core.durability import DurabilityFigure
from collector.core.latency import LatencyFigure
from collector.core.outage import Outage
from collector.core.support import SupportTime, Ticket
from collector.errors import UsageError
from exporters.documents.finding import WORD

Figure: TypeAlias = Attainment | LatencyFigure | DurabilityFigure


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What of an account is to be explained."""

    attainments: Sequence[Attainment] = ()
    outages: Sequence[Outage] = ()
    """By themselves; those of the attainments come with them."""
    deductions: Sequence[Deduction] = ()
    claims: Sequence[Claim] = ()
    latency: Sequence[LatencyFigure] = ()
    durability: Sequence[DurabilityFigure] = ()
    tickets: Sequence[Ticket] = ()
    whole: bool = False
    """Nothing was named: those that are met need no more than a line."""

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return self.whole or any(
            (
                self.attainments, self.outages, self.deductions, self.claims, self.latency, self.durability,
                self.tickets,
            )
        )  # fmt: skip

    @property
    def in_full(self) -> Sequence[Attainment]:
        """The attainments of which more than a line is told."""
        return [one for one in self.attainments if not (self.whole and one.finding == "MET")]

    @property
    def besides(self) -> Sequence[LatencyFigure | DurabilityFigure]:
        """Promises that are no share of time."""
        return [*self.latency, *self.durability]

    @property
    def in_full_besides(self) -> Sequence[LatencyFigure | DurabilityFigure]:
        """Those of which more than a line is told."""
        over = [one for one in self.latency if one.over or not self.whole]
        return [*over, *(one for one in self.durability if one.finding != "MET" or not self.whole)]

    @property
    def in_full_tickets(self) -> Sequence[Ticket]:
        """Tickets of which more than a line for each promise is told."""
        return [
            one for one in self.tickets if not self.whole or any(o.finding != "MET" for o in one.commitments)
        ]

    @property
    def judged(self) -> Sequence[Attainment | DurabilityFigure | SupportTime]:
        """All that has a finding."""
        return [*self.attainments, *self.durability, *(o for one in self.tickets for o in one.commitments)]

    @property
    def figures(self) -> Sequence[Figure]:
        """All that is a promise of a service."""
        return [*self.attainments, *self.latency, *self.durability]

    @property
    def ids(self) -> set[str]:
        """Of what was named by one, or takes time off an attainment."""
        found = {one.id for one in self.deductions} | {one.id for one in self.claims}
        found |= {one.id for one in self.tickets}
        for one in self.attainments:
            found.update(id for line in (*one.ledger, *one.excluded) for id in line.because)
        return found


def named(account: Account, claims: Sequence[Claim], what: str | None) -> Subject:
    """What `what` names; UsageError with what there is if it names nothing."""
    if what is None:
        return Subject(
            attainments=sorted(account.attainments, key=_worst_first),
            latency=account.latency,
            durability=account.durability,
            claims=claims,
            tickets=sorted(account.tickets, key=_missed_first),
            whole=True,
        )
    found = Subject(
        attainments=sorted((a for a in account.attainments if _is_named(a, what)), key=_worst_first),
        latency=[one for one in account.latency if _is_named(one, what)],
        durability=[one for one in account.durability if _is_named(one, what)],
        outages=[o for r in account.runs.values() for o in (*r.outages, *r.blips) if o.id == what],
        deductions=[one for one in account.deductions if one.id == what],
        claims=[one for one in claims if one.id == what],
        tickets=sorted(_tickets(account.tickets, what), key=_missed_first),
    )
    if not found:
        raise UsageError(_unknown(account, claims, what))
    return found


def _is_named(one: Figure, what: str) -> bool:
    return what in (one.commitment, one.service, f"{one.commitment}/{one.service}")


def _tickets(tickets: Sequence[Ticket], what: str) -> Iterator[Ticket]:
    """Those of an id or a number whole, and of all others what is owed by that name."""
    for one in tickets:
        owed = tuple(o for o in one.commitments if o.commitment == what)
        if what in (one.id, one.number):
            yield one
        elif owed:
            yield replace(one, commitments=owed)


_FINDINGS = tuple(WORD)


def _missed_first(one: Ticket) -> int:
    return min((_FINDINGS.index(owed.finding) for owed in one.commitments), default=len(_FINDINGS))


def _worst_first(one: Attainment) -> tuple[object, ...]:
    """MISSED before OPEN before MET; by how far the best lies below the target."""
    short = 0 if one.net.best is None else one.net.best - one.target
    return _FINDINGS.index(one.finding), short, one.service, one.commitment, one.window


def _unknown(account: Account, claims: Sequence[Claim], what: str) -> str:
    figures: list[Figure] = [*account.attainments, *account.latency, *account.durability]
    owed = {owed.commitment for one in account.tickets for owed in one.commitments}
    names = sorted(owed | {name for one in figures for name in (one.commitment, one.service)})
    ids = [one.id for one in account.deductions] + [one.id for one in claims]
    ids += [one.id for one in account.tickets] + [o.id for r in account.runs.values() for o in r.outages]
    close = get_close_matches(what, [*names, *ids], 3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(names)}"
    return (
        "WHAT: expected a commitment, a service, COMMITMENT/SERVICE, or the id of an outage, a deduction, "
        f'a claim or a ticket of this account, got "{what}"; {hint}'
    )
