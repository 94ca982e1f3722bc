"""Contract files say what the contract says, and a wrong one is told by its key."""

import hashlib
import re
import tomllib
import zoneinfo
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from collector import contracts
from collector.contracts import calendar, decoded, load
from collector.core.contract import READINGS
from collector.core.record import DEDUCTION_KINDS
from collector.core.timeline import HOUR, MILLISECOND, MINUTE, SECOND
from collector.errors import ConfigurationError
from collector.settings import shipped
from tests.test_contract_figures import toml

FILE = shipped("contracts/outscale-cgv-2019-12.toml")

# ------------------------------------------------------------------------------------- what the file says

ANNEX_A = """
object-storage.durability                      P1Y 99.9999999999 *
object-storage.publish-api                     P1Y 99.97
object-storage.access-api                      P1Y 99.99 *
block-storage.volume                           P1M 99.7
block-storage.snapshot                         P1M 99.7
block-storage.snapshot-durability              P1Y 99.9999999999 *
block-storage.iops                             P1M 90
compute.zone                                   P1M 99.7
compute.hardware                               P1M 99.8
compute.resource                               P1M 99.8 *
compute.command-api                            P1M 99.9
internet.access                                P1Y 99.999 *
internet.firewall                              P1M 99.8
internet.command-api                           P1M 99.9
internal-network.availability                  P1Y 99.99
internal-network.latency                       sample
internal-network.object-storage-latency        sample
internet-services.dns                          P1M 99.8
internet-services.ntp                          P1M 99.8
internet-services.dhcp                         P1M 99.8
internet-services.metadata                     P1M 99.8
load-balancer.availability                     P1M 99.8
load-balancer.command-api                      P1M 99.9
support.response                               ticket *
support.restoration                            ticket *
"""
"""Copied out of the contract a second time, by hand: both must agree."""


def test_every_commitment_of_annex_a_has_its_target_window_and_star() -> None:
    contract, _ = load(FILE)
    expected = []
    for line in ANNEX_A.strip().splitlines():
        id, window, *rest = line.split()
        target = [Fraction(word) / 100 for word in rest if word != "*"]
        expected.append((id, window, target[0] if target else None, "*" in rest))

    assert expected == [(c.id, c.window, c.target, c.all_zones) for c in contract.commitments]


def test_limits_grace_terms_and_caps_are_those_of_their_clauses() -> None:
    contract, _ = load(FILE)

    assert contract.grace is not None
    assert contract.penalty is not None
    assert contract.throttle is not None
    terms, penalty = contract.deadlines, contract.penalty
    restoration = contract.commitment("support.restoration").limits
    expected = {
        "latency": [10 * MILLISECOND, 200 * MILLISECOND],
        "response": [15 * MINUTE, 30 * MINUTE, HOUR],
        "restoration": [(2 * HOUR, False), (4 * HOUR, False), (48 * HOUR, True)],
        "network": [2 * MINUTE, SECOND],
        "terms": [(48, "hours"), (5, "clear-days"), (30, "days"), (1, "years"), (14, "days")],
        "penalty": [10, 12, 1, Fraction(3, 10)],
    }

    assert expected == {
        "latency": [c.limit for c in contract.commitments if c.measure == "latency"],
        "response": [limit.limit for limit in contract.commitment("support.response").limits],
        "restoration": [(limit.limit, limit.business_hours) for limit in restoration],
        "network": [contract.grace.amount, contract.throttle.identical_apart],
        "terms": [
            None if due is None else (due.within, due.unit)
            for due in (terms.reservation, terms.claim, terms.contest, terms.credit, terms.hardware_notice)
        ],
        "penalty": [penalty.factor, penalty.base_months, penalty.cap_of_base, penalty.cap_of_invoice],
    }


def test_the_command_api_is_measured_once_for_its_three_promises() -> None:
    contract, _ = load(FILE)

    assert {c.id: c.same_as for c in contract.commitments if c.same_as} == {
        "internet.command-api": "compute.command-api",
        "load-balancer.command-api": "compute.command-api",
    }


def test_local_storage_is_refused_with_its_clause() -> None:
    contract, _ = load(FILE)

    (refusal,) = contract.refused

    assert (refusal.id, refusal.clause) == ("local-storage", "SLA3")


