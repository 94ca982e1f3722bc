"""Where a writer goes on after whatever happened: last whole line, tree, what is covered and declared."""

import errno
import gzip
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from collector.core import record
from collector.core.record import Declaration
from collector.core.timeline import Instant, Span
from collector.journal import checkpoint, known, layout, treefile
from collector.journal.known import Known
from collector.journal.layout import OriginDir
from collector.journal.merkle import SUBTREE, leaf_hash, leaf_hashes
from collector.journal.slots import Coverage
from collector.journal.treefile import State

_BLOCK = 1 << 20


class UnfitError(Exception):
    """The journal on disk cannot be continued without contradicting what it said before."""


@dataclass(slots=True, kw_only=True)
class Recovered:
    """What a writer finds when it opens an origin."""

    state: State = field(default_factory=State)
    """After the last whole line."""
    start: State = field(default_factory=State)
    """Before the first line of the newest file."""
    subtrees: dict[int, bytes] = field(default_factory=dict)
    """Complete subtrees that end in the newest file."""
    cut: int = 0
    """Bytes after the last whole line, to be cut off."""
    declared: dict[str, Known] = field(default_factory=dict)
    """The declarations in this origin by their ids, in their order."""
    checkpoint: int = 0
    """Number and size of the last checkpoint."""
    checkpoint_size: int = 0

    def open_until(self, at: Instant) -> list[tuple[Span, tuple[str, ...]]]:
        """Spans up to `at` whose planned slots no line covers, each with its probes: a gap line each."""
        return _coverage(self.state).open_until(at)


def recover(origin: OriginDir) -> Recovered:
    """Read as little as will do. UnfitError where lines are missing that were there once."""
    found = Recovered(declared=known.read(origin.directory))
    names = [name for name in origin.names() if layout.hour_start(name) is not None]
    if names:
        try:
            start = next(s for s in _candidates(origin, names, len(found.declared)) if s is not None)
            _replay(origin, names, start, found)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UnfitError(f"an archive is damaged: {error}") from error
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            raise UnfitError(f"the disk does not give lines back: {error}") from error
    _held_to_its_word(origin, found)
    return found


def _candidates(origin: OriginDir, names: list[str], declared: int) -> Iterator[State | None]:
    """States to go on from, the newest first; None where one does not fit what is on disk."""
    state = treefile.state_of(_contents(origin.directory / layout.FRONTIER))
    yield state if state and state.declared <= declared and _fits(origin, names, state) else None
    for name in reversed(names):
        state = treefile.state_of(_contents(_tree(origin, name)))
        fits = state and state.declared <= declared and (state.file, state.offset) == (name, 0)
        yield state if fits else None
    yield State(file=names[0])


def _fits(origin: OriginDir, names: list[str], state: State) -> bool:
    """Whether the line a state ends with is where it says, and the tree beside it is complete up to there."""
    if state.file not in names or not state.offset:
        return False
    with layout.opened(origin, state.file) as stream:
        stream.seek(max(0, state.offset - _BLOCK))
        data = stream.read(min(state.offset, _BLOCK))
    line = data[:-1].rpartition(b"\n")[2]
    if not data.endswith(b"\n") or leaf_hash(line).hex() != state.last:
        return False
    if state.file != names[-1]:
        return True
    tree = _contents(_tree(origin, state.file))
    start = treefile.state_of(tree)
    return start is not None and set(_numbers(start.size, state.size)) <= treefile.subtrees(tree).keys()


def _replay(origin: OriginDir, names: list[str], state: State, found: Recovered) -> None:
    """Take in all lines after `state`."""
    newest = names[-1]
    if state.file == newest and state.offset:
        tree = _contents(_tree(origin, newest))
        found.start = treefile.state_of(tree) or State()
        stated = treefile.subtrees(tree)
        found.subtrees = {number: stated[number] for number in _numbers(found.start.size, state.size)}
    reader = _Replay(origin, state, found)
    for name in names[names.index(state.file) :]:
        if name != state.file:
            reader.file(name)
        if name == newest and not reader.offset:
            found.start, found.subtrees = reader.state(), {}
        reader.lines()
    found.state, found.cut = reader.state(), reader.torn
    if found.cut and (origin.directory / (newest + layout.GZIPPED)).exists():
        raise UnfitError(f"{newest}{layout.GZIPPED} ends in the middle of a line")


