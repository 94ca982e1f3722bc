"""The file beside each file of lines: where the tree stood at its first byte, and its complete subtrees.

`2026-11-22T23.tree`, ASCII, for `2026-11-22T23.jsonl`. Each line is a CRC-32 (8 hex digits), a space and what
it is over. Line 1 is a JSON object: the writer's state before the file's first line, of which outsiders
need `size` (lines before this file) and `peaks` (their tree, hex, the largest first). Every other line is
`<number> <hash>`: the RFC 6962 hash of the 256 lines from `seq` 256 * number on, the last of which is in this
file. No line need be there for the journal to be read; what is there must fit. A line whose CRC does not fit
is taken as not there.
"""

from zlib import crc32

import msgspec

from collector.core.record import Line, Rotate, Start
from collector.core.timeline import Duration, Instant
from collector.journal.merkle import Frontier

_STATES_KEY = (Start, Rotate)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where an origin's writer stands after its first `size` lines."""

    size: int = 0
    peaks: tuple[str, ...] = ()
    """Hashes of the tree, hex, the largest first."""
    file: str = ""
    """The file it writes, without suffix, and how far."""
    offset: int = 0
    at: Instant = 0
    """`at` of the last line."""
    last: str = ""
    """Leaf hash of the last line, hex; none before the first."""
    grid: dict[str, tuple[Duration, Duration]] = {}
    """Probe → interval and phase, by the plan in force."""
    covered: dict[str, Instant] = {}
    """Probe → first instant such that all its planned slots before it are covered."""
    plan_at: Instant = 0
    declared: int = 0
    """How many declarations it has."""
    key: str = ""
    """The vkey that signs from here on; empty where none is stated yet."""

    def frontier(self) -> Frontier:
        return Frontier(self.size, [bytes.fromhex(peak) for peak in self.peaks])


def key_after(line: Line, key: str) -> str:
    """The vkey that signs what comes after `line`, where `key` signed before it."""
    return line.key or key if isinstance(line, _STATES_KEY) else key


def hexed(frontier: Frontier) -> tuple[str, ...]:
    """Peaks as a state keeps them; all must be known."""
    return tuple("" if peak is None else peak.hex() for peak in frontier.peaks)


def checked(text: bytes) -> bytes:
    """`text` as a line that tells when it is damaged."""
    return b"%08x %s\n" % (crc32(text), text)


def unchecked(line: bytes) -> bytes | None:
    """The text of such a line (given without its newline), None if it is damaged."""
    crc, separator, text = line.partition(b" ")
    return text if separator and crc == b"%08x" % crc32(text) else None


def header(state: State) -> bytes:
    """A state as a checked line."""
    return checked(msgspec.json.encode(state))


def state_of(data: bytes) -> State | None:
    """The state that `data` begins with, None if it is damaged."""
    line, newline, _ = data.partition(b"\n")
    text = unchecked(line) if newline else None
    if text is None:
        return None
    try:
        state = msgspec.json.decode(text, type=State)
        state.frontier()
    except (msgspec.MsgspecError, ValueError):
        return None
    return state


def subtree_line(number: int, subtree: bytes) -> bytes:
    return checked(b"%d %s" % (number, subtree.hex().encode()))


def subtrees(data: bytes) -> dict[int, bytes]:
    """Number → hash of the subtrees a tree file states."""
    found: dict[int, bytes] = {}
    for line in data.split(b"\n")[1:]:
        text = unchecked(line)
        number, _, digest = (text or b"").partition(b" ")
        if number.isdigit() and len(digest) == 64:
            found[int(number)] = bytes.fromhex(digest.decode())
    return found