def test_every_deduction_and_every_reading_is_there_and_planned_maintenance_needs_two_clear_days() -> None:
    contract, _ = load(FILE)

    assert set(DEDUCTION_KINDS) == {rule.kind for rule in contract.deductions}
    announced = {
        rule.kind: rule.notice_clear_days for rule in contract.deductions if rule.rule == "announced"
    }
    assert announced == {"planned-maintenance": 2}
    assert set(READINGS) == {reading.id for reading in contract.readings}
    for reading in contract.readings:
        assert reading.safe != reading.arguable, reading.id
        assert {reading.safe, reading.arguable} <= READINGS[reading.id], reading.id


def test_the_hash_is_that_of_the_file() -> None:
    assert load(FILE)[1] == hashlib.sha256(FILE.read_bytes()).hexdigest()


# ------------------------------------------------------------------------------------- what is wrong is told


def refusal(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        decoded(text.encode(), Path("config/contracts/x.toml"))
    assert all(p.startswith("config/contracts/x.toml: ") for p in caught.value.problems)
    return [p.removeprefix("config/contracts/x.toml: ") for p in caught.value.problems]


def replaced(before: str, after: str) -> str:
    text = FILE.read_text()
    assert before in text
    return text.replace(before, after, 1)


WRONG = [
    ('target = "99.97 %"', "target = 99.97",
     'commitments[1].target: expected a quoted ratio like "99.97 %", got 99.97'),
    ('target = "99.97 %"', 'target = "99,97 %"',
     'commitments[1].target: expected a quoted ratio like "99.97 %", got "99,97 %"'),
    ('target = "99.97 %"', 'target = "99.97"',
     'commitments[1].target: expected a share over 0 and up to "100 %", got 9997 %'),
    ('target = "99.97 %"', 'limit = "10 ms"',
     "commitments[1].target: expected a value for a commitment of availability"),
    ('target = "99.97 %"', 'targets = "99.97 %"',
     'commitments[1].targets: unknown key (did you mean "target"?)'),
    ('limit = "10 ms"', "limit = 10", 'commitments[15].limit: expected a duration like "10s", got 10'),
    ('limit = "10 ms"', 'limit = "10 milliseconds"',
     'commitments[15].limit: expected a duration like "10s", got "10 milliseconds"'),
    ('window = "P1Y"', 'window = "P2Y"',
     'commitments[0].window: expected "P1M" or "P1Y" or "sample" or "ticket", got "P2Y"'),
    ('window = "P1Y"', 'window = "sample"',
     'commitments[0].window: expected "P1M" or "P1Y" for a commitment of durability, got "sample"'),
    ('id = "object-storage.publish-api"', 'id = "object-storage.access-api"',
     'commitments[2].id: expected each only once, got "object-storage.access-api" again'),
    ('same_as = "compute.command-api"', 'same_as = "compute.api"',
     'commitments[13].same_as: expected a commitment with a measurement of its own, got "compute.api"'),
    ('"internet.firewall", ', '"internet.wall", ',
     'grace.heads[1]: expected a commitment of this file, got "internet.wall"'),
    ('id = "overrun"', 'id = "overran"', "readings: expected one with id = \"overrun\", got none"),
    ('safe = "accumulated"', 'safe = "summed"',
     'readings[2].safe: expected one of accumulated, wall; got "summed"'),
    ("notice_clear_days = 2", "", "deductions[1].notice_clear_days: expected with rule"),
    ('kind = "suspension"', 'kind = "strike"', "deductions[0].kind: expected one of suspension, "),
    ("within = 48", "within = 0", "deadlines.reservation.within: expected at least 1, got 0"),
    ("within = 48", "", "deadlines.reservation.within: expected an integer, got nothing"),
    ("within = 48", "within = true", "deadlines.reservation.within: expected an integer, got true"),
    (
        'within = 14\nunit = "days"',
        'within = 14\nunit = "hours"',
        'deadlines.hardware_notice.unit: expected days or longer, got "hours"',
    ),
    ('unit = "hours"', 'unit = "days"', 'deadlines.reservation.unit: expected "hours", got "days"'),
    ('unit = "clear-days"', 'unit = "weeks"', 'deadlines.claim.unit: expected "hours" or "days" or '),
    ('zone = "Europe/Paris"', 'zone = "Europe/Lutetia"',
     'zone: expected a time zone like "Europe/Paris", got "Europe/Lutetia"'),
    ('zone = "Europe/Paris"', 'zone = "../../tzdata"', "zone: expected a time zone"),
    ('zone = "Europe/Paris"', f'zone = "{"x" * 300}"', "zone: expected a time zone"),
    ('holidays = "FR"', 'holidays = "XX"', 'holidays: expected a country code like "FR", got "XX"'),
    ('since = "2019-12-01"', 'since = "December 2019"', "in_force.since: expected a date"),
    ("closes_minute = 1020", "closes_minute = 500", "business: expected 0 <= opens_minute < closes_minute"),
    ('formula = "shortfall"', 'formula = "steps"',
     'penalty.formula: expected one of shortfall, tiers; got "steps"'),
    ('formula = "shortfall"', 'formula = "tiers"', 'penalty.tiers: expected with formula = "tiers"'),
    ('factor = "10"', '', 'penalty.factor: expected with formula = "shortfall"'),
    ('factor = "10"', 'factor = "10"\ntiers = [{ below = "99 %", credit = "5 %" }]',
     'penalty.tiers: expected with formula = "tiers", and only with it'),
    ('cap_of_invoice = "30 %"', '', "penalty.cap_of_invoice_clause: expected with cap_of_invoice"),
    ("base_months = 12", "base_months = -1", "penalty.base_months: expected at least 0, got -1"),
    ("[grace]", "[[grace]]", "grace: expected a table, got a list"),
    ("[grace]", "[grace", "expected TOML, got: "),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "told"), WRONG, ids=[w[2] for w in WRONG])
