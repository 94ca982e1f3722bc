"""One origin, one writer, one story: clones, restored backups and lost lines start another."""

import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from collector.errors import JournalError, OriginBusy
from collector.journal import keys, known
from collector.journal.origin import open_origin
from collector.journal.reader import origins
from collector.settings.draft import NAME_LENGTH_MAX
from tests.journal.lines import NOON, Journal, declaration, everything, signers, start, three_hours


def test_the_first_start_makes_an_origin_named_after_the_vantage_and_later_ones_go_on_with_it(
    tmp_path: Path,
) -> None:
    first = open_origin(tmp_path, "paris-1", "machine")
    assert first.new
    assert first.name.startswith("paris-1-")
    first.release()
    again = open_origin(tmp_path, "paris-1", "machine")
    assert (again.name, again.new) == (first.name, False)
    again.release()


def test_a_clone_starts_an_origin_of_its_own_and_neither_machine_ever_writes_the_others(
    tmp_path: Path,
) -> None:
    place = three_hours(tmp_path / "a", 100)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    clone = Journal(tmp_path / "b", machine="another")
    assert clone.origin.new
    clone.samples(10)
    clone.close()
    again = Journal(tmp_path / "b", machine="another")
    assert again.origin.name == clone.origin.name
    again.close()

    assert {origin.name for origin in origins(tmp_path / "b")} == {place.name, clone.origin.name}
    back = Journal(tmp_path / "b")
    assert back.origin.name == place.name
    back.close()


def test_another_vantage_on_the_same_machine_has_an_origin_of_its_own(tmp_path: Path) -> None:
    one = open_origin(tmp_path, "paris", "m")
    one.release()
    other = open_origin(tmp_path, "lyon", "m")
    assert other.new
    other.release()


def test_a_second_collector_is_refused_and_told_who_holds_the_directory_and_what_to_do(
    tmp_path: Path,
) -> None:
    first = open_origin(tmp_path, "paris", "m")
    for vantage in ("paris", "lyon"):
        with pytest.raises(
            OriginBusy, match=f"held by process {os.getpid()} .origin {first.name}.*stop that one"
        ):
            open_origin(tmp_path, vantage, "m")
    command = "import sys; from pathlib import Path; from collector.journal.origin import open_origin as o; "
    command += "o(Path(sys.argv[1]), 'paris', 'm')"
    run = subprocess.run(
        [sys.executable, "-c", command, str(tmp_path)], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert "OriginBusy" in run.stderr
    first.release()
    open_origin(tmp_path, "paris", "m").release()


@pytest.mark.parametrize("loss", ["file", "lines"])
def test_where_lines_are_gone_that_were_on_disk_once_another_origin_begins(tmp_path: Path, loss: str) -> None:
    place = three_hours(tmp_path, 100)
    path = place.directory / "2026-11-20T14.jsonl"
    if loss == "file":
        path.unlink()
    else:
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:50]))

    again = Journal(tmp_path)
    assert again.origin.new
    again.samples(1)
    again.close()
    third = Journal(tmp_path)
    assert third.origin.name == again.origin.name
    third.close()


def test_where_a_line_says_another_number_than_its_place_another_origin_begins(tmp_path: Path) -> None:
    place = three_hours(tmp_path, 100)
    path = place.directory / "2026-11-20T14.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:50] + lines[49:]))

    again = Journal(tmp_path)
    assert again.origin.new
    again.close()


def test_where_a_power_cut_left_a_hole_before_later_lines_another_origin_begins_and_the_lines_are_read(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path)
    journal.samples(100)
    journal.crash()
    path = journal.place.directory / "2026-11-20T12.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:50]) + b"\0" * len(b"".join(lines[50:60])) + b"".join(lines[60:]))
    (journal.place.directory / "frontier").unlink()

    again = Journal(tmp_path)
    assert again.origin.new
    again.close()
    read_, (damage,) = everything(journal.place)
    assert read_ == [*range(50), *range(61, 100)]
    assert (damage.from_seq, damage.to_seq) == (50, 61)


def test_declarations_of_every_origin_here_are_known(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([declaration("one")], NOON)
    journal.close()
    clone = Journal(tmp_path, machine="another")

    assert clone.origin.declared == {"one": known.of(declaration("one"))}
    clone.close()


def test_a_vantage_may_be_as_long_as_any_name_in_the_settings(tmp_path: Path) -> None:
    journal = Journal(tmp_path, vantage="v" * NAME_LENGTH_MAX)
    assert journal.origin.vantage == "v" * NAME_LENGTH_MAX
    journal.close()


@pytest.mark.parametrize("vantage", ["", "a/b", ".", "..", "a b", "é", "a+b"])
def test_a_vantage_that_cannot_name_a_directory_or_a_checkpoint_is_refused(
    tmp_path: Path, vantage: str
) -> None:
    with pytest.raises(JournalError, match="vantage: expected"):
        open_origin(tmp_path, vantage, "m")


def test_a_state_directory_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="expected a directory"):
        open_origin(tmp_path / "file", "paris", "m")


