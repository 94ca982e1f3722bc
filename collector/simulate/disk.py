"""An origin's files, written hour by hour with the collector's own store, and gzipped once closed."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from collector.core.record import Line, encode
from collector.core.timeline import HOUR, Instant
from collector.journal import compress, layout
from collector.journal.layout import OriginDir
from collector.journal.note import Key
from collector.journal.origin import Origin
from collector.journal.recovery import Recovered
from collector.journal.store import Store
from collector.simulate.chance import source

Closing: TypeAlias = "Future[None]"

MANY = 50_000
"""So many lines are kept in memory at most before they are written."""
BEHIND = 8
"""So many files may wait to be gzipped."""
NOBODY = -1
"""No lock: the directory is new, and nothing else writes it."""


class Disk:
    """Takes the lines of one origin in their order, numbered; writes them hour by hour."""

    def __init__(self, state: Path, vantage: str, origin: str, seed: int) -> None:
        # Signed like any other, by a key that anybody can make who knows the seed: it proves nothing.
        secret = source(seed, origin, "key").randbytes(32)
        self.key = Key(origin, Ed25519PrivateKey.from_private_bytes(secret))
        checkpoints = state / "checkpoints" / origin
        place = OriginDir(name=origin, directory=state / "journal" / origin, checkpoints=checkpoints)
        for directory in (place.directory, checkpoints):
            layout.make_directory(directory)
        self.directory = place.directory
        self._store = Store(
            Origin(
                place=place, vantage=vantage, new=True, recovered=Recovered(), key=self.key, declared={},
                lock=NOBODY,
            )
        )  # fmt: skip
        self._lines: list[Line] = []
        self._until: Instant = 0
        self._gzip = ThreadPoolExecutor(1)
        self._waiting: list[Closing] = []
        self.next = 0
        """The `seq` of the next line."""

    def append(self, line: Line) -> None:
        """The next line; its `seq` is `next`."""
        if line.at >= self._until or len(self._lines) >= MANY:
            self._flush()
            self._until = max(self._until, line.at - line.at % HOUR + HOUR)
        self._lines.append(line)
        self.next += 1

    def close(self) -> None:
        """Everything on disk, every file but the last gzipped."""
        self._flush()
        self._store.close()
        while self._waiting:
            self._waiting.pop(0).result()
        self._gzip.shutdown()

    def _flush(self) -> None:
        if not self._lines:
            return
        before = self._store.file
        self._store.append(self._lines, [encode(line) for line in self._lines], self._lines[0].at)
        self._lines = []
        if before not in ("", self._store.file):
            path = self.directory / (before + layout.LINES)
            self._waiting.append(self._gzip.submit(compress.compress, path, lambda: False))
            while len(self._waiting) > BEHIND:
                self._waiting.pop(0).result()
