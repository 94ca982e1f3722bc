"""On real file systems: full, read-only, and cut off from power at random moments."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from collector.core import record
from collector.core.record import Gap, Sample
from collector.core.timeline import SECOND
from collector.journal import keys
from collector.journal.origin import open_origin
from collector.journal.reader import origins
from collector.journal.writer import Writer
from tests.conftest import needs, needs_root
from tests.journal.lines import NOON, child, everything, plan, probe, raw_lines, sample, signers, start

MIB = 1 << 20


def run(*command: str | Path) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


@contextmanager
def mounted(image: Path, directory: Path) -> Iterator[Path]:
    """An ext4 image, mounted through a loop device that goes with the mount."""
    directory.mkdir(exist_ok=True)
    run("mount", "-o", "loop", image, directory)
    try:
        yield directory
    finally:
        # Lazily, so that a test that fails with a file open leaves no mount behind.
        run("umount", "--lazy", directory)


def ext4(image: Path, size: int, *options: str) -> Path:
    with image.open("wb") as file:
        file.truncate(size)
    run("mkfs.ext4", "-q", "-m", "0", *options, image)
    return image


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, mounted."""
    needs_root()
    needs("e2fsprogs")
    with mounted(ext4(tmp_path / "image", 8 * MIB), tmp_path / "disk") as directory:
        yield directory


