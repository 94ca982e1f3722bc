"""Asks witnesses to cosign checkpoints (C2SP tlog-witness): each has seen that the journal only ever grew.

A witness gets the newest checkpoint with a proof that it extends the one that it saw last, and answers with a
signature line, which is kept as `000123.<witness>.cosig`. Nothing waits for it: what it does not cosign now,
the next checkpoint covers. What is wrong with one is told in the log when it changes.
"""

import asyncio
import logging
import time
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from collector.errors import ConstatError, JournalError
from collector.host.fetch import fetch
from collector.journal import checkpoint, layout, note, treefile
from collector.journal.checkpoint import Checkpoint
from collector.journal.layout import OriginDir
from collector.journal.merkle import Frontier, consistency, extends, leaf_hashes
from collector.journal.note import Note, Vkey

log = logging.getLogger(__name__)

PERIOD_S = 1.0
"""How often it is looked whether there is a new checkpoint."""

PATIENCE_S = 300.0
"""How long a witness that fails is left alone at most, before it is asked again."""

_CHUNK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Who cosigns our checkpoints: a name of ours for it, its address, and its key (type 4)."""

    name: str
    url: str
    vkey: Vkey


class Cosigners:
    """Asks so many witnesses at once to cosign an origin's checkpoints, until it is closed."""

    def __init__(self, place: OriginDir) -> None:
        self._place = place
        self._tasks: dict[Witness, asyncio.Task[None]] = {}

    def ask(self, witnesses: Iterable[Witness]) -> None:
        """Ask these from now on, and no others."""
        wanted = set(witnesses)
        for witness in self._tasks.keys() - wanted:
            self._tasks.pop(witness).cancel()
        for witness in wanted - self._tasks.keys():
            self._tasks[witness] = asyncio.create_task(Cosigning(self._place, witness).run())

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()


class Cosigning:
    """What one witness makes of one origin's checkpoints."""

    def __init__(self, place: OriginDir, witness: Witness) -> None:
        assert place.checkpoints is not None
        self._place, self._witness = place, witness
        self._checkpoints = place.checkpoints
        self._number = 0
        """The newest checkpoint that was looked at."""
        self._size = 0
        """How many lines the witness has seen, as far as we know."""
        self._trouble = ""

    async def run(self) -> None:
        """For ever: have the newest checkpoint cosigned, as soon as there is a new one."""
        failed = -1
        while True:
            why = await self._attempt()
            failed = failed + 1 if why else -1
            if why != self._trouble:
                self._trouble = why
                told = log.error if why else log.info
                told("witness=%s cosigning=%s why=%r", self._witness.name, "failing" if why else "well", why)
            await asyncio.sleep(min(PERIOD_S * 2 ** min(failed + 1, 20), PATIENCE_S))

    async def _attempt(self) -> str:
        """What is wrong; empty where the newest checkpoint is cosigned."""
        try:
            number = await asyncio.to_thread(self._newest)
            if number and not self._path(number).exists():
                await self.cosign(number)
        except (ConstatError, OSError, ValueError) as error:
            return str(error)
        except Exception as error:
            # Ours, and told so: but even then measuring goes on.
            log.exception("witness=%s", self._witness.name)
            return repr(error)
        return ""

    async def cosign(self, number: int) -> None:
        """Have one checkpoint cosigned, keep the answer; ConstatError, OSError or ValueError if not."""
        data = await asyncio.to_thread(layout.checkpoint_path(self._checkpoints, number).read_bytes)
        found = note.parse(data)
        made = checkpoint.of(found)
        for _ in range(3):
            body = await asyncio.to_thread(request, self._place, self._size, made, data)
            answer = await fetch("POST", f"{self._witness.url}/add-checkpoint", body=body)
            if answer.status != 409:
                break
            self._size = self._seen(answer.body, made)
        if answer.status != 200:
            said = answer.body[:100].decode(errors="replace").strip()
            raise JournalError(
                f"{self._witness.url}: expected a cosignature of checkpoint {number} ({made.size} lines), "
                f"got {answer.status} {said}".rstrip()
            )
        signed = [line for line in note.signatures(answer.body) if line.name == self._witness.vkey.name]
        if not Note(found.text, tuple(signed)).signers([self._witness.vkey]):
            raise JournalError(f"{self._witness.url}: expected a signature of {self._witness.vkey}, got none")
        kept = b"".join(line.line() for line in signed if self._witness.vkey.id == line.id)
        await asyncio.to_thread(layout.replace, self._path(number), kept)
        self._size = made.size

    def _seen(self, body: bytes, made: Checkpoint) -> int:
        """The size that the witness says it saw last; it refuses to go on from another."""
        text = body.strip()
        if not (text.isdigit() and len(text) < 20 and int(text) <= made.size):
            raise JournalError(
                f"{self._witness.url}: expected it to have seen at most our {made.size} lines, got "
                f'"{text[:40].decode(errors="replace")}"'
            )
        return int(text)

    def _newest(self) -> int:
        """The number of the newest checkpoint, 0 where there is none; at first, what was cosigned too."""
        if not self._number:
            numbers = layout.checkpoint_numbers(self._checkpoints)
            self._number = max(numbers, default=0)
            done = next((n for n in reversed(numbers) if self._path(n).exists()), None)
            if done is not None:
                with suppress(ValueError):  # damaged: then the witness says how far it saw
                    path = layout.checkpoint_path(self._checkpoints, done)
                    self._size = checkpoint.parse(path.read_bytes()).size
        while layout.checkpoint_path(self._checkpoints, self._number + 1).exists():
            self._number += 1
        return self._number

    def _path(self, number: int) -> Path:
        return self._checkpoints / f"{number:06d}.{self._witness.name}.cosig"


