"""What is counted of one origin's lines: runs by outcome and reason, latencies of right answers, health."""

import msgspec

from collector.core.record import Clock, Host, Line, Outcome, Sample
from collector.core.timeline import Duration, Instant

_DISTINCT = 4096
"""So many different latencies are held one by one before they are put into their places."""
_OK = Outcome.OK  # asked of every line, and a member of an Enum is found in Python


class ProbeTally(msgspec.Struct):
    """Runs of one probe since its first."""

    runs: dict[str, int] = {}
    """ "ok" or "outcome/reason" → how many."""
    latencies: dict[int, int] = {}
    """Upper edge in µs → how many right answers came in at most that and more than the edge before."""
    latency_sum: Duration = 0
    sent: Instant = 0
    """When the last run was sent."""


class Health(msgspec.Struct):
    """How the measuring side itself fares, and how much of its journal was read."""

    lines: int = 0
    clock_error: Duration | None = None
    loop_lag: Duration | None = None


def edge(value: Duration) -> Duration:
    """`value` rounded up to two digits: fine enough for a picture, and exact at any limit of two digits."""
    if value < 100:
        return value
    step: int = 10 ** (len(str(value)) - 2)
    return -(-value // step) * step


class _Fresh:
    """What was counted of a probe since the last settling: as little work for each line as will do."""

    __slots__ = ("others", "right", "sent", "values")

    def __init__(self) -> None:
        self.sent: Instant = 0
        self.right = 0
        self.others: dict[str, int] = {}
        self.values: dict[Duration, int] = {}


class Tally:
    """Counts one origin's lines; what it says counts up to the last `settle`."""

    def __init__(self, probes: dict[str, ProbeTally] | None = None, health: Health | None = None) -> None:
        self.probes = probes or {}
        self.health = health or Health()
        self._lines = 0
        self._fresh: dict[str, _Fresh] = {}
        self._touched: set[str] = set()

    def feed(self, line: Line) -> None:
        """The next line."""
        self._lines += 1
        if type(line) is Sample:
            fresh = self._fresh.get(line.probe)
            if fresh is None or len(fresh.values) > _DISTINCT:
                fresh = self._anew(line.probe)
            fresh.sent = line.sent
            if line.outcome is not _OK:
                how = f"{line.outcome}/{line.reason}"
                fresh.others[how] = fresh.others.get(how, 0) + 1
                return
            fresh.right += 1
            # Of right answers only: a failed run's figure is how long we waited, not how fast the service is.
            if line.value is not None:
                fresh.values[line.value] = fresh.values.get(line.value, 0) + 1
        elif type(line) is Clock:
            self.health.clock_error = line.error
        elif type(line) is Host:
            self.health.loop_lag = line.loop_lag_max

    def settle(self) -> set[str]:
        """Add up; the probes whose tallies changed since the last time."""
        self.health.lines += self._lines
        self._lines = 0
        for name in list(self._fresh):
            self._add_up(name)
        touched, self._touched = self._touched, set()
        return touched

    def _anew(self, name: str) -> _Fresh:
        self._add_up(name)
        fresh = self._fresh[name] = _Fresh()
        return fresh

    def _add_up(self, name: str) -> None:
        fresh = self._fresh.pop(name, None)
        if fresh is None:
            return
        self._touched.add(name)
        probe = self.probes.setdefault(name, ProbeTally())
        probe.sent = fresh.sent
        for how, count in [("ok", fresh.right), *fresh.others.items()]:
            if count:
                probe.runs[how] = probe.runs.get(how, 0) + count
        for value, count in fresh.values.items():
            below = edge(value)
            probe.latencies[below] = probe.latencies.get(below, 0) + count
            probe.latency_sum += value * count
        # In order, so that what is kept of them does not depend on when they were added up.
        probe.runs = dict(sorted(probe.runs.items()))
        probe.latencies = dict(sorted(probe.latencies.items()))


def by_reason(tally: ProbeTally, outcome: Outcome) -> dict[str, int]:
    """Reason → runs that ended so."""
    return {
        how.partition("/")[2]: count for how, count in tally.runs.items() if how.partition("/")[0] == outcome
    }
