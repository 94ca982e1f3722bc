"""The key of an origin changes: a crash at any point leaves a journal whose checkpoints all verify."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collector.core import record
from collector.core.record import Rotate
from collector.errors import JournalError
from collector.journal import keys, layout
from collector.journal.note import Key, Vkey
from tests.journal.lines import NOON, Journal, everything, raw_lines, signers, start
from tests.journal.test_origin import begun, identity
from tests.journal.test_writer import until, writing


def waiting(journal: Journal) -> Key:
    """A new key, as `constat rotate` leaves it."""
    state, name = journal.origin.state, journal.origin.name
    return keys.make(keys.next_path(state, name), name)


def rotated(journal: Journal) -> None:
    """What the writer does once it hears of a new key; nothing that may lag behind is done yet."""
    key = keys.coming(journal.origin.state, journal.origin.name)
    assert key is not None
    line = journal.store.rotation(key, NOON)
    assert line is not None
    numbered = record.Rotate(seq=journal.store.size, at=NOON, key=line.key, signature=line.signature)
    journal.store.append([numbered], [record.encode(numbered)], NOON)


def went_on(state: Path) -> Journal:
    """Another start, which takes the key that waits as the collector does; closed in good order."""
    again = Journal(state)
    again.append([start(again.origin)])
    key = keys.coming(state, again.origin.name)
    if key is not None:
        rotated(again)
    again.samples(3)
    again.close()
    return again


def rotations(journal: Journal) -> list[str]:
    lines = map(record.decode, raw_lines(journal.place))
    return [line.key for line in lines if isinstance(line, Rotate)]


def test_from_the_line_on_the_new_key_signs_and_the_old_one_is_gone(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    old = journal.origin.key.vkey
    journal.store.checkpoint()
    new = waiting(journal).vkey
    rotated(journal)
    journal.samples(2)
    journal.close()

    assert signers(journal.place) == [old, new]
    assert rotations(journal) == [str(new)]
    assert identity(journal)["key"] == str(new)
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [f"{journal.origin.name}.pem"]
    again = went_on(tmp_path)
    assert (again.origin.name, again.origin.key.vkey) == (journal.origin.name, new)
    assert signers(again.place) == [old, new, new]


def test_a_checkpoint_of_the_lines_before_is_the_old_keys_even_when_it_is_made_with_the_line(
    tmp_path: Path,
) -> None:
    """A new hour's file closes the one before by a checkpoint."""
    journal = begun(tmp_path)
    old, new = journal.origin.key.vkey, waiting(journal).vkey
    key = keys.coming(tmp_path, journal.origin.name)
    assert key is not None
    line = journal.store.rotation(key, NOON)
    assert line is not None
    journal.append([line], NOON + 3_600_000_000)
    journal.close()

    assert signers(journal.place) == [old, new]


