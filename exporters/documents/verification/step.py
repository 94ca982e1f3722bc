"""One step of a verification: what was checked, what was found, and how a check says that it failed."""

from typing import Literal, NamedTuple, TypeAlias

from collector.errors import ConstatError

Verdict: TypeAlias = Literal["ok", "FAILED", "not shown"]

SHOWN_MAX = 300
"""So many characters of what was expected, or came, are told: the rest is in the files."""


class Step(NamedTuple):
    """What one step came to."""

    number: int
    name: str
    verdict: Verdict
    found: str
    """What was checked and found; where it failed: file, line or field, what was expected and what came."""


class Wrong(ConstatError):  # noqa: N818
    """A check that failed."""

    def __init__(self, where: str, expected: object, got: object) -> None:
        super().__init__(f"{where}: expected {_short(expected)}, got {_short(got)}")


class NotShown(ConstatError):  # noqa: N818
    """What cannot be told from a bundle, and why."""


def must(holds: object, where: str, expected: object, got: object) -> None:
    """Wrong unless `holds`; never an `assert`, which Python can be told to leave out."""
    if not holds:
        raise Wrong(where, expected, got)


def _short(value: object) -> str:
    text = str(value) if isinstance(value, str | Exception) else repr(value)
    shown = "".join(character if character.isprintable() else "?" for character in text[:SHOWN_MAX])
    return f"{shown}…" if len(text) > SHOWN_MAX else shown
