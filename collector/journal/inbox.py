"""Declarations on their way into the journal: handed in as files, taken in by the collector exactly once."""

import asyncio
import logging
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from collector.core.declaration import NEEDS, checked, decoded
from collector.core.record import Declaration
from collector.core.timeline import Instant
from collector.errors import DeclarationError
from collector.journal import known, layout
from collector.journal.known import Known
from collector.journal.writer import Writer

__all__ = ["NEEDS", "Handed", "Inbox", "fate", "submit", "waiting"]

log = logging.getLogger(__name__)

LIMIT_BYTES = 1 << 20
_AT_ONCE = 100
_APART = "~"
"""Stands in a file's name after the id, and in no id."""


class Handed(NamedTuple):
    """A declaration that was handed in."""

    id: str
    file: Path
    """Of its own each time it is handed in: neither takes the place of another, nor has another's fate."""


def submit(state: Path, declaration: Mapping[str, Any]) -> Handed:
    """Hand in a declaration (keys as in the journal, less `t`, `seq`, `at`); its `id` is made if it has none.

    DeclarationError naming all that is wrong with it; OSError if the inbox cannot be written.
    """
    declaration = {"id": secrets.token_hex(8), **declaration}
    declared = checked(declaration)
    inbox = state / "inbox"
    layout.make_directory(inbox)
    handed = Handed(declared.id, inbox / f"{declared.id}{_APART}{secrets.token_hex(8)}.json")
    layout.replace(handed.file, msgspec.json.encode(declaration) + b"\n")
    return handed


def fate(handed: Handed) -> str:
    """What became of a declaration handed in: "queued", "taken", or why it was rejected."""
    if handed.file.exists():
        return "queued"
    why = _why(handed.file.parent.with_name("rejected") / handed.file.name)
    return why.read_text().strip() if why.exists() else "taken"


def waiting(state: Path) -> set[str]:
    """Ids of the declarations that were handed in and not taken yet; OSError if the inbox cannot be read."""
    return {file.stem.partition(_APART)[0] for file in (state / "inbox").iterdir() if file.suffix == ".json"}


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    declaration: Declaration | None
    why: str = ""


class Inbox:
    """Takes declarations from the inbox of a state directory into the journal that `writer` writes."""

    def __init__(self, state: Path, writer: Writer, *, now: Callable[[], Instant]) -> None:
        self._state, self._writer, self._now = state, writer, now
        self._queued: set[str] = set()  # appended and not on disk yet: the writer does not lose them
        self._trouble = ""

    async def take(self) -> int:
        """Take in what is there; how many declarations reached the journal. Call it again, a second later."""
        taken = 0
        try:
            found = await asyncio.to_thread(self._look)
            for one in found:
                taken += await self._settle(one)
        except OSError as error:
            self._told(str(error))
        else:
            self._told("")
        return taken

    async def _settle(self, found: _Found) -> int:
        declaration = found.declaration
        if declaration is None:
            await asyncio.to_thread(self._reject, found.path, found.why)
            return 0
        declared = self._writer.declared
        before = declaration.id in declared
        if not before:
            if why := _no_correction(declaration, declared):
                await asyncio.to_thread(self._reject, found.path, why)
                return 0
            if declaration.id not in self._queued:
                self._queued.add(declaration.id)
                self._writer.append(msgspec.structs.replace(declaration, at=self._now()))
            await self._writer.flush()
            if declaration.id not in declared:
                return 0  # the disk will not have it now; the file stays until it does
            self._queued.discard(declaration.id)
        if why := _another(declaration, declared[declaration.id]):
            await asyncio.to_thread(self._reject, found.path, why)
            return 0
        if before:  # said twice, or a crash came between the line and the removal of its file
            log.info("declaration=%s skipped=yes why=%r", declaration.id, "it is in the journal")
        await asyncio.to_thread(found.path.unlink)
        return 0 if before else 1

    def _look(self) -> list[_Found]:
        """What lies in the inbox, the oldest first."""
        inbox = self._state / "inbox"
        layout.make_directory(inbox)
        files = [path for path in inbox.iterdir() if path.suffix == ".json" and not path.name.startswith(".")]
        files.sort(key=lambda path: (path.lstat().st_mtime_ns, path.name))
        return [_read(path) for path in files[:_AT_ONCE]]

    def _reject(self, path: Path, why: str) -> None:
        """Put a file aside, with the reason beside it."""
        target = self._state / "rejected" / path.name
        layout.make_directory(target.parent)
        number = 1
        while target.exists():
            number += 1
            target = target.with_name(f"{path.stem}.{number}.json")
        layout.replace(_why(target), f"{why}\n".encode())
        path.rename(target)
        log.warning("declaration=%s rejected=yes why=%r", path.name, why)

    def _told(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            log.error("inbox=failing why=%r", trouble) if trouble else log.warning("inbox=well")


def _read(path: Path) -> _Found:
    """A file of the inbox; it is not ours, and may be anything."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return _Found(path, None, "expected a file")
    try:
        # It may be a link or a pipe by now.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            data = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        return _Found(path, None, f"expected to read it, got: {error}")
    if len(data) > LIMIT_BYTES:
        return _Found(path, None, f"expected at most {LIMIT_BYTES} bytes")
    try:
        return _Found(path, decoded(data))
    except DeclarationError as error:
        return _Found(path, None, str(error))


def _another(declaration: Declaration, before: Known) -> str:
    """Why a declaration cannot be the one that has its id in the journal; empty where it says the same."""
    if before.digest == known.of(declaration).digest:
        return ""
    id_, says = declaration.id, "says something else"
    if not before.digest:
        says = "may say something else: an older version took it in, and did not note what it says"
    return (
        f"id: expected a new one, or the same words again, got {id_}, which is in the journal and {says}; "
        f"to correct it, declare with another id and --supersedes {id_}"
    )


def _no_correction(declaration: Declaration, declared: Mapping[str, Known]) -> str:
    """Why a declaration cannot correct what it supersedes; empty where it can, or supersedes nothing."""
    of, kind = declaration.supersedes, declaration.kind
    if of is None:
        return ""
    if of not in declared:
        return f"supersedes: expected a declaration in the journal, got {of}"
    if declared[of].kind not in ("", kind):
        return (
            f"supersedes: expected a correction of {of} to be of its kind, {declared[of].kind}, got {kind}; "
            "to take something back, correct it to say so: a deduction that is refused, a claim withdrawn"
        )
    return ""


def _why(path: Path) -> Path:
    return path.with_name(path.name + ".why")