def test_a_damaged_identity_costs_its_origin_and_nothing_else(tmp_path: Path) -> None:
    place = three_hours(tmp_path, 100)
    (place.directory / "origin.json").write_text("{")

    again = Journal(tmp_path)
    assert again.origin.new
    again.close()


# ---------------------------------------------------------------------------------------------------- its key


def begun(state: Path) -> Journal:
    """An origin with its first lines."""
    journal = Journal(state)
    journal.append([start(journal.origin)])
    journal.samples(3)
    return journal


def identity(journal: Journal) -> dict[str, object]:
    found = json.loads((journal.place.directory / "origin.json").read_bytes())
    assert isinstance(found, dict)
    return found


def test_an_origin_has_a_key_from_the_first_and_all_its_checkpoints_are_signed_by_it(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    key = journal.origin.key.vkey
    journal.close()
    again = Journal(tmp_path)
    again.append([start(again.origin)])
    again.close()

    assert key.name == journal.origin.name
    assert identity(journal)["key"] == str(key)
    assert again.origin.key.vkey == key
    assert signers(again.place) == [key, key]


def test_nothing_of_a_key_is_in_a_line_a_log_or_a_file_but_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = begun(tmp_path)
    journal.close()
    path = keys.path(tmp_path, journal.origin.name)
    secret = b"".join(path.read_bytes().splitlines()[1:-1])
    path.unlink()
    Journal(tmp_path).close()

    there = (
        b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()) + caplog.text.encode()
    )
    assert len(secret) == 64
    assert secret[-40:] not in there
    assert b64decode(secret)[-32:] not in there
    assert b64decode(secret)[-32:].hex().encode() not in there


@pytest.mark.parametrize("loss", ["gone", "another's", "damaged"])
@pytest.mark.parametrize("lines", [True, False])
def test_where_the_key_that_was_stated_is_not_there_another_origin_begins_and_the_log_says_why(
    tmp_path: Path, loss: str, lines: bool, caplog: pytest.LogCaptureFixture
) -> None:
    journal = begun(tmp_path) if lines else Journal(tmp_path)
    journal.close()
    path = keys.path(tmp_path, journal.origin.name)
    path.unlink()
    if loss == "another's":
        keys.make(path, journal.origin.name)
    elif loss == "damaged":
        path.write_text("no key")
        path.chmod(0o600)

    again = Journal(tmp_path)
    assert again.origin.new
    assert f"origin={journal.origin.name} continued=no" in caplog.text
    assert f"its key {journal.origin.key.vkey} is gone" in caplog.text
    assert again.origin.key.vkey != journal.origin.key.vkey
    again.close()
    third = Journal(tmp_path)
    assert third.origin.name == again.origin.name
    third.close()


def test_a_key_that_others_may_read_stops_the_start_and_begins_no_other_origin(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.close()
    path = keys.path(tmp_path, journal.origin.name)
    path.chmod(0o644)

    for _ in range(2):
        with pytest.raises(JournalError, match=f"{path}: expected mode 600.*got 644: chmod 600"):
            Journal(tmp_path)
    path.chmod(0o600)
    again = Journal(tmp_path)
    assert again.origin.name == journal.origin.name
    again.close()


def test_an_origin_of_a_version_without_keys_gets_one_and_its_next_start_line_states_it(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path)
    journal.append([start(journal.origin, key="")])
    journal.samples(3)
    journal.close()
    shutil.rmtree(tmp_path / "keys")
    old = {name: value for name, value in identity(journal).items() if name != "key"}
    (journal.place.directory / "origin.json").write_text(json.dumps(old))
    assert journal.place.checkpoints is not None
    (note,) = journal.place.checkpoints.iterdir()
    note.write_bytes(note.read_bytes().partition(b"\n\n")[0] + b"\n\n")

    for _ in range(2):
        again = Journal(tmp_path)
        assert (again.origin.name, again.origin.new) == (journal.origin.name, False)
        assert identity(again)["key"] == str(again.origin.key.vkey)
        again.append([start(again.origin)])
        again.close()

    key = again.origin.key.vkey
    assert signers(again.place) == [None, key, key]
    assert everything(again.place) == ([*range(6)], [])


def test_a_key_that_was_made_and_not_yet_stated_when_a_crash_came_is_the_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    key = journal.origin.key.vkey
    journal.close()
    old = {name: value for name, value in identity(journal).items() if name != "key"}
    (journal.place.directory / "origin.json").write_text(json.dumps(old))

    again = Journal(tmp_path)
    assert (again.origin.new, again.origin.key.vkey) == (False, key)
    assert identity(again)["key"] == str(key)
    again.close()


def test_the_key_in_force_is_known_from_the_lines_when_nothing_else_is_there(tmp_path: Path) -> None:
    """`origin.json` and the frontier only spare the lines' being read."""
    journal = begun(tmp_path)
    journal.close()
    (journal.place.directory / "frontier").unlink()
    for tree in journal.place.directory.glob("*.tree"):
        tree.unlink()
    (journal.place.directory / "origin.json").write_text(json.dumps(identity(journal) | {"key": ""}))
    keys.path(tmp_path, journal.origin.name).unlink()

    again = Journal(tmp_path)
    assert again.origin.new
    again.close()
