"""What the tree vouches for is delivered; what it does not is named and left out; the rest is used."""

import gzip
import shutil
import time
from pathlib import Path

import msgspec
import pytest

from collector.core.timeline import HOUR, SECOND
from collector.errors import JournalError
from collector.journal import layout, treefile
from collector.journal.checkpoint import Checkpoint
from collector.journal.reader import Batch, Position, Rewound, lines_known, origins, read
from tests.journal.lines import NOON, Journal, everything, position, seqs, three_hours

NAMES = ["2026-11-20T12", "2026-11-20T13", "2026-11-20T14"]


def change(path: Path, line: int, old: bytes = b'"value":9000', new: bytes = b'"value":9001') -> None:
    """Change one line of a file (counted from 0), the rest of it to the byte as before."""
    lines = path.read_bytes().split(b"\n")
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new)
    path.write_bytes(b"\n".join(lines))


def test_a_whole_journal_reads_as_it_was_written_and_is_verified_throughout(tmp_path: Path) -> None:
    place = three_hours(tmp_path)

    batches = [item for item in read(place) if isinstance(item, Batch)]
    assert [line.seq for batch in batches for line in batch.lines] == list(range(1800))
    assert all(batch.verified for batch in batches)


def test_a_changed_digit_that_is_still_valid_json_costs_its_256_lines_and_names_file_and_line(
    tmp_path: Path,
) -> None:
    place = three_hours(tmp_path)
    change(place.directory / "2026-11-20T13.jsonl", 300)  # seq 900, in the subtree of 768 to 1023

    read_, (damage,) = everything(place)
    assert read_ == seqs(range(768), range(1024, 1800))
    assert (damage.from_seq, damage.to_seq) == (768, 1024)
    assert str(damage).startswith(f"{place.directory}/2026-11-20T13.jsonl:169: lines 768 to 1023: ")
    assert damage.after_at == NOON + HOUR + 67 * SECOND
    assert damage.before_at == NOON + HOUR + 24 * SECOND


def test_a_change_between_checkpoints_of_one_subtree_costs_only_what_follows_the_last_good_root(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path)
    for _ in range(6):
        journal.samples(50)
        journal.store.checkpoint()
    journal.close()
    change(journal.place.directory / "2026-11-20T12.jsonl", 120)

    read_, (damage,) = everything(journal.place)
    assert read_ == seqs(range(100), range(256, 300))
    assert (damage.from_seq, damage.to_seq) == (100, 256)


def test_a_change_after_the_last_subtree_is_found_by_the_checkpoint_that_closes_the_journal(
    tmp_path: Path,
) -> None:
    place = three_hours(tmp_path)
    change(place.directory / "2026-11-20T14.jsonl", 599)

    read_, (damage,) = everything(place)
    assert read_ == list(range(1792))
    assert (damage.from_seq, damage.to_seq, damage.before_at) == (1792, 1800, None)
    assert "checkpoint 000003.txt" in damage.why


@pytest.mark.parametrize("line", [0, 255, 256, 599])
@pytest.mark.parametrize("name", NAMES)
def test_a_change_anywhere_is_found_and_costs_at_most_its_subtree(
    tmp_path: Path, name: str, line: int
) -> None:
    place = three_hours(tmp_path)
    change(place.directory / f"{name}.jsonl", line)
    changed = NAMES.index(name) * 600 + line

    read_, (damage,) = everything(place)
    lost = set(range(1800)) - set(read_)
    assert changed in lost
    assert lost <= set(range(changed - changed % 256, changed - changed % 256 + 256))
    assert lost == set(range(damage.from_seq, damage.to_seq))


@pytest.mark.parametrize("new", [b"\n", b"\0", b"\xff", b"x"])
def test_a_byte_that_tears_a_line_or_joins_two_costs_no_more(tmp_path: Path, new: bytes) -> None:
    place = three_hours(tmp_path)
    path = place.directory / "2026-11-20T13.jsonl"
    data = path.read_bytes()
    middle = data.index(b'"seq":900,')
    path.write_bytes(data[:middle] + new + data[middle + 1 :])
    joined = tmp_path / "joined"
    shutil.copytree(place.directory, joined)
    (joined / path.name).write_bytes(data.replace(b"\n", b" ", 300).replace(b" ", b"\n", 299))

    assert everything(place)[0] == seqs(range(768), range(1024, 1800))
    assert everything(origins(joined)[0])[0] == seqs(range(768), range(1024, 1800))


