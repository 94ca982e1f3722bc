"""A verification tells of each step, stops at what is not safe, and takes no bundle for wrong use."""

import gzip
from pathlib import Path

import pytest

from exporters.documents.verification import NAMES, verify
from exporters.documents.verification.step import SHOWN_MAX, NotShown, Wrong, must
from tests.exporters.alterations import STATEMENT
from tests.exporters.forged import Bag


def test_whoever_waits_hears_which_step_is_taken_and_how_many_lines_are_read(
    honest: Bag, tmp_path: Path
) -> None:
    heard: list[tuple[str, int, int]] = []
    report = verify(honest.written(tmp_path), [], progress=lambda *told: heard.append(told))

    assert {step for step, _, _ in heard} == set(NAMES)
    assert [step.name for step in report.steps] == list(NAMES)
    read = [(lines, of) for _, lines, of in heard]
    assert read == sorted(read)
    assert read[0] == (0, 0)  # nobody knows yet
    assert read[-1][0] == read[-1][1] > 0
    assert ("tree", *read[-1]) in heard


def test_a_bundle_that_is_not_safe_to_read_is_not_read_any_further(honest: Bag, tmp_path: Path) -> None:
    bag = honest.copy()
    bag[bag.hour()] += gzip.compress(bytes(64 << 20))
    bag.seal()
    heard: list[tuple[str, int, int]] = []
    report = verify(bag.written(tmp_path), [], progress=lambda *told: heard.append(told))

    assert heard == [("files", 0, 0)]
    assert report.numbers("FAILED") == [1]
    assert report.numbers("not shown") == list(range(2, 13))


@pytest.mark.parametrize("choice", ["perhaps", "", None])
def test_a_reading_that_does_not_exist_fails_and_is_no_wrong_use(
    choice: str | None, honest: Bag, tmp_path: Path
) -> None:
    """What the core calls wrong use, when people ask for it, is an alteration where a bundle says it."""
    bag = honest.copy()
    bag.edit(STATEMENT, lambda whole: whole["rests_on"]["readings"].update({"platform-throttle": choice}))
    bag.seal()
    report = verify(bag.written(tmp_path), [])

    assert report.numbers("FAILED") in ([11], [1])
    assert "reading" in next(step.found for step in report.steps if step.verdict == "FAILED")


def test_no_message_leads_out_of_the_bundle(honest: Bag, tmp_path: Path) -> None:
    """Files are named as they are in it, not where they were unpacked."""
    bag = honest.copy()
    bag[bag.excerpt()] = b"{}"
    bag.seal()
    report = verify(bag.written(tmp_path), [])

    (found,) = [step.found for step in report.steps if step.verdict == "FAILED"]
    assert found.startswith(bag.excerpt())


def test_what_came_is_told_in_part_and_in_plain_characters() -> None:
    error = str(Wrong("file", "a line", "\x1b[2J" + "x" * 1000))

    assert error.startswith("file: expected a line, got ?[2Jxxx")
    assert len(error) < SHOWN_MAX + 60


def test_a_check_holds_or_says_why_not() -> None:
    must(1 == 1, "here", "one", "one")
    with pytest.raises(Wrong, match="here: expected 1, got 2"):
        must(0, "here", 1, 2)
    assert not issubclass(NotShown, Wrong)
