"""Parts of a journal as they lie there: lines around some instants, with their places; roots of its tree."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from collector.core import record
from collector.core.record import Line
from collector.core.timeline import HOUR, MINUTE, Duration, Span, Spans
from collector.journal import checkpoint, excerpt, layout, note
from collector.journal.delivery import Position
from collector.journal.layout import OriginDir
from collector.journal.merkle import Frontier, leaf_hashes
from collector.journal.tape import Place, Tape

LATE: Duration = 10 * MINUTE
"""How much earlier or later than its `at` a line may have been appended: queue, disk, a clock that is set."""


class Cited(NamedTuple):
    """A line, and where an outsider finds it: in a file of the origin's directory, its number from 1."""

    line: Line
    file: str
    number: int


def passage(origin: OriginDir, around: Spans) -> Iterator[Cited]:
    """The lines of all files that may tell of an instant of `around`; what does not decode is left out.

    Reads those files alone: hours, not the journal. It does not hold them against the tree, which reading
    the journal from its beginning does. Of an excerpt, the single lines of that time come first.
    """
    if excerpt.is_one(origin):
        for number, line in enumerate(excerpt.load(origin)[1], 1):
            if _touches(around, Span(line.at - LATE, line.at + LATE)):
                yield Cited(line, layout.EXCERPT, number)
    for name in origin.names():
        hour = layout.hour_start(name)
        if hour is None or _touches(around, Span(hour - LATE, hour + HOUR + LATE)):
            yield from _lines(origin, name)


def _touches(around: Spans, hour: Span) -> bool:
    return any(start < hour.end and hour.start < end for start, end in around)


def _lines(origin: OriginDir, name: str) -> Iterator[Cited]:
    tape = Tape(origin, [name], Place(name, 0, 1), lambda _: None)
    while tape.more():
        first = tape.next_place().line
        lines = tape.look(tape.buffered)
        tape.drop(len(lines))
        for number, data in enumerate(lines, first):
            try:
                line = record.decode(data)
            except ValueError:  # damage, which whoever read it all was told of
                continue
            yield Cited(line, name + layout.LINES, number)


def root(origin: OriginDir, before: Position | None, size: int) -> bytes | None:
    """Root of the tree over the first `size` lines, from a position at or before them; None if not known.

    It is not known where lines are missing before, or there are fewer; of an excerpt, where no checkpoint
    is of just so many.
    """
    if excerpt.is_one(origin):
        return excerpt.root_of(origin, size)
    tree, names = Frontier(), origin.names()
    start = Place(names[0] if names else "", 0, 1)
    if before is not None:
        tree, start = Frontier(before.size, before.peaks), Place(before.file, before.offset, before.line)
    tape = Tape(origin, names, start, lambda _: None)
    while tape.buffered < size - tree.size and tape.more():
        pass
    tree.extend(leaf_hashes(tape.look(size - tree.size)))
    return tree.root() if tree.size == size else None


STAMP = ".tsr"
"""How the names of time stamps beside a checkpoint end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A checkpoint: the file, and how many of the origin's first lines its root is over."""

    file: str
    size: int
    root: bytes
    key: str
    """The id, hex, of the key of the origin that its signature names; empty where it names none."""
    beside: tuple[str, ...] = ()
    """Names of its stamps, of what was asked for them, and of cosignatures."""

    @property
    def stamps(self) -> list[str]:
        """The authorities that stamped it."""
        found = (name for name in self.beside if name.endswith(STAMP))
        return [name.removesuffix(STAMP).partition(".")[2] for name in found]


def checkpoints(origin: OriginDir) -> Sequence[Sealed]:
    """All readable checkpoints of an origin, the smallest first."""
    directory = origin.checkpoints
    if directory is None:
        return []
    beside: dict[str, list[str]] = defaultdict(list)
    for path in directory.iterdir():
        number, _, rest = path.name.partition(".")
        if number and rest != "txt":
            beside[number].append(path.name)
    found = []
    for known in layout.checkpoint_numbers(directory):
        path = layout.checkpoint_path(directory, known)
        try:
            stated = note.parse(path.read_bytes())
            made = checkpoint.of(stated)
        except ValueError:  # damage: told by whoever reads the journal
            continue
        ids = (one.id.hex() for one in stated.signatures if one.name == origin.name)
        names = tuple(sorted(beside[path.stem]))
        found.append(Sealed(file=path.name, size=made.size, root=made.root, key=next(ids, ""), beside=names))
    return sorted(found, key=lambda one: one.size)
