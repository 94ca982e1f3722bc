"""What people declare enters the journal exactly once, whatever happens, or is put aside with the reason."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from collector.core import record
from collector.core.record import Declaration
from collector.core.timeline import HOUR
from collector.errors import DeclarationError
from collector.journal import documents, inbox, layout, treefile
from collector.journal.inbox import Handed, Inbox
from collector.journal.layout import OriginDir
from collector.journal.origin import open_origin
from collector.journal.writer import Writer
from tests.journal.lines import NOON, raw_lines

SPAN = [NOON, NOON + HOUR]
NOTE = {"kind": "note", "by": "fh", "text": "t"}
WORK = {"kind": "planned-maintenance", "by": "fh", "spans": [SPAN], "scope": ["*"], "standing": "proposed"}


@asynccontextmanager
async def collecting(state: Path) -> AsyncIterator[tuple[Inbox, Writer]]:
    writer = Writer(open_origin(state, "paris", "m"), now=lambda: NOON, boot=lambda: 0)
    writer.open()
    try:
        yield Inbox(state, writer, now=lambda: NOON), writer
    finally:
        await writer.close()


def declared(place: OriginDir) -> list[Declaration]:
    lines = [record.decode(line) for line in raw_lines(place)]
    return [line for line in lines if isinstance(line, Declaration)]


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


async def test_a_declaration_handed_in_becomes_a_line_and_its_file_goes(tmp_path: Path) -> None:
    handed = inbox.submit(tmp_path, WORK)
    assert inbox.fate(handed) == "queued"
    assert inbox.waiting(tmp_path) == {handed.id}
    async with collecting(tmp_path) as (box, writer):
        assert await box.take() == 1
        assert inbox.fate(handed) == "taken"
    (line,) = declared(writer.origin.place)

    assert (line.id, line.kind, line.at) == (handed.id, WORK["kind"], NOON)
    assert line.spans == ((NOON, NOON + HOUR),)
    assert files(tmp_path / "inbox") == []


def test_what_is_wrong_is_not_handed_in_at_all(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError):
        inbox.submit(tmp_path, {**NOTE, "spans": []})
    assert files(tmp_path / "inbox") == []


async def test_after_a_crash_between_the_line_and_the_removal_nothing_is_doubled(tmp_path: Path) -> None:
    id_, file = inbox.submit(tmp_path, NOTE)
    data = file.read_bytes()
    for _ in range(2):
        async with collecting(tmp_path) as (box, writer):
            file.write_bytes(data)
            await box.take()
            file.write_bytes(data)
            (tmp_path / "inbox" / "copy.json").write_bytes(data)
            assert await box.take() == 0
            assert files(tmp_path / "inbox") == []

    assert [line.id for line in declared(writer.origin.place)] == [id_]


async def test_what_does_not_decode_is_put_aside_with_the_reason_and_keeps_nobody_waiting(
    tmp_path: Path,
) -> None:
    box_directory = tmp_path / "inbox"
    box_directory.mkdir()
    (box_directory / "a.json").write_bytes(b"{")
    (box_directory / "b.json").write_bytes(b'"text"')
    (box_directory / "c.json").write_bytes(msgspec.json.encode({"id": "c", **WORK, "spans": [SPAN[::-1]]}))
    (box_directory / "d.json").mkdir()
    (box_directory / "e.json").symlink_to("/etc/hostname")
    (box_directory / "f.json").write_bytes(b" " * (inbox.LIMIT_BYTES + 1))
    (box_directory / "g.json").write_bytes(b'{"id":"\xff"}')
    os.mkfifo(box_directory / "h.json")
    (box_directory / ".half.json.tmp").write_bytes(b"{")
    (box_directory / "notes.txt").write_bytes(b"{")
    id_, _ = inbox.submit(tmp_path, NOTE)
    async with collecting(tmp_path) as (box, writer):
        assert await box.take() == 1

    assert [line.id for line in declared(writer.origin.place)] == [id_]
    assert files(box_directory) == [".half.json.tmp", "notes.txt"]
    assert files(tmp_path / "rejected") == sorted(n + s for n in "abcdefgh" for s in (".json", ".json.why"))
    assert "expected an end after the start" in (tmp_path / "rejected" / "c.json.why").read_text()
    assert "expected an end after the start" in inbox.fate(Handed("c", box_directory / "c.json"))


async def test_a_second_file_of_a_name_does_not_replace_the_first_among_the_rejected(tmp_path: Path) -> None:
    async with collecting(tmp_path) as (box, _):
        for text in (b"{", b"["):
            (tmp_path / "inbox").mkdir(exist_ok=True)
            (tmp_path / "inbox" / "a.json").write_bytes(text)
            await box.take()

    assert files(tmp_path / "rejected") == ["a.2.json", "a.2.json.why", "a.json", "a.json.why"]


async def test_a_correction_must_name_a_declaration_that_is_there(tmp_path: Path) -> None:
    async with collecting(tmp_path) as (box, writer):
        first = inbox.submit(tmp_path, {"id": "b-first", **NOTE})
        inbox.submit(tmp_path, {"id": "a-correction", **NOTE, "supersedes": "b-first"})
        os.utime(first.file, ns=(0, 0))
        lost = inbox.submit(tmp_path, {"id": "c-lost", **NOTE, "supersedes": "nothing"})
        assert await box.take() == 2

    assert [line.id for line in declared(writer.origin.place)] == ["b-first", "a-correction"]
    assert "expected a declaration in the journal" in inbox.fate(lost)


async def test_a_correction_is_of_the_kind_of_what_it_corrects(tmp_path: Path) -> None:
    """Else a note could make an accepted deduction disappear; known again after a restart."""
    async with collecting(tmp_path) as (box, _):
        inbox.submit(tmp_path, {"id": "work", **WORK})
        assert await box.take() == 1
    async with collecting(tmp_path) as (box, writer):
        note = inbox.submit(tmp_path, {"id": "note", **NOTE, "supersedes": "work"})
        inbox.submit(tmp_path, {"id": "again", **WORK, "standing": "refused", "supersedes": "work"})
        assert await box.take() == 1

    assert [line.id for line in declared(writer.origin.place)] == ["work", "again"]
    assert "of its kind, planned-maintenance, got note" in inbox.fate(note)


async def test_what_an_older_version_took_in_may_be_corrected_whatever_it_is(tmp_path: Path) -> None:
    """Its list of declarations had no kinds; what they were is judged where the account is drawn."""
    async with collecting(tmp_path) as (box, writer):
        inbox.submit(tmp_path, {"id": "work", **WORK})
        assert await box.take() == 1
    (writer.origin.place.directory / layout.DECLARED).write_bytes(treefile.checked(b"work"))
    async with collecting(tmp_path) as (box, writer):
        inbox.submit(tmp_path, {"id": "note", **NOTE, "supersedes": "work"})
        assert await box.take() == 1


async def test_while_the_disk_will_not_have_a_line_its_file_stays_and_it_is_written_once(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as (box, writer):
        place = writer.origin.place
        aside = place.directory.with_name("aside")
        place.directory.rename(aside)
        handed = inbox.submit(tmp_path, NOTE)
        assert await box.take() == 0
        assert await box.take() == 0
        assert inbox.fate(handed) == "queued"
        aside.rename(place.directory)
        assert await writer.flush()
        await box.take()
        assert inbox.fate(handed) == "taken"

    assert [line.id for line in declared(place)] == [handed.id]


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_id_said_again_is_said_once_and_with_other_words_is_refused(
    tmp_path: Path, restarted: bool
) -> None:
    async with collecting(tmp_path) as (box, writer):
        inbox.submit(tmp_path, {"id": "a", **NOTE})
        assert await box.take() == 1
        if not restarted:
            same, other = said_again(tmp_path)
            assert await box.take() == 0
    if restarted:
        async with collecting(tmp_path) as (box, writer):
            same, other = said_again(tmp_path)
            assert await box.take() == 0

    assert inbox.fate(same) == "taken"
    assert "got a, which is in the journal and says something else; to correct it" in inbox.fate(other)
    assert inbox.fate(other).endswith("--supersedes a")
    assert [line.text for line in declared(writer.origin.place)] == ["t"]
    assert [one["text"] for one in rejected(tmp_path)] == ["u"]


def said_again(state: Path) -> tuple[Handed, Handed]:
    same = inbox.submit(state, {"text": "t", "by": "fh", "kind": "note", "id": "a", "document": None})
    return same, inbox.submit(state, {"id": "a", **NOTE, "text": "u"})


def rejected(state: Path) -> list[dict[str, object]]:
    return [msgspec.json.decode(path.read_bytes()) for path in (state / "rejected").glob("*.json")]


async def test_two_who_hand_in_one_id_at_once_are_both_told(tmp_path: Path) -> None:
    """Before either is in the journal, and while the disk takes neither."""
    async with collecting(tmp_path) as (box, writer):
        place = writer.origin.place
        aside = place.directory.with_name("aside")
        place.directory.rename(aside)
        first = inbox.submit(tmp_path, {"id": "a", **NOTE})
        second = inbox.submit(tmp_path, {"id": "a", **NOTE, "text": "u"})
        os.utime(first.file, ns=(0, 0))
        assert await box.take() == 0
        assert (inbox.fate(first), inbox.fate(second)) == ("queued", "queued")
        aside.rename(place.directory)
        assert await writer.flush()
        await box.take()

    assert inbox.fate(first) == "taken"
    assert "says something else" in inbox.fate(second)
    assert [line.text for line in declared(place)] == ["t"]


async def test_what_was_rejected_once_may_be_taken_later_and_is_told_so(tmp_path: Path) -> None:
    async with collecting(tmp_path) as (box, _):
        early = inbox.submit(tmp_path, {"id": "b", **NOTE, "supersedes": "a"})
        assert await box.take() == 0
        inbox.submit(tmp_path, {"id": "a", **NOTE})
        assert await box.take() == 1
        late = inbox.submit(tmp_path, {"id": "b", **NOTE, "supersedes": "a"})
        assert await box.take() == 1

    assert "expected a declaration in the journal, got a" in inbox.fate(early)
    assert inbox.fate(late) == "taken"


async def test_what_an_older_version_took_in_is_not_said_again_since_nobody_knows_what_it_says(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path) as (box, writer):
        inbox.submit(tmp_path, {"id": "a", **NOTE})
        assert await box.take() == 1
    (writer.origin.place.directory / layout.DECLARED).write_bytes(treefile.checked(b"a note"))
    async with collecting(tmp_path) as (box, writer):
        again = inbox.submit(tmp_path, {"id": "a", **NOTE})
        assert await box.take() == 0

    assert "an older version took it in" in inbox.fate(again)
    assert [line.id for line in declared(writer.origin.place)] == ["a"]


def test_a_document_is_kept_once_under_the_hash_of_its_bytes(tmp_path: Path) -> None:
    digest = documents.keep(tmp_path, b"a letter")
    assert documents.keep(tmp_path, b"a letter") == digest

    assert files(tmp_path / "documents") == [digest]
    assert (tmp_path / "documents" / digest).read_bytes() == b"a letter"
    assert digest == "5bb27fb86c807b2ff46917449e038a93779fe33ceae2ffc4c843c00c718e4183"
