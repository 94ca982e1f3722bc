"""What an account says about all that a scenario asks, and what the scenario expects, in the same terms."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from collector import contracts
from collector.core.account import Account, draw, replay
from collector.core.attainment import Attainment
from collector.core.timeline import Spans, duration, spans
from collector.errors import UncountableJournal, UsageError
from tests.scenario.settled import settled, settled_expected
from tests.scenario.story import Question, Scenario
from tests.scenario.told import ANSWERS, SETTLED, Asked
from tests.scenario.words import Times, amount, fraction


def found(scenario: Scenario, question: Question, asked: Asked) -> dict[str, Any]:
    """What the account says about all that `asked` expects."""
    try:
        account = drawn(scenario, question)
    except (UncountableJournal, UsageError) as refused:
        words = asked.refused or ""
        return {"refused": words if words and words in str(refused) else str(refused)}
    told = [answer for answer in ANSWERS if getattr(asked, answer) is not None]
    return {answer: _answer(answer, account, scenario, question, asked) for answer in told}


def drawn(scenario: Scenario, question: Question) -> Account:
    origins = {journal.origin: journal.lines for journal in scenario.journals}
    return draw(
        replay(origins, scenario.contract, question.as_of),
        scenario.contract,
        contracts.calendar(scenario.contract),
        as_of=question.as_of,
        readings=question.readings,
        asked=(question.window,),  # type: ignore[arg-type]  # an unknown word is refused where it is read
    )


# ------------------------------------------------------------------------------------------- what was found

OF_ACCOUNT: dict[str, Callable[[Account], Any]] = {
    "certain": lambda account: _all(outage.certain for outage in account.outages),
    "possible": lambda account: _all(outage.possible for outage in account.outages),
    "outages": lambda account: len(account.outages),
    "blips": lambda account: len(account.blips),
    "incidents": lambda account: len(account.incidents),
    "warnings": lambda account: tuple(re.sub(r" \(\S+:\d+\)$", "", flag) for flag in account.flags),
}
OF_ATTAINMENT: dict[str, Callable[[Attainment], Any]] = {
    "agreed": lambda a: a.agreed,
    "up": lambda a: a.up,
    "down": lambda a: a.down,
    "edge": lambda a: a.edge,
    "unknown": lambda a: a.unknown,
    "excluded": lambda a: {line.kind: duration(line.spans) for line in a.excluded},
    "net": lambda a: a.net.amount,
    "claimable": lambda a: a.claimable.amount,
    "best": lambda a: a.net.best,
    "worst": lambda a: a.net.worst,
    "observed_best": lambda a: a.observed.best,
    "observed_worst": lambda a: a.observed.worst,
    "claimable_best": lambda a: a.claimable.best,
    "target": lambda a: a.target,
    "finding": lambda a: a.finding,
    "claim_finding": lambda a: a.claim_finding,
    "coverage": lambda a: a.coverage,
    "flags": lambda a: a.flags,
    "episodes": lambda a: tuple((one.first.end, one.last.end) for one in a.episodes),
}


def _answer(answer: str, account: Account, scenario: Scenario, question: Question, asked: Asked) -> Any:
    if answer in SETTLED:
        return settled(answer, account, scenario, question, asked)
    if answer in OF_ACCOUNT:
        return OF_ACCOUNT[answer](account)
    if answer == "standing":
        return {one.id: f"{one.standing}: {one.why}".rstrip(": ") for one in account.deductions}
    if answer == "latency":
        (one,) = account.latency
        return {
            "over": one.over,
            "within": one.within,
            "undecided": one.undecided,
            "excursions": len(one.excursions),
        }
    if answer == "tickets":
        return {number: _ticket(account, number, parts) for number, parts in (asked.tickets or {}).items()}
    if answer == "refused":
        return "nothing was refused"
    attainment = _attainment(account, question)
    if answer == "deducted":
        # What nobody reserved is deducted wherever there is no notice; it is told where it is asked for.
        shown = {line.kind: line.amount for line in attainment.ledger}
        return {k: v for k, v in shown.items() if k != "unreserved" or k in (asked.deducted or {})}
    return OF_ATTAINMENT[answer](attainment)


def _ticket(account: Account, number: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked of the one ticket of that number: its flags, and of each commitment what is named."""
    (ticket,) = (one for one in account.tickets if one.number == number)
    of = {one.commitment.removeprefix("support."): one for one in ticket.commitments}
    return {
        part: list(ticket.flags)
        if part == "flags"
        else {key: _plain(getattr(of[part], key)) for key in expected}
        for part, expected in asked.items()
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else "none" if value is None else value


def _attainment(account: Account, question: Question) -> Attainment:
    found = [
        a
        for a in account.attainments
        if question.service in ("", a.service) and question.commitment in ("", a.commitment)
    ]
    assert len(found) == 1, f"asked about one attainment, found {len(found)}: name service and commitment"
    return found[0]


def _all(parts: Iterable[Spans]) -> Spans:
    return spans(span for part in parts for span in part)


# ------------------------------------------------------------------------------------------ what was expected

OF_TICKET = ("elapsed", "waited", "least", "most", "limit")
DURATIONS = ("agreed", "up", "down", "edge", "unknown", "net", "claimable")
RATIOS = ("best", "worst", "observed_best", "observed_worst", "claimable_best", "target", "coverage")


def expected(asked: Asked, times: Times) -> dict[str, Any]:
    """What must come out."""
    wanted = {answer: value for answer in ANSWERS if (value := getattr(asked, answer)) is not None}
    for answer, value in wanted.items():
        if answer in DURATIONS:
            wanted[answer] = amount(value)
        elif answer in RATIOS:
            wanted[answer] = None if value == "none" else fraction(value)
        elif answer in ("deducted", "excluded"):
            wanted[answer] = {kind: amount(text) for kind, text in value.items()}
        elif answer in SETTLED:
            wanted[answer] = settled_expected(answer, value, times)
        elif answer == "tickets":
            wanted[answer] = {number: _ticket_expected(parts) for number, parts in value.items()}
        elif answer in ("certain", "possible"):
            wanted[answer] = spans(times.span(text) for text in value)
        elif answer == "episodes":
            wanted[answer] = tuple(times.span(text) for text in value)
    return wanted


def _ticket_expected(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        part: expected
        if part == "flags"
        else {k: amount(v) if k in OF_TICKET and v != "none" else v for k, v in expected.items()}
        for part, expected in parts.items()
    }
