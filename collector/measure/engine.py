"""Starts what is due, within the rate budget; hands on a sample of each run and gaps for what did not run."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import NoReturn

import msgspec

from collector.core.record import Gap, GapReason, Outcome, Reason, Sample
from collector.core.timeline import MILLISECOND, MINUTE, SECOND, Duration, Instant
from collector.host.clock import Clock
from collector.measure.budget import BudgetFile, Rejections
from collector.measure.runner import Prepared, Runner
from collector.measure.scheduler import Run, Scheduler, together

log = logging.getLogger(__name__)

TURN: Duration = SECOND
"""The loop turns at least this often, so that a machine that slept and a watchdog learn it in time."""

SLEPT: Duration = 100 * MILLISECOND
"""A suspension shorter than this is none: two clocks are not read at the same moment."""

STOPPED_LOOK: Duration = MINUTE
"""How often the slots of probes that stopped for rejected credentials are written off."""


class Admission:
    """May this request go out now? The rate budget of the provider, and credentials that it rejected."""

    def __init__(self, budget: BudgetFile, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock
        self._rejections = Rejections()
        self._trouble = ""

    def stopped(self, ready: Prepared) -> bool:
        """Whether it may not until its credentials are others."""
        return ready.signed and self.rejected(ready.account)

    def rejected(self, account: str) -> bool:
        """Whether no signed request is sent for `account` any more."""
        return self._rejections.stopped(account)

    def wait(self, ready: Prepared) -> Duration:
        """0 if it may (then it is booked), else how long to wait before asking again."""
        if self.stopped(ready):
            return STOPPED_LOOK
        if not ready.spec.provider_api:
            return 0
        return self.take(ready.account, ready.request)

    def take(self, account: str, request: str, *, lull: bool = False) -> Duration:
        """The same for any request to the provider's API; in the `lull` it waits until no probe is near."""
        boot = self._clock.boot_us()
        waits = self._budget.take(account, request, boot=boot, utc=self._clock.at(boot), lull=lull)
        self._tell_trouble()
        return waits

    def answered(self, ready: Prepared, sample: Sample) -> None:
        """Learn from what came of it."""
        if ready.spec.provider_api:
            self._budget.answered(ready.account, sample.outcome, sample.reason, boot=self._clock.boot_us())
        if ready.signed:
            self._count(ready.account, sample.outcome, sample.reason)

    def told(self, account: str, outcome: Outcome, reason: Reason) -> None:
        """The same for a signed request to the provider's API that is no probe's."""
        self._budget.answered(account, outcome, reason, boot=self._clock.boot_us())
        self._count(account, outcome, reason)

    def _count(self, account: str, outcome: Outcome, reason: Reason) -> None:
        if self._rejections.answered(account, outcome, reason):
            log.error(
                "event=credentials-rejected account=%s: signed probes stop, as more would lock the account; "
                "correct the credentials, then restart or reload",
                account,
            )

    def _tell_trouble(self) -> None:
        if self._budget.trouble != self._trouble:
            self._trouble = self._budget.trouble
            if self._trouble:
                log.warning("event=budget-file-unusable error=%r: keeping to the budget alone", self._trouble)


class Engine:
    """Measures one plan, from `start` on.

    `write` takes samples and gaps in the order in which they came to be (`seq` 0). `burst_turned` is called
    when the burst of a service's probe begins or ends, which is when a checkpoint is due.
    """

    def __init__(
        self,
        probes: Iterable[Prepared],
        start: Instant,
        *,
        clock: Clock,
        runner: Runner,
        admission: Admission,
        write: Callable[[Sample | Gap], None],
        burst_turned: Callable[[], None],
    ) -> None:
        self._ready = {ready.probe.name: ready for ready in probes}
        self.scheduler = Scheduler((ready.probe for ready in self._ready.values()), start)
        self._clock = clock
        self._runner = runner
        self._admission = admission
        self._write = write
        self._burst_turned = burst_turned
        self._flying: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        self._slept = clock.slept()
        self._wake = asyncio.Event()
        self._until: Instant = 0
        """How long the loop sleeps, unless it is woken."""
        self._bug: BaseException | None = None
        self.advanced: Duration = clock.boot_us()
        """Boot time of the last turn of the loop: what the watchdog goes by."""

    async def run(self) -> NoReturn:
        """Measure until cancelled; then `interrupt` says what the slots in flight come to."""
        loop = asyncio.get_running_loop()
        while self._bug is None:
            self._wake.clear()
            # A loop's timers count milliseconds; one that is rounded down would find nothing due yet.
            timer = loop.call_later(-(-self._turn() // MILLISECOND) / 1000, self._wake.set)
            await self._wake.wait()
            timer.cancel()
        raise self._bug

    def interrupt(self, through: Instant, reason: GapReason) -> None:
        """Cancel all that is in flight; no slot before `through` is run any more (`Scheduler.interrupt`)."""
        for run in self.scheduler.interrupt(through, reason):
            _, task = self._flying.pop(run.probe.name)
            task.cancel()
        self._write_missed()
        self._wake.set()

    def renew(self, probes: Iterable[Prepared], admission: Admission) -> None:
        """The same probes with credentials, and a budget, that were read anew."""
        self._ready = {ready.probe.name: ready for ready in probes}
        self._admission = admission

    def _turn(self) -> Duration:
        """Start what is due; gives how long nothing else is."""
        self.advanced = self._clock.boot_us()
        if (slept := self._clock.slept()) > self._slept + SLEPT:
            self._slept = slept
            self.interrupt(self._clock.now(), GapReason.SUSPENDED)
        for run in self.scheduler.due(self._clock.now()):
            self._start(run)
        self._write_missed()
        now = self._clock.now()
        wakeup = self.scheduler.next_wakeup()
        self._until = now + TURN if wakeup is None else min(now + TURN, max(now, wakeup))
        return self._until - now

    def _start(self, run: Run) -> None:
        ready = self._ready[run.probe.name]
        if waits := self._admission.wait(ready):
            self.scheduler.hold(run, run.started + waits)
            return
        task = asyncio.get_running_loop().create_task(self._measure(run, ready), name=run.probe.name)
        task.add_done_callback(self._ended)
        self._flying[run.probe.name] = run, task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A mistake of ours after a run must not leave its probe in flight for ever: `run` raises it."""
        if not task.cancelled() and (bug := task.exception()) is not None:
            self._bug = bug
            self._wake.set()

    async def _measure(self, run: Run, ready: Prepared) -> None:
        sample = await self._runner.run(ready, run.slot)
        name = run.probe.name
        if self._flying.get(name, (None, None))[0] is not run:
            return  # interrupted, but too late to be cancelled: its slots are told of already
        del self._flying[name]
        burst = self.scheduler.bursting(name)
        covers = self.scheduler.finished(run, sent=sample.sent, done=sample.done, outcome=sample.outcome)
        # The line is of the moment the run ended: one instant, which an archive keeps once.
        self._write(msgspec.structs.replace(sample, at=sample.done, covers=covers))
        self._admission.answered(ready, sample)
        if self.scheduler.bursting(name) != burst and run.probe.role != "control":
            self._burst_turned()
        wakeup = self.scheduler.next_wakeup()
        if wakeup is not None and wakeup < self._until:
            self._wake.set()

    def _write_missed(self) -> None:
        if not self.scheduler.missed:
            return
        for one, names in together(self.scheduler.take_missed()):
            self._write(
                Gap(seq=0, at=self._clock.now(), probes=names, from_=one.start, to=one.end, reason=one.reason)
            )
