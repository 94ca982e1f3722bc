"""The index of a real journal: caught up, rebuilt, rewound, damaged, read without its writer."""

import asyncio
import gzip
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from collector.core.account import draw
from collector.core.latency import limits
from collector.core.published import to_json
from collector.core.record import Outcome
from collector.core.timeline import DAY, MINUTE
from collector.errors import ConstatError
from collector.journal.reader import origins
from exporters import query
from exporters.index import rows
from exporters.index.rebuild import make, rebuild
from exporters.index.store import UnusableIndexError, index_path, making, reading, writing
from exporters.index.tail import nobody, poll, take_in
from tests.conftest import needs_root
from tests.exporters.index.dumped import rows_in
from tests.exporters.journals import BEGAN, CALENDAR, CONTRACT, day, write
from tests.exporters.journals import plan as the_plan

LIMITS = limits(CONTRACT)
TROUBLE = (
    [("", Outcome.OK)] * 5
    + [("api", Outcome.FAILED)] * 4
    + [("storage", Outcome.BLIND)]
    + [("", Outcome.OK)] * 5
)


def dump(state: Path) -> dict[str, list[tuple[object, ...]]]:
    with reading(index_path(state), LIMITS) as db:
        return rows_in(db)


def leftovers(state: Path) -> list[Path]:
    return list(state.glob("*.new-*"))


def account(found: query.Found) -> dict[str, object]:
    drawn = draw(found.evidence(), CONTRACT, CALENDAR, as_of=BEGAN + DAY)
    told = to_json(drawn)
    del told["latency"]  # the index counts by the hour
    return told


async def test_the_index_and_the_journal_give_the_same_account(tmp_path: Path) -> None:
    await write(tmp_path, day(TROUBLE))
    make(tmp_path, LIMITS, nobody)

    indexed = account(query.indexed(tmp_path, CONTRACT))

    assert indexed == account(query.replayed([tmp_path], CONTRACT, BEGAN + DAY))
    assert indexed["outages"]


async def test_an_index_fed_live_has_the_rows_of_one_made_anew(tmp_path: Path) -> None:
    lines = day(TROUBLE)
    await write(tmp_path, lines[:20])
    make(tmp_path, LIMITS, nobody)
    for cut in (25, 26, len(lines)):
        await write(tmp_path, lines[max(20, cut - 5) : cut] if cut < 27 else lines[26:])
        poll(tmp_path, LIMITS)
    live = dump(tmp_path)

    make(tmp_path, LIMITS, nobody)

    assert live == dump(tmp_path)


async def test_an_index_made_in_parts_or_stopped_between_them_and_taken_up_has_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(tmp_path, day(TROUBLE * 20))
    make(tmp_path, LIMITS, nobody)
    whole, parts = dump(tmp_path), list[int]()

    monkeypatch.setattr("exporters.index.tail.AT_ONCE", 300)
    make(tmp_path, LIMITS, parts.append)
    assert (dump(tmp_path), len(parts)) == (whole, 3)

    index_path(tmp_path).unlink()
    with making(index_path(tmp_path), LIMITS) as db:
        take_in(db, origins(tmp_path), LIMITS, nobody, lambda: bool(rows.origins_of(db)))
        assert rows_in(db) != whole
    poll(tmp_path, LIMITS)
    assert dump(tmp_path) == whole


async def test_readers_see_lines_that_the_index_has_not_taken_in_yet(tmp_path: Path) -> None:
    lines = day(TROUBLE)
    await write(tmp_path, lines[:12])
    make(tmp_path, LIMITS, nobody)
    before = dump(tmp_path)
    await write(tmp_path, lines[12:])

    seen = query.indexed(tmp_path, CONTRACT)

    assert seen.told[0].testimony.until == lines[-1].at
    assert dump(tmp_path) == before