def test_a_wrong_key_is_told_with_its_path_and_what_was_expected(before: str, after: str, told: str) -> None:
    assert any(p.startswith(told) for p in refusal(replaced(before, after))), refusal(replaced(before, after))


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = (
        FILE.read_text()
        .replace('target = "99.97 %"', "target = 99.97")
        .replace('limit = "10 ms"', "limit = 10")
    )

    assert len(refusal(text)) == 2


def test_the_template_says_what_there_is_to_fill_in() -> None:
    problems = refusal(shipped("contracts/template.toml").read_text())

    assert "commitments[0].target: expected to be filled in, got an empty text" in problems
    assert all("expected to be filled in" in p for p in problems)


def test_the_template_filled_in_is_a_contract() -> None:
    raw = tomllib.loads(shipped("contracts/template.toml").read_text())
    known = {
        "zone": "Europe/Paris", "holidays": "FR", "since": "2026-01-01", "until": "",
        "measure": "availability", "window": "P1M", "target": "99.9 %", "minimum": "0 s",
        "kind": "suspension", "unit": "days",
    }  # fmt: skip
    for reading in raw["readings"]:
        reading["safe"] = reading["arguable"] = min(READINGS[reading["id"]])

    contract = decoded(toml(filled(raw, known)).encode(), Path("mine.toml"))

    assert contract.deadlines.claim.within == 7
    assert set(contract.all_safe()) == set(READINGS)


def filled(value: Any, known: dict[str, str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: filled(v, known, k) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(v, known) for v in value]
    if value == "":
        return known.get(key, "stated")
    return 7 if value == 0 and key != "opens_minute" else value


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml: expected a readable file, got: No such file"):
        load(tmp_path / "none.toml")


# ----------------------------------------------------------------------------------------- zone and holidays


def test_the_calendar_covers_1990_to_2100_and_names_its_versions() -> None:
    days = calendar(load(FILE)[0])

    assert 2 * 110 < len(days.transitions) < 2 * 112
    assert {1990, 2100} <= {day.year for day in days.holidays}
    assert re.fullmatch(r"\d{4}\.\d+", days.tzdata_version)
    assert re.fullmatch(r"FR [\d.]+", days.holidays_version)


def test_the_zone_comes_from_the_pinned_package_and_not_from_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoneinfo, "TZPATH", (str(tmp_path),))
    fresh = contracts._calendar.__wrapped__("Europe/Paris", "FR")

    assert fresh == calendar(load(FILE)[0])
