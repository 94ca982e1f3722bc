"""A part of an origin with the proofs that it is one: how `excerpt.json` is written, and lines read by it.

An excerpt is a directory like an origin's, with some whole hours of lines (the *stretch*) and this file:

    excerpt    the version of this form
    origin     its name
    start      the tree before the stretch: `size`, and `peaks` (hex, the largest first); null: no stretch
    end        the number of lines up to the stretch's end, a checkpoint's size; null: no stretch
    head       the size of the checkpoint that all else is proven against
    links      per checkpoint that the stretch does not reach, and for its end: `size`, and the RFC 6962
               consistency `path` from there to the head
    lines      lines outside of the stretch, by `seq`: each the exact text of a `line`, and its RFC 6962
               inclusion `path` in the tree of the checkpoint of `size`

What is proven by the checkpoints beside it is delivered; what is not is damage. Lines that were left out
between are none: that they are missing is seen by `seq`, as everywhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated

import msgspec

from collector.core import record
from collector.core.record import Line
from collector.core.timeline import Instant
from collector.errors import JournalError
from collector.journal import layout, merkle
from collector.journal.delivery import Batch, Damage, Position, decoded
from collector.journal.layout import OriginDir
from collector.journal.marks import Mark, Marks
from collector.journal.merkle import Frontier, leaf_hash, leaf_hashes
from collector.journal.tape import Place, Tape

VERSION = 1
"""Of this form."""
LARGEST = 1 << 28
"""Bytes of an `excerpt.json` that is read at all."""

_AT_ONCE = 4096
"""So many lines of the stretch are delivered at once."""

Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Hashes = Annotated[tuple[Hash, ...], msgspec.Meta(max_length=64)]
Size = Annotated[int, msgspec.Meta(ge=1, le=1 << 62)]


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """The tree of the first `size` lines."""

    size: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
    peaks: Hashes


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """That the head's tree only added to that of the checkpoint of `size`."""

    size: Size
    path: Hashes


class Single(msgspec.Struct, frozen=True, kw_only=True):
    """A line, and that it is one of the first `size`."""

    line: str
    size: Size
    path: Hashes


class Excerpt(msgspec.Struct, frozen=True, kw_only=True):
    """What `excerpt.json` says."""

    excerpt: Annotated[int, msgspec.Meta(ge=1)]
    origin: str
    start: Tree | None
    end: Size | None
    head: Size
    links: tuple[Link, ...]
    lines: tuple[Single, ...]

    def encode(self) -> bytes:
        """The file: the same for equal ones."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1) + b"\n"


def is_one(origin: OriginDir) -> bool:
    """Whether an origin's directory is an excerpt of it."""
    return (origin.directory / layout.EXCERPT).exists()


def load(origin: OriginDir) -> tuple[Excerpt, tuple[Line, ...]]:
    """An origin's excerpt, and the lines that its `lines` are; JournalError names file and field."""
    path = origin.directory / layout.EXCERPT
    try:
        if path.stat().st_size > LARGEST:
            raise JournalError(f"{path}: expected at most {LARGEST} bytes, got {path.stat().st_size}")
        found = msgspec.json.decode(path.read_bytes().decode(), type=Excerpt)
        return found, tuple(_held_to_sense(found, origin))
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise JournalError(f"{path}: expected an excerpt of a journal, got: {error}") from error


