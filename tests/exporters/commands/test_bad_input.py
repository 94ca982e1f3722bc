"""What `constat account` makes of journals that contradict themselves or say little."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.core.record import encode
from exporters.__main__ import _status as run
from tests.strategies import FAILED, SHIPPED, Journal, S, instant, probe, service, watched

HALF_PAST = "2026-09-21T14:30:00Z"


class Asked:
    """Journals written to a directory as bare lines, and what the command line says about them."""

    def __init__(self, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.state, self._capsys = state, capsys

    def write(self, *journals: Journal) -> None:
        for one in journals:
            directory = self.state / "journal" / one.origin
            directory.mkdir(parents=True)
            lines = b"".join(encode(line) + b"\n" for line in one.lines)
            (directory / "2026-09-21T14.jsonl").write_bytes(lines)

    def refused(self, *more: str, status: int = 2) -> str:
        """What is said on standard error, the exit status being as told; never a trace of the program."""
        assert run([*self._command(), *more]) == status
        told = self._capsys.readouterr()
        assert "Traceback" not in told.err
        return told.err

    def account(self, *more: str, status: int = 0, damage: str = "") -> Any:
        """The account as JSON, and on standard error what is damaged."""
        given = [*self._command(), *more, "--contract", str(SHIPPED), "--json"]
        assert run(given) == status
        told = self._capsys.readouterr()
        assert damage in told.err
        assert bool(damage) == bool(told.err)
        return json.loads(told.out)

    def _command(self) -> list[str]:
        return ["account", "--journal", str(self.state), "--at", HALF_PAST]


@pytest.fixture
def asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asked:
    return Asked(tmp_path, capsys)


def renumbered(seq: Callable[[int], int]) -> Journal:
    """Ten minutes of a probe, numbered otherwise from the twentieth line on."""
    made = watched("o" * 60)
    made.lines = [msgspec.structs.replace(line, seq=seq(line.seq)) for line in made.lines]
    return made


# ------------------------------------------------------------------------------------ damage: exit status 1


@pytest.mark.parametrize(
    ("seq", "place", "why"),
    [
        (lambda seq: seq if seq < 20 else seq - 1, 21, "1 lines that were there before are there again"),
        (lambda seq: seq if seq < 20 else seq - 9, 21, "9 lines that were there before are there again"),
        (lambda seq: seq if seq < 20 else seq + 5, 21, "lines 20 to 24: missing"),
    ],
    ids=["a seq that comes twice", "a seq that goes back", "lines that are missing"],
)
def test_a_seq_out_of_order_is_damage_with_file_and_line_and_the_rest_is_used(
    asked: Asked, seq: Callable[[int], int], place: int, why: str
) -> None:
    asked.write(renumbered(seq))

    found = asked.account(status=1, damage=why)

    (damage,) = found["damage"]
    assert f"v-1/2026-09-21T14.jsonl:{place}: " in damage
    assert why in damage
    (attainment,) = found["attainments"]
    assert 160 * S < attainment["states"]["up"] < 600 * S


# -------------------------------------------------------------------- contradictions: exit status 2, the line


def looped() -> Journal:
    return watched("oo").declare("a", "note", supersedes="b").declare("b", "note", supersedes="a")


def elsewhere() -> Journal:
    """Another origin, by whose plan the service is something else."""
    other = Journal("w-1", "w").start().clock()
    return other.plan([service(down_when="any")], [probe()]).seen("oo")


def in_two_minds() -> Journal:
    return watched("oo").declare("a", "note", text="this").declare("a", "note", text="that")


@pytest.mark.parametrize(
    ("journals", "words"),
    [
        ([looped()], '"a" (v-1:5), "b" (v-1:6), "a"'),
        ([in_two_minds()], 'v-1:5 and v-1:6: declaration "a" says two things'),
        (
            [watched("oo"), elsewhere()],
            'v-1:2 and w-1:2: service "s" has different rules',
        ),
        (
            [watched("oo", "tea.hot")],
            'service "s": contract outscale-cgv-2019-12 has no commitment "tea.hot"',
        ),
        (
            [watched("oo", targets={"load-balancer.availability": "many"})],
            'service "s": a plan states a target of load-balancer.availability that is none: expected over 0 '
            'and up to "100 %", got "many"',
        ),
        ([watched("oo", targets={"load-balancer.availability": "120 %"})], 'got "120 %"'),
        ([watched("oo").sample(20, probe="q")], 'v-1:5: sample of probe "q", which no plan before it names'),
    ],
    ids=[
        "a loop",
        "two words of one id",
        "two rules of one service",
        "no such promise",
        "no such target",
        "over 100 %",
        "no such probe",
    ],
)
def test_what_contradicts_itself_is_refused_with_the_line(
    asked: Asked, journals: list[Journal], words: str
) -> None:
    asked.write(*journals)

    assert words in asked.refused("--contract", str(SHIPPED), "--json")


@pytest.mark.parametrize("end", ["2026-09-21T14:20:00Z", "2026-09-21T14:10:00Z"])
def test_a_window_that_ends_before_it_has_begun_is_refused(asked: Asked, end: str) -> None:
    asked.write(watched("oo"))

    assert "--from and --to: expected both, the second later" in asked.refused(
        "--from", "2026-09-21T14:20:00Z", "--to", end
    )


# ------------------------------------------------------------------------ little is known: defined, and told


def test_a_directory_without_a_journal_is_refused(asked: Asked) -> None:
    """Nothing there is no statement that nothing was wrong."""
    assert "expected a state directory, a journal or files *.jsonl[.gz]" in asked.refused(status=3)


def test_a_journal_without_a_line_is_told(asked: Asked) -> None:
    (asked.state / "journal").mkdir()

    assert "the journals' plans name: none" in asked.refused()
    found = asked.account()
    assert found["flags"] == ["no-journal: no origin has a line, so nothing is known"]
    assert found["attainments"] == []


@pytest.mark.parametrize("later", [False, True], ids=["no plan at all", "no line by then"])
def test_a_journal_without_a_plan_by_then_is_told(asked: Asked, later: bool) -> None:
    planned = Journal().start(3600).plan([service()], [probe()], 3600)
    asked.write(planned if later else Journal().start())

    found = asked.account()
    assert found["flags"] == ["no-plan: v-1: it states no plan by then, so nothing that it saw counts"]
    assert found["attainments"] == []


@pytest.mark.parametrize(
    "window",
    [("2026-09-21T13:00:00Z", "2026-09-21T14:00:00Z"), ("2026-09-21T14:20:00Z", "2026-09-21T14:25:00Z")],
    ids=["before the first plan", "after the last sample"],
)
def test_a_window_without_a_sample_is_unknown_and_open(asked: Asked, window: tuple[str, str]) -> None:
    asked.write(watched("oo"))

    (found,) = asked.account("--from", window[0], "--to", window[1])["attainments"]

    assert found["states"] == {"up": 0, "down": 0, "edge": 0, "unknown": found["agreed"]}
    assert (found["finding"], found["claim_finding"], found["coverage"]) == ("OPEN", "OPEN", "0/1")
    assert (found["best"], found["worst"]) == ("1/1", "0/1")


def test_a_contract_not_in_force_for_part_of_the_window_is_told(asked: Asked) -> None:
    asked.write(watched("oo"))

    (before,) = asked.account("--from", "2019-01-01T00:00:00Z", "--to", HALF_PAST)["attainments"]
    (after,) = asked.account("--from", "2020-01-01T00:00:00Z", "--to", HALF_PAST)["attainments"]

    assert "contract-not-in-force" in before["flags"]
    assert "contract-not-in-force" not in after["flags"]


def test_samples_out_of_order_prove_no_outage_and_make_the_clock_untrusted(asked: Asked) -> None:
    asked.write(watched("ooo").sample(3, FAILED).sample(21, FAILED).sample(30))

    found = asked.account()

    (attainment,) = found["attainments"]
    assert attainment["states"]["down"] == 0
    assert found["outages"] == []
    assert "clock-untrusted" in attainment["flags"]


# ----------------------------------------------------------------------------------------- odd declarations


def test_what_is_odd_about_declarations_is_told_with_the_line_for_programs_and_for_people(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    made = watched("oo").declare(
        "d", "notice", number="1", services=("nil",), possible=((9, 3),), state="sent", sent=60, received=30
    )
    made.declare("e", "arrears", account="nobody", spans=((3, 9),), supersedes="d")
    asked.write(made)
    start, end = instant(9), instant(3)
    expected = [
        'supersedes-other-kind: e: of kind arrears, where "d" is of kind notice: both stand (v-1:6)',
        f"malformed: d: possible[0]: expected an end after the start, got {start} to {end} (v-1:5)",
        'unknown-scope: d: no plan has "nil" (v-1:5)',
        "received-before-sent: d: by 30000000 us; what leaves the customer less counts (v-1:5)",
        'unknown-account: e: no plan has "nobody" (v-1:6)',
    ]

    assert asked.account()["flags"] == expected
    assert run(["account", "--journal", str(asked.state), "--at", HALF_PAST, "--contract", str(SHIPPED)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert all(f"Mind: {flag}" in told for flag in expected)
