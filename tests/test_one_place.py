"""One new file is one new thing: a kind of probe dropped into a copied tree is planned, run and shown."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_port
from tests.integration.world import HEAD, probe, service
from tests.readme import ROOT

pytestmark = pytest.mark.slow

WAITS_S = 30.0

HEARTBEAT = '''"""A heart that beats: a kind of probe that nothing else in the tree knows of."""

import msgspec

from collector.core.record import Outcome
from collector.probe import Observation, ProbeContext, ProbeSpec


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast it beats."""

    rate: int = 60


async def _run(target: str, params: msgspec.Struct, context: ProbeContext) -> Observation:
    assert isinstance(params, Params)
    return Observation(outcome=Outcome.OK, value=7, phases={"beat": 7}, facts={"rate": params.rate})


SPEC = ProbeSpec(
    kind="heartbeat",
    target="any word",
    params=Params,
    run=_run,
    facts={"rate": "beats per minute"},
    phases=("beat",),
)
'''


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the program with one file more, and settings that use it."""
    for package in ("collector", "exporters"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "collector/probes/heartbeat.py").write_text(HEARTBEAT)
    settings(tmp_path, {"rate": 72})
    return tmp_path


def settings(tree: Path, params: dict[str, Any]) -> None:
    text = HEAD.format(state=tree / "state") + f'\n[serve]\nlisten = "127.0.0.1:{free_port()}"\n'
    text += service("heart", "compute.command-api")
    text += probe("pulse", "heartbeat", "chest", params, service="heart", interval="1s", burst="1s")
    (tree / "constat.toml").write_text(text)


def environ(tree: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(tree), "CONSTAT_CONFIG": str(tree / "constat.toml")}


def constat(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "exporters", *arguments]
    return subprocess.run(command, cwd=tree, env=environ(tree), capture_output=True, text=True, check=False)


def test_check_takes_a_source_of_a_new_kind(tree: Path) -> None:
    """A file in its folder is all that it takes."""
    logs = (tree / "collector/sources/api_logs.py").read_text()
    (tree / "collector/sources/vm_events.py").write_text(logs.replace('kind="api-logs"', 'kind="vm-events"'))
    named = '\n[[source]]\nkind = "{kind}"\naccount = "000000000001"\ncredentials = "./keys.json"\n'
    (tree / "keys.json").write_text('{"access_key": "a", "secret_key": "s"}')
    text = (tree / "constat.toml").read_text()
    (tree / "constat.toml").write_text(text + named.format(kind="vm-events"))
    accepted = constat(tree, "check")
    (tree / "constat.toml").write_text(text + named.format(kind="status-page"))
    refused = constat(tree, "check")

    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert "(vm-events)" in accepted.stdout
    assert refused.returncode == 2
    assert "source[0].kind: expected one of api-logs, vm-events" in refused.stdout + refused.stderr


def test_check_takes_a_probe_of_the_new_kind_and_refuses_a_parameter_it_does_not_have(tree: Path) -> None:
    """Settings are decoded by the SPEC alone."""
    accepted = constat(tree, "check")
    settings(tree, {"speed": 72})
    refused = constat(tree, "check")

    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert refused.returncode == 2
    assert "speed" in refused.stdout + refused.stderr


@pytest.fixture
def running(tree: Path) -> Iterator[Path]:
    """The copy at work, both processes."""
    with (tree / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "exporters", "run"], cwd=tree, env=environ(tree), stdout=log, stderr=log
        )
    try:
        yield tree
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def lines(tree: Path) -> list[dict[str, Any]]:
    files = sorted((tree / "state/journal").glob("*/*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().split(b"\n")[:-1]]


def page(tree: Path, path: str) -> str:
    port = (tree / "constat.toml").read_text().partition("127.0.0.1:")[2].partition('"')[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def test_plan_sample_metric_and_page_know_the_new_kind(running: Path) -> None:
    """From the settings to the screen, nothing had to be told twice."""
    deadline = time.monotonic() + WAITS_S
    metrics = ""
    # The plan is seen before the first sample.
    while 'probe="pulse"' not in metrics or not any(line["t"] == "sample" for line in lines(running)):
        assert time.monotonic() < deadline, (running / "log").read_text()
        time.sleep(0.2)
        try:
            metrics = page(running, "/metrics")
        except OSError:
            continue
    found = lines(running)
    plan = next(line for line in found if line["t"] == "plan")
    samples = [line for line in found if line["t"] == "sample"]

    assert [(p["name"], p["kind"], p["params"]["rate"]) for p in plan["probes"]] == [
        ("pulse", "heartbeat", 72)
    ]
    assert samples
    assert {(s["probe"], s["outcome"], s["value"], s["facts"]["rate"]) for s in samples} == {
        ("pulse", "ok", 7, 72)
    }
    assert "heart" in page(running, "/")