def _held_to_sense(found: Excerpt, origin: OriginDir) -> Iterator[Line]:
    """The single lines; ValueError for what no excerpt can say."""
    if found.excerpt > VERSION:
        raise ValueError(f"version {found.excerpt} - `$.excerpt`; upgrade constat")
    if found.origin != origin.name:
        raise ValueError(f"an excerpt of {found.origin!r} in the directory {origin.name!r} - `$.origin`")
    if (found.start is None) != (found.end is None):
        raise ValueError("`$.start` without `$.end`, or the other way round")
    start, end = _stretch(found)
    if found.start is not None:
        Frontier(start, [b""] * len(found.start.peaks))
        if not start < end <= found.head:
            raise ValueError(f"{end} - `$.end`: it is not after the start ({start}), up to the head")
    before = -1
    for number, one in enumerate(found.lines):
        try:
            line = record.decode(one.line.encode("ascii"))
        except ValueError as error:
            raise ValueError(f"{error} - `$.lines[{number}].line`") from error
        if not before < line.seq < one.size <= found.head or start <= line.seq < end:
            raise ValueError(f"seq {line.seq} where it cannot be - `$.lines[{number}].line`")
        before = line.seq
        yield line


def _stretch(found: Excerpt) -> tuple[int, int]:
    """First and past-the-last `seq` of the stretch; without one, nothing at the head."""
    return (found.head, found.head) if found.start is None else (found.start.size, found.end or 0)


def root_of(origin: OriginDir, size: int) -> bytes | None:
    """Root of the tree over the first `size` lines of an excerpt's origin, where a checkpoint states it."""
    mark = Marks(origin, beyond=0, passed=0).roots.get(size)
    return None if mark is None else mark.root


def deliver(origin: OriginDir, after: Position | None = None) -> Iterator[Batch | Damage]:
    """The lines of an excerpt in the order of `seq`, and damage where something is not proven.

    JournalError when `excerpt.json` is none.
    """
    known = 0 if after is None else after.size
    for part in _Delivery(origin).parts():
        if part.position.size <= known:
            continue
        if isinstance(part, Batch) and part.lines[0].seq < known:
            part = replace(part, lines=[line for line in part.lines if line.seq >= known])
        yield part


