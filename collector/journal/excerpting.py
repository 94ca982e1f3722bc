"""Cuts a part out of an origin's journal: whole hours, single lines, and the proofs that they are of it.

Lines are read once, and those of a few subtrees (256 lines) a second time: all other hashes that a proof
needs are in the tree files.
"""

import gzip
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import IO, NamedTuple

from collector.core import record
from collector.core.record import (
    Anchor,
    Clock,
    Declaration,
    Gap,
    Host,
    Line,
    Plan,
    Rotate,
    Sample,
    Start,
    Stop,
)
from collector.core.timeline import HOUR, Duration, Instant, Span
from collector.errors import JournalError
from collector.journal import compress, layout, merkle, passage, treefile
from collector.journal.excerpt import VERSION, Excerpt, Link, Single, Tree
from collector.journal.layout import OriginDir
from collector.journal.merkle import SUBTREE, Frontier, leaf_hash, leaf_hashes
from collector.journal.passage import LATE, Sealed
from collector.journal.proving import Files, Proofs, decoded, lines_of

_ALWAYS = (b'{"t":"plan"', b'{"t":"rotate"', b'{"t":"declaration"')
_START, _CLOCK, _ANCHOR = b'{"t":"start"', b'{"t":"clock"', b'{"t":"anchor"'
_OUTSIDE = (*_ALWAYS, _START, _CLOCK, _ANCHOR)
_SAMPLE = b'{"t":"sample"'
_DOCUMENT = b'"document":"'


class Part(NamedTuple):
    """Lines of one hour file in the stretch: all, or so many of its first."""

    file: str
    lines: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A part of an origin, ready to be written."""

    origin: OriginDir
    excerpt: Excerpt
    parts: Sequence[Part]
    seals: Sequence[Sealed]
    """The checkpoints that belong to it, the smallest first."""
    vantage: str
    keys: tuple[str, ...]
    """The origin's public keys as its lines state them, the oldest first."""
    documents: frozenset[str]
    """SHA-256 of the documents that its lines refer to."""

    @property
    def stretch(self) -> tuple[int, int] | None:
        """`seq` of the first and the last line of the stretch."""
        start, end = self.excerpt.start, self.excerpt.end
        return None if start is None or end is None else (start.size, end - 1)


Progress = Callable[[int], None]
"""Told, now and then, how many more lines were read."""


def last_at(origin: OriginDir, seal: Sealed) -> Instant:
    """When the last line was made that a checkpoint is over; JournalError where it is missing."""
    files = Files(origin)
    number = files.holding(seal.size - 1)
    seq = files.start(number).size
    for lines in lines_of(origin, files.names[number]):
        if seq + len(lines) >= seal.size:
            return decoded(origin, lines[seal.size - 1 - seq]).at
        seq += len(lines)
    raise JournalError(f"{origin.directory}: line {seal.size - 1} is missing, the last of a checkpoint")


def hours(
    origin: OriginDir,
    head: Sealed,
    wanted: Span,
    margin: Duration,
    progress: Progress = lambda _: None,
    *,
    vouched: bool = False,
) -> Cut:
    """All lines of the hours that can touch `wanted`, `margin` around it, and what is needed to read them.

    JournalError where these lines are damaged; with `vouched`, they were just read without damage up to the
    head, and are not hashed again.
    """
    around = Span(wanted.start - margin, wanted.end + margin)
    return _Cutting(origin, head, around, None, progress, vouched=vouched).cut()


def extract(
    origin: OriginDir,
    head: Sealed,
    wanted: Span,
    margin: Duration,
    probes: Iterable[str],
    progress: Progress = lambda _: None,
) -> Cut:
    """Single lines alone: what `probes` saw in `wanted`, `margin` around it, and what that needs."""
    around = Span(wanted.start - margin, wanted.end + margin)
    return _Cutting(origin, head, around, frozenset(probes), progress).cut()


