"""Lines are taken at once, numbered without a hole, and on disk when they are called so."""

import asyncio
import gzip
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.core import record
from collector.core.record import Gap, GapReason, Line, Plan, Sample
from collector.core.timeline import HOUR, MINUTE, SECOND, Instant
from collector.journal import checkpoint, compress
from collector.journal.layout import OriginDir
from collector.journal.origin import open_origin
from collector.journal.writer import Writer
from tests.journal.lines import NOON, declaration, everything, naive_root, plan, probe, raw_lines, sample


class Time:
    """The clock that a test sets."""

    def __init__(self) -> None:
        self.wall: Instant = NOON
        self.boot = 0


@asynccontextmanager
async def writing(state: Path, time: Time | None = None) -> AsyncIterator[Writer]:
    time = time or Time()
    writer = Writer(open_origin(state, "paris", "m"), now=lambda: time.wall, boot=lambda: time.boot)
    writer.open()
    try:
        yield writer
    finally:
        await writer.close()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 (files and threads have no event)
            await asyncio.sleep(0.05)


def lines(place: OriginDir) -> list[Line]:
    return [record.decode(line) for line in raw_lines(place)]


async def test_lines_are_numbered_from_0_on_over_every_restart(tmp_path: Path) -> None:
    for _ in range(3):
        async with writing(tmp_path) as writer:
            for k in range(100):
                writer.append(sample(NOON + k))
        place = writer.origin.place

    assert [line.seq for line in lines(place)] == list(range(300))
    assert everything(place) == (list(range(300)), [])


async def test_what_flush_calls_on_disk_is_in_the_file(tmp_path: Path) -> None:
    told: list[int] = []
    origin = open_origin(tmp_path, "paris", "m")
    writer = Writer(origin, now=lambda: NOON, boot=lambda: 0, on_synced=told.append)
    writer.open()
    assert writer.synced == -1
    writer.append(sample())
    writer.append(sample())

    assert await writer.flush()
    assert (writer.synced, told, len(raw_lines(origin.place))) == (1, [1], 2)
    assert await writer.close()


async def test_lines_reach_the_disk_by_themselves_within_a_second(tmp_path: Path) -> None:
    async with writing(tmp_path) as writer:
        writer.append(sample())
        await until(lambda: writer.synced == 0)


async def test_files_are_named_by_the_hour_and_never_go_back_when_the_clock_does(tmp_path: Path) -> None:
    time = Time()
    async with writing(tmp_path, time) as writer:
        for wall in (NOON, NOON + HOUR, NOON - 5 * HOUR, NOON + HOUR + MINUTE, NOON + 2 * HOUR):
            time.wall = wall
            writer.append(sample(wall))
            assert await writer.flush()
    place = writer.origin.place

    assert place.names() == ["2026-11-20T12", "2026-11-20T13", "2026-11-20T14"]
    assert everything(place) == (list(range(5)), [])


async def test_a_closed_hour_has_a_checkpoint_and_is_gzipped_an_hour_later(tmp_path: Path) -> None:
    time = Time()
    async with writing(tmp_path, time) as writer:
        place = writer.origin.place
        for hour in range(3):
            time.wall = NOON + hour * HOUR
            writer.append(sample(time.wall))
            assert await writer.flush()
        closed = place.directory / "2026-11-20T12.jsonl.gz"
        await until(lambda: not (place.directory / "2026-11-20T12.jsonl").exists())
        assert len(gzip.decompress(closed.read_bytes()).splitlines()) == 1
        assert (place.directory / "2026-11-20T13.jsonl").exists()
    assert place.checkpoints is not None

    made = [checkpoint.parse(path.read_bytes()) for path in sorted(place.checkpoints.iterdir())]
    assert [(one.origin, one.size) for one in made] == [(place.name, size) for size in (1, 2, 3)]
    assert made[-1].root == naive_root(place)
    assert everything(place) == ([0, 1, 2], [])


async def test_an_hour_closes_with_a_checkpoint_though_no_line_comes(tmp_path: Path) -> None:
    time = Time()
    async with writing(tmp_path, time) as writer:
        writer.append(sample())
        await writer.flush()
        time.wall += HOUR
        await until(lambda: list((tmp_path / "checkpoints" / writer.origin.name).glob("*.txt")))


async def test_a_checkpoint_is_made_when_asked_for_and_not_twice_of_the_same_lines(tmp_path: Path) -> None:
    async with writing(tmp_path) as writer:
        writer.append(sample())
        writer.checkpoint()
        await writer.flush()
        writer.checkpoint()
        await writer.flush()
        checkpoints = writer.origin.place.checkpoints
        assert checkpoints is not None
        assert [path.name for path in checkpoints.iterdir()] == ["000001.txt"]


async def test_a_clock_set_back_over_archives_does_not_write_into_them(tmp_path: Path) -> None:
    time = Time()
    async with writing(tmp_path, time) as writer:
        writer.append(sample())
    place = writer.origin.place
    plain = place.directory / "2026-11-20T12.jsonl"
    plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    time.wall -= HOUR
    async with writing(tmp_path, time) as writer:
        writer.append(sample())

    assert place.names() == ["2026-11-20T12", "2026-11-20T13"]
    assert everything(place) == ([0, 1], [])


async def test_a_line_that_cannot_be_encoded_becomes_a_gap_and_the_others_are_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with writing(tmp_path) as writer:
        writer.append(plan(probe("api")))
        writer.append(sample(probe="api\ud800"))
        writer.append(sample())
        assert await writer.flush()
        writer.append(
            Sample(
                **{**{f: getattr(sample(), f) for f in Sample.__struct_fields__}, "facts": {"x": "\ud800"}}
            )
        )
        assert await writer.flush()

    kinds = [type(line).__name__ for line in lines(writer.origin.place)]
    assert kinds == ["Plan", "Sample", "Gap"]
    assert "encoded=no" in caplog.text


