"""Forty probes against real servers, the collector killed at random: every slot is accounted for.

Run it as `python -m tests.integration.soak --seconds 1800 --kills 10` (`make soak`); a short one is a test.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from collector.core.record import Gap, Line, Sample
from tests.conftest import free_port
from tests.coverage_check import uncovered
from tests.integration.world import Collector, probe, publishes_to, service
from tests.servers.ceph import ACCESS_KEY, SECRET_KEY, RadosGateway
from tests.servers.chrony import Chrony
from tests.servers.haproxy import Haproxy
from tests.servers.nginx import Nginx
from tests.servers.unbound import Unbound

PROBES_OF_EACH_KIND = 8
SECRETS = {"CONSTAT_STORAGE_ACCESS_KEY": ACCESS_KEY, "CONSTAT_STORAGE_SECRET_KEY": SECRET_KEY}


def soak(directory: Path, seconds: float, kills: int, seed: int) -> list[Line]:
    """The journal of `seconds` of measuring, killed and restarted `kills` times."""
    chance = random.Random(seed)
    with ExitStack() as stack:
        tables = _servers_and_tables(stack, directory, chance)
        collector = Collector(directory / "collector", tables, SECRETS)
        began = time.monotonic()
        collector.start()
        for moment in sorted(chance.uniform(2, seconds - 2) for _ in range(kills)):
            time.sleep(max(began + moment - time.monotonic(), 0))
            collector.kill()
            time.sleep(chance.uniform(0, 3))
            collector.start()
        time.sleep(max(began + seconds - time.monotonic(), 0))
        collector.stop()
        return collector.lines()


def _servers_and_tables(stack: ExitStack, directory: Path, chance: random.Random) -> list[str]:
    a, b, control = (
        stack.enter_context(Nginx(directory / name, free_port(), name)) for name in ("a", "b", "control")
    )
    balancer = stack.enter_context(Haproxy(directory / "balancer", free_port(), [a, b]))
    resolver = stack.enter_context(Unbound(directory / "resolver", free_port()))
    clock = stack.enter_context(Chrony(directory / "clock", free_port()))
    storage = stack.enter_context(RadosGateway(directory / "ceph", free_port(), ["constat"]))
    tables = [
        service("balancer", "load-balancer.availability"),
        service("resolver", "internet-services.dns", via="internal"),
        service("clock", "internet-services.ntp", via="internal"),
        service("storage", "object-storage.publish-api"),
        probe("control", "http", control.url, role="control", interval="2s", burst="500ms", timeout="1s"),
    ]
    for k in range(PROBES_OF_EACH_KIND):
        asked = {"interval": f"{chance.randint(1, 10)}s", "burst": "500ms", "timeout": "900ms"}
        tables += [
            probe(f"lb{k}", "lb", balancer.url, {"backends": [a.url, b.url]}, service="balancer", **asked),
            probe(f"dns{k}", "dns", f"127.0.0.1:{resolver.port}", {"name": "www.constat.test"},
                  service="resolver", **asked),
            probe(f"ntp{k}", "ntp", f"127.0.0.1:{clock.port}", service="clock", **asked),
            probe(f"http{k}", "http", balancer.url, service="balancer", **asked),
        ]  # fmt: skip
    for k in range(7):
        asked = {"interval": f"{chance.randint(2, 10)}s", "burst": "500ms", "timeout": "900ms"}
        tables.append(probe(f"s3{k}", "s3", storage.url, publishes_to("constat"), service="storage", **asked))
    return tables


def report(lines: list[Line]) -> list[str]:
    """Every slot that is not covered by exactly one line; what was seen goes to standard output."""
    outcomes = Counter(line.outcome.value for line in lines if isinstance(line, Sample))
    gaps = Counter(line.reason.value for line in lines if isinstance(line, Gap))
    print(f"lines={len(lines)} samples={dict(outcomes)} gaps={dict(gaps)}")
    return uncovered(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed={options.seed} seconds={options.seconds} kills={options.kills}", flush=True)
    with tempfile.TemporaryDirectory(prefix="constat-soak-") as directory:
        problems = report(soak(Path(directory), options.seconds, options.kills, options.seed))
    for problem in problems:
        print(problem)
    print(f"uncovered={len(problems)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
