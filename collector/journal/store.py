"""Lines on the disk: hour files, the tree beside them, checkpoints; each batch durable before it counts.

All of it runs in the writer's thread and may block. An OSError out of `append` means that not one line of
that batch counts: what of it reached the file is cut off before the next batch, so no torn line stays inside.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from collector.core.record import Declaration, Line, Rotate
from collector.core.timeline import HOUR, Instant
from collector.journal import known, layout, treefile
from collector.journal.checkpoint import Checkpoint
from collector.journal.merkle import SUBTREE, leaf_hashes
from collector.journal.note import Key
from collector.journal.origin import Origin
from collector.journal.slots import Coverage
from collector.journal.treefile import State


class _Side:
    """A file beside the lines whose whole contents are known and only grow; mended where it differs."""

    def __init__(self, path: Path, contents: bytes) -> None:
        self.contents = bytearray(contents)
        self._path = path
        self._descriptor: int | None = None
        self._written = 0

    def write(self, *, durable: bool) -> None:
        """Bring the file to what it should hold."""
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o640)
            there = os.pread(self._descriptor, len(self.contents) + 1, 0)
            self._written = len(there) if self.contents.startswith(there) else 0
            os.ftruncate(self._descriptor, self._written)
        if self._written < len(self.contents):
            _write_all(self._descriptor, self.contents[self._written :], self._written)
            self._written = len(self.contents)
        if durable:
            os.fsync(self._descriptor)

    @property
    def behind(self) -> bool:
        return self._written < len(self.contents)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Store:
    """The files of one origin."""

    def __init__(self, origin: Origin) -> None:
        found = origin.recovered
        assert origin.place.checkpoints is not None
        self._origin, self._name, self._key = origin, origin.name, origin.key
        self._stated = found.state.key
        self._coming: Key | None = None
        self._adopting = False
        self._directory = origin.place.directory
        self._checkpoints = origin.place.checkpoints
        self._frontier = found.state.frontier()
        self._coverage = Coverage(found.state.grid, found.state.covered, found.state.plan_at)
        self._file, self._offset = found.state.file, found.state.offset
        self._at, self._last = found.state.at, found.state.last
        self._checkpoint, self._checkpoint_size = found.checkpoint, found.checkpoint_size
        self._lines: int | None = None
        self._snapshot: int | None = None
        subtrees = (treefile.subtree_line(*item) for item in sorted(found.subtrees.items()))
        self._tree = self._side(self._file, treefile.header(found.start) + b"".join(subtrees))
        self._ids = set(found.declared)
        self._declared = _Side(self._directory / layout.DECLARED, known.written(found.declared))

    @property
    def size(self) -> int:
        """Lines on disk, which is the `seq` of the next."""
        return self._frontier.size

    @property
    def checkpoint_number(self) -> int:
        """Number of the last checkpoint on disk; 0 before the first."""
        return self._checkpoint

    @property
    def file(self) -> str:
        """The file that is being written, without suffix; empty before the first."""
        return self._file

    def append(self, lines: Sequence[Line], data: Sequence[bytes], now: Instant) -> None:
        """Write a batch (records, and their bytes without newlines), durably; OSError: none of it counts."""
        name = self._next_file(now)
        if name != self._file:
            self._roll(name)
        try:
            self._write(b"\n".join(data) + b"\n")
        except OSError:
            self._close_lines()
            raise
        first, hashes = self.size, leaf_hashes(data)
        for number, subtree in enumerate(self._frontier.extend(hashes), start=first // SUBTREE):
            assert subtree is not None
            self._tree.contents += treefile.subtree_line(number, subtree)
        self._at, self._last = lines[-1].at, hashes[-1].hex()
        for line in lines:
            self._coverage.feed(line)
            self._stated = treefile.key_after(line, self._stated)
            if isinstance(line, Rotate) and self._coming is not None:
                # It is on disk: from here on the new key signs, and will even if we crash here.
                self._key, self._coming, self._adopting = self._coming, None, True
            if isinstance(line, Declaration) and line.id not in self._ids:
                self._ids.add(line.id)
                self._declared.contents += known.written({line.id: known.of(line)})

    def rotation(self, key: Key, at: Instant) -> Rotate | None:
        """The line that, once appended, has `key` sign what comes after it; None if it signs already."""
        if key.vkey == self._key.vkey:
            return None
        self._coming = key
        return Rotate(seq=0, at=at, key=str(key.vkey), signature=self._key.handed_over(key.vkey))

    def keep(self) -> None:
        """Write what spares the next start and every proof from reading the lines again."""
        self._tree.write(durable=False)
        if self._declared.behind:
            self._declared.write(durable=True)
        if self._snapshot is None:
            self._snapshot = os.open(self._directory / layout.FRONTIER, os.O_WRONLY | os.O_CREAT, 0o640)
        # In place and not durably: a stale or torn one is noticed, and the lines after it are read again.
        _write_all(self._snapshot, treefile.header(self._state()), 0)
        if self._adopting:
            self._origin.adopt(self._key)
            self._adopting = False

    def checkpoint(self) -> None:
        """Make a checkpoint of all lines on disk, unless the last one is of the same size."""
        if self.size <= self._checkpoint_size:
            return
        root = self._frontier.root()
        assert root is not None
        made = Checkpoint(origin=self._name, size=self.size, root=root)
        layout.replace(
            layout.checkpoint_path(self._checkpoints, self._checkpoint + 1), made.signed(self._key)
        )
        self._checkpoint += 1
        self._checkpoint_size = self.size

    def hour_over(self, now: Instant) -> bool:
        """Whether the hour of the file being written is over."""
        return bool(self._file) and layout.hour_name(now) > self._file

    def close(self) -> None:
        """A last checkpoint, and everything durable."""
        try:
            self.checkpoint()
            if self._file:
                self.keep()
                self._tree.write(durable=True)
        finally:
            self._tree.close()
            self._declared.close()
            self._close_lines()
            if self._snapshot is not None:
                os.close(self._snapshot)
                self._snapshot = None

    def _next_file(self, now: Instant) -> str:
        """Files are named by the time of appending, and never go back when the clock does."""
        name = max(self._file, layout.hour_name(now))
        if self._lines is None:
            while (self._directory / (name + layout.GZIPPED)).exists():  # closed for good
                start = layout.hour_start(name)
                assert start is not None, name
                name = layout.hour_name(start + HOUR)
        return name

    def _roll(self, name: str) -> None:
        """Close the file being written, with a checkpoint, and go on in another."""
        if self._file:
            if self._lines is None and Path(self._path()).exists():
                self._open_lines()  # for what a crash left torn
            self.checkpoint()
            self._tree.write(durable=True)
            self._tree.close()
            self._close_lines()
        self._file, self._offset = name, 0
        self._tree = self._side(name, treefile.header(self._state()))

    def _write(self, data: bytes) -> None:
        if self._lines is None:
            self._open_lines()
        assert self._lines is not None
        if not os.fstat(self._lines).st_nlink:
            raise OSError(errno.ESTALE, "removed while it was being written", self._path())
        _write_all(self._lines, data, self._offset)
        os.fdatasync(self._lines)
        self._offset += len(data)

    def _open_lines(self) -> None:
        """Open the file being written, and cut off what does not count."""
        self._lines = os.open(self._path(), os.O_WRONLY | os.O_CREAT, 0o640)
        size = os.fstat(self._lines).st_size
        if size < self._offset:
            raise OSError(
                errno.ESTALE, "lines that were on disk are gone; restart to begin a new origin", self._path()
            )
        if size > self._offset:
            os.ftruncate(self._lines, self._offset)
            os.fsync(self._lines)
        if not self._offset:
            self._tree.write(durable=True)
            layout.sync_directory(self._directory)

    def _close_lines(self) -> None:
        if self._lines is not None:
            os.close(self._lines)
            self._lines = None

    def _path(self) -> str:
        return str(self._directory / (self._file + layout.LINES))

    def _side(self, file: str, contents: bytes) -> _Side:
        return _Side(self._directory / (file + layout.TREE), contents)

    def _state(self) -> State:
        return State(
            size=self.size,
            peaks=treefile.hexed(self._frontier),
            file=self._file,
            offset=self._offset,
            at=self._at,
            last=self._last,
            grid=self._coverage.grid,
            covered=self._coverage.covered,
            plan_at=self._coverage.plan_at,
            declared=len(self._ids),
            key=self._stated,
        )


def _write_all(descriptor: int, data: bytes | bytearray, offset: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, offset)
        view, offset = view[count:], offset + count
