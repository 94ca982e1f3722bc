"""The collector has a witness cosign its checkpoints, and measures on when that one hangs."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.core.record import Sample, Start
from collector.journal.note import Vkey
from tests.conftest import free_port
from tests.coverage_check import uncovered
from tests.servers.witness import WitnessServer
from tests.test_daemon import Process, listening, tcp

pytestmark = pytest.mark.slow


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path, "")
    yield made
    made.close()


def test_checkpoints_are_cosigned_by_a_witness_that_the_settings_name(collector: Process) -> None:
    port = free_port()
    with WitnessServer() as server, listening(port):
        collector.config.write_text(collector.config.read_text() + tcp("web", port, whose='role = "control"'))
        collector.start()
        (begun,) = (line for line in collector.lines() if isinstance(line, Start))
        server.logs[begun.origin] = Vkey.parse(begun.key)
        assert collector.signal(signal.SIGTERM) == 0
        (directory,) = (collector.state / "checkpoints").iterdir()
        assert list(directory.glob("*.cosig")) == []

        # A witness that hangs is named at the start, and set free once samples came all the same.
        server.hangs.clear()
        with collector.config.open("a") as file:
            file.write(f'\n[[witness]]\nname = "auditor"\nurl = "{server.url}"\nvkey = "{server.vkey}"\n')
        collector.start()
        count = len(collector.lines())
        collector.until(lambda lines: sum(isinstance(line, Sample) for line in lines[count:]) > 10)
        server.hangs.set()
        collector.until(lambda _: any(directory.glob("*.auditor.cosig")))
        assert collector.signal(signal.SIGTERM) == 0

    assert set(server.answered) == {200}
    assert uncovered(collector.lines()) == []
