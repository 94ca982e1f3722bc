"""What a scenario may say: its keys, and what it may ask and expect."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from collector.tables import table
from tests.scenario.words import ScenarioError
from tests.strategies import SHIPPED

FOLDER = Path(__file__).parents[1] / "scenarios"


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
    refused: str | None = None


QUESTION = ("window", "as_of", "readings", "service", "commitment")
ANSWERS = tuple(f.name for f in msgspec.structs.fields(Asked) if f.name not in QUESTION)


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
    strange = sorted(raw.keys() - {"scenario"})
    if strange:
        raise ScenarioError(f"{place}: expected [[scenario]], got {', '.join(strange)}")
    found = []
    for one in raw.get("scenario", []):
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
