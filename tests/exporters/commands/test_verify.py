"""`constat verify`: what it prints, and what it ends with."""

import json
from pathlib import Path

import pytest

from exporters.__main__ import _status as run
from tests.exporters.forged import Bag


@pytest.fixture(scope="module")
def bundle(honest: Bag, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return honest.zipped(tmp_path_factory.mktemp("verify") / "bag.zip")


def test_every_step_is_told_and_the_verdict_comes_last(
    bundle: Path, deposit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(bundle), "--deposit", str(deposit)]) == 0

    told = capsys.readouterr().out
    assert [f"{number:2}. " in told for number in range(1, 13)] == [True] * 12
    assert told.rstrip().splitlines()[-1].startswith("VERIFIED, against the deposit")


def test_without_a_deposit_it_says_so_and_ends_with_1(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(bundle)]) == 1
    assert "SELF-CONSISTENT ONLY" in capsys.readouterr().out


def test_it_says_what_nothing_binds(bundle: Path, deposit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A forger who lists and stamps all of it anew can write another report: the verdict is not about it."""
    run(["verify", str(bundle), "--deposit", str(deposit)])

    assert "Bound by none of it: reports" in capsys.readouterr().out


def test_as_json(bundle: Path, deposit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(bundle), "--deposit", str(deposit), "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["verified"], told["lag_s"]) == (1, True, 7200)
    assert [step["number"] for step in told["steps"]] == list(range(1, 13))
    assert {step["verdict"] for step in told["steps"]} == {"ok"}


def test_a_narrower_lag_refuses_and_a_wider_one_is_named(
    bundle: Path, deposit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(bundle), "--deposit", str(deposit), "--lag", "1 min"]) == 1
    assert "FAILED in [8]" in capsys.readouterr().out
    assert run(["verify", str(bundle), "--deposit", str(deposit), "--lag", "5 h"]) == 0
    assert "a lag of 18,000 s at most" in capsys.readouterr().out


def test_what_is_altered_is_named(
    honest: Bag, deposit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = honest.copy()
    bag.edit("data/statement.json", lambda of: of["account"]["attainments"][0].update(net=1))
    bag.seal()
    folder = bag.written(tmp_path / "bag")

    assert run(["verify", str(folder), "--deposit", str(deposit), "--json"]) == 1
    (failed,) = [s for s in json.loads(capsys.readouterr().out)["steps"] if s["verdict"] == "FAILED"]
    assert (failed["number"], failed["name"]) == (12, "sums")
    assert failed["found"].startswith("data/statement.json: compute.command-api of api: net: expected ")


@pytest.mark.parametrize("what", ["no such file", "no zip", "no bundle", "an empty folder"])
def test_what_is_no_bundle_is_wrong_use(what: str, tmp_path: Path, honest: Bag) -> None:
    path = tmp_path / "it"
    if what == "no zip":
        path.write_bytes(b"PK")
    elif what == "no bundle":
        other = honest.copy()
        del other.files["data/bundle.json"]
        other.zipped(path)
    elif what == "an empty folder":
        path.mkdir()

    assert run(["verify", str(path)]) == 2


@pytest.mark.parametrize(
    "page", [b"", b"constat-deposit: 2\n", b"constat-deposit: 1\n", b"\xff\xfe", b"no page"]
)
def test_a_deposit_that_is_none_is_wrong_use(
    page: bytes, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(page)

    assert run(["verify", str(bundle), "--deposit", str(path)]) == 2
    assert "expected a deposit, or a head" in capsys.readouterr().err


def test_wrong_words_are_wrong_use(bundle: Path, tmp_path: Path) -> None:
    assert run(["verify", str(bundle), "--lag", "soon"]) == 2
    assert run(["verify", str(bundle), "--deposit", str(tmp_path / "none")]) == 2
    assert run(["verify"]) == 2
