"""Every scenario of tests/scenarios comes out as it says; one that says something unknown is refused."""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

import pytest

from collector import contracts
from collector.core.account import Account, draw, replay
from collector.core.attainment import Attainment
from collector.core.contract import ratio
from collector.core.timeline import Spans, duration, spans
from collector.errors import UncountableJournal, UsageError
from tests.scenario import (
    ANSWERS,
    Asked,
    Question,
    Scenario,
    ScenarioError,
    Times,
    Told,
    amount,
    files,
    read,
    understood,
)

SCENARIOS = [(path.stem, told) for path in files() for told in read(path.read_text(), path.name)]


@pytest.mark.parametrize("told", [pytest.param(t, id=f"{file}: {t.name}") for file, t in SCENARIOS])
def test_scenario(told: Told) -> None:
    """All that a scenario expects, told at once where it does not come out."""
    scenario = understood(told)

    for question, asked in scenario.asked:
        assert _found(scenario, question, asked) == _expected(asked, scenario.times), question


def _found(scenario: Scenario, question: Question, asked: Asked) -> dict[str, Any]:
    """What the account says about all that `asked` expects."""
    try:
        account = _drawn(scenario, question)
    except (UncountableJournal, UsageError) as refused:
        words = asked.refused or ""
        return {"refused": words if words and words in str(refused) else str(refused)}
    told = [answer for answer in ANSWERS if getattr(asked, answer) is not None]
    return {answer: _answer(answer, account, question, asked) for answer in told}


def _drawn(scenario: Scenario, question: Question) -> Account:
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
    "warnings": lambda account: account.flags,
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
}


def _answer(answer: str, account: Account, question: Question, asked: Asked) -> Any:
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


def _expected(asked: Asked, times: Times) -> dict[str, Any]:
    found = {answer: value for answer in ANSWERS if (value := getattr(asked, answer)) is not None}
    for answer, value in found.items():
        if answer in DURATIONS:
            found[answer] = amount(value)
        elif answer in RATIOS:
            found[answer] = _ratio(value)
        elif answer in ("deducted", "excluded"):
            found[answer] = {kind: amount(text) for kind, text in value.items()}
        elif answer == "tickets":
            found[answer] = {number: _ticket_expected(parts) for number, parts in value.items()}
        elif answer in ("certain", "possible"):
            found[answer] = spans(times.span(text) for text in value)
    return found


def _ticket_expected(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        part: expected
        if part == "flags"
        else {k: amount(v) if k in OF_TICKET and v != "none" else v for k, v in expected.items()}
        for part, expected in parts.items()
    }


def _ratio(text: str) -> Fraction | None:
    if text == "none":
        return None
    return Fraction(text) if "/" in text else ratio(text)


# --------------------------------------------------------------------------------------- the reader itself

GOOD = """
[[scenario]]
name = "Down for ten minutes"
window = "10:00 to 11:00"
timeline = '''
10:00 up every 30s
10:30 down every 30s for 10m
10:40 up every 30s
'''
expected = { down = "9m 30s" }
"""


def test_a_file_of_scenarios_has_some() -> None:
    """An empty file, or a folder that moved, would pass for nothing."""
    assert len(SCENARIOS) >= 40
    assert len({told.name for _, told in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize(
    ("good", "bad", "why"),
    [
        ('window = "10:00 to 11:00"', 'windows = "10:00 to 11:00"', "windows: unknown key"),
        ('down = "9m 30s"', 'dwon = "9m 30s"', r"expected\[0\].dwon: unknown key .did you mean .down"),
        ('{ down = "9m 30s" }', "{ }", r"expected\[0\]: asks and expects nothing"),
        ('{ down = "9m 30s" }', "[]", "at least one expectation"),
        ("[[scenario]]", "[[scenarios]]", "expected .*scenario.*, got scenarios"),
        ("10:30 down", "10:30 broken", 'got "broken"'),
        ("10:30 down", "10:30 clock runs\n10:30 down", 'step, untrusted, trusted, got "runs"'),
        ("10:30 down", "10:30 observer sleeps\n10:30 down", 'off, dies, on, got "sleeps"'),
        ("10:30 down", "10:30 journal lost\n10:30 down", 'expected "for"'),
        ("10:30 down", "10:30 plan none\n10:30 down", 'no plan is called "none"'),
        ("every 30s for", "each 30s for", 'got "each"'),
        ("for 10m", "for ever", "expected a duration"),
        ("10:30 down", "half past ten down", "begins with a time"),
        ("10:40 up", "10:20 up", "earlier than the line before"),
        ('"10:00 to 11:00"', '"10:00-11:00"', "expected a span"),
        ('window = "10:00 to 11:00"', "", "expected a window"),
        ('window = "10:00 to 11:00"', 'window = "trailing"', "needs an as_of"),
        ("window =", "services = { s = { color = 'red' } }\nwindow =", "color: unknown key"),
        ("window =", "probes = { p = { color = 'red' } }\nwindow =", "color: unknown key"),
        ("window =", "declared = [{ kind = 'note', color = 'red' }]\nwindow =", "unknown key color"),
    ],
)
def test_what_a_scenario_may_not_say_is_refused_with_the_word(good: str, bad: str, why: str) -> None:
    assert GOOD.count(good) >= 1

    with pytest.raises(ScenarioError, match=why):
        _understood(GOOD.replace(good, bad))


def _understood(text: str) -> list[Scenario]:
    return [understood(told) for told in read(text, "here.toml")]


def test_a_wrong_expectation_fails() -> None:
    (good,), (bad,) = read(GOOD, "good"), read(GOOD.replace("9m 30s", "9m"), "bad")

    test_scenario(good)
    with pytest.raises(AssertionError):
        test_scenario(bad)
