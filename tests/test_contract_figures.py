"""Each number of the contract counts, and none stands in code."""

import ast
import copy
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.contracts import calendar, decoded, load
from collector.core.account import draw, replay, settle
from collector.core.contract import Contract
from collector.core.published import to_json
from collector.core.record import (
    Account,
    Declaration,
    Line,
    Outcome,
    Plan,
    Probe,
    Reason,
    Sample,
    Service,
    Start,
)
from collector.core.timeline import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Instant
from collector.settings import shipped

ROOT = Path(__file__).parent.parent
FILE = shipped("contracts/outscale-cgv-2019-12.toml")
RAW = tomllib.loads(FILE.read_text())

Place = tuple[str | int, ...]


def leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every number, ratio, duration and date of the file."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, (*place, key))
    elif isinstance(value, list):
        for k, part in enumerate(value):
            yield from leaves(part, (*place, k))
    elif not str(place[-1]).endswith(("version", "clause")) and FIGURE.fullmatch(str(value)):
        yield place, value


FIGURE = re.compile(r"\d[\d.]*( (%|s|ms|min|h))?|\d{4}-\d\d-\d\d")


def changed(place: Place, value: Any) -> Any:
    """Another value of the same kind, that the file may state."""
    if isinstance(value, int):
        return value + 1 if "weekdays" in place else value + 3
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return "2031-01-01"
    number, _, unit = value.partition(" ")
    if unit == "%":
        return f"{number[:-1]}{(int(number[-1]) - 1) % 10} %"
    return f"{int(number) * 10 + 600} {unit}".strip()


def called(place: Place) -> str:
    """A leaf by the names of its tables, so that their order does not matter."""
    words: list[str] = []
    here: Any = RAW
    for step in place:
        here = here[step]
        if isinstance(step, str):
            words.append(step)
        elif not isinstance(here, dict):
            words.append(str(step))
        else:
            words[-1] += f"[{here.get('id', here.get('kind', here.get('severity')))}]"
    return ".".join(words)


def with_changed(place: Place, value: Any) -> Contract:
    raw = copy.deepcopy(RAW)
    here: Any = raw
    for step in place[:-1]:
        here = here[step]
    here[place[-1]] = value
    return decoded(toml(raw).encode(), Path("changed.toml"))


