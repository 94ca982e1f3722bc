"""An archive that does not unpack to its end is told, wherever it stands, whatever vouches for its lines."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.core import record
from collector.core.timeline import SECOND
from collector.journal.reader import OriginDir, Position, Rewound, origins, read
from tests.journal.lines import NOON, everything, position, sample, seqs, three_hours

NAMES = ["2026-11-20T12", "2026-11-20T13", "2026-11-20T14"]


def cut_in_half(packed: bytes) -> bytes:
    return packed[: len(packed) // 2]


def without_its_last_bytes(packed: bytes) -> bytes:
    return packed[:-4]


def with_a_wrong_crc(packed: bytes) -> bytes:
    return packed[:-6] + bytes([packed[-6] ^ 0xFF]) + packed[-5:]


def with_a_changed_byte(packed: bytes) -> bytes:
    middle = len(packed) // 2
    return packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :]


def that_is_none(_: bytes) -> bytes:
    return b"not gzip"


def without_a_byte(_: bytes) -> bytes:
    return b""


def with_half_a_line(packed: bytes) -> bytes:
    return gzip.compress(gzip.decompress(packed)[:-9])


HARMS = [
    cut_in_half,
    without_its_last_bytes,
    with_a_wrong_crc,
    with_a_changed_byte,
    that_is_none,
    without_a_byte,
    with_half_a_line,
]
harms = pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)


def damaged_archive(plain: Path, harm: Callable[[bytes], bytes]) -> bytes:
    """Gzip `plain`, and do it harm; what the archive was before."""
    packed = gzip.compress(plain.read_bytes(), mtime=0)
    plain.with_name(plain.name + ".gz").write_bytes(harm(packed))
    plain.unlink()
    return packed


def lines_alone(directory: Path, *names: str) -> OriginDir:
    """Files of 3000 lines each, and nothing that vouches for them."""
    for number, name in enumerate(names):
        seqs_ = range(3000 * number, 3000 * number + 3000)
        lines = [record.encode(sample(NOON + seq * SECOND, seq=seq)) + b"\n" for seq in seqs_]
        (directory / f"{name}.jsonl").write_bytes(b"".join(lines))
    return origins(directory)[0]


@harms
@pytest.mark.parametrize("before", [0, 1])
def test_an_archive_that_does_not_unpack_is_told_where_no_line_follows_it_and_nothing_vouches_for_it(
    tmp_path: Path, harm: Callable[[bytes], bytes], before: int
) -> None:
    """The file being written may end anywhere; an archive got its name when it was whole."""
    place = lines_alone(tmp_path, *NAMES[: before + 1])
    newest = place.directory / f"{NAMES[before]}.jsonl"
    damaged_archive(newest, harm)

    read_, (damage,) = everything(place)
    whole = list(range(3000 * (before + 1)))
    assert whole[: 3000 * before] <= read_ < whole
    assert read_ == whole[: len(read_)]
    assert f"; {NAMES[before]} is broken: " in damage.why
    assert (damage.file, damage.line) == (str(newest), len(read_) - 3000 * before + 1)
    assert (damage.from_seq, damage.before_at) == (len(read_), None)


@harms
def test_an_archive_that_does_not_unpack_is_told_once_with_what_follows_it(
    tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    place = lines_alone(tmp_path, *NAMES[:2])
    damaged_archive(place.directory / f"{NAMES[0]}.jsonl", harm)
    read_, (damage,) = everything(place)

    if harm is not with_half_a_line:  # which is a line there, if a bad one
        assert f"; {NAMES[0]} is broken: " in damage.why
    assert read_ == seqs(range(damage.from_seq), range(3000, 6000))
    assert damage.to_seq == 3000


@harms
def test_a_broken_archive_is_told_once_however_often_one_looks_and_read_anew_when_it_is_whole(
    tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    place = lines_alone(tmp_path, *NAMES[:2])
    newest = place.directory / f"{NAMES[1]}.jsonl"
    packed = damaged_archive(newest, harm)
    _, (damage,) = everything(place)
    after = Position.decode(damage.position.encode())
    assert everything(place, after) == ([], [])
    newest.with_name(newest.name + ".gz").write_bytes(packed)
    with pytest.raises(Rewound):
        everything(place, after)
    assert everything(place) == (list(range(6000)), [])


@harms
def test_whoever_stopped_in_an_archive_that_is_broken_reads_it_as_a_whole(
    tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    """What can be had of it depends on where one begins; an index must not depend on when it looked."""
    place = lines_alone(tmp_path, *NAMES[:2])
    damaged_archive(place.directory / f"{NAMES[1]}.jsonl", harm)
    *batches, damage = read(place)

    for item in batches:
        if item.position.file == NAMES[1]:
            with pytest.raises(Rewound):
                everything(place, item.position)
        else:
            assert everything(place, item.position)[1] == [damage]


def test_a_plain_file_at_the_end_may_end_in_the_middle_of_a_line(tmp_path: Path) -> None:
    place = lines_alone(tmp_path, NAMES[0])
    plain = place.directory / f"{NAMES[0]}.jsonl"
    plain.write_bytes(plain.read_bytes()[:-9])

    assert everything(place) == (list(range(2999)), [])


def test_two_broken_archives_at_the_end_are_both_told_once(tmp_path: Path) -> None:
    place = lines_alone(tmp_path, *NAMES)
    damaged_archive(place.directory / f"{NAMES[1]}.jsonl", cut_in_half)
    damaged_archive(place.directory / f"{NAMES[2]}.jsonl", that_is_none)

    _, (damage,) = everything(place)
    assert f"; {NAMES[1]} is broken: " in damage.why
    assert f"; {NAMES[2]} is broken: " in damage.why
    assert everything(place, damage.position) == ([], [])


@harms
def test_an_archive_that_was_read_and_is_broken_since_is_read_anew_and_told(
    tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    place = lines_alone(tmp_path, NAMES[0])
    after = position(place)
    damaged_archive(place.directory / f"{NAMES[0]}.jsonl", harm)

    with pytest.raises(Rewound):
        everything(place, after)
    assert len(everything(place)[1]) == 1


@harms
def test_what_a_broken_archive_at_the_end_had_is_missed_by_the_tree_and_the_archive_named(
    tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    place = three_hours(tmp_path)
    damaged_archive(place.directory / f"{NAMES[2]}.jsonl", harm)

    read_, (damage,) = everything(place)
    assert read_ == list(range(damage.from_seq))
    assert damage.to_seq == 1800
    assert damage.why.count(f"; {NAMES[2]} is broken: ") == 1
    assert everything(place, damage.position) == ([], [])
