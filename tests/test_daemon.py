"""The measuring process, from outside: real probes, signals and journals; and its clock, from inside."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.core import record
from collector.core.record import Clock as ClockLine
from collector.core.record import (
    Declaration,
    Gap,
    GapReason,
    Host,
    Line,
    Outcome,
    Plan,
    Reason,
    Sample,
    Start,
    Stop,
)
from collector.core.timeline import SECOND
from collector.daemon import Daemon, configured, once
from collector.errors import UsageError
from collector.host.clock import Clock
from collector.host.notify import Notifier, watchdog_period
from collector.journal.inbox import fate, submit
from collector.journal.origin import open_origin
from collector.settings import load
from tests.conftest import free_port
from tests.coverage_check import uncovered

HEAD = """
[collector]
vantage = "test"
[contract]
id = "outscale-cgv-2019-12"
[[account]]
id = "000000000001"
region = "eu-west-2"
"""

SERVICE = """
[[service]]
name = "net"
account = "000000000001"
commitments = ["internet.access"]
"""


def tcp(
    name: str, port: int, interval: str = "200 ms", burst: str = "50 ms", whose: str = 'service = "net"'
) -> str:
    return (
        f'\n[[probe]]\nname = "{name}"\nkind = "tcp"\n{whose}\ntarget = "127.0.0.1:{port}"\n'
        f'interval = "{interval}"\nburst = "{burst}"\n'
    )


class Listener:
    """Takes connections on a loopback port while it is up."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self._socket.accept()
            except OSError:
                return
            taken.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@contextmanager
def listening(port: int) -> Iterator[None]:
    listener = Listener(port)
    try:
        yield
    finally:
        listener.close()


class Process:
    """`python -m collector` on a directory of its own."""

    def __init__(self, directory: Path, probes: str) -> None:
        self.state = directory / "state"
        self.config = directory / "constat.toml"
        self.config.write_text(HEAD + (SERVICE if probes else "") + probes)
        self.errors = directory / "stderr"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environ: dict[str, str] | None = None) -> None:
        before = len(self.lines())
        with self.errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "collector", "--config", str(self.config), "--state", str(self.state)],
                stderr=errors,
                env=os.environ | (environ or {}),
            )
        self.until(lambda lines: len(lines) > before)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, sign: signal.Signals) -> int:
        """Send a signal that ends it; gives the exit status. It has 5 s."""
        assert self._process is not None
        self._process.send_signal(sign)
        status = self._process.wait(5)
        self._process = None
        return status

    def until(self, condition: Callable[[list[Line]], bool], seconds: float = 10) -> list[Line]:
        """The journal, once it says so."""
        end = time.monotonic() + seconds
        while not condition(lines := self.lines()):
            assert time.monotonic() < end, self.errors.read_text() + "".join(
                f"\n{line}" for line in lines[-20:]
            )
            time.sleep(0.05)
        return lines

    def lines(self) -> list[Line]:
        files = sorted(self.state.glob("journal/*/*.jsonl"))
        whole = (file.read_bytes().rpartition(b"\n")[0] for file in files)
        return [record.decode(line) for data in whole for line in data.splitlines()]

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[[str], Process]]:
    made: list[Process] = []

    def make(probes: str) -> Process:
        made.append(Process(tmp_path, probes))
        return made[-1]

    yield make
    for one in made:
        one.close()


def samples(lines: list[Line], name: str) -> list[Sample]:
    return [line for line in lines if isinstance(line, Sample) and line.probe == name]


def gaps(lines: list[Line]) -> list[Gap]:
    return [line for line in lines if isinstance(line, Gap)]


def failed(lines: list[Line]) -> bool:
    return any(s.outcome is Outcome.FAILED for s in samples(lines, "web"))


# ----------------------------------------------------------------------------------------------- from outside


