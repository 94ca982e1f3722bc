"""Statements on real journals: the same bytes anywhere, drawn again, restated with what moved them (R1)."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.core.record import Declaration, Line, Outcome
from collector.core.timeline import HOUR, SECOND
from exporters.__main__ import _status as run
from tests.exporters.journals import BEGAN, CONTRACT, CONTRACT_FILE, day, numbered, sample, write

FILED_AT, KNOWN_AT = BEGAN + HOUR, BEGAN + 2 * HOUR
OUTAGE = [("", Outcome.OK)] * 5 + [("api", Outcome.FAILED)] * 40 + [("", Outcome.OK)] * 5
WINDOW = ["--from", str(BEGAN), "--to", str(BEGAN + 500 * SECOND)]
LINES = day(OUTAGE)


def late(**more: Any) -> Declaration:
    """A minute of force majeure in the outage, learnt after the statement."""
    given: dict[str, Any] = {
        "seq": 0, "at": FILED_AT + 60 * SECOND, "id": "storm", "kind": "force-majeure", "by": "ab",
        "spans": ((BEGAN + 100 * SECOND, BEGAN + 160 * SECOND),), "scope": ("api",), "standing": "accepted",
    }  # fmt: skip
    return Declaration(**{**given, **more})


def grow(state: Path, lines: Sequence[Line]) -> None:
    """The journal goes on."""
    known = sum(len(file.read_bytes().splitlines()) for file in (state / "journal").glob("*/*.jsonl"))
    padded = numbered([*LINES[:1] * known, *lines])[known:]
    asyncio.run(write(state, padded))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    asyncio.run(write(tmp_path / "state", LINES))
    return tmp_path / "state"


def freeze(state: Path, output: Path, *more: str) -> int:
    fixed = ["--journal", str(state), "--contract", str(CONTRACT_FILE), "--at", str(FILED_AT), *WINDOW]
    return run(["statement", "freeze", "-o", str(output), *fixed, *more])


@pytest.fixture
def filed(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert freeze(state, tmp_path / "filed.json") == 0
    capsys.readouterr()
    return tmp_path / "filed.json"


def check(filed: Path, state: Path, *more: str) -> int:
    return run(["statement", "check", str(filed), "--journal", str(state), *more])


def restate(filed: Path, state: Path, *more: str) -> int:
    at = ["--journal", str(state), "--at", str(KNOWN_AT)]
    return run(["statement", "restate", str(filed), *at, *more])


def test_the_same_inputs_give_the_same_bytes_wherever_they_lie(
    filed: Path, state: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "another" / "place"
    shutil.copytree(state, elsewhere)
    freeze(elsewhere, tmp_path / "again.json")

    assert (tmp_path / "again.json").read_bytes() == filed.read_bytes()
    assert str(tmp_path).encode() not in filed.read_bytes()


def test_a_statement_has_all_that_it_rests_on(filed: Path, state: Path) -> None:
    whole = json.loads(filed.read_bytes())
    rests_on = whole["rests_on"]
    (origin,) = rests_on["origins"]
    text = CONTRACT_FILE.read_text()

    assert whole["account"]["as_of"] == rests_on["as_of"] == FILED_AT
    assert rests_on["windows"] == [[BEGAN, BEGAN + 500 * SECOND]]
    assert rests_on["readings"] == CONTRACT.all_safe()
    assert (origin["size"], len(origin["root"]), origin["missing"]) == (len(LINES), 64, [])
    assert rests_on["contract"] == {
        "id": CONTRACT.id, "sha256": hashlib.sha256(text.encode()).hexdigest(), "text": text,
    }  # fmt: skip
    assert {"tzdata", "holidays", "offsets", "days_off"} <= rests_on["calendar"].keys()
    assert "2026-11-11" in rests_on["calendar"]["days_off"]
    assert [offset for _, offset in rests_on["calendar"]["offsets"]] == [7_200_000_000, 3_600_000_000]
    assert rests_on["code"]["version"]


def test_a_statement_is_written_key_by_key_in_order(filed: Path) -> None:
    """So that equal statements are equal bytes, however they came about."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        assert [key for key, _ in found] == sorted(key for key, _ in found)
        return dict(found)

    json.loads(filed.read_bytes(), object_pairs_hook=pairs)


def test_a_filed_statement_is_never_written_over(filed: Path, state: Path) -> None:
    before = filed.read_bytes()

    assert freeze(state, filed) == 2
    assert restate(filed, state, "-o", str(filed)) == 2
    assert filed.read_bytes() == before


