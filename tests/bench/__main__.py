"""What a probe costs here and with the blackbox exporter and Prometheus, side by side: CPU, disk, memory.

`python -m tests.bench` (or `make bench`): both sides probe the same server at the same
rate, one after the other.
"""

import argparse
import gzip
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from collector.core.record import Sample
from tests.conftest import free_port
from tests.integration.world import Collector, probe, service
from tests.servers.nginx import Nginx
from tests.servers.process import Server, listens
from tests.servers.prometheus import Prometheus

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SETTLES_S = 5.0

JOB = """
  - job_name: blackbox
    metrics_path: /probe
    params: {{ module: [http_2xx] }}
    static_configs: [{{ targets: [{targets}] }}]
    relabel_configs:
      - {{ source_labels: [__address__], target_label: __param_target }}
      - {{ source_labels: [__param_target], target_label: instance }}
      - {{ target_label: __address__, replacement: "127.0.0.1:{port}" }}
"""


@dataclass(frozen=True)
class Cost:
    """Of `probes` probes: CPU seconds, bytes on disk, and the resident memory of the processes at the end."""

    probes: int
    cpu_s: float
    disk: int
    memory: int

    @property
    def cpu_ms_each(self) -> float:
        return 1000 * self.cpu_s / self.probes

    @property
    def bytes_each(self) -> float:
        return self.disk / self.probes


class Blackbox(Server):
    """Debian's blackbox exporter with one plain HTTP module."""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(directory)
        self.port = port

    def command(self) -> list[str]:
        file = self.directory / "blackbox.yml"
        file.write_text("modules: { http_2xx: { prober: http, http: { preferred_ip_protocol: ip4 } } }\n")
        return [
            "prometheus-blackbox-exporter",
            f"--config.file={file}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=error",
        ]

    def answers(self) -> bool:
        return listens(self.port)


def cpu_s(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def size_of(files: Iterable[Path]) -> int:
    """Bytes in all regular ones of `files`."""
    return sum(f.stat().st_size for f in files if f.is_file())


def measured(pids: list[int], count: Callable[[], int], seconds: float) -> tuple[int, float]:
    """Probes done and CPU used by `pids` in `seconds`, after everything has settled."""
    time.sleep(SETTLES_S)
    probes, cpu = count(), sum(map(cpu_s, pids))
    time.sleep(seconds)
    return count() - probes, sum(map(cpu_s, pids)) - cpu


def constat_cost(directory: Path, urls: list[str], seconds: float) -> Cost:
    """The collector, one HTTP probe a second for each of `urls`."""
    tables = [service("site", "internet.firewall")]
    for k, url in enumerate(urls):
        tables.append(probe(f"p{k}", "http", url, service="site", interval="1s", burst="1s", timeout="900ms"))
    with Collector(directory, tables) as collector:

        def count() -> int:
            return sum(isinstance(line, Sample) for line in collector.lines())

        probes, cpu = measured([collector.pid], count, seconds)
        memory = resident(collector.pid)
    lines = b"".join(f.read_bytes() for f in sorted(collector.state.glob("journal/*/*.jsonl")))
    samples = lines.count(b'"t":"sample"')
    kept = len(gzip.compress(lines, 6)) + size_of(collector.state.glob("journal/*/*.tree"))
    return Cost(probes, cpu, kept * probes // samples, memory)


def blackbox_cost(directory: Path, urls: list[str], seconds: float) -> Cost:
    """The blackbox exporter, and Prometheus asking it once a second for each of `urls`."""
    with Blackbox(directory / "blackbox", free_port()) as blackbox:
        targets = ", ".join(f'"{url}"' for url in urls)
        job = JOB.format(targets=targets, port=blackbox.port)
        with Recording(directory / "prometheus", free_port(), [], jobs=job) as prometheus:

            def count() -> int:
                answer = prometheus.query("sum(count_over_time(probe_success[1h]))")
                return int(answer[0]["value"][1]) if answer else 0  # type: ignore[index]

            pids = [blackbox.pid, prometheus.pid]
            probes, cpu = measured(pids, count, seconds)
            memory = sum(map(resident, pids))
            stored, total = prometheus.snapshot_bytes(), count()
    return Cost(probes, cpu, stored * probes // total, memory)


class Recording(Prometheus):
    """Prometheus whose head can be written out as the block that it would become."""

    def command(self) -> list[str]:
        return [*super().command(), "--web.enable-admin-api", "--log.level=error"]

    def snapshot_bytes(self) -> int:
        """The size of all that was stored, compressed as blocks are."""
        url = f"http://127.0.0.1:{self.port}/api/v1/admin/tsdb/snapshot"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30) as answer:
            name = json.load(answer)["data"]["name"]
        return size_of((self.directory / "tsdb" / "snapshots" / name).rglob("*"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--probes", type=int, default=100, help="HTTP probes, one a second each")
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="constat-bench-") as name:
        directory = Path(name)
        with Nginx(directory / "site", free_port(), "site") as site:
            urls = [f"{site.url}{k}" for k in range(options.probes)]
            ours = constat_cost(directory / "constat", urls, options.seconds)
            peers = blackbox_cost(directory / "peers", urls, options.seconds)
    print(f"{options.probes} HTTP probes a second for {options.seconds:.0f} s, each on a new connection")
    print(f"{'':24}{'Constat':>12}{'blackbox + Prometheus':>24}{'ratio':>8}")
    rows = [
        ("probes", ours.probes, peers.probes, "d"),
        ("CPU per probe, ms", ours.cpu_ms_each, peers.cpu_ms_each, ".3f"),
        ("bytes kept per probe", ours.bytes_each, peers.bytes_each, ".1f"),
        ("resident memory, MiB", ours.memory / 2**20, peers.memory / 2**20, ".1f"),
    ]
    for label, a, b, form in rows:
        print(f"{label:24}{a:>12{form}}{b:>24{form}}{a / b:>8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
