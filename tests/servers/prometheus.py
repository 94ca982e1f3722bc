"""Prometheus, scraping one exporter."""

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from tests.servers.process import Server

CONFIGURATION = """
global: {{ scrape_interval: {interval} }}
scrape_configs:
{jobs}
"""


class Prometheus(Server):
    """Scrapes `targets` ("host:port" of a /metrics page), or what `jobs` says as YAML list items."""

    def __init__(
        self, directory: Path, port: int, targets: list[str], *, interval: str = "1s", jobs: str | None = None
    ) -> None:
        super().__init__(directory)
        self.port = port
        listed = ", ".join(f'"{t}"' for t in targets)
        self.jobs = jobs or f"  - job_name: constat\n    static_configs: [{{ targets: [{listed}] }}]"
        self.interval = interval

    def command(self) -> list[str]:
        file = self.directory / "prometheus.yml"
        file.write_text(CONFIGURATION.format(interval=self.interval, jobs=self.jobs))
        return [
            "prometheus",
            f"--config.file={file}",
            f"--storage.tsdb.path={self.directory / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def query(self, promql: str, *, at_s: int | None = None, timeout_s: float = 5) -> list[dict[str, object]]:
        """The result vector of an instant query, of now or as of a second since 1970."""
        asked = {"query": promql} if at_s is None else {"query": promql, "time": str(at_s)}
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode(asked)
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            result: list[dict[str, object]] = json.load(answer)["data"]["result"]
        return result
