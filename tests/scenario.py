"""Reads the scenarios of tests/scenarios: a page of a dispute as data → journal lines, and what is expected.

The language is told on top of tests/scenarios/certain-and-possible.toml.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from collector import contracts
from collector.core.calendar import Calendar
from collector.core.contract import Contract
from collector.core.record import DEDUCTION_KINDS, Declaration, Outcome, Reason, Service
from collector.core.timeline import SECOND, Duration, Instant, Span, duration_of
from collector.tables import table
from tests.strategies import SHIPPED, T0, Journal, probe

FOLDER = Path(__file__).parent / "scenarios"


class ScenarioError(ValueError):
    """A scenario that says something nobody understands; names the scenario and the word."""


# ---------------------------------------------------------------------------------- what may be written


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question and its answer; what the question leaves out is the scenario's."""

    window: str = ""
    as_of: str = ""
    readings: dict[str, str] = {}
    service: str = ""
    commitment: str = ""
    # of the attainment
    agreed: str | None = None
    up: str | None = None
    down: str | None = None
    edge: str | None = None
    unknown: str | None = None
    deducted: dict[str, str] | None = None
    excluded: dict[str, str] | None = None
    net: str | None = None
    claimable: str | None = None
    best: str | None = None
    worst: str | None = None
    observed_best: str | None = None
    observed_worst: str | None = None
    claimable_best: str | None = None
    target: str | None = None
    finding: str | None = None
    claim_finding: str | None = None
    coverage: str | None = None
    flags: tuple[str, ...] | None = None
    # of the account
    certain: tuple[str, ...] | None = None
    possible: tuple[str, ...] | None = None
    outages: int | None = None
    blips: int | None = None
    incidents: int | None = None
    standing: dict[str, str] | None = None
    latency: dict[str, int] | None = None
    tickets: dict[str, dict[str, Any]] | None = None
    warnings: tuple[str, ...] | None = None
    refused: str | None = None


QUESTION = ("window", "as_of", "readings", "service", "commitment")
ANSWERS = tuple(f.name for f in msgspec.structs.fields(Asked) if f.name not in QUESTION)


class AskedProbe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A probe, where the usual one will not do."""

    service: str = ""
    observer: str = "observer"
    every: str = "30s"
    burst: str = ""
    control: bool = False


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scenario as it stands in its file."""

    name: str
    because: str = ""
    contract: str = SHIPPED.stem
    date: str = "2026-09-21"
    zone: str = "UTC"
    services: dict[str, dict[str, Any]] = {}
    probes: dict[str, AskedProbe] = {}
    plans: dict[str, dict[str, dict[str, Any]]] = {}
    declared: tuple[dict[str, Any], ...] = ()
    timeline: str = ""
    window: str = ""
    as_of: str = ""
    readings: dict[str, str] = {}
    expected: tuple[Asked, ...]


@dataclass(frozen=True)
class Question:
    """What is asked of the account, with every default filled in."""

    window: Span | str
    as_of: Instant
    readings: Mapping[str, str]
    service: str
    commitment: str


@dataclass(frozen=True)
class Scenario:
    """A scenario that is understood."""

    told: Told
    contract: Contract
    times: "Times"
    journals: tuple[Journal, ...]
    asked: tuple[tuple[Question, Asked], ...]


def files() -> list[Path]:
    """Every file of scenarios."""
    return sorted(FOLDER.glob("*.toml"))


def read(text: str, place: str) -> list[Told]:
    """The scenarios of one file; ScenarioError names every word that is not known."""
    raw = tomllib.loads(text)
    strange = sorted(raw.keys() - {"scenario"})
    if strange:
        raise ScenarioError(f"{place}: expected [[scenario]], got {', '.join(strange)}")
    found = []
    for one in raw.get("scenario", []):
        where = f"{place}: {one.get('name', 'a scenario without a name')}"
        told = _typed({**one, "expected": _several(one.get("expected", []))}, Told, where)
        if not told.expected:
            raise ScenarioError(f"{where}: expected at least one expectation, got none")
        for k, asked in enumerate(told.expected):
            if all(getattr(asked, answer) is None for answer in ANSWERS):
                raise ScenarioError(f"{where}: expected[{k}]: asks and expects nothing")
        found.append(told)
    return found


