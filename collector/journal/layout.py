"""Where a journal's files are, how they are named, and how one is replaced without ever being half there.

In the directory of an origin:

    2026-11-22T23.jsonl[.gz]   lines, one file per hour of appending (UTC)
    2026-11-22T23.tree         beside each: the tree before it, and its complete subtrees (`treefile`)
    frontier                   where the writer stands, one checked line like the first of a tree file
    declared                   id, kind and digest of the declarations so far, one checked line each
    origin.json                vantage, machine, number and key of the origin

A reader needs the first alone, verifies by the second and the checkpoints, and does not look at the rest,
which spares the writer from reading its past again. `journal/lock` is held by the one collector that writes.
"""

import gzip
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, cast

from collector.core.timeline import SECOND, Duration, Instant
from collector.errors import JournalError, UsageError

LINES, GZIPPED, TREE = ".jsonl", ".jsonl.gz", ".tree"
FRONTIER, DECLARED, IDENTITY = "frontier", "declared", "origin.json"
EXCERPT = "excerpt.json"
"""Beside some files of lines: they are a part of the origin, which it holds the proofs of (`excerpt`)."""

COARSE: Duration = 3 * SECOND
"""Changes of a directory closer together than this may bear one time stamp, on the coarsest file systems."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHECKPOINT = re.compile(r"(\d{6,})\.txt")
_STAMP = re.compile(r"(\d{6,})\.([a-z0-9-]+)\.tsr")


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginDir:
    """The directory of one origin's lines, and that of its checkpoints (None where there are none)."""

    name: str
    directory: Path
    checkpoints: Path | None

    def names(self) -> list[str]:
        """Its files of lines by time, without their suffix: `2026-11-22T23`."""
        with os.scandir(self.directory) as entries:
            return sorted({stem for entry in entries if (stem := _stem(entry.name)) is not None})

    def changed(self, now: Instant) -> int:
        """When a file last came or went, in ns; as long as that is the same, `names` are. 0: only just."""
        changed = self.directory.stat().st_ctime_ns
        return changed if changed // 1000 + COARSE < now else 0

    def place(self, name: str, line: int) -> str:
        """A line as people are told of it."""
        return f"{self.directory / name}{LINES}:{line}"


def origins(directory: Path) -> list[OriginDir]:
    """The origins in a state directory, a journal directory, an origin's own, or any directory of line files.

    An origin that has no line yet is not among them. JournalError if `directory` can be none of these.
    """
    if not directory.is_dir():
        raise JournalError(
            f"{directory}: expected a directory with a journal, got none; name another, or start one"
        )
    if _has_lines(directory):
        return [_origin(directory, directory.parent.parent / "checkpoints")]
    if (directory / "journal").is_dir():
        directory = directory / "journal"
    checkpoints = directory.parent / "checkpoints"
    places = [_origin(path, checkpoints) for path in sorted(directory.iterdir()) if path.is_dir()]
    # One that has checkpoints had lines, though they may be missing; and of lines there are very many files.
    found = [place for place in places if _checkpointed(place) or _has_lines(place.directory)]
    if not found and directory.name != "journal":
        raise JournalError(
            f"{directory}: expected a state directory, a journal or files *{LINES}[.gz], found none of them"
        )
    return found


def hour_name(at: Instant) -> str:
    """What a file of lines appended at `at` is called."""
    return (_EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H")


def hour_start(name: str) -> Instant | None:
    """When the hour that a file is named for began; None for other names."""
    try:
        return int(datetime.strptime(name + "+0000", "%Y-%m-%dT%H%z").timestamp()) * 1_000_000
    except ValueError:
        return None


@contextmanager
def opened(origin: OriginDir, name: str) -> Iterator[IO[bytes]]:
    """The uncompressed bytes of a file, the gzipped one where both exist; FileNotFoundError if neither.

    An archive that turns out damaged, here or as it is read, is EOFError, zlib.error or gzip.BadGzipFile.
    """
    plain, packed = origin.directory / (name + LINES), origin.directory / (name + GZIPPED)
    with ExitStack() as stack:
        try:
            file = stack.enter_context((packed if packed.exists() else plain).open("rb"))
        except FileNotFoundError:  # gzipped just now
            file = stack.enter_context(packed.open("rb"))
        if file.name.endswith(GZIPPED):
            if not os.fstat(file.fileno()).st_size:  # which GzipFile takes for one of no lines
                raise EOFError("Compressed file is empty")
            yield stack.enter_context(cast(IO[bytes], gzip.GzipFile(fileobj=file, mode="rb")))
        else:
            yield file


def checkpoint_numbers(directory: Path) -> list[int]:
    """Numbers of the checkpoints there are, in order."""
    if not directory.is_dir():
        return []
    matches = (_CHECKPOINT.fullmatch(path.name) for path in directory.iterdir())
    return sorted(int(match[1]) for match in matches if match)


def checkpoint_path(directory: Path, number: int) -> Path:
    return directory / f"{number:06d}.txt"


def stamp_path(directory: Path, number: int, authority: str, end: str) -> Path:
    """Question (`.tsq`) or answer (`.tsr`) of an authority about a checkpoint."""
    return directory / f"{number:06d}.{authority}{end}"


def stamp_numbers(directory: Path, authority: str) -> list[int]:
    """Numbers of the checkpoints that an authority stamped, in order."""
    matches = (_STAMP.fullmatch(path.name) for path in directory.iterdir())
    return sorted(int(match[1]) for match in matches if match and match[2] == authority)


def replace(path: Path, data: bytes) -> None:
    """Make `path` hold `data`, durably: at any moment, power cuts included, it is the old or the new one."""
    temporary = path.with_name(f".{path.name}.tmp")
    with created(temporary) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(path.parent)


def created(path: Path) -> IO[bytes]:
    """An empty file to write, which the group may read and the world may not."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb")


def sync_directory(directory: Path) -> None:
    """Make names made, changed or removed in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def must_be_new(state: Path) -> None:
    """UsageError where a state directory holds something already."""
    if state.exists() and any(state.iterdir()):
        raise UsageError(
            f"{state}: expected a new or an empty directory, got one that holds something; name another"
        )


def make_directory(directory: Path) -> None:
    """Make `directory` and those above it that are missing, durably."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    sync_directory(directory.parent)


def _origin(directory: Path, checkpoints: Path) -> OriginDir:
    name = directory.resolve().name
    below = checkpoints / name
    return OriginDir(name=name, directory=directory, checkpoints=below if below.is_dir() else None)


def _checkpointed(place: OriginDir) -> bool:
    if place.checkpoints is None:
        return False
    return checkpoint_path(place.checkpoints, 1).exists() or bool(checkpoint_numbers(place.checkpoints))


def _has_lines(directory: Path) -> bool:
    with os.scandir(directory) as entries:
        return any(_stem(entry.name) is not None or entry.name == EXCERPT for entry in entries)


def _stem(file: str) -> str | None:
    if not file.endswith((LINES, GZIPPED)) or file.startswith("."):
        return None
    return file.removesuffix(GZIPPED).removesuffix(LINES)
