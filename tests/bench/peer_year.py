"""What Prometheus takes to tell the attainment of a year: the yardstick of our own figure, in one run."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from collector.core.timeline import SECOND
from tests.bench.probing import cpu_s
from tests.bench.years import BEGINS, YEAR
from tests.conftest import free_port
from tests.servers.prometheus import Prometheus

SERIES = 4
INTERVAL_S = 10
BEGINS_S = BEGINS // SECOND
YEAR_S = YEAR // SECOND
QUERY = "avg_over_time(up[365d])"


class Remembering(Prometheus):
    """Prometheus with a year of `up` of so many series, put in from a file."""

    def start(self) -> None:
        file = self.directory / "year.om"
        with file.open("w") as out:
            out.writelines(_samples())
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
        # In few blocks: the file is read once for each.
        few = f"--max-block-duration={YEAR_S // 3600}h"
        subprocess.run([*command, few, file, self.directory / "tsdb"], check=True, stdout=subprocess.DEVNULL)
        file.unlink()
        super().start()

    def command(self) -> list[str]:
        return [*super().command(), "--storage.tsdb.retention.time=100y", "--log.level=error"]


def _samples() -> Iterator[str]:
    yield "# TYPE up gauge\n"
    for series in range(SERIES):
        for begin in range(BEGINS_S, BEGINS_S + YEAR_S, 3600):
            times = range(begin, begin + 3600, INTERVAL_S)
            yield "".join(f'up{{probe="p{series}"}} 1 {second}\n' for second in times)
    yield "# EOF\n"


def peer_year_ms(directory: Path, times: int = 5) -> float:
    """Processor time of one query for the attainment of the year, the median of several."""
    with Remembering(directory, free_port(), [], interval="1h") as prometheus:
        took = []
        for _ in range(times):
            before = cpu_s(prometheus.pid)
            answer = prometheus.query(QUERY, at_s=BEGINS_S + YEAR_S, timeout_s=60)
            took.append(cpu_s(prometheus.pid) - before)
            assert len(answer) == SERIES
    return 1000 * median(took)
