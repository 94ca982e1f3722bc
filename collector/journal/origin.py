"""Who writes: the lock on a state directory, and the origin that this machine may go on with."""

import errno
import fcntl
import logging
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from collector.core.timeline import Instant, Span
from collector.errors import JournalError, OriginBusy
from collector.journal import keys, known, layout
from collector.journal.known import Known
from collector.journal.layout import OriginDir
from collector.journal.note import Key
from collector.journal.recovery import Recovered, UnfitError, recover

log = logging.getLogger(__name__)

_VANTAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WORD = re.compile(r"\(origin ([A-Za-z0-9._-]+)\)")
_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"


class _Identity(msgspec.Struct, frozen=True, kw_only=True):
    """`origin.json`: whose an origin is."""

    vantage: str
    machine: str
    number: int
    """Counts up over the origins of a vantage point in one state directory."""
    key: str = ""
    """The vkey that signs its checkpoints now; empty where a version wrote it that had no keys."""


@dataclass(slots=True, kw_only=True)
class Origin:
    """The right to write one origin; give it to one `Writer`, or `release` it."""

    place: OriginDir
    vantage: str
    new: bool
    """Made just now, since there was none of this machine that can be continued."""
    recovered: Recovered
    key: Key
    """Signs its checkpoints."""
    declared: Mapping[str, Known]
    """The declarations in any origin of this state directory, by their ids."""
    lock: int
    """File descriptor that holds the lock."""

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def state(self) -> Path:
        """The state directory that it is in."""
        return self.place.directory.parent.parent

    @property
    def cut(self) -> int:
        """Bytes of a torn last line, which the next start line states."""
        return self.recovered.cut

    def open_until(self, at: Instant) -> list[tuple[Span, tuple[str, ...]]]:
        """Spans up to `at` whose planned slots no line covers, each with its probes: a gap line each.

        By the plan that held last, so to be asked before a new one is written.
        """
        return self.recovered.open_until(at)

    def adopt(self, key: Key) -> None:
        """Let the next key, which signs from the line on that says so, take the place of the one before."""
        keys.adopt(self.state, self.name)
        self.key = key
        identity = _identity(self.place.directory / layout.IDENTITY)
        if identity is not None:
            _state_key(self.place, identity, key)

    def release(self) -> None:
        os.close(self.lock)


def open_origin(state: Path, vantage: str, machine_id: str) -> Origin:
    """Lock the state directory and pick the origin to write: this machine's last one, or a new one.

    A new one starts by itself when there is none of this vantage and machine (first start, restored backup,
    cloned machine), or when lines of the last one are gone that were on disk once, or its key is. OriginBusy
    when another collector has the directory; JournalError when it cannot be written at all, or when others
    may read the key.
    """
    if not _VANTAGE.fullmatch(vantage):
        raise JournalError(f'vantage: expected letters, digits, ".", "_" and "-", got "{vantage}"')
    try:
        layout.make_directory(state / "journal")
        lock = _locked(state / "journal" / "lock")
    except OSError as error:
        raise JournalError(f"{state}: expected a directory to write the journal in, got: {error}") from error
    try:
        origin = _pick(state, vantage, machine_id, lock)
        _sign(lock, origin.name)
    except OSError as error:
        os.close(lock)
        raise JournalError(f"{state}: the journal cannot be opened: {error}") from error
    except BaseException:
        os.close(lock)
        raise
    return origin


