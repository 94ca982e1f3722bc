"""Opens the index: one writer, readers that write nothing and need no writer to be there.

A rollback journal, not a write-ahead log: the latter needs files that a reader without write permission
cannot make once the writer has ended, and this index is read exactly then too (`constat status` after the
service was stopped).
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from sqlite_utils import Database

from collector.core.timeline import Duration
from collector.errors import ConstatError
from exporters.index.schema import VERSION, create

NAME = "index.sqlite"
WAIT_S = 10.0
"""How long a reader waits for a writer that is committing, and the writer for readers."""

Limits = Mapping[str, Duration]
"""Latency commitment → its limit: what the contract has to do with the rows."""


class UnusableIndexError(ConstatError):
    """The index is missing, damaged, of another version or contract; the journal still has everything."""


def index_path(state: Path) -> Path:
    """Where the index of the state directory `state` is."""
    return state / NAME


@contextmanager
def making(path: Path, limits: Limits) -> Iterator[Database]:
    """A new index, for a rebuild: quick, and durable only once it is closed."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=MEMORY")
        connection.execute("PRAGMA synchronous=OFF")
        db = _database(connection)
        create(db, _made_with(limits))
        yield db
    finally:
        connection.close()


@contextmanager
def writing(path: Path, limits: Limits) -> Iterator[Database]:
    """The index for the one process that writes it; UnusableIndexError if it has to be made anew."""
    with _connected(path, "rw") as connection, _sound(path, passing=_PASSING):
        connection.execute("PRAGMA synchronous=NORMAL")
        db = _database(connection)
        _check(path, db, limits)
        yield db


@contextmanager
def reading(path: Path, limits: Limits) -> Iterator[Database]:
    """The index as it stands, in one read transaction; UnusableIndexError where it cannot be read."""
    with _connected(path, "ro") as connection, _sound(path):
        connection.execute("BEGIN")
        db = _database(connection)
        _check(path, db, limits)
        yield db


@contextmanager
def _connected(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    with _sound(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=WAIT_S)
    try:
        yield connection
    finally:
        connection.close()


def _database(connection: sqlite3.Connection) -> Database:
    return Database(connection, recursive_triggers=False, execute_plugins=False)


def _check(path: Path, db: Database, limits: Limits) -> None:
    if db.conn.execute("SELECT * FROM made_with").fetchall() != [(_made_with(limits),)]:
        raise UnusableIndexError(
            f"{path}: made by another version, or with another contract's limits; "
            "`constat rebuild` makes it anew"
        )


def _made_with(limits: Limits) -> str:
    """What rows are made with: another version or another contract's limits make other rows."""
    return msgspec.json.encode({"version": VERSION, "limits": dict(sorted(limits.items()))}).decode()


_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)
"""What stands in a writer's way and says nothing against the index."""


@contextmanager
def _sound(path: Path, passing: Collection[int] = ()) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in passing:
            raise ConstatError(
                f"{path}: cannot be written now: {error}; what is missing comes later"
            ) from error
        raise UnusableIndexError(
            f"{path}: expected an index, got: {error}; `constat rebuild` makes it"
        ) from error
    except msgspec.MsgspecError as error:
        raise UnusableIndexError(f"{path}: does not decode: {error}; `constat rebuild` makes it") from error
