"""What is written out about claims and deadlines comes to what the core says, for every scenario of them."""

from datetime import UTC

import pytest

from collector.core.account import Account, settle
from exporters.documents import asking, claim, duties
from exporters.documents.page import Page
from exporters.documents.words import Context
from tests.scenario.answers import drawn
from tests.scenario.story import understood
from tests.scenario.told import Told, files, read

TOLD = [
    pytest.param(told, id=told.name)
    for path in files()
    if path.stem.startswith(("claim", "nimbus", "reservations", "bad-input"))
    for told in read(path.read_text(), path.name)
]


def context(account: Account) -> Context:
    ground = account.ground
    return Context(
        account=account,
        settlement=settle(account),
        contract=ground.contract,
        calendar=ground.calendar,
        where=UTC,
        declarations={declared.id: declared for declared in ground.declarations},
        effects=(),
        silences={},
        cited={},
        asked={},
    )


@pytest.mark.parametrize("told", TOLD)
def test_each_claim_comes_to_its_credit_and_each_deadline_finds_its_words(told: Told) -> None:
    """The page multiplies and caps by itself, and refuses to print another amount than the core's."""
    scenario = understood(told)
    for question, _ in scenario.asked:
        account = drawn(scenario, question)
        settled = settle(account)
        page = Page(80)
        for one in settled.claims:
            claim.explain(page, one, context(account))
        found = duties.duties(account, settled)
        duties.explain(page, found, context(account))

        assert all(
            asking.waiting_for(settled.claims, one.account, account.ground)
            for one in settled.claims
            if one.state == "due" and one.credit is None and account.ground.contract.penalty is not None
        )
        assert len(found) == len(settled.deadlines)
        assert [line.text for line in page.lines if len(line.text) > 80 and " " in line.text.strip()] == []