def test_an_outage_is_followed_in_a_burst_with_its_control_and_all_is_covered(
    process: Callable[[str], Process],
) -> None:
    port, other = free_port(), free_port()
    collector = process(tcp("web", port) + tcp("control", other, "60 s", "50 ms", 'role = "control"'))
    with listening(other):
        with listening(port):
            collector.start()
            collector.until(lambda lines: len(samples(lines, "web")) >= 2)
        collector.until(failed)
        with listening(port):
            collector.until(lambda lines: samples(lines, "web")[-1].outcome is Outcome.OK)
            status = collector.signal(signal.SIGTERM)

    lines = collector.lines()
    assert status == 0
    assert "Traceback" not in collector.errors.read_text()
    assert isinstance(lines[0], Start)
    assert isinstance(lines[1], Plan)
    assert isinstance(lines[2], ClockLine)
    assert isinstance(lines[-1], Stop)
    assert [line.seq for line in lines] == list(range(len(lines)))
    assert uncovered(lines) == []
    web = samples(lines, "web")
    assert {s.reason for s in web if s.outcome is Outcome.FAILED} == {Reason.REFUSED}
    assert any(s.covers == 0 for s in web), "a burst asks between the slots"
    assert len(samples(lines, "control")) > 1, "the control asked, though its own slots are a minute apart"
    assert all(s.outcome is Outcome.OK for s in samples(lines, "control"))
    assert list((collector.state / "checkpoints").glob("*/*.txt")), (
        "a burst begins and ends with a checkpoint"
    )


@pytest.mark.slow
def test_kills_and_restarts_leave_every_slot_covered_once(process: Callable[[str], Process]) -> None:
    port = free_port()
    collector = process(tcp("web", port) + tcp("hangs", port, "1 s", "500 ms"))
    with listening(port):
        for sign in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
            collector.start()
            before = len(samples(collector.lines(), "web"))
            collector.until(lambda lines, before=before: len(samples(lines, "web")) > before)  # type: ignore[misc]
            collector.signal(sign)

    lines = collector.lines()
    assert uncovered(lines) == []
    assert sum(isinstance(line, Start) for line in lines) == 4
    assert sum(isinstance(line, Stop) for line in lines) == 2
    assert {gap.reason for gap in gaps(lines)} == {GapReason.STOPPED}
    assert len({path.name for path in collector.state.glob("journal/*/origin.json")}) == 1