async def test_an_origin_whose_lines_were_taken_back_is_read_again(tmp_path: Path) -> None:
    """A power cut takes back what was not yet on disk, and other lines come in their stead."""
    lines = day(TROUBLE)
    name = await write(tmp_path, lines[:20])
    (file,) = (tmp_path / "journal" / name).glob("*.jsonl")
    make(tmp_path, LIMITS, nobody)
    text = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join(text[:10]) + b"\n")
    for tree in (tmp_path / "journal" / name).iterdir():
        if tree != file and tree.name != "origin.json":
            tree.unlink()
    shutil.rmtree(tmp_path / "checkpoints")

    poll(tmp_path, LIMITS)

    live = dump(tmp_path)
    make(tmp_path, LIMITS, nobody)
    assert live == dump(tmp_path)
    assert len(query.indexed(tmp_path, CONTRACT).told) == 1


async def test_an_origin_that_is_gone_leaves_the_index(tmp_path: Path) -> None:
    await write(tmp_path, day(TROUBLE), "here")
    other = await write(tmp_path, day(TROUBLE), "there")
    make(tmp_path, LIMITS, nobody)
    shutil.rmtree(tmp_path / "journal" / other)

    poll(tmp_path, LIMITS)

    assert {row[0] for row in dump(tmp_path)["origins"]} == {row[0] for row in dump(tmp_path)["tallies"]}
    assert other not in {row[0] for row in dump(tmp_path)["origins"]}


async def test_damage_is_told_by_the_index_as_by_the_journal(tmp_path: Path) -> None:
    name = await write(tmp_path, day(TROUBLE * 10))
    (file,) = (tmp_path / "journal" / name).glob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"value":20000', b'"value":20001', 1))
    make(tmp_path, LIMITS, nobody)

    told = query.indexed(tmp_path, CONTRACT).damage

    assert told == query.replayed([tmp_path], CONTRACT, BEGAN + DAY).damage
    assert len(told) == 1
    assert str(file) in told[0]


@pytest.mark.parametrize("left", [0, 20, -4])
async def test_a_broken_archive_at_the_end_is_told_by_the_index_as_by_the_journal_until_it_is_whole(
    tmp_path: Path, left: int
) -> None:
    name = await write(tmp_path / "state", day(TROUBLE * 60))
    lines_alone = tmp_path / "journal" / name
    lines_alone.mkdir(parents=True)
    for file in (tmp_path / "state" / "journal" / name).glob("*.jsonl"):
        packed = gzip.compress(file.read_bytes())
        archive = lines_alone / (file.name + ".gz")
        archive.write_bytes(packed[:left])
    make(tmp_path, LIMITS, nobody)
    for _ in range(2):
        poll(tmp_path, LIMITS)
        (told,) = query.indexed(tmp_path, CONTRACT).damage
        assert [told] == query.replayed([tmp_path], CONTRACT, BEGAN + DAY).damage
        assert str(lines_alone) in told
        assert "is broken" in told

    archive.write_bytes(packed)
    poll(tmp_path, LIMITS)
    live = dump(tmp_path)
    assert query.indexed(tmp_path, CONTRACT).damage == []
    make(tmp_path, LIMITS, nobody)
    assert live == dump(tmp_path)


async def test_an_archive_that_breaks_after_the_index_took_it_in_is_told_and_its_lines_are_taken_out(
    tmp_path: Path,
) -> None:
    name = await write(tmp_path / "state", day(TROUBLE * 60))
    lines_alone = tmp_path / "journal" / name
    lines_alone.mkdir(parents=True)
    (file,) = (tmp_path / "state" / "journal" / name).glob("*.jsonl")
    archive = lines_alone / (file.name + ".gz")
    archive.write_bytes(gzip.compress(file.read_bytes()))
    make(tmp_path, LIMITS, nobody)
    archive.write_bytes(archive.read_bytes()[:-4])

    (before,) = query.indexed(tmp_path, CONTRACT).damage
    poll(tmp_path, LIMITS)
    live = dump(tmp_path)

    make(tmp_path, LIMITS, nobody)
    assert live == dump(tmp_path)
    assert "is broken" in before
    assert query.indexed(tmp_path, CONTRACT).damage == [before]


AS_NOBODY = """
import os, sys
from pathlib import Path
from exporters import query
from tests.exporters.journals import CONTRACT
os.setgid(65534)
os.setuid(65534)
print(len(query.indexed(Path(sys.argv[1]), CONTRACT).told))
"""


