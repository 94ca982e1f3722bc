"""Reads a journal's lines, held against its tree; what does not fit is named and left out, the rest is used.

Lines are judged in groups, each up to the next size of which something is known: as a rule 256 lines with
the hash of their subtree, at a file's end a checkpoint or the next file's head. A group that fits is
delivered; of one that does not, the part up to the last root that does. What then follows is damage, up to
the next line that can be trusted: the first of a subtree, or of a file whose head states the tree so far.
The lines after the last thing known, at the end of a journal that is being written, are delivered
unverified; they are judged when more is known, and should they turn out wrong then, that is `Rewound`: read
the origin again, and they are left out.

A journal with neither tree files nor checkpoints is read unverified; what is missing there is seen by `seq`,
and at its end by an archive that does not unpack.
A part of one, with its proofs, is read by `excerpt`.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from collector.core import record
from collector.core.timeline import Instant
from collector.errors import JournalError
from collector.host.clock import wall_us
from collector.journal import checkpoint, excerpt, layout
from collector.journal.delivery import Batch, Damage, Position, Rewound, decoded
from collector.journal.layout import OriginDir
from collector.journal.marks import Marks
from collector.journal.merkle import SUBTREE, Frontier, leaf_hash, leaf_hashes
from collector.journal.tape import Place, Tape

__all__ = ["Batch", "Damage", "OriginDir", "Position", "Rewound", "lines_known", "origins", "read"]

_UNJUDGED = 4096
"""How many lines are delivered at once where nothing is known of them."""


def origins(directory: Path) -> list[OriginDir]:
    """The origins in a state directory, a journal directory, an origin's own, or any directory of line files.

    An origin that has no line yet is not among them. JournalError if `directory` can be none of these.
    """
    try:
        return layout.origins(directory)
    except OSError as error:
        raise JournalError(f"{directory}: expected to read a journal, got: {error}") from error


def lines_known(origin: OriginDir) -> int:
    """About how many lines an origin has: what its newest checkpoint says; 0 where there is none to read."""
    if origin.checkpoints is None:
        return 0
    try:
        newest = layout.checkpoint_numbers(origin.checkpoints)[-1]
        return checkpoint.parse(layout.checkpoint_path(origin.checkpoints, newest).read_bytes()).size
    except (IndexError, OSError, ValueError):
        return 0


def read(origin: OriginDir, after: Position | None = None) -> Iterator[Batch | Damage]:
    """Lines after a position, up to the last newline, and what damage there is between them.

    Rewound when what was read before is no longer there or turns out wrong. JournalError when files cannot be
    read at all (no permission).
    """
    if excerpt.is_one(origin):
        yield from excerpt.deliver(origin, after)
        return
    marks = Marks(
        origin, beyond=0 if after is None else after.trusted, passed=0 if after is None else after.checkpoint
    )
    changed = origin.changed(wall_us())  # first: what comes while the names are read shows next time
    # A journal of years has so many files that to list them takes longer than all figures.
    names = [after.file] if after is not None and 0 < after.changed == changed else origin.names()
    if after is not None and not _still_there(origin, names, after):
        raise Rewound(f"{origin.directory}: the last line read is not there any more")
    if names or marks.any_beyond(0):
        yield from _Reading(origin, names, marks, after, changed).items()


def _still_there(origin: OriginDir, names: list[str], position: Position) -> bool:
    """Whether the last line that was read is where it was."""
    if not position.offset:
        return True
    if position.file not in names:
        return False
    try:
        return _last_line(origin, position) == position.last
    except (OSError, EOFError, zlib.error):
        # Of an archive known to be broken, what could be unpacked once need not come in other portions.
        return position.file in position.broken


def _last_line(origin: OriginDir, position: Position) -> bytes | None:
    """Leaf hash of the line that ends at a position; None where none does."""
    with layout.opened(origin, position.file) as stream:
        reach = 1 << 12
        while True:
            start = max(0, position.offset - reach)
            stream.seek(start)
            data = stream.read(position.offset - start)
            newline = data.rfind(b"\n", 0, -1)
            if newline >= 0 or not start:
                break
            reach *= 16
    whole = len(data) == position.offset - start and data.endswith(b"\n")
    return leaf_hash(data[newline + 1 : -1]) if whole else None


class _Reading:
    """One pass over an origin's lines."""

    def __init__(
        self, origin: OriginDir, names: list[str], marks: Marks, after: Position | None, changed: int
    ) -> None:
        self._origin, self._marks = origin, marks
        self._newest, self._changed = names[-1:], changed
        place = Place(names[0] if names else "", 0, 1)
        self._tree = Frontier()
        self._at: Instant | None = None
        self._last = b""
        self._resumed = self._trusted = 0
        self._broken: set[str] = set()  # files that were told to be
        self._entered = ""  # a file that is not read from its beginning
        if after is not None:
            place = Place(after.file, after.offset, after.line)
            self._tree = Frontier(after.size, after.peaks)
            self._at, self._last = after.at, after.last
            self._resumed, self._trusted = after.size, after.trusted
            self._broken = set(after.broken)
            self._entered = after.file if after.offset and after.file not in after.broken else ""
        self._tape = Tape(origin, names, place, marks.begun)
        self._damage: Damage | None = None  # still open: no good line came after it

    def items(self) -> Iterator[Batch | Damage]:
        for file, why in self._marks.unreadable:
            yield self._finding(f"{file} cannot be read: {why}")
        while True:
            mark = self._next_mark()
            wanted = _UNJUDGED if mark is None else mark - self._tree.size
            if self._tape.buffered < wanted and self._tape.more():
                continue
            if mark is not None:
                yield from self._judged(mark)
            elif not self._tape.buffered:
                break
            elif self._lost_track():
                yield from self._damaged("their tree is not known")
            else:
                lines = self._tape.look(_UNJUDGED)
                yield from self._delivered(lines, leaf_hashes(lines), None)
        yield from self._ended()

    def _ended(self) -> Iterator[Damage]:
        """Damage that no good line came after; an archive that does not unpack may have had some."""
        mended = self._broken - self._tape.broken.keys()
        if mended:
            raise Rewound(f"{self._origin.directory}: {min(mended)} was broken, and is whole or gone now")
        if self._entered in self._tape.broken:
            # How much of it can be had depends on where one begins, and figures must not.
            raise Rewound(f"{self._origin.directory}: {self._entered} is broken, so it is read as a whole")
        place, broken = self._tape.next_place(), self._broken_files()
        if self._damage is not None:
            yield replace(self._damage, why=self._damage.why + broken, position=self._position())
        elif broken:
            first = min(self._broken)
            why = f"lines from {self._tree.size} on, if there were any: missing{broken}"
            yield self._finding(why, place if place.file >= first else Place(first, 0, 1))

    def _next_mark(self) -> int | None:
        """The next size at which lines can be judged; None when nothing more is known."""
        size = self._tree.size
        end = size - size % SUBTREE + SUBTREE
        return end if end // SUBTREE - 1 in self._marks.subtrees else self._marks.next_root(size)

    def _lost_track(self) -> bool:
        """Whether lines cannot be trusted for want of those before them in their subtree."""
        below = self._tree.peaks[(self._tree.size // SUBTREE).bit_count() :]
        return None in below and (self._trusted > 0 or self._marks.known)

    # ------------------------------------------------------------------------------------- lines that fit

    def _judged(self, mark: int) -> Iterator[Batch | Damage]:
        """The lines up to `mark`, or as many of them as there are."""
        lines = self._tape.look(mark - self._tree.size)
        hashes = leaf_hashes(lines)
        verdict = self._held_against_marks(hashes, mark)
        if not verdict.why:
            for source in verdict.doubted:
                yield self._finding(f"{source} does not fit the lines before it, which are right")
            yield from self._delivered(lines, hashes, verdict.tree if verdict.known else None)
            return
        if verdict.good:
            yield from self._delivered(lines[: verdict.good], hashes[: verdict.good], verdict.good_tree)
        elif self._trusted < self._resumed:
            raise Rewound(f"{self._origin.directory}: lines that were read are not those of the tree")
        yield from self._damaged(verdict.why)

    def _held_against_marks(self, hashes: list[bytes], mark: int) -> "_Verdict":
        first, subtree = self._tree.size, self._marks.subtrees.get(mark // SUBTREE - 1)
        verdict = _Verdict(tree=self._tree.copy())
        done: list[bytes | None] = []
        start = 0
        for size in (*self._marks.between(first, min(mark, first + len(hashes))), mark):
            done += verdict.tree.extend(hashes[start : size - first])
            start = size - first
            stated = self._marks.roots.get(size)
            if stated is None or verdict.tree.size != size or (root := verdict.tree.root()) is None:
                continue
            verdict.known = True
            if root == stated.root:
                verdict.good, verdict.good_tree = start, verdict.tree.copy()
            elif stated.source not in verdict.doubted:
                verdict.doubted.append(stated.source)
        if verdict.tree.size < mark:
            verdict.why = f"fewer than the {mark} that there were"
        elif mark % SUBTREE == 0 and subtree is not None:
            verdict.known = True
            if done[-1] != subtree:
                verdict.why = "not those whose hash the tree file states"
        elif verdict.known and verdict.good < len(hashes):
            verdict.why = f"not those of {verdict.doubted[-1]}"
        elif not verdict.known and self._lost_track():
            verdict.why = "their tree is not known"
        return verdict

    def _delivered(
        self, lines: list[bytes], hashes: list[bytes], tree: Frontier | None
    ) -> Iterator[Batch | Damage]:
        """Lines that fit `tree`; where that is None, of which nothing is known."""
        size = self._tree.size
        good = decoded(lines, size)
        count = len(good)
        if count:
            if tree is None or count < len(lines):
                self._tree.extend(hashes[:count])
            else:
                self._tree = tree
            if tree is not None:
                self._trusted = self._tree.size
            self._tape.drop(count)
            self._at, self._last = good[-1].at, hashes[count - 1]
            if self._damage is not None:
                yield replace(self._damage, before_at=good[0].at)
                self._damage = None
            yield Batch(lines=good, position=self._position(), verified=tree is not None)
        if count < len(lines):
            yield from self._damaged(f"expected seq {size + count}, got {_shown(lines[count])}")

    # ---------------------------------------------------------------------------------------- and the rest

    def _damaged(self, why: str) -> Iterator[Batch | Damage]:
        """Drop lines up to the next that can be trusted; told with the next good line, or at the end."""
        start, place = self._tree.size, self._tape.next_place()
        found, dropped = self._next_trusted(start)
        if found > start and not dropped:
            why = "missing" + self._missing_files()
        broken = self._broken_files()
        why += broken
        self._go_on_at(found)
        if self._damage is not None:
            told = self._damage.why + broken
            self._damage = replace(self._damage, to_seq=found, why=told, position=self._position())
        elif found > start:
            span = f"lines {start} to {found - 1}" if found > start + 1 else f"line {start}"
            self._damage = self._told(f"{span}: {why}", place, start, found)
        else:
            yield self._finding(f"{dropped} lines that were there before are there again", place)

    def _next_trusted(self, start: int) -> tuple[int, int]:
        """Move on to the next line that can be trusted: its `seq`, and how many lines were dropped."""
        dropped, highest, misplaced = 0, start - 1, False
        while self._tape.buffered or self._tape.more():
            if not self._tape.buffered:
                continue
            line = self._tape.look(1)[0]
            seq = _seq(line)
            if not dropped:
                misplaced = seq is not None and seq != start
            if seq is not None and self._trustworthy(
                seq, start, begun=misplaced or dropped > 0, again=misplaced
            ):
                return seq, dropped
            highest = max(highest, -1 if seq is None else seq)
            self._last = leaf_hash(line)
            self._tape.drop(1)
            dropped += 1
        return max(highest + 1, self._marks.last(start), start if misplaced else start + dropped), dropped

    def _trustworthy(self, seq: int, start: int, *, begun: bool, again: bool) -> bool:
        """Whether one can go on at the next line of the tape, line `seq`, after damage from `start` on."""
        if not begun or seq < start:
            return False
        if seq == start:
            return again
        if self._tape.next_place().offset == 0 and seq in self._marks.starts:
            return True
        if seq % SUBTREE == 0:
            two = self._tape.look(2)
            return len(two) < 2 or _seq(two[1]) == seq + 1  # a damaged `seq` can look like one
        return not self._marks.any_beyond(start)

    def _go_on_at(self, size: int) -> None:
        """Take the tree of `size` lines from what is known."""
        if size == self._tree.size:
            return
        if size in self._marks.starts:
            tree = self._marks.starts[size].copy()
        elif size % SUBTREE == 0:
            whole = self._tree.size // SUBTREE
            tree = Frontier(whole * SUBTREE, self._tree.peaks[: whole.bit_count()])
            for number in range(whole, size // SUBTREE):
                tree.push(self._marks.subtrees.get(number), SUBTREE)
        else:
            tree = Frontier.unknown(size)
        self._tree = tree
        if self._marks.known or self._trusted:
            self._trusted = size

    def _missing_files(self) -> str:
        """Names of files before the next line that are gone, told by the tree file left behind."""
        trees = {path.stem for path in self._origin.directory.glob(f"*{layout.TREE}")}
        before = self._tape.place.file if self._tape.place.offset else ""
        after = self._tape.next_place().file if self._tape.buffered else "~"
        gone = [name for name in sorted(trees - set(self._origin.names())) if before < name < after]
        files = ", ".join(name + layout.LINES for name in gone)
        return f" with {files}" if gone else ""

    def _broken_files(self) -> str:
        """Files before the next line that could not be read to their end, and why; each is told once."""
        before = self._tape.next_place().file if self._tape.buffered else "~"
        fresh = [name for name in self._tape.broken if name < before and name not in self._broken]
        self._broken.update(fresh)
        return "".join(f"; {name} is broken: {self._tape.broken[name]}" for name in fresh)

    def _finding(self, why: str, place: Place | None = None) -> Damage:
        """Something is wrong, and no line in doubt for it."""
        return self._told(why, place or self._tape.next_place(), self._tree.size, self._tree.size)

    def _told(self, why: str, place: Place, start: int, end: int) -> Damage:
        return Damage(
            origin=self._origin.name,
            file=str(self._origin.directory / place.file) + (layout.LINES if place.file else ""),
            line=place.line,
            from_seq=start,
            to_seq=end,
            after_at=self._at,
            before_at=None,
            why=why,
            position=self._position(),
        )

    def _position(self) -> Position:
        file, offset, line = self._tape.place
        return Position(
            file=file,
            offset=offset,
            line=line,
            size=self._tree.size,
            at=self._at,
            last=self._last,
            peaks=tuple(self._tree.peaks),
            trusted=self._trusted,
            checkpoint=self._marks.passed(self._tree.size),
            changed=self._changed if [file] == self._newest else 0,
            broken=tuple(sorted(name for name in self._broken if name >= file)),
        )


@dataclass(slots=True)
class _Verdict:
    """What holding some lines against their marks came to."""

    tree: Frontier
    """With all of them."""
    known: bool = False
    """Whether anything vouches for them."""
    why: str = ""
    """What is wrong with them; empty where they fit."""
    good: int = 0
    """How many of them the last root that fits vouches for, and the tree there."""
    good_tree: Frontier | None = None
    doubted: list[str] = field(default_factory=list)
    """Roots that do not fit."""


def _seq(line: bytes) -> int | None:
    try:
        return record.decode(line).seq
    except ValueError:
        return None


def _shown(line: bytes) -> str:
    seq = _seq(line)
    return f"{line[:60]!r}, which is no line" if seq is None else f"seq {seq}"
