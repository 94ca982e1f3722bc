"""What reading a journal gives: lines in batches, damage between them, and the place to go on from."""

from dataclasses import dataclass

import msgspec

from collector.core import record
from collector.core.record import Line
from collector.core.timeline import Instant
from collector.errors import JournalError


class Rewound(JournalError):
    """Lines that were read once are gone, or wrong: forget what was read of this origin and read it anew."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Up to where an origin was read; keep it with what was made of the lines, and go on from there."""

    file: str
    offset: int
    """Bytes of the file (uncompressed) that were read."""
    line: int
    """Number, in its file, of the line that comes next."""
    size: int
    """`seq` of the line that comes next."""
    at: Instant | None
    """`at` of the last good line."""
    last: bytes
    """Leaf hash of the line before `offset`."""
    peaks: tuple[bytes | None, ...]
    trusted: int
    """How many lines are known to be right."""
    checkpoint: int
    """Number of the last checkpoint that speaks of no more lines than these."""
    changed: int = 0
    """What `OriginDir.changed` gave when `file` was the newest there; 0 when it was not."""
    broken: tuple[str, ...] = ()
    """Files from `file` on that were told to be broken; it is not told again."""

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def decode(cls, text: str) -> "Position":
        """The position that was encoded; raises `msgspec.ValidationError` if it is of another version."""
        return msgspec.json.decode(text, type=cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some lines in the order of `seq`, at least one, and where one is after them."""

    lines: list[Line]
    position: Position
    verified: bool
    """Whether the tree vouches for them, or nothing is known of them (yet)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Lines `from_seq` to `to_seq` (exclusive) are not to be had; what they saw is UNKNOWN.

    They were made between `after_at`, the `at` of the last good line before, and `before_at`, that of the
    next one after; None where there is none (yet). With `from_seq == to_seq` no line is in doubt, but
    something that vouches for them is broken, or a file is and nobody knows how many lines more it had.
    """

    origin: str
    file: str
    line: int
    """Number of the first line in doubt."""
    from_seq: int
    to_seq: int
    after_at: Instant | None
    before_at: Instant | None
    why: str
    position: Position

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.why}"


def decoded(lines: list[bytes], size: int) -> list[Line]:
    """Lines up to the first that is none, or not the one with the next `seq`."""
    decode = record.decode
    try:
        found = [decode(line) for line in lines]
    except ValueError:  # of msgspec, or no UTF-8
        found = []
        for line in lines:
            try:
                found.append(decode(line))
            except ValueError:
                break
    expected = range(size, size + len(found))
    if [line.seq for line in found] != list(expected):
        right = [line.seq == seq for line, seq in zip(found, expected, strict=True)]
        return found[: right.index(False)]
    return found
