"""What an origin's lines say in a bundle, taken in once, in order: for every step that rests on lines."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

import msgspec

from collector.core.record import Anchor, Clock, Gap, Line, Plan, Rotate, Sample, Start
from collector.core.sight import Testimony, Track
from collector.core.timeline import SECOND, Duration, Instant
from collector.errors import JournalError
from collector.journal import checkpoint, excerpt, layout, note, reader
from collector.journal.checkpoint import Checkpoint
from collector.journal.excerpt import Excerpt
from collector.journal.merkle import leaf_hash
from collector.journal.note import Note
from collector.journal.reader import Damage, OriginDir
from exporters.documents.verification.step import Wrong, must
from exporters.documents.verification.unpacked import Stretch

UNTRUSTED = -1
"""Instead of a bound on the clock's error, where there is none to rely on (rule T4)."""


class Sealed(NamedTuple):
    """A checkpoint of the bundle."""

    file: str
    note: Note
    made: Checkpoint


class Heard:
    """One origin: lines of its stretch are `first` to `end` - 1, single ones lie around them."""

    def __init__(self, place: OriginDir, stretch: Stretch, as_of: Instant) -> None:
        """Reads checkpoints and `excerpt.json`; JournalError or Wrong where they are none."""
        self.place, self.name, self.vantage = place, stretch.origin, stretch.vantage
        self._as_of = as_of
        self.excerpt, singles = excerpt.load(place)
        self.single_seqs = [line.seq for line in singles]
        self.first, self.end = _ends(self.excerpt)
        wanted = (stretch.first, stretch.last)
        got = (None, None) if self.excerpt.start is None else (self.first, self.end - 1)
        must(got == wanted, f"{place.directory.name}/{layout.EXCERPT}: start and end", wanted, got)
        self.seals = dict(_seals(place))
        self.testimony: Testimony | None = None
        """What the lines tell of states."""
        self.damage: list[Damage] = []
        self.ats = array("q")
        """`at` of each line of the stretch."""
        self.singles: dict[int, Instant] = {}
        """`seq` → `at` of each single line."""
        self.clocks: list[tuple[int, Duration]] = []
        """From which line on the clock's error is at most so much; `UNTRUSTED` where nobody knows."""
        self.slots: dict[str, array[int]] = defaultdict(lambda: array("q"))
        """Probe → slot and number of slots covered, of each of its samples in turn."""
        self.odd = 0
        """Samples that contradict their own line's time."""
        self.starts: list[Start] = []
        self.plans: list[Plan] = []
        self.rotates: list[Rotate] = []
        self.anchors: list[Anchor] = []
        self.gaps: list[Gap] = []

    @property
    def head(self) -> int:
        """The size of the checkpoint that all is proven against."""
        return self.excerpt.head

    @property
    def last_at(self) -> Instant | None:
        """The newest `at` of the stretch; without one, that of the last line."""
        if self.ats:
            return max(self.ats)
        return self.singles.get(self.head - 1)

    def listen(self, progress: Callable[[int], None], *, whole: bool) -> None:
        """Read all lines; where it is not the `whole` of a time, as if nothing lay between single ones.

        Latencies and objects are not followed, as no step is about them.
        """
        track, number = Track(self.name), count()
        for part in reader.read(self.place):
            if isinstance(part, Damage):
                self.damage.append(part)
                continue
            self._take(part.lines)
            for line in part.lines:
                if line.at <= self._as_of:
                    track.feed(line if whole else msgspec.structs.replace(line, seq=next(number)))
            progress(len(part.lines))
        self.testimony = track.testimony()

    def _take(self, lines: Sequence[Line]) -> None:
        if self.first <= lines[0].seq and lines[-1].seq < self.end:
            self.ats.extend([line.at for line in lines])
        else:
            self.singles.update((line.seq, line.at) for line in lines)
        for line in lines:
            if type(line) is Sample:
                slots = self.slots[line.probe]
                slots.append(line.slot)
                slots.append(line.covers)
                if not line.sent <= line.done <= line.at + SECOND:
                    self.odd += 1
            else:
                self._note(line)

    def _note(self, line: Line) -> None:
        match line:
            case Clock():
                trusted = line.synced and line.error is not None and line.error <= SECOND
                self.clocks.append((line.seq, (line.error or 0) if trusted else UNTRUSTED))
            case Start():
                self.starts.append(line)
            case Plan():
                self.plans.append(line)
            case Rotate():
                self.rotates.append(line)
            case Anchor():
                self.anchors.append(line)
            case Gap():
                self.gaps.append(line)

    def leaf(self, seq: int) -> str:
        """The leaf hash of a line of the bundle, hex; empty where the line is not in it."""
        for number, one in zip(self.single_seqs, self.excerpt.lines, strict=True):
            if number == seq:
                return leaf_hash(one.line.encode()).hex()
        if not self.first <= seq < self.end:
            return ""
        passed = self.first
        for name in self.place.names():
            with layout.opened(self.place, name) as stream:
                for line in stream:
                    if passed == seq:
                        return leaf_hash(line.removesuffix(b"\n")).hex()
                    passed += 1
        return ""


def _ends(found: Excerpt) -> tuple[int, int]:
    return (0, 0) if found.start is None else (found.start.size, found.end or 0)


def _seals(place: OriginDir) -> list[tuple[int, Sealed]]:
    """Size → checkpoint; Wrong where a file is none, is another origin's, or says what one before it said."""
    directory = place.checkpoints
    if directory is None:
        raise JournalError(f"checkpoints/{place.name}: expected checkpoints, got none")
    found: dict[int, Sealed] = {}
    for number in layout.checkpoint_numbers(directory):
        path = layout.checkpoint_path(directory, number)
        where = f"checkpoints/{place.name}/{path.name}"
        try:
            said = note.parse(path.read_bytes())
            made = checkpoint.of(said)
        except ValueError as error:
            raise Wrong(where, "a checkpoint", error) from None
        must(made.origin == place.name, where, f"a checkpoint of {place.name}", f"one of {made.origin}")
        must(made.size not in found, where, "one checkpoint of each size", f"a second one of {made.size}")
        found[made.size] = Sealed(where, said, made)
    return sorted(found.items())