@pytest.mark.parametrize("gone", [NAMES[:1], NAMES[1:2], NAMES[:2], NAMES[1:], NAMES])
@pytest.mark.parametrize("tree_too", [False, True])
def test_a_missing_hour_file_costs_its_lines_and_is_named(
    tmp_path: Path, gone: list[str], tree_too: bool
) -> None:
    place = three_hours(tmp_path)
    for name in gone:
        (place.directory / f"{name}.jsonl").unlink()
        if tree_too:
            (place.directory / f"{name}.tree").unlink()
    kept = [name for name in NAMES if name not in gone]
    there = seqs(*(range(600 * NAMES.index(name), 600 * NAMES.index(name) + 600) for name in kept))

    (found,) = origins(tmp_path)
    read_, (damage,) = everything(found)
    assert read_ == there
    assert set(range(damage.from_seq, damage.to_seq)) == set(range(1800)) - set(there)
    assert "missing" in damage.why
    if not tree_too:
        assert all(f"{name}.jsonl" in damage.why for name in gone)


def test_lines_cut_off_the_end_are_missed_because_a_checkpoint_speaks_of_them(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    path = place.directory / "2026-11-20T14.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(lines[:500]) + b"\n")

    read_, (damage,) = everything(place)
    assert read_ == list(range(1536))
    assert (damage.from_seq, damage.to_seq) == (1536, 1800)
    assert everything(place, damage.position) == ([], [])


def test_lines_taken_out_of_the_middle_cost_their_subtree(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    path = place.directory / "2026-11-20T13.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(lines[:300] + lines[310:]))

    assert everything(place)[0] == seqs(range(768), range(1024, 1800))


def test_lines_put_in_twice_are_not_read_twice(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    shutil.copy(place.directory / "2026-11-20T13.jsonl", place.directory / "2026-11-20T13b.jsonl")

    read_, (damage,) = everything(place)
    assert read_ == list(range(1800))
    assert (damage.from_seq, damage.to_seq) == (1200, 1200)


def test_a_damaged_checkpoint_or_tree_file_is_told_or_done_without_but_costs_no_line(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    assert place.checkpoints is not None
    note = place.checkpoints / "000001.txt"
    right = note.read_bytes()
    tree = place.directory / "2026-11-20T13.tree"
    tree.write_bytes(tree.read_bytes().replace(b" 3 ", b" 3 0", 1))
    assert everything(place) == (list(range(1800)), [])

    note.write_bytes(right.replace(b"\n600\n", b"\n6OO\n"))
    read_, (damage,) = everything(place)
    assert read_ == list(range(1800))
    assert "000001.txt cannot be read" in damage.why


def test_a_checkpoint_that_was_rewritten_is_told_where_subtrees_prove_the_lines(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.samples(300)
    journal.store.checkpoint()
    journal.samples(300)
    journal.close()
    assert journal.place.checkpoints is not None
    note = journal.place.checkpoints / "000001.txt"
    forged = Checkpoint(origin=journal.origin.name, size=300, root=bytes(32))
    note.write_bytes(forged.signed(journal.origin.key))

    read_, (damage,) = everything(journal.place)
    assert read_ == list(range(600))
    assert (damage.from_seq, damage.to_seq) == (256, 256)
    assert "checkpoint 000001.txt" in damage.why


def test_a_seq_changed_into_that_of_a_later_subtree_is_not_taken_for_it(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    change(place.directory / "2026-11-20T13.jsonl", 300, b'"seq":900,', b'"seq":1280,')

    assert everything(place)[0] == seqs(range(768), range(1024, 1800))


def test_after_damage_in_a_subtree_that_is_still_growing_nothing_is_delivered_before_the_next(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path)
    journal.samples(100)
    change(journal.place.directory / "2026-11-20T12.jsonl", 50)
    journal.store.checkpoint()
    journal.samples(50)
    read_, (damage,) = everything(journal.place)
    assert (read_, damage.from_seq, damage.to_seq) == ([], 0, 150)

    journal.samples(50)
    read_, (damage,) = everything(journal.place, damage.position)
    assert (read_, damage.from_seq, damage.to_seq) == ([], 150, 200)

    journal.samples(100)
    read_, (damage,) = everything(journal.place, damage.position)
    assert (read_, damage.from_seq, damage.to_seq) == (list(range(256, 300)), 200, 256)


def test_a_file_head_that_a_checkpoint_contradicts_is_not_gone_on_from(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    (place.directory / "2026-11-20T13.jsonl").unlink()
    tree = place.directory / "2026-11-20T14.tree"
    head, _, rest = tree.read_bytes().partition(b"\n")
    state = treefile.state_of(head + b"\n")
    assert state is not None
    forged = msgspec.structs.replace(state, peaks=("00" * 32, *state.peaks[1:]))
    tree.write_bytes(treefile.header(forged) + rest)

    read_, (damage,) = everything(place)
    assert read_ == seqs(range(600), range(1280, 1800))
    assert (damage.from_seq, damage.to_seq) == (600, 1280)


def test_of_a_gzipped_and_a_plain_file_the_gzipped_one_is_read(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    plain = place.directory / "2026-11-20T12.jsonl"
    packed = plain.with_name(plain.name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    plain.write_bytes(b"nothing\n")

    assert everything(place) == (list(range(1800)), [])


def test_a_damaged_archive_costs_what_cannot_be_unpacked(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    plain = place.directory / "2026-11-20T13.jsonl"
    packed = plain.with_name(plain.name + ".gz")
    data = bytearray(gzip.compress(plain.read_bytes(), mtime=0))
    data[len(data) // 2] ^= 0xFF
    packed.write_bytes(data)
    plain.unlink()

    read_, (damage,) = everything(place)
    assert set(range(600)) | set(range(1200, 1800)) <= set(read_)
    assert (damage.to_seq, damage.before_at) == (1200, NOON + 2 * HOUR)
    assert "2026-11-20T13 is broken" in damage.why or damage.from_seq > 600


def test_a_reader_goes_on_where_it_was_as_lines_come_through_files_and_archives(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    after: Position | None = None
    found: list[int] = []
    for step in range(40):
        now = NOON + step * HOUR // 7
        journal.samples(37, now)
        for name in journal.place.names()[:-2]:
            plain = journal.place.directory / (name + layout.LINES)
            if plain.exists():
                plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(plain.read_bytes()))
                plain.unlink()
        for item in read(journal.place, after):
            assert isinstance(item, Batch)
            found += [line.seq for line in item.lines]
            after = Position.decode(item.position.encode())

    assert found == list(range(40 * 37))


def test_a_directory_that_changed_only_just_may_change_again_unnoticed(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    at = place.directory.stat().st_ctime_ns // 1000

    assert place.changed(at + layout.COARSE) == 0
    assert place.changed(at - HOUR) == 0  # the clock was set back meanwhile
    assert place.changed(at + layout.COARSE + 1) == place.changed(at + HOUR) > 0


@pytest.mark.slow
def test_a_reader_of_a_journal_at_rest_goes_on_in_the_newest_file_and_in_those_that_come(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path)
    for hour in range(2):
        journal.samples(100, NOON + hour * HOUR)
    time.sleep(layout.COARSE / SECOND + 0.1)
    first, *_, at_rest = [item.position for item in read(journal.place)]
    assert at_rest.changed
    assert not first.changed  # there is a newer file than the one it stands in

    for expected in ((), range(200, 300)):
        assert everything(journal.place, at_rest)[0] == list(expected)
        journal.samples(100, NOON + HOUR)
    journal.samples(100, NOON + 2 * HOUR)
    assert everything(journal.place, at_rest)[0] == list(range(200, 500))


def test_a_reader_may_stop_anywhere_and_go_on_there(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    change(place.directory / "2026-11-20T13.jsonl", 300)
    whole = everything(place)[0]

    for item in read(place):
        before = item.to_seq if not isinstance(item, Batch) else item.lines[-1].seq + 1
        assert everything(place, item.position)[0] == [seq for seq in whole if seq >= before]


def test_a_line_that_is_not_finished_is_not_read(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    with (place.directory / "2026-11-20T14.jsonl").open("ab") as file:
        file.write(b'{"t":"stop","seq":1800,"at":')

    assert everything(place) == (list(range(1800)), [])


@pytest.mark.parametrize("left", [0, 1, 99, 100, 109])
@pytest.mark.parametrize("replaced", [False, True])
def test_lines_that_a_power_cut_took_back_send_the_reader_to_the_start(
    tmp_path: Path, left: int, replaced: bool
) -> None:
    journal = Journal(tmp_path)
    journal.samples(110)
    after = position(journal.place)
    path = journal.place.directory / "2026-11-20T12.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1]
    others = [line.replace(b'"value":9000', b'"value":8000') for line in lines[left:]]
    path.write_bytes(b"".join(line + b"\n" for line in (lines[:left] + others if replaced else lines[:left])))

    with pytest.raises(Rewound):
        everything(journal.place, after)
    path.unlink()
    with pytest.raises(Rewound):
        everything(journal.place, after)


def test_lines_read_unverified_that_turn_out_wrong_are_read_again_and_left_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.samples(100)
    change(journal.place.directory / "2026-11-20T12.jsonl", 50)
    after = position(journal.place)
    assert (after.size, after.trusted) == (100, 0)
    journal.samples(200)

    with pytest.raises(Rewound):
        everything(journal.place, after)
    read_, (damage,) = everything(journal.place)
    assert read_ == list(range(256, 300))
    assert (damage.from_seq, damage.to_seq) == (0, 256)


def test_a_journal_without_tree_and_checkpoints_is_read_unverified_and_misses_what_seq_tells(
    tmp_path: Path,
) -> None:
    place = three_hours(tmp_path / "state")
    plain = tmp_path / "plain"
    plain.mkdir()
    for name in (NAMES[0], NAMES[2]):
        shutil.copy(place.directory / f"{name}.jsonl", plain)
    change(plain / f"{NAMES[2]}.jsonl", 100, b'{"t"', b'{"T"')

    (origin,) = origins(plain)
    assert not any(item.verified for item in read(origin) if isinstance(item, Batch))
    read_, damage = everything(origin)
    assert read_ == seqs(range(600), range(1200, 1300), range(1301, 1800))
    assert [(one.from_seq, one.to_seq) for one in damage] == [(600, 1200), (1300, 1301)]


def test_a_journal_that_begins_in_the_middle_is_verified_from_there(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    for suffix in (".jsonl", ".tree"):
        (place.directory / f"{NAMES[0]}{suffix}").unlink()

    verified = [item.verified for item in read(place) if isinstance(item, Batch)]
    assert verified
    assert all(verified)


def test_how_many_lines_there_are_is_what_the_newest_checkpoint_says(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    assert lines_known(place) == 1800

    assert place.checkpoints is not None
    newest = layout.checkpoint_path(place.checkpoints, layout.checkpoint_numbers(place.checkpoints)[-1])
    newest.write_bytes(b"broken")
    assert lines_known(place) == 0
    shutil.rmtree(place.checkpoints)
    place.checkpoints.mkdir()
    assert lines_known(place) == 0
    place.checkpoints.rmdir()
    assert [lines_known(one) for one in origins(tmp_path)] == [0]


def test_origins_are_found_from_any_directory_that_holds_them(tmp_path: Path) -> None:
    place = three_hours(tmp_path / "state", 100)
    for directory in (tmp_path / "state", tmp_path / "state" / "journal", place.directory):
        (found,) = origins(directory)
        assert (found.name, found.checkpoints) == (place.name, place.checkpoints)

    (tmp_path / "empty" / "journal").mkdir(parents=True)
    assert origins(tmp_path / "empty") == []
    for directory in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(JournalError, match="expected a"):
            origins(directory)