def request(place: OriginDir, old: int, made: Checkpoint, data: bytes) -> bytes:
    """What a witness that saw `old` lines is asked, by C2SP: the proof, and the note `data` as it is."""
    path = proof(place, old, made) if 0 < old < made.size else []
    lines = "".join(f"{b64encode(digest).decode()}\n" for digest in path)
    return f"old {old}\n{lines}\n".encode() + data


def proof(place: OriginDir, old: int, made: Checkpoint) -> list[bytes]:
    """That a checkpoint's tree only added to that of the first `old` lines; JournalError where it did not.

    Only files with lines from number `old` on are read: what is before them, the head of a tree file knows.
    """
    names, before = _from(place, old)
    tree, first, hashes = before.copy(), before.size, _hashes(place, names, made.size - before.size)
    tree.extend(hashes[: old - first])
    root, peaks, start = tree.root(), {}, 0
    for peak, length in zip(tree.peaks, _lengths(old), strict=True):
        peaks[start, start + length] = peak
        start += length

    def tree_hash(start: int, end: int) -> bytes:
        # A proof names, of the lines before `old`, whole peaks alone.
        found = peaks.get((start, end))
        if found is None:
            part = Frontier()
            part.extend(hashes[start - first : end - first])
            found = part.root()
        assert found is not None
        return found

    path = consistency(old, made.size, tree_hash)
    if root is None or first + len(hashes) < made.size or not extends(old, root, made.size, made.root, path):
        raise JournalError(f"{place.directory}: expected the {made.size} lines of its checkpoint, got others")
    return path


def _from(place: OriginDir, old: int) -> tuple[list[str], Frontier]:
    """The files that have lines from number `old` on, and the tree before the first of them."""
    names = place.names()
    for count, name in enumerate(reversed(names), start=1):
        path = place.directory / (name + layout.TREE)
        state = treefile.state_of(path.read_bytes()) if path.exists() else None
        if state is not None and state.file == name and state.size <= old:
            return names[-count:], state.frontier()
    return names, Frontier()


def _hashes(place: OriginDir, names: list[str], count: int) -> list[bytes]:
    """Leaf hashes of the first `count` lines of some files."""
    found: list[bytes] = []
    for name in names:
        with layout.opened(place, name) as stream:
            while len(found) < count and (lines := list(islice(stream, min(_CHUNK, count - len(found))))):
                found += leaf_hashes([line.rstrip(b"\n") for line in lines])
                time.sleep(0)  # lets the event loop have its turn: a proof is never urgent
    return found


def _lengths(size: int) -> list[int]:
    """Of the peaks of a tree, the largest first."""
    return [1 << bit for bit in reversed(range(size.bit_length())) if size >> bit & 1]
