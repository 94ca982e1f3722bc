"""What a page is made of, as plain data: the template sets it, and takes no text for markup."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

from collector.core.timeline import Duration
from exporters.documents import show
from exporters.documents.report.voice import Voice

Block: TypeAlias = dict[str, Any]
Style: TypeAlias = Literal["", "lead", "quiet", "good", "bad", "unsure"]


NARROW, BROKEN = 40, 16
"""A word in a table that has more characters than the one may be broken after each time the other."""


def heading(text: str, level: int = 1) -> Block:
    return {"b": "heading", "t": text, "level": level}


def say(text: str, style: Style = "") -> Block:
    return {"b": "say", "t": text, "style": style}


def points(items: Iterable[str]) -> Block:
    return {"b": "points", "items": list(items)}


def code(commands: Iterable[str]) -> Block:
    return {"b": "code", "lines": list(commands)}


def facts(rows: Iterable[tuple[str, str]]) -> Block:
    """Labels and what stands beside them."""
    return {"b": "facts", "rows": [list(row) for row in rows]}


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    widths: Sequence[int],
    *,
    right: Sequence[int] = (),
    mono: Sequence[int] = (),
) -> Block:
    """`widths` are relative, 0 is as wide as what is in it; `right` and `mono` are numbers of columns."""
    return {
        "b": "table",
        "head": list(head),
        "rows": [[narrow(cell) for cell in row] for row in rows],
        "widths": list(widths),
        "right": list(right),
        "mono": list(mono),
    }


def narrow(text: str) -> str:
    """A text whose long words may be broken: a column is no wider than an id of a request."""
    return " ".join(
        "\u200b".join(word[k : k + BROKEN] for k in range(0, len(word), BROKEN))
        if len(word) > NARROW
        else word
        for word in text.split(" ")
    )


def answer(rows: Iterable[tuple[str, str, Style]]) -> Block:
    """The table of the first page."""
    return {"b": "answer", "rows": [list(row) for row in rows]}


def kept(blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks that stay on one page, where they fit on one."""
    *before, last = blocks
    for block in before:
        yield block | {"next": True}
    yield last


class Sum:
    """Amounts under each other, to be added up with a pencil: as a clock shows them, and in µs."""

    def __init__(self, voice: Voice) -> None:
        self._voice, self._rows = voice, list[dict[str, Any]]()

    def row(self, sign: str, label: str, amount: Duration, notes: Iterable[str] = ()) -> None:
        """A line of it."""
        amounts = [self._voice.clocked(amount), f"{show.grouped(amount)}{show.SPACE}µs"]
        self._rows.append({"sign": sign, "label": label, "amounts": amounts, "notes": list(notes)})

    def total(self, label: str, amount: Duration) -> None:
        """A line below a rule."""
        self.row("=", label, amount)
        self._rows[-1]["rule"] = True

    def block(self) -> Block:
        return {"b": "sums", "rows": self._rows, "amounts": 2}


class Bill:
    """Amounts of money under each other."""

    def __init__(self) -> None:
        self._rows = list[dict[str, Any]]()

    def row(self, sign: str, label: str, amount: str, notes: Iterable[str] = ()) -> None:
        """A line of it."""
        self._rows.append({"sign": sign, "label": label, "amounts": [amount], "notes": list(notes)})

    def total(self, label: str, amount: str) -> None:
        """A line below a rule."""
        self.row("=", label, amount)
        self._rows[-1]["rule"] = True

    def block(self) -> Block:
        return {"b": "sums", "rows": self._rows, "amounts": 1}