def pack(origin: OriginDir, part: Part, out: IO[bytes]) -> None:
    """Write the lines of one part as a `.jsonl.gz`: the same lines always give the same bytes."""
    packed = origin.directory / (part.file + layout.GZIPPED)
    if part.lines is None and packed.exists():
        with packed.open("rb") as file:
            while block := file.read(1 << 20):
                out.write(block)
        return
    with gzip.GzipFile("", "wb", compress.LEVEL, out, mtime=0) as written:
        left = part.lines
        for lines in lines_of(origin, part.file):
            some = lines if left is None else lines[:left]
            written.write(b"".join(line + b"\n" for line in some))
            if left is not None:
                left -= len(some)
                if not left:
                    break


@dataclass(slots=True)
class _Picked:
    """What one pass over the lines found."""

    confidential: bool
    """What people declared is quoted, and its mails stay at home."""
    singles: dict[int, bytes] = field(default_factory=dict)
    anchors: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    """`seq` of anchor lines outside of the stretch → the size they are about, and the line."""
    last: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    """The last start and clock line before the stretch."""
    stamped: set[int] = field(default_factory=set)
    """Sizes that anchor lines of the stretch are about."""
    keys: dict[int, str] = field(default_factory=dict)
    """`seq` of lines that state the origin's key → the key."""
    documents: set[str] = field(default_factory=set)
    vantage: str = ""

    def heed(self, line: Line) -> None:
        """What a bundled line says that is of use elsewhere."""
        if isinstance(line, Start):
            self.vantage = line.vantage
            if line.key:
                self.keys[line.seq] = line.key
        elif isinstance(line, Rotate):
            self.keys[line.seq] = line.key
        elif isinstance(line, Declaration) and line.document and not self.confidential:
            self.documents.add(line.document)
        elif isinstance(line, Sample) and "document" in line.facts:
            self.documents.add(str(line.facts["document"]))


