"""How a scenario writes times, durations, money and what was seen when."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from collector.core.calendar import Calendar
from collector.core.record import Outcome, Reason
from collector.core.timeline import SECOND, Duration, Instant, Span, duration_of


class ScenarioError(ValueError):
    """A scenario that says something nobody understands; names the scenario and the word."""


# ---------------------------------------------------------------------------------- times and durations


def amount(text: str) -> Duration:
    """The µs that "1h 30m", "90s" or "-90s" is."""
    parts = re.findall(r"[0-9.]+ ?[a-z]+", text)
    if not parts or re.sub(r"[0-9.]+ ?[a-z]+|\s", "", text).strip("+-"):
        raise ScenarioError(f'expected a duration like "1h 30m", got "{text}"')
    total = sum(_amount(part) for part in parts)
    return -total if text.startswith("-") else total


def _amount(part: str) -> Duration:
    number, unit = part.rstrip("abcdefghijklmnopqrstuvwxyz"), part.lstrip("0123456789. ")
    try:
        return duration_of(number.strip() + {"m": "min"}.get(unit, unit))
    except ValueError as error:
        raise ScenarioError(f'expected a duration like "1h 30m", got "{part}"') from error


@dataclass(frozen=True)
class Times:
    """How a scenario writes times: of a day in UTC, or in the contract's zone."""

    day: str
    calendar: Calendar | None

    def instant(self, text: str) -> Instant:
        """The instant that "10:00", "10:00:30.5" or "2026-09-21 10:00:00" is."""
        match = re.fullmatch(
            r"(?:(\d{4}-\d\d-\d\d)[ T])?(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?", text.strip()
        )
        if match is None:
            raise ScenarioError(f'expected a time like "10:00:30", got "{text}"')
        day, hours, minutes, seconds, part = match.groups()
        clock = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds or 0)) * SECOND
        clock += int((part or "0").ljust(6, "0"))
        midnight = date.fromisoformat(day or self.day)
        if self.calendar is not None:
            return self.calendar.instant_of(midnight, clock)
        return (midnight - date(1970, 1, 1)).days * 86_400 * SECOND + clock

    def span(self, text: str) -> Span:
        """The span that "10:00 to 11:00" is."""
        start, word, end = text.partition(" to ")
        if not word:
            raise ScenarioError(f'expected a span like "10:00 to 11:00", got "{text}"')
        return Span(self.instant(start), self.instant(end))


# ---------------------------------------------------------------------------------- the timeline

SEES: Mapping[str, tuple[Outcome, Reason]] = {
    "up": (Outcome.OK, Reason.NONE),
    "down": (Outcome.FAILED, Reason.TIMEOUT),
    "blind": (Outcome.BLIND, Reason.ROUTE),
    "throttled": (Outcome.THROTTLED, Reason.RATE_ACCOUNT),
    "platform-throttled": (Outcome.THROTTLED, Reason.RATE_PLATFORM),
    "no-backend": (Outcome.BLIND, Reason.BACKEND),
    "no-capacity": (Outcome.BLIND, Reason.CAPACITY),
}
OPTIONS = ("every", "for", "taking", "value", "error")
PROBE_SAYS = (*SEES, "silent", "gap")
OBSERVER_SAYS = ("off", "dies", "on")
SAYS: Mapping[str, Sequence[str]] = {
    "clock": ("step", "untrusted", "trusted"),
    "journal": ("lost",),
    "plan": (),
}
"""What may be said of these; of all others, what a probe or an observer may do. A plan is called by name."""
TIME = re.compile(r"^((?:\d{4}-\d\d-\d\d )?\d\d:\d\d\S*)\s+(.+)$")


@dataclass(frozen=True)
class Saying:
    """One line of the timeline; `at` is in story time, which no clock step disturbs."""

    at: Instant
    wall: Instant
    subject: str
    what: str
    rest: str
    options: Mapping[str, Duration] = field(default_factory=dict)


def sayings(text: str, times: Times, subjects: Sequence[str], observers: Sequence[str]) -> list[Saying]:
    """The lines of a timeline, which must go forward in time but for where the clock is set."""
    says = {**SAYS, **dict.fromkeys(subjects, PROBE_SAYS), **dict.fromkeys(observers, OBSERVER_SAYS)}
    found: list[Saying] = []
    stepped = 0
    for line in filter(None, (one.partition("#")[0].strip() for one in text.splitlines())):
        match = TIME.match(line)
        if match is None:
            raise ScenarioError(f'expected a line that begins with a time, got "{line}"')
        wall, words = times.instant(match[1]), match[2].split()
        subject = words.pop(0) if words[0] in says else ""
        saying = _saying(
            Saying(wall - stepped, wall, subject, "", ""), words, line, says.get(subject, PROBE_SAYS)
        )
        if found and saying.at < found[-1].at:
            raise ScenarioError(f'"{line}" is earlier than the line before it')
        found.append(saying)
        if (subject, saying.what) == ("clock", "step"):
            stepped += amount(saying.rest)
    return found


def _saying(begun: Saying, words: list[str], line: str, known: Sequence[str]) -> Saying:
    what, rest = (words or [""])[0], words[1:]
    if begun.subject != "plan" and what not in known:
        raise ScenarioError(f'"{line}": expected one of {", ".join(known)}, got "{what}"')
    if what == "step":
        return replace(begun, what=what, rest=" ".join(rest))
    options: dict[str, Duration] = {}
    key = ""
    for word in rest:
        if word in OPTIONS:
            key = word
            options[key] = 0
        elif key:
            options[key] += amount(word)
        else:
            raise ScenarioError(f'"{line}": expected one of {", ".join(OPTIONS)}, got "{word}"')
    if what == "lost" and "for" not in options:
        raise ScenarioError(f'"{line}": expected "for" and how long')
    return replace(begun, what=what, options=options)
