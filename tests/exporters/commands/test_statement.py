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
from collector.core.timeline import HOUR, MINUTE, SECOND
from exporters.__main__ import _status as run
from tests.exporters import claimed
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


def test_a_statement_by_a_contract_with_another_systems_line_ends_is_drawn_again(
    state: Path, tmp_path: Path
) -> None:
    contract, filed = tmp_path / "contract.toml", tmp_path / "filed.json"
    contract.write_bytes(CONTRACT_FILE.read_bytes().replace(b"\n", b"\r\n"))

    assert freeze(state, filed, "--contract", str(contract)) == 0
    assert check(filed, state) == 0
    quoted = json.loads(filed.read_bytes())["rests_on"]["contract"]["text"]
    assert quoted.encode() == contract.read_bytes()


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
    assert {"net", "deducted"} <= {name for change in alone["declaration"] for name in change["what"][2:3]}


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
    (file,) = (state / "inbox").glob("*.json")
    queued = json.loads(file.read_bytes())
    assert queued["id"] == told["declared"]
    (origin,) = json.loads(output.read_bytes())["rests_on"]["origins"]
    assert queued["kind"] == "statement"
    assert (queued["root"], queued["size"]) == (origin["root"], origin["size"])
    assert queued["document"] == told["sha256"] == hashlib.sha256(output.read_bytes()).hexdigest()
    assert (state / "documents" / queued["document"]).read_bytes() == output.read_bytes()


def test_a_declaration_needs_somebody_who_declares(state: Path, tmp_path: Path) -> None:
    assert freeze(state, tmp_path / "x.json", "--declare") == 2
    assert not (tmp_path / "x.json").exists()


def test_initials_of_another_encoding_are_told_before_anything_is_written(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert freeze(state, tmp_path / "x.json", "--declare", "--by", "\udce9") == 2
    assert "--by: expected text in UTF-8, got b'\\xe9'" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()


# --------------------------------------------------------------------------- what is learnt late of a claim

CLAIM = "claims", "load-balancer.availability/balancer/sliding@1795943160000000"
LEARNT = claimed.AS_OF + MINUTE
FORGOTTEN_TICKET = claimed.declared(
    "ticket-2", "ticket", LEARNT, number="T-2", severity=1, scope=("balancer",),
    opened=claimed.FORGOTTEN, complete=claimed.FORGOTTEN,
)  # fmt: skip
FORGOTTEN_NOTICE = claimed.declared(
    "notice-2", "notice", LEARNT, number="N-2", state="delivered", services=("balancer",), certain=(),
    possible=((claimed.FORGOTTEN - HOUR, claimed.FORGOTTEN + 2 * HOUR),),
    sent=claimed.AS_OF, received=claimed.AS_OF,
)  # fmt: skip


def learnt(tmp_path: Path, *later: Declaration, at: int = claimed.AS_OF + HOUR, form: str = "--json") -> int:
    """A statement of what may be claimed, restated once `later` was declared."""
    state, filed = tmp_path / "claimed", tmp_path / "claimed.json"
    asyncio.run(claimed.journal(state, (*claimed.TOLD, *later)))
    drawn = ["--journal", str(state), "--contract", str(CONTRACT_FILE), "--at", str(claimed.AS_OF)]
    assert run(["statement", "freeze", "-o", str(filed), *drawn, "--window", "calendar"]) == 0
    return run(["statement", "restate", str(filed), "--journal", str(state), "--at", str(at), form])


def alone(told: dict[str, Any], id: str) -> dict[tuple[str, ...], tuple[Any, Any]]:
    """What the declaration `id` moves by itself."""
    (changes,) = [changes for fact, changes in told["alone"] if fact.get("id") == id]
    return {tuple(change["what"]): (change["before"], change["after"]) for change in changes}


def second_line(text: str) -> dict[str, Any]:
    """What a restatement prints below the line that the freezing prints."""
    told: dict[str, Any] = json.loads(text.split("\n", 1)[1])
    return told


def test_a_late_invoice_correction_moves_the_base_of_a_claim(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = claimed.declared(
        "corrected", "invoice", LEARNT, account="acme", month="2026-10", amount_cents=750_000,
        issued=claimed.paris("11-01 09:00"), supersedes="invoice-2026-10",
    )  # fmt: skip
    assert learnt(tmp_path, fixed) == 0

    moved = alone(second_line(capsys.readouterr().out), "corrected")
    assert moved[*CLAIM, "base", "cents"] == ("1000000/1", "875000/1")


def test_a_late_credit_moves_what_may_still_be_claimed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = claimed.declared(
        "given", "credit", LEARNT, account="acme", claim="R-7", amount_cents=20_000, month="2026-11",
        expires=claimed.paris("12-31 09:00"),
    )  # fmt: skip
    assert learnt(tmp_path, given) == 0

    moved = alone(second_line(capsys.readouterr().out), "given")
    assert moved[*CLAIM, "credit"] == ("30000/1", "10000/1")


def test_late_arrears_block_a_claim(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    owing = claimed.declared(
        "owing", "arrears", LEARNT, account="acme", spans=((claimed.BEGAN, claimed.AS_OF),)
    )
    assert learnt(tmp_path, owing) == 0

    moved = alone(second_line(capsys.readouterr().out), "owing")
    assert moved[*CLAIM, "state"] == ("due", "blocked")
    assert moved[*CLAIM, "needs", "no-arrears", "met"] == (True, False)


def test_a_late_notice_moves_what_is_reserved_and_a_late_ticket_what_may_be_claimed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each without the other."""
    assert learnt(tmp_path, FORGOTTEN_NOTICE, FORGOTTEN_TICKET) == 0
    told = second_line(capsys.readouterr().out)

    outage = f"balancer/balancer@{claimed.FORGOTTEN - MINUTE}"
    assert alone(told, "notice-2")["reservations", outage, "notices"] == ([], ["notice-2"])
    assert ("tickets", "ticket-2") in alone(told, "ticket-2")


def test_what_a_late_fact_moves_of_a_claim_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owing = claimed.declared(
        "owing", "arrears", LEARNT, account="acme", spans=((claimed.BEGAN, claimed.AS_OF),)
    )
    note = claimed.declared("note", "note", LEARNT, text="nothing in particular")
    assert learnt(tmp_path, owing, note, form="--utc") == 0

    by_itself = " ".join(capsys.readouterr().out.split("What each of these facts moves")[1].split())
    of_owing, of_note = by_itself.split("declared: arrears owing")[1].split("declared: note note")
    assert "state: due, now blocked" in of_owing
    assert "moves nothing" not in of_owing
    assert of_note.endswith("moves nothing by the readings in force")


def test_what_moves_because_time_has_passed_is_not_put_down_to_a_fact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two weeks later nothing can be claimed any more, whatever was declared since."""
    note = claimed.declared("note", "note", LEARNT, text="nothing in particular")
    assert learnt(tmp_path, note, at=claimed.AS_OF + 14 * 24 * HOUR) == 0

    told = second_line(capsys.readouterr().out)
    moved = {fact["fact"]: changes for fact, changes in told["alone"]}
    assert moved["all lines"] == moved["declaration"] == []
    assert ["claims", CLAIM[1], "state"] in [change["what"] for change in moved["as_of"]]


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
