"""What is counted of one origin's lines: runs by outcome and reason, latencies of right answers, health."""

import msgspec

from collector.core.record import Clock, Host, Line, Outcome, Sample
from collector.core.timeline import Duration, Instant


class ProbeTally(msgspec.Struct):
    """Runs of one probe since its first."""

    runs: dict[str, int] = {}
    """ "outcome" or "outcome/reason" → how many."""
    latencies: dict[int, int] = {}
    """Upper edge in µs → how many right answers came in at most that and more than the edge before."""
    latency_sum: Duration = 0
    sent: Instant = 0
    """When the last run was sent."""
    outcome: str = ""
    reason: str = ""


class Health(msgspec.Struct):
    """How the measuring side itself fares, and how much of its journal was read."""

    lines: int = 0
    clock_error: Duration | None = None
    synced: bool = False
    loop_lag: Duration | None = None


def edge(value: Duration) -> Duration:
    """`value` rounded up to two digits: fine enough for a picture, and exact at any limit of two digits."""
    if value < 100:
        return value
    step: int = 10 ** (len(str(value)) - 2)
    return -(-value // step) * step


class Tally:
    """Counts one origin's lines; `touched` names the probes that changed since it was last emptied."""

    def __init__(self, probes: dict[str, ProbeTally] | None = None, health: Health | None = None) -> None:
        self.probes = probes or {}
        self.health = health or Health()
        self.touched: set[str] = set()

    def feed(self, line: Line) -> None:
        """The next line."""
        self.health.lines += 1
        if type(line) is Sample:
            self._sample(line)
        elif type(line) is Clock:
            self.health.clock_error, self.health.synced = line.error, bool(line.synced)
        elif type(line) is Host:
            self.health.loop_lag = line.loop_lag_max

    def _sample(self, line: Sample) -> None:
        probe = self.probes.get(line.probe)
        if probe is None:
            probe = self.probes[line.probe] = ProbeTally()
        self.touched.add(line.probe)
        how = f"{line.outcome}/{line.reason}" if line.reason else str(line.outcome)
        probe.runs[how] = probe.runs.get(how, 0) + 1
        probe.sent, probe.outcome, probe.reason = line.sent, line.outcome.value, line.reason.value
        # A failed run's figure is how long we waited, not how fast the service is.
        if line.outcome is Outcome.OK and line.value is not None:
            below = edge(line.value)
            probe.latencies[below] = probe.latencies.get(below, 0) + 1
            probe.latency_sum += line.value


def by_reason(tally: ProbeTally, outcome: Outcome) -> dict[str, int]:
    """Reason → runs that ended so."""
    return {
        how.partition("/")[2]: count for how, count in tally.runs.items() if how.partition("/")[0] == outcome
    }
