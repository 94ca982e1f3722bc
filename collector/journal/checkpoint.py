"""Checkpoints, C2SP tlog-checkpoint: what an origin's tree was at a size, signed by the origin's key.

    paris-1-k3v9q2
    72000
    <base64 of the root>

    — paris-1-k3v9q2 <base64 of key id and signature>

Those of versions before there were keys end with the empty line.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass

from collector.journal import note
from collector.journal.note import Key, Note, Vkey


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Root of the tree of the first `size` lines of `origin`."""

    origin: str
    size: int
    root: bytes

    def body(self) -> bytes:
        """The bytes that signatures are over."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n".encode()

    def signed(self, *keys: Key) -> bytes:
        """The file: the body, an empty line, and a signature line by each key."""
        return Note(self.body(), tuple(key.signature(self.body()) for key in keys)).encode()


def parse(data: bytes) -> Checkpoint:
    """The checkpoint a file states, whoever signed it; ValueError if it is none."""
    return of(note.parse(data))


def of(found: Note) -> Checkpoint:
    """The checkpoint a note states, whoever signed it; ValueError if it is none."""
    lines = found.text.split(b"\n")
    if len(lines) < 4 or b"" in lines[:-1]:
        raise ValueError("expected origin, size and root, each on a line, and an empty line")
    origin, size, root = lines[:3]
    if not size.isdigit() or str(int(size)).encode() != size:
        raise ValueError(f"expected a decimal size on line 2, got {size[:40]!r}")
    digest = b64decode(root, validate=True)
    if len(digest) != 32 or b64encode(digest) != root:
        raise ValueError("expected base64 of 32 bytes on line 3")
    return Checkpoint(origin=origin.decode(), size=int(size), root=digest)


def verified(data: bytes, key: Vkey) -> Checkpoint:
    """The checkpoint a file states, signed by its origin's `key`; ValueError says what is not so."""
    found = note.parse(data)
    made = of(found)
    if made.origin != key.name:
        raise ValueError(f"expected a checkpoint of {key.name}, got one of {made.origin}")
    if key not in found.signers([key]):
        raise ValueError(f"expected a signature of {key}, got none")
    return made
