"""A night with the demonstration API: a clock that can be moved, a real journal, and a gatherer."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from collector.core.record import Declaration
from collector.core.timeline import HOUR, SECOND, Duration, Instant
from collector.demo.api import REGION, Api
from collector.gather import Gatherer, Ready
from collector.host.clock import Clock
from collector.journal import reader
from collector.journal.inbox import Inbox
from collector.journal.origin import open_origin
from collector.journal.writer import Writer
from collector.measure.budget import BudgetFile, Turns
from collector.measure.engine import Admission
from collector.settings import Source
from collector.sources import sources
from collector.wire.sigv4 import OSC4, Signer

KEY, SECRET = "AKDEMO", "SKDEMO"


class Mover(Clock):
    """The real clock, moved ahead at will: boot and wall time together, or the wall alone."""

    ahead: Duration = 0
    stepped: Duration = 0

    def boot_us(self) -> Duration:
        return super().boot_us() + self.ahead

    def now(self) -> Instant:
        return super().now() + self.ahead + self.stepped

    def at(self, boot: Duration) -> Instant:
        return super().at(boot) + self.stepped

    def wall_us(self) -> Instant:
        return super().wall_us() + self.ahead + self.stepped


@dataclass
class Night:
    """Everything there is at half past two."""

    state: Path
    clock: Mover = field(default_factory=Mover)
    secret: str = SECRET
    settle: Duration = 2 * SECOND
    every: Duration | None = None

    def __post_init__(self) -> None:
        self.api = Api("api", {KEY: SECRET}, clock=lambda: Clock().wall_us() + self.clock.ahead)
        self.api.limits.account_per_second = self.api.limits.identical_apart = 0
        self.begun = self.clock.now() - HOUR
        self.admission = Admission(BudgetFile(self.state / "budget", Turns()), self.clock)

    async def start(self) -> None:
        """As the collector starts."""
        origin = open_origin(self.state, "here", "machine")
        self.writer = Writer(origin, now=self.clock.now, boot=self.clock.boot_us)
        self.writer.open()
        self.inbox = Inbox(self.state, self.writer, now=self.clock.now)
        self.renew()
        self.gatherer = Gatherer(
            state=self.state,
            clock=self.clock,
            declared=self.writer.declared,
            begun=self.begun,
            current=lambda: ((self.ready,), self.admission),
        )

    def renew(self) -> None:
        """Read the settings anew."""
        source = Source(
            kind="api-logs", account="42", region=REGION, target=self.api.url, at=2 * HOUR,
            every=self.every, settle=self.settle, credentials="keys",
        )  # fmt: skip
        keys = {"access_key": KEY, "secret_key": self.secret}
        self.ready = Ready(source=source, spec=sources()["api-logs"], credentials=keys, access_keys=(KEY,))

    async def stop(self) -> None:
        assert await self.writer.close(patience_s=5)

    async def look(self) -> None:
        """What the gatherer does at its turn, and the inbox at its own."""
        await self.gatherer.look(self.ready)
        await self.inbox.take()

    def pass_(self, time: Duration) -> None:
        self.clock.ahead += time

    async def calls(self, number: int = 1, *, at_once: int = 50) -> list[str]:
        """Signed reads; gives their request ids."""
        body, path = b"{}", "/api/v1/ReadVms"
        signer = Signer(brand=OSC4, region=REGION, service="api", access_key=KEY, secret_key=SECRET)
        named = {"content-type": "application/json", "host": self.api.address}
        connector = aiohttp.TCPConnector(limit=at_once)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def one() -> str:
                headers = signer.headers("POST", path, named, body, self.clock.wall_us())
                async with session.post(self.api.url + path, data=body, headers=headers) as answer:
                    return str((await answer.json())["ResponseContext"]["RequestId"])

            return list(await asyncio.gather(*(one() for _ in range(number))))

    def notes(self) -> list[Declaration]:
        """What stands in the journal."""
        return [
            line
            for place in reader.origins(self.state)
            for batch in reader.read(place)
            if isinstance(batch, reader.Batch)
            for line in batch.lines
            if isinstance(line, Declaration)
        ]

    def document(self, note: Declaration) -> dict[str, Any]:
        assert note.document is not None
        data = gzip.decompress((self.state / "documents" / note.document).read_bytes())
        return msgspec.json.decode(data, type=dict[str, Any])

    def gathered(self) -> list[str]:
        """Request ids of calls in the documents of all notes, each as often as it is there."""
        return [
            log["RequestId"]
            for note in self.notes()
            if note.document is not None
            for page in self.document(note)["pages"]
            for log in page["logs"]
            if log["QueryCallName"] == "ReadVms"
        ]


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[Night]:
    (tmp_path / "state").mkdir()
    night = Night(tmp_path / "state")
    await night.api.start()
    await night.start()
    yield night
    await night.stop()
    await night.api.stop()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Requests follow each other at once, as do attempts at one; from the time it is called."""

    def now() -> None:
        monkeypatch.setattr("collector.gather.AGAIN", 0)
        monkeypatch.setattr("collector.measure.budget.APART", 0)

    return now
