"""The index's tables, and how each version of them came from the one before.

A row is a conclusion (a stretch of a state, a count, a plan), never a sample. An index is a cache: where a
step from an old version would need what the index does not hold, it is made anew from the journal.
"""

from functools import cache
from typing import Any

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("constat-index")

TABLES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    # How far an origin was read, and what its track held open there: feeding goes on from it.
    "origins": ({"origin": str, "position": str, "track": str, "fold": str, "health": str}, ("origin",)),
    # Closed stretches of one state of one probe, in the order in which they were found, so many to a row.
    "stretches": (
        {"origin": str, "probe": str, "throttle": str, "state": str, "row": int, "spans": str},
        ("origin", "probe", "throttle", "state", "row"),
    ),
    # Plans and declarations, as they stand in the journal.
    "lines": ({"origin": str, "seq": int, "line": str}, ("origin", "seq")),
    # When the wall clock of an origin was not to be trusted (rule T4).
    "untrusted": ({"origin": str, "start": int, "end": int}, ()),
    # Lines that are missing from the journal.
    "holes": (
        {"origin": str, "first_seq": int, "last_seq": int, "start": int, "end": int},
        ("origin", "first_seq"),
    ),
    # What was counted of each probe's runs.
    "tallies": ({"origin": str, "probe": str, "tally": str}, ("origin", "probe")),
    # How many latencies of a probe were over, within or undecided against a commitment's limit, by hour.
    "judged": (
        {
            "origin": str, "probe": str, "commitment": str, "hour": int,
            "over": int, "within": int, "undecided": int,
        },
        ("origin", "probe", "commitment", "hour"),
    ),
    # A probe's latencies by hour and bucket.
    "sketches": ({"origin": str, "probe": str, "hour": int, "counts": str}, ("origin", "probe", "hour")),
    # Runs of samples over a limit, once they are over.
    "excursions": (
        {
            "origin": str, "probe": str, "commitment": str, "start": int,
            "end": int, "samples": int, "highest": int,
        },
        (),
    ),
    # What is known of an object that was written to be read back.
    "objects": ({"origin": str, "probe": str, "object": str, "known": str}, ("origin", "probe", "object")),
    # Where the journal does not say what its tree says it said.
    "damage": ({"origin": str, "from_seq": int, "to_seq": int, "why": str}, ("origin", "from_seq")),
}  # fmt: skip
"""Table → its columns, and its key where a row may come again and replace the one before."""


@migrations()
def create(db: Database) -> None:
    """The first version."""
    for name, (columns, key) in TABLES.items():
        db.table(name).create(columns, pk=key or None, not_null=set(columns), strict=True)
    # What the rows were made with: another contract's limits make other rows.
    db.table("made_with").create({"limits": str}, strict=True)


@migrations()
def objects(db: Database) -> None:  # noqa: ARG001
    """What was read back stands in samples, which an index lacks: one of the first version is made anew."""


@migrations()
def begin_at_once(db: Database) -> None:  # noqa: ARG001
    """Of stretches that began at one instant the last alone was kept: what was lost stands in the journal."""


def current(db: Database) -> bool:
    """Whether `db` has exactly the tables of this version."""
    return {migration.name for migration in migrations.applied(db)} == _known()


@cache
def _known() -> set[str]:
    """The migrations that there are: all that an empty database lacks."""
    return {migration.name for migration in migrations.pending(Database(memory=True))}