def test_an_archive_that_does_not_hold_its_lines_keeps_the_plain_file(tmp_path: Path) -> None:
    plain = tmp_path / "2026-11-20T12.jsonl"
    plain.write_bytes(b"one\ntwo\n")
    packed = tmp_path / "2026-11-20T12.jsonl.gz"
    for wrong in (gzip.compress(b"one\n"), gzip.compress(b"one\ntwo\nthree\n"), b"\x1f\x8b"):
        packed.write_bytes(wrong)
        with pytest.raises(OSError, match="does not hold"):
            compress.compress(plain, lambda: False)
        assert plain.read_bytes() == b"one\ntwo\n"
    packed.unlink()
    compress.compress(plain, lambda: True)
    assert plain.exists()
    compress.compress(plain, lambda: False)
    assert gzip.decompress(packed.read_bytes()) == b"one\ntwo\n"
    assert not plain.exists()


class Stuck:
    """A disk that will not have lines: the file being written is removed, and its directory locked away."""

    def __init__(self, place: OriginDir) -> None:
        self.place = place
        self.aside = place.directory.with_name("aside")

    def begin(self) -> None:
        self.place.directory.rename(self.aside)
        self.place.directory.write_bytes(b"")

    def end(self) -> None:
        self.place.directory.unlink()
        self.aside.rename(self.place.directory)


async def test_while_the_disk_fails_lines_wait_a_minute_and_then_end_in_gaps_that_cover_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    time = Time()
    async with writing(tmp_path, time) as writer:
        place = writer.origin.place
        writer.append(plan(probe("api"), probe("dns", phase=3 * SECOND)))
        assert await writer.flush()
        stuck = Stuck(place)
        time.wall += HOUR  # so that a new file is needed, which cannot be made
        stuck.begin()
        for k in range(30):
            time.boot += 10 * SECOND
            writer.append(sample(NOON + k * 10 * SECOND))
            writer.append(sample(NOON + (k * 10 + 3) * SECOND, probe="dns"))
            if k % 7 == 0:
                assert not await writer.flush()
        writer.append(declaration("kept"))
        assert not await writer.flush()
        assert writer.trouble
        assert writer.queued <= 16
        stuck.end()
        assert await writer.flush()
        assert not writer.trouble

    found = lines(place)
    gaps = [line for line in found if isinstance(line, Gap)]
    samples = [line for line in found if isinstance(line, Sample)]
    assert gaps
    assert all(gap.reason is GapReason.JOURNAL for gap in gaps)
    for name, phase in (("api", 0), ("dns", 3 * SECOND)):
        for slot in range(NOON + phase, NOON + phase + 300 * SECOND, 10 * SECOND):
            by_gap = [gap for gap in gaps if name in gap.probes and gap.from_ <= slot < gap.to]
            by_sample = [line for line in samples if line.probe == name and line.slot == slot]
            assert len(by_gap) + len(by_sample) == 1
    assert len(samples) >= 12
    assert found.index(gaps[-1]) < found.index(samples[0])
    assert declaration("kept").id in {getattr(line, "id", "") for line in found}
    told = [r.getMessage() for r in caplog.records if " lines=" in r.getMessage()]
    assert len(told) == 2
    assert everything(place) == (list(range(len(found))), [])


async def test_a_file_removed_under_the_writer_is_trouble_and_nothing_is_called_on_disk(
    tmp_path: Path,
) -> None:
    async with writing(tmp_path) as writer:
        writer.append(sample())
        assert await writer.flush()
        (path,) = writer.origin.place.directory.glob("*.jsonl")
        path.unlink()
        writer.append(sample())
        assert not await writer.flush()
        assert (writer.synced, "gone" in writer.trouble or "removed" in writer.trouble) == (0, True)


async def test_closing_while_the_disk_fails_says_so(tmp_path: Path) -> None:
    time = Time()
    async with writing(tmp_path, time) as writer:
        writer.append(sample())
        assert await writer.flush()
        stuck = Stuck(writer.origin.place)
        time.wall += HOUR
        stuck.begin()
        writer.append(sample())
        assert not await writer.close()
        stuck.end()


async def test_measuring_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    time = Time()
    async with writing(tmp_path, time) as writer:
        writer.append(plan(probe("api")))
        assert await writer.flush()
        place = writer.origin.place
        # A pipe that nobody reads: opening it to write hangs, as a dead network disk does.
        time.wall += HOUR
        pipe = place.directory / "2026-11-20T13.jsonl"
        os.mkfifo(pipe)
        for k in range(20):
            time.boot += 10 * SECOND
            if k in (0, 4):  # one in the writer's hand when it hangs, one given up while it does
                writer.append(plan(probe("api"), at=NOON + k))
            writer.append(sample(NOON + k * 10 * SECOND))
            if not k:
                await until(lambda: not writer._queue)
        assert writer.queued < 20
        assert writer.synced == 0
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        await writer.flush()
        os.close(reader)
        pipe.unlink()
        assert await writer.flush()

    found = lines(place)
    assert [line.at for line in found if isinstance(line, Plan)] == [NOON, NOON, NOON + 4]
    covered = [line.slot for line in found if isinstance(line, Sample)]
    for gap in (line for line in found if isinstance(line, Gap)):
        covered += [
            slot for slot in range(NOON, NOON + 200 * SECOND, 10 * SECOND) if gap.from_ <= slot < gap.to
        ]
    assert sorted(covered) == list(range(NOON, NOON + 200 * SECOND, 10 * SECOND))
