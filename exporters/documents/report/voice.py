"""The two languages of a report: texts by key, and how numbers, instants and references are written."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Any, Literal, TypeAlias

from collector.core.contract import Contract, Due, Reading
from collector.core.record import Outcome, Reason
from collector.core.timeline import Duration, Instant, Span
from exporters.documents import show, uncounted, words
from exporters.documents.asking import NEEDS
from exporters.documents.finding import FLAGS

Language: TypeAlias = Literal["fr", "en"]

LANGUAGES: tuple[Language, ...] = ("fr", "en")

_TOGETHER: Mapping[str, Mapping[str, str]] = {"flag": FLAGS, "need": NEEDS, "uncounted": uncounted.SAYS}
"""English words that screens use too: they have one place."""


_WHY: Mapping[re.Pattern[str], str] = {
    re.compile(r"no notice is on record"): "why-no-notice",
    re.compile(
        r"announced on (?P<told>\S+) for (?P<starts>\S+); (?P<days>\d+) clear days needed it by (?P<by>\S+)"
    ): "why-late",
}
"""What the core says of announced maintenance that is refused (D2)."""


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_RULE = re.compile(r" \(([A-Z]\d+)\)$")


@cache
def texts(language: Language) -> Mapping[str, str]:
    """Key → text of one language; groups of the file are joined to its keys by a dot."""
    with resources.files(__package__).joinpath(f"{language}.toml").open("rb") as file:
        found = dict(_flat(tomllib.load(file), ""))
    if language == "en":
        found |= {f"{group}.{key}": text for group, of in _TOGETHER.items() for key, text in of.items()}
    return found


def _flat(table: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, str):
            yield f"{before}{key}", value
        else:
            yield from _flat(value, f"{before}{key}.")


@dataclass(frozen=True, slots=True)
class Voice:
    """One language, and the zone that people's times are told in."""

    language: Language
    where: tzinfo
    contract: Contract

    def __call__(self, key: str, **named: object) -> str:
        """The text of a key, with its places filled in."""
        return texts(self.language)[key].format(**named)

    def term(self, group: str, name: str) -> str:
        """The word for a member of a closed list; the name itself where the list has grown since."""
        return texts(self.language).get(f"{group}.{name}", name)

    def count(self, number: int, of: str) -> str:
        """A number of things."""
        # French has the singular for none too.
        one = number == 1 or (number == 0 and self.language == "fr")
        word = self.term("count", f"{of}-{'one' if one else 'many'}")
        return f"{show.grouped(number)}{show.SPACE}{word}"

    def _written(self, number: str) -> str:
        return number.replace(".", ",") if self.language == "fr" else number

    def join(self, parts: Iterable[str]) -> str:
        """Parts of a sentence that are sentences themselves."""
        return (f"{show.SPACE}; " if self.language == "fr" else "; ").join(parts)

    # ----------------------------------------------------------------------------------------------- times

    def at(self, instant: Instant) -> str:
        """An instant beside its label, exactly, with its offset: as on screens, in both languages."""
        return words.unbroken(show.instant(instant, self.where))

    def cell(self, instant: Instant) -> str:
        """An instant in a table: the day may stand above the time."""
        return show.instant(instant, self.where)

    def clock(self, instant: Instant) -> str:
        """The time of day alone."""
        return self._parts(instant)[1]

    def span(self, span: Span) -> str:
        """From when to when, exactly."""
        return self("span", start=self.at(span.start), end=self.at(span.end))

    def moment(self, instant: Instant) -> str:
        """An instant in a sentence, no less exact."""
        day, clock, offset = self._parts(instant)
        return self("moment", day=day, clock=clock, offset=offset)

    def when(self, span: Span) -> str:
        """From when to when in a sentence; the day and the offset are told twice only where they differ."""
        (day, start, offset), (last, end, then) = self._parts(span.start), self._parts(span.end)
        if (day, offset) == (last, then):
            return self("when-one-day", day=day, start=start, end=end, offset=offset)
        return self("when", start=self.moment(span.start), end=self.moment(span.end))

    def _parts(self, instant: Instant) -> tuple[str, str, str]:
        day, rest = show.instant(instant, self.where).split(" ")
        clock = rest[:-6].rstrip("0") if "." in rest else rest[:-6]
        return self.day(day), self._written(clock), f"UTC{rest[-6:]}"

    def until(self, instant: Instant) -> str:
        """A deadline in a sentence; where it falls on midnight, the day that it is the end of is told."""
        _, clock, offset = self._parts(instant)
        if clock == "00:00:00":
            return self("end-of-day", day=self._parts(instant - 1)[0], offset=offset)
        return self("until", at=self.moment(instant))

    def day(self, iso: str) -> str:
        """A civil date in a sentence: "2026-11-29" or whatever else stands in its place."""
        if not _DATE.fullmatch(iso):
            return iso
        year, month, number = iso.split("-")
        number = number.lstrip("0")
        if number == "1" and self.language == "fr":
            number = "1er"
        return words.unbroken(self("day", year=year, month=self.term("month", month), number=number))

    def long(self, length: Duration) -> str:
        """A duration, exactly."""
        told = show.duration(length)
        if self.language == "fr":
            told = told.replace(" d", " j")
        return words.unbroken(self._written(told))

    def clocked(self, length: Duration) -> str:
        """A duration to be added up, as a clock shows it."""
        told = show.clocked(length)
        if self.language == "fr":
            told = told.replace(f"{show.SPACE}d{show.SPACE}", f"{show.SPACE}j{show.SPACE}")
        return self._written(told)

    # --------------------------------------------------------------------------------------------- numbers

    def digits(self, ratio: Fraction) -> str:
        """A share of something, cut and never rounded (clause 24)."""
        return self._written(show.digits(ratio))

    def promise(self, ratio: Fraction) -> str:
        """A share that the contract names, with every digit that it names."""
        return self._written(show.promise(ratio))

    def bounds(self, worst: Fraction | None, best: Fraction | None) -> str:
        """From the worst to the best that a share may be."""
        if worst is None or best is None:
            return self("no-time")
        low, high = self.digits(worst), self.digits(best)
        return low if worst == best else self("between", low=low, high=high)

    def money(self, cents: Fraction) -> str:
        """An amount, rounded down to a whole cent."""
        told = show.money(cents, self.contract.currency)
        return self._written(told).replace("EUR", "€") if self.language == "fr" else told

    # ------------------------------------------------------------------------------------------ references

    def clause(self, text: str) -> str:
        """A reference to the contract."""
        if self.language == "en":
            return words.clause(text)
        told = text.replace("Annex ", "annexe ").replace("which refers to", "qui renvoie à")
        return f"article{show.SPACE}{told}" if told[:1].isdigit() else told

    def reading(self, reading: Reading, choice: str) -> str:
        """What a choice of a reading means."""
        english = reading.says_safe if choice == reading.safe else reading.says_arguable
        if self.language == "en":
            return english
        told = texts(self.language).get(f"says.{reading.id}.{choice}")
        return english if told is None else told.format(**self._terms())

    def _terms(self) -> Mapping[str, str]:
        """What readings speak of, as this contract has it; nothing of a grace or a term that it has not."""
        grace, due = self.contract.grace, self.contract.deadlines
        return {
            "grace": "" if grace is None else self.long(grace.amount),
            "joined": "" if grace is None else self.long(grace.joined_within),
            "reserve": "" if due.reservation is None else self._due(due.reservation),
            "claim": self._due(due.claim),
        }

    def _due(self, due: Due) -> str:
        return f"{due.within}{show.SPACE}{self.term('unit', due.unit)}"

    def why(self, text: str) -> str:
        """Why a deduction stands where it stands: the core's own words, or what was declared, as it was."""
        for pattern, key in _WHY.items():
            found = pattern.fullmatch(text)
            if found is not None:
                return self(key, **{name: self.day(told) for name, told in found.groupdict().items()})
        return text

    def flag(self, name: str) -> str:
        """What a flag of a figure means, in words; its name and rule stand in brackets after them."""
        told = self.term("flag", name)
        rule = _RULE.search(told)
        if rule is None:
            return self("flagged", told=told, names=name)
        return self("flagged", told=told[: rule.start()], names=f"{name}, {rule[1]}")

    def outcome(self, outcome: Outcome | str, reason: Reason | str) -> str:
        """What a sample came to."""
        told = self.term("outcome", str(outcome))
        return f"{told} ({self.term('reason', str(reason))})" if reason else told
