"""States of a service → its outages and blips: the state machine, one table (rule V3).

Theory. UP is the only news that ends anything; UNKNOWN is no news, so it is never fed to the machine and a
run goes on through it. What a run turns out to be depends on the worst it has held:

    phase     EDGE      DOWN      UP
    CLEAR     BLIP      OUTAGE    CLEAR
    BLIP      BLIP      OUTAGE    CLEAR, and a blip is told
    OUTAGE    OUTAGE    OUTAGE    CLEAR, and an outage is told

A run that no UP has ended yet is told too, as open.
"""

from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain, repeat

import msgspec

from collector.core.sight import State
from collector.core.timeline import Instant, Span, Spans, spans
from collector.core.verdict import States


class _Phase(Enum):
    CLEAR = auto()
    BLIP = auto()
    OUTAGE = auto()

    __hash__ = object.__hash__  # looked up for every stretch, and an Enum hashes in Python


_NEXT = {
    (_Phase.CLEAR, State.EDGE): _Phase.BLIP,
    (_Phase.CLEAR, State.DOWN): _Phase.OUTAGE,
    (_Phase.CLEAR, State.UP): _Phase.CLEAR,
    (_Phase.BLIP, State.EDGE): _Phase.BLIP,
    (_Phase.BLIP, State.DOWN): _Phase.OUTAGE,
    (_Phase.BLIP, State.UP): _Phase.CLEAR,
    (_Phase.OUTAGE, State.EDGE): _Phase.OUTAGE,
    (_Phase.OUTAGE, State.DOWN): _Phase.OUTAGE,
    (_Phase.OUTAGE, State.UP): _Phase.CLEAR,
}


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


_UP, _DOWN = State.UP, State.DOWN  # asked of every stretch, and a member of an Enum is found in Python


def runs(service: str, states: States) -> Runs:
    """The outages and blips of a service, in order of time."""
    told: dict[_Phase, list[Outage]] = {_Phase.BLIP: [], _Phase.OUTAGE: []}
    clear = _Phase.CLEAR
    phase, certain, possible = clear, list[Span](), list[Span]()
    for span, state in _in_order(states):
        before, phase = phase, _NEXT[phase, state]
        if state is _UP:
            if before is not clear:
                told[before].append(_outage(service, certain, possible, open=False))
            certain, possible = [], []
        else:
            possible.append(span)
            if state is _DOWN:
                certain.append(span)
    if phase is not clear:
        told[phase].append(_outage(service, certain, possible, open=True))
    return Runs(tuple(told[_Phase.OUTAGE]), tuple(told[_Phase.BLIP]))


def _in_order(states: States) -> list[tuple[Span, State]]:
    by_state = ((states.up, State.UP), (states.edge, State.EDGE), (states.down, State.DOWN))
    return sorted(chain.from_iterable(zip(parts, repeat(state)) for parts, state in by_state))


def _outage(service: str, certain: list[Span], possible: list[Span], *, open: bool) -> Outage:
    return Outage(
        id=f"{service}@{possible[0].start}",
        service=service,
        certain=tuple(certain),
        possible=spans(possible),
        open=open,
    )
