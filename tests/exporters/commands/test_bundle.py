"""Bundles as people make them: what is in the file, what it is good for, and what is said where it is not."""

import asyncio
import hashlib
import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.core.record import Line, Sample
from collector.core.timeline import HOUR, MINUTE, SECOND
from collector.journal.compress import compress
from collector.journal.reader import Batch, origins, read
from exporters.__main__ import _status as run
from exporters.commands.bundle import NO_STAMP
from exporters.documents import statement as filing
from exporters.documents.bundle import bag
from tests.exporters import bundles, claimed
from tests.exporters.bundles import NOON, SIX, Story, described, member, names, unpacked
from tests.exporters.documents.report import reading
from tests.exporters.journals import CONTRACT_FILE, day, write
from tests.integration.world import HEAD, ROOT

EIGHT, ELEVEN = SIX + 2 * HOUR, SIX + 5 * HOUR
PERIOD = ("--from", str(EIGHT), "--to", str(ELEVEN))


@pytest.fixture(scope="module")
def folder(bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(bundled, tmp_path_factory.mktemp("folder"))


# ---------------------------------------------------------------------------------------- what is in it


def test_what_sha256sum_lists_is_what_is_there(folder: Path) -> None:
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", manifest], cwd=folder, check=True)
    listed = {line[66:] for line in (folder / "manifest-sha256.txt").read_text().splitlines()}

    assert listed == {str(p.relative_to(folder)) for p in (folder / "data").rglob("*") if p.is_file()}
    assert (folder / "bagit.txt").read_text() == "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    octets = sum(p.stat().st_size for p in (folder / "data").rglob("*") if p.is_file())
    assert f"Payload-Oxum: {octets}.{len(listed)}\n" in (folder / "bag-info.txt").read_text()


def test_a_bundle_has_the_lines_the_notes_the_stamps_the_keys_and_what_they_refer_to(
    story: Story, bundled: Path
) -> None:
    found = names(bundled)
    paris = story.origins["paris"]

    assert {f"data/journal/{paris}/2026-11-23T{hour:02}.jsonl.gz" for hour in range(7, 12)} <= found
    assert f"data/journal/{paris}/2026-11-23T06.jsonl.gz" not in found
    assert {f"data/checkpoints/{paris}/000004.{end}" for end in ("txt", "first.tsq", "first.tsr")} <= found
    assert f"data/checkpoints/{paris}/000008.second.tsr" in found
    assert {f"data/trust/{name}{end}" for name in ("first", "second") for end in (".pem", ".json")} <= found
    assert f"data/trust/{paris}.vkey" in found
    (pem,) = [name for name in found if name.startswith(f"data/trust/{paris}-")]
    assert member(bundled, pem).startswith(b"-----BEGIN PUBLIC KEY-----\n")
    for data in (bundles.BODY, bundles.MAIL):
        digest = hashlib.sha256(data).hexdigest()
        assert member(bundled, f"data/documents/{digest}") == data
    assert member(bundled, "data/contract.toml") == CONTRACT_FILE.read_bytes()


def test_its_window_is_the_outage_an_hour_wider_in_whole_hours(story: Story, bundled: Path) -> None:
    found = described(bundled)

    assert (found["from"], found["to"]) == (EIGHT, ELEVEN)
    assert found["subject"] == {"kind": "outage", "id": story.outage}
    assert (found["bundle"], found["form"], found["cadence"]) == (1, "hours", HOUR)
    assert found["authorities"] == ["first", "second"]
    assert [one["vantage"] for one in found["origins"]] == ["lyon", "paris"]
    statement = json.loads(member(bundled, "data/statement.json"))
    assert statement["rests_on"]["windows"] == [[EIGHT, ELEVEN]]
    assert statement["rests_on"]["as_of"] == found["as_of"]


def test_the_statement_rests_on_the_newest_stamped_checkpoint(story: Story, bundled: Path) -> None:
    statement = filing.as_read(json.loads(member(bundled, "data/statement.json")))
    for one in statement["rests_on"]["origins"]:
        head = json.loads(member(bundled, f"data/journal/{one['origin']}/excerpt.json"))["head"]
        note = member(bundled, f"data/checkpoints/{one['origin']}/000008.txt").split(b"\n")
        assert one["size"] == head == int(note[1])


def test_a_statement_in_it_is_drawn_again_from_the_whole_journal(
    story: Story, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = ["statement", "check", str(folder / "data/statement.json"), "--journal", str(story.state)]
    assert run(check) == 0


def test_the_same_journal_gives_the_same_bytes_wherever_it_lies(
    story: Story, bundled: Path, tmp_path: Path
) -> None:
    elsewhere = Story(tmp_path / "copy", story.authorities, story.origins)
    shutil.copytree(story.state, elsewhere.state)
    elsewhere.bundle(tmp_path / bundled.name)

    assert (tmp_path / bundled.name).read_bytes() == bundled.read_bytes()


def test_hours_that_were_gzipped_since_give_the_same_bytes(
    story: Story, bundled: Path, tmp_path: Path
) -> None:
    later = Story(tmp_path / "later", story.authorities, story.origins)
    shutil.copytree(story.state, later.state)
    for file in later.state.glob("journal/*/2026-11-23T0*.jsonl"):
        compress(file, lambda: False)
    later.bundle(tmp_path / bundled.name)

    assert (tmp_path / bundled.name).read_bytes() == bundled.read_bytes()


# ------------------------------------------------------------------------------------ what it is good for


def account(state: Path, capsys: pytest.CaptureFixture[str], found: dict[str, Any]) -> dict[str, Any]:
    times = ["--at", str(found["as_of"]), "--from", str(found["from"]), "--to", str(found["to"])]
    run(["account", "--journal", str(state), "--contract", str(CONTRACT_FILE), *times, "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_an_account_of_the_bundle_has_the_states_and_outages_of_the_whole_journal(
    story: Story, folder: Path, bundled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That lines are missing it says, as everywhere."""
    found = described(bundled)
    whole, part = (account(state, capsys, found) for state in (story.state, folder / "data"))

    assert part["damage"] == []
    assert part["outages"] == whole["outages"]
    assert part["blips"] == whole["blips"]
    kept = ("states", "observed", "net", "reserved", "ledger", "finding")
    for one, other in zip(part["attainments"], whole["attainments"], strict=True):
        assert {key: one.get(key) for key in kept} == {key: other.get(key) for key in kept}
        assert set(one["flags"]) - set(other["flags"]) <= {"lines-missing"}
    assert whole["attainments"][0]["states"]["down"] > 20 * MINUTE


def test_an_extract_has_the_samples_of_the_service_and_its_controls_and_of_no_other(
    story: Story, extracted: Path, tmp_path: Path
) -> None:
    lines: list[Line] = []
    for place in origins(unpacked(extracted, tmp_path) / "data"):
        for part in read(place):
            assert isinstance(part, Batch)
            lines += part.lines
    samples = [line for line in lines if isinstance(line, Sample)]

    assert {sample.probe for sample in samples} == {"api-1", "api-2", "api-3", "quad", "root"}
    assert all(EIGHT - MINUTE <= sample.at < ELEVEN + MINUTE for sample in samples)
    parts = (part for place in origins(story.state) for part in read(place) if isinstance(part, Batch))
    whole = [line for part in parts for line in part.lines if isinstance(line, Sample)]
    assert [one for one in whole if one.probe != "get" and EIGHT <= one.at < ELEVEN] == [
        one for one in samples if EIGHT <= one.at < ELEVEN
    ]
    assert described(extracted)["form"] == "extract"
    assert all(one["first"] is None for one in described(extracted)["origins"])


def test_an_extract_leaves_the_mails_at_home(extracted: Path) -> None:
    documents = {name for name in names(extracted) if name.startswith("data/documents/")}

    assert documents == {f"data/documents/{hashlib.sha256(bundles.BODY).hexdigest()}"}


def test_an_account_of_an_extract_claims_nothing(
    story: Story, extracted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between its lines others are missing, and what those saw is unknown: completeness is not shown."""
    found = described(extracted)
    data = unpacked(extracted, tmp_path) / "data"
    whole, part = (account(state, capsys, found)["attainments"] for state in (story.state, data))

    for one, other in zip(part, whole, strict=True):
        assert one["states"]["down"] <= other["states"]["down"]
        assert "lines-missing" in one["flags"]


# ------------------------------------------------------------------------------------- what is asked for


@pytest.mark.parametrize("id", ["notice-1", "N-1"])
def test_a_reservation_is_named_by_its_notice(story: Story, tmp_path: Path, id: str) -> None:
    assert story.bundle(tmp_path / "n.zip", id) == 0

    found = described(tmp_path / "n.zip")
    assert found["subject"] == {"kind": "reservation", "id": id}
    assert (found["from"], found["to"]) == (EIGHT, ELEVEN)


def test_a_period_is_taken_as_it_is_and_cut_to_what_is_covered(story: Story, tmp_path: Path) -> None:
    asked = ("--from", str(SIX - HOUR), "--to", str(NOON + HOUR))
    assert story.bundle(tmp_path / "p.zip", *asked) == 0

    found = described(tmp_path / "p.zip")
    assert found["subject"] == {"kind": "period", "id": ""}
    assert found["from"] == SIX - SECOND
    assert NOON - MINUTE < found["to"] == found["as_of"] < NOON
    assert found["origins"][0]["first"] == 0


def test_a_claim_is_bundled_over_its_window(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = asyncio.run(claimed.journal(tmp_path / "state"))
    fixed = ["--journal", str(state), "--contract", str(CONTRACT_FILE)]
    run(["claim", *fixed, "--at", str(claimed.AS_OF), "--json"])
    (claim, *_) = json.loads(capsys.readouterr().out)["claims"]
    assert run(["bundle", claim["id"], *fixed, "-o", str(tmp_path / "c.zip")]) == 0

    found = described(tmp_path / "c.zip")
    assert found["subject"] == {"kind": "claim", "id": claim["id"]}
    window = claim["window"]
    assert window["start"] <= found["from"] < found["to"] <= window["end"]
    assert found["origins"][0]["first"] == 0


def test_of_two_that_have_one_number_each_is_named_by_its_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two accounts may have given it to a claim each; neither is taken for the other."""
    asked_for = {"services": ("balancer",), "certain": ((claimed.RESERVED, claimed.RESERVED + HOUR),)}
    told = [
        msgspec.structs.replace(claimed.SENT, id=id, number=number, account=account, **asked_for)
        for id, number, account in (
            ("mine", "R-7", "acme"),
            ("R-8", "R-7", "other"),
            ("last", "R-8", "other"),
        )
    ]
    state = asyncio.run(claimed.journal(tmp_path / "state", told))
    asked = ["--journal", str(state), "--contract", str(CONTRACT_FILE), "-o", str(tmp_path / "c.zip")]

    assert run(["bundle", "R-7", *asked]) == 2
    assert (
        "R-7: expected the number of one notice or claim, got 2: name its id: R-8, mine"
        in capsys.readouterr().err
    )
    assert run(["bundle", "R-8", *asked]) == 0
    assert described(tmp_path / "c.zip")["subject"] == {"kind": "claim", "id": "R-8"}


def test_at_an_instant_the_newest_checkpoint_of_then_is_the_head(story: Story, tmp_path: Path) -> None:
    at = SIX + 4 * HOUR + MINUTE
    assert story.bundle(tmp_path / "a.zip", also=["--at", str(at)]) == 0

    found = described(tmp_path / "a.zip")
    assert found["as_of"] == at
    assert found["to"] < SIX + 4 * HOUR


def test_programs_are_told_what_was_made(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story.bundle(tmp_path / "b.zip", also=["--json"])
    told = json.loads(capsys.readouterr().out)

    path = tmp_path / "b.zip"
    assert told["bytes"] == path.stat().st_size
    assert told["tagmanifest"] == hashlib.sha256(member(path, "tagmanifest-sha256.txt")).hexdigest()
    assert told["statement"] == hashlib.sha256(member(path, "data/statement.json")).hexdigest()
    assert told["stamped"] is True
    assert told["warnings"] == [NO_STAMP]


# -------------------------------------------------------------------------------- what is said where not


def refused(capsys: pytest.CaptureFixture[str], story: Story, output: Path, *asked: str) -> str:
    before = set(output.parent.iterdir())
    assert story.bundle(output, *asked) == 2
    assert set(output.parent.iterdir()) == before
    return capsys.readouterr().err


def test_an_id_that_is_none_is_told_what_it_may_have_meant(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, story, tmp_path / "b.zip", story.outage[:-1])
    assert f"did you mean {story.outage}?" in said
    assert "notice-1" in refused(capsys, story, tmp_path / "b.zip", "nothing-of-that-kind")


def test_an_outage_that_no_stamp_covers_yet_is_told_until_when_to_wait(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    younger = Story(tmp_path / "state", story.authorities, story.origins)
    shutil.copytree(story.state, younger.state)
    for stamp in younger.state.glob("checkpoints/*/*.ts[qr]"):
        if int(stamp.name[:6]) > 3:
            stamp.unlink()
    said = refused(capsys, younger, tmp_path / "b.zip", story.outage)

    assert "covers what was seen until 2026-11-23 09:59:5" in said
    assert "wait until 2026-11-23 13:00" in said


def test_a_time_of_which_nothing_is_known_is_refused(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--from", str(NOON + HOUR), "--to", str(NOON + 2 * HOUR))
    assert "expected a time of which a checkpoint tells" in refused(capsys, story, tmp_path / "b.zip", *asked)


def test_a_file_that_is_there_stays(story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.zip").write_text("mine")
    assert "stays as it was" in refused(capsys, story, tmp_path / "b.zip", story.outage)
    assert (tmp_path / "b.zip").read_text() == "mine"


def test_a_directory_that_is_not_there_is_told_before_all_else(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert story.bundle(tmp_path / "no" / "b.zip") == 2
    assert f"{tmp_path / 'no'} is not there" in capsys.readouterr().err


def test_an_origin_without_a_checkpoint_is_left_out_and_named(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    shutil.copytree(story.state, state)
    shutil.rmtree(state / "checkpoints" / story.origins["lyon"])
    assert Story(state, story.authorities, story.origins).bundle(tmp_path / "b.zip", *PERIOD) == 0

    assert f"{story.origins['lyon']}: left out" in capsys.readouterr().err
    assert [one["vantage"] for one in described(tmp_path / "b.zip")["origins"]] == ["paris"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((), "expected the id of an outage"),
        (("x", "--from", "1", "--to", "2"), "expected the id of an outage"),
        (("--from", "1"), "expected both"),
        (("--from", "1", "--to", "2", "--extract"), "--extract"),
        (("x", "--authority", "nobody"), "nobody"),
    ],
)
def test_wrong_use_is_told(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: tuple[str, ...], said: str
) -> None:
    (tmp_path / "constat.toml").write_text(HEAD.format(state=story.state))
    fixed = ["--config", str(tmp_path / "constat.toml"), "-o", str(tmp_path / "b.zip")]
    assert run(["bundle", *asked, *fixed]) == 2
    assert said in capsys.readouterr().err


def test_what_is_neither_signed_nor_stamped_is_bundled_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(write(tmp_path / "state", day([])))
    period = ["--from", "0", "--to", str(NOON)]
    fixed = ["--journal", str(tmp_path / "state"), "--contract", str(CONTRACT_FILE)]
    assert run(["bundle", *period, *fixed, "-o", str(tmp_path / "b.zip")]) == 0

    said = capsys.readouterr().err
    assert "is not signed" in said
    assert "no checkpoint is stamped" in said


def test_a_document_that_was_erased_or_is_another_is_left_out(
    story: Story, bundled: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    shutil.copytree(story.state, state)
    body, mail = (hashlib.sha256(data).hexdigest() for data in (bundles.BODY, bundles.MAIL))
    (state / "documents" / body).unlink()
    (state / "documents" / mail).write_text("another")
    Story(state, story.authorities, story.origins).bundle(tmp_path / "b.zip")

    assert names(bundled) - names(tmp_path / "b.zip") == {
        f"data/documents/{body}", f"data/documents/{mail}",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 30_000, 100_000])
def test_a_disk_that_is_full_leaves_nothing_behind(story: Story, tmp_path: Path, most: int) -> None:
    """At any point; the limit of a file's size stands for the disk."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    output = tmp_path / "b.zip"
    fixed = ["--journal", str(story.state), "--contract", str(CONTRACT_FILE), "-o", str(output)]
    done = subprocess.run(
        [sys.executable, "-m", "exporters", "bundle", story.outage, *fixed],
        cwd=ROOT, preexec_fn=limited, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [KeyboardInterrupt, SystemExit, OSError, ValueError])
def test_an_end_in_the_middle_leaves_nothing_behind(tmp_path: Path, how: type[BaseException]) -> None:
    def stamp(tags: bytes) -> dict[str, bytes]:
        raise how

    with pytest.raises(how):
        bag.write(tmp_path / "b.zip", {"x": b"x"}, [], stamp)
    with pytest.raises(how), bag.created(tmp_path / "b.zip"):
        raise how
    assert list(tmp_path.iterdir()) == []


def test_the_report_is_that_of_the_statement_and_says_with_whom_the_journal_was_announced(
    story: Story, tmp_path: Path
) -> None:
    where = "Maître Dupont, 20 November 2026"
    assert story.bundle(tmp_path / "b.zip", also=["--deposited", where]) == 0

    for language in ("fr", "en"):
        pdf = member(tmp_path / "b.zip", f"data/report-{language}.pdf")
        assert where in reading.text(pdf)
        (folder := tmp_path / language).mkdir()
        statement = member(tmp_path / "b.zip", "data/statement.json")
        assert reading.attached(pdf, folder) == {"statement.json": statement}
