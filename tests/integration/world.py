"""A collector as its user runs it: a configuration file, a process, a journal, and what `constat` says."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from collector.core.record import Line
from collector.journal import reader

ROOT = Path(__file__).parents[2]
STARTS_WITHIN_S = 20.0

REGION = "eu-west-2"
ACCOUNT = "000000000001"

HEAD = f"""
[collector]
state = "{{state}}"
vantage = "test"

[contract]
id = "outscale-cgv-2019-12"

[[account]]
id = "{ACCOUNT}"
region = "{REGION}"
zones = ["{REGION}a", "{REGION}b"]
credentials = "storage"
"""


def table(header: str, **values: object) -> str:
    """One TOML table of an array, like [[probe]]."""
    return f"\n[[{header}]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)


def service(name: str, *commitments: str, **values: object) -> str:
    whose = {"account": ACCOUNT, "region": REGION}
    return table("service", name=name, commitments=list(commitments), **whose, **values)


def probe(name: str, kind: str, target: str, params: Any = None, **values: object) -> str:
    return table("probe", name=name, kind=kind, target=target, **values, params=params or {})


def publishes_to(bucket: str) -> dict[str, object]:
    """Parameters of an `s3` probe that publishes to the RADOS gateway."""
    return {"mode": "publish", "bucket": bucket, "region": REGION}


class Collector:
    """The measuring process alone, on its own state directory; a context manager that ends it."""

    def __init__(self, directory: Path, tables: list[str], environ: dict[str, str] | None = None) -> None:
        self.state = directory / "state"
        self.file = directory / "constat.toml"
        self.log = directory / "log"
        directory.mkdir(parents=True, exist_ok=True)
        self.file.write_text(HEAD.format(state=self.state) + "".join(tables))
        self.environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait for the first line it adds to the journal."""
        before = self._journal_bytes()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "collector", "--config", str(self.file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=self.environ,
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while self._journal_bytes() <= before:
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order; it must do so within 5 s and without a traceback."""
        self._end(signal.SIGTERM)
        assert "Traceback" not in self.log.read_text(), self.log.read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(signal.SIGKILL if kind else signal.SIGTERM)

    def _journal_bytes(self) -> int:
        return sum(f.stat().st_size for f in self.state.glob("journal/*/*.jsonl"))

    def lines(self) -> list[Line]:
        """Every line of the journal, which must be undamaged."""
        found: list[Line] = []
        for origin in reader.origins(self.state):
            for item in reader.read(origin):
                assert isinstance(item, reader.Batch), str(item)
                found += item.lines
        return found

    def account(self, *options: str) -> dict[str, Any]:
        """What `constat account --json` says of the journal."""
        done = constat("account", "--journal", str(self.state), "--json", *options)
        result: dict[str, Any] = json.loads(done.stdout)
        return result


def constat(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line; a status beyond 1 (a finding) fails the test."""
    done = subprocess.run(
        [sys.executable, "-m", "exporters", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done


def now_us() -> int:
    """The wall clock, in µs since 1970."""
    return time.time_ns() // 1000
