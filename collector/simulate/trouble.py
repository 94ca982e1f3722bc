"""What befalls a vantage point of ours: no route, stops and crashes, clocks that step, its end."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from collector.core.timeline import HOUR, MILLISECOND, MINUTE, SECOND, Duration, Instant, Span
from collector.simulate.chance import length, moments, source

EVERY: Duration = 12 * HOUR
"""How far apart the troubles of a vantage point are on average."""


class Kind(StrEnum):
    """What happens."""

    STOP = "stop"  # the collector is stopped in good order, and started again
    CRASH = "crash"  # it is killed, and started again
    SUSPEND = "suspend"  # the machine sleeps
    STALL = "stall"  # the event loop stands still
    ROUTE = "route"  # we have no route, and know it: blind
    CUT = "cut"  # nothing outside answers, our controls neither
    STEP = "step"  # the clock steps away, and later back
    UNSYNCHRONISED = "unsynchronised"  # the clock is right, but nobody vouches for it
    DEATH = "death"  # nothing is heard of it any more


class Trouble(NamedTuple):
    """`kind` over [start, end), in true time."""

    start: Instant
    end: Instant
    kind: Kind
    step: Duration = 0
    """By how much the clock steps away."""


def troubles(seed: int, vantage: str, span: Span, *, dies: bool) -> Sequence[Trouble]:
    """The troubles of `vantage`, one after the other; the last is its end where it `dies`."""
    chance = source(seed, "troubles", vantage)
    death = span.start + span.length * 4 // 5 + chance.randrange(span.length // 10 + 1)
    until = death if dies else span.end
    found: list[Trouble] = []
    free = span.start + 2 * MINUTE
    for at in moments(chance, span, EVERY):
        kind = chance.choice([kind for kind in Kind if kind is not Kind.DEATH])
        shortest, octaves = (SECOND, 4) if kind is Kind.STALL else (40 * SECOND, 9)
        end = at + length(chance, shortest, octaves)
        step = chance.choice((-1, 1)) * length(chance, chance.choice((60 * MILLISECOND, 30 * SECOND)), 4)
        if free <= at and end + MINUTE < until:
            found.append(Trouble(at, end, kind, step if kind is Kind.STEP else 0))
            free = end + 10 * MINUTE
    if dies:
        found.append(Trouble(death, span.end, Kind.DEATH))
    return found
