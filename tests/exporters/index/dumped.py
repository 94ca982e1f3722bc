"""All rows of an index, so that two can be held against each other."""

from sqlite_utils import Database

from collector.journal.reader import Position
from exporters.index.schema import TABLES


def rows_in(db: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, sorted: two indexes are the same when their dumps are.

    Of the position only how far it is: what the tree vouched for when depends on when one looked.
    """
    found = {name: sorted(db.conn.execute(f"SELECT * FROM {name}").fetchall()) for name in TABLES}
    found["origins"] = [(origin, _how_far(position), *rest) for origin, position, *rest in found["origins"]]
    return found


def _how_far(position: str) -> tuple[object, ...]:
    if position == "null":
        return ()
    at = Position.decode(position)
    return at.file, at.offset, at.line, at.size, at.last
