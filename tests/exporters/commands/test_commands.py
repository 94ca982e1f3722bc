"""The command line on a real journal: what it prints, what it exits with, how it says what is wrong."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from collector.core.declaration import NEEDS
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
SERVICE = """
[[account]]
id = "a"
region = "eu-west-2"
[[service]]
name = "api"
account = "a"
commitments = ["compute.command-api"]
[[probe]]
name = "api"
service = "api"
kind = "tcp"
target = "192.0.2.1:443"
"""
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
    # Under the safe reading SLA5's two minutes come off the command API too, and nothing is left.
    window = ["--from", str(BEGAN), "--to", str(BEGAN + 140_000_000), "--reading", "command-api=each"]

    assert run(["account", "--journal", str(state), "--at", AT, *window]) == 1
    assert "MISSED" in capsys.readouterr().out


def test_the_worst_month_is_told_with_the_windows_that_were_missed(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = ["account", "--journal", str(state), "--at", AT, "--window"]

    assert run([*later, "worst", "--json"]) == 0
    found = told(capsys)["attainments"]
    assert {one["window"]["kind"] for one in found} == {"worst"}
    assert all(one["episodes"] == [] for one in found)
    assert all(one["window"]["end"] <= BEGAN + HOUR for one in found)
    run([*later, "all", "--json"])
    assert {one["window"]["kind"] for one in told(capsys)["attainments"]} == {"trailing", "calendar", "worst"}


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
    (file,) = (state / "inbox").glob("*.json")
    queued = json.loads(file.read_bytes())
    assert queued["id"] == "m1"
    assert queued["spans"] == [[1_795_165_200_000_000, 1_795_168_800_000_000]]
    assert (state / "documents" / queued["document"]).read_bytes() == b"planned work"


def test_a_name_that_the_settings_do_not_have_is_told_and_taken(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a slip; it may be of a time when the settings were others."""
    monkeypatch.setattr("exporters.commands.declare.PATIENCE_S", 0.1)
    with Path(config).open("a") as settings:
        settings.write(SERVICE)
    span = ["--span", "2026-11-20T10:00:00+01:00", "2026-11-20T11:00:00+01:00", "--standing", "accepted"]
    command = ["declare", "force-majeure", "--config", config, "--by", "ab", *span]
    known = [word for name in ("api", "eu-west-2", "*") for word in ("--scope", name)]

    assert run([*command, *known]) == 0
    assert capsys.readouterr().err == ""
    assert run([*command, "--scope", "apo"]) == 0
    assert (
        capsys.readouterr().err
        == f'mind: --scope: "apo" is not in {config} (did you mean "api"?): taken as it is\n'
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            ["--scope", "api", "--standing", "accepted", "--span", AT, str(BEGAN)],
            "spans[0]: expected an end after",
        ),
        (["--scope", "api", "--standing", "accepted"], "spans: a declaration of kind force-majeure needs it"),
        (
            ["--scope", "api", "--standing", "accepted", "--span", str(BEGAN), AT, "--number", "7"],
            "number: expected only",
        ),
        (["--scope", "", "--standing", "accepted", "--span", str(BEGAN), AT], "scope"),
        (["--standing", "perhaps"], "'perhaps' is not one of"),
        (["--span", "now", "later"], "expected an instant like"),
        (
            ["--id", "../../x", "--scope", "api", "--standing", "accepted", "--span", str(BEGAN), AT],
            "id: expected up to",
        ),
        (["--document", "none.eml"], "'none.eml' does not exist"),
        (
            ["--standing", "accepted", "--span", str(BEGAN), AT, "--scope", "caf\udce9"],
            "constat: --scope: expected text in UTF-8, got b'caf\\xe9'; set the terminal to UTF-8\n",
        ),
        (["--by", "\udce9", "--why", "\udce8"], "--why: expected text in UTF-8, got b'\\xe8'"),
        (["--id", "\udce9"], "--id: expected text in UTF-8, got b'\\xe9'"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused_with_its_reason(
    given: list[str], expected: str, config: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["declare", "force-majeure", "--config", config, "--by", "ab", *given]) == 2
    assert expected in capsys.readouterr().err
    assert not (state / "inbox").exists()


def test_a_declaration_into_a_directory_without_a_journal_is_told(
    config: str, state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started from another directory, `state` means another directory."""
    monkeypatch.setattr("exporters.commands.declare.PATIENCE_S", 0.1)
    shutil.rmtree(state)

    assert run(["declare", "note", "--config", config, "--by", "ab", "--text", "x"]) == 0
    assert f"mind: {state} has no journal yet" in capsys.readouterr().err


def test_an_hour_that_is_gone_is_damage_where_it_was(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file,) = (state / "journal").glob("*/*.jsonl")
    file.unlink()

    assert run(["outages", "--journal", str(state), "--contract", str(CONTRACT_FILE)]) == 1
    assert re.fullmatch(
        rf"damaged: {file.parent}:1: lines 0 to \d+: missing with {file.name}\n", capsys.readouterr().err
    )


def test_declare_says_what_each_kind_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["declare", "--help"]) == 0
    told = capsys.readouterr().out

    assert "deployment: --account --zone --from\n" in told
    assert all(f"  {kind}: " in told for kind in NEEDS)


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
        (["account", "--journal", "STATE", "--at", "9" * 20], "'--at': expected an instant of the years"),
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
        (["status", "--config", "CONFIG", "--json", "--watch"], "expected one of them, got both"),
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


def test_check_shows_what_is_planned_and_what_disk_it_takes(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--config", config]) == 0
    assert "mind: no probe is set up" in capsys.readouterr().out
    with Path(config).open("a") as settings:
        settings.write(SERVICE)

    assert run(["check", "--config", config]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^api +tcp +api +10 s +1 s +192\.0\.2\.1:443", told, re.MULTILINE)
    assert "about 8640 lines a day while all is well, 518.4 kB once compressed" in told
    assert 'no probe has role = "control"' in told


def test_check_says_what_the_provider_is_asked_to_state_and_misses_its_keys(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(config).open("a") as settings:
        settings.write(SERVICE)
        settings.write('\n[[source]]\nkind = "api-logs"\naccount = "a"\ncredentials = "logs"\n')
    assert run(["check", "--config", config]) == 2
    assert "source api-logs of account a: expected access_key and secret_key" in capsys.readouterr().err

    monkeypatch.setenv("CONSTAT_LOGS_ACCESS_KEY", "a")
    monkeypatch.setenv("CONSTAT_LOGS_SECRET_KEY", "s")
    assert run(["check", "--config", config]) == 0
    told = capsys.readouterr().out
    assert "log of our own calls (api-logs), account a: each day at 02:30 UTC, https://" in told


@pytest.mark.parametrize("command", ["check", "run", "serve", "once", "status"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none", "expected a readable file, got: No such file or directory; name another with --config or"),
        ("", "expected a readable file, got: Is a directory; name another with --config or"),
        ("bytes", "expected TOML, got: "),
        ("words", "expected TOML, got: Invalid value (at line 1, column 12)"),
    ],
)
def test_a_settings_file_that_cannot_be_read_is_one_clear_message(
    command: str, name: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "words").write_text("interval = = 3")
    place = tmp_path / name

    assert run([command, "--config", str(place)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"constat: {place}: {told}")


@pytest.mark.parametrize("arguments", [["status"], ["outages"], ["account"], ["once"]])
def test_json_is_one_document_and_a_pipe_gets_no_colour(
    arguments: list[str], config: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path(config).open("a") as settings:
        settings.write(SERVICE.replace("192.0.2.1:443", "127.0.0.1:1"))
    run([*arguments, "--config", config])
    table, noise = capsys.readouterr()
    run([*arguments, "--config", config, "--json"])

    json.loads(capsys.readouterr().out)
    assert table
    assert "\x1b" not in table
    assert noise == ""


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
