"""Missed windows → claims: which window, what it is worth, until when, and what is missing (rules C3 to C5).

A claim is judged on downtime that is reserved, that a ticket told of where one is needed, and that no earlier
claim has asked for: an instant pays once per commitment. Two plans are drawn up, one over the positions of
the sliding window, one over the calendar; the reading `window` says which of them is the claim.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import attrgetter
from typing import Literal, NamedTuple, TypeAlias

from collector.core.attainment import Attainment, Stake
from collector.core.breach import (
    Breach,
    Ground,
    Kind,
    Until,
    asked_elsewhere,
    eligible,
    needs_ticket,
    of_calendar,
    sliding,
    told_by,
    without,
)
from collector.core.contract import Choice
from collector.core.credit import Ask, Base, Books, Cents, Month, asked_for, books, by_month, capped, total
from collector.core.deduction import concerned
from collector.core.record import DEDUCTION_KINDS
from collector.core.reservation import documented, leaves_for
from collector.core.timeline import Instant, Span, Spans, difference, intersection, spans, union, within
from collector.core.verdict import ruled

State: TypeAlias = Literal["due", "late", "blocked"]


class Need(NamedTuple):
    """Something without which a claim is incomplete, whether it is there, and the declarations it is in."""

    what: str
    met: bool
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A credit that may be asked for, and on what."""

    id: str
    account: str
    commitment: str
    attainment: Attainment
    """Of the window claimed; its claimable figure is what this claim counts."""
    kind: Kind
    due: Until
    state: State
    share: Fraction
    """Of the base, by the formula."""
    base: Base
    by_formula: Cents | None
    """None until the base is invoiced; split by months of the incidents in `parts`."""
    parts: Mapping[Month, Cents]
    after_invoice_cap: Cents | None
    credit: Cents | None
    """What is left under both caps, shared with all claims of the account; None until invoiced."""
    needs: tuple[Need, ...]

    @property
    def counted(self) -> Spans:
        """The downtime that it asks a credit for."""
        return self.attainment.claimable.down


def claims(stakes: Iterable[Stake], ground: Ground) -> tuple[Claim, ...]:
    """All claims that may still be drawn up at `as_of`, and those that nobody drew up in time."""
    promised: dict[tuple[str, str], list[Stake]] = defaultdict(list)
    for stake in (part for whole in stakes for part in _by_subject(whole, ground)):
        promise = ground.contract.promise(stake.commitment.id, ground.readings)[0]
        promised[stake.rules.account, promise].append(stake)
    found: list[Claim] = []
    for account in sorted({account for account, _ in promised}):
        known = books(account, ground.declarations, ground.calendar)
        drawn = [
            claim
            for (of, promise), concerned in sorted(promised.items())
            if of == account
            for claim in _drawn(promise, _one_each(concerned), ground, known)
        ]
        found += _settled(drawn, ground, known)
    return tuple(found)


_SUBJECT = attrgetter("account", "region", "zone", "resource")
"""What a service is about: a plan that says something else by the same name means another one."""


def _by_subject(stake: Stake, ground: Ground) -> Iterable[Stake]:
    """A stake for each account, region, zone and resource that a service was: of the time in which it was,
    and was promised this under any heading.

    Clause 11: a contract is about one account. And what two resources lost by one name nobody has lost.
    """
    headings = {*ground.contract.headings(stake.commitment.id)}
    newest = {
        _SUBJECT(watch.rules): watch.rules
        for _, watch in stake.watched
        if not headings.isdisjoint(watch.rules.commitments)
    }
    held = ruled(stake.watched, lambda of: (_SUBJECT(of), headings.isdisjoint(of.commitments)))
    for subject, rules in newest.items():
        reserved = intersection(stake.facts.reserved, held[subject, False])
        yield stake._replace(rules=rules, facts=stake.facts._replace(reserved=reserved))


def _one_each(stakes: Sequence[Stake]) -> Sequence[Stake]:
    """One stake per service: a promise that it lists under several headings is one."""
    return list({(s.rules.name, _SUBJECT(s.rules)): s for s in reversed(stakes)}.values())[::-1]


