"""The one writer of an origin: takes lines without ever waiting for the disk, and says what is on it.

`append` puts a line into a queue in memory; one thread takes the batch every half second, numbers, encodes,
writes and fsyncs it. While the disk is full, read-only or hangs, lines wait up to 60 s; older ones are given
up, and once the disk is back `gap` lines with reason `journal` stand for the slots they covered. Nothing of
this raises into measuring.
"""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from collector.core import record
from collector.core.record import Declaration, Line, Plan, Sample
from collector.core.timeline import MINUTE, Duration, Instant
from collector.journal import compress, known, layout
from collector.journal.note import Key
from collector.journal.origin import Origin
from collector.journal.slots import Held, Lost, grid_of
from collector.journal.store import Store

log = logging.getLogger(__name__)

PERIOD_S = 0.5
"""How long a line waits for company at most."""

PATIENCE: Duration = MINUTE
"""How long a line waits for the disk at most."""

_Queued: TypeAlias = tuple[Duration, Line, Held]
"""When it was appended, the line, and the plan that held then."""

_Waiter: TypeAlias = tuple[asyncio.AbstractEventLoop, "asyncio.Future[bool]"]


class Writer:
    """Writes one origin until it is closed; its methods are called from one event loop.

    `now` gives the instants that files are named by, `boot` a clock that never steps (both in µs).
    `on_synced` is called in the writer's thread, after each batch, with the `seq` of the last line on disk.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        now: Callable[[], Instant],
        boot: Callable[[], Duration],
        on_synced: Callable[[int], None] | None = None,
    ) -> None:
        self.origin = origin
        self.declared = dict(origin.declared)
        """The declarations on disk, in any origin of the state directory, by their ids."""
        self._now, self._boot, self._on_synced = now, boot, on_synced
        self._store = Store(origin)
        self._wake = threading.Condition()
        # Guarded by the condition:
        self._queue: deque[_Queued] = deque()
        self._waiters: list[_Waiter] = []
        self._plan = Held(origin.recovered.state.grid, origin.recovered.state.plan_at)
        self._lost = Lost()
        self._checkpoint_wanted = self._closing = self._closed = False
        self._rotation: Key | None = None
        # The writer thread's own:
        self._in_hand = 0
        self._kept = -1
        self._synced = self._store.size - 1
        self._troubles: dict[str, str] = {}
        self._packer: threading.Thread | None = None
        self._packed = ""
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def open(self) -> None:
        """Start writing. What a crash left torn (`origin.cut` bytes) is cut before anything is appended."""
        self._thread.start()

    def append(self, line: Line) -> None:
        """Take a line, whose `seq` is set here; returns at once, whatever the disk does."""
        now = self._boot()
        with self._wake:
            if isinstance(line, Plan):
                self._plan = Held(grid_of(line), line.at)
            self._queue.append((now, line, self._plan))
            self._expire()

    def rotate(self, key: Key) -> None:
        """Have `key`, which waits beside the one that signs, sign from the next batch's end on."""
        with self._wake:
            self._rotation = key
            self._wake.notify()

    def checkpoint(self) -> None:
        """Have a checkpoint made after the next batch."""
        with self._wake:
            self._checkpoint_wanted = True

    @property
    def synced(self) -> int:
        """`seq` of the last line on disk: it survives a power cut. -1 before the first."""
        return self._synced

    @property
    def checkpoint_number(self) -> int:
        """Number of the last checkpoint on disk; 0 before the first."""
        return self._store.checkpoint_number

    @property
    def queued(self) -> int:
        """Lines that wait for the disk."""
        return len(self._queue) + self._in_hand

    @property
    def trouble(self) -> str:
        """Why lines cannot be written now; empty while they can."""
        return self._troubles.get("lines", "")

    async def flush(self) -> bool:
        """Have all lines so far written now; False if the disk would not have them (they are tried again)."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        with self._wake:
            self._waiters.append((loop, done))
            self._wake.notify()
        return await done

    async def close(self, *, patience_s: float = 4.0) -> bool:
        """Write what is left, make a checkpoint, let the origin go; whether everything is on disk."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join, patience_s)
        if self._thread.is_alive():
            log.error("origin=%s closed=no lines=%d why=%r", self.origin.name, self.queued, "the disk hangs")
            return False
        if not self._closed:
            self._closed = True
            self.origin.release()
        return not self._queue and not self._lost

    # -------------------------------------------------------------------------------- the writer's thread

    def _run(self) -> None:
        while self._turn():
            pass
        if self._packer is not None:
            self._packer.join()

    def _turn(self) -> bool:
        """One batch; whether there will be another."""
        with self._wake:
            self._wake.wait_for(lambda: self._waiters or self._closing, PERIOD_S)
            closing, waiters, self._waiters = self._closing, self._waiters, []
            # Put back, what stands for lost lines must count as lost again at once.
            long_ago = self._boot() - 2 * PATIENCE
            batch = [(long_ago, *kept) for kept in self._lost.take(self._now())] + list(self._queue)
            self._queue.clear()
            self._in_hand = len(batch)
            checkpoint_wanted, self._checkpoint_wanted = self._checkpoint_wanted, False
            rotation, self._rotation = self._rotation, None
        written = not (batch or rotation) or self._attempt("lines", lambda: self._write(batch, rotation))
        if not written:
            self._put_back(batch, rotation)
        self._in_hand = 0
        for loop, done in waiters:
            _tell(loop, done, written)
        if checkpoint_wanted and not self._attempt("checkpoint", self._store.checkpoint):
            self.checkpoint()
        self._attempt("house", self._keep_house)
        if closing:
            self._attempt("house", self._store.close)
        return not closing

    def _write(self, batch: list[_Queued], rotation: Key | None) -> None:
        lines, data = self._encoded(batch)
        if rotation is not None and (line := self._store.rotation(rotation, self._now())) is not None:
            lines.append(msgspec.structs.replace(line, seq=self._store.size + len(lines)))
            data.append(record.encode(lines[-1]))
        if not lines:
            return
        self._store.append(lines, data, self._now())
        self._synced = self._store.size - 1
        self.declared.update((line.id, known.of(line)) for line in lines if isinstance(line, Declaration))
        if self._on_synced is not None:
            self._attempt("callback", lambda: self._on_synced and self._on_synced(self._synced))

    def _encoded(self, batch: list[_Queued]) -> tuple[list[Line], list[bytes]]:
        """The batch, numbered, and its bytes."""
        lines: list[Line] = []
        data: list[bytes] = []
        for _, given, plan in batch:
            for line in (given, *_in_its_stead(given, plan)):
                numbered = msgspec.structs.replace(line, seq=self._store.size + len(lines))
                try:
                    data.append(record.encode(numbered))
                except (ValueError, TypeError) as error:
                    log.error("origin=%s line=%s encoded=no why=%r", self.origin.name, type(line), str(error))
                else:
                    lines.append(numbered)
                    break
        return lines, data

    def _put_back(self, batch: list[_Queued], rotation: Key | None) -> None:
        """Keep what could not be written for the next attempt; give it up where younger lines were."""
        with self._wake:
            self._rotation = self._rotation or rotation
            if self._lost:
                younger, self._lost = self._lost, Lost()
                for _, line, plan in batch:
                    self._lost.give_up(line, plan)
                self._lost.followed_by(younger)
            else:
                self._queue.extendleft(reversed(batch))
                self._expire()

    def _expire(self) -> None:
        """Give up what waited too long; the condition is held."""
        oldest = self._boot() - PATIENCE
        while self._queue and self._queue[0][0] < oldest:
            _, line, plan = self._queue.popleft()
            self._lost.give_up(line, plan)

    def _keep_house(self) -> None:
        """All that may lag behind the lines."""
        now = self._now()
        if self._store.hour_over(now):
            self._store.checkpoint()
        if self._kept != self._store.size:
            self._store.keep()
            self._kept = self._store.size
        if self._packed != (hour := layout.hour_name(now)) and (
            self._packer is None or not self._packer.is_alive()
        ):
            self._packed = hour
            due = compress.due(self.origin.place.directory, self._store.file, now)
            if due:
                self._packer = threading.Thread(
                    target=self._pack, args=(due,), name="journal-gzip", daemon=True
                )
                self._packer.start()

    def _pack(self, due: list[Path]) -> None:
        compress.lower_priority()
        for path in due:
            try:
                compress.compress(path, lambda: self._closing)
            except OSError as error:
                # Tried again in an hour; the plain file stays and is as good.
                log.error("origin=%s file=%s gzipped=no why=%r", self.origin.name, path.name, str(error))

    def _attempt(self, what: str, action: Callable[[], object]) -> bool:
        """Whether `action` came through; a change of that is told in one line of the log."""
        try:
            action()
        except OSError as error:
            return self._state(what, str(error), error)
        except Exception as error:
            # Ours, and told so: but even then measuring goes on, and the lines wait.
            return self._state(what, repr(error), error)
        return self._state(what, "", None)

    def _state(self, what: str, why: str, error: Exception | None) -> bool:
        if why != self._troubles.get(what, ""):
            self._troubles[what] = why
            if error is None:
                log.warning("origin=%s %s=well", self.origin.name, what)
            else:
                bug = None if isinstance(error, OSError) else error
                log.error("origin=%s %s=failing why=%r", self.origin.name, what, why, exc_info=bug)
        return not why


def _in_its_stead(line: Line, plan: Held) -> list[Line]:
    """What stands for a line that cannot be encoded."""
    lost = Lost()
    if isinstance(line, Sample):
        lost.give_up(line, plan)
    return [gap for gap, _ in lost.take(line.at)]


def _tell(loop: asyncio.AbstractEventLoop, done: "asyncio.Future[bool]", written: bool) -> None:
    def tell() -> None:
        if not done.done():
            done.set_result(written)

    # A loop that has ended waits for nothing.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(tell)