async def test_a_reader_without_rights_to_write_reads_when_the_writer_has_ended(tmp_path: Path) -> None:
    """A write-ahead log would refuse this reader."""
    needs_root()
    await write(tmp_path, day(TROUBLE))
    make(tmp_path, LIMITS, nobody)
    poll(tmp_path, LIMITS)
    # Outside of pytest's own directory, which is closed to others.
    with tempfile.TemporaryDirectory() as opened:
        shown = shutil.copytree(tmp_path, opened, dirs_exist_ok=True)
        await asyncio.to_thread(subprocess.check_call, ["chmod", "-R", "a+rX", shown])
        told = await asyncio.to_thread(
            subprocess.check_output, [sys.executable, "-c", AS_NOBODY, shown], text=True
        )

    assert told == "1\n"


async def test_a_locked_index_is_waited_for_and_not_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporters.index.store.WAIT_S", 0.05)
    await write(tmp_path, day(TROUBLE)[:20])
    make(tmp_path, LIMITS, nobody)
    await write(tmp_path, day(TROUBLE)[20:])
    with writing(index_path(tmp_path), LIMITS) as db:
        db.conn.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ConstatError, match="cannot be written now") as told:
            poll(tmp_path, LIMITS)

    assert not isinstance(told.value, UnusableIndexError)
    poll(tmp_path, LIMITS)


@pytest.mark.parametrize("broken", [b"", b"not a database", None])
async def test_a_missing_or_broken_index_is_no_loss(tmp_path: Path, broken: bytes | None) -> None:
    await write(tmp_path, day(TROUBLE))
    if broken is not None:
        index_path(tmp_path).write_bytes(broken)
    with pytest.raises(UnusableIndexError, match="constat rebuild"):
        query.indexed(tmp_path, CONTRACT)

    fallback = account(query.latest(tmp_path, CONTRACT))

    make(tmp_path, LIMITS, nobody)
    assert fallback == account(query.indexed(tmp_path, CONTRACT))


async def test_an_index_made_with_other_limits_is_not_used(tmp_path: Path) -> None:
    await write(tmp_path, day(TROUBLE))
    rebuild(tmp_path, {**LIMITS, "internal-network.latency": 1})

    with pytest.raises(UnusableIndexError, match="another contract's limits"):
        query.indexed(tmp_path, CONTRACT)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("UPDATE stretches SET state = state || 'x'", "does not decode"),
        ("UPDATE stretches SET spans = '[[1, 2]'", "does not decode"),
        ("UPDATE origins SET health = '{'", "does not decode"),
        ("UPDATE made_with SET what = '{\"version\":2}'", "made by another version"),
        ("DELETE FROM made_with", "made by another version"),
        ("DROP TABLE made_with", "expected an index"),
        ("DROP TABLE stretches", "expected an index"),
    ],
)
async def test_an_index_that_was_tampered_with_or_is_of_another_version_is_made_anew(
    tmp_path: Path, damage: str, message: str
) -> None:
    await write(tmp_path, day(TROUBLE))
    make(tmp_path, LIMITS, nobody)
    with closing(sqlite3.connect(index_path(tmp_path))) as connection, connection:
        connection.execute(damage)

    with pytest.raises(UnusableIndexError, match=message):
        query.indexed(tmp_path, CONTRACT)


async def test_what_was_not_known_yet_is_not_told(tmp_path: Path) -> None:
    await write(tmp_path, day(TROUBLE))

    early = query.replayed([tmp_path], CONTRACT, BEGAN + MINUTE)

    assert early.told[0].testimony.until <= BEGAN + MINUTE
    assert query.contracts_named([tmp_path]) == [the_plan().contract]


async def test_a_rebuild_that_fails_says_why_and_leaves_the_old_index(tmp_path: Path) -> None:
    await write(tmp_path, day(TROUBLE))
    rebuild(tmp_path, LIMITS)
    before = dump(tmp_path)
    shutil.move(tmp_path / "journal", tmp_path / "away")
    index = index_path(tmp_path).read_bytes()

    with pytest.raises(Exception, match="expected a state directory, a journal"):
        make(tmp_path, LIMITS, nobody)

    assert index_path(tmp_path).read_bytes() == index
    shutil.move(tmp_path / "away", tmp_path / "journal")
    assert before == dump(tmp_path)
    assert leftovers(tmp_path) == []
