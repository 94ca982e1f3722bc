"""What is known of the declarations so far, by their ids, and the file beside the lines that keeps it."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.core.record import Declaration
from collector.journal import layout, treefile


class Known(NamedTuple):
    """Of a declaration in the journal: enough to tell whether another says the same, or may correct it."""

    kind: str
    """Empty where an older version noted the id alone."""
    digest: str
    """Of what it says; empty where an older version did not note it."""


def of(declaration: Declaration) -> Known:
    """What is kept of `declaration`; its place in the journal is no part of what it says."""
    said = msgspec.structs.replace(declaration, seq=0, at=0)
    # Sorted, so that a version with more keys, or in another order, finds what it says unchanged.
    digest = sha256(msgspec.json.encode(said, order="sorted")).hexdigest()[:32]
    return Known(declaration.kind, digest)


def written(declared: Mapping[str, Known]) -> bytes:
    """The lines that `read` finds again, one for each id."""
    return b"".join(
        treefile.checked(" ".join((id_, *one)).rstrip().encode()) for id_, one in declared.items()
    )


def read(directory: Path) -> dict[str, Known]:
    """What an origin's `declared` file says, in the journal's order, up to the first line that is damaged."""
    found: dict[str, Known] = {}
    path = directory / layout.DECLARED
    for line in (path.read_bytes() if path.exists() else b"").split(b"\n")[:-1]:
        text = treefile.unchecked(line)
        if text is None:
            break  # from here on they are read from the lines again
        id_, kind, digest, *_ = f"{text.decode()}  ".split(" ")
        found[id_] = Known(kind, digest)
    return found