def test_a_statement_is_drawn_again_from_its_lines(
    filed: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(filed, state) == 0
    assert "the same bytes" in capsys.readouterr().out


def test_what_is_learnt_later_changes_no_statement(filed: Path, state: Path) -> None:
    """Not even lines that a clock set back dates before it."""
    grow(state, [late(), late(id="back", at=BEGAN + 400 * SECOND)])

    assert check(filed, state) == 0


def test_other_lines_are_named(filed: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sample that was made good afterwards: the root says so, and the figures too."""
    (file,) = (state / "journal").glob("*/*.jsonl")
    shutil.rmtree(state / "checkpoints")
    file.with_suffix(".tree").unlink()
    lines = file.read_bytes().splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if b'"failed"' in line)
    lines[number] = lines[number].replace(b'"failed"', b'"ok"').replace(b'"timeout"', b'""')
    file.write_bytes(b"".join(lines))

    assert check(filed, state) == 1
    told = capsys.readouterr().out
    assert ".root: " in told
    assert "Attainment compute.command-api/api/given" in told


def test_a_missing_journal_is_named(filed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(write(tmp_path / "other", LINES))

    assert check(filed, tmp_path / "other", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["same"]
    assert ["rests_on", "origins"] in [change["what"][:2] for change in told["changes"]]


def test_a_contract_that_was_changed_in_the_file_is_refused(
    filed: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filed.write_text(filed.read_text().replace("99.9 %", "99.8 %"))

    assert check(filed, state) == 2
    assert "rests_on.contract: its text is not the one that its sha256 is of" in capsys.readouterr().err


@pytest.mark.parametrize("data", [b"{}", b"no json", b'{"statement": 9}', b"\xff"])
def test_a_file_that_is_no_statement_is_refused(
    data: bytes, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.json").write_bytes(data)

    assert check(tmp_path / "x.json", state) == 2
    assert "expected a statement" in capsys.readouterr().err


def test_a_restatement_tells_what_moved_and_by_which_fact(
    filed: Path, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grow(state, [late()])

    assert restate(filed, state, "-o", str(tmp_path / "new.json"), "--json") == 0
    told = json.loads(capsys.readouterr().out)

    moved = {tuple(c["what"]): (c["before"], c["after"]) for c in told["changes"]}
    net = moved["attainments", "compute.command-api/api/given", "net"]
    assert net[0] - net[1] == 60 * SECOND
    (fact,) = [fact for fact in told["facts"] if fact["fact"] == "declaration"]
    assert (fact["id"], fact["line"].split(":")[1]) == ("storm", str(len(LINES)))
    alone = {fact["fact"]: changes for fact, changes in told["alone"]}
    assert alone["all lines"] == []
    assert {"net", "deducted"} <= {change["what"][2] for change in alone["declaration"]}


def test_a_restatement_names_the_one_it_restates_and_can_be_drawn_again(
    filed: Path, state: Path, tmp_path: Path
) -> None:
    grow(state, [late()])
    before = filed.read_bytes()
    restate(filed, state, "-o", str(tmp_path / "new.json"))

    new = json.loads((tmp_path / "new.json").read_bytes())
    assert new["restates"] == hashlib.sha256(before).hexdigest()
    assert filed.read_bytes() == before
    assert [a["window"] for a in new["account"]["attainments"]] == [
        a["window"] for a in json.loads(before)["account"]["attainments"]
    ]
    assert check(tmp_path / "new.json", state) == 0


def test_a_restatement_keeps_the_windows_and_what_they_were(state: Path, tmp_path: Path) -> None:
    """A trailing month of then: not the one that ends now."""
    fixed = ["--journal", str(state), "--contract", str(CONTRACT_FILE), "--at", str(FILED_AT)]
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    run(["statement", "freeze", "-o", str(first), *fixed, "--window", "all"])
    grow(state, [late()])

    assert restate(first, state, "-o", str(second)) == 0
    before, after = (json.loads(path.read_bytes())["account"] for path in (first, second))
    assert [a["window"] for a in after["attainments"]] == [a["window"] for a in before["attainments"]]
    kinds = {one["window"]["kind"] for effect in after["readings_effect"] for one in effect["figures"]}
    assert kinds <= {"trailing", "calendar", "worst"}
    assert kinds
    assert check(second, state) == 0


def test_what_moved_is_told_in_words(filed: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grow(state, [late()])

    restate(filed, state)
    told = " ".join(capsys.readouterr().out.split())

    assert "declared: force-majeure storm by ab" in told
    assert "deducted.force-majeure is new: 1 min" in told
    assert "net: 4 min 29.98 s, now 3 min 29.98 s (-1 min)" in told


def test_late_samples_move_what_was_unknown(
    filed: Path, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An origin that nobody had read: told as new, and what its lines alone do."""
    lines = [sample("get", BEGAN + k * 10 * SECOND) for k in range(90)]
    asyncio.run(write(tmp_path / "late", [*LINES[:3], *numbered([*LINES[:3], *lines])[3:]], "there"))

    restate(filed, state, "--journal", str(tmp_path / "late"), "--json")
    told = json.loads(capsys.readouterr().out)

    (fact,) = [fact for fact in told["facts"] if fact["fact"] == "origin"]
    assert (fact["before"], fact["after"]) == (None, 93)
    assert [fact["fact"] for fact, changes in told["alone"] if changes] == ["all lines"]


def test_a_statement_is_declared_with_its_document_and_tree(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "constat.toml"
    config.write_text(f'[collector]\nvantage = "here"\nstate = "{state}"\n[contract]\nid = "{CONTRACT.id}"\n')
    output = tmp_path / "filed.json"

    assert freeze(state, output, "--config", str(config), "--declare", "--by", "ab", "--json") == 0

    told = json.loads(capsys.readouterr().out)
    queued = json.loads((state / "inbox" / f"{told['declared']}.json").read_bytes())
    (origin,) = json.loads(output.read_bytes())["rests_on"]["origins"]
    assert queued["kind"] == "statement"
    assert (queued["root"], queued["size"]) == (origin["root"], origin["size"])
    assert queued["document"] == told["sha256"] == hashlib.sha256(output.read_bytes()).hexdigest()
    assert (state / "documents" / queued["document"]).read_bytes() == output.read_bytes()


def test_a_declaration_needs_somebody_who_declares(state: Path, tmp_path: Path) -> None:
    assert freeze(state, tmp_path / "x.json", "--declare") == 2
    assert not (tmp_path / "x.json").exists()


# ------------------------------------------------------------------------------------------- explain --diff


def diff(*more: str) -> int:
    return run(["explain", "--diff", *more, "--contract", str(CONTRACT_FILE), *WINDOW])


def test_two_instants_are_compared(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grow(state, [late()])

    assert diff(str(FILED_AT), str(KNOWN_AT), "--journal", str(state)) == 0
    told = " ".join(capsys.readouterr().out.split())

    assert "declared: force-majeure storm" in told
    assert "net: 4 min 29.98 s, now 3 min 29.98 s (-1 min)" in told


def test_two_statements_are_compared_without_their_journals(
    filed: Path, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    freeze(state, tmp_path / "other.json", "--reading", "command-api=each")
    capsys.readouterr()

    assert (
        diff(str(filed), str(tmp_path / "other.json"), "--config", str(tmp_path / "none.toml"), "--json") == 0
    )
    told = json.loads(capsys.readouterr().out)

    assert told["facts"] == [{"fact": "reading", "reading": "command-api", "before": "once", "after": "each"}]
    assert told["alone"] is None
    assert "net" in {change["what"][-1] for change in told["changes"]}


def test_a_reading_that_moved_is_tried_by_itself(
    filed: Path, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    freeze(state, tmp_path / "other.json", "--reading", "command-api=each")
    capsys.readouterr()

    diff(str(filed), str(tmp_path / "other.json"), "--journal", str(state), "--json")
    told = json.loads(capsys.readouterr().out)

    ((fact, changes),) = told["alone"]
    assert fact["reading"] == "command-api"
    assert "net" in {change["what"][-1] for change in changes}


def test_a_declaration_that_two_origins_took_in_is_one_fact(
    filed: Path, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grow(state, [late()])
    asyncio.run(write(tmp_path / "other", numbered([*LINES[:3], late()]), "there"))

    restate(filed, state, "--journal", str(tmp_path / "other"), "--json")
    told = json.loads(capsys.readouterr().out)

    assert [fact["id"] for fact in told["facts"] if fact["fact"] == "declaration"] == ["storm"]


def test_a_contract_that_changed_is_told_term_by_term(
    filed: Path, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = tmp_path / "changed.toml"
    contract.write_text(CONTRACT_FILE.read_text().replace('target = "99.9 %"', 'target = "20 %"'))

    restate(filed, state, "--contract", str(contract), "--json")
    told = json.loads(capsys.readouterr().out)

    (fact,) = [fact for fact in told["facts"] if fact["fact"] == "contract"]
    changed = {c["what"]: (c["before"], c["after"]) for c in fact["changes"]}
    assert changed["commitments/compute.command-api/target"] == ("99.9 %", "20 %")
    alone = {fact["fact"]: {tuple(c["what"]) for c in changes} for fact, changes in told["alone"]}
    assert ("attainments", "compute.command-api/api/given", "finding") in alone["contract"]


def test_the_same_twice_differs_in_nothing(filed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff(str(filed), str(filed), "--config", "none.toml") == 0
    told = capsys.readouterr().out

    assert "None: both rest on the same." in told


@pytest.mark.parametrize("arguments", [["x", "y"], ["1", "2", "api"]])
def test_a_comparison_of_something_else_is_refused(arguments: list[str], state: Path) -> None:
    assert diff(*arguments, "--journal", str(state)) == 2
