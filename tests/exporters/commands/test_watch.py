"""`constat status --watch` on a terminal of its own, as somebody sees it who leaves it by Ctrl-C."""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collector.core.record import Outcome
from tests.exporters.journals import CONTRACT, day, write

CTRL_C = b"\x03"


class Terminal:
    """`constat status --watch` as a terminal shows it."""

    def __init__(self, config: Path) -> None:
        self._ours, its = os.openpty()
        # Tests that run in the background have Ctrl-C ignored, which is inherited; at a terminal it is not.
        command = ["env", "--default-signal=INT", "setsid", "--ctty"]
        command += [sys.executable, "-m", "exporters", "status", "--watch"]
        self._process = subprocess.Popen(
            [*command, "--config", str(config)], stdin=its, stdout=its, stderr=subprocess.PIPE
        )
        os.close(its)
        self._shown = b""

    def screens(self, more: int) -> None:
        """Wait for so many that were not there yet."""
        wanted, end = self._told() + more, time.monotonic() + 30
        while self._told() < wanted:
            assert time.monotonic() < end
            self._shown += os.read(self._ours, 1 << 16)

    def _told(self) -> int:
        return len(set(re.findall(rb"as of (\S+ \S+)", self._shown)))

    def left(self) -> tuple[int, str]:
        """The exit status, and what is on standard error."""
        os.write(self._ours, CTRL_C)
        try:
            _, said = self._process.communicate(timeout=20)
        finally:
            self._process.kill()
            os.close(self._ours)
        return self._process.returncode, said.decode()


@pytest.mark.slow
def test_who_leaves_the_watched_screen_is_told_what_was_on_the_last_not_on_the_first(tmp_path: Path) -> None:
    name = asyncio.run(write(tmp_path / "state", day([("", Outcome.OK)] * 20)))
    config = tmp_path / "constat.toml"
    config.write_text(
        f'[collector]\nvantage = "here"\nstate = "{tmp_path}/state"\n[contract]\nid = "{CONTRACT.id}"\n'
    )
    well = Terminal(config)
    well.screens(1)
    assert well.left() == (0, "")

    damaged = Terminal(config)
    damaged.screens(1)
    (file,) = (tmp_path / "state" / "journal" / name).glob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"value":20000', b'"value":20001', 1))
    damaged.screens(2)  # the second was begun after that

    status, said = damaged.left()
    assert status == 1
    assert said.startswith("damaged: ")
