"""One origin, one writer, one story: clones, restored backups and lost lines start another."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector.errors import JournalError, OriginBusy
from collector.journal.origin import open_origin
from collector.journal.reader import origins
from tests.journal.lines import NOON, Journal, declaration, everything, three_hours


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

    assert clone.origin.declared == {"one": "note"}
    clone.close()


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
