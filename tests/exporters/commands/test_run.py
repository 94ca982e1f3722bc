"""`constat run` as somebody sees it who starts it, stops it, kills parts of it or starts it twice."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_port

pytestmark = pytest.mark.slow

END_S = 5.0
"""How long both processes may take to end, whatever happened."""


class Run:
    """One `constat run`, its children by name, and what it said."""

    def __init__(self, config: Path, log: Path, terminal: int = subprocess.DEVNULL) -> None:
        self.log = log
        with log.open("wb") as stderr:
            command = [sys.executable, "-m", "exporters", "run", "--config", str(config)]
            if terminal != subprocess.DEVNULL:  # a session of its own, which this terminal controls
                command = ["setsid", "--ctty", *command]
            self.process = subprocess.Popen(command, stdin=terminal, stderr=stderr)
        self.pids: dict[str, int] = {}

    def both(self) -> "Run":
        """Wait until both children work."""
        until(lambda: "event=started" in self.said() and "event=ready" in self.said())
        for pid in children_of(self.process.pid):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            self.pids["collector" if b"collector" in command else "exporter"] = pid
        assert set(self.pids) == {"collector", "exporter"}
        return self

    def said(self) -> str:
        return self.log.read_text()

    def ended(self) -> int:
        """Its exit status; nothing of it is left, and it ended in time."""
        status = self.process.wait(END_S)
        until(lambda: not any(alive(pid) for pid in self.pids.values()), END_S)
        return status


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(holds: Callable[[], bool], patience_s: float = 20.0) -> None:
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "constat.toml"
    path.write_text(settings(tmp_path / "state", free_port()))
    return path


def settings(state: Path, port: int, probes: int = 1) -> str:
    """Settings whose probes ask nobody: each is refused, which is a sample too."""
    text = f'''
[collector]
vantage = "here"
state = "{state}"
[serve]
listen = "127.0.0.1:{port}"
[contract]
id = "outscale-cgv-2019-12"
'''
    probe = (
        '[[probe]]\nname = "p{}"\nrole = "control"\nkind = "tcp"\ntarget = "127.0.0.1:1"\ninterval = "1s"\n'
    )
    return text + "".join(probe.format(k) for k in range(probes))


@pytest.fixture
def running(config: Path, tmp_path: Path) -> Iterator[Callable[[], Run]]:
    """Starts runs; at the end all are killed, and their children with them."""
    runs: list[Run] = []

    def start(config: Path = config) -> Run:
        runs.append(Run(config, tmp_path / f"log-{len(runs)}"))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


def last_line(state: Path) -> Any:
    (file,) = (state / "journal").glob("*/*.jsonl")
    return json.loads(file.read_bytes().splitlines()[-1])


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both_in_good_order(running: Callable[[], Run], tmp_path: Path, sign: int) -> None:
    run = running().both()
    run.process.send_signal(sign)

    assert run.ended() == 0
    assert last_line(tmp_path / "state")["t"] == "stop"
    assert "Traceback" not in run.said()


@pytest.mark.parametrize(("killed", "other"), [("collector", "exporter"), ("exporter", "collector")])
def test_when_one_is_killed_the_other_ends_too(
    running: Callable[[], Run], tmp_path: Path, killed: str, other: str
) -> None:
    run = running().both()
    os.kill(run.pids[killed], signal.SIGKILL)

    assert run.ended() == 3
    assert f"constat: {killed}: expected to run until told to stop, was ended by SIGKILL" in run.said()
    assert "Traceback" not in run.said()
    if other == "collector":
        assert last_line(tmp_path / "state")["t"] == "stop"


def test_when_it_is_killed_itself_both_end_in_good_order(running: Callable[[], Run], tmp_path: Path) -> None:
    run = running().both()
    run.process.kill()

    assert run.ended() == -signal.SIGKILL
    assert last_line(tmp_path / "state")["t"] == "stop"


def test_a_second_one_says_who_was_first_and_leaves_it_alone(running: Callable[[], Run]) -> None:
    first = running().both()
    second = running()

    assert second.ended() == 3
    assert f"held by process {first.pids['collector']}" in second.said()
    assert all(alive(pid) for pid in first.pids.values())
    first.process.send_signal(signal.SIGTERM)
    assert first.ended() == 0


def test_a_port_that_is_taken_is_one_clear_message_and_ends_the_collector_in_good_order(
    running: Callable[[], Run], config: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(settings(tmp_path / "state", port))
        run = running()
        until(lambda: "Address already in use" in run.said(), 30)  # it has started, and cannot go on

        assert run.ended() == 3
    assert f"127.0.0.1:{port}: expected an address to listen on, got: Address already in use" in run.said()
    assert "Traceback" not in run.said()
    journal = list((tmp_path / "state/journal").glob("*/*.jsonl"))
    assert not journal or last_line(tmp_path / "state")["t"] == "stop"


def test_wrong_settings_are_told_once_and_nothing_is_started(
    running: Callable[[], Run], config: Path, tmp_path: Path
) -> None:
    config.write_text(config.read_text().replace("127.0.0.1:1", "127.0.0.1:x") + "[colector]\n")
    run = running()

    assert run.ended() == 2
    assert [line.split(": ")[2] for line in run.said().splitlines()] == ["colector", "probe[0].target"]
    assert not (tmp_path / "state").exists()


def test_a_hangup_has_the_settings_read_anew_and_wrong_ones_change_nothing(
    running: Callable[[], Run], config: Path, tmp_path: Path
) -> None:
    run = running().both()
    right = config.read_text()
    config.write_text(right.replace("interval", "intervall"))
    run.process.send_signal(signal.SIGHUP)
    until(lambda: "event=reload taken=no why=" in run.said())
    config.write_text(right.replace('interval = "1s"', 'interval = "2s"'))
    run.process.send_signal(signal.SIGHUP)
    until(lambda: "event=reload taken=yes plan=new" in run.said())
    run.process.send_signal(signal.SIGTERM)

    assert run.ended() == 0
    (file,) = (tmp_path / "state/journal").glob("*/*.jsonl")
    plans = [line for line in map(json.loads, file.read_bytes().splitlines()) if line["t"] == "plan"]
    assert [plan["probes"][0]["interval"] for plan in plans] == [1_000_000, 2_000_000]


def test_a_terminal_that_is_closed_ends_both(config: Path, tmp_path: Path) -> None:
    """Nobody sees it any more, and nobody would find it: it must not live on."""
    ours, its = os.openpty()
    run = Run(config, tmp_path / "log", its)
    try:
        os.close(its)
        run.both()
        os.close(ours)

        assert run.ended() == 0
    finally:
        run.process.kill()
        run.process.wait()
    assert last_line(tmp_path / "state")["t"] == "stop"
