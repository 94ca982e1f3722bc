"""Has checkpoints stamped, by each authority for itself, and says in the journal who stamped what, and when.

An authority is the outside world: it may be away, slow, or give anything for an answer. Each has a keeper of
its own, which costs measuring nothing, tries again with growing pauses, and puts on record when stamps fail
to come and when they come again. What is not stamped now is covered by the next stamp.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path

from collector.core.record import Anchor, Declaration
from collector.core.timeline import MINUTE, SECOND, Duration, Instant
from collector.errors import ConstatError
from collector.host import openssl
from collector.host.openssl import OpensslError
from collector.journal import checkpoint, layout, timestamp, trust
from collector.journal.authority import Authority, Stamped, judged, stamp
from collector.journal.layout import OriginDir
from collector.journal.timestamp import Token
from collector.journal.writer import Writer

log = logging.getLogger(__name__)

POLL_S = 1.0
"""How often a keeper looks for a new checkpoint: a number in memory."""

PAUSE: Duration = 15 * SECOND
"""Before an authority that failed is asked again; it doubles each time, up to `PAUSE_MAX`."""

PAUSE_MAX: Duration = 10 * MINUTE

_WHY_MAX = 300
_FILES = 3


class Anchors:
    """The keepers of all authorities, for the origin that `writer` writes.

    `now` is the journal's time, `boot` a clock that never steps. A stamp whose time is further than
    `tolerance`, which may change, from ours is kept all the same: it is the authority's clock that proves,
    and ours may be the one that is wrong. That they differ is put on record.
    """

    def __init__(
        self,
        state: Path,
        writer: Writer,
        *,
        now: Callable[[], Instant],
        boot: Callable[[], Duration],
        tolerance: Callable[[], Duration],
    ) -> None:
        self._state, self._writer, self._now, self._boot = state, writer, now, boot
        self._tolerance = tolerance
        self._wanted: tuple[Authority, ...] = ()
        self._changed = asyncio.Event()

    def renew(self, authorities: Iterable[Authority]) -> None:
        """Ask these from now on; what is known of those that stay the same is kept."""
        self._wanted = tuple(authorities)
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled; nothing that an authority does ends it, and nothing of it raises."""
        tasks: dict[Authority, asyncio.Task[None]] = {}
        try:
            while True:
                self._changed.clear()
                await _ended(tasks.pop(gone) for gone in tasks.keys() - set(self._wanted))
                for authority in self._wanted:
                    if authority not in tasks:
                        tasks[authority] = asyncio.create_task(self._keeper(authority).run())
                await self._changed.wait()
        finally:
            await _ended(tasks.values())

    def _keeper(self, authority: Authority) -> "Keeper":
        return Keeper(
            authority, self._state, self._writer, now=self._now, boot=self._boot, tolerance=self._tolerance
        )


def longer(pause: Duration) -> Duration:
    """How long to wait after another failure, where it was `pause` before; 0 where it was none."""
    return min(2 * pause, PAUSE_MAX) or PAUSE


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