@pytest.mark.slow
def test_a_run_in_flight_does_not_delay_the_end(process: Callable[[str], Process]) -> None:
    """A server that takes connections and never answers holds a run for its whole timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        probe = tcp("web", port, "30 s", "1 s").replace('"tcp"', '"http"').replace('"127', '"http://127')
        collector = process(probe + 'timeout = "20 s"\nphase = "0 s"\n' + tcp("quick", port))
        collector.config.write_text(collector.config.read_text().replace('"30 s"', '"20 s"'))
        collector.start()
        collector.until(lambda lines: len(samples(lines, "quick")) > 3)
        began = time.monotonic()
        collector.signal(signal.SIGTERM)

    assert time.monotonic() - began < 5
    assert uncovered(collector.lines()) == []
    assert "Traceback" not in collector.errors.read_text()


@pytest.mark.slow
def test_a_full_disk_is_no_reason_to_stop_and_nothing_is_lost_when_it_ends(
    process: Callable[[str], Process],
) -> None:
    """No file may grow, as on a full disk, for longer than a batch takes; then it may again."""
    port = free_port()
    collector = process(tcp("web", port, "100 ms"))
    with listening(port):
        collector.start()
        collector.until(lambda lines: len(samples(lines, "web")) > 3)
        _, hard = resource.prlimit(collector.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(collector.pid, resource.RLIMIT_FSIZE, (1, hard))
        time.sleep(1.5)
        full = len(collector.lines())
        time.sleep(1)
        still_full = len(collector.lines())
        resource.prlimit(collector.pid, resource.RLIMIT_FSIZE, (hard, hard))
        collector.until(lambda lines: len(lines) > still_full + 15)
        status = collector.signal(signal.SIGTERM)

    assert full == still_full
    assert status == 0
    assert uncovered(collector.lines()) == []
    assert gaps(collector.lines()) == [], "all was kept in memory meanwhile"


@pytest.mark.slow
def test_a_reload_takes_a_new_plan_and_refuses_a_wrong_one(process: Callable[[str], Process]) -> None:
    port = free_port()
    collector = process(tcp("web", port))
    good = collector.config.read_text()
    with listening(port):
        collector.start()
        collector.config.write_text(good + tcp("more", port))
        os.kill(collector.pid, signal.SIGHUP)
        collector.until(lambda lines: len(samples(lines, "more")) > 2)
        collector.config.write_text(good + tcp("web", port))
        os.kill(collector.pid, signal.SIGHUP)
        count = len(collector.lines())
        collector.until(lambda lines: len(lines) > count + 5)
        collector.signal(signal.SIGTERM)

    lines = collector.lines()
    plans = [line for line in lines if isinstance(line, Plan)]
    assert [[p.name for p in plan.probes] for plan in plans] == [["web"], ["web", "more"]]
    assert uncovered(lines) == []
    assert collector.errors.read_text().count("taken=no") == 1


def test_the_service_manager_hears_of_start_life_and_end(
    process: Callable[[str], Process], tmp_path: Path
) -> None:
    collector = process(tcp("web", free_port()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        collector.start({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"})
        first = [manager.recv(100) for _ in range(3)]
        collector.signal(signal.SIGTERM)
        manager.setblocking(False)
        then = set()
        while b"STOPPING=1" not in then:
            then.add(manager.recv(100))

    assert first == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    assert then <= {b"WATCHDOG=1", b"STOPPING=1"}


@pytest.mark.slow
def test_a_frozen_process_is_blind_to_what_it_missed_and_blames_nobody(
    process: Callable[[str], Process],
) -> None:
    port = free_port()
    collector = process(tcp("web", port))
    with listening(port):
        collector.start()
        collector.until(lambda lines: len(samples(lines, "web")) > 2)
        os.kill(collector.pid, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(collector.pid, signal.SIGCONT)
        count = len(collector.lines())
        collector.until(lambda lines: len(lines) > count + 5)
        collector.signal(signal.SIGTERM)

    lines = collector.lines()
    assert uncovered(lines) == []
    assert GapReason.LAG in {gap.reason for gap in gaps(lines)}
    assert not failed(lines)


def test_a_host_that_only_reads_runs_a_collector_without_probes(process: Callable[[str], Process]) -> None:
    collector = process("")
    collector.start()

    assert collector.signal(signal.SIGTERM) == 0
    assert [type(line) for line in collector.lines()] == [Start, Plan, ClockLine, Stop]


def test_a_declaration_that_is_handed_in_becomes_a_line(process: Callable[[str], Process]) -> None:
    collector = process("")
    collector.start()
    handed = submit(collector.state, {"kind": "note", "by": "test", "text": "hello"})

    lines = collector.until(lambda lines: any(isinstance(line, Declaration) for line in lines))

    assert [line.id for line in lines if isinstance(line, Declaration)] == [handed.id]
    collector.signal(signal.SIGTERM)
    assert fate(handed) == "taken"


def test_a_second_collector_on_one_directory_refuses_to_start(process: Callable[[str], Process]) -> None:
    first = process(tcp("web", free_port()))
    first.start()

    second = subprocess.run(
        [sys.executable, "-m", "collector", "--config", str(first.config), "--state", str(first.state)],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip

    assert second.returncode == 3
    assert len(second.stderr.splitlines()) == 1
    assert str(first.pid) in second.stderr


def test_wrong_settings_are_told_all_at_once_and_end_with_2(process: Callable[[str], Process]) -> None:
    collector = process(tcp("web", 1) + tcp("web", 2) + 'colour = "red"\n')

    done = subprocess.run(
        [sys.executable, "-m", "collector", "--config", str(collector.config)],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "colour" in done.stderr
    assert all(line.startswith(f"collector: {collector.config}: ") for line in done.stderr.splitlines())


def test_once_runs_probes_without_a_journal(process: Callable[[str], Process]) -> None:
    port = free_port()
    collector = process(tcp("web", port) + tcp("gone", free_port()))
    settings = load(collector.config, os.environ)
    with listening(port):
        found = {sample.probe: sample for sample in once(settings)}
        only = once(settings, ["web"])

    assert found["web"].outcome is Outcome.OK
    assert found["gone"].reason is Reason.REFUSED
    assert [sample.probe for sample in only] == ["web"]
    assert not collector.state.exists()
    with pytest.raises(UsageError, match="out of web, gone; got stranger"):
        once(settings, ["stranger"])


def test_the_watchdog_is_fed_three_times_as_often_as_it_bites() -> None:
    assert watchdog_period("30000000", "", 17) == 10 * SECOND
    assert watchdog_period("30000000", "17", 17) == 10 * SECOND
    assert watchdog_period("30000000", "18", 17) is None
    assert watchdog_period("", "", 17) is None


# ------------------------------------------------------------------------------------------------ from inside


class Shifted(Clock):
    """A clock whose statement can be made wrong, which is what a step of the wall clock does to it."""

    def wall_clock_steps(self, by: int) -> None:
        self._offset -= by


@pytest.mark.slow
@pytest.mark.parametrize("step", [3 * SECOND, -5 * SECOND])
async def test_a_step_of_the_clock_is_told_at_once_and_costs_no_slot_twice(tmp_path: Path, step: int) -> None:
    """By a statement that is off by as much: a real clock cannot be stepped while others use it."""
    port = free_port()
    config = tmp_path / "constat.toml"
    config.write_text(HEAD + SERVICE + tcp("web", port))
    configuration = configured(config, {}, tmp_path / "state")
    clock = Shifted()
    daemon = Daemon(
        configuration, open_origin(tmp_path / "state", "test", ""), clock=clock, notifier=Notifier(""),
        watchdog=None, reload=lambda: configuration,
    )  # fmt: skip
    with listening(port):
        running = asyncio.create_task(daemon.run())
        await asyncio.sleep(0.5)
        clock.wall_clock_steps(step)
        await asyncio.sleep(1.6)
        os.kill(os.getpid(), signal.SIGTERM)
        await running

    [file] = (tmp_path / "state").glob("journal/*/*.jsonl")
    lines = [record.decode(line) for line in file.read_bytes().splitlines()]
    assert uncovered(lines) == []
    steps = [line.step for line in lines if isinstance(line, ClockLine) and line.step]
    assert len(steps) == 1
    assert abs(steps[0] - step) < SECOND // 10
    if step > 0:
        assert GapReason.CLOCK in {gap.reason for gap in gaps(lines)}
    after = next(k for k, line in enumerate(lines) if isinstance(line, ClockLine) and line.step)
    assert any(isinstance(line, Sample) for line in lines[after:]) == (step > 0), (
        "none until it has caught up"
    )


async def test_each_minute_the_machine_says_how_it_fares(tmp_path: Path) -> None:
    config = tmp_path / "constat.toml"
    config.write_text(HEAD + tcp("control", 1, whose='role = "control"'))
    configuration = configured(config, {}, tmp_path / "state")
    daemon = Daemon(
        configuration, open_origin(tmp_path / "state", "test", ""), clock=Clock(), notifier=Notifier(""),
        watchdog=None, reload=lambda: configuration,
    )  # fmt: skip
    daemon.say_how_it_fares()
    await daemon.close()

    [file] = (tmp_path / "state").glob("journal/*/*.jsonl")
    host = record.decode(file.read_bytes().splitlines()[-1])
    assert isinstance(host, Host)
    assert host.fds > 3
    assert host.rss > 1_000_000
    assert host.route == {"control": 1}
