"""Composition root of the collector: clock, network, engine, journal and inbox become one process."""

import asyncio
import dataclasses
import gc
import logging
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from queue import Full, Queue
from tempfile import TemporaryDirectory

import msgspec

from collector import contracts
from collector.core import record
from collector.core.record import GapReason, Outcome, Plan, Reason, Sample
from collector.core.timeline import HOUR, MINUTE, SECOND, Duration, Instant
from collector.errors import ConfigurationError, ConstatError, JournalError, UsageError
from collector.gather import Gatherer, Ready
from collector.gather import made_ready as sources_ready
from collector.host.clock import Clock, ClockReading
from collector.host.loop import Loop
from collector.host.network import Network
from collector.host.notify import Notifier, watchdog_period
from collector.host.observer import Observer, routes
from collector.host.program import version
from collector.journal import documents, keys, layout
from collector.journal.anchor import Anchors
from collector.journal.authority import Authority
from collector.journal.cosign import Cosigners
from collector.journal.inbox import Inbox
from collector.journal.origin import Origin, open_origin
from collector.journal.writer import Writer
from collector.measure.budget import BudgetFile
from collector.measure.engine import Admission, Engine
from collector.measure.runner import Prepared, Runner, prepared
from collector.probes import specs
from collector.settings import Settings, load

log = logging.getLogger(__name__)

HUNG: Duration = 10 * SECOND
"""An engine that has not advanced for so long is left to the watchdog."""

CLOSING_S = 3.5
"""How long the disk may take to swallow the last lines."""

LINGER_S = 1.0
"""How long threads may still wait for the disk, once all that could be written was."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All that a start or a reload needs to know, read and checked."""

    settings: Settings
    plan: Plan
    """`seq` and `at` are 0."""
    probes: tuple[Prepared, ...]
    authorities: tuple[Authority, ...]
    """With the secrets that asking them needs."""
    sources: tuple[Ready, ...]


def configured(path: Path, environ: Mapping[str, str], state: Path | None = None) -> Configuration:
    """Settings, contract and credentials; ConfigurationError tells all that is wrong with them."""
    settings = load(path, environ, contracts.load)
    if state is not None:
        settings = dataclasses.replace(settings, state=state)
    plan = settings.plan(*contracts.load(settings.contract_path))
    probes = made_ready(settings, plan.probes)
    return Configuration(
        settings=settings,
        plan=plan,
        probes=probes,
        authorities=settings.stamping(),
        sources=sources_ready(settings, probes),
    )


def made_ready(settings: Settings, probes: Iterable[record.Probe]) -> tuple[Prepared, ...]:
    """`probes` with what their runs need; ConfigurationError tells all credentials that are not there."""
    accounts = {service.name: service.account for service in settings.services}
    ready: list[Prepared] = []
    problems: list[str] = []
    for probe in probes:
        try:
            credentials = settings.credentials_of(probe)
        except ConfigurationError as error:
            problems += error.problems
        else:
            ready.append(prepared(probe, specs(), credentials, accounts.get(probe.service, "")))
    if problems:
        raise ConfigurationError(list(dict.fromkeys(problems)))
    return tuple(ready)


def admission_of(settings: Settings, clock: Clock) -> Admission:
    """The rate budget that all processes of this host share."""
    return Admission(BudgetFile(settings.state / "budget", settings.budget), clock)


