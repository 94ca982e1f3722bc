"""A made-up period: what the account says of it is held to what was true."""

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from collector import settings
from collector.contracts import calendar, load
from collector.core import sight
from collector.core.account import draw
from collector.core.record import Gap, GapReason, Line, Outcome, Plan, Sample
from collector.core.timeline import (
    DAY,
    SECOND,
    Duration,
    Instant,
    Span,
    Spans,
    difference,
    duration,
    intersection,
    spans,
    union,
)
from collector.core.verdict import States, seen
from collector.errors import UsageError
from collector.journal import layout
from collector.journal.reader import Batch, Damage, read
from collector.simulate import simulate
from collector.simulate.period import Truth
from collector.simulate.trouble import Kind
from exporters import query
from exporters.__main__ import _status as run
from exporters.commands.options import parse_instant
from tests.coverage_check import uncovered
from tests.journal.lines import signers

FOUND = settings.load(settings.shipped("simulate.toml"), {})
CONTRACT, SHA256 = load(FOUND.contract_path)
CALENDAR = calendar(CONTRACT)
PLAN = FOUND.plan(CONTRACT, SHA256)
BEGAN: Instant = parse_instant("2026-03-26T00:00:00Z")
"""The clocks change in the week from here."""
NEAR: Duration = 25 * SECOND
"""More than the sight of any probe, and than two timeouts and its persistence: the law holds from here on."""


SMALL = msgspec.structs.replace(
    PLAN,
    services=tuple(s for s in PLAN.services if s.name in ("command-api", "network")),
    probes=tuple(p for p in PLAN.probes if p.service in ("command-api", "network") or p.role),
)
"""A few probes, for longer periods."""


def made(
    state: Path,
    length: Duration,
    seed: int = 1,
    interval: Duration | None = None,
    plan: Plan = PLAN,
    origins: int = 2,
) -> Truth:
    return simulate(
        state, plan, Span(BEGAN, BEGAN + length), CALENDAR,
        seed=seed, vantage="sim", origins=origins, interval=interval,
    )  # fmt: skip


def lines_of(state: Path) -> Mapping[str, list[Line]]:
    """Origin → its lines; none of them may be damaged."""
    found: dict[str, list[Line]] = {}
    for place in layout.origins(state):
        parts = list(read(place))
        assert [part for part in parts if isinstance(part, Damage)] == []
        found[place.name] = [line for part in parts if isinstance(part, Batch) for line in part.lines]
    return found


def whole(state: Path) -> Mapping[str, bytes]:
    """Every file's bytes."""
    paths = sorted(path for path in state.rglob("*") if path.is_file())
    return {str(path.relative_to(state)): path.read_bytes() for path in paths}


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    """So that who is told of a seed sees what was seen."""
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        made(tmp_path / name, DAY // 12, seed)

    assert whole(tmp_path / "a") == whole(tmp_path / "b")
    assert whole(tmp_path / "a") != whole(tmp_path / "c")
    for place in layout.origins(tmp_path / "a"):
        assert None not in signers(place)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_planned_slot_is_covered_by_exactly_one_line(tmp_path: Path, seed: int) -> None:
    """Through stops, crashes, stalls and steps of the clock, for a vantage point that dies too (S1)."""
    made(tmp_path, 5 * DAY, seed, interval=60 * SECOND, plan=SMALL)

    for origin, lines in lines_of(tmp_path).items():
        assert uncovered(lines) == [], origin
        assert [line.seq for line in lines] == list(range(len(lines)))


@pytest.mark.slow
def test_a_period_has_every_kind_of_line_outcome_gap_and_trouble(tmp_path: Path) -> None:
    """What never comes up is never tried."""
    truth = made(tmp_path, 25 * DAY, interval=60 * SECOND, plan=SMALL)
    lines = [line for of in lines_of(tmp_path).values() for line in of]
    declared = {getattr(line, "kind", "") for line in lines}

    assert {line.outcome for line in lines if isinstance(line, Sample)} == set(Outcome)
    assert {line.reason for line in lines if isinstance(line, Gap)} >= {GapReason.STOPPED, GapReason.CLOCK}
    assert {one.kind for of in truth.vantages.values() for one in of} == set(Kind)
    assert declared >= {"planned-maintenance", "ticket", "notice", "invoice", "deployment"}


# -------------------------------------------------------------------------------------------------- law 3


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "origins"), [(2, 2), (1, 1), (7, 1)])
def test_a_week_is_accounted_for_as_it_was(tmp_path: Path, seed: int, origins: int) -> None:
    """Law 3: what is certain was down, and what was down is not UP, for what lasts longer than sight.

    Where one vantage point is alone, nothing but its controls tells a cut of its own from an outage (S6).
    """
    truth = made(tmp_path, 7 * DAY, seed, interval=15 * SECOND, origins=origins)
    befallen = {one.kind for of in truth.vantages.values() for one in of}
    assert origins > 1 or Kind.CUT in befallen
    found = query.replayed([tmp_path], CONTRACT, BEGAN + 8 * DAY)
    assert found.damage == []
    evidence = found.evidence()
    account = draw(evidence, CONTRACT, CALENDAR, as_of=BEGAN + 7 * DAY, asked=(Span(BEGAN, BEGAN + 7 * DAY),))

    assert sum(duration(states.down) for states in account.states.values())
    for name in truth.services:
        assert_bounded(name, truth, account.states[name], evidence.testimonies)


