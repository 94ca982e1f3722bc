"""Asks the provider for what it states by itself, seldom and with patience, and puts it on record.

What came of a stretch of time is kept as a document; a `note` refers to it. The ids of these notes say which
account and stretch they are about, so that the journal itself tells how far one has come: a missed night is
caught up, and nothing is asked for or told twice, across restarts and crashes. A failure is told once, until
something comes again. All of this waits its turn behind the probes, and whatever breaks in it stays in it.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.core.timeline import HOUR, MINUTE, SECOND, Duration, Instant, Span
from collector.errors import ConfigurationError
from collector.host.clock import Clock
from collector.journal import documents, inbox
from collector.measure.engine import Admission
from collector.measure.runner import Prepared
from collector.settings import Settings, Source
from collector.source import SourceContext, SourceError, SourceRejected, SourceSpec
from collector.sources import sources

log = logging.getLogger(__name__)

BACK_OFF_FIRST: Duration = MINUTE
BACK_OFF_LIMIT: Duration = HOUR
AGAIN: Duration = 2 * SECOND
"""Before the second attempt at one request; twice as long before the next."""
PATIENCE: Duration = 10 * MINUTE
"""How long one request waits until no probe is near."""
REJECTIONS = 2
"""Refused so often in a row, a source rests until settings are read anew: four would lock the account."""
LOST: Duration = HOUR
"""So much of what the provider keeps is let go: it is about to be deleted while it is asked for."""
TURN_S = 1.0

_ID = re.compile(r"(?P<kind>[a-z-]+):(?P<account>[^:]+):(?P<start>\d+):(?P<end>\d+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A source with all that its requests need."""

    source: Source
    spec: SourceSpec
    credentials: Mapping[str, str] = field(repr=False)
    access_keys: tuple[str, ...] = field(repr=False)


def made_ready(settings: Settings, probes: Iterable[Prepared]) -> tuple[Ready, ...]:
    """The sources of some settings; ConfigurationError tells all credentials that are not there."""
    ready, problems, probes = [], [], tuple(probes)
    for source in settings.stating:
        try:
            credentials = settings.credentials_of_source(source)
        except ConfigurationError as error:
            problems += error.problems
            continue
        signing = [
            probe.credentials["access_key"]
            for probe in probes
            if probe.signed and probe.spec.provider_api and probe.account == source.account
        ]
        keys = tuple(sorted({credentials["access_key"], *signing}))
        spec = sources()[source.kind]
        ready.append(Ready(source=source, spec=spec, credentials=credentials, access_keys=keys))
    if problems:
        raise ConfigurationError(problems)
    return tuple(ready)


def note_id(source: Source, stretch: Span) -> str:
    """What the note about a stretch is called."""
    return f"{source.kind}:{source.account}:{stretch.start}:{stretch.end}"


def stretches(ids: Iterable[str], kind: str, account: str) -> Iterator[Span]:
    """What the ids of declarations say was gathered."""
    for id_ in ids:
        found = _ID.fullmatch(id_)
        if found and (found["kind"], found["account"]) == (kind, account):
            yield Span(int(found["start"]), int(found["end"]))


@dataclass(slots=True)
class _Standing:
    """How far a source has come, and how it fares."""

    ready: Ready
    reached: Instant | None
    """None if nothing was ever gathered."""
    until: Duration = 0
    """Nothing is tried before, in boot time."""
    pause: Duration = 0
    """How long that was."""
    rejected: int = 0
    """Times in a row."""