def _several(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _typed(value: Any, model: type[Any], where: str) -> Any:
    problems: list[str] = []
    found = table(value, model, "", problems)
    if problems:
        raise ScenarioError(f"{where}: {'; '.join(problems)}")
    return found


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


# -------------------------------------------------------------------------------------- from words to lines

Entry = tuple[Instant, int, Callable[[Journal, float], object]]
"""Story time, place in the text, and what to write then, given the clock's time in seconds after T0."""


class _Story:
    """Writes what one observer would have written down."""

    def __init__(self, scenario: "Told", times: Times, said: Sequence[Saying], end: Instant) -> None:
        self.told, self.times, self.said, self.end = scenario, times, said, end
        self.probes = scenario.probes or {"p": AskedProbe()}
        if any(one.subject == "controls" for one in said) and "controls" not in self.probes:
            self.probes = {**self.probes, "controls": AskedProbe(control=True)}
        self.services = _services(scenario, scenario.services or {"s": {}})

    def journal(self, observer: str) -> Journal:
        """The journal of one observer, which is its own vantage point."""
        entries: list[Entry] = []
        begin = self.said[0].at if self.said else self.end
        for k, one in enumerate(self.said):
            entries += self._entry(k, one, observer)
        for name, asked in self.probes.items():
            if asked.observer == observer:
                entries += self._samples(name, asked)
        entries.append((begin, -2, lambda j, at: self._started(j, at, {})))
        entries += [
            self._declaration(k, d) for k, d in enumerate(self.told.declared) if observer == self._first
        ]
        return self._written(observer, sorted(entries, key=lambda entry: entry[:2]))

    @property
    def observers(self) -> list[str]:
        return list(dict.fromkeys(one.observer for one in self.probes.values()))

    @property
    def _first(self) -> str:
        return self.observers[0]

    def _written(self, observer: str, entries: Sequence[Entry]) -> Journal:
        journal = Journal(observer, observer)
        steps = [(s.at, amount(s.rest)) for s in self.said if (s.subject, s.what) == ("clock", "step")]
        for at, _, write in entries:
            wall = at + sum(by for since, by in steps if since <= at)
            write(journal, (wall - T0) / SECOND)
        lost = [Span(s.at, s.at + s.options["for"]) for s in self.said if s.what == "lost"]
        journal.lines = [
            line for line in journal.lines if not any(span.start <= line.at < span.end for span in lost)
        ]
        return journal

    def _started(self, journal: Journal, at: float, plan: Mapping[str, Any]) -> None:
        journal.start(at).clock(at)
        self._plan(journal, at, plan)

    def _plan(self, journal: Journal, at: float, changed: Mapping[str, Any]) -> None:
        services = _services(self.told, {**(self.told.services or {"s": {}}), **changed})
        here = [
            probe(
                name,
                "" if asked.control else asked.service or self.services[0].name,
                every=amount(asked.every) / SECOND,
                burst=amount(asked.burst or asked.every) / SECOND,
                role="control" if asked.control else "",
            )
            for name, asked in self.probes.items()
            if asked.observer == journal.origin
        ]
        journal.plan(services, here, at)

    def _entry(self, k: int, one: Saying, observer: str) -> Iterator[Entry]:
        if one.subject in self.observers and one.subject != observer and one.what in ("off", "on", "dies"):
            return
        match one.what:
            case "off":
                yield one.at, k, Journal.stop
            case "on":
                yield one.at, -1, lambda j, at: self._started(j, at, {})
            case "step":
                yield one.at, -1, lambda j, at: j.clock(at, step=amount(one.rest) / SECOND)
            case "untrusted":
                yield one.at, k, lambda j, at: j.clock(at, synced=0, error=None)
            case "trusted":
                yield one.at, k, Journal.clock
            case "gap":
                yield one.at, k, lambda j, at: j.gap(at, *([one.subject] if one.subject else []))
            case changes if one.subject == "plan":
                if changes not in self.told.plans:
                    raise ScenarioError(f'no plan is called "{changes}"')
                yield one.at, -1, lambda j, at: self._plan(j, at, self.told.plans[changes])
            case _:
                pass

    def _on(self, observer: str) -> list[Span]:
        """When the observer is at work."""
        found: list[Span] = []
        since: Instant | None = self.said[0].at if self.said else None
        for one in self.said:
            if one.what in ("off", "dies") and one.subject in ("observer", observer) and since is not None:
                found.append(Span(since, one.at))
                since = None
            elif one.what == "on" and one.subject in ("observer", observer):
                since = one.at
        return found + ([Span(since, self.end + 1)] if since is not None else [])

    def _samples(self, name: str, asked: AskedProbe) -> Iterator[Entry]:
        on = self._on(asked.observer)
        mine = [
            (k, one)
            for k, one in enumerate(self.said)
            if one.what in (*SEES, "silent", "gap")
            and one.subject in ((name,) if asked.control else (name, ""))
        ]
        for (k, one), following in zip(mine, [*(o.at for _, o in mine[1:]), self.end + 1], strict=True):
            if one.what not in SEES:
                continue
            every = one.options.get("every")
            length = one.options.get("for")
            until = following if length is None else min(following, one.at + length)
            last = one.at + 1 if every is None else until
            for at in range(one.at, last, every or 1):
                if any(span.start <= at < span.end for span in on):
                    yield at, k, self._sample(name, one)

    def _sample(self, name: str, one: Saying) -> Callable[[Journal, float], object]:
        outcome, reason = SEES[one.what]
        taking = one.options.get("taking", 0) / SECOND
        value, error = one.options.get("value"), one.options.get("error", 0)
        return lambda j, at: j.sample(at, outcome, name, took=taking, reason=reason, value=value, error=error)

    # ------------------------------------------------------------------------------------ what was declared

    def _declaration(self, k: int, given: Mapping[str, Any]) -> Entry:
        moments = {"sent", "received", "opened", "complete", "first_answer", "solved", "issued", "from", "to"}
        spans = {"spans", "waiting", "certain", "possible"}
        fields: dict[str, Any] = {"id": f"d{k + 1}", "by": "customer"}
        if given.get("kind") in DEDUCTION_KINDS:
            fields |= {"standing": "accepted", "scope": ["*"]}
        if given.get("kind") == "ticket":
            fields |= {"scope": ["*"]}
        for key, value in given.items():
            if key in moments:
                fields[key] = self.times.instant(value)
            elif key in spans:
                fields[key] = [list(self.times.span(text)) for text in value]
            elif key != "at":
                fields[key] = value
        known = {f.encode_name for f in msgspec.structs.fields(Declaration)}
        strange = fields.keys() - known
        if strange:
            raise ScenarioError(f"{self.told.name}: declared[{k}]: unknown key {', '.join(sorted(strange))}")
        begin = self.said[0].at if self.said else self.end
        at = self.times.instant(given["at"]) if "at" in given else begin

        def write(journal: Journal, _: float) -> None:
            seq = len(journal.lines)
            journal.lines.append(
                msgspec.convert({"seq": seq, "at": at, **fields, "t": "declaration"}, Declaration)
            )

        return at, 1 << 20, write


def _services(told: Told, named: Mapping[str, Mapping[str, Any]]) -> list[Service]:
    usual = {"account": "a", "region": "r", "commitments": ["load-balancer.availability"]}
    return [_typed({**usual, "name": name, **own}, Service, told.name) for name, own in named.items()]


def understood(told: Told) -> Scenario:
    """The journals and the questions of a scenario; ScenarioError for what cannot be understood."""
    contract = contracts.load(SHIPPED.with_name(f"{told.contract}.toml"))[0]
    calendar = contracts.calendar(contract)
    times = Times(told.date, None if told.zone == "UTC" else calendar)
    observers = ["observer", *(one.observer for one in told.probes.values())]
    said = sayings(told.timeline, times, ["controls", *(told.probes or "p")], observers)
    asked = tuple((_question(told, one, times, said), one) for one in told.expected)
    end = max(
        [question.as_of for question, _ in asked]
        + [question.window.end for question, _ in asked if isinstance(question.window, Span)]
    )
    end -= sum(amount(one.rest) for one in said if (one.subject, one.what) == ("clock", "step"))
    story = _Story(told, times, said, end)
    return Scenario(told, contract, times, tuple(story.journal(o) for o in story.observers), asked)


def _question(told: Told, asked: Asked, times: Times, said: Sequence[Saying]) -> Question:
    window_text = asked.window or told.window
    if not window_text:
        raise ScenarioError(f"{told.name}: expected a window, got none")
    window: Span | str = window_text
    if window_text not in ("trailing", "calendar"):
        window = times.span(window_text)
    as_of_text = asked.as_of or told.as_of
    if as_of_text:
        as_of = times.instant(as_of_text)
    elif isinstance(window, Span):
        as_of = max(window.end, said[-1].wall if said else window.end)
    else:
        raise ScenarioError(f'{told.name}: window "{window_text}" needs an as_of')
    return Question(window, as_of, {**told.readings, **asked.readings}, asked.service, asked.commitment)
