"""Opens the index: one writer, readers that write nothing and need no writer to be there.

A rollback journal, not a write-ahead log: the latter needs files that a reader without write permission
cannot make once the writer has ended, and this index is read exactly then too (`constat status` after the
service was stopped).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from collector.errors import ConstatError
from exporters.index.schema import current, migrations

NAME = "index.sqlite"
WAIT_S = 10.0
"""How long a reader waits for a writer that is committing, and the writer for readers."""


class UnusableIndexError(ConstatError):
    """The index is missing, damaged or of another version; the journal still has everything."""


def index_path(state: Path) -> Path:
    """Where the index of the state directory `state` is."""
    return state / NAME


@contextmanager
def writing(path: Path) -> Iterator[Database]:
    """The index for the one process that writes it, made if it is not there; or UnusableIndexError."""
    try:
        connection = sqlite3.connect(path, timeout=WAIT_S, check_same_thread=False)
    except sqlite3.Error as error:
        raise UnusableIndexError(f"{path}: expected a writable index, got: {error}") from None
    try:
        with _unusable(path):
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("PRAGMA synchronous=NORMAL")
            db = Database(connection, recursive_triggers=False, execute_plugins=False)
            if not db.table_names():
                migrations.apply(db)
            _check(path, db)
        yield db
    finally:
        connection.close()


@contextmanager
def reading(path: Path) -> Iterator[Database]:
    """The index as it stands, in one read transaction; UnusableIndexError where it cannot be read."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=WAIT_S)
    except sqlite3.Error as error:
        raise UnusableIndexError(
            f"{path}: expected an index, got: {error}; `constat rebuild` makes it"
        ) from None
    try:
        with _unusable(path):
            db = Database(connection, recursive_triggers=False, execute_plugins=False)
            connection.execute("BEGIN")
            _check(path, db)
            yield db
    finally:
        connection.close()


def _check(path: Path, db: Database) -> None:
    if not current(db):
        raise UnusableIndexError(
            f"{path}: expected this version's tables, got others; `constat rebuild` makes them"
        )


@contextmanager
def _unusable(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise UnusableIndexError(
            f"{path}: expected a sound index, got: {error}; `constat rebuild` makes it"
        ) from None
