"""Rows of the index to and from what was found in the journal: the one place that knows both."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlite_utils import Database

from collector.core.durability import Canary, Sighting, joined
from collector.core.latency import Excursion, Judged, Latencies
from collector.core.record import Declaration, Line, Plan, decode, encode
from collector.core.sight import Harvest, Hole, Kind, State
from collector.core.timeline import Instant, Span
from collector.journal.reader import Damage
from exporters.index.schema import TABLES
from exporters.index.tally import ProbeTally

STRETCHES_PER_ROW = 256
"""A row for each takes three times as long to read; in one row, all would be written anew for each more."""

_STATES = {state.value: state for state in State}
_SPANS = msgspec.json.Decoder(list[tuple[Instant, Instant]])
_KNOWN = msgspec.json.Decoder(tuple[Sighting | None, Sighting | None, Sighting | None, Sighting | None])


def add_harvest(db: Database, origin: str, harvest: Harvest) -> None:
    """Keep what a track has just found of `origin`."""
    for kind, of in harvest.stretches.items():
        _add_stretches(db, (origin, *kind), of)
    told: list[Line] = [*harvest.plans, *harvest.declarations]
    insert(db, "lines", ((origin, line.seq, encode(line).decode()) for line in told))
    insert(db, "holes", ((origin, h.first_seq, h.last_seq, *h.span) for h in harvest.holes))
    # A clock that nobody keeps right is told of with each line, always from where it was right last.
    add = (
        'INSERT INTO untrusted (origin, start, "end") VALUES (?, ?, ?)'
        ' ON CONFLICT DO UPDATE SET "end" = max("end", excluded."end")'
    )
    db.conn.executemany(add, ((origin, *span) for span in harvest.untrusted))


def _add_stretches(db: Database, key: Sequence[str], found: Iterable[tuple[Instant, Instant]]) -> None:
    """Keep more stretches of a kind after those that are known: the last row is filled up first."""
    newest = (
        "SELECT row, spans FROM stretches WHERE origin = ? AND probe = ? AND throttle = ? AND state = ?"
        " ORDER BY row DESC LIMIT 1"
    )
    last, text = db.conn.execute(newest, key).fetchone() or (0, "[]")
    told = [*_SPANS.decode(text), *found]
    rows = (told[k : k + STRETCHES_PER_ROW] for k in range(0, len(told), STRETCHES_PER_ROW))
    texts = (msgspec.json.encode(row).decode() for row in rows)
    insert(db, "stretches", ((*key, row, text) for row, text in enumerate(texts, last)))


def _state(text: str) -> State:
    try:
        return _STATES[text]
    except KeyError:
        raise msgspec.ValidationError(f'expected a state, got "{text}"') from None


def harvest_of(db: Database, origin: str) -> Harvest:
    """All that was kept of `origin`, in the order in which it was found."""
    found = Harvest()
    stretches = "SELECT probe, throttle, state, spans FROM stretches WHERE origin = ? ORDER BY row"
    for probe, throttle, state, text in db.conn.execute(stretches, (origin,)):
        found.stretches[Kind(probe, throttle, _state(state))] += _SPANS.decode(text)
    for (text,) in db.conn.execute("SELECT line FROM lines WHERE origin = ? ORDER BY seq", (origin,)):
        line = decode(text.encode())
        if isinstance(line, Plan):
            found.plans.append(line)
        elif isinstance(line, Declaration):
            found.declarations.append(line)
    untrusted = 'SELECT start, "end" FROM untrusted WHERE origin = ? ORDER BY start'
    found.untrusted = [Span(*row) for row in db.conn.execute(untrusted, (origin,))]
    holes = 'SELECT first_seq, last_seq, start, "end" FROM holes WHERE origin = ? ORDER BY first_seq'
    found.holes = [Hole(row[0], row[1], Span(*row[2:])) for row in db.conn.execute(holes, (origin,))]
    return found


def add_latencies(db: Database, origin: str, found: Latencies) -> None:
    """Keep what a fold has just found of `origin`; an hour's counts may come in several parts."""
    insert(db, "excursions", ((origin, *excursion) for excursion in found.excursions))
    add = (
        "INSERT INTO judged (origin, probe, commitment, hour, over, within, undecided)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET over = over + excluded.over,"
        " within = within + excluded.within, undecided = undecided + excluded.undecided"
    )
    db.conn.executemany(add, ((origin, *judged) for judged in found.judged))


