"""A scenario → the journal lines that its observers would have written, and the questions about them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from collector import contracts
from collector.core.contract import Contract
from collector.core.record import DEDUCTION_KINDS, Declaration, Service
from collector.core.timeline import SECOND, Instant, Span
from tests.scenario.told import Asked, AskedProbe, Told, typed
from tests.scenario.words import SEES, Saying, ScenarioError, Times, amount, cents, months, sayings
from tests.strategies import SHIPPED, T0, Journal, probe

CONTRACTS = (SHIPPED.parent, Path(__file__).parents[1] / "contracts")
"""Where contracts of scenarios lie."""


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
    times: Times
    journals: tuple[Journal, ...]
    asked: tuple[tuple[Question, Asked], ...]


KEYS = frozenset(f.encode_name for f in msgspec.structs.fields(Declaration))
"""Of a declaration."""

Entry = tuple[Instant, int, Callable[[Journal, float], object]]
"""Story time, place in the text, and what to write then, given the clock's time in seconds after T0."""


class _Story:
    """Writes what one observer would have written down."""

    def __init__(self, scenario: Told, times: Times, said: Sequence[Saying], end: Instant) -> None:
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
        if observer == self._first:
            entries += [self._declaration(k, declared) for k, declared in enumerate(self._declared())]
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

    def _declared(self) -> Iterator[Mapping[str, Any]]:
        """What the scenario declares; tickets of failures; invoices; notices of reserved spans."""
        yield from self.told.declared
        failing = (one for one in self.said if one.what in ("down", "platform-throttled"))
        for k, one in enumerate(failing if self.told.ticketed else ()):
            at = dict.fromkeys(("opened", "complete", "at"), one.at)
            yield {"id": f"ticket-{k + 1}", "kind": "ticket", "number": f"T-{k + 1}", "severity": 1, **at}
        for text, due in self.told.invoices.items():
            if due == "none":
                raise ScenarioError('expected an amount like "1.00 EUR" on an invoice, got "none"')
            for month in months(text):
                invoice = {
                    "kind": "invoice",
                    "account": "a",
                    "month": month,
                    "amount_cents": int(cents(due) or 0),
                }
                yield {"id": f"invoice-{month}", **invoice}
        for k, text in enumerate(self.told.reserved):
            end = text.partition(" to ")[2]
            came = {"state": "delivered", "sent": end, "received": end, "at": end}
            named = [service.name for service in self.services]
            yield {"id": f"notice-{k + 1}", "kind": "notice", "services": named, "possible": [text], **came}

    def _declaration(self, k: int, given: Mapping[str, Any]) -> Entry:
        moments = {
            "sent",
            "received",
            "opened",
            "complete",
            "first_answer",
            "solved",
            "issued",
            "from",
            "to",
            "expires",
        }
        spans = {"spans", "waiting", "certain", "possible"}
        fields: dict[str, Any] = {"id": f"d{k + 1}", "by": "customer"}
        if given.get("kind") in DEDUCTION_KINDS:
            fields |= {"standing": "accepted", "scope": ["*"]}
        if given.get("kind") == "ticket":
            fields |= {"scope": ["*"]}
        for key, value in given.items():
            if key in moments:
                fields[key] = self._instant(value)
            elif key in spans:
                fields[key] = [list(self.times.span(text)) for text in value]
            elif key != "at":
                fields[key] = value
        strange = fields.keys() - KEYS
        if strange:
            raise ScenarioError(f"{self.told.name}: declared[{k}]: unknown key {', '.join(sorted(strange))}")
        begin = self.said[0].at if self.said else self.end
        at = self._instant(given["at"]) if "at" in given else begin

        def write(journal: Journal, _: float) -> None:
            seq = len(journal.lines)
            journal.lines.append(
                msgspec.convert({"seq": seq, "at": at, **fields, "t": "declaration"}, Declaration)
            )

        return at, 1 << 20, write

    def _instant(self, given: str | Instant) -> Instant:
        return self.times.instant(given) if isinstance(given, str) else given


def _services(told: Told, named: Mapping[str, Mapping[str, Any]]) -> list[Service]:
    usual = {"account": "a", "region": "r", "commitments": ["load-balancer.availability"]}
    return [typed({**usual, "name": name, **own}, Service, told.name) for name, own in named.items()]


@cache
def _loaded(file: Path) -> Contract:
    return contracts.load(file)[0]


def _contract(told: Told) -> Contract:
    file = next((one for folder in CONTRACTS if (one := folder / f"{told.contract}.toml").exists()), None)
    if file is None:
        raise ScenarioError(f'{told.name}: no contract is called "{told.contract}"')
    return _loaded(file)


def understood(told: Told) -> Scenario:
    """The journals and the questions of a scenario; ScenarioError for what cannot be understood."""
    contract = _contract(told)
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
    as_of_text = asked.as_of or told.as_of
    window_text = asked.window or told.window or ("trailing" if as_of_text else "")
    if not window_text:
        raise ScenarioError(f"{told.name}: expected a window, got none")
    window: Span | str = window_text
    if window_text not in ("trailing", "calendar", "worst"):
        window = times.span(window_text)
    if as_of_text:
        as_of = times.instant(as_of_text)
    elif isinstance(window, Span):
        as_of = max(window.end, said[-1].wall if said else window.end)
    else:
        raise ScenarioError(f'{told.name}: window "{window_text}" needs an as_of')
    return Question(window, as_of, {**told.readings, **asked.readings}, asked.service, asked.commitment)
