"""A real collector and a real authority: an outage is stamped, and an authority's own costs no slot."""

import os
import signal
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from collector.core.record import Anchor, Declaration, Sample
from collector.core.timeline import SECOND
from collector.host.openssl import verify_stamp
from collector.journal import checkpoint, layout, timestamp, trust
from tests.conftest import free_port, needs
from tests.coverage_check import uncovered
from tests.integration.world import Collector, constat, probe, service, table
from tests.servers.authority import Fault, Served
from tests.test_daemon import Listener

WAITS_S = 30.0
ASKED = {"interval": "1s", "burst": "200ms", "timeout": "500ms"}


def until(true: Callable[[], object], collector: Collector) -> None:
    deadline = time.monotonic() + WAITS_S
    while not true():
        assert time.monotonic() < deadline, collector.log.read_text()
        time.sleep(0.1)


def anchors(collector: Collector) -> list[Anchor]:
    return [line for line in collector.lines() if isinstance(line, Anchor)]


def notes(collector: Collector) -> list[str]:
    return [line.text or "" for line in collector.lines() if isinstance(line, Declaration)]


def test_outages_are_stamped_and_an_authority_that_fails_costs_no_slot(tmp_path: Path) -> None:
    needs("openssl")
    port = free_port()
    site = Listener(port)
    with Served(tmp_path / "tsa", intermediate=True) as tsa:
        tables = [
            service("site", "internal-network.availability", via="internal"),
            probe("site", "tcp", f"127.0.0.1:{port}", service="site", **ASKED),
            table("authority", name="test", url=tsa.url, ca=str(tsa.ca), chain=str(tsa.chain), every="1 s"),
        ]
        with Collector(tmp_path / "collector", tables) as collector:
            time.sleep(1)
            site.close()
            until(lambda: anchors(collector), collector)
            opened = len(anchors(collector))
            tsa.fault(Fault.HTML)
            site = Listener(port)
            until(lambda: notes(collector), collector)
            collector.stop()
            tsa.fault(Fault.NONE)
            collector.start()
            until(lambda: len(anchors(collector)) > opened, collector)
        lines = collector.lines()
    site.close()

    assert uncovered(lines) == []
    assert {line.outcome for line in lines if isinstance(line, Sample)} == {"ok", "failed"}
    assert "no time stamp since" in notes(collector)[0]
    [origin] = layout.origins(collector.state)
    assert origin.checkpoints is not None
    [kept] = trust.kept(collector.state)
    found = anchors(collector)
    for number, line in zip(layout.stamp_numbers(origin.checkpoints, "test"), found, strict=True):
        note = layout.checkpoint_path(origin.checkpoints, number).read_bytes()
        response = layout.stamp_path(origin.checkpoints, number, "test", ".tsr").read_bytes()
        stated, token = checkpoint.parse(note), timestamp.parse(response)
        verify_stamp(note, response, ca=kept.ca, chain=kept.chain, at=token.gen_time)
        assert (line.size, line.root, line.token) == (
            stated.size, stated.root.hex(), sha256(response).hexdigest(),
        )  # fmt: skip
        # What the checkpoint covers was before the stamp, what comes after its line was after it.
        margin = SECOND + (token.accuracy or 0)
        assert all(before.at <= token.gen_time + margin for before in lines[: line.size])
        assert all(after.at >= token.gen_time - margin for after in lines[line.seq :])


def test_stamps_and_their_troubles_change_no_figure(tmp_path: Path) -> None:
    """An anchor line between two samples is no hole between them."""
    needs("openssl")
    port = free_port()
    site = Listener(port)
    with Served(tmp_path / "tsa") as tsa:
        tables = [
            service("site", "internal-network.availability", via="internal"),
            probe("site", "tcp", f"127.0.0.1:{port}", service="site", **ASKED),
            table("authority", name="test", url=tsa.url, ca=str(tsa.ca), every="1 s"),
        ]
        with Collector(tmp_path / "collector", tables) as collector:
            time.sleep(2)
            site.close()
            until(lambda: anchors(collector), collector)
            site = Listener(port)
            until(lambda: len(anchors(collector)) > 1, collector)
            time.sleep(2)
        account = collector.account()
    site.close()

    [outage] = account["outages"]
    [(start, end)] = outage["certain"]
    between = [line for line in anchors(collector) if start < line.at < end]
    assert between
    assert account["attainments"][0]["net"] == end - start


def test_an_authority_that_a_reload_brings_stamps_and_check_knows_it(tmp_path: Path) -> None:
    needs("openssl")
    port = free_port()
    with Served(tmp_path / "tsa") as tsa:
        tables = [
            service("site", "internal-network.availability", via="internal"),
            probe("site", "tcp", f"127.0.0.1:{port}", service="site", **ASKED),
        ]
        new = table("authority", name="new", url=tsa.url, ca=str(tsa.ca), every="1 s")
        with Collector(tmp_path / "collector", tables) as collector:
            until(lambda: list(collector.state.glob("checkpoints/*/*.txt")), collector)
            before = constat("check", "--config", str(collector.file)).stdout
            collector.file.write_text(collector.file.read_text() + new.replace(".pem", ".gone"))
            os.kill(collector.pid, signal.SIGHUP)
            until(lambda: "event=reload taken=no" in collector.log.read_text(), collector)
            collector.file.write_text(collector.file.read_text().replace(".gone", ".pem"))
            os.kill(collector.pid, signal.SIGHUP)
            until(lambda: anchors(collector), collector)
            after = constat("check", "--config", str(collector.file)).stdout

    assert "no [[authority]]: nobody but us" in before
    assert "no [[authority]]" not in after
    assert {line.authority for line in anchors(collector)} == {"new"}
