"""Pages of text for people: headings, facts and columns of amounts that fit a width, styled where one may."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Literal, NamedTuple, TypeAlias

from collector.core.timeline import Duration
from exporters.documents import show

Style: TypeAlias = Literal["", "title", "heading", "good", "bad", "unsure", "quiet"]

WIDEST = 110
"""Longer lines are hard to follow with the eye, however wide a screen is."""
NARROWEST = 60
LABEL = 14
"""Columns of a fact's label."""
INDENT = 3


class Line(NamedTuple):
    """A line of a page; what it is, for who can show it in colour."""

    text: str
    style: Style = ""


class Row(NamedTuple):
    """A line of a sum: a sign before it, what it is, how much, and what is to be said below it."""

    sign: str
    label: str
    amount: Duration
    notes: Sequence[str] = ()


RULE = Row("-", "", 0)
"""A line above a total."""


@dataclass
class Page:
    """Lines, each of which fits `width` unless one word of it does not."""

    width: int
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.width = min(max(self.width, NARROWEST), WIDEST)

    def text(self) -> str:
        """All of it, plain."""
        return "\n".join(line.text for line in self.lines) + "\n"

    def gap(self) -> None:
        """An empty line, but never two."""
        if self.lines and self.lines[-1].text:
            self.lines.append(Line(""))

    def title(self, text: str, word: str = "", style: Style = "title") -> None:
        """What follows is about `text`; `word`, at the right, is what it comes to."""
        self.gap()
        room = self.width - len(word)
        head = f"{text:<{room}}{word}" if len(text) < room else f"{text}  {word}"
        self.lines += (
            Line("=" * self.width, "quiet"),
            Line(head.rstrip(), style),
            Line("=" * self.width, "quiet"),
        )

    def heading(self, text: str) -> None:
        self.gap()
        self.lines.append(Line(text, "heading"))

    def say(self, text: str, indent: int = INDENT, style: Style = "", hang: int = 0) -> None:
        """A sentence, folded; `hang` further columns from its second line on."""
        margin = " " * indent
        self._fold(text, margin, margin + " " * hang, style)

    def fact(self, label: str, text: str, style: Style = "", indent: int = INDENT) -> None:
        """A label and what stands beside it, folded under itself."""
        margin = " " * indent
        self._fold(text, f"{margin}{label:<{LABEL}} ", margin + " " * (LABEL + 1), style)

    def _fold(self, text: str, first: str, then: str, style: Style) -> None:
        for line in wrap(
            text,
            self.width,
            initial_indent=first,
            subsequent_indent=then,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [first.rstrip()]:
            self.lines.append(Line(line.replace(show.SPACE, " "), style))

    def sums(self, rows: Iterable[Row]) -> None:
        """Amounts under each other, as a clock would show them and in µs, to be added up with a pencil."""
        rows = list(rows)
        clocks = [show.clocked(row.amount) for row in rows]
        counts = [show.grouped(row.amount) + " µs" for row in rows]
        one, two = max(map(len, clocks), default=0), max(map(len, counts), default=0)
        room = self.width - INDENT - 3 - one - two - 4
        for row, clock, count in zip(rows, clocks, counts, strict=True):
            if row is RULE:
                self.lines.append(Line(" " * (self.width - one - two - 2) + "-" * (one + two + 2), "quiet"))
                continue
            *above, label = wrap(row.label, room, break_on_hyphens=False) or [""]
            margin = " " * (INDENT + 3)
            signed = f"{' ' * INDENT}{row.sign:<3}"
            for text in above:
                self.lines.append(Line(signed + text))
                signed = margin
            amounts = f"{clock:>{one}}  {count:>{two}}".replace(show.SPACE, " ")
            self.lines.append(Line(f"{signed}{label:<{room}}  {amounts}".rstrip()))
            for note in row.notes:
                self.say(note, INDENT + 5, "quiet", hang=2)
