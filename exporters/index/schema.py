"""The index's tables.

A row is a conclusion (a stretch of a state, a count, a plan), never a sample. An index is a cache: one of
another version is made anew from the journal, which needs no way from each version to the next.
"""

from typing import Any

from sqlite_utils import Database

VERSION = 4
"""Of the tables, and of what rows mean."""

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
    "untrusted": ({"origin": str, "start": int, "end": int}, ("origin", "start")),
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


def create(db: Database, made_with: str) -> None:
    """Empty tables, for rows that are `made_with` this."""
    for name, (columns, key) in TABLES.items():
        db.table(name).create(columns, pk=key or None, not_null=set(columns), strict=True)
    db.table("made_with").create({"what": str}, strict=True).insert({"what": made_with})
