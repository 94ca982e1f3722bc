"""What an account comes to, for a scenario: claims, reservations, deadlines, and what a reading is worth."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from collector import contracts
from collector.core.account import Account, Settlement, replay, settle
from collector.core.claim import Claim
from collector.core.credit import Cents, total
from collector.core.deadline import Deadline
from collector.core.effect import effects
from collector.core.reservation import Coverage
from tests.scenario.story import Question, Scenario
from tests.scenario.told import Asked, AskedClaim, AskedDeadline, AskedReservation
from tests.scenario.words import Times, amount, cents, fraction, months

# ------------------------------------------------------------------------------------------- what was found

OF_CLAIM: Mapping[str, Callable[[Claim], Any]] = {
    "account": lambda c: c.account,
    "commitment": lambda c: c.commitment,
    "service": lambda c: c.attainment.service,
    "kind": lambda c: c.kind,
    "window": lambda c: c.attainment.window.span,
    "counted": lambda c: c.attainment.claimable.amount,
    "attained": lambda c: c.attainment.claimable.best,
    "share": lambda c: c.share,
    "base": lambda c: c.base.amount,
    "invoiced": lambda c: tuple(c.base.months),
    "not_invoiced": lambda c: c.base.missing,
    "by_formula": lambda c: c.by_formula,
    "parts": lambda c: dict(c.parts),
    "after_invoice_cap": lambda c: c.after_invoice_cap,
    "credit": lambda c: c.credit,
    "safe": lambda c: c.due.safe,
    "latest": lambda c: c.due.latest,
    "state": lambda c: c.state,
    "missing": lambda c: tuple(need.what for need in c.needs if not need.met),
    "rests_on": lambda c: {need.what: need.by for need in c.needs if need.by},
    "flags": lambda c: c.attainment.flags,
}
OF_RESERVATION: Mapping[str, Callable[[Coverage], Any]] = {
    "service": lambda one: one.service,
    "notices": lambda one: one.notices,
    "reserved": lambda one: one.reserved,
    "waived": lambda one: one.waived,
    "open": lambda one: one.open,
    "safe": lambda one: one.safe,
    "latest": lambda one: one.latest,
}
OF_DEADLINE: Mapping[str, Callable[[Deadline], Any]] = {
    "task": lambda one: one.task,
    "about": lambda one: one.about,
    "safe": lambda one: one.safe,
    "latest": lambda one: one.latest,
    "clause": lambda one: one.clause,
}


def settled(answer: str, account: Account, scenario: Scenario, question: Question, asked: Asked) -> Any:
    """What the account says about one of `SETTLED`."""
    if answer == "effect":
        return _effects(scenario, question, asked.effect or {})
    settlement = settle(account)
    match answer:
        case "claims":
            return _each(
                settlement.claims, asked.claims, OF_CLAIM, ("commitment", "service", "kind", "state")
            )
        case "reservations":
            return _each(settlement.reservations, asked.reservations, OF_RESERVATION, ("service",))
        case "deadlines":
            return _each(settlement.deadlines, asked.deadlines, OF_DEADLINE, ("task", "about"))
        case _:
            return _totals(settlement)


def _each(
    found: Sequence[Any], asked: Sequence[Any] | None, of: Mapping[str, Any], name: Sequence[str]
) -> Any:
    """Of each that was found, what is asked of the one at its place; of one too many, what it is called."""
    return [
        "none" if one is None else {key: of[key](one) for key in (_told(each) if each else name)}
        for one, each in zip_longest(found, asked or ())
    ]


def _told(asked: msgspec.Struct) -> dict[str, Any]:
    return {key: value for key in asked.__struct_fields__ if (value := getattr(asked, key)) is not None}


def _totals(settlement: Settlement) -> dict[str, Cents | None]:
    """Account → what its claims that are due come to; None while one of them is not known."""
    due = [claim for claim in settlement.claims if claim.state == "due"]
    return {of: total(one.credit for one in due if one.account == of) for of in {one.account for one in due}}


def _effects(scenario: Scenario, question: Question, asked: Mapping[str, Any]) -> dict[str, Any]:
    origins = {journal.origin: journal.lines for journal in scenario.journals}
    found = effects(
        replay(origins, scenario.contract, question.as_of),
        scenario.contract,
        contracts.calendar(scenario.contract),
        as_of=question.as_of,
        readings=question.readings,
        asked=(question.window,),  # type: ignore[arg-type]  # as where the account is drawn
    )
    worth = {f"{one.reading}={one.choice}": dict(one.credit) for one in found}
    return {moved: worth.get(moved, "no such effect") for moved in asked}


# ------------------------------------------------------------------------------------------ what was expected


def settled_expected(answer: str, value: Any, times: Times) -> Any:
    """The same of what a scenario expects."""
    match answer:
        case "total":
            return {account: cents(text) for account, text in value.items()}
        case "effect":
            return {
                moved: {account: (cents(before), cents(after)) for account, (before, after) in by.items()}
                for moved, by in value.items()
            }
        case _:
            return [
                {key: _meant(key, told, each, times) for key, told in _told(each).items()} for each in value
            ]


def _meant(key: str, told: Any, asked: AskedClaim | AskedReservation | AskedDeadline, times: Times) -> Any:
    match key:
        case "window":
            return times.span(told)
        case "reserved" | "waived" | "open":
            return tuple(times.span(text) for text in told)
        case "counted":
            return amount(told)
        case "attained" | "share":
            return fraction(told)
        case "base" | "by_formula" | "after_invoice_cap" | "credit":
            return cents(told)
        case "parts":
            return {month: cents(text) for month, text in told.items()}
        case "invoiced" | "not_invoiced":
            return tuple(_months(told))
        case "safe" | "latest":
            return None if told == "none" else times.until(told)
        case _:
            return told


def _months(told: Sequence[str]) -> Iterable[str]:
    for text in told:
        yield from months(text)