class Documents:
    """Writes documents in a thread of its own: measuring does not wait for the disk, nor does an end."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._queue: Queue[tuple[str, bytes]] = Queue(maxsize=256)
        threading.Thread(target=self._run, name="documents", daemon=True).start()

    def keep(self, name: str, body: bytes) -> None:
        """Store `body` under its hash; returns at once."""
        try:
            self._queue.put_nowait((name, body))
        except Full:
            log.warning("document=%s kept=no why='the disk is too slow'", name)

    def _run(self) -> None:
        while True:
            name, body = self._queue.get()
            try:
                documents.keep(self._state, body)
            except OSError as error:
                log.warning("document=%s kept=no why=%r", name, str(error))


class Daemon:
    """One collector, from its start line to its stop line."""

    def __init__(
        self,
        configuration: Configuration,
        origin: Origin,
        *,
        clock: Clock,
        notifier: Notifier,
        watchdog: Duration | None,
        reload: Callable[[], Configuration],
    ) -> None:
        self._configuration = configuration
        self._clock = clock
        self._notifier = notifier
        self._watchdog = watchdog
        self._reload = reload
        self._origin = origin
        self._begun = _begun(origin, clock.now())
        self._writer = Writer(origin, now=clock.now, boot=clock.boot_us)
        self._cosigners = Cosigners(origin.place)
        self._anchors = Anchors(
            configuration.settings.state,
            self._writer,
            now=clock.now,
            boot=clock.boot_us,
            tolerance=lambda: self._configuration.settings.clock_tolerance,
        )
        self._anchors.renew(configuration.authorities)
        self._network = Network()
        self._observer = Observer()
        self._runner = Runner(
            network=self._network,
            clock=clock,
            lag=self._observer.lag,
            stalled=self._observer.stalled,
            keep=Documents(configuration.settings.state).keep,
        )
        self._stop = asyncio.Event()
        self._hup = asyncio.Event()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hup.set)
        self._engine = self._begin()

    async def run(self) -> None:
        """Measure until a signal ends it; what breaks inside is raised, once all is closed."""
        self._notifier.ready()
        log.info(
            "event=started origin=%s probes=%d new=%s", self._origin.name, len(self._configuration.probes),
            self._origin.new,
        )  # fmt: skip
        self._cosigners.ask(self._configuration.settings.witnesses)
        try:
            async with asyncio.TaskGroup() as group:
                keepers = (
                    self._measure(), self._keep_time(), self._declared(), self._gather(), self._feed(),
                    self._anchors.run(),
                )  # fmt: skip
                tasks = [group.create_task(keeper) for keeper in keepers]
                await self._stop.wait()
                for task in tasks:
                    task.cancel()
            self._end()
        finally:
            await self.close()

    # ------------------------------------------------------------------------------------------ start and end

    def _begin(self) -> Engine:
        """The first lines: who writes, what was not covered since the last one, the plan, and the time."""
        reading = self._clock.observe()
        now = self._clock.now()
        found = self._origin.recovered.state
        at = max([now, found.plan_at, *found.covered.values()])
        if at - now > SECOND:
            log.warning(
                "event=clock-behind-journal by_s=%d: nothing is measured until it has caught up",
                (at - now) // SECOND,
            )
        self._writer.open()
        self._writer.append(_start(self._origin, self._clock, now))
        for span, names in self._origin.open_until(at):
            self._gap(names, span.start, span.end, GapReason.STOPPED)
        engine = self._plan(at)
        self._clock_line(reading)
        self._rotate()
        return engine

    def _plan(self, at: Instant) -> Engine:
        """State the plan, which holds from `at`, and make what measures it."""
        self._writer.append(_at(self._configuration.plan, at))
        self._admission = admission_of(self._configuration.settings, self._clock)
        return Engine(
            self._configuration.probes,
            at,
            clock=self._clock,
            runner=self._runner,
            admission=self._admission,
            write=self._writer.append,
            burst_turned=self._writer.checkpoint,
        )

    def _rotate(self) -> None:
        """Have a new key sign from here on, if one waits (`constat rotate`); else the old one goes on."""
        try:
            key = keys.coming(self._configuration.settings.state, self._origin.name)
        except (JournalError, OSError) as error:
            log.error("event=rotate taken=no why=%r", str(error))
            return
        if key is not None:
            self._writer.rotate(key)
            log.info("event=rotate taken=yes key=%s", key.vkey)

    def _end(self) -> None:
        """The last lines. What is in flight is cancelled: its slots were planned, and have no answer."""
        self._notifier.stopping()
        at = self._clock.now()
        self._engine.interrupt(at, GapReason.STOPPED)
        self._writer.append(record.Stop(seq=0, at=at))

    async def close(self) -> None:
        await self._cosigners.close()
        kept = await self._writer.close(patience_s=CLOSING_S)
        self._observer.close()
        await self._network.close()
        log.info("event=stopped origin=%s kept=%s", self._origin.name, "all" if kept else "not all")

    # ------------------------------------------------------------------------------------------------ keepers

    async def _measure(self) -> None:
        """Run the engine, and another one when a reload brings another plan."""
        while True:
            measuring = asyncio.create_task(self._engine.run())
            hup = asyncio.create_task(self._hup.wait())
            try:
                await asyncio.wait((measuring, hup), return_when=asyncio.FIRST_COMPLETED)
                if measuring.done():
                    await measuring
                self._hup.clear()
                await self._renew()
            finally:
                measuring.cancel()
                hup.cancel()

    async def _renew(self) -> None:
        """Read keys and settings anew; if they will not do, the old ones hold."""
        await asyncio.to_thread(self._rotate)
        try:
            new = await asyncio.to_thread(self._reload)
            _reloadable(self._configuration.settings, new.settings)
        except UsageError as error:
            log.error("event=reload taken=no why=%r", str(error))
            return
        self._cosigners.ask(new.settings.witnesses)
        changed = new.plan != self._configuration.plan
        self._configuration = new
        self._anchors.renew(new.authorities)
        if changed:
            at = self._clock.now() + 1
            self._engine.interrupt(at, GapReason.STOPPED)
            self._engine = self._plan(max(at, self._engine.scheduler.covered_before()))
        else:
            self._admission = admission_of(new.settings, self._clock)
            self._engine.renew(new.probes, self._admission)
        log.info("event=reload taken=yes plan=%s", "new" if changed else "same")

    async def _keep_time(self) -> None:
        """Once a second: has the clock stepped? Once a minute: what the clock and this machine are worth."""
        seconds = 0
        while True:
            await asyncio.sleep(1)
            seconds += 1
            reading = self._clock.read()
            stepped = abs(reading.boot_offset - self._clock.at(0)) > self._configuration.settings.step_limit
            if stepped or seconds % 60 == 0:
                before = self._clock.now()
                reading = self._clock.observe()
                self._clock_line(reading)
                if reading.step:
                    log.warning("event=clock-step by_us=%d", reading.step)
                    self._engine.interrupt(max(before, self._clock.now()), GapReason.CLOCK)
            if seconds % 60 == 0:
                self.say_how_it_fares()

    async def _declared(self) -> None:
        """Once a second: take in what people and sources declared."""
        inbox = Inbox(self._configuration.settings.state, self._writer, now=self._clock.now)
        while True:
            await inbox.take()
            await asyncio.sleep(1)

    async def _gather(self) -> None:
        """Ask the provider for what it states by itself."""
        await Gatherer(
            state=self._configuration.settings.state,
            clock=self._clock,
            declared=self._writer.declared,
            begun=self._begun,
            current=lambda: (self._configuration.sources, self._admission),
        ).run()

    async def _feed(self) -> None:
        """Feed the watchdog while loop and scheduler advance, whatever the disk does."""
        while True:
            await asyncio.sleep((self._watchdog or MINUTE) / SECOND)
            if self._watchdog and self._clock.boot_us() - self._engine.advanced < HUNG:
                self._notifier.alive()

    # -------------------------------------------------------------------------------------------------- lines

    def _clock_line(self, reading: ClockReading) -> None:
        self._writer.append(record.Clock(seq=0, at=self._clock.now(), **dataclasses.asdict(reading)))

    def say_how_it_fares(self) -> None:
        probes = (ready.probe for ready in self._configuration.probes)
        controls = {probe.name: probe.target for probe in probes if probe.role == "control"}
        late, self._engine.scheduler.late = self._engine.scheduler.late, 0
        self._writer.append(
            record.Host(
                seq=0, at=self._clock.now(), queue=self._writer.queued, late=late, route=routes(controls),
                **dataclasses.asdict(self._observer.health()),
            )
        )  # fmt: skip

    def _gap(self, probes: tuple[str, ...], start: Instant, end: Instant, reason: GapReason) -> None:
        self._writer.append(
            record.Gap(seq=0, at=self._clock.now(), probes=probes, from_=start, to=end, reason=reason)
        )


def _start(origin: Origin, clock: Clock, now: Instant) -> record.Start:
    return record.Start(
        seq=0, at=now, format=record.FORMAT, origin=origin.name, vantage=origin.vantage, version=version(),
        python=platform.python_version(), boot=clock.boot_id(), cut=origin.cut,
        key=str(origin.key.vkey),
    )  # fmt: skip


def _begun(origin: Origin, now: Instant) -> Instant:
    """Before anything that an origin can have asked: an hour before the file of its first line, or now."""
    hours = (layout.hour_start(name) for name in origin.place.names()[:1])
    return next((hour for hour in hours if hour is not None), now) - HOUR


def _at(plan: Plan, at: Instant) -> Plan:
    return msgspec.structs.replace(plan, at=at)


def _reloadable(old: Settings, new: Settings) -> None:
    """UsageError for what only a restart can change."""
    for name in ("state", "vantage", "step_limit"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            raise UsageError(
                f"{new.path}: collector.{name}: expected {before} as before, got {after}; restart"
            )


def run(path: Path, environ: Mapping[str, str], state: Path | None = None) -> None:
    """Measure and keep the journal until SIGTERM or SIGINT; raises ConstatError where it cannot begin."""

    def reload() -> Configuration:
        return configured(path, environ, state)

    configuration = reload()
    settings = configuration.settings
    clock = Clock(step_limit=settings.step_limit)
    origin = open_origin(settings.state, settings.vantage, clock.machine_id())
    watchdog = watchdog_period(environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", ""), os.getpid())

    async def main() -> None:
        daemon = Daemon(
            configuration,
            origin,
            clock=clock,
            notifier=Notifier(environ.get("NOTIFY_SOCKET", "")),
            watchdog=watchdog,
            reload=reload,
        )
        await daemon.run()
        # Threads that wait for a disk which hangs would be waited for, for ever.
        hung = threading.Timer(LINGER_S, os._exit, (ConstatError.exit_status,))
        hung.daemon = True
        hung.start()

    # What was loaded stays as long as the process: no collection, which halts the loop, has to walk it.
    gc.freeze()
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())


def once(settings: Settings, names: Sequence[str] = ()) -> list[Sample]:
    """Run the probes of these names (all, if none is named) once and side by side; nothing is journaled.

    They share the rate budget with a collector on this host. UsageError for a name that no probe has.
    """
    known = {probe.name: probe for probe in settings.probes}
    if strangers := [name for name in names if name not in known]:
        raise UsageError(
            f"{settings.path}: expected a probe's name out of {', '.join(known)}; got {', '.join(strangers)}"
        )
    ready = made_ready(settings, [known[name] for name in names or known])
    with TemporaryDirectory(prefix="constat-once-") as nowhere:
        if not settings.state.is_dir():  # nobody measures here yet, so there is no budget to share
            settings = dataclasses.replace(settings, state=Path(nowhere))
        with asyncio.Runner(loop_factory=Loop) as runner:
            return runner.run(_once(settings, ready))


async def _once(settings: Settings, probes: Sequence[Prepared]) -> list[Sample]:
    clock, network, observer = Clock(step_limit=settings.step_limit), Network(), Observer()
    runner = Runner(network=network, clock=clock, lag=observer.lag, stalled=observer.stalled)
    admission = admission_of(settings, clock)

    async def one(ready: Prepared) -> Sample:
        if admission.stopped(ready):
            return _not_asked(ready, clock.now())
        if waits := admission.wait(ready):
            await asyncio.sleep(waits / SECOND)
            return await one(ready)
        sample = await runner.run(ready, clock.now())
        admission.answered(ready, sample)
        return msgspec.structs.replace(sample, at=clock.now())

    try:
        return await asyncio.gather(*map(one, probes))
    finally:
        observer.close()
        await network.close()


def _not_asked(ready: Prepared, now: Instant) -> Sample:
    """What a signed probe comes to once its account's credentials were rejected twice."""
    return Sample(
        seq=0, at=now, probe=ready.probe.name, slot=now, covers=0, sent=now, done=now, outcome=Outcome.BLIND,
        reason=Reason.CREDENTIALS, value=None, error=0, phases={}, facts={},
    )  # fmt: skip