def fill(ballast: Path) -> None:
    """Leave not a byte of the disk."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)


class Minute:
    """A clock by which a minute passes in no time."""

    def __init__(self) -> None:
        self.boot = 0


async def _trouble_in_the_middle(state: Path, minute: Minute, begin: object, end: object) -> None:
    """300 s of a probe each 10 s; the disk fails for 200 s of them."""
    writer = Writer(open_origin(state, "paris", "m"), now=lambda: NOON, boot=lambda: minute.boot)
    writer.open()
    writer.append(plan(probe("api")))
    assert await writer.flush()
    assert callable(begin)
    assert callable(end)
    for k in range(30):
        if k == 5:
            begin()
        if k == 25:
            end()
        minute.boot += 10 * SECOND
        # Big enough that it does not fit into what is left of a block.
        line = sample(NOON + k * 10 * SECOND)
        facts = {"body": "x" * 5000}
        writer.append(Sample(**{**{f: getattr(line, f) for f in Sample.__struct_fields__}, "facts": facts}))
        synced, written = writer.synced, await writer.flush()
        assert written == (k < 5 or k >= 25)
        assert written == (not writer.trouble)
        assert writer.synced > synced if written else writer.synced == synced
    assert await writer.close()


def _every_slot_is_told_once(state: Path) -> None:
    (place,) = origins(state)
    lines = [record.decode(line) for line in raw_lines(place)]
    slots = [line.slot for line in lines if isinstance(line, Sample)]
    gaps = [line for line in lines if isinstance(line, Gap)]
    assert gaps
    assert len(slots) >= 15
    for slot in range(NOON, NOON + 300 * SECOND, 10 * SECOND):
        assert slots.count(slot) + sum(gap.from_ <= slot < gap.to for gap in gaps) == 1
    assert everything(place) == (list(range(len(lines))), [])


async def test_a_full_disk_is_a_gap_and_nothing_torn_stays_when_there_is_room_again(disk: Path) -> None:
    ballast = disk / "ballast"

    await _trouble_in_the_middle(disk / "state", Minute(), lambda: fill(ballast), ballast.unlink)

    _every_slot_is_told_once(disk / "state")


async def test_a_collector_starts_on_a_disk_that_is_full_and_writes_once_there_is_room(disk: Path) -> None:
    writer = Writer(open_origin(disk, "paris", "m"), now=lambda: NOON, boot=lambda: 0)
    writer.open()
    writer.append(sample())
    assert await writer.flush()
    await writer.close()
    ballast = disk / "ballast"
    fill(ballast)

    again = Writer(open_origin(disk, "paris", "m"), now=lambda: NOON, boot=lambda: 0)
    again.open()
    for k in range(100):
        again.append(sample(NOON + k))
    assert not await again.flush()
    ballast.unlink()
    assert await again.flush()
    await again.close()
    (place,) = origins(disk)
    assert everything(place) == (list(range(101)), [])


async def test_a_collector_starts_on_a_disk_that_is_read_only_and_writes_once_it_is_not(disk: Path) -> None:
    writer = Writer(open_origin(disk, "paris", "m"), now=lambda: NOON, boot=lambda: 0)
    writer.open()
    writer.append(sample())
    await writer.close()
    run("mount", "-o", "remount,ro", disk)

    again = Writer(open_origin(disk, "paris", "m"), now=lambda: NOON, boot=lambda: 0)
    again.open()
    again.append(sample(NOON + 1))
    assert not await again.flush()
    assert "Read-only" in again.trouble
    run("mount", "-o", "remount,rw", disk)
    assert await again.flush()
    await again.close()
    (place,) = origins(disk)
    assert everything(place) == (list(range(2)), [])


@pytest.mark.slow
@pytest.mark.parametrize("held", [False, True], ids=["copied while it writes", "copied at one instant"])
def test_nothing_that_was_reported_on_disk_is_lost_to_a_power_cut(tmp_path: Path, held: bool) -> None:
    """The backing file, copied at a random moment, is what a machine without power finds afterwards.

    A copy takes a while, and a cut does not: some blocks in it are newer than others, so what was written in
    the meantime may have holes. With the writer held (SIGSTOP) the copy is of one instant, and has none.
    """
    needs_root()
    needs("e2fsprogs")
    chance = random.Random(22)
    # Nor must the file system's own log come round while it is copied.
    image = ext4(tmp_path / "image", 256 * MIB, "-J", "size=64")
    cuts: list[tuple[int, Path]] = []
    with mounted(image, tmp_path / "disk") as disk, child(disk / "state") as process:
        assert process.stdout is not None
        try:
            while len(cuts) < 10:
                for _ in range(chance.randrange(1, 40)):
                    reported = int(process.stdout.readline())
                time.sleep(chance.random() / 20)
                copy = tmp_path / f"cut{len(cuts)}"
                if held:
                    process.send_signal(signal.SIGSTOP)
                    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
                run("cp", "--sparse=always", image, copy)
                process.send_signal(signal.SIGCONT)
                cuts.append((reported, copy))
        finally:
            process.kill()
            process.stdout.read()

    for reported, copy in cuts:
        with mounted(copy, tmp_path / "cut") as disk:
            (place,) = origins(disk / "state")
            read_, damage = everything(place)
            assert read_[: reported + 1] == list(range(reported + 1))
            assert not (held and damage)
            again = open_origin(disk / "state", "paris", "m")
            if not damage:
                assert (again.name, again.recovered.state.size) == (place.name, len(read_))
            again.release()
        copy.unlink()


async def test_a_key_that_is_to_take_over_while_the_disk_is_full_does_so_once_there_is_room(
    disk: Path,
) -> None:
    writer = Writer(open_origin(disk, "paris", "m"), now=lambda: NOON, boot=lambda: 0)
    writer.open()
    writer.append(start(writer.origin))
    assert await writer.flush()
    old, name = writer.origin.key.vkey, writer.origin.name
    new = keys.make(keys.next_path(disk, name), name)
    ballast = disk / "ballast"
    fill(ballast)
    # Big enough that it does not fit into what is left of a block.
    writer.append(msgspec.structs.replace(sample(NOON), facts={"body": "x" * 5000}))
    writer.rotate(new)
    assert not await writer.flush()
    assert writer.origin.key.vkey == old
    ballast.unlink()
    assert await writer.flush()
    assert await writer.close()

    lines = [record.decode(line) for line in raw_lines(writer.origin.place)]
    assert [line.key for line in lines if isinstance(line, record.Rotate)] == [str(new.vkey)]
    assert signers(writer.origin.place)[-1] == new.vkey
    again = open_origin(disk, "paris", "m")
    assert (again.new, again.key.vkey) == (False, new.vkey)
    again.release()
