"""States of a service → its outages and blips (rule V3).

Theory. UP is the only news that ends anything; UNKNOWN is no news, and a run goes on through it. So each UP
begins the run that comes after it, and what is DOWN or EDGE belongs to the run of the last UP before it.
"""

from bisect import bisect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from collector.core.timeline import Instant, Span, Spans, union
from collector.core.verdict import States


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A maximal run of one service without UP; a blip when nothing in it is certain: shown, never counted."""

    id: str
    """The service and the first instant that may have been downtime: the same in every account."""
    service: str
    certain: Spans
    possible: Spans
    """All of the run but UNKNOWN."""
    open: bool
    """No UP has ended it yet."""

    @property
    def begins(self) -> Instant:
        return self.possible[0].start

    @property
    def ends(self) -> Instant:
        """The end of what may have been downtime, so far."""
        return self.possible[-1].end


@dataclass(frozen=True, slots=True)
class Runs:
    """What a service's states tell."""

    outages: tuple[Outage, ...]
    blips: tuple[Outage, ...]


def runs(service: str, states: States) -> Runs:
    """The outages and blips of a service, in order of time; one that no UP has ended yet is told as open."""
    ups = [up.start for up in states.up]
    certain = _by_run(states.down, ups)
    outages: list[Outage] = []
    blips: list[Outage] = []
    for run, possible in _by_run(union(states.down, states.edge), ups).items():
        one = Outage(
            id=f"{service}@{possible[0].start}",
            service=service,
            certain=tuple(certain.get(run, ())),
            possible=tuple(possible),
            open=run == len(ups),
        )
        (outages if one.certain else blips).append(one)
    return Runs(tuple(outages), tuple(blips))


def _by_run(parts: Spans, ups: Sequence[Instant]) -> Mapping[int, list[Span]]:
    """How many UPs were before → what there is of `parts`."""
    found: dict[int, list[Span]] = defaultdict(list)
    for span in parts:
        found[bisect(ups, span.start)].append(span)
    return found
