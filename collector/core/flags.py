"""What is odd about all that was told and declared, as flags of the account: nothing is silently dropped.

A flag is `kind: subject: what it is (line)`; for programs, its kind and subject are stable, its words not.
What every kind means, and what it does to figures, is listed in FLAGS.md.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from collector.core.contract import Contract
from collector.core.correction import Stated
from collector.core.credit import is_credit_for
from collector.core.declaration import problems
from collector.core.deduction import scopes
from collector.core.record import Declaration, Plan, Service
from collector.core.sight import Testimony


def flags(
    stated: Stated,
    testimonies: Sequence[Testimony],
    services: Sequence[Service],
    accounts: Iterable[str],
    contract: Contract,
) -> tuple[str, ...]:
    """What concerns the account as a whole; each names the line that it is about, where it is about one."""
    known = _Known(stated.declarations, services, accounts, contract)
    of_declarations = (
        f"{kind}: {said.declared.id}: {what} ({said.place})"
        for said in stated.standing
        for kind, what in known.odd(said.declared)
    )
    of_plans = _of_plans(testimonies, {service.name for service in services})
    return (*_of_origins(testimonies), *of_plans, *stated.flags, *of_declarations)


def _of_origins(testimonies: Sequence[Testimony]) -> Iterator[str]:
    if not testimonies:
        yield "no-journal: no origin has a line, so nothing is known"
    for told in testimonies:
        if not told.harvest.plans:
            yield f"no-plan: {told.origin}: it states no plan by then, so nothing that it saw counts"


def _of_plans(testimonies: Sequence[Testimony], services: Collection[str]) -> Iterator[str]:
    told: dict[tuple[str, str], str] = {}  # once for each origin: it states its plan again at every start
    for one in testimonies:
        for plan in one.harvest.plans:
            for flag in _odd(plan, services):
                told.setdefault((one.origin, flag), f"{flag} ({one.origin}:{plan.seq})")
    yield from told.values()


def _odd(plan: Plan, services: Collection[str]) -> Iterator[str]:
    """What a plan says about services that no plan has."""
    for probe in plan.probes:
        if probe.role != "control" and probe.service not in services:
            yield f'unknown-service: {probe.name}: no plan has "{probe.service}", so it sees for nobody'
    for service in plan.services:
        for name in service.equivalents:
            if name not in services:
                yield f'unknown-equivalent: {service.name}: no plan has "{name}", so it is never known down'


class _Known:
    """What a declaration may be about."""

    def __init__(
        self,
        declarations: Sequence[Declaration],
        services: Sequence[Service],
        accounts: Iterable[str],
        contract: Contract,
    ) -> None:
        self._services = {service.name for service in services}
        self._scopes = scopes(services)
        self._accounts = {None, *accounts, *(service.account for service in services)}
        self._commitments = {None, *(one.id for one in contract.commitments)}
        self._contract = contract.id
        self._claims = [one for one in declarations if one.kind == "claim"]
        self._invoices: dict[tuple[str | None, str | None], list[str]] = defaultdict(list)
        for one in declarations:
            if one.kind == "invoice":
                self._invoices[one.account, one.month].append(one.id)

    def odd(self, declared: Declaration) -> Iterator[tuple[str, str]]:
        """Kind and words of all that is odd about a declaration."""
        for problem in problems(declared):
            yield "malformed", problem
        for name in self._strangers(declared):
            yield "unknown-scope", f'no plan has "{name}"'
        if declared.account not in self._accounts:
            yield "unknown-account", f'no plan has "{declared.account}"'
        if declared.commitment not in self._commitments:
            yield "unknown-commitment", f'{self._contract} has no "{declared.commitment}"'
        if declared.kind == "credit" and not any(is_credit_for(one, declared) for one in self._claims):
            yield "unknown-claim", f'no claim of its account is called "{declared.claim}"'
        if declared.kind == "invoice":
            yield from self._rivals(declared)
        sent, received = declared.sent, declared.received
        if sent is not None and received is not None and received < sent:
            yield "received-before-sent", f"by {sent - received} us; what leaves the customer less counts"

    def _strangers(self, declared: Declaration) -> Iterator[str]:
        """What it is about, and no plan has; `services` are names, where a scope may also be a region."""
        yield from (name for name in declared.scope or () if name not in self._scopes)
        yield from (name for name in declared.services or () if name not in self._services)

    def _rivals(self, invoice: Declaration) -> Iterator[tuple[str, str]]:
        for other in self._invoices[invoice.account, invoice.month]:
            if other != invoice.id:
                yield "invoiced-twice", f'"{other}" is of {invoice.month} too; the lower of them counts'
