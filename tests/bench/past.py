"""What figures of the past cost: a scrape, a rolling year, and the index of a year made anew."""

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import msgspec

from collector.core.account import draw
from collector.core.latency import limits
from collector.core.record import Line, Outcome, Plan, Sample, encode
from collector.core.timeline import DAY, HOUR, MILLISECOND, SECOND, Duration, Instant, Span
from collector.journal import layout
from collector.journal.origin import open_origin
from collector.journal.store import Store
from exporters import query
from exporters.commands.run import spare_collections
from exporters.index.rebuild import rebuild
from exporters.kinds import metrics
from tests.bench.years import YEAR
from tests.exporters.journals import BEGAN, CALENDAR, CONTRACT, clock, plan, probe, sample, start

OUTAGE_EVERY: Duration = 30 * DAY
"""Each service fails for a while, so often and at a time of its own; figures of a year grow with it."""

FACTS: dict[str, int | str] = {
    "rtt": 41, "status": 200, "bytes": 16, "date": "Mon, 23 Nov 2026 03:26:14 GMT"
}  # fmt: skip
PHASES = {"connect": 150, "first_byte": 19_500, "transfer": 350}


def planned(services: int, interval: Duration) -> Plan:
    """One probe for each of `services`."""
    world = plan()
    model = world.services[0]
    names = [f"s{k}" for k in range(services)]
    more = {"interval": interval, "burst": interval, "sight": 2 * interval, "persistence": interval}
    return msgspec.structs.replace(
        world,
        services=tuple(msgspec.structs.replace(model, name=name) for name in names),
        probes=tuple(probe(f"p-{name}", name, **more) for name in names),
    )


def write(state: Path, services: int, interval: Duration, length: Duration) -> int:
    """A journal of `length` with one probe for each of `services`; how many samples it has."""
    of = planned(services, interval)
    origin = open_origin(state, "here", "machine")
    store = Store(origin)
    samples = 0
    begun = msgspec.structs.replace(start(), origin=origin.name, key=str(origin.key.vkey))
    begin: list[Line] = [begun, of, clock(BEGAN)]
    _append(store, begin, BEGAN)
    for hour in range(BEGAN, BEGAN + length, HOUR):
        lines: list[Line] = [clock(hour), *_runs(of, hour, min(hour + HOUR, BEGAN + length))]
        _append(store, lines, hour)
        samples += len(lines) - 1
    store.close()
    origin.release()
    return samples


def _append(store: Store, lines: list[Line], now: Instant) -> None:
    numbered = [msgspec.structs.replace(line, seq=store.size + k) for k, line in enumerate(lines)]
    store.append(numbered, [encode(line) for line in numbered], now)
    store.keep()


def _runs(of: Plan, begin: Instant, end: Instant) -> Iterator[Sample]:
    for at in range(begin, end, of.probes[0].interval):
        for number, asked in enumerate(of.probes):
            fails = (at - BEGAN + number * HOUR) % OUTAGE_EVERY >= OUTAGE_EVERY - 3 * asked.interval
            outcome = Outcome.FAILED if fails else Outcome.OK
            took = 20 * MILLISECOND + at // SECOND % 977
            yield sample(asked.name, at, outcome, took, error=35, phases=PHASES, facts=FACTS)


def scrape_ms(directory: Path, services: int) -> float:
    """What `services` that were watched for a day take to be drawn and written out."""
    length = DAY
    write(directory, services, 60 * SECOND, length)
    rebuild(directory, limits(CONTRACT))

    def scrape() -> None:
        found = query.indexed(directory, CONTRACT)
        now = query.observed(found, CONTRACT, CALENDAR, BEGAN + length)
        assert metrics.exposition(lambda: now)

    return _ms(scrape)


def rolling_year_ms(directory: Path, probes: int) -> float:
    """What the attainments of `probes` over a year take, from the index's file to the figures."""
    write(directory, probes, 1800 * SECOND, YEAR)
    time.sleep(layout.COARSE / SECOND)  # a file is begun once an hour; that it is not now is the usual case
    rebuild(directory, limits(CONTRACT))
    year = Span(BEGAN, BEGAN + YEAR)

    def ask() -> None:
        evidence = query.indexed(directory, CONTRACT).evidence()
        account = draw(evidence, CONTRACT, CALENDAR, as_of=year.end, asked=(year,))
        assert len(account.attainments) == probes
        assert all(attainment.down for attainment in account.attainments)

    return _ms(ask)


def rebuild_s(directory: Path) -> tuple[int, float]:
    """How many samples a year of one probe every 10 s has, and what its index takes to be made anew."""
    samples = write(directory, 1, 10 * SECOND, YEAR)
    before = _children_s()
    rebuild(directory, limits(CONTRACT))
    return samples, _children_s() - before


def _ms(action: Callable[[], None], times: int = 15) -> float:
    """Processor time of `action` in a process like the exporter's, the median of several."""
    spare_collections()
    took = []
    for _ in range(times):
        before = time.process_time()
        action()
        took.append(1000 * (time.process_time() - before))
    return median(took)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