class Gatherer:
    """Asks the sources that `current` names at each turn, one after the other, until it is cancelled.

    `declared` has the ids that are in the journal; nothing is older than `begun`.
    """

    def __init__(
        self,
        *,
        state: Path,
        clock: Clock,
        declared: Mapping[str, object],
        begun: Instant,
        current: Callable[[], tuple[Sequence[Ready], Admission]],
    ) -> None:
        self._state, self._clock, self._declared, self._begun = state, clock, declared, begun
        self._current = current
        self._standing: dict[tuple[str, str], _Standing] = {}
        self._handed_in: set[str] = set()

    async def run(self) -> None:
        """Once a second: is a source due? It ends only when it is cancelled."""
        while True:
            for ready in self._current()[0]:
                await self.look(ready)
            await asyncio.sleep(TURN_S)

    async def look(self, ready: Ready) -> None:
        """Ask a source for all that is missing by now, if it is due. What goes wrong is told, not raised."""
        standing = self._of(ready)
        if self._clock.boot_us() < standing.until or standing.rejected >= REJECTIONS:
            return
        now = self._clock.now()
        asked = None if standing.reached is None else standing.reached + ready.source.settle
        if now < ready.source.due(asked):
            return
        try:
            while (stretch := self._next(standing, now)) is not None:
                await self._gather(ready, stretch)
                standing.reached = stretch.end
        except Exception as error:  # a source is never worth a sample: not even a mistake in it
            if not isinstance(error, SourceError | OSError):
                log.exception("event=source-bug source=%s; please report it", ready.source.kind)
            await self._failed(standing, error)
        else:
            standing.pause = standing.rejected = 0

    def _of(self, ready: Ready) -> _Standing:
        """How a source stands; one whose settings were read anew begins anew, from where it had come."""
        key = (ready.source.kind, ready.source.account)
        found = self._standing.get(key)
        if found is None or found.ready is not ready:
            known = {*self._declared, *self._handed_in, *self._in_the_inbox()}
            reached = max((stretch.end for stretch in stretches(known, *key)), default=None)
            self._standing[key] = found = _Standing(ready, reached)
        return found

    def _next(self, standing: _Standing, now: Instant) -> Span | None:
        """The stretch to ask for next: as much as one document holds, nothing that is gone or not there yet.

        Where our clock went back, there is none until it has caught up.
        """
        spec, settle = standing.ready.spec, standing.ready.source.settle
        start = max(self._from(standing), now - spec.keeps + LOST) // SECOND * SECOND
        end = min(start + spec.stretch, now - settle) // SECOND * SECOND
        return Span(start, end) if start < end else None

    def _from(self, standing: _Standing) -> Instant:
        return self._begun if standing.reached is None else standing.reached

    async def _gather(self, ready: Ready, stretch: Span) -> None:
        gathered = await ready.spec.run(self._context(ready), stretch)
        digest = await asyncio.to_thread(documents.keep, self._state, gathered.document)
        text = (
            f"{ready.spec.says}, account {ready.source.account}, "
            f"from {_written(stretch.start)} to {_written(stretch.end)}, entries: {gathered.entries}"
        )
        await self._declare(ready.source, note_id(ready.source, stretch), text, document=digest)
        log.info("event=gathered source=%s entries=%d", ready.source.kind, gathered.entries)

    async def _failed(self, standing: _Standing, error: Exception) -> None:
        """Wait longer each time; the first time since something came, say so on record."""
        ready, start = standing.ready, self._from(standing)
        shortest = min(BACK_OFF_FIRST, ready.source.every or BACK_OFF_FIRST)
        standing.pause = min(BACK_OFF_LIMIT, 2 * standing.pause or shortest)
        standing.rejected = standing.rejected + 1 if isinstance(error, SourceRejected) else 0
        if standing.rejected:
            standing.pause = BACK_OFF_LIMIT
        standing.until = self._clock.boot_us() + standing.pause
        known = isinstance(error, SourceError | OSError)
        why = str(error) if known else f"a mistake of ours ({type(error).__name__})"
        log.warning(
            "event=source-failed source=%s account=%s again_in_s=%s why=%r",
            ready.source.kind, ready.source.account,
            standing.pause // SECOND if standing.rejected < REJECTIONS else "never", why,
        )  # fmt: skip
        text = f"{ready.spec.says}, account {ready.source.account}, could not be had from "
        text += f"{_written(start)} on: {why}"
        try:
            await self._declare(
                ready.source, f"{ready.source.kind}:{ready.source.account}:failed:{start}", text
            )
        except OSError as trouble:
            log.warning("event=source-failed told=no why=%r", str(trouble))

    async def _declare(self, source: Source, id_: str, text: str, **more: str) -> None:
        """Hand in a note, once."""
        if id_ in self._declared or id_ in self._handed_in:
            return
        note = {"id": id_, "kind": "note", "by": source.kind, "text": text, **more}
        await asyncio.to_thread(inbox.submit, self._state, {**note, "received": self._clock.now()})
        self._handed_in.add(id_)

    def _in_the_inbox(self) -> set[str]:
        """Ids that a crash left on their way."""
        try:
            return inbox.waiting(self._state)
        except OSError:  # the worst that follows is that a stretch is gathered twice
            return set()

    # ----------------------------------------------------------------------------------- what a source may do

    def _context(self, ready: Ready) -> SourceContext:
        account = ready.source.account

        async def admitted(request: str) -> None:
            until = self._clock.boot_us() + PATIENCE
            while True:
                admission = self._current()[1]
                if admission.rejected(account):
                    raise SourceRejected("credentials were rejected twice, more would lock the account")
                waits = admission.take(account, request, lull=True)
                if waits == 0:
                    return
                if self._clock.boot_us() + waits > until:
                    raise SourceError("expected a second without a request of ours, got none in 10 minutes")
                await asyncio.sleep(waits / SECOND)

        async def pause(attempt: int) -> None:
            await asyncio.sleep(AGAIN * 2 ** (attempt - 1) / SECOND)

        return SourceContext(
            account=account,
            region=ready.source.region,
            target=ready.source.target,
            credentials=ready.credentials,
            access_keys=ready.access_keys,
            wall=self._clock.wall_us,
            admitted=admitted,
            answered=lambda outcome, reason: self._current()[1].told(account, outcome, reason),
            pause=pause,
        )


def _written(at: Instant) -> str:
    return (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="seconds")
