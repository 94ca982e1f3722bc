"""SIGHUP: what a running collector takes from its files, and what it does when they are wrong."""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from collector.core.record import Declaration, Line, Plan
from tests.conftest import free_port, needs
from tests.servers.authority import Served
from tests.test_daemon import Process, listening, tcp

SIGNED = """
[[probe]]
name = "api"
service = "net"
kind = "oapi"
target = "http://127.0.0.1"
credentials = "{keys}"
params = {{ call = "ReadVms", signed = true }}
"""


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Process]:
    """One that measures a port, and may be told to read its settings anew."""
    port = free_port()
    made = Process(tmp_path, tcp("web", port))
    with listening(port):
        made.start()
        yield made
        made.close()


def reload(collector: Process, text: str) -> str:
    """Have it read `text` for its settings; what it says of that in its log."""
    collector.config.write_text(text)
    said = collector.errors.read_text().count("event=reload")
    os.kill(collector.pid, signal.SIGHUP)
    collector.until(lambda _: collector.errors.read_text().count("event=reload") > said)
    return [line for line in collector.errors.read_text().splitlines() if "event=reload" in line][-1]


@pytest.mark.slow
def test_whatever_is_wrong_in_a_file_the_old_settings_stay_in_force(
    collector: Process, tmp_path: Path
) -> None:
    good = collector.config.read_text()
    (tmp_path / "keys").write_text('{"a":' + "[" * 100_000)
    (tmp_path / "contract").write_text("deep = " + "[" * 100_000)
    wrong = {
        'contract.id: "contracts/a': good.replace("outscale-cgv-2019-12", r"a\u0000b"),
        "contract.file: expected the name": good.replace('id = "outscale-cgv-2019-12"', r'file = "\u0000"'),
        "contract: expected TOML, got": good.replace('id = "outscale-cgv-2019-12"', 'file = "contract"'),
        "constat.toml: expected TOML, got": good + "deep = " + "[" * 100_000,
        "witness[0].url: expected a name": good + '[[witness]]\nname = "w"\nurl = "https://["\nvkey = ""\n',
        "expected credentials in JSON or TOML": good + SIGNED.format(keys=tmp_path / "keys"),
    }
    for told, text in wrong.items():
        said = reload(collector, text)
        assert "taken=no" in said
        assert told in said
        before = len(collector.lines())
        collector.until(lambda lines, before=before: len(lines) > before + 3)  # type: ignore[misc]

    assert collector.signal(signal.SIGTERM) == 0
    assert sum(isinstance(line, Plan) for line in collector.lines()) == 1


@pytest.mark.slow
def test_how_far_clocks_may_be_apart_is_taken_at_once(tmp_path: Path) -> None:
    """An outage that begins, and one that ends, has its stamp."""
    needs("openssl")
    port = free_port()
    with Served(tmp_path / "tsa") as tsa:
        tsa.clock(timedelta(seconds=30))
        authority = f'[[authority]]\nname = "one"\nurl = "{tsa.url}"\nca = "{tsa.ca}"\nevery = "1 s"\n'
        collector = Process(tmp_path, tcp("web", port) + authority)
        collector.start()
        collector.until(lambda lines: any("clock and ours differ" in text for text in notes(lines)))
        wider = 'vantage = "test"\nclock_tolerance = "1 min"'
        assert "taken=yes" in reload(
            collector, collector.config.read_text().replace('vantage = "test"', wider)
        )
        with listening(port):
            collector.until(lambda lines: any("clock and ours agree again" in text for text in notes(lines)))
        collector.signal(signal.SIGTERM)


def notes(lines: list[Line]) -> list[str]:
    return [line.text or "" for line in lines if isinstance(line, Declaration)]
