"""What one probe comes to, at any instant: the answer that a made-up provider gives it, in made-up time."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from collector.core.record import Outcome, Probe, Reason
from collector.core.timeline import MILLISECOND, Duration, Instant, Spans
from collector.simulate.chance import length, source
from collector.simulate.provider import Provider

NEVER: Instant = 1 << 62
TABLE = 4096
"""So many latencies a probe has; each run draws one."""
INTERNAL = ("tcp", "dns", "ntp")
"""Kinds whose answers are small and near."""

_EVERY: tuple[tuple[Reason, bool], ...] = ((Reason.TIMEOUT, True), (Reason.REFUSED, False))
_HTTP = (*_EVERY, (Reason.STATUS, False), (Reason.RESET, False), (Reason.TLS, False))
FAILURES: dict[str, tuple[tuple[Reason, bool], ...]] = {
    "http": _HTTP, "oapi": _HTTP, "s3": _HTTP, "lb": _HTTP,
    "dns": (*_EVERY, (Reason.RCODE, False), (Reason.ANSWER, False)),
    "ntp": ((Reason.TIMEOUT, True), (Reason.STRATUM, False), (Reason.UNSYNCHRONISED, False)),
}  # fmt: skip
"""Kind → how it may fail, and whether that takes until its timeout."""
THROTTLES = (Reason.RATE_ACCOUNT, Reason.RATE_CALL, Reason.RATE_PLATFORM)
REFUSING: Duration = 3 * MILLISECOND


class Answer(NamedTuple):
    """What a run that is sent at some instant will come to."""

    took: Duration
    outcome: Outcome
    reason: Reason


class _Cursor:
    """Walks along a set of spans with time, which never goes back."""

    def __init__(self, over: Spans) -> None:
        self._over, self.number = over, 0

    def touches(self, start: Instant, end: Instant) -> bool:
        """Whether any instant of [start, end] is in one of the spans."""
        self.skip(start)
        return self.number < len(self._over) and self._over[self.number].start <= end

    def skip(self, until: Instant) -> None:
        while self.number < len(self._over) and self._over[self.number].end <= until:
            self.number += 1

    def begins(self) -> Instant:
        """When the next span begins, or did."""
        return self._over[self.number].start if self.number < len(self._over) else NEVER


class Answers:
    """The answers to one probe from one vantage point, asked for in order of time."""

    def __init__(self, seed: int, vantage: str, probe: Probe, provider: Provider) -> None:
        self._probe = probe
        self._chance = source(seed, "answers", vantage, probe.name)
        self._draw = self._chance.getrandbits
        self._table = _latencies(self._chance, probe)
        self._failures = FAILURES.get(probe.kind, _EVERY)
        self._down = _Cursor(provider.probes[probe.name])
        self._slow = _Cursor(provider.slow[probe.name])
        self._throttled = _Cursor(provider.throttled if probe.kind == "oapi" else ())
        self._calm_until: Instant = 0

    def to(self, sent: Instant) -> Answer:
        """What a run sent at `sent` comes to. One that lives through a change has failed."""
        took = self._table[self._draw(12)]
        if sent + took < self._calm_until:
            return Answer(took, Outcome.OK, Reason.NONE)
        cursors = (self._down, self._slow, self._throttled)
        if self._throttled.touches(sent, sent + took):
            reason = THROTTLES[self._throttled.number % len(THROTTLES)]
            return Answer(REFUSING + self._draw(10), Outcome.THROTTLED, reason)
        if self._slow.touches(sent, sent):
            took = min(took * 20, self._probe.timeout * 9 // 10)
        if self._down.touches(sent, sent + took):
            return self._failure(took)
        for cursor in cursors:
            cursor.skip(sent)
        self._calm_until = min(cursor.begins() for cursor in cursors)
        return Answer(took, Outcome.OK, Reason.NONE)

    def _failure(self, took: Duration) -> Answer:
        """Each outage fails in one way, and now and then in another."""
        way = self._down.number + (self._draw(4) == 0)
        reason, hangs = self._failures[way % len(self._failures)]
        # What went down while it was being answered is cut off there.
        return Answer(self._probe.timeout if hangs else took, Outcome.FAILED, reason)


def _latencies(chance: Random, probe: Probe) -> Sequence[Duration]:
    """Mostly near a middle of the probe's own, with a long tail, and always in time."""
    middle = (300 if probe.kind in INTERNAL else 8 * MILLISECOND) * chance.randrange(2, 8)
    limit = probe.timeout * 9 // 10
    drawn = (middle + chance.randrange(middle) for _ in range(TABLE))
    return [min(limit, took if chance.randrange(50) else length(chance, took, 6)) for took in drawn]