def latencies_of(db: Database, origin: str) -> Latencies:
    """All that was kept of the latencies of `origin`."""
    judged = "SELECT probe, commitment, hour, over, within, undecided FROM judged WHERE origin = ?"
    excursions = 'SELECT probe, commitment, start, "end", samples, highest FROM excursions WHERE origin = ?'
    return Latencies(
        judged=[Judged(*row) for row in db.conn.execute(judged, (origin,))],
        excursions=[Excursion(*row) for row in db.conn.execute(excursions, (origin,))],
    )


def add_objects(db: Database, origin: str, found: Iterable[Canary]) -> None:
    """Keep what has just been learnt of the objects of `origin`, after what was known."""
    for one in found:
        known = _objects(db, " AND probe = ? AND object = ?", origin, one.probe, one.object)
        (now,) = joined(known, [one])
        insert(db, "objects", [(origin, now.probe, now.object, msgspec.json.encode(now[2:]).decode())])


def objects_of(db: Database, origin: str) -> list[Canary]:
    """All that is known of the objects of `origin`."""
    return _objects(db, " ORDER BY probe, object", origin)


def _objects(db: Database, which: str, *given: str) -> list[Canary]:
    found = db.conn.execute(f"SELECT probe, object, known FROM objects WHERE origin = ?{which}", given)
    return [Canary(probe, name, *_KNOWN.decode(text)) for probe, name, text in found]


def put_tallies(db: Database, origin: str, tallies: Mapping[str, ProbeTally], touched: Iterable[str]) -> None:
    """Keep the tallies of the probes that changed."""
    rows = ((origin, probe, msgspec.json.encode(tallies[probe]).decode()) for probe in sorted(touched))
    insert(db, "tallies", rows)


def tallies_of(db: Database, origin: str) -> dict[str, ProbeTally]:
    """Probe → its tally."""
    rows = db.conn.execute("SELECT probe, tally FROM tallies WHERE origin = ? ORDER BY probe", (origin,))
    return {probe: msgspec.json.decode(tally, type=ProbeTally) for probe, tally in rows}


def add_damage(db: Database, origin: str, found: Iterable[Damage]) -> None:
    """Keep what damage was found; what goes on where the last ended is the same."""
    grow = "UPDATE damage SET to_seq = ? WHERE origin = ? AND to_seq = ? AND from_seq < to_seq"
    for one in found:
        if not db.conn.execute(grow, (one.to_seq, origin, one.from_seq)).rowcount:
            insert(db, "damage", [(origin, one.from_seq, one.to_seq, str(one))])


def damage_of(db: Database, origin: str) -> list[str]:
    """What damage is known, as people are told of it."""
    rows = db.conn.execute("SELECT why FROM damage WHERE origin = ? ORDER BY from_seq", (origin,))
    return [why for (why,) in rows]


def origins_of(db: Database) -> list[str]:
    """The origins that are kept."""
    return [origin for (origin,) in db.conn.execute("SELECT origin FROM origins ORDER BY origin")]


def forget(db: Database, origin: str) -> None:
    """Drop all that is kept of `origin`."""
    for table in TABLES:
        db.conn.execute(f"DELETE FROM {table} WHERE origin = ?", (origin,))


def insert(db: Database, table: str, rows: Iterable[Sequence[object]]) -> None:
    """Rows of `table`, whole, in the order of its columns; one of the same key is replaced."""
    columns = list(TABLES[table][0])
    names = ", ".join(f'"{column}"' for column in columns)
    marks = ", ".join("?" * len(columns))
    db.conn.executemany(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", rows)
