"""One vantage point over the period: the real scheduler in made-up time, and the lines that come of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple

import msgspec

from collector.core import record
from collector.core.record import (
    Clock,
    Declaration,
    Gap,
    GapReason,
    Host,
    Line,
    Outcome,
    Plan,
    Reason,
    Sample,
)
from collector.core.timeline import HOUR, MILLISECOND, MINUTE, Duration, Instant
from collector.measure.scheduler import Run, Scheduler, together
from collector.simulate.answers import Answer, Answers
from collector.simulate.chance import source
from collector.simulate.disk import Disk
from collector.simulate.provider import Provider
from collector.simulate.trouble import Kind, Trouble

VERSION = "simulate"
ERROR: Duration = 2 * MILLISECOND
"""What the clock's daemon says its error is at most."""
LATE = 300
"""µs by which the loop starts a run late, at most."""
BLIND = (Reason.ROUTE, Reason.RESOLVER)
NOTHING_SPENT: Duration = 200
"""What a run takes that finds no route."""

Passed = Callable[[Duration], None]
"""Told of each stretch of made-up time that has passed."""


class _Flight(NamedTuple):
    """A run on its way, by the true instant at which it ends."""

    done: Instant
    number: int
    run: Run
    sent: Instant
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one vantage point has to do with a period."""

    seed: int
    name: str
    origin: str
    plan: Plan
    troubles: Sequence[Trouble]
    declarations: Sequence[Declaration]
    """What is declared to this one, by time."""


class Vantage:
    """Writes its lines from the period's beginning to its end.

    All instants in here are true ones; those of its lines, and of its scheduler, are by its own clock,
    which is `_offset` ahead.
    """

    def __init__(self, part: Part, provider: Provider, disk: Disk, passed: Passed) -> None:
        self._part, self._provider, self._disk, self._passed = part, provider, disk, passed
        self._chance: Random = source(part.seed, "vantage", part.name)
        self._answers = {p.name: Answers(part.seed, part.name, p, provider) for p in part.plan.probes}
        self._now = provider.span.start
        self._offset: Duration = 0
        self._trusted = True
        self._state: Kind | None = None
        self._minute = self._now
        self._declared = 0
        self._flights: list[_Flight] = []
        self._flying: dict[str, int] = {}
        self._number = 0
        self._scheduler = Scheduler((), self._now)

    def run(self) -> None:
        """The whole period."""
        self._begin()
        for trouble in self._part.troubles:
            self._measure(trouble.start)
            if trouble.kind is Kind.DEATH:
                return
            self._befall(trouble)
        self._measure(self._provider.span.end)
        self._stop()

    # ------------------------------------------------------------------------------------------ all is well

    def _measure(self, until: Instant) -> None:
        """Ask and be answered up to `until`, as things are now."""
        flights = self._flights
        while True:
            wakeup = self._scheduler.next_wakeup()
            at = until if wakeup is None else max(self._now, wakeup - self._offset)
            if flights and flights[0].done <= at and flights[0].done < until:
                self._pass(flights[0].done)
                self._land(heappop(flights))
                continue
            if at >= until:
                break
            self._pass(at)
            for run in self._scheduler.due(at + self._offset):
                self._send(run)
            if self._scheduler.missed:
                self._missed()
        self._pass(until)

    def _pass(self, now: Instant) -> None:
        """Time goes on to `now`; once a minute there is something to say."""
        while self._minute <= now:
            self._now = self._minute
            self._minute += MINUTE
            if self._minute % HOUR == 0:
                self._passed(HOUR)
            self._keep_time()
            self._fare()
            self._take_in()
        self._now = now

    def _send(self, run: Run) -> None:
        sent = self._now + self._chance.getrandbits(8) % LATE
        answer = self._answers[run.probe.name].to(sent)
        if self._state is Kind.ROUTE:
            answer = Answer(NOTHING_SPENT, Outcome.BLIND, BLIND[self._minute // HOUR % len(BLIND)])
        elif self._state is Kind.CUT:
            answer = Answer(run.probe.timeout, Outcome.FAILED, Reason.TIMEOUT)
        self._number += 1
        self._flying[run.probe.name] = self._number
        heappush(self._flights, _Flight(sent + answer.took, self._number, run, sent, answer))

    def _land(self, flight: _Flight) -> None:
        run, answer = flight.run, flight.answer
        name = run.probe.name
        if self._flying.get(name) != flight.number:
            return  # it was cancelled
        del self._flying[name]
        sent, done = flight.sent + self._offset, flight.done + self._offset
        covers = self._scheduler.finished(run, sent=sent, done=done, outcome=answer.outcome)
        ok = answer.outcome is Outcome.OK
        self._disk.append(
            Sample(
                seq=self._disk.next, at=done, probe=name, slot=run.slot, covers=covers, sent=sent, done=done,
                outcome=answer.outcome, reason=answer.reason, value=answer.took if ok else None,
                error=flight.number % 90, phases={"connect": answer.took // 3} if ok else {}, facts={},
            )
        )  # fmt: skip

    # ---------------------------------------------------------------------------------------------- troubles

    def _befall(self, trouble: Trouble) -> None:
        match trouble.kind:
            case Kind.STOP:
                self._stop()
                self._begin_again(trouble.end, cut=0)
            case Kind.CRASH:
                self._flying.clear()
                self._begin_again(trouble.end, cut=self._chance.randrange(200))
            case Kind.SUSPEND:
                self._absent(trouble.end)
                self._interrupt(self._now, GapReason.SUSPENDED)
            case Kind.STALL:
                self._stall(trouble.end)
            case Kind.STEP:
                self._step(trouble.step)
                self._measure(trouble.end)
                self._step(-trouble.step)
            case Kind.UNSYNCHRONISED:
                self._trusted = False
                self._keep_time()
                self._measure(trouble.end)
                self._trusted = True
                self._keep_time()
            case _:
                self._state = trouble.kind
                self._measure(trouble.end)
                self._state = None

    def _absent(self, until: Instant) -> None:
        """Nothing is done up to `until`, not even saying so."""
        self._passed((until // HOUR - self._minute // HOUR) * HOUR)
        self._minute = max(self._minute, until)
        self._now = until

    def _stall(self, until: Instant) -> None:
        """The loop stands still; what ended meanwhile is seen too late to be believed."""
        self._absent(until)
        flights, self._flights[:] = sorted(self._flights), []
        for one in flights:
            if one.done <= until:
                blind = Answer(until - one.sent, Outcome.BLIND, Reason.LAG)
                heappush(self._flights, one._replace(done=until, answer=blind))
            else:
                heappush(self._flights, one)

    def _step(self, by: Duration) -> None:
        before = self._now + self._offset
        self._offset += by
        self._trusted = not self._offset
        self._keep_time(by)
        # What is seen across a step is seen by two clocks: all in flight is given up.
        self._interrupt(max(before, before + by), GapReason.CLOCK)

    def _interrupt(self, through: Instant, reason: GapReason) -> None:
        self._scheduler.interrupt(through, reason)
        self._flying.clear()
        self._missed()

    # ----------------------------------------------------------------------------------------- begin and end

    def _begin(self, cut: int = 0) -> None:
        at = max(self._now + self._offset, self._scheduler.covered_before())
        part = self._part
        boot = source(part.seed, part.name, "boot").getrandbits(128)
        self._write(
            record.Start(
                seq=0, at=self._local, format=record.FORMAT, origin=part.origin, vantage=part.name,
                version=VERSION, python="3", boot=f"{boot:032x}", cut=cut,
                key=str(self._disk.key.vkey),
            )
        )  # fmt: skip
        self._missed()
        self._write(msgspec.structs.replace(part.plan, at=at))
        self._keep_time()
        self._scheduler = Scheduler(part.plan.probes, at)

    def _begin_again(self, at: Instant, cut: int) -> None:
        self._absent(at)
        self._scheduler.interrupt(self._local, GapReason.STOPPED)
        self._begin(cut)

    def _stop(self) -> None:
        self._interrupt(self._local, GapReason.STOPPED)
        self._write(record.Stop(seq=0, at=self._local))

    # ----------------------------------------------------------------------------------------------- lines

    @property
    def _local(self) -> Instant:
        return self._now + self._offset

    def _write(self, line: Line) -> None:
        self._disk.append(msgspec.structs.replace(line, seq=self._disk.next))

    def _missed(self) -> None:
        for one, names in together(self._scheduler.take_missed()):
            self._write(
                Gap(seq=0, at=self._local, probes=names, from_=one.start, to=one.end, reason=one.reason)
            )

    def _keep_time(self, step: Duration = 0) -> None:
        trusted = self._trusted
        self._write(
            Clock(
                seq=0, at=self._local, wall=self._local, boot_offset=self._provider.span.start + self._offset,
                error=ERROR if trusted else None, synced=int(trusted), source="chrony" if trusted else "none",
                leap=0, step=step,
            )
        )  # fmt: skip

    def _fare(self) -> None:
        late, self._scheduler.late = self._scheduler.late, 0
        routed = int(self._state is not Kind.ROUTE)
        controls: Iterator[str] = (p.name for p in self._part.plan.probes if p.role == "control")
        self._write(
            Host(
                seq=0, at=self._local, loop_lag_max=LATE, loop_lag_p99=LATE // 2, queue=0, fds=24,
                rss=60 << 20, late=late, route=dict.fromkeys(controls, routed),
            )
        )  # fmt: skip

    def _take_in(self) -> None:
        """What was declared meanwhile."""
        waiting = self._part.declarations
        while self._declared < len(waiting) and waiting[self._declared].at <= self._now:
            self._write(msgspec.structs.replace(waiting[self._declared], at=self._local))
            self._declared += 1
