"""Why net downtime may not be claimed is told apart: not reserved, not told of, asked for, lapsed, anew."""

from typing import get_args

import pytest

from collector.core.account import settle
from collector.core.timeline import spans, union
from exporters.documents import uncounted
from tests.scenario.answers import drawn
from tests.scenario.story import understood
from tests.scenario.told import files, read

TOLD = {told.name: told for path in files() for told in read(path.read_text(), path.name)}


@pytest.mark.parametrize(
    ("name", "of_claims", "reasons"),
    [
        ("A claim with all that it needs is complete", True, {"unreserved", "untold"}),
        (
            "ticket: downtime before a ticket was complete does not count, or only that of support does",
            True,
            {"untold"},
        ),
        ("An outage that nobody claimed in time does not spoil the claim of a later one", True, {"lapsed"}),
        (
            "What a claim left out may still be claimed, and the window is judged without what was paid",
            True,
            {"asked"},
        ),
        (
            "What happened to a service of one account is claimed for that account, by its invoices",
            True,
            {"other"},
        ),
        ("A reservation whose span is reversed reserves nothing, and is told", False, {"open"}),
        ("Grace is taken from what is reserved, so it is not taken twice", False, {"anew", "unreserved"}),
    ],
)
def test_each_reason_is_told_where_it_holds_and_all_of_the_line_has_one(
    name: str, of_claims: bool, reasons: set[str]
) -> None:
    scenario = understood(TOLD[name])
    account = drawn(scenario, scenario.asked[0][0])
    settled = settle(account)
    figures = [claim.attainment for claim in settled.claims] if of_claims else account.attainments
    found: set[str] = set()
    for one in figures:
        why = uncounted.reasons(one, account, settled, claimed=of_claims)
        left = union(*(line.spans for line in one.ledger if line.kind == "unreserved"))
        assert union(*why.values()) == left
        found |= why.keys()

    assert found == reasons


def test_each_reason_has_its_words() -> None:
    assert uncounted.SAYS.keys() == {*get_args(uncounted.Reason), "several"}


def test_that_an_instant_has_two_reasons_is_told_and_two_that_touch_are_not() -> None:
    early, late, both = (spans([part]) for part in ((0, 10), (10, 20), (0, 20)))

    assert uncounted.several({"unreserved": early, "untold": both})
    assert not uncounted.several({"unreserved": early, "untold": late})
    assert not uncounted.several({})
