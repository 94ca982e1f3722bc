"""Down to the journal: what lines around some instants tell of outages, silences, declarations and clocks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from collector.core.account import Account
from collector.core.attainment import Attainment
from collector.core.outage import Outage
from collector.core.record import Clock, Declaration
from collector.core.sight import Testimony
from collector.core.timeline import Duration, Instant, Span, Spans, spans
from collector.journal import passage
from collector.journal.layout import OriginDir
from collector.journal.passage import Cited
from exporters.documents import blindness, proof, witness
from exporters.documents.matching import Collected
from exporters.documents.witness import Witness

Told = tuple[str, Declaration]
"""A declaration, and the origin it stands in."""


def heard(
    account: Account,
    outages: Iterable[Outage],
    testimonies: Sequence[Testimony],
    places: Iterable[OriginDir],
    *,
    keep: bool = False,
    log: Sequence[Collected] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> list[Witness]:
    """Who saw some outages, and what the provider's `log` says of their samples, all of which `keep` keeps.

    `progress` hears how many lines were read.
    """
    found = witness.witnesses(account, outages, testimonies, keep=keep, logged=bool(log))
    of = witness.wanted(found)
    for place in places:
        lines = passage.passage(place, of.get(place.name, ()))
        witness.hear(found, place.name, _counted(lines, progress))
    for one in found:
        one.match(log)
    return found


def _counted(lines: Iterable[Cited], progress: Callable[[int], None]) -> Iterable[Cited]:
    for line in lines:
        progress(1)
        yield line


def silences(
    attainments: Iterable[Attainment], account: Account, places: Iterable[OriginDir]
) -> list[blindness.Silence]:
    """Why nobody could look in the longest stretches in which a service was UNKNOWN."""
    found = blindness.silences(attainments, account)
    for place in places:
        lines = passage.passage(place, blindness.around(found, place.name))
        blindness.hear(found, place.name, (cited.line for cited in lines))
    return found


def declared(testimonies: Iterable[Testimony]) -> list[Told]:
    """Every declaration that was heard."""
    return [(told.origin, one) for told in testimonies for one in told.harvest.declarations]


def cited(declarations: Sequence[Told], places: Iterable[OriginDir]) -> dict[str, str]:
    """Where the line of each declaration is, by its id."""
    found = {}
    for place in places:
        lines = {d.seq: d for origin, d in declarations if origin == place.name}
        for one in passage.passage(place, spans((d.at, d.at + 1) for d in lines.values())):
            if isinstance(one.line, Declaration) and one.line.seq in lines:
                found[one.line.id] = proof.line_of(one, place.name)
    return found


# ------------------------------------------------------------------------------------------------ the clocks


@dataclass(kw_only=True)
class Clocked:
    """What `clock` lines tell of one origin's wall clock in some stretches of time (T4)."""

    origin: str
    vantage: str
    around: Spans
    lines: int = 0
    sources: list[str] = field(default_factory=list)
    worst: Duration | None = None
    """The largest bound on its error that any of them states."""
    unbounded: int = 0
    """So many state none."""
    steps: list[tuple[Instant, Duration]] = field(default_factory=list)

    def hear(self, line: Clock) -> None:
        """The next `clock` line."""
        self.lines += 1
        if line.source not in self.sources:
            self.sources.append(line.source)
        if line.error is None:
            self.unbounded += 1
        else:
            self.worst = max(self.worst or 0, line.error)
        if line.step:
            self.steps.append((line.at, line.step))


def clocks(
    around: Mapping[str, Iterable[Span]], testimonies: Iterable[Testimony], places: Iterable[OriginDir]
) -> list[Clocked]:
    """How far each origin's clock could be trusted in the stretches that are asked for."""
    vantages = {told.origin: told.vantage for told in testimonies}
    found = []
    for place in places:
        wanted = spans(around.get(place.name, ()))
        if place.name not in vantages or not wanted:
            continue
        one = Clocked(origin=place.name, vantage=vantages[place.name], around=wanted)
        for told in passage.passage(place, wanted):
            if isinstance(told.line, Clock) and any(s.start <= told.line.at < s.end for s in wanted):
                one.hear(told.line)
        found.append(one)
    return found
