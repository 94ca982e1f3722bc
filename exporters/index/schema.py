"""The index's tables, and how each version of them came from the one before.

A row is a conclusion (a stretch of a state, a count, a plan), never a sample. An index is a cache: where a
step from an old version would need what the index does not hold, it is made anew from the journal.
"""

from typing import Any

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("constat-index")

TABLES: dict[str, dict[str, Any]] = {
    # One row per origin: how far it was read, and the tracks' state there (what feeding goes on from).
    "origins": {
        "columns": {
            "origin": str, "vantage": str, "position": str, "track": str, "counts": str,
            "first_at": int, "last_at": int, "lines": int,
        },
        "pk": "origin",
    },
    # Closed stretches of one state of one probe; they touch and never overlap.
    "stretches": {
        "columns": {"origin": str, "probe": str, "start": int, "end": int, "state": str},
        "pk": ("origin", "probe", "start"),
    },
    # Lines that accounting needs as they stand: plans, declarations, clock lines that change what is trusted.
    "lines": {
        "columns": {"origin": str, "seq": int, "kind": str, "line": str},
        "pk": ("origin", "seq"),
    },
    # How often a probe's runs ended in which way, since its first.
    "runs": {
        "columns": {"origin": str, "probe": str, "outcome": str, "reason": str, "runs": int},
        "pk": ("origin", "probe", "outcome", "reason"),
    },
    # What the journal's tree contradicts: the range is unknown, the rest stands.
    "damage": {
        "columns": {"origin": str, "number": int, "damage": str},
        "pk": ("origin", "number"),
    },
}  # fmt: skip


@migrations()
def create(db: Database) -> None:
    """The first version."""
    for name, table in TABLES.items():
        db.table(name).create(table["columns"], pk=table["pk"], not_null=set(table["columns"]), strict=True)


def current(db: Database) -> bool:
    """Whether `db` has exactly the tables of this version."""
    applied = [migration.name for migration in migrations.applied(db)]
    return not migrations.pending(db) and len(applied) == 1
