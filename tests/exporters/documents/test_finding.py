"""The comparison with the target, where it is as close as can be."""

from dataclasses import replace
from fractions import Fraction

import pytest

from exporters.documents import finding
from exporters.documents.page import Page
from tests.strategies import attainment, watched

ONE = replace(attainment(watched("oxxxo", burst=10), until=100), agreed=1000, target=Fraction(999, 1000))


@pytest.mark.parametrize(
    ("lost", "words"),
    [(0, "the target is reached"), (1, "the target is reached"), (2, "below the target")],
)
def test_a_share_that_is_exactly_the_target_reaches_it(lost: int, words: str) -> None:
    page = Page(100)
    finding._division(page, ONE, lost)

    assert page.text().rstrip().endswith(words)
