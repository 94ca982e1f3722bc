"""Which facts lie between two statements, each of its kind, and none between equal ones."""

from typing import Any

import pytest

from exporters.documents import facts

GROUNDS: dict[str, Any] = {
    "as_of": 10,
    "windows": ["trailing"],
    "readings": {"overrun": "until-it-ends"},
    "origins": [{"origin": "a", "vantage": "v", "size": 5, "root": "00", "missing": []}],
    "contract": {"id": "c", "sha256": "1", "text": ""},
    "calendar": {"tzdata": "2026a", "offsets": [[0, 1]]},
    "code": {"version": "1"},
}


def origin(**changed: Any) -> dict[str, Any]:
    return {"origins": [{**GROUNDS["origins"][0], **changed}]}


def test_nothing_lies_between_equal_ones() -> None:
    assert facts.between(GROUNDS, GROUNDS) == []


@pytest.mark.parametrize(
    ("changed", "fact", "words"),
    [
        ({"as_of": 11}, "as_of", "what is known: as of <10>, now as of <11>"),
        ({"windows": [[1, 2]]}, "windows", "windows asked for: trailing, now <1> to <2>"),
        (origin(size=8), "lines", "origin a: 3 lines more, 8 in all"),
        (origin(size=4), "lines", "origin a: 1 lines fewer, 4 in all"),
        (origin(root="01"), "tree", "origin a: as many lines, and they are others: root 00, now 01"),
        (origin(missing=[[1, 2]]), "missing", "origin a: lines that are missing: none, now [[1, 2]]"),
        ({"origins": []}, "origin", "origin a: its 5 lines are not there any more"),
        (
            {"readings": {"overrun": "as-announced"}},
            "reading",
            "reading overrun: until-it-ends, now as-announced",
        ),
        (
            {"calendar": {**GROUNDS["calendar"], "tzdata": "2026b"}},
            "calendar",
            "calendar tzdata: 2026a, now 2026b",
        ),
        ({"code": {"version": "2"}}, "code", "code version: 1, now 2"),
        ({"contract": {**GROUNDS["contract"], "sha256": "2"}}, "contract", "contract: c 1, now c 2"),
    ],
)
def test_each_fact_is_told_as_what_it_is(changed: dict[str, Any], fact: str, words: str) -> None:
    (found,) = facts.between(GROUNDS, {**GROUNDS, **changed})

    assert found["fact"] == fact
    assert facts.told(found, lambda instant: f"<{instant}>")[0] == words
