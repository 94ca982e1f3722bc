"""What is due when, so that every planned slot ends in exactly one run or gap; knows no clock, only instants.

The grid of a probe is `phase + k * interval`, counted from 1970. A run covers the slot it was started for
and every further one that comes due before it is done, which is why `covers` is settled when a run ends.
Its sample covers the first `covers` planned slots at or after its `slot`. A run of a burst that falls
between two slots has the instant at which it was due as its `slot`, and covers none but those that come due
while it runs.

How often a probe asks: on its grid while all is well. After `failed` the next run starts at the later of
`sent + burst` and `done`, until one is `ok`; a slot that comes due in between is the next run's. `blind`
neither begins a burst nor ends one: it says nothing of the service. `throttled` ends a burst and backs off,
doubling, since asking again is what it complains about. Control probes burst, each at its own pace, while
any service's probe does: their word is needed for that outage; a dead control alone does not make the
others burst for ever. Whatever happens, two starts of a probe are never less than `spacing` apart.

Slots that nobody ran are handed out as `Missed`, with the reason; the caller journals them as gaps.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from collector.core.record import GapReason, Outcome, Probe
from collector.core.timeline import MILLISECOND, MINUTE, Duration, Instant

LATE: Duration = 100 * MILLISECOND
"""A run that starts later than this after it was due is counted as late."""

BACK_OFF_LIMIT: Duration = 5 * MINUTE
"""The longest a throttled probe holds back (or its interval, if that is longer)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that is due now: the caller starts it at once, and hands it back through `finished` or `hold`."""

    probe: Probe
    slot: Instant
    """What its sample states: the newest planned slot not yet covered, or `due` between two slots."""
    due: Instant
    """When it was to start; later than `slot` where the spacing of starts held it back."""
    started: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Planned slots of a probe in [start, end) that have no run and never will."""

    probe: str
    start: Instant
    end: Instant
    reason: GapReason


def together(missed: Iterable[Missed]) -> list[tuple[Missed, tuple[str, ...]]]:
    """Stretches missed, each once for a reason, with the names of all probes that did: a gap line each."""
    same: dict[tuple[Instant, Instant, GapReason], tuple[Missed, list[str]]] = {}
    for one in missed:
        same.setdefault((one.start, one.end, one.reason), (one, []))[1].append(one.probe)
    return [(one, tuple(names)) for one, names in same.values()]


def next_slot(probe: Probe, since: Instant) -> Instant:
    """The first planned slot of `probe` at or after `since`."""
    return since + (probe.phase - since) % probe.interval


def spacing(probe: Probe) -> Duration:
    """How far two starts of `probe` are apart at the least."""
    return min(probe.burst, probe.interval)