def _drawn(promise: str, stakes: Sequence[Stake], ground: Ground, known: Books) -> Iterable[Claim]:
    counted = [eligible(stake, ground) for stake in stakes]
    said, choice = ground.contract, ground.readings["window"]
    either = {"window": choice}, said.all_safe(), said.all_arguable()
    kinds = {kind for readings in either for kind in _WINDOWS[readings["window"]].kinds}
    plans = {kind: _planned(counted, of_kind, ground) for kind, of_kind in _PLANS.items() if kind in kinds}
    unit, windows = _UNITS[ground.readings["penalty-unit"]], _WINDOWS[choice]
    late = [breach for kind in windows.kinds for breach in plans[kind] if breach.late]
    if windows.both_in_time and late:
        counted = [without(stake, _gone(stake, late)) for stake in counted]
        plans = {kind: _planned(counted, _PLANS[kind], ground) for kind in windows.kinds}
    in_time = [[breach for breach in plans[kind] if not breach.late] for kind in windows.kinds]
    worth = _worths([breach for plan in in_time for breach in plan], ground, known)
    valued = _valued([unit(plan, worth, ground) for plan in in_time], ground, known)
    best = windows.of(value for value, _ in valued)
    chosen = next(plan for value, plan in valued if value == best)
    # What the reading in force holds to be late sets no clock for what is due; what it leaves out does.
    others = [b for kind, plan in plans.items() for b in plan if kind not in windows.kinds or not b.late]
    for breach in [*chosen, *late]:
        yield _claim(promise, breach, others, ground, known)


def _planned(
    stakes: Iterable[Stake], of_kind: Callable[[Stake, Ground], Iterable[Breach]], ground: Ground
) -> Sequence[Breach]:
    return [breach for stake in stakes for breach in of_kind(stake, ground)]


def _gone(stake: Stake, late: Iterable[Breach]) -> Spans:
    """What of a stake was given up with windows that nobody claimed in time."""
    return union(*(breach.gone for breach in late if breach.stake.rules.name == stake.rules.name))


_PLANS: Mapping[Kind, Callable[[Stake, Ground], Iterable[Breach]]] = {
    "sliding": sliding,
    "calendar": of_calendar,
}


# ---------------------------------------------------------------------------------- what a claim looks like


def _claim(promise: str, breach: Breach, others: Sequence[Breach], ground: Ground, known: Books) -> Claim:
    found = breach.attainment
    base = _base(found, ground, known)
    ask = _ask(breach.share, base, found, ground)
    parts = ((month, ask.part(month)) for month in ask.months)
    return Claim(
        id=f"{promise}/{breach.stake.rules.name}/{breach.kind}@{found.claimable.down[0].start}",
        account=breach.stake.rules.account,
        commitment=promise,
        attainment=found,
        kind=breach.kind,
        due=breach.until(others, ground),
        state="late" if breach.late else "blocked" if _blocked(found) else "due",
        share=breach.share,
        base=base,
        by_formula=ask.amount,
        parts={month: part for month, part in parts if part is not None},
        after_invoice_cap=None,
        credit=None,
        needs=tuple(_needs(promise, breach, ground)),
    )


def _base(found: Attainment, ground: Ground, known: Books) -> Base:
    penalty = ground.contract.penalty
    return Base(None, {}, ()) if penalty is None else known.base(found.window.span, ground.calendar, penalty)


def _ask(share: Fraction, base: Base, found: Attainment, ground: Ground) -> Ask:
    amount = None if base.amount is None else share * base.amount
    months = by_month(Fraction(1), found.claimable.down, ground.calendar)
    return Ask(amount, months, base.amount, found.window.span)


BLOCKING = ("beta", "not-all-zones", "arrears", "contract-not-in-force")
"""D4: flags of an attainment that stand against claiming it, whatever it says."""


def _blocked(found: Attainment) -> bool:
    return any(flag in BLOCKING for flag in found.flags)


