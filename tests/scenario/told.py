"""What a scenario may say: its keys, and what it may ask and expect."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from collector.tables import table
from tests.scenario.words import ScenarioError
from tests.strategies import SHIPPED

FOLDER = Path(__file__).parents[1] / "scenarios"


class AskedClaim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is expected of one claim."""

    account: str | None = None
    commitment: str | None = None
    service: str | None = None
    kind: str | None = None
    window: str | None = None
    counted: str | None = None
    attained: str | None = None
    share: str | None = None
    base: str | None = None
    invoiced: tuple[str, ...] | None = None
    not_invoiced: tuple[str, ...] | None = None
    by_formula: str | None = None
    parts: dict[str, str] | None = None
    after_invoice_cap: str | None = None
    credit: str | None = None
    safe: str | None = None
    latest: str | None = None
    state: str | None = None
    missing: tuple[str, ...] | None = None
    rests_on: dict[str, tuple[str, ...]] | None = None
    flags: tuple[str, ...] | None = None


class AskedReservation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is expected of how notices cover one outage."""

    service: str | None = None
    notices: tuple[str, ...] | None = None
    reserved: tuple[str, ...] | None = None
    waived: tuple[str, ...] | None = None
    open: tuple[str, ...] | None = None
    safe: str | None = None
    latest: str | None = None


class AskedDeadline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is expected of one thing to do."""

    task: str | None = None
    about: str | None = None
    safe: str | None = None
    latest: str | None = None
    clause: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question and its answer; what the question leaves out is the scenario's."""

    window: str = ""
    as_of: str = ""
    readings: dict[str, str] = {}
    service: str = ""
    commitment: str = ""
    # of the attainment
    agreed: str | None = None
    up: str | None = None
    down: str | None = None
    edge: str | None = None
    unknown: str | None = None
    deducted: dict[str, str] | None = None
    excluded: dict[str, str] | None = None
    net: str | None = None
    claimable: str | None = None
    best: str | None = None
    worst: str | None = None
    observed_best: str | None = None
    observed_worst: str | None = None
    claimable_best: str | None = None
    target: str | None = None
    finding: str | None = None
    claim_finding: str | None = None
    coverage: str | None = None
    flags: tuple[str, ...] | None = None
    episodes: tuple[str, ...] | None = None
    # of the account
    certain: tuple[str, ...] | None = None
    possible: tuple[str, ...] | None = None
    outages: int | None = None
    blips: int | None = None
    incidents: int | None = None
    standing: dict[str, str] | None = None
    latency: dict[str, int] | None = None
    tickets: dict[str, dict[str, Any]] | None = None
    warnings: tuple[str, ...] | None = None
    # of what it comes to
    claims: tuple[AskedClaim, ...] | None = None
    total: dict[str, str] | None = None
    reservations: tuple[AskedReservation, ...] | None = None
    deadlines: tuple[AskedDeadline, ...] | None = None
    effect: dict[str, dict[str, tuple[str, str]]] | None = None
    refused: str | None = None


QUESTION = ("window", "as_of", "readings", "service", "commitment")
ANSWERS = tuple(f.name for f in msgspec.structs.fields(Asked) if f.name not in QUESTION)
SETTLED = ("claims", "total", "reservations", "deadlines", "effect")
"""Answers about what an account comes to."""


class AskedProbe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A probe, where the usual one will not do."""

    service: str = ""
    observer: str = "observer"
    every: str = "30s"
    burst: str = ""
    control: bool = False


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scenario as it stands in its file."""

    name: str
    because: str = ""
    contract: str = SHIPPED.stem
    date: str = "2026-09-21"
    zone: str = "UTC"
    services: dict[str, dict[str, Any]] = {}
    probes: dict[str, AskedProbe] = {}
    plans: dict[str, dict[str, dict[str, Any]]] = {}
    invoices: dict[str, str] = {}
    reserved: tuple[str, ...] = ()
    ticketed: bool = False
    declared: tuple[dict[str, Any], ...] = ()
    timeline: str = ""
    window: str = ""
    as_of: str = ""
    readings: dict[str, str] = {}
    expected: tuple[Asked, ...]


def files() -> list[Path]:
    """Every file of scenarios."""
    return sorted(FOLDER.glob("*.toml"))


def read(text: str, place: str) -> list[Told]:
    """The scenarios of one file; ScenarioError names every word that is not known."""
    raw = tomllib.loads(text)
    strange = sorted(raw.keys() - {"usual", "scenario"})
    if strange:
        raise ScenarioError(f"{place}: expected [[scenario]], got {', '.join(strange)}")
    found = []
    usual = raw.get("usual", {})
    for own in raw.get("scenario", []):
        one = {**usual, **own, "declared": [*usual.get("declared", []), *own.get("declared", [])]}
        where = f"{place}: {one.get('name', 'a scenario without a name')}"
        told = typed({**one, "expected": _several(one.get("expected", []))}, Told, where)
        if not told.expected:
            raise ScenarioError(f"{where}: expected at least one expectation, got none")
        for k, asked in enumerate(told.expected):
            if all(getattr(asked, answer) is None for answer in ANSWERS):
                raise ScenarioError(f"{where}: expected[{k}]: asks and expects nothing")
        found.append(told)
    return found


def _several(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def typed(value: Any, model: type[Any], where: str) -> Any:
    problems: list[str] = []
    found = table(value, model, "", problems)
    if problems:
        raise ScenarioError(f"{where}: {'; '.join(problems)}")
    return found
