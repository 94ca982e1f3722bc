"""Declarations → deductions by kind, each with its standing and the reason for it (rules D1 to D3)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from collector.core.calendar import Back, Calendar
from collector.core.contract import Choice, Contract, DeductionRule, Readings
from collector.core.mail import theirs
from collector.core.outage import Outage
from collector.core.record import DEDUCTION_KINDS, Declaration, Service, Standing
from collector.core.timeline import NOTHING, Instant, Span, Spans, intersection, spans, union
from collector.core.verdict import Watches, ruled


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """Time that somebody says the contract takes out, and whether it does.

    One declaration gives one of these, or two where only some of its spans stand.
    """

    id: str
    kind: str
    clause: str
    spans: Spans
    scope: tuple[str, ...]
    standing: Standing
    why: str
    """Why it is refused, or what its declarer said."""
    by: str
    document: str | None
    sent: Instant | None
    received: Instant | None
    takes: bool
    """Whether it takes time off (D1): accepted, or disputed as far as that is read so; else not."""


def in_scope(scope: Iterable[str], service: Service) -> bool:
    """Whether what a declaration is about names the service, its region, or everything."""
    return not {"*", service.name, service.region}.isdisjoint(scope)


def scopes(services: Iterable[Service]) -> set[str]:
    """All that a scope may name: services, regions, everything."""
    return {"*"}.union(*((service.name, service.region) for service in services))


def concerned(scope: Iterable[str], watched: Watches) -> Spans:
    """When a scope is about a service: a plan may have moved it to another region."""
    names = tuple(scope)
    return ruled(watched, lambda rules: in_scope(names, rules)).get(True, NOTHING)


def out_of_plan(scope: Iterable[str], services: Iterable[Service]) -> list[str]:
    """What of a scope no plan has."""
    known = scopes(services)
    return [name for name in scope if name not in known]


# -------------------------------------------------------------------------------------------------- the rules

_Judged = tuple[Standing, str]


def _declared(
    declared: Declaration,
    start: Instant,  # noqa: ARG001
    rule: DeductionRule,  # noqa: ARG001
    calendar: Calendar,  # noqa: ARG001
    readings: Readings,  # noqa: ARG001
) -> _Judged:
    return declared.standing or "proposed", declared.why


def _announced(
    declared: Declaration, start: Instant, rule: DeductionRule, calendar: Calendar, readings: Readings
) -> _Judged:
    # D2: so many clear days must lie between the notice and the start.
    standing = declared.standing or "proposed"
    if standing not in ("accepted", "disputed"):
        return standing, declared.why
    notice = theirs(declared, readings)
    if notice is None:
        return "refused", "no notice is on record"
    days = rule.notice_clear_days
    assert days is not None
    told, starts = calendar.date_of(notice), calendar.date_of(start)
    # Reading `clear-days`: full days, or full working days.
    latest = calendar.latest_notice(starts, days, _BACK[readings["clear-days"]])
    if told <= latest:
        return standing, declared.why
    return "refused", f"announced on {told} for {starts}; {days} clear days needed it by {latest}"


_BACK: Mapping[Choice, Back] = {"strict": "strict", "extended": "extended"}

_RULES: Mapping[str, Callable[[Declaration, Instant, DeductionRule, Calendar, Readings], _Judged]] = {
    "declared": _declared,
    "announced": _announced,
}


class HardwareNotice(NamedTuple):
    """How early the provider wrote, against what it says it does before maintenance of hardware."""

    clause: str
    enough_from: Instant
    """The beginning of the first day that the mail was early enough for."""
    kept: bool


def hardware_notice(
    one: Deduction, contract: Contract, calendar: Calendar, readings: Readings
) -> HardwareNotice | None:
    """Whether a mail about maintenance came as early as for hardware; where not, it is deducted all the same.

    None for what is no maintenance, for maintenance without a notice, and where the contract says nothing.
    """
    due, notice = contract.deadlines.hardware_notice, theirs(one, readings)
    if due is None or notice is None or one.kind != "planned-maintenance":
        return None
    enough = calendar.midnight(calendar.last_day(calendar.date_of(notice), due.within, due.unit, "strict"))
    return HardwareNotice(due.clause, enough, all(span.start >= enough for span in one.spans))


def deductions(
    declarations: Sequence[Declaration], contract: Contract, calendar: Calendar, readings: Readings
) -> tuple[Deduction, ...]:
    """Every deduction that was declared, with its standing, in the order in which the ledger attributes."""
    rules = {rule.kind: rule for rule in contract.deductions}
    found = [
        deduction
        for declared in declarations
        if declared.kind in DEDUCTION_KINDS
        for deduction in _judged(declared, rules.get(declared.kind), calendar, readings)
    ]
    return tuple(sorted(found, key=lambda d: (DEDUCTION_KINDS.index(d.kind), d.id, d.standing)))


def _judged(
    declared: Declaration, rule: DeductionRule | None, calendar: Calendar, readings: Readings
) -> list[Deduction]:
    verdicts: list[tuple[_Judged, Span]] = []
    for start, end in declared.spans or ():
        if end <= start:
            verdict: _Judged = "refused", "the span ends before it starts"
            start, end = end, start
        elif rule is None:
            verdict = "refused", f"the contract takes nothing off for {declared.kind}"
        else:
            verdict = _RULES[rule.rule](declared, start, rule, calendar, readings)
        verdicts.append((verdict, Span(start, end)))
    return [
        Deduction(
            id=declared.id,
            kind=declared.kind,
            clause="" if rule is None else rule.clause,
            spans=spans(span for _, span in group),
            scope=declared.scope or (),
            standing=standing,
            why=why,
            by=declared.by,
            document=declared.document,
            sent=declared.sent,
            received=declared.received,
            takes=standing in _TAKING[readings["disputed"]],
        )
        for (standing, why), group in groupby(sorted(verdicts), key=lambda pair: pair[0])
    ]


# D1, reading `disputed`: safe, what the two sides dispute takes time off.
_TAKING: Mapping[Choice, tuple[Standing, ...]] = {
    "takes-off": ("accepted", "disputed"),
    "takes-nothing": ("accepted",),
}

# ---------------------------------------------------------------------------------------- reading overrun


def _until_it_ends(announced: Spans, outages: Sequence[Outage]) -> Spans:
    # Safe: downtime that runs on past the announced end is still the maintenance.
    overruns = (
        Span(span.end, outage.ends) for span in announced for outage in outages if outage.begins < span.end
    )
    return union(announced, spans(overruns))


def _as_announced(announced: Spans, outages: Sequence[Outage]) -> Spans:  # noqa: ARG001
    return announced


_OVERRUNS: Mapping[Choice, Callable[[Spans, Sequence[Outage]], Spans]] = {
    "until-it-ends": _until_it_ends,
    "as-announced": _as_announced,
}


def taken_from(
    watched: Watches, outages: Sequence[Outage], declared: Sequence[Deduction], readings: Readings
) -> tuple[Deduction, ...]:
    """The deductions that take time off a service, with their overruns (D2), while they concern it."""
    taken = []
    for one in declared:
        if one.takes:
            planned = one.kind == "planned-maintenance"
            whole = _OVERRUNS[readings["overrun"]](one.spans, outages) if planned else one.spans
            taken.append(replace(one, spans=intersection(whole, concerned(one.scope, watched))))
    return tuple(one for one in taken if one.spans)
