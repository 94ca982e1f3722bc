"""Checkpoints, C2SP tlog-checkpoint: what an origin's tree was at a size; not signed yet.

Three lines and an empty one, below which signature lines will stand:

    paris-1-k3v9q2
    72000
    <base64 of the root>

"""

from base64 import b64decode, b64encode
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Root of the tree of the first `size` lines of `origin`."""

    origin: str
    size: int
    root: bytes

    def body(self) -> bytes:
        """The bytes that a signature is over."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n".encode()

    def note(self) -> bytes:
        """The file: the body, an empty line, and signatures once there are any."""
        return self.body() + b"\n"


def parse(note: bytes) -> Checkpoint:
    """The checkpoint a file states; signature lines are not looked at. ValueError if it is none."""
    body, separator, _ = note.partition(b"\n\n")
    lines = body.split(b"\n")
    if not separator or len(lines) < 3:
        raise ValueError("expected origin, size and root, each on a line, and an empty line")
    origin, size, root = lines[:3]
    if not size.isdigit() or str(int(size)).encode() != size:
        raise ValueError(f"expected a decimal size on line 2, got {size[:40]!r}")
    digest = b64decode(root, validate=True)
    if len(digest) != 32 or b64encode(digest) != root:
        raise ValueError("expected base64 of 32 bytes on line 3")
    return Checkpoint(origin=origin.decode(), size=int(size), root=digest)