def _settled(drawn: Sequence[Claim], ground: Ground, known: Books) -> Iterable[Claim]:
    """The claims with what the caps leave of those that are due: they share them in proportion."""
    penalty, due = ground.contract.penalty, [k for k, claim in enumerate(drawn) if claim.state == "due"]
    settled = list(drawn)
    if penalty is not None and due:
        asks = [_ask(drawn[k].share, drawn[k].base, drawn[k].attainment, ground) for k in due]
        left = capped(asks, known, penalty, ground.calendar, ground.readings)
        for n, k in enumerate(due):
            settled[k] = replace(drawn[k], after_invoice_cap=left.of_invoice[n], credit=left.of_base[n])
    return settled


def _needs(promise: str, breach: Breach, ground: Ground) -> Iterable[Need]:
    """C5: all that a claim needs, there or missing."""
    stake, found = breach.stake, breach.attainment
    counted, told = found.claimable.down, ground.declarations
    yield Need("calculation", True)
    notices = [d for d in told if leaves_for(stake.rules.name, d) and intersection(documented(d), counted)]
    # C1: one that said that it goes on did not tell when it ended.
    final = union(*(documented(d) for d in notices if not d.ongoing))
    reserved = not difference(counted, final) or ground.contract.deadlines.reservation is None
    yield Need("reservations", reserved, tuple(d.id for d in notices))
    # D5: what is only proposed may yet be taken off.
    open_ = [
        d.id
        for d in told
        if d.kind in DEDUCTION_KINDS and (d.standing or "proposed") == "proposed"
        if intersection(intersection(spans(d.spans or ()), concerned(d.scope or (), stake.watched)), counted)
    ]
    if open_:
        yield Need("decided-deductions", met=False, by=tuple(open_))
    tickets = [d.id for d in told if intersection(told_by(d, stake), counted)]
    yield Need("ticket", bool(tickets) or not needs_ticket(ground), tuple(tickets))
    if stake.commitment.all_zones:
        proofs = [d.id for d in told if d.kind == "deployment" and d.account == stake.rules.account]
        yield Need("all-zones", "not-all-zones" not in found.flags, tuple(proofs))
    yield Need("no-arrears", "arrears" not in found.flags)
    if stake.rules.via == "internet":
        # Two witnesses for what is reached through the Internet: one of them may be what had failed.
        yield Need("two-witnesses", not difference(counted, _witnessed(stake)))
    statements = {
        d.statement
        for d in told
        if d.kind == "claim" and d.commitment in ground.contract.promise(promise, ground.readings)
        if stake.rules.name in (d.services or ()) and intersection(asked_for(d), counted)
    }
    kept = [d.id for d in told if d.kind == "statement" and d.id in statements]
    yield Need("evidence", bool(kept), tuple(kept))


def _witnessed(stake: Stake) -> Spans:
    """When being DOWN took two vantage points (V1)."""
    return spans(
        span
        for span, watch in stake.watched
        if watch.rules.witnesses != 1 and len({watcher.vantage for watcher in watch.probes}) > 1
    )


# ------------------------------------------------------------------------------------ reading penalty-unit


Worth: TypeAlias = Callable[[Sequence[Breach]], "Value"]


def _commitment(of: Sequence[Breach], worth: Worth, ground: Ground) -> Sequence[Breach]:
    # Safe: one penalty per commitment and window, for the resource with the smallest shortfall. Once it is
    # asked for, it settles that window for the others too.
    smallest: list[Breach] = []
    for group in _overlapping([breach for breach in of if not _asked_elsewhere(breach, ground)]):
        least = min((_disjoint(each, worth) for each in _by_resource(group)), key=_shares)
        smallest += least
    return smallest


def _asked_elsewhere(breach: Breach, ground: Ground) -> bool:
    return bool(within(asked_elsewhere(breach.stake, ground), breach.attainment.window.span))


def _resource(of: Sequence[Breach], worth: Worth, ground: Ground) -> Sequence[Breach]:  # noqa: ARG001
    # Arguable: one penalty per resource.
    return [breach for each in _by_resource(of) for breach in _disjoint(each, worth)]


