"""A rebuild that is ended, however that comes about, leaves nothing for good; two at once do no harm."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collector.core.latency import limits
from collector.core.record import Outcome
from collector.errors import ConstatError
from exporters import query
from exporters.index.rebuild import make, rebuild
from exporters.index.tail import nobody
from tests.exporters.journals import CONTRACT, day, write

LIMITS = limits(CONTRACT)


class HeldUp:
    """The process of a rebuild that is in its midst: what it tells of its progress nobody has taken yet."""

    def __init__(self, state: Path) -> None:
        self._told, its = os.pipe()
        os.write(its, b" " * fcntl.fcntl(its, fcntl.F_GETPIPE_SZ))
        command = [sys.executable, "-m", "exporters.index.rebuild", str(state)]
        command.append(msgspec.json.encode(LIMITS).decode())
        self.process = subprocess.Popen(command, stdout=its, stderr=subprocess.PIPE, text=True)
        os.close(its)
        while not being_made(state):
            assert self.process.poll() is None
            time.sleep(0.01)

    def ended(self, sign: int = 0) -> tuple[int, str]:
        """Its status and what it said, by a signal or else once it is done."""
        if sign:
            self.process.send_signal(sign)
        else:
            while os.read(self._told, 1 << 16):
                pass
        os.close(self._told)
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said


def being_made(state: Path) -> list[Path]:
    return list(state.glob("*.new-*"))


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    await write(tmp_path, day([("", Outcome.OK)] * 20))
    return tmp_path


@pytest.fixture
def held_up(state: Path) -> Iterator[HeldUp]:
    one = HeldUp(state)
    yield one
    one.process.kill()
    one.process.wait()


@pytest.mark.parametrize("again", [1, 2], ids=["once", "by its group and by its parent"])
def test_a_rebuild_that_is_told_to_end_leaves_nothing_and_says_so(
    state: Path, held_up: HeldUp, again: int
) -> None:
    for _ in range(again - 1):
        held_up.process.send_signal(signal.SIGTERM)
    status, said = held_up.ended(signal.SIGTERM)

    assert status
    assert said.splitlines()[0] == "it was told to end (SIGTERM)"
    assert list(state.glob("index*")) == []


def test_what_a_killed_rebuild_left_is_removed_by_the_next(state: Path, held_up: HeldUp) -> None:
    held_up.ended(signal.SIGKILL)
    assert len(being_made(state)) == 1

    make(state, LIMITS, nobody)

    assert being_made(state) == []
    assert query.indexed(state, CONTRACT).told


def test_a_rebuild_leaves_the_file_alone_that_another_still_writes(state: Path, held_up: HeldUp) -> None:
    (its,) = being_made(state)

    make(state, LIMITS, nobody)

    assert being_made(state) == [its]
    assert held_up.ended() == (0, "")
    assert being_made(state) == []
    assert query.indexed(state, CONTRACT).told


def test_a_rebuild_whose_process_was_killed_says_by_what(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(killed))

    with pytest.raises(ConstatError, match=r"could not be made anew: its process was ended by SIGKILL"):
        rebuild(state, LIMITS)