class Keeper:
    """Has one authority stamp the newest checkpoint, whenever there is one that it has not."""

    def __init__(
        self,
        authority: Authority,
        state: Path,
        writer: Writer,
        *,
        now: Callable[[], Instant],
        boot: Callable[[], Duration],
        tolerance: Callable[[], Duration],
    ) -> None:
        self._authority, self._state, self._writer = authority, state, writer
        self._now, self._boot, self._tolerance = now, boot, tolerance
        assert writer.origin.place.checkpoints is not None
        self._checkpoints = writer.origin.place.checkpoints
        self._stamped: int | None = None
        """Number of the last checkpoint it stamped; None until that was looked up."""
        self._last: Instant | None = None
        """Time of that stamp."""
        self._due: Duration = 0
        self._pause: Duration = 0
        self._away: Instant | None = None
        self._differs = False

    async def run(self) -> None:
        while True:
            if self._boot() >= self._due:
                await self._turn()
            await asyncio.sleep(POLL_S)

    async def _turn(self) -> None:
        try:
            if self._stamped is None:
                await self._resume()
            elif self._writer.checkpoint_number > self._stamped:
                await self._stamp(self._writer.checkpoint_number)
        except (ConstatError, OSError) as error:
            self._failed(str(error))
        except Exception as error:
            # Ours, and told so: but even then measuring goes on, and stamping is tried again.
            if self._away is None:
                log.exception("authority=%s", self._authority.name)
            self._failed(repr(error))

    # ---------------------------------------------------------------------------------------------- stamping

    async def _stamp(self, number: int) -> None:
        note = await asyncio.to_thread(self._path(number, ".txt").read_bytes)
        # Each time, for lists that were renewed: the files are small, and the stamps few.
        authority = await asyncio.to_thread(trust.keep, self._state, self._authority)
        asked = self._now()
        stamped = await stamp(authority, note)
        answered = self._now()
        await asyncio.to_thread(self._write, number, stamped)
        self._anchor(note, stamped.tsr, stamped.token)
        self._stamped = number
        self._came(stamped.token)
        self._compare(stamped.token, asked, answered)

    def _write(self, number: int, stamped: Stamped) -> None:
        """The answer last: where it is, the question is."""
        layout.replace(self._path(number, ".tsq"), stamped.tsq)
        layout.replace(self._path(number, ".tsr"), stamped.tsr)

    def _anchor(self, note: bytes, response: bytes, token: Token) -> None:
        stated = checkpoint.parse(note)
        self._writer.append(
            Anchor(
                seq=0, at=self._now(), size=stated.size, root=stated.root.hex(),
                authority=self._authority.name, token=sha256(response).hexdigest(),
                gen_time=token.gen_time, accuracy=token.accuracy,
            )
        )  # fmt: skip

    def _path(self, number: int, end: str) -> Path:
        if end == ".txt":
            return layout.checkpoint_path(self._checkpoints, number)
        return layout.stamp_path(self._checkpoints, number, self._authority.name, end)

    # --------------------------------------------------------------------------------------------- beginning

    async def _resume(self) -> None:
        """Go on from the newest stamp on disk; a crash may have come before its line."""
        authority = await asyncio.to_thread(trust.keep, self._state, self._authority)
        found = await asyncio.to_thread(self._newest)
        if found is None:
            self._stamped = 0
            return
        if found.told or await self._complete(authority, found):
            self._last = timestamp.parse(found.response).gen_time
            waited = max(0, self._now() - self._last)
            self._due = self._boot() + max(0, authority.every - waited)
        self._stamped = found.number

    async def _complete(self, authority: Authority, found: "_Found") -> bool:
        """Append the line of a stamp that has none; False for one that will not do, which stays as it is."""
        if why := await asyncio.to_thread(openssl.missing):
            raise OpensslError(why)
        place = f"authority={authority.name} checkpoint={found.number:06d}"
        try:
            token = await asyncio.to_thread(judged, authority, found.note, found.query, found.response)
        except ConstatError as error:
            log.error("%s anchor=none why=%r", place, str(error))
            return False
        log.warning("%s anchor=completed", place)
        self._anchor(found.note, found.response, token)
        return True

    def _newest(self) -> "_Found | None":
        numbers = layout.stamp_numbers(self._checkpoints, self._authority.name)
        if not numbers:
            return None
        answer = self._path(numbers[-1], ".tsr")
        note, query, response = (
            path.read_bytes() if path.exists() else b""
            for path in (self._path(numbers[-1], ".txt"), self._path(numbers[-1], ".tsq"), answer)
        )
        came = answer.stat().st_mtime_ns // 1000
        told = _told(self._writer.origin.place, sha256(response).hexdigest(), came)
        return _Found(number=numbers[-1], note=note, query=query, response=response, told=told)

    # -------------------------------------------------------------------------------------------- on record

    def _failed(self, why: str) -> None:
        self._pause = longer(self._pause)
        self._due = self._boot() + self._pause
        if self._away is not None:
            return  # it is known
        self._away = self._now()
        why = " ".join(why.split())[:_WHY_MAX]
        log.warning("authority=%s stamps=none why=%r", self._authority.name, why)
        since = "yet" if self._last is None else f"since {_utc(self._last)}"
        self._declare(f"no time stamp {since}: {why}")

    def _came(self, token: Token) -> None:
        self._pause, self._last = 0, token.gen_time
        self._due = self._boot() + self._authority.every
        if self._away is None:
            return
        log.warning("authority=%s stamps=again", self._authority.name)
        away, again = _utc(self._away), _utc(token.gen_time)
        self._declare(f"time stamps again since {again}, after none could be had since {away}")
        self._away = None

    def _compare(self, token: Token, asked: Instant, answered: Instant) -> None:
        """Each stamp is a clock check that somebody else signed."""
        margin = self._tolerance() + (token.accuracy or 0)
        by = max(asked - token.gen_time, token.gen_time - answered, 0)
        if (by > margin) is not self._differs:
            self._differs = by > margin
            differ = "differ" if self._differs else "agree again"
            log.warning(
                "authority=%s clocks=%s by_ms=%d", self._authority.name, differ.replace(" ", "-"), by // 1000
            )
            self._declare(
                f"its clock and ours {differ}: its stamp is of {_utc(token.gen_time)}, asked for at "
                f"{_utc(asked)} and there at {_utc(answered)}"
            )

    def _declare(self, text: str) -> None:
        """Put a fact about this authority on record."""
        self._writer.append(
            Declaration(
                seq=0, at=self._now(), id=f"anchor-{secrets.token_hex(8)}", kind="note", by="constat",
                text=f"authority {self._authority.name}: {text}",
            )
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The newest stamp on disk."""

    number: int
    note: bytes
    query: bytes
    response: bytes
    told: bool
    """Whether the journal has its line."""


def _told(place: OriginDir, token: str, since: Instant) -> bool:
    """Whether a line of the files that were written when the stamp came, or soon after, names its token."""
    first = layout.hour_name(since - MINUTE)
    needle = token.encode()
    for name in islice((name for name in place.names() if name >= first), _FILES):
        with layout.opened(place, name) as stream:
            if any(needle in line for line in stream):
                return True
    return False


def _utc(at: Instant) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
