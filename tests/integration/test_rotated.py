"""`constat rotate` while the collector measures: at a SIGHUP, or at its next start, the new key signs."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.core.record import Rotate, Start
from collector.journal import layout
from exporters.__main__ import _status as run
from tests.conftest import free_port
from tests.journal.lines import signers
from tests.test_daemon import Process, tcp

pytestmark = pytest.mark.slow


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path, tcp("web", free_port()))
    yield made
    made.close()


def test_a_key_is_taken_at_a_reload_and_the_next_at_a_start(collector: Process) -> None:
    rotate = ["rotate", "--state", str(collector.state)]
    collector.start()
    assert run(rotate) == 0
    os.kill(collector.pid, signal.SIGHUP)
    collector.until(lambda lines: any(isinstance(line, Rotate) for line in lines))
    assert collector.signal(signal.SIGTERM) == 0
    assert run(rotate) == 0
    collector.start()
    collector.until(lambda lines: sum(isinstance(line, Rotate) for line in lines) == 2)
    assert collector.signal(signal.SIGTERM) == 0

    lines = collector.lines()
    first, second = (line.key for line in lines if isinstance(line, Rotate))
    starts = [line.key for line in lines if isinstance(line, Start)]
    assert starts[1] == first
    assert len({starts[0], first, second}) == 3
    (place,) = layout.origins(collector.state)
    assert [str(key) for key in signers(place)][-1] == second
    assert [path.name for path in (collector.state / "keys").iterdir()] == [f"{place.name}.pem"]
    assert "taken=yes" in collector.errors.read_text()


def test_a_key_that_will_not_do_is_told_and_the_old_one_goes_on(collector: Process) -> None:
    collector.start()
    run(["rotate", "--state", str(collector.state)])
    (waiting,) = (collector.state / "keys").glob("*.next.pem")
    waiting.chmod(0o644)
    os.kill(collector.pid, signal.SIGHUP)
    collector.until(lambda _: "event=rotate taken=no" in collector.errors.read_text())
    assert collector.signal(signal.SIGTERM) == 0

    assert not any(isinstance(line, Rotate) for line in collector.lines())
    (place,) = layout.origins(collector.state)
    assert None not in signers(place)