def assert_bounded(name: str, truth: Truth, states: States, told: Sequence[sight.Testimony]) -> None:
    service, elsewhen = truth.services[name], set_wrong(truth)
    (rules,) = (one for one in PLAN.services if one.name == name)
    certain = difference(states.down, elsewhen)
    if rules.down_when == "all":
        # V2 leaves out of `all` a probe that sees nothing: where that is so, those that see decide.
        assert not difference(certain, closed(union(*service.probes.values())))
        certain = intersection(certain, all_seeing(told, set(service.probes)))
    assert not difference(certain, closed(service.down))
    lasting = tuple(one for one in service.down if one.length > NEAR)
    assert not difference(intersection(lasting, states.up), elsewhen)


def closed(down: Spans) -> Spans:
    """`down`, and what was up between for too short a time to be seen."""
    brief = ((one.end, other.start) for one, other in pairwise(down) if other.start - one.end <= NEAR)
    return union(down, spans(brief))


def all_seeing(told: Sequence[sight.Testimony], probes: set[str]) -> Spans:
    """When no probe of these was UNKNOWN at any origin."""
    known = [
        union(one.up, one.down, one.edge)
        for (_, probe), one in seen(told, "not-unavailable").items()
        if probe in probes
    ]
    common = known[0]
    for one in known[1:]:
        common = intersection(common, one)
    return common


def set_wrong(truth: Truth) -> Spans:
    """Around when a clock was set wrong: its lines tell of another time then (T4)."""
    wrong = [t for of in truth.vantages.values() for t in of if t.kind is Kind.STEP]
    return spans((t.start - abs(t.step) - NEAR, t.end + abs(t.step) + NEAR) for t in wrong)


# ------------------------------------------------------------------------------------------------ wrong use


def test_a_directory_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    """A made-up journal beside a real one could be taken for it."""
    (tmp_path / "journal").mkdir()

    with pytest.raises(UsageError, match="expected a new or an empty directory"):
        made(tmp_path, DAY)


def test_a_period_that_ends_before_it_begins_is_none(tmp_path: Path) -> None:
    """Nothing is written then."""
    with pytest.raises(UsageError, match="expected an end after the start"):
        made(tmp_path / "new", -DAY)
    assert not (tmp_path / "new").exists()


def test_the_command_writes_a_journal_that_the_account_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nothing configured; the truth lies beside it."""
    state = tmp_path / "new"
    ends = "2026-03-26T02:00:00Z"
    period = ["--from", "2026-03-26T00:00:00Z", "--to", ends]
    assert run(["simulate", "-o", str(state), *period, "--interval", "60s"]) == 0
    assert "8 services" in capsys.readouterr().out

    assert run(["account", "--journal", str(state), "--at", ends, *period]) in (0, 1)

    told = capsys.readouterr()
    assert "load-balancer.availability" in told.out
    assert told.err == ""
    truth = msgspec.json.decode((state / "truth.json").read_bytes(), type=Truth)
    assert (truth.start, truth.end) == (BEGAN, BEGAN + 7200 * SECOND)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (["--months", "1", "--years", "1"], "expected one of them"),
        (["--interval", "soon"], "--interval: expected a duration"),
        (["--interval", "0s"], "--interval: expected more than nothing"),
        (["--interval", "32d"], 'at most the period, got "32d"'),
        (["--from", "9999-12-01T00:00:00Z"], "'--from': expected an instant of the years 1970 to 2199"),
        (
            ["--to", "2025-12-31T23:00:00+00:00"],
            "an end after the start, by 100 years at most; got 2026-01-01T00:00:00+01:00 to 2026-01-01T00:00",
        ),
    ],
)
def test_wrong_options_are_told(
    tmp_path: Path, wrong: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, and nothing is written."""
    assert run(["simulate", "-o", str(tmp_path / "new"), *wrong]) == 2
    assert expected in capsys.readouterr().err
    assert not os.path.lexists(tmp_path / "new")


def test_the_plan_that_is_shipped_has_controls_and_every_rule() -> None:
    """Else S6 and V2 would not be tried."""
    assert isinstance(PLAN, Plan)
    assert [p.role for p in PLAN.probes].count("control") == 2
    assert {str(s.down_when)[:3] for s in PLAN.services} == {"all", "any", "AtL"}


def test_a_file_is_no_directory_to_write_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()

    assert run(["simulate", "-o", str(file)]) == 2
    assert f"'{file}' is a file" in capsys.readouterr().err