class _Track:
    """Where one probe stands."""

    __slots__ = ("back_offs", "bursting", "held", "next", "not_before", "probe", "running")

    def __init__(self, probe: Probe, since: Instant) -> None:
        self.probe = probe
        self.next = next_slot(probe, since)
        """The first planned slot that nothing covers yet; all before it are covered."""
        self.not_before = since
        self.running: Run | None = None
        self.bursting = False
        self.back_offs = 0
        """Throttled runs in a row."""
        self.held = False
        """Whether throttling or the budget is why it waits."""

    def due(self, burst: bool) -> Instant:
        """When the next run starts, were nothing to happen until then."""
        return self.not_before if burst else max(self.next, self.not_before)

    def skip(self, until: Instant, reason: GapReason) -> Missed | None:
        """All slots before `until` that are not covered yet never will have a run."""
        if self.next >= until:
            return None
        missed = Missed(probe=self.probe.name, start=self.next, end=until, reason=reason)
        self.next = next_slot(self.probe, until)
        return missed

    def covered_by(self, run: Run, done: Instant) -> int:
        """How many slots `run` covers, being done at `done`: its own, and those that came due before."""
        until = max(done, run.slot + 1)
        covers = max(0, -((self.next - until) // self.probe.interval))
        self.next += covers * self.probe.interval
        return covers


class Scheduler:
    """Decides what starts when, for all probes of a plan, from `start` on.

    Slots without a run gather in `missed` until the caller takes them out and journals them. `late` counts
    the runs that started late.
    """

    def __init__(self, probes: Iterable[Probe], start: Instant) -> None:
        self._tracks = {probe.name: _Track(probe, start) for probe in probes}
        self._heap: list[tuple[Instant, str]] = []
        self._burst_of_services = 0
        self.missed: list[Missed] = []
        self.late = 0
        for track in self._tracks.values():
            self._plan(track)

    # -------------------------------------------------------------------------------------------- what is due

    def next_wakeup(self) -> Instant | None:
        """When `due` has something to give next; None while nothing waits to be run."""
        while self._heap:
            at, name = self._heap[0]
            if self._stands(at, name):
                return at
            heapq.heappop(self._heap)
        return None

    def due(self, now: Instant) -> list[Run]:
        """The runs to start now. Of several slots of a probe the newest is run; the older ones are missed."""
        runs: list[Run] = []
        while (at := self.next_wakeup()) is not None and at <= now:
            _, name = heapq.heappop(self._heap)
            runs.append(self._begin(self._tracks[name], at, now))
        return runs

    def _begin(self, track: _Track, due: Instant, now: Instant) -> Run:
        probe = track.probe
        if track.next <= now:
            newest = now - (now - track.next) % probe.interval
            self._miss(track.skip(newest, GapReason.BUDGET if track.held else GapReason.LAG))
        if now - due > LATE:
            self.late += 1
        slot = track.next if track.next <= now else due
        track.running = Run(probe=probe, slot=slot, due=due, started=now)
        return track.running

    # ------------------------------------------------------------------------------------------- how it ended

    def finished(self, run: Run, *, sent: Instant, done: Instant, outcome: Outcome) -> int:
        """`run` is over; gives how many planned slots its sample covers."""
        track = self._tracks[run.probe.name]
        assert track.running is run, f"expected a run in flight of {run.probe.name}"
        track.running = None
        track.held = False
        covers = track.covered_by(run, done)
        track.not_before = max(sent + spacing(run.probe), done, run.slot + 1)
        if outcome is Outcome.THROTTLED:
            self._back_off(track, sent)
        else:
            track.back_offs = 0
        if outcome is not Outcome.BLIND:
            self._set_burst(track, outcome is Outcome.FAILED, done)
        self._plan(track)
        return covers

    def hold(self, run: Run, until: Instant) -> None:
        """`run` may not start before `until` (rate budget); slots that grow too old meanwhile are missed."""
        track = self._tracks[run.probe.name]
        assert track.running is run, f"expected a run in flight of {run.probe.name}"
        track.running = None
        track.held = True
        track.not_before = max(until, run.due)
        self._plan(track)

    def interrupt(self, through: Instant, reason: GapReason) -> list[Run]:
        """No slot before `through` will have a run any more: the clock stepped, the machine slept, we stop.

        Gives the runs in flight, which the caller cancels: what they would say no longer counts. `through`
        is the later of the instants before and after a step: a slot that was covered never comes again.
        """
        cancelled: list[Run] = []
        for track in self._tracks.values():
            if (run := track.running) is not None:
                cancelled.append(run)
                track.running = None
                track.not_before = run.started + spacing(run.probe)
            self._miss(track.skip(through, reason))
            track.not_before = max(track.not_before, through)
            self._plan(track)
        return cancelled

    def take_missed(self) -> list[Missed]:
        """The slots that were missed since the last call."""
        missed, self.missed = self.missed, []
        return missed

    # ------------------------------------------------------------------------------------------------- looks

    def covered_before(self) -> Instant:
        """No slot at or after this is covered: another plan may hold from here on, and not from earlier."""
        return max((track.next - track.probe.interval + 1 for track in self._tracks.values()), default=0)

    def bursting(self, probe: str) -> bool:
        """Whether `probe` asks more often since it failed; not so a control that only goes with others."""
        return self._tracks[probe].bursting

    # ----------------------------------------------------------------------------------------------- details

    def _bursts(self, track: _Track) -> bool:
        return track.bursting or (self._burst_of_services > 0 and track.probe.role == "control")

    def _set_burst(self, track: _Track, bursting: bool, now: Instant) -> None:
        if track.bursting == bursting:
            return
        track.bursting = bursting
        if track.probe.role == "control":
            return
        self._burst_of_services += 1 if bursting else -1
        if self._burst_of_services == int(bursting):
            self._turn_controls(now)

    def _turn_controls(self, now: Instant) -> None:
        """The first burst of a service begins, or the last one ended: the controls go with it."""
        for track in self._tracks.values():
            if track.probe.role == "control" and track.running is None:
                track.not_before = max(track.not_before, now)
                self._plan(track)

    def _back_off(self, track: _Track, sent: Instant) -> None:
        track.back_offs += 1
        limit = max(BACK_OFF_LIMIT, track.probe.interval)
        pause = min(limit, spacing(track.probe) << min(track.back_offs, 40))
        track.not_before = max(track.not_before, sent + pause)
        track.held = True

    def _miss(self, missed: Missed | None) -> None:
        if missed is not None:
            self.missed.append(missed)

    def _plan(self, track: _Track) -> None:
        heapq.heappush(self._heap, (track.due(self._bursts(track)), track.probe.name))

    def _stands(self, at: Instant, name: str) -> bool:
        """Whether an entry of the heap still says when that probe is due."""
        track = self._tracks[name]
        return track.running is None and at == track.due(self._bursts(track))
