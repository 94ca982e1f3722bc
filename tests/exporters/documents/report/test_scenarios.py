"""Whatever a scenario tells, a report on it can be made in both languages, and says what the account says."""

from collections.abc import Iterator

import pytest

from collector.core.account import Account, replay, settle
from collector.core.timeline import Span
from collector.errors import UncountableJournal, UsageError
from exporters.documents.report import LANGUAGES, ReportFacts, content, gathered, render
from exporters.documents.report.facts import Kind
from exporters.documents.report.typeset import plain
from exporters.documents.report.voice import Voice
from tests.scenario.answers import drawn
from tests.scenario.story import Question, Scenario, understood
from tests.scenario.told import Told, files, read

TOLD = [pytest.param(told, id=told.name) for path in files() for told in read(path.read_text(), path.name)]


def reports(scenario: Scenario, question: Question, account: Account) -> Iterator[ReportFacts]:
    """On the period, on every claim, and on an outage and its reservation."""
    settled = settle(account)
    subjects: list[tuple[Kind, str]] = [("period", "")]
    subjects += [("claim", one.id) for one in settled.claims]
    for outage in account.outages[:1]:
        subjects += [("outage", outage.id), ("reservation", outage.id)]
    testimonies = replay(
        {journal.origin: journal.lines for journal in scenario.journals}, scenario.contract, question.as_of
    ).testimonies
    for kind, id in subjects:
        yield gathered(
            kind, id, span=Span(0, 1), filed=b"{}", account=account, settlement=settled, effects=(),
            testimonies=testimonies, places=(), origins=(),
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("told", TOLD[::24])
def test_a_report_of_some_scenarios_is_typeset(told: Told) -> None:
    """One in 24: of all of them the blocks are made, which is what a scenario can break."""
    scenario = understood(told)
    question, _ = scenario.asked[0]
    try:
        account = drawn(scenario, question)
    except (UncountableJournal, UsageError):
        return
    for report, language in zip(reports(scenario, question, account), LANGUAGES, strict=False):
        assert render(report, language).startswith(b"%PDF")


@pytest.mark.slow
@pytest.mark.parametrize("told", TOLD)
def test_a_report_can_be_made_of_every_scenario(told: Told) -> None:
    """The ledger that it writes out adds up to the core's figures, or it refuses to be made."""
    scenario = understood(told)
    for question, _ in scenario.asked[:1]:
        try:
            account = drawn(scenario, question)
        except (UncountableJournal, UsageError):
            continue
        for report in reports(scenario, question, account):
            for language in LANGUAGES:
                voice = Voice(language, report.context.where, report.context.contract)
                for block in content(report, voice):
                    assert plain(str(block))