def test_a_crash_before_the_line_is_whole_leaves_the_old_key_in_force_and_the_new_one_waiting(
    tmp_path: Path,
) -> None:
    journal = begun(tmp_path / "0")
    old, new = journal.origin.key.vkey, waiting(journal).vkey
    before = len(raw_lines(journal.place))
    rotated(journal)
    journal.crash()
    file = journal.place.directory / f"{journal.place.names()[-1]}{layout.LINES}"
    whole = file.read_bytes()
    line = len(raw_lines(journal.place)[-1]) + 1
    for cut in (1, 2, line // 2, line - 1, line):
        state = tmp_path / str(cut)
        shutil.copytree(tmp_path / "0", state)
        (state / file.relative_to(tmp_path / "0")).write_bytes(whole[:-cut])

        again = went_on(state)
        assert (again.origin.new, again.origin.name) == (False, journal.origin.name)
        assert len(raw_lines(again.place)) == before + 1 + 1 + 3
        assert rotations(again) == [str(new)]
        assert signers(again.place)[-1] == new
        assert str(old) != str(new)


@pytest.mark.parametrize("reached", ["line", "key", "identity"])
@pytest.mark.parametrize("frontier", [True, False])
def test_a_crash_after_the_line_leaves_the_new_key_in_force_wherever_it_came(
    tmp_path: Path, reached: str, frontier: bool
) -> None:
    journal = begun(tmp_path)
    old, new = journal.origin.key.vkey, waiting(journal)
    stale = (journal.place.directory / layout.IDENTITY).read_bytes()
    rotated(journal)
    if reached != "line":
        journal.store.keep()
    if reached == "key":
        (journal.place.directory / layout.IDENTITY).write_bytes(stale)
    journal.crash()
    if not frontier:
        (journal.place.directory / layout.FRONTIER).unlink()

    for _ in range(2):
        again = went_on(tmp_path)
        assert (again.origin.new, again.origin.key.vkey) == (False, new.vkey)
        assert identity(again)["key"] == str(new.vkey)
        assert rotations(again) == [str(new.vkey)]
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [f"{journal.origin.name}.pem"]
    assert set(signers(again.place)) == {new.vkey}
    assert old not in signers(again.place)
    assert everything(again.place)[1] == []


def test_a_key_that_waits_does_not_stand_in_for_one_that_is_gone(tmp_path: Path) -> None:
    """No line says that it may sign."""
    journal = begun(tmp_path)
    journal.close()
    waiting(journal)
    keys.path(tmp_path, journal.origin.name).unlink()

    again = Journal(tmp_path)
    assert again.origin.new
    again.close()


def test_a_key_that_signs_already_is_not_rotated_to(tmp_path: Path) -> None:
    journal = begun(tmp_path)

    assert journal.store.rotation(journal.origin.key, NOON) is None
    journal.close()


async def test_the_writer_takes_a_key_that_waits_once_however_often_it_is_told(tmp_path: Path) -> None:
    async with writing(tmp_path) as writer:
        name = writer.origin.name
        new = keys.make(keys.next_path(tmp_path, name), name)
        for _ in range(3):
            writer.rotate(new)
            assert await writer.flush()
        await until(lambda: not keys.next_path(tmp_path, name).exists())
        assert writer.origin.key.vkey == new.vkey
        place = writer.origin.place

    found = [record.decode(line) for line in raw_lines(place)]
    assert [line.key for line in found if isinstance(line, Rotate)] == [str(new.vkey)]


def test_a_next_key_that_others_may_read_is_not_taken(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    waiting(journal)
    keys.next_path(tmp_path, journal.origin.name).chmod(0o640)

    with pytest.raises(JournalError, match="expected mode 600"):
        keys.coming(tmp_path, journal.origin.name)
    journal.close()


ROTATES = """
import asyncio, sys, time
from pathlib import Path
from collector.journal import keys
from collector.journal.origin import open_origin
from collector.journal.writer import Writer
from tests.journal.lines import sample, start
def now(): return time.time_ns() // 1000
async def main():
    state = Path(sys.argv[1])
    origin = open_origin(state, "paris", "m")
    writer = Writer(origin, now=now, boot=lambda: time.monotonic_ns() // 1000)
    writer.open()
    writer.append(start(origin))
    while True:
        if not keys.next_path(state, origin.name).exists():
            keys.make(keys.next_path(state, origin.name), origin.name)
        writer.rotate(keys.coming(state, origin.name))
        writer.append(sample(now()))
        writer.checkpoint()
        await writer.flush()
        print(origin.name, flush=True)
asyncio.run(main())
"""
"""Rotates as fast as it can."""


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_with_the_same_origin_and_all_its_checkpoints_verify(
    tmp_path: Path,
) -> None:
    names = set()
    for round_ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", ROTATES, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env=os.environ,
        )
        assert process.stdout is not None
        for _ in range(5):
            names.add(process.stdout.readline())
        time.sleep(0.0037 * round_)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()

    assert len(names) == 1
    journal = Journal(tmp_path)
    signed: list[Vkey | None] = signers(journal.place)
    assert None not in signed
    assert len(set(signed)) > 8
    assert everything(journal.place)[1] == []
    journal.close()