class _Delivery:
    """One pass over an excerpt."""

    def __init__(self, origin: OriginDir) -> None:
        self._origin = origin
        self._found, self._lines = load(origin)
        self._marks = Marks(origin, beyond=0, passed=0)
        self._links = {link.size: link for link in self._found.links}
        self._start, self._end = _stretch(self._found)
        self._place = Place(layout.EXCERPT, 0, 1)
        self._size = 0
        self._at: Instant | None = None
        self._last = b""
        self._open: Damage | None = None  # no good line came after it yet

    def parts(self) -> Iterator[Batch | Damage]:
        for file, why in self._marks.unreadable:
            yield self._told(f"checkpoint {file} cannot be read: {why}", 0, 0)
        before = sum(line.seq < self._start for line in self._lines)
        yield from self._singles(range(before))
        if self._found.start is not None:
            yield from self._of_stretch(self._found.start)
        yield from self._singles(range(before, len(self._lines)))
        if self._open is not None:
            yield self._open

    # ------------------------------------------------------------------------------------- single lines

    def _singles(self, numbers: Sequence[int]) -> Iterator[Batch | Damage]:
        good: list[Line] = []
        for number in numbers:
            line, one = self._lines[number], self._found.lines[number]
            self._place = Place(layout.EXCERPT, 0, number + 1)
            why = self._unproven(line, one)
            if why:
                yield from self._delivered(good)
                good = []
                yield from self._damaged(f"line {line.seq}: {why}", line.seq, line.seq + 1)
            else:
                good.append(line)
                self._last = leaf_hash(one.line.encode())
        yield from self._delivered(good)

    def _unproven(self, line: Line, one: Single) -> str:
        """Why a single line cannot be trusted; empty if it can."""
        mark, why = self._mark(one.size)
        if mark is None:
            return why
        path = [bytes.fromhex(sibling) for sibling in one.path]
        proven = merkle.includes(leaf_hash(one.line.encode()), line.seq, one.size, path, mark.root)
        return "" if proven else f"its path does not prove it to be one of the lines of {mark.source}"

    def _mark(self, size: int) -> tuple[Mark | None, str]:
        """A root that belongs to the head's tree, or why there is none to be had."""
        mark, head = self._marks.roots.get(size), self._marks.roots.get(self._found.head)
        if mark is None or head is None:
            return None, f"there is no checkpoint of {size if mark is None else self._found.head} lines"
        if size == self._found.head or self._start < size < self._end:
            return mark, ""
        link = self._links.get(size)
        path = [] if link is None else [bytes.fromhex(sibling) for sibling in link.path]
        if link is None or not merkle.extends(size, mark.root, self._found.head, head.root, path):
            return None, f"{mark.source} is not proven to be of the same tree as {head.source}"
        return mark, ""

    # -------------------------------------------------------------------------------------- the stretch

    def _of_stretch(self, start: Tree) -> Iterator[Batch | Damage]:
        names = self._origin.names()
        self._place = Place(names[0] if names else "", 0, 1)
        tape = Tape(self._origin, names, self._place, lambda _: None)
        last, why = self._mark(self._end)
        tree, known = Frontier(start.size, [bytes.fromhex(peak) for peak in start.peaks]), start.size
        doubted: list[str] = []
        for size in self._marks.between(start.size, self._end) if last is not None else ():
            while tape.buffered < size - known and tape.more():
                pass
            lines = tape.look(size - known)
            tree.extend(leaf_hashes(lines[tree.size - known :]))
            mark = self._marks.roots[size]
            if tree.size < size:
                why = f"fewer than the {self._end - start.size} that there were"
                break
            if tree.root() != mark.root:
                doubted.append(mark.source)
                why = f"not those of {mark.source}"
                continue
            why = ""
            for source in doubted:
                yield self._told(f"{source} does not fit the lines before it, which are right", known, known)
            doubted = []
            yield from self._judged(tape, lines, known)
            known = size
        if known < self._end:
            yield from self._damaged(f"lines {known} to {self._end - 1}: {why}", known, self._end)
        elif tape.buffered or tape.more():
            self._place = tape.place
            yield self._told(f"lines after the stretch, which ends at line {self._end - 1}", known, known)

    def _judged(self, tape: Tape, lines: list[bytes], size: int) -> Iterator[Batch | Damage]:
        """Lines that the tree vouches for."""
        for first in range(0, len(lines), _AT_ONCE):
            some = lines[first : first + _AT_ONCE]
            good = decoded(some, size + first)
            if good:
                self._last = leaf_hash(some[len(good) - 1])
            tape.drop(len(some))
            self._place = tape.place
            yield from self._delivered(good)
            if len(good) < len(some):
                lost = size + first + len(good)
                yield from self._damaged(f"line {lost}: is none, or not that line", lost, size + len(lines))
                tape.drop(len(lines) - first - len(some))
                return

    # --------------------------------------------------------------------------------------- what comes out

    def _delivered(self, lines: list[Line]) -> Iterator[Batch | Damage]:
        if not lines:
            return
        if self._open is not None:
            yield replace(self._open, before_at=lines[0].at)
            self._open = None
        self._size, self._at = lines[-1].seq + 1, lines[-1].at
        yield Batch(lines=lines, position=self._position(), verified=True)

    def _damaged(self, why: str, start: int, end: int) -> Iterator[Damage]:
        if self._open is not None:
            yield self._open
        self._size = end
        self._open = self._told(why, start, end)

    def _told(self, why: str, start: int, end: int) -> Damage:
        place = self._place
        suffix = layout.LINES if place.file and place.file != layout.EXCERPT else ""
        return Damage(
            origin=self._origin.name,
            file=str(self._origin.directory / place.file) + suffix,
            line=place.line,
            from_seq=start,
            to_seq=end,
            after_at=self._at,
            before_at=None,
            why=why,
            position=self._position(),
        )

    def _position(self) -> Position:
        file, offset, line = self._place
        return Position(
            file=file, offset=offset, line=line, size=self._size, at=self._at, last=self._last, peaks=(),
            trusted=self._size, checkpoint=0,
        )  # fmt: skip
