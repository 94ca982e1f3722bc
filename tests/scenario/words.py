"""How a scenario writes times, durations, money and what was seen when."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction

from collector.core.calendar import Calendar
from collector.core.contract import ratio
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


def fraction(text: str) -> Fraction:
    """The share that "99.8 %" or "2/3" is."""
    try:
        return Fraction(text) if "/" in text else ratio(text)
    except ValueError as error:
        raise ScenarioError(f'expected a share like "99.8 %" or "2/3", got "{text}"') from error


def cents(text: str) -> Fraction | None:
    """The cents that "3 390.00 EUR" or "2125/27 EUR" is, exactly; None for "none"."""
    if text == "none":
        return None
    match = re.fullmatch(r"([0-9 ]+(?:\.[0-9]{1,2}|/[0-9 ]+)?) EUR", text)
    if match is None:
        raise ScenarioError(f'expected an amount like "3 390.00 EUR", got "{text}"')
    return Fraction(match[1].replace(" ", "")) * 100


def months(text: str) -> list[str]:
    """The months that "2026-09" or "2025-08 to 2026-07" is."""
    first, _, last = text.partition(" to ")
    ends = [re.fullmatch(r"(\d{4})-(\d\d)", month) for month in (first, last or first)]
    if ends[0] is None or ends[1] is None:
        raise ScenarioError(f'expected months like "2025-08 to 2026-07", got "{text}"')
    low, high = (int(end[1]) * 12 + int(end[2]) - 1 for end in ends if end)
    return [f"{n // 12}-{n % 12 + 1:02}" for n in range(low, high + 1)]


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

    def until(self, text: str) -> Instant:
        """The end of the day "2026-09-21" in the contract's zone, or the instant that `instant` takes."""
        if self.calendar is None or not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return self.instant(text)
        return self.calendar.midnight(date.fromisoformat(text) + timedelta(1))

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
