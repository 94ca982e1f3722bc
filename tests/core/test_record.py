"""The lines of the journal, as strangers read them."""

import json

import pytest

from collector.core.record import decode, encode
from tests.strategies import Journal, probe, service


def test_a_plan_states_every_rule_of_a_service_also_the_usual_ones() -> None:
    """JOURNAL: a journal explains itself. What "usual" means may change; what was measured by may not."""
    (plan,) = Journal().plan([service("s")], [probe()]).lines

    (written,) = json.loads(encode(plan))["services"]

    assert written == {
        "name": "s",
        "account": "a",
        "region": "r",
        "commitments": ["load-balancer.availability"],
        "via": "internet",
        "down_when": "all",
        "witnesses": None,
        "zone": "",
        "resource": "",
        "beta": False,
        "targets": {},
        "targets_document": "",
        "equivalents": [],
    }


def test_a_plan_that_leaves_usual_rules_out_is_read_all_the_same() -> None:
    (plan,) = Journal().plan([service("s")], [probe()]).lines
    line = json.loads(encode(plan))
    for field in ("via", "down_when", "witnesses", "zone", "equivalents"):
        del line["services"][0][field]

    assert decode(json.dumps(line).encode()) == plan


@pytest.mark.parametrize(
    ("text", "written"),
    [("Panne à Paris", rb"Panne \u00e0 Paris"), ("€ 🌩", rb"\u20ac \ud83c\udf29"), ('"\n\x7f', b'\\"\\n\x7f')],
)
def test_whatever_the_text_a_line_is_ascii_and_comes_back(text: str, written: bytes) -> None:
    """JOURNAL: compact ASCII JSON; what lies beyond is escaped as JSON has it, in pairs where it must."""
    (line,) = Journal().declare("d", "note", text=text).lines

    assert written in encode(line)
    assert encode(line).isascii()
    assert decode(encode(line)) == line