def toml(raw: dict[str, Any]) -> str:
    """As JSON writes them, TOML reads texts, numbers and lists; tables inline."""
    return "\n".join(f"{key} = {_toml(value)}" for key, value in raw.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


LEAVES = dict(leaves(RAW))

NOT_YET_USED = {
    # checked against the settings' probes (tests/test_settings.py), in no figure
    "throttle.identical_apart",
}  # fmt: skip
"""Read, and in no figure or deadline of an account; whoever uses one takes it off this list."""


def instant(text: str) -> Instant:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


START = instant("2026-06-10T08:00:00")
AS_OF = START + 3 * DAY


def lines() -> list[Line]:
    """Hours in which everything fails thrice, the last time for long, and is slow now and then."""
    contract, sha256 = load(FILE)
    commitments = tuple(c.id for c in contract.commitments)
    service = Service(name="all", account="a", region="r", commitments=commitments, witnesses=1)
    probe = Probe(
        name="p", kind="tcp", target="", interval=MINUTE, burst=MINUTE, phase=0, timeout=SECOND,
        sight=2 * MINUTE, persistence=2 * MINUTE, service="all",
    )  # fmt: skip
    account = Account(id="a", region="r")
    found: list[Line] = [
        Start(seq=0, at=START, format=1, origin="o", vantage="o", version="", python="", boot="", cut=0),
        Plan(
            seq=1, at=START, contract=contract.id, contract_sha256=sha256, accounts=(account,),
            services=(service,), probes=(probe,),
        ),
    ]  # fmt: skip
    down = {*range(10, 20), *range(25, 40), *range(60, 150)}
    for k in range(160):
        sent, failed = START + k * MINUTE, k in down
        latency = None if failed else (3 * MILLISECOND, 40 * MILLISECOND, 500 * MILLISECOND)[k % 3]
        found.append(
            Sample(
                seq=len(found), at=sent + SECOND, probe="p", slot=sent, covers=1, sent=sent,
                done=sent + (latency or MILLISECOND), outcome=Outcome.FAILED if failed else Outcome.OK,
                reason=Reason.REFUSED if failed else Reason.NONE, value=latency, error=0, phases={}, facts={},
            )
        )  # fmt: skip
    told = [*declared(), *on_the_books()]
    return found + [msgspec.structs.replace(one, seq=len(found) + k) for k, one in enumerate(told)]


def declared() -> list[Declaration]:
    """Maintenance announced just in time, a notice too late for the first minutes of the first outage, and a
    working week's ticket of each severity."""
    week = instant("2026-06-01T06:00:00"), instant("2026-06-05T20:00:00")
    tickets = [
        Declaration(
            seq=0, at=AS_OF - HOUR, id=f"t{severity}", kind="ticket", by="x", scope=("*",),
            number=str(severity), severity=severity, opened=week[0], complete=week[0], first_answer=week[1],
            solved=week[1],
        )
        for severity in (1, 2, 3)
    ]  # fmt: skip
    return [
        Declaration(
            seq=0, at=AS_OF - HOUR, id="m", kind="planned-maintenance", by="x", scope=("*",),
            standing="accepted", spans=((START + 30 * MINUTE, START + 34 * MINUTE),),
            sent=instant("2026-06-07T12:00:00"), received=instant("2026-06-07T12:00:00"),
        ),
        Declaration(
            seq=0, at=AS_OF - HOUR, id="n", kind="notice", by="x", services=("all",), state="sent",
            possible=((START, START + 3 * HOUR),), certain=(), ongoing=False,
            sent=START + 48 * HOUR + 15 * MINUTE, received=START + 48 * HOUR + 15 * MINUTE,
        ),
        *tickets,
    ]  # fmt: skip


def on_the_books() -> list[Declaration]:
    """A complete ticket for each outage, a year and a half of invoices of which the newest is low, and a
    claim sent and a credit granted this year, which leave little under any cap."""
    months = [f"2025-{n:02}" for n in range(1, 13)] + [f"2026-{n:02}" for n in range(1, 7)]
    invoices = [
        Declaration(
            seq=0, at=AS_OF - HOUR, id=f"invoice-{month}", kind="invoice", by="x", account="a", month=month,
            amount_cents=20_000 if k == 17 else 1_000_000 + 1_000 * k,
            issued=AS_OF - HOUR if k == 17 else instant("2026-01-01T00:00:00"),
        )
        for k, month in enumerate(months)
    ]  # fmt: skip
    tickets = [
        Declaration(
            seq=0, at=AS_OF - HOUR, id=f"t-{k}", kind="ticket", by="x", scope=("*",), number=str(-k),
            severity=1, opened=START + k * MINUTE, complete=START + k * MINUTE,
        )
        for k in (10, 25, 60)
    ]  # fmt: skip
    return [
        *tickets,
        Declaration(
            seq=0, at=START - DAY, id="c", kind="claim", by="x", number="c", statement="s", account="a",
            amount_cents=5_000, state="sent", commitment="compute.zone", services=("other",),
            certain=((START - 9 * DAY, START - 9 * DAY + HOUR),),
        ),
        Declaration(
            seq=0, at=AS_OF - DAY, id="cr", kind="credit", by="x", account="a", claim="b", month="2026-02",
            amount_cents=1_010_000,
        ),
        *invoices,
    ]  # fmt: skip


@cache
def evidence() -> list[Line]:
    return lines()


def figures(contract: Contract) -> list[Any]:
    """The account all-safe and all-arguable, with its claims, as it is published."""
    told = replay({"o": evidence()}, contract, AS_OF)
    return [
        to_json(drawn, settle(drawn))
        for readings in (contract.all_safe(), contract.all_arguable())
        for drawn in [draw(told, contract, calendar(contract), as_of=AS_OF, readings=readings)]
    ]


FIGURES = figures(load(FILE)[0])


@pytest.mark.parametrize("place", LEAVES, ids=called)
def test_a_changed_number_changes_a_figure_or_is_known_not_to_yet(place: Place) -> None:
    """No number of the contract stands in code: what the file says is what counts."""
    contract = with_changed(place, changed(place, LEAVES[place]))

    assert msgspec.to_builtins(contract, enc_hook=str) != msgspec.to_builtins(load(FILE)[0], enc_hook=str)
    assert (figures(contract) == FIGURES) == (called(place) in NOT_YET_USED)


def test_the_list_of_numbers_without_a_figure_names_only_numbers_of_the_file() -> None:
    assert {called(place) for place in LEAVES} >= NOT_YET_USED


CONTRACT_FIGURES = {
    99.7, 99.8, 99.9, 99.97, 99.99, 99.999, 99.9999999999,
    120, 120_000, 120_000_000, 172_800, 172_800_000_000, 10_000, 200_000, 48,
}  # fmt: skip
"""Availabilities, the grace, the term of reservations and the latency limits, in whatever unit."""


def test_no_figure_of_the_contract_stands_in_code() -> None:
    """In what computes or shows figures. Products are worked out; a text counts that is but a figure."""
    sources = [*(ROOT / "collector/core").rglob("*.py"), *(ROOT / "exporters").rglob("*.py")]
    found = [
        f"{path.relative_to(ROOT)}:{line}: {value}"
        for path in sources
        for line, value in constants(ast.parse(path.read_text()))
        if value in CONTRACT_FIGURES or (isinstance(value, str) and re.fullmatch(r"99[.,]\d+( ?%)?", value))
    ]

    assert len(sources) > 20
    assert found == []


def constants(tree: ast.AST) -> Iterator[tuple[int, Any]]:
    """Every constant outside docstrings, and every product of constants and names of units."""
    documents = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documents and not isinstance(node.value, bool):
            yield node.lineno, node.value
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            factors = [_factor(node.left), _factor(node.right)]
            if None not in factors:
                yield node.lineno, factors[0] * factors[1]  # type: ignore[operator]


UNITS = {"MILLISECOND": MILLISECOND, "SECOND": SECOND, "MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY}


def _factor(node: ast.AST) -> int | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    return UNITS.get(node.id) if isinstance(node, ast.Name) else None


def test_the_search_for_figures_finds_them_however_they_are_written() -> None:
    planted = ast.parse('GRACE = 2 * MINUTE\nTERM = HOUR * 48\nx = 0.5\ny = "99.97 %"\n"""99.9 %"""')
    found = [value for _, value in constants(planted)]

    assert 120_000_000 in found
    assert 172_800_000_000 in found
    assert "99.97 %" in found
    assert "99.9 %" not in found
