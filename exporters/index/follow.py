"""One origin as far as it was read: its position and all that follows its lines, kept and taken up again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Self

import msgspec
from sqlite_utils import Database

from collector.core.durability import Canary, Objects, joined
from collector.core.latency import Fold, Latencies
from collector.core.record import Line
from collector.core.sight import Harvest, Testimony, Track, together
from collector.core.timeline import Duration, Instant
from collector.journal.reader import Batch, Damage, OriginDir, Position, read
from exporters.index import rows
from exporters.index.tally import Health, Tally

ENDLESS: Instant = 1 << 62


class Heard(NamedTuple):
    """How much of an origin was taken in: its first `size` lines."""

    before: Position | None
    """A place at or before the end of them, from where their tree can be finished; None: the beginning."""
    size: int


class Told(NamedTuple):
    """All that one origin has to say."""

    testimony: Testimony
    latencies: Latencies
    objects: Sequence[Canary]
    tally: Tally
    damage: Sequence[str]
    heard: Heard
    """Lines after it were made later than what was asked for."""


class Follower:
    """Takes an origin's lines in order; `keep` puts what they came to into the index.

    `limits` are those of the contract's latency commitments. With `exact`, every latency is remembered.
    `tallied` runs are counted for what is shown of the present; no account needs that.
    """

    def __init__(
        self, origin: str, limits: Mapping[str, Duration], *, exact: bool = False, tallied: bool = False
    ) -> None:
        self.position: Position | None = None
        self.track = Track(origin)
        self.fold = Fold(limits, keep=exact)
        self.objects = Objects()
        self.tally = Tally()
        self._tallied = tallied
        self.damage: list[Damage] = []
        self.heard = Heard(None, 0)
        self.taken = False
        """Whether anything was taken in that is not kept yet."""

    @classmethod
    def stored(cls, db: Database, origin: str, limits: Mapping[str, Duration]) -> Self:
        """The follower of `origin` as it was last kept; a new one if it never was."""
        follower = cls(origin, limits, tallied=True)
        select = "SELECT position, track, fold, health FROM origins WHERE origin = ?"
        row = db.conn.execute(select, (origin,)).fetchone()
        if row is not None:
            follower.position = None if row[0] == "null" else Position.decode(row[0])
            follower.track = Track.restore(msgspec.json.decode(row[1]))
            follower.fold.restore(msgspec.json.decode(row[2]), follower.track.plan)
            health = msgspec.json.decode(row[3], type=Health)
            follower.tally = Tally(rows.tallies_of(db, origin), health)
        return follower

    def feed(self, line: Line) -> None:
        """The next line; raises UncountableJournal if it contradicts those before."""
        for take in self._takers():
            take(line)

    def follow(
        self, place: OriginDir, until: Instant = ENDLESS, size: int = ENDLESS
    ) -> Iterator[Batch | Damage]:
        """Take in what comes after the position, made by `until` and among the first `size` lines.

        Gives each part once it is taken in.

        Raises `collector.journal.reader.Rewound` where the journal is not the one that was read.
        """
        takers = self._takers()
        for part in read(place, self.position):
            if isinstance(part, Batch):
                known = part.lines
                if (until, size) != (ENDLESS, ENDLESS):
                    known = [line for line in known if line.at <= until and line.seq < size]
                for take in takers:
                    for line in known:
                        take(line)
                if self.track.seq >= self.heard.size:
                    self.heard = Heard(self.position, self.track.seq + 1)
            else:
                self.damage.append(part)
            self.position = part.position
            self.taken = True
            yield part

    def _takers(self) -> list[Callable[[Line], None]]:
        takers: list[Callable[[Line], None]] = [self.track.feed, self.fold.feed, self.objects.feed]
        return [*takers, self.tally.feed] if self._tallied else takers

    def keep(self, db: Database) -> None:
        """Put what was found since the last time into the index; belongs into a transaction."""
        origin = self.track.origin
        rows.add_harvest(db, origin, self.track.take())
        rows.add_latencies(db, origin, self.fold.take())
        rows.add_objects(db, origin, self.objects.take())
        touched = self.tally.settle()
        rows.put_tallies(db, origin, self.tally.probes, touched)
        rows.add_damage(db, origin, self.damage)
        self.damage.clear()
        self.taken = False
        state = (self.position, self.track.snapshot(), self.fold.snapshot(), self.tally.health)
        rows.insert(db, "origins", [(origin, *(msgspec.json.encode(part).decode() for part in state))])

    def told(self, db: Database | None = None) -> Told:
        """All that the origin has to say, with what `db` keeps of it; ends this follower's use."""
        origin = self.track.origin
        kept = Harvest() if db is None else rows.harvest_of(db, origin)
        earlier = Latencies() if db is None else rows.latencies_of(db, origin)
        objects = [] if db is None else rows.objects_of(db, origin)
        damage = [] if db is None else rows.damage_of(db, origin)
        self.tally.settle()
        track, fresh = self.track, self.fold.take()
        parts = (kept, track.harvest, track.tail())
        return Told(
            Testimony(track.origin, track.vantage, track.began or 0, track.until, together(parts)),
            Latencies(
                judged=earlier.judged + fresh.judged,
                excursions=earlier.excursions + fresh.excursions + self.fold.tail(),
                values=fresh.values,
            ),
            joined(objects, self.objects.take()),
            self.tally,
            [*damage, *map(str, self.damage)],
            self.heard,
        )
