"""Private keys of origins, where only the collector reads them: made, found again, exchanged for new ones.

    keys/<origin>.pem        Ed25519, PKCS#8: it signs the checkpoints of the origin
    keys/<origin>.next.pem   waits to take its place (`constat rotate`)

The directory is its owner's alone (0700), and so is each file (0600). A file appears whole or not at all.
"""

import os
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from collector.errors import JournalError
from collector.journal import layout
from collector.journal.note import Key

_OTHERS = 0o077


class UnfitKey(JournalError):
    """A file that holds no key that could sign."""


def path(state: Path, origin: str) -> Path:
    """Where the key that signs for an origin lies."""
    return state / "keys" / f"{origin}.pem"


def next_path(state: Path, origin: str) -> Path:
    """Where the one lies that is to take its place."""
    return state / "keys" / f"{origin}.next.pem"


def make(file: Path, origin: str) -> Key:
    """A new key, durably in `file`; FileExistsError where there is one, JournalError where others look in."""
    directory = file.parent
    if not directory.is_dir():
        directory.mkdir(mode=0o700)
        layout.sync_directory(directory.parent)
    _kept_from_others(directory, directory.stat().st_mode, "700")
    private = Ed25519PrivateKey.generate()
    temporary = file.with_name(f".{file.name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, 0o600)
        if os.geteuid() == 0:  # root rotates, and the collector must be able to read it
            owner = directory.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        stream.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        stream.flush()
        os.fsync(descriptor)
    try:
        os.link(temporary, file)  # which, unlike a rename, never takes the place of another
    finally:
        temporary.unlink()
        layout.sync_directory(directory)
    return Key(origin, private)


def find(file: Path, origin: str) -> Key | None:
    """The key in `file`, None if there is no such file.

    JournalError where others may read it, UnfitKey where it is no key. No message says anything of it.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        _kept_from_others(file.parent, file.parent.stat().st_mode, "700")
        _kept_from_others(file, os.fstat(descriptor).st_mode, "600")
        data = stream.read()
    try:
        private = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None  # whatever it says, it may quote
    if not isinstance(private, Ed25519PrivateKey):
        raise UnfitKey(f"{file}: expected an Ed25519 key (PKCS#8, PEM), got something else")
    return Key(origin, private)


def coming(state: Path, origin: str) -> Key | None:
    """The key that waits to take over, there for good, so that a line may name it; errors as for `find`."""
    key = find(next_path(state, origin), origin)
    if key is not None:
        layout.sync_directory(state / "keys")
    return key


def adopt(state: Path, origin: str) -> None:
    """Let the next key take the place of the one before, which is gone then; done already is as well."""
    with suppress(FileNotFoundError):
        next_path(state, origin).rename(path(state, origin))
    layout.sync_directory(state / "keys")


def _kept_from_others(place: Path, mode: int, wanted: str) -> None:
    if mode & _OTHERS:
        raise JournalError(
            f"{place}: expected mode {wanted}, since a key is in it that only the collector may read; got "
            f"{mode & 0o777:o}: chmod {wanted} {place}, and if anybody else could have read it, rotate it"
        )
