"""The demonstration as a newcomer sees it: an outage opens and closes, and Ctrl-C ends everything."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.exporters.commands.test_run import children_of


@contextmanager
def demo(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "exporters", "demo", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()  # its children end with it


@pytest.mark.slow
def test_an_outage_opens_and_closes_with_its_bounds_and_its_evidence_verifies(tmp_path: Path) -> None:
    with demo("--state", str(tmp_path), "--for", "90s") as running:
        out, err = running.communicate(timeout=140)

    assert (running.returncode, err) == (0, "")
    assert re.search(r"evidence: .*outage\.zip of outage command-api@\d+ VERIFIED against the deposit", out)
    opened = re.search(r"outage command-api@\d+: open, possible since", out)
    bounds = r"outage command-api@\d+: closed, certain .* \(([\d.]+) s\), possible .* \(([\d.]+) s\)"
    closed = re.search(bounds, out)
    assert opened
    assert closed
    assert re.search(r"journal: [1-9]\d* time stamps, the last of 20", out)
    # The provider failed for 20 s: certain ≤ 20 s ≤ possible, and both are near: a round of 2 s at each end.
    assert 15 < float(closed[1]) <= 20.1
    assert 19.9 <= float(closed[2]) < 25


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_processes_without_a_traceback(tmp_path: Path, sign: int) -> None:
    with demo("--state", str(tmp_path)) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if found := re.search(r"metrics: (\S+)", line):
                break
        assert found
        with urllib.request.urlopen(found[1], timeout=10) as scraped:
            assert b"constat_build_info" in scraped.read()
        processes = children_of(running.pid)
        assert len(processes) >= 2  # and maybe one that makes evidence
        running.send_signal(sign)
        _, err = running.communicate(timeout=10)

    assert (running.returncode, err) == (0, "")
    assert "Traceback" not in (tmp_path / "constat.log").read_text()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_what_is_in_a_directory_already_stays_and_the_demonstration_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "constat.toml").write_text("somebody's")
    with demo("--state", str(tmp_path)) as running:
        _, err = running.communicate(timeout=10)

    assert running.returncode == 2
    assert f"{tmp_path}: expected a new or an empty directory, got one that holds something" in err
    assert [path.name for path in tmp_path.iterdir()] == ["constat.toml"]
    assert (tmp_path / "constat.toml").read_text() == "somebody's"