def _by_resource(of: Iterable[Breach]) -> Iterable[Sequence[Breach]]:
    resources: dict[str, list[Breach]] = defaultdict(list)
    for breach in of:
        resources[breach.stake.rules.name].append(breach)
    return resources.values()


_UNITS: Mapping[Choice, Callable[[Sequence[Breach], Worth, Ground], Sequence[Breach]]] = {
    "commitment": _commitment,
    "resource": _resource,
}


def _shares(of: Sequence[Breach]) -> Fraction:
    return sum((breach.share for breach in of), Fraction(0))


def _overlapping(of: Sequence[Breach]) -> Iterable[list[Breach]]:
    """Groups of windows that hang together."""
    group: list[Breach] = []
    reach: Instant = 0
    for breach in sorted(of, key=lambda m: m.attainment.window.span):
        start, end = breach.attainment.window.span
        if group and start >= reach:
            yield group
            group = []
        reach = max(reach, end)
        group.append(breach)
    if group:
        yield group


def _disjoint(of: Sequence[Breach], worth: Worth) -> Sequence[Breach]:
    """C3: of windows of one service, the disjoint ones that are worth most; of equals, the earlier."""
    best: list[tuple[Instant, Sequence[Breach]]] = [(0, ())]
    for breach in sorted(of, key=lambda m: m.attainment.window.span.end):
        start, end = breach.attainment.window.span
        before = max((chosen for until, chosen in best if until <= start), key=worth)
        with_it = [*before, breach]
        if worth(with_it) > worth(best[-1][1]):
            best.append((end, with_it))
    return best[-1][1]


# ------------------------------------------------------------------------------------------ reading window


Value: TypeAlias = tuple[Fraction, Fraction]
"""Of a plan: its credit under both caps, taken alone; its shares of the base, which part equal credits."""


def _valued(
    plans: Sequence[Sequence[Breach]], ground: Ground, known: Books
) -> Sequence[tuple[Value, Sequence[Breach]]]:
    """Plans with what each is worth; by shares alone while the credit of one of them is not known."""
    priced = [(_credit(plan, ground, known), plan) for plan in plans]
    sure = all(credit is not None for credit, _ in priced)
    return [((credit if sure and credit else Fraction(0), _shares(plan)), plan) for credit, plan in priced]


def _worths(in_time: Sequence[Breach], ground: Ground, known: Books) -> Worth:
    """The same of windows that are each claimed alone: there may be very many to choose from."""
    values = _valued([[breach] for breach in in_time], ground, known)
    credits = {_place(breach): credit for (credit, _), (breach,) in values}
    return lambda of: (sum((credits[_place(breach)] for breach in of), Fraction(0)), _shares(of))


def _place(breach: Breach) -> tuple[str, Kind, Span]:
    return breach.stake.rules.name, breach.kind, breach.attainment.window.span


def _credit(plan: Sequence[Breach], ground: Ground, known: Books) -> Cents | None:
    penalty = ground.contract.penalty
    if penalty is None:
        return None
    open_ = [breach for breach in plan if not _blocked(breach.attainment)]
    bases = ((breach, _base(breach.attainment, ground, known)) for breach in open_)
    asks = [_ask(breach.share, base, breach.attainment, ground) for breach, base in bases]
    return total(capped(asks, known, penalty, ground.calendar, ground.readings).of_base if asks else ())


class _Windows(NamedTuple):
    """Which plans a choice looks at, and which of them it takes; of equals, the first."""

    kinds: Sequence[Kind]
    both_in_time: bool
    """What lapsed in a window of either kind is gone: the provider may hold that one to be the right one."""
    of: Callable[[Iterable[Value]], Value]


_WINDOWS: Mapping[Choice, _Windows] = {
    "smaller-credit": _Windows(("sliding", "calendar"), True, min),
    "larger-credit": _Windows(("sliding", "calendar"), False, max),
    # Contracts that leave no doubt.
    "sliding": _Windows(("sliding",), False, max),
    "calendar": _Windows(("calendar",), False, max),
}
