"""What a year of twenty probes costs, made up and accounted for by the commands that a user has."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from collector.core.timeline import DAY, SECOND, Duration, Instant
from tests.integration.world import HEAD, ROOT, probe, service

BEGINS: Instant = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z."""
YEAR: Duration = 365 * DAY
INTERVAL: Duration = 10 * SECOND
ORIGINS = 2
COMMITMENTS = (
    "compute.command-api", "object-storage.access-api", "internal-network.object-storage-latency",
    "internet-services.dns", "internet-services.ntp", "load-balancer.availability", "internet.access",
    "internal-network.latency",
)  # fmt: skip
"""One service each, with one probe at each vantage point; with two controls there, that is twenty."""
PROBES = ORIGINS * (len(COMMITMENTS) + 2)


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    seconds: float
    """Of processor time."""
    memory: int
    """Bytes that were resident at most."""


@dataclass(frozen=True)
class Period:
    """A length of time: its planned slots, and what it costs to make it up and to account for it."""

    slots: int
    simulate: Cost
    account: Cost


def period(directory: Path, length: Duration) -> Period:
    """Make up a period of `length` in `directory`, and draw the account at its end from all of its lines."""
    directory.mkdir()
    settings, state = directory / "constat.toml", directory / "state"
    settings.write_text(_settings(state))
    ends = BEGINS + length
    asked = ("--config", settings, "--interval", f"{INTERVAL // SECOND}s", "--from", BEGINS, "--to", ends)
    return Period(
        slots=PROBES * (length // INTERVAL),
        simulate=_cost("simulate", "--output", state, *asked),
        account=_cost("account", "--journal", state, "--at", ends, "--json"),
    )


def memory_of_a_year(some: Period, more: Period) -> float:
    """Bytes that the account of a year would have resident, by what `more` slots take beyond `some`."""
    each = (more.account.memory - some.account.memory) / (more.slots - some.slots)
    return some.account.memory + each * (PROBES * (YEAR // INTERVAL) - some.slots)


def _settings(state: Path) -> str:
    watched = {f"s{k}": commitment for k, commitment in enumerate(COMMITMENTS)}
    asked = [
        *(service(name, commitment) for name, commitment in watched.items()),
        *(probe(f"p-{name}", "tcp", "192.0.2.1:443", service=name) for name in watched),
        *(probe(f"c{k}", "tcp", f"198.51.100.{k}:443", role="control") for k in (1, 2)),
    ]
    return "".join([HEAD.format(state=state), f"\n[budget]\norigins = {ORIGINS}\n", *asked])


def _cost(*arguments: object) -> Cost:
    command = [sys.executable, "-m", "exporters", *map(str, arguments)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode in (0, 1), command  # 1 is a finding: of so long a time there is one
    return Cost(seconds=used.ru_utime + used.ru_stime, memory=used.ru_maxrss * 1024)
