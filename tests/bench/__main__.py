"""Every budget of Constat that is a cost, measured in one run: `python -m tests.bench`, or `make bench`."""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from collector.core.timeline import DAY, Duration
from tests.bench import evidence, past, probing, years
from tests.bench.peer_year import peer_year_ms

SHORT: Duration = 3 * DAY
LONG: Duration = 30 * DAY
MIB = 2**20


@dataclass(frozen=True)
class Row:
    """One line of the table; `peer` is what the same costs elsewhere, where that can be measured here."""

    what: str
    unit: str
    measured: float
    budget: float
    peer: float | None = None

    def __str__(self) -> str:
        peer = "" if self.peer is None else f"{self.peer:12.2f}{self.measured / self.peer:8.2f}"
        of_budget = self.measured / self.budget
        return f"{self.what:56}{self.unit:6}{self.measured:10.2f}{self.budget:10.2f}{of_budget:8.2f}{peer}"


def measured(directory: Path, probes: int, seconds: float) -> list[Row]:
    """All rows but those of `a_year`; `directory` is filled with what they need."""
    ours, peers = probing.side_by_side(directory / "probing", probes, seconds)
    said(f"probed: {ours.probes} runs of ours, {peers.probes} of the peers")
    scrape_ms = past.scrape_ms(directory / "scrape", 200)
    year_ms = past.rolling_year_ms(directory / "year", 20)
    peers_year_ms = peer_year_ms(directory / "peer-year")
    said("asked; now a year of samples is written and indexed")
    samples, rebuild_s = past.rebuild_s(directory / "rebuild")
    each = f"per HTTP probe, new connection, {probes} a second"
    return [
        Row(f"CPU {each}", "ms", ours.cpu_ms_each, 0.9, peers.cpu_ms_each),
        Row("disk per HTTP probe, gzipped, no request id", "bytes", ours.bytes_each, 40, peers.bytes_each),
        Row(f"resident memory, {probes} probes", "MiB", ours.memory / MIB, 150, peers.memory / MIB),
        Row("scrape of 200 services", "ms", scrape_ms, 50),
        Row("attainment over a rolling year, 20 probes", "ms", year_ms, 10, peers_year_ms),
        Row(f"index of {samples} samples made anew", "s", rebuild_s, 20),
    ]


def proven(directory: Path) -> list[Row]:
    """What evidence of a month with a million lines costs."""
    found = evidence.measured(directory)
    said(f"bundled: {found.lines} lines in {found.bundle_bytes} bytes")
    return [
        Row("line appended, with tree and signed checkpoints", "us", found.append_us, 20),
        Row("proof of one line of a million", "bytes", found.proof_bytes, 640),
        Row("bundle of a month with a million lines made", "s", found.made_s, 15),
        Row("the same, resident memory", "MiB", found.memory / MIB, 300),
        Row("the same, bytes per line", "bytes", found.bundle_bytes / found.lines, 25),
        Row("it verified by constat verify, elapsed", "s", found.verified_s, 20),
        Row("it verified by its own verify.py, elapsed", "s", found.verified_alone_s, 20),
    ]


def a_year(directory: Path, whole: bool) -> list[Row]:
    """What simulating a year of twenty probes and accounting for it takes: measured, or told from a month."""
    some = years.period(directory / "short", SHORT)
    more = years.period(directory / "long", LONG)
    said(f"made up and accounted for: {some.slots} and {more.slots} slots")
    by_slot = more.account.seconds / more.slots / (some.account.seconds / some.slots)
    whole_year = years.memory_of_a_year(some, more)
    rows = [
        Row("account of ten times as long, time per slot", "ratio", by_slot, 1.1),
        Row("account of a year of 20 probes, memory, told from both", "MiB", whole_year / MIB, 500),
    ]
    if whole:
        year = years.period(directory / "whole", years.YEAR)
        said(f"{year.slots} slots: {year.simulate}, {year.account}")
        rows += [
            Row("year of 20 probes made up, memory", "MiB", year.simulate.memory / MIB, 500),
            Row("account of it, memory", "MiB", year.account.memory / MIB, 500),
        ]
    return rows


def said(text: str) -> None:
    """Tell who waits how far it is."""
    print(f"{time.process_time():6.1f} s CPU  {text}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probes", type=int, default=100, help="HTTP probes, one a second each")
    parser.add_argument("--seconds", type=float, default=20, help="how long each side probes")
    parser.add_argument("--year", action="store_true", help="a year of 20 probes in full: half an hour, 3 GB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="constat-bench-") as name:
        rows = measured(Path(name), options.probes, options.seconds)
        rows += proven(Path(name) / "evidence")
        rows += a_year(Path(name), options.year)
    print("Processor time and sizes; the peer is the blackbox exporter with Prometheus, on the same machine")
    print(f"{'':62}{'measured':>10}{'budget':>10}{'ratio':>8}{'peer':>12}{'ratio':>8}")
    print(*rows, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
