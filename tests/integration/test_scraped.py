"""A real Prometheus scrapes the exporter of a collector that measures."""

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import free_port, needs
from tests.integration.world import ROOT, Collector, probe, service
from tests.servers.nginx import Nginx
from tests.servers.process import Server
from tests.servers.prometheus import Prometheus


class Exporter(Server):
    """`constat serve` over a collector's journal."""

    def __init__(self, directory: Path, collector: Collector, port: int) -> None:
        super().__init__(directory)
        self.collector = collector
        self.port = port

    def command(self) -> list[str]:
        listen = f"127.0.0.1:{self.port}"
        return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "exporters", "serve",
                "--config", str(self.collector.file), "--listen", listen]  # fmt: skip

    def page(self) -> bytes:
        """All metrics; OSError while there is no index yet."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            read: bytes = answer.read()
        return read

    def answers(self) -> bool:
        try:
            return bool(self.page())
        except OSError:
            return False


@pytest.mark.slow
def test_prometheus_stores_what_the_probes_saw(tmp_path: Path) -> None:
    needs("nginx-light", "prometheus")
    port = free_port()
    with Nginx(tmp_path / "site", free_port(), "site") as site:
        tables = [
            service("site", "internet.firewall"),
            probe("site", "http", site.url, service="site", interval="1s", burst="500ms", timeout="900ms"),
        ]
        with (
            Collector(tmp_path / "collector", tables) as collector,
            Exporter(tmp_path / "exporter", collector, port),
            Prometheus(tmp_path / "prometheus", free_port(), [f"127.0.0.1:{port}"]) as prometheus,
        ):
            time.sleep(5)
            site.stop()
            time.sleep(4)
            up = prometheus.query('up{job="constat"}')
            runs = prometheus.query('constat_probe_runs_total{probe="site"}')
            failures = prometheus.query('sum(constat_probe_failures_total{probe="site"})')
            down = prometheus.query('constat_service_state{service="site",state="down"}')

    assert _values(up) == [1]
    assert _values(runs)[0] >= 6
    assert _values(failures)[0] >= 2
    assert _values(down) == [1]


def test_the_page_of_metrics_is_clean_to_promtool(tmp_path: Path) -> None:
    needs("nginx-light", "prometheus")
    port = free_port()
    with Nginx(tmp_path / "site", free_port(), "site") as site:
        tables = [
            service("site", "internet.firewall", "internal-network.latency"),
            probe("site", "http", site.url, service="site", interval="1s", burst="500ms", timeout="900ms"),
        ]
        with (
            Collector(tmp_path / "collector", tables) as collector,
            Exporter(tmp_path / "exporter", collector, port) as exporter,
        ):
            time.sleep(2)
            page = exporter.page()
    judged = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, timeout=20, check=False
    )
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, b"", b"")
    assert b'service="site"' in page


def _values(vector: list[dict[str, object]]) -> list[float]:
    return [float(one["value"][1]) for one in vector]  # type: ignore[index]
