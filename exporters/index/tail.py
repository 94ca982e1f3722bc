"""Takes a journal's new lines into the index, and tells what the index and the lines after it say."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from sqlite_utils import Database

from collector.core.record import Plan
from collector.core.timeline import Instant
from collector.journal.reader import Batch, Damage, OriginDir, Rewound, lines_known, origins, read
from exporters.index import rows
from exporters.index.follow import ENDLESS, Follower, Told
from exporters.index.store import Limits, index_path, reading, writing

AT_ONCE = 50_000
"""About so many lines go into one transaction."""

Progress = Callable[[int], None]
"""Told, now and then, how many more lines were read."""


def nobody(lines: int) -> None:  # noqa: ARG001
    """For who does not wait."""


def poll(state: Path, limits: Limits, stop: Callable[[], bool] = lambda: False) -> None:
    """Take in what is new; UnusableIndexError if the index has to be made anew first."""
    places = origins(state)
    with writing(index_path(state), limits) as db:
        take_in(db, places, limits, nobody, stop)


def take_in(
    db: Database, places: Sequence[OriginDir], limits: Limits, progress: Progress, stop: Callable[[], bool]
) -> None:
    """Bring `db` up to what `places` have; a part at a time, each whole or not at all."""
    gone = set(rows.origins_of(db)) - {place.name for place in places}
    if gone:
        with db.atomic():
            for origin in gone:
                rows.forget(db, origin)
    for place in places:
        while not stop() and not _caught_up(db, place, limits, progress, stop):
            pass


def _caught_up(
    db: Database, place: OriginDir, limits: Limits, progress: Progress, stop: Callable[[], bool]
) -> bool:
    """Take in what is new of one origin, unless told to stop; False where it has to be read anew."""
    follower = Follower.stored(db, place.name, limits)
    lines = 0
    try:
        # Read in one go: each time anew, all checkpoints to come would be read again.
        for part in follower.follow(place):
            lines += 0 if isinstance(part, Damage) else len(part.lines)
            if lines >= AT_ONCE:
                _keep(db, follower, lines, progress)
                lines = 0
                if stop():
                    return True
    except Rewound:
        with db.atomic():
            rows.forget(db, place.name)
        return False
    _keep(db, follower, lines, progress)
    return True


def _keep(db: Database, follower: Follower, lines: int, progress: Progress) -> None:
    if follower.taken:
        with db.atomic():
            follower.keep(db)
    progress(lines)


def indexed(state: Path, limits: Limits) -> list[Told]:
    """All that the journal of `state` says, from the index as far as that goes; or UnusableIndexError."""
    places = origins(state)
    with reading(index_path(state), limits) as db:
        return [_told(db, place, limits) for place in places]


def _told(db: Database, place: OriginDir, limits: Limits) -> Told:
    follower = Follower.stored(db, place.name, limits)
    try:
        for _ in follower.follow(place):
            pass
    except Rewound:
        return _replayed(place, limits, ENDLESS, nobody, exact=False, tallied=True)
    return follower.told(db)


def replayed(
    directories: Sequence[Path],
    limits: Limits,
    as_of: Instant,
    progress: Progress = nobody,
    sizes: Mapping[str, int] | None = None,
    *,
    tallied: bool = False,
) -> Iterator[Told]:
    """What journals say that was written by `as_of`, from their lines alone; runs are counted if `tallied`.

    With `sizes`, of those origins alone, and of each no more than so many of its first lines.
    """
    for directory in directories:
        for place in origins(directory):
            if sizes is None or place.name in sizes:
                size = ENDLESS if sizes is None else sizes[place.name]
                yield _replayed(place, limits, as_of, progress, exact=True, tallied=tallied, size=size)


def _replayed(
    place: OriginDir,
    limits: Limits,
    as_of: Instant,
    progress: Progress,
    *,
    exact: bool,
    tallied: bool,
    size: int = ENDLESS,
) -> Told:
    while True:
        follower = Follower(place.name, limits, exact=exact, tallied=tallied)
        try:
            for part in follower.follow(place, as_of, size):
                progress(0 if isinstance(part, Damage) else len(part.lines))
        except Rewound:
            continue  # it changed under our eyes
        return follower.told()


def lines(directories: Sequence[Path]) -> int:
    """About how many lines journals have; too few where no checkpoint says."""
    return sum(lines_known(place) for directory in directories for place in origins(directory))


def contracts(directories: Sequence[Path]) -> set[str]:
    """The contracts that the first plan of each origin names."""
    return {
        line.contract for directory in directories for place in origins(directory) for line in _plans(place)
    }


def _plans(place: OriginDir) -> Iterator[Plan]:
    for part in read(place):
        if isinstance(part, Batch):
            plans = [line for line in part.lines if isinstance(line, Plan)]
            yield from plans
            if plans:
                return