class _Cutting:
    """One pass over an origin."""

    def __init__(
        self,
        origin: OriginDir,
        head: Sealed,
        around: Span,
        probes: frozenset[str] | None,
        progress: Progress,
        *,
        vouched: bool = False,
    ) -> None:
        self._vouched = vouched
        self._origin, self._head, self._around, self._probes = origin, head, around, probes
        self._progress = progress
        self._files = Files(origin)
        self._seals = [seal for seal in passage.checkpoints(origin) if seal.size <= head.size]
        self._stamped = [seal for seal in self._seals if seal.stamps]
        self._first, self._last = self._hours() if probes is None else (0, -1)
        self._start = self._end = head.size
        if self._last >= self._first:
            self._start = self._files.start(self._first).size
            self._end = self._sealed_end()
        self._picked = _Picked(confidential=probes is not None)
        self._newest = b""
        """Without a stretch: the last line, which tells that none is to be had of the time asked for."""

    def cut(self) -> Cut:
        self._walk()
        picked = self._picked
        in_stretch = [seal for seal in self._seals if self._start < seal.size <= self._end]
        about = {seal.size for seal in in_stretch}
        for seq, (size, line) in picked.anchors.items():
            if size in about and seq >= self._end:
                picked.singles[seq] = line
        for seq, line in picked.last.values():
            picked.singles[seq] = line
        if self._newest:
            picked.singles[decoded(self._origin, self._newest).seq] = self._newest
        for line in picked.singles.values():
            picked.heed(record.decode(line))
        covers = {seq: self._cover(seq) for seq in picked.singles}
        wanted = {*about, self._head.size, *(seal.size for seal in covers.values()), *picked.stamped}
        bundled = [seal for seal in self._seals if seal.size in wanted or seal is self._seals[0]]
        excerpt = self._proven(covers, bundled)
        return Cut(
            origin=self._origin,
            excerpt=excerpt,
            parts=self._parts(),
            seals=bundled,
            vantage=picked.vantage,
            keys=tuple(dict.fromkeys(key for _, key in sorted(picked.keys.items()))),
            documents=frozenset(picked.documents),
        )

    # -------------------------------------------------------------------------------------- the stretch

    def _hours(self) -> tuple[int, int]:
        """The first and the last file of the stretch, the last one before the first where there is none.

        It begins before the time asked for and ends after it, also where the collector was stopped then: that
        nothing is left out between is to be seen.
        """
        files, around = self._files, self._around
        covered = sum(files.start(number).size < self._head.size for number in range(len(files.names)))
        near = [number for number in range(covered) if self._near(number)]
        if not near:
            return 0, -1
        first, last = near[0], near[-1]
        while first and files.first_at(first) > around.start:
            first -= 1
        while last + 1 < covered and files.since(last + 1) < around.end:
            last += 1
        return first, last

    def _near(self, number: int) -> bool:
        """Whether a file may have lines that tell of the time asked for: by its name, or by its lines."""
        files, around = self._files, self._around
        hour = layout.hour_start(files.names[number])
        named = hour is not None and hour - LATE < around.end and around.start < hour + HOUR + LATE
        return named or (files.since(number) <= around.end and around.start <= files.since(number + 1))

    def _sealed_end(self) -> int:
        """The first checkpoint over all lines of the last file."""
        after = self._last + 1
        end = self._files.start(after).size if after < len(self._files.names) else self._head.size
        return next((s.size for s in self._seals if s.size >= end), self._head.size)

    def _parts(self) -> list[Part]:
        parts = []
        for number in range(self._first, len(self._files.names)):
            start = self._files.start(number).size
            if start >= self._end:
                break
            after = number + 1
            end = self._files.start(after).size if after < len(self._files.names) else None
            whole = end is not None and end <= self._end
            parts.append(Part(self._files.names[number], None if whole else self._end - start))
        return parts if self._last >= self._first else []

    # ---------------------------------------------------------------------------------------- one pass

    def _walk(self) -> None:
        """Read all lines up to the head: those of the stretch by its tree, others by their type."""
        stretch = _Stretch(self._origin, self._files.start(self._first).copy(), self._seals, self._picked)
        for number, name in enumerate(self._files.names):
            seq = self._files.start(number).size
            near = number in range(self._first, self._last + 1) or self._probes is not None
            for lines in lines_of(self._origin, name):
                end = min(seq + len(lines), self._head.size)
                inside = Span(max(seq, self._start), min(end, self._end))
                if inside.start < inside.end:
                    stretch.heed(lines[inside.start - seq : inside.end - seq])
                    if not self._vouched:
                        stretch.take(lines[inside.start - seq : inside.end - seq])
                    self._outside(lines[: inside.start - seq], near=near)
                    self._outside(lines[inside.end - seq : end - seq], near=near)
                else:
                    self._outside(lines[: end - seq], near=near)
                seq += len(lines)
                self._progress(len(lines))
                if seq >= self._head.size:
                    break
            if seq >= self._head.size:
                break
        if self._start < self._end and not self._vouched:
            stretch.finished(self._end)

    def _outside(self, lines: Sequence[bytes], *, near: bool) -> None:
        if lines and self._probes is None and self._last < self._first:
            self._newest = lines[-1]
        for data in lines:
            if data.startswith(_OUTSIDE):
                line = decoded(self._origin, data)
                self._outside_one(line, data)
            elif self._probes is not None and near:
                line = decoded(self._origin, data)
                if self._told(line):
                    self._picked.singles[line.seq] = data

    def _outside_one(self, line: Line, data: bytes) -> None:
        picked = self._picked
        if isinstance(line, Anchor):
            picked.anchors[line.seq] = line.size, data
        elif isinstance(line, Plan | Rotate | Declaration) or line.seq == 0 or self._told(line):
            picked.singles[line.seq] = data
            picked.heed(line)
        elif isinstance(line, Start) and line.key and line.key not in picked.keys.values():
            picked.singles[line.seq] = data  # the first that states it: an older version wrote those before
            picked.heed(line)
        elif line.seq < self._start and (self._probes is None or line.at < self._around.start):
            picked.last[_START if isinstance(line, Start) else _CLOCK] = line.seq, data

    def _told(self, line: Line) -> bool:
        """Whether a line belongs into an extract."""
        if self._probes is None or not self._around.start <= line.at < self._around.end:
            return False
        match line:
            case Sample():
                return line.probe in self._probes
            case Gap():
                return "*" in line.probes or not self._probes.isdisjoint(line.probes)
            case _:
                return isinstance(line, Clock | Start | Stop | Host)

    # ------------------------------------------------------------------------------------------ proofs

    def _cover(self, seq: int) -> Sealed:
        """The first checkpoint over a line that was stamped, else the first."""
        for seals_ in (self._stamped, self._seals):
            number = bisect_right(seals_, seq, key=lambda seal: seal.size)
            if number < len(seals_):
                return seals_[number]
        raise self._broken(f"no checkpoint is over line {seq}")

    def _proven(self, covers: dict[int, Sealed], bundled: Sequence[Sealed]) -> Excerpt:
        stretch = self._start < self._end
        head = self._head
        linked = [
            seal
            for seal in bundled
            if seal is not head
            and seal.size != head.size
            and (not self._start < seal.size < self._end or not stretch)
        ]
        proofs = Proofs(self._origin, self._files, head.size)
        sizes = {head.size, *(seal.size for seal in covers.values()), *(seal.size for seal in linked)}
        proofs.read({seq // SUBTREE for seq in covers} | {size // SUBTREE for size in sizes})
        tree = self._files.start(self._first) if stretch else None
        return Excerpt(
            excerpt=VERSION,
            origin=self._origin.name,
            start=None if tree is None else Tree(size=tree.size, peaks=treefile.hexed(tree)),
            end=self._end if stretch else None,
            head=head.size,
            links=tuple(self._link(seal, proofs) for seal in linked),
            lines=tuple(self._single(seq, covers[seq], proofs) for seq in sorted(covers)),
        )

    def _link(self, seal: Sealed, proofs: Proofs) -> Link:
        path = merkle.consistency(seal.size, self._head.size, proofs.tree_hash)
        if not merkle.extends(seal.size, seal.root, self._head.size, self._head.root, path):
            raise self._broken(f"checkpoint {seal.file} is not of the tree of {self._head.file}")
        return Link(size=seal.size, path=tuple(one.hex() for one in path))

    def _single(self, seq: int, seal: Sealed, proofs: Proofs) -> Single:
        data = self._picked.singles[seq]
        path = merkle.inclusion(seq, seal.size, proofs.tree_hash)
        if not merkle.includes(leaf_hash(data), seq, seal.size, path, seal.root):
            raise self._broken(f"line {seq} is not one of checkpoint {seal.file}")
        return Single(line=data.decode("ascii"), size=seal.size, path=tuple(one.hex() for one in path))

    def _broken(self, why: str) -> JournalError:
        return JournalError(
            f"{self._origin.directory}: {why}: the journal is damaged there, and cannot be proven; "
            "`constat account` names the place"
        )


class _Stretch:
    """The lines of the stretch as they come, held against every checkpoint on the way."""

    def __init__(self, origin: OriginDir, tree: Frontier, sealed: Sequence[Sealed], picked: _Picked) -> None:
        self._origin, self._tree, self._picked = origin, tree, picked
        self._roots = {seal.size: seal for seal in sealed if seal.size > tree.size}
        self._next = iter(sorted(self._roots))
        self._until = next(self._next, 0)

    def heed(self, lines: Sequence[bytes]) -> None:
        """What lines say that is of use elsewhere."""
        for data in lines:
            if not data.startswith(_SAMPLE) or _DOCUMENT in data:
                line = decoded(self._origin, data)
                self._picked.heed(line)
                if isinstance(line, Anchor):
                    self._picked.stamped.add(line.size)

    def take(self, lines: Sequence[bytes]) -> None:
        """The next lines; JournalError if they are not those of the next checkpoint."""
        done = 0
        while done < len(lines):
            some = lines[done : done + self._until - self._tree.size] if self._until else lines[done:]
            self._tree.extend(leaf_hashes(some))
            done += len(some)
            if self._tree.size == self._until:
                seal = self._roots[self._until]
                if self._tree.root() != seal.root:
                    raise self._damaged(f"the lines before it are not those of checkpoint {seal.file}")
                self._until = next(self._next, 0)

    def finished(self, end: int) -> None:
        """No more lines come; JournalError if some are missing."""
        if self._tree.size != end:
            raise self._damaged(f"expected lines up to {end - 1}")

    def _damaged(self, why: str) -> JournalError:
        return JournalError(
            f"{self._origin.directory}: line {self._tree.size}: {why}: what is damaged proves nothing; "
            "`constat account` names the place"
        )
