"""Lines and journals for the tests: real files, written by the real store."""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from collector.core import record
from collector.core.record import Line, Outcome, Plan, Probe, Reason, Sample
from collector.core.timeline import HOUR, SECOND, Instant
from collector.journal import checkpoint, layout, note
from collector.journal.merkle import leaf_hashes
from collector.journal.note import Vkey
from collector.journal.origin import Origin, open_origin
from collector.journal.reader import Batch, Damage, OriginDir, Position, read
from collector.journal.store import Store

NOON: Instant = 1_795_176_000_000_000
"""2026-11-20T12:00:00Z."""


def sample(at: Instant = NOON, *, seq: int = 0, probe: str = "api", covers: int = 1) -> Sample:
    return Sample(
        seq=seq, at=at, probe=probe, slot=at, covers=covers, sent=at, done=at + 9000, outcome=Outcome.OK,
        reason=Reason.NONE, value=9000, error=0, phases={}, facts={},
    )  # fmt: skip


def probe(name: str, interval: int = 10 * SECOND, phase: int = 0) -> Probe:
    return Probe(
        name=name, kind="tcp", target="t", interval=interval, burst=SECOND, phase=phase, timeout=SECOND,
        sight=interval, persistence=SECOND,
    )  # fmt: skip


def plan(*probes: Probe, at: Instant = NOON) -> Plan:
    return Plan(seq=0, at=at, contract="c", contract_sha256="", accounts=(), services=(), probes=probes)


def start(origin: Origin, key: str | None = None) -> record.Start:
    """The first line of a run, with the key of the origin, unless told otherwise."""
    return record.Start(
        seq=0, at=NOON, format=record.FORMAT, origin=origin.name, vantage="paris", version="1",
        python="3", boot="b", cut=0, key=str(origin.key.vkey) if key is None else key,
    )  # fmt: skip


def declaration(id_: str) -> record.Declaration:
    return record.Declaration(seq=0, at=NOON, id=id_, kind="note", by="fh", text="t")


class Journal:
    """An origin that a test writes; closed by `close` in good order, or by `crash` without."""

    def __init__(self, state: Path, machine: str = "m", vantage: str = "paris") -> None:
        self.origin: Origin = open_origin(state, vantage, machine)
        self.store = Store(self.origin)

    @property
    def place(self) -> OriginDir:
        return self.origin.place

    def append(self, lines: Sequence[Line], now: Instant = NOON) -> None:
        numbered = [msgspec.structs.replace(line, seq=self.store.size + k) for k, line in enumerate(lines)]
        self.store.append(numbered, [record.encode(line) for line in numbered], now)
        self.store.keep()

    def samples(self, count: int, now: Instant = NOON) -> None:
        """Samples, a second apart from the hour's beginning on."""
        self.append([sample(now + k * SECOND) for k in range(count)], now)

    def close(self) -> None:
        self.store.close()
        self.origin.release()

    def crash(self) -> None:
        """As a kill leaves it: what was written stays, nothing more is."""
        self.origin.release()


def three_hours(state: Path, each: int = 600) -> OriginDir:
    """An origin of three hour files of `each` lines."""
    journal = Journal(state)
    for hour in range(3):
        for _ in range(each // 100):
            journal.samples(100, NOON + hour * HOUR)
    journal.close()
    return journal.place


def raw_lines(place: OriginDir) -> list[bytes]:
    """All whole lines, as they lie there."""
    found: list[bytes] = []
    for name in place.names():
        with layout.opened(place, name) as stream:
            found += stream.read().split(b"\n")[:-1]
    return found


def naive_root(place: OriginDir) -> bytes:
    return naive(leaf_hashes(raw_lines(place)))


def everything(place: OriginDir, after: Position | None = None) -> tuple[list[int], list[Damage]]:
    """`seq` of all lines read, and the damage."""
    seqs: list[int] = []
    damage: list[Damage] = []
    for item in read(place, after):
        if isinstance(item, Batch):
            seqs += [line.seq for line in item.lines]
        else:
            damage.append(item)
    return seqs, damage


def position(place: OriginDir) -> Position:
    """After all there is."""
    *_, last = read(place)
    return last.position


def signers(place: OriginDir) -> list[Vkey | None]:
    """Who signed each checkpoint: the key that the lines below it state, or None where they state none.

    Whatever does not hold fails, and so does a key that is stated without the word of the one before.
    """
    assert place.checkpoints is not None
    keys: list[Vkey | None] = [None]
    for line in map(record.decode, raw_lines(place)):
        key = keys[-1]
        if isinstance(line, record.Rotate):
            assert key is not None
            assert note.was_handed_over(key, Vkey.parse(line.key), line.signature)
            key = Vkey.parse(line.key)
        elif isinstance(line, record.Start) and line.key:
            assert str(key) in ("None", line.key)
            key = Vkey.parse(line.key)
        keys.append(key)
    found: list[Vkey | None] = []
    for path in sorted(place.checkpoints.glob("*.txt")):
        made = checkpoint.parse(path.read_bytes())
        key = keys[made.size]
        if key is not None:
            assert checkpoint.verified(path.read_bytes(), key) == made
        found.append(key)
    return found


def seqs(*ranges: Iterable[int]) -> list[int]:
    return [seq for part in ranges for seq in part]


def naive(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return sha256(b"\x01" + naive(hashes[:k]) + naive(hashes[k:])).digest()


WRITER = """
import asyncio, sys, time
from pathlib import Path
from collector.journal.origin import open_origin
from collector.journal.writer import Writer
from tests.journal.lines import sample
def now(): return time.time_ns() // 1000
async def main():
    writer = Writer(
        open_origin(Path(sys.argv[1]), "paris", "m"), now=now, boot=lambda: time.monotonic_ns() // 1000,
        on_synced=lambda seq: print(seq, flush=True),
    )
    writer.open()
    while True:
        for _ in range(37):
            writer.append(sample(now()))
        if not await writer.flush():
            print("failed", flush=True)
        await asyncio.sleep(0)
asyncio.run(main())
"""
"""Writes as fast as it can, and prints each `seq` that is on disk."""


def child(state: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(state)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
