"""Why nobody could look: what the journal says of a service's probes while it was UNKNOWN."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from collector.core.account import Account
from collector.core.attainment import Attainment
from collector.core.record import Gap, Line, Sample
from collector.core.timeline import MINUTE, Duration, Span, Spans, difference, duration, spans, union, within
from exporters.documents.words import SHOWN

AFTER: Duration = MINUTE
"""A gap is written once it is over, at most so much later."""

USUAL = 3
"""So many reasons are named for a vantage point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A stretch in which a service was UNKNOWN, and what its probes' lines say of it."""

    service: str
    span: Span
    vantages: Mapping[tuple[str, str], str]
    """(origin, probe) → vantage point, of all that looked at it then."""
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(vantage point, what) → how many lines say so."""

    def hear(self, origin: str, line: Line) -> None:
        """The next line of an origin."""
        if isinstance(line, Sample) and line.sent < self.span.end and self.span.start < line.done:
            reason = f" ({line.reason})" if line.reason else ""
            self._count(origin, line.probe, f"{line.outcome}{reason}")
        elif isinstance(line, Gap) and line.from_ < self.span.end and self.span.start < line.to:
            for name in {probe for of, probe in self.vantages if of == origin}:
                if name in line.probes or "*" in line.probes:
                    self._count(origin, name, f"not asked ({line.reason})")

    def _count(self, origin: str, probe: str, what: str) -> None:
        vantage = self.vantages.get((origin, probe))
        if vantage is not None:
            self.counts[vantage, what] += 1

    def told(self) -> str:
        """Which lines there are, vantage point by vantage point."""
        vantages = sorted({*self.vantages.values()})
        return "; ".join(f"{vantage}: {self._of(vantage)}" for vantage in vantages) or "nobody was to look"

    def _of(self, vantage: str) -> str:
        found = Counter({what: number for (of, what), number in self.counts.items() if of == vantage})
        usual = [f"{number} {what}" for what, number in found.most_common(USUAL)]
        return ", ".join(usual) + (" and more" if len(found) > USUAL else "") or "no line"


def unknown(one: Attainment, account: Account) -> Spans:
    """When a service was UNKNOWN in a window, of the time that has passed: nobody can look ahead."""
    start, end = one.window.span
    return difference(spans([(start, min(end, account.as_of))]), _known(one, account))


def to_come(one: Attainment, account: Account) -> Duration:
    """How much of a window's unknown time had not passed yet when the account was drawn."""
    start, end = one.window.span
    ahead = spans([(max(start, account.as_of), end)])
    # What has left the period is no part of what it has left to come.
    return duration(difference(ahead, union(_known(one, account), *(line.spans for line in one.excluded))))


def _known(one: Attainment, account: Account) -> Spans:
    states = account.states[one.service]
    return union(states.up, states.down, states.edge)


def longest(one: Attainment, account: Account) -> Spans:
    """Some of those stretches, in order of time: the longest."""
    return tuple(sorted(sorted(unknown(one, account), key=lambda span: -span.length)[:SHOWN]))


def silences(attainments: Iterable[Attainment], account: Account) -> list[Silence]:
    """What is to be explained of attainments, each stretch once."""
    wanted = dict.fromkeys((one.service, span) for one in attainments for span in longest(one, account))
    return [
        Silence(service=service, span=span, vantages=_vantages(account, service, span))
        for service, span in wanted
    ]


def _vantages(account: Account, service: str, span: Span) -> Mapping[tuple[str, str], str]:
    during = [watch for held, watch in account.watched[service] if within((held,), span)]
    return {(w.origin, w.probe): w.vantage for watch in during for w in watch.probes}


def around(found: Sequence[Silence], origin: str) -> Spans:
    """The time of which an origin's lines are needed."""
    return spans(
        (one.span.start, one.span.end + AFTER) for one in found if any(of == origin for of, _ in one.vantages)
    )


def hear(found: Sequence[Silence], origin: str, lines: Iterable[Line]) -> None:
    """Tell the lines of an origin, which come in order."""
    for line in lines:
        for one in found:
            one.hear(origin, line)