class _Replay:
    """The state, moved on line by line."""

    def __init__(self, origin: OriginDir, state: State, found: Recovered) -> None:
        self._origin = origin
        self._frontier = state.frontier()
        self._coverage = _coverage(state)
        self._found = found
        self._name, self.offset = state.file, state.offset
        self._at, self._last = state.at, state.last
        self._key = state.key
        self.torn = 0

    def file(self, name: str) -> None:
        self._name, self.offset = name, 0

    def state(self) -> State:
        return State(
            size=self._frontier.size,
            peaks=treefile.hexed(self._frontier),
            file=self._name,
            offset=self.offset,
            at=self._at,
            last=self._last,
            grid=self._coverage.grid,
            covered=self._coverage.covered,
            plan_at=self._coverage.plan_at,
            declared=len(self._found.declared),
            key=self._key,
        )

    def lines(self) -> None:
        """The rest of the file, up to its last line that can be read; `torn` is what comes after that."""
        bad: list[bytes] = []
        rest = b""
        with layout.opened(self._origin, self._name) as stream:
            stream.seek(self.offset)
            while block := stream.read(_BLOCK):
                *lines, rest = (rest + block).split(b"\n")
                bad = self._take(bad + lines)
        self.torn = sum(len(line) + 1 for line in bad) + len(rest)

    def _take(self, lines: list[bytes]) -> list[bytes]:
        """Take in lines up to the last that can be read; returns those after it."""
        decoded = [_decoded(line) for line in lines]
        size = self._frontier.size
        good = 0
        for number, line in enumerate(decoded):
            if line is None:
                continue
            if line.seq != size + number:
                raise UnfitError(
                    f"{self._origin.place(self._name, 0)}: expected seq {size + number}, got {line.seq}"
                )
            good = number + 1
            self._at = line.at
            self._coverage.feed(line)
            self._key = treefile.key_after(line, self._key)
            if isinstance(line, Declaration):
                self._found.declared[line.id] = known.of(line)
        if good:
            hashes = leaf_hashes(lines[:good])
            for number, subtree in enumerate(self._frontier.extend(hashes), start=size // SUBTREE):
                assert subtree is not None
                self._found.subtrees[number] = subtree
            self._last = hashes[-1].hex()
            self.offset += sum(map(len, lines[:good])) + good
        return lines[good:]


def _held_to_its_word(origin: OriginDir, found: Recovered) -> None:
    """What once was on disk must still be: else a continued origin would tell two stories."""
    if origin.checkpoints is not None and (numbers := layout.checkpoint_numbers(origin.checkpoints)):
        found.checkpoint = numbers[-1]
        with suppress(ValueError):
            note = layout.checkpoint_path(origin.checkpoints, found.checkpoint).read_bytes()
            found.checkpoint_size = checkpoint.parse(note).size
    frontier = treefile.state_of(_contents(origin.directory / layout.FRONTIER))
    once = max(found.checkpoint_size, 0 if frontier is None else frontier.size)
    if found.state.size < once:
        raise UnfitError(f"expected at least {once} lines, which were on disk once; got {found.state.size}")


def _coverage(state: State) -> Coverage:
    return Coverage(state.grid, state.covered, state.plan_at)


def _numbers(start: int, end: int) -> range:
    """Numbers of the subtrees that end after line `start` and by line `end`."""
    return range(start // SUBTREE, end // SUBTREE)


def _tree(origin: OriginDir, name: str) -> Path:
    return origin.directory / (name + layout.TREE)


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _decoded(line: bytes) -> record.Line | None:
    try:
        return record.decode(line)
    except ValueError:  # of msgspec, or no UTF-8
        return None
