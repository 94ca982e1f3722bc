"""What a probe costs here and with the blackbox exporter and Prometheus, side by side: CPU, disk, memory."""

import gzip
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from collector.core.record import Sample
from collector.journal import compress
from tests.conftest import free_port
from tests.integration.world import ROOT, Collector, probe, service
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
        with Exporter(directory / "exporter", collector.file, free_port()) as exporter:
            exporter.scraped()
            memory += resident(exporter.pid)
    lines = b"".join(f.read_bytes() for f in sorted(collector.state.glob("journal/*/*.jsonl")))
    samples = lines.count(b'"t":"sample"')
    kept = len(gzip.compress(lines, compress.LEVEL)) + size_of(collector.state.glob("journal/*/*.tree"))
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


class Exporter(Server):
    """Our reading process, on what the collector writes."""

    def __init__(self, directory: Path, configuration: Path, port: int) -> None:
        super().__init__(directory)
        self.configuration, self.port = configuration, port

    def command(self) -> list[str]:
        listen = f"127.0.0.1:{self.port}"
        serve = ["serve", "--config", str(self.configuration), "--listen", listen]
        return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "exporters", *serve]

    def answers(self) -> bool:
        return listens(self.port) and self._status("readyz") == 200

    def scraped(self) -> None:
        """Have been scraped a few times."""
        for _ in range(5):
            assert self._status("metrics") == 200

    def _status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=10) as answer:
                return int(answer.status) if answer.read() else 0
        except urllib.error.HTTPError as error:
            return error.code


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


def side_by_side(directory: Path, probes: int, seconds: float) -> tuple[Cost, Cost]:
    """Both sides probe the same server at the same rate, one after the other: ours, and the peers'."""
    with Nginx(directory / "site", free_port(), "site") as site:
        urls = [f"{site.url}{k}" for k in range(probes)]
        ours = constat_cost(directory / "constat", urls, seconds)
        return ours, blackbox_cost(directory / "peers", urls, seconds)
