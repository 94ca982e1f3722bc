"""The command line on a real journal: what it prints, what it exits with, how it says what is wrong."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from collector.core.latency import limits
from collector.core.record import Outcome
from collector.core.timeline import HOUR
from exporters.__main__ import _status as run
from exporters.cli import MODULE_OF
from exporters.index.rebuild import make
from exporters.index.store import index_path
from exporters.index.tail import nobody
from tests.exporters.journals import BEGAN, CONTRACT, CONTRACT_FILE, day, write

AT = str(BEGAN + HOUR)
TROUBLE = [("", Outcome.OK)] * 5 + [("api", Outcome.FAILED)] * 4 + [("", Outcome.OK)] * 5


@pytest.fixture
def state(tmp_path: Path) -> Path:
    asyncio.run(write(tmp_path / "state", day(TROUBLE)))
    return tmp_path / "state"


@pytest.fixture
def config(tmp_path: Path, state: Path) -> str:
    """Settings of a collector whose journal is in `state`."""
    path = tmp_path / "constat.toml"
    path.write_text(f'[collector]\nvantage = "here"\nstate = "{state}"\n[contract]\nid = "{CONTRACT.id}"\n')
    return str(path)


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_an_account_is_drawn_from_lines_alone(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["account", "--journal", str(state), "--at", AT, "--json"]) == 0
    account = told(capsys)

    assert account["as_of"] == BEGAN + HOUR
    assert account["contract"] == CONTRACT.id
    api = next(a for a in account["attainments"] if a["service"] == "api")
    assert set(api) >= {
        "commitment", "service", "window", "agreed", "states", "deducted", "net", "claimable",
        "best", "worst", "target", "finding", "coverage", "flags",
    }  # fmt: skip
    assert (
        api["states"]["down"]
        == account["outages"][0]["certain"][0][1] - account["outages"][0]["certain"][0][0]
    )
    assert sum(api["states"].values()) == api["agreed"]
    assert api["target"] == "999/1000"


def test_same_inputs_same_bytes(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["account", "--journal", str(state), "--contract", str(CONTRACT_FILE), "--at", AT, "--json"]
    run(arguments)
    first = capsys.readouterr().out
    run(arguments)

    assert capsys.readouterr().out == first


def test_a_missed_commitment_is_exit_status_1(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    window = ["--from", str(BEGAN), "--to", str(BEGAN + 140_000_000)]

    assert run(["account", "--journal", str(state), "--at", AT, *window]) == 1
    assert "MISSED" in capsys.readouterr().out


def test_outages_are_listed_with_both_bounds_and_the_offset(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["outages", "--config", config]) == 0
    paris = capsys.readouterr().out
    assert run(["outages", "--config", config, "--utc"]) == 0
    utc = capsys.readouterr().out

    assert "+01:00" in paris
    assert "+00:00" in utc
    assert "29.98 s" in paris  # from the end of the first failed sample to the sending of the last


def test_a_list_of_outages_is_the_same_with_and_without_an_index(
    config: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["outages", "--config", config, "--json"])
    without = told(capsys)
    make(state, limits(CONTRACT), nobody)
    run(["outages", "--config", config, "--json"])
    with_index = told(capsys)

    assert len(without["outages"]) == 1
    assert {**with_index, "as_of": 0} == {**without, "as_of": 0}


def test_the_status_of_a_collector_that_fell_silent_is_unknown(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its last word is old, so it is no news of the present."""
    assert run(["status", "--config", config, "--json"]) == 0
    status = told(capsys)

    assert {service["state"] for service in status["services"]} == {"unknown"}
    assert status["services"][0]["lasted"]["down"] > 0


def test_rebuild_makes_the_index(config: str, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rebuild", "--config", config]) == 0
    assert index_path(state).exists()
    assert "made anew" in capsys.readouterr().out


def test_damaged_evidence_is_named_and_is_exit_status_1(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = (state / "journal").glob("*/*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"value":20000', b'"value":20001', 1))

    assert run(["outages", "--journal", str(state), "--contract", str(CONTRACT_FILE)]) == 1
    assert f"damaged: {file}:" in capsys.readouterr().err


def test_a_declaration_without_a_collector_is_queued(
    config: str, state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporters.commands.declare.PATIENCE_S", 0.1)
    document = state.parent / "mail.eml"
    document.write_bytes(b"planned work")

    status = run(
        ["declare", "planned-maintenance", "--config", config, "--by", "ab", "--id", "m1", "--scope", "api",
         "--span", "2026-11-20T10:00:00+01:00", "2026-11-20T11:00:00+01:00", "--standing", "accepted",
         "--document", str(document)]
    )  # fmt: skip

    assert status == 0
    assert "m1: queued" in capsys.readouterr().out
    queued = json.loads((state / "inbox" / "m1.json").read_bytes())
    assert queued["spans"] == [[1_795_165_200_000_000, 1_795_168_800_000_000]]
    assert (state / "documents" / queued["document"]).read_bytes() == b"planned work"


def test_a_declaration_that_lacks_something_is_refused_before_it_leaves(
    config: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["declare", "invoice", "--config", config, "--by", "ab", "--account", "acme"]) == 2

    said = capsys.readouterr().err
    assert all(key in said for key in ("month", "amount_cents", "issued"))
    assert not (state / "inbox").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["account", "--at", "yesterday"], 'expected an instant like "2026-11-22T14:03:05+01:00"'),
        (
            ["account", "--journal", "STATE", "--reading", "grace-unit"],
            'expected "name=choice", got "grace-unit"',
        ),
        (
            ["account", "--journal", "STATE", "--reading", "grace-unit=often"],
            "reading grace-unit=often: expected one of",
        ),
        (["account", "--journal", "STATE", "--from", AT], "--from and --to: expected both"),
        (["account", "--journal", "STATE", "--contract", "none.toml"], "none.toml"),
        (["status", "--config", "none.toml"], "none.toml"),
        (["outages", "--config", "none.toml"], "none.toml"),
        (["frobnicate"], "No such command"),
        (
            ["serve", "--config", "CONFIG", "--listen", "0.0.0.0:0"],
            "0.0.0.0 is not loopback: expected a token",
        ),
        (["serve", "--config", "CONFIG", "--listen", "here"], 'expected "host:port"'),
        (["demo", "--for", "ever"], "--for:"),
    ],
)
def test_wrong_use_is_one_clear_message_and_exit_status_2(
    arguments: list[str], expected: str, config: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [a.replace("STATE", str(state)).replace("CONFIG", config) for a in arguments]

    assert run(given) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said


def test_a_journal_that_is_not_there_is_exit_status_3(
    config: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(state)

    assert run(["outages", "--config", config]) == 3
    assert "expected a directory with a journal" in capsys.readouterr().err


def test_check_tells_all_problems_at_once(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--config", config]) == 0
    Path(config).write_text('[collector]\nvantage = 5\n[contract]\nid = "none-such"\n[serve]\nlisten = "x"\n')
    capsys.readouterr()

    assert run(["check", "--config", config]) == 2
    said = capsys.readouterr().err
    assert all(place in said for place in ("collector.vantage", "contract", "serve.listen"))


def test_a_bug_of_ours_is_exit_status_3_and_never_looks_like_a_finding(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporters.commands.figures.screen", lambda *_: 1 // 0)

    assert run(["status", "--config", config]) == 3
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("command", sorted(MODULE_OF))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert f"Usage: constat {command}" in capsys.readouterr().out
