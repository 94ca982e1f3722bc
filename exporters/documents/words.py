"""How an account is put into words: instants, spans, durations and clauses, all in one way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction

from collector.core.account import Account, Settlement
from collector.core.attainment import Attainment, Figure, Finding
from collector.core.calendar import Calendar
from collector.core.contract import Contract
from collector.core.effect import Effect
from collector.core.record import Declaration, Probe, Service
from collector.core.timeline import Duration, Instant, Span, Spans, duration
from exporters.documents import show

SHOWN = 5
"""So many stretches of a kind are listed; the rest are counted."""

LENGTHS = frozenset({"rtt"})
"""Facts of a sample that are durations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What figures are told with."""

    account: Account
    settlement: Settlement
    """What the account comes to."""
    contract: Contract
    calendar: Calendar
    where: tzinfo
    """Where people's times are told."""
    declarations: Mapping[str, Declaration]
    claimed: bool = False
    """Whether what is told is the window of a claim, which counts less than the figure of a window."""
    cited: Mapping[str, str]
    """Declaration → where its line stands in the journal."""

    effects: Sequence[Effect]
    """What each reading is worth."""
    silences: Mapping[tuple[str, Span], str]
    """(service, stretch in which it was UNKNOWN) → which lines there are of it."""
    asked: Mapping[tuple[str, str], Probe]
    """(origin, probe) → what it asks."""

    def at(self, instant: Instant) -> str:
        return show.instant(instant, self.where)

    def span(self, span: Span) -> str:
        """From when to when, and how long; the day and the offset are told twice only where they differ."""
        (day, start), (same, end) = (self.at(edge).split(" ") for edge in span)
        clock, offset = end[: -len(_OFFSET)], end[-len(_OFFSET) :]
        later = clock if day == same and start.endswith(offset) else f"{same} {end}"
        return f"{day} {start} to {later}, {long(span.length)}"

    def between(self, spans: Spans) -> Iterator[str]:
        """Spans in words, the first ones, and how many more there are."""
        yield from map(self.span, spans[:SHOWN])
        if len(spans) > SHOWN:
            more = spans[SHOWN:]
            yield f"and {len(more)} more, {long(duration(more))} together"

    def judged(self, one: Attainment) -> tuple[Figure, Finding]:
        """What is held against the target: net downtime, or what a claim may count."""
        return (one.claimable, one.claim_finding) if self.claimed else (one.net, one.finding)

    def rules(self, service: str) -> Service:
        return self.account.watched[service][-1][1].rules


_OFFSET = "+00:00"


def times(said: Declaration) -> Mapping[str, Instant]:
    """What a declaration says of when, by the word for each."""
    told = {
        "sent": said.sent,
        "received": said.received,
        "opened": said.opened,
        "complete": said.complete,
        "from": said.from_,
        "to": said.to,
    }
    return {word: at for word, at in told.items() if at is not None}


def unbroken(text: str) -> str:
    """A text that no line ends in."""
    return text.replace(" ", show.SPACE)


def long(length: Duration) -> str:
    """A duration in a sentence."""
    return unbroken(show.duration(length))


def fact(value: int | str, name: str, length: Callable[[Duration], str] = long) -> str:
    """What an answer had in it; durations, which the journal has in µs, with their unit, as by `length`."""
    return length(value) if name in LENGTHS and isinstance(value, int) else str(value)


def clause(text: str) -> str:
    """A reference to the contract: "clause 11", but "SLA4" as it stands."""
    return f"clause {text}" if text[:1].isdigit() else text


def count(number: int, one: str, many: str) -> str:
    """A number of things."""
    return f"{number} {one if number == 1 else many}"


def fraction(ratio: Fraction) -> str:
    """A ratio, exact: "999/1 000"."""
    below = "" if ratio.denominator == 1 else f"/{show.grouped(ratio.denominator)}"
    return f"{show.grouped(ratio.numerator)}{below}"
