"""Lines quoted with their places, and roots over the first lines: what an outsider finds in the files."""

import asyncio
from pathlib import Path

import pytest

from collector.core.record import Outcome, Sample, encode
from collector.core.timeline import HOUR, SECOND, Span
from collector.journal.layout import opened
from collector.journal.merkle import Frontier, leaf_hashes
from collector.journal.passage import checkpoints, passage, root
from collector.journal.reader import Batch, OriginDir, origins, read
from tests.exporters.journals import BEGAN, day, numbered, sample, write

LATER = BEGAN + 3 * HOUR


@pytest.fixture
def origin(tmp_path: Path) -> OriginDir:
    """Two hours with lines, three apart, each in a file of its own."""
    lines = day([("", Outcome.OK)] * 30)
    asyncio.run(write(tmp_path, lines))
    later = [sample("get", LATER + number * SECOND) for number in range(40)]
    asyncio.run(write(tmp_path, numbered([*lines, *later])[len(lines) :]))
    (found,) = origins(tmp_path)
    return found


def in_file(origin: OriginDir, name: str) -> list[bytes]:
    """Its lines; an older file may be packed by now."""
    with opened(origin, name) as stream:
        return stream.read().splitlines()


def raw(origin: OriginDir) -> list[bytes]:
    return [line for name in origin.names() for line in in_file(origin, name)]


def test_a_cited_line_is_the_one_at_that_place(origin: OriginDir) -> None:
    """The file as it is named, lines counted from 1, as an editor counts them."""
    cited = list(passage(origin, (Span(BEGAN, LATER + HOUR),)))

    assert len(cited) == len(raw(origin))
    for one in cited:
        assert in_file(origin, one.file.removesuffix(".jsonl"))[one.number - 1] == encode(one.line)


def test_only_files_of_the_hours_around_are_read(origin: OriginDir) -> None:
    found = [one.line for one in passage(origin, (Span(LATER, LATER + SECOND),))]

    assert len(origin.names()) == 2
    assert {type(line) for line in found} == {Sample}
    assert {line.at // HOUR for line in found} == {LATER // HOUR}


def test_a_line_that_was_appended_late_is_found(origin: OriginDir) -> None:
    """What was seen just before an hour began may stand in that hour's file."""
    began = LATER - LATER % HOUR
    found = {one.file for one in passage(origin, (Span(began - SECOND, began),))}

    assert found == {f"{origin.names()[1]}.jsonl"}


def test_no_file_is_read_for_no_time(origin: OriginDir) -> None:
    assert list(passage(origin, ())) == []


def test_a_line_that_does_not_decode_is_left_out_and_the_others_keep_their_numbers(origin: OriginDir) -> None:
    path = origin.directory / f"{origin.names()[1]}.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:5], b"{torn\n", *lines[6:]]))

    found = list(passage(origin, (Span(LATER, LATER + SECOND),)))

    assert [one.number for one in found] == [n for n in range(1, len(lines) + 1) if n != 6]
    assert {one.line.seq - one.number for one in found} == {len(raw(origin)) - len(lines) - 1}


@pytest.mark.parametrize("size", [0, 1, 4, 64, 90, 93, 94, 133])
def test_root_of_the_first_lines_is_that_of_the_tree_over_them(origin: OriginDir, size: int) -> None:
    tree = Frontier()
    tree.extend(leaf_hashes(raw(origin)[:size]))

    assert root(origin, None, size) == tree.root()


def test_root_is_the_same_from_any_position_before(origin: OriginDir) -> None:
    size = len(raw(origin))
    positions = [part.position for part in read(origin) if isinstance(part, Batch)]

    assert {root(origin, position, size) for position in positions} == {root(origin, None, size)}


def test_root_over_more_lines_than_there_are_is_not_known(origin: OriginDir) -> None:
    assert root(origin, None, len(raw(origin)) + 1) is None


def test_checkpoints_are_told_by_how_many_lines_they_are_over(origin: OriginDir) -> None:
    found = checkpoints(origin)

    assert [one.size for one in found] == sorted(one.size for one in found)
    assert {one.root for one in found if one.size == len(raw(origin))} == {
        root(origin, None, len(raw(origin)))
    }
    assert all(one.root == root(origin, None, one.size) for one in found)
    assert len({one.key for one in found}) == 1
    assert len(found[0].key) == 8


def test_a_checkpoint_that_its_origin_did_not_sign_names_no_key(origin: OriginDir) -> None:
    assert origin.checkpoints is not None
    for path in origin.checkpoints.glob("*.txt"):
        body = path.read_bytes().partition(b"\n\n")[0] + b"\n\n"
        path.write_bytes(body + "— another AAAAAAAA\n".encode())

    assert {one.key for one in checkpoints(origin)} == {""}


def test_a_checkpoint_that_cannot_be_read_is_no_checkpoint(origin: OriginDir) -> None:
    assert origin.checkpoints is not None
    (origin.checkpoints / "000099.txt").write_bytes(b"nothing of the kind")

    assert "000099.txt" not in {one.file for one in checkpoints(origin)}


def test_an_origin_without_checkpoints_has_none(origin: OriginDir) -> None:
    bare = OriginDir(name=origin.name, directory=origin.directory, checkpoints=None)

    assert checkpoints(bare) == []