def _pick(state: Path, vantage: str, machine_id: str, lock: int) -> Origin:
    paths = sorted((state / "journal").glob(f"*/{layout.IDENTITY}"))
    identities = {path.parent.name: identity for path in paths if (identity := _identity(path))}
    ours = {name: i for name, i in identities.items() if i.vantage == vantage}
    number = max((i.number for i in ours.values()), default=0)
    declared = {id_: one for name in identities for id_, one in known.read(state / "journal" / name).items()}
    last = [name for name, i in ours.items() if i.machine == machine_id]
    if last:
        place = _place(state, max(last, key=lambda name: ours[name].number))
        try:
            recovered = recover(place)
            key = _own_key(state, place, ours[place.name], recovered.state.key)
        except UnfitError as unfit:
            log.error("origin=%s continued=no why=%r", place.name, str(unfit))
        else:
            return Origin(
                place=place, vantage=vantage, new=False, recovered=recovered, key=key,
                declared=declared | recovered.declared, lock=lock,
            )  # fmt: skip
    place, key = _made(state, _Identity(vantage=vantage, machine=machine_id, number=number + 1))
    return Origin(
        place=place, vantage=vantage, new=True, recovered=Recovered(), key=key, declared=declared, lock=lock
    )


def _made(state: Path, identity: _Identity) -> tuple[OriginDir, Key]:
    suffix = "".join(secrets.choice(_ALPHABET) for _ in range(6))
    place = _place(state, f"{identity.vantage}-{suffix}")
    key = keys.make(keys.path(state, place.name), place.name)
    layout.make_directory(place.directory)
    _state_key(place, identity, key)
    return place, key


def _own_key(state: Path, place: OriginDir, identity: _Identity, in_force: str) -> Key:
    """The key that an origin goes on with; UnfitError where the one that its lines state is gone.

    `in_force` is what the lines say. Where they say nothing yet, the origin's identity does; where that says
    nothing either, a version wrote them that had no keys, and a new one begins to sign.
    """
    stated = in_force or identity.key
    key = _found(keys.path(state, place.name), place.name)
    if key is None and not stated:
        key = keys.make(keys.path(state, place.name), place.name)
    if key is None or stated not in ("", str(key.vkey)):
        # A crash came between the line that states the next key and that key's taking its place.
        key = _found(keys.next_path(state, place.name), place.name)
        if key is None or str(key.vkey) != stated:
            raise UnfitError(f"its key {stated} is gone: no other may sign for it")
        keys.adopt(state, place.name)
    if identity.key != str(key.vkey):
        _state_key(place, identity, key)
    return key


def _found(file: Path, name: str) -> Key | None:
    try:
        return keys.find(file, name)
    except keys.UnfitKey as unfit:
        log.error("origin=%s key=unfit why=%r", name, str(unfit))
        return None


def _state_key(place: OriginDir, identity: _Identity, key: Key) -> None:
    stated = msgspec.structs.replace(identity, key=str(key.vkey))
    layout.replace(place.directory / layout.IDENTITY, msgspec.json.encode(stated) + b"\n")


def _place(state: Path, name: str) -> OriginDir:
    checkpoints = state / "checkpoints" / name
    layout.make_directory(checkpoints)
    return OriginDir(name=name, directory=state / "journal" / name, checkpoints=checkpoints)


def _identity(path: Path) -> _Identity | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Identity)
    except msgspec.MsgspecError:
        log.error("file=%s expected=identity got=damage", path)
        return None


def _locked(path: Path) -> int:
    """A descriptor that holds the lock, on a full or read-only disk too as long as the file is there."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.ENOSPC):
            raise
        lock = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 200, 0).decode(errors="replace").strip() or "another process"
        os.close(lock)
        raise OriginBusy(
            f"{path}: held by {holder}: one collector per state directory, since one origin never tells two "
            "stories; stop that one, or name another directory"
        ) from None
    return lock


def last_written(state: Path) -> str | None:
    """The origin that is written, or was the last to be; None where none ever was, or nobody left word."""
    try:
        word = (state / "journal" / "lock").read_text(errors="replace")
    except FileNotFoundError:
        return None
    named = _WORD.search(word)
    return None if named is None else named[1]


def _sign(lock: int, origin: str) -> None:
    """Leave word of who holds the lock, for the one that finds it held."""
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()} (origin {origin})\n".encode(), 0)
    except OSError as error:
        # Opened read-only, or the disk is full: the lock holds without the word.
        log.warning("file=lock written=no error=%r", str(error))
