"""Probes of datagrams against the servers that people run: unbound and chrony."""

from pathlib import Path
from typing import Any

import pytest

from collector.core.record import Outcome, Reason
from tests.conftest import free_port, needs
from tests.probes.conftest import Run
from tests.servers.chrony import Chrony
from tests.servers.unbound import Unbound


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_unbound_answers_until_it_hangs_or_is_killed(transport: str, run: Run, tmp_path: Path) -> None:
    needs("unbound")
    with Unbound(tmp_path, free_port()) as server:
        target = f"127.0.0.1:{server.port}"
        asking: dict[str, Any] = {"transport": transport, "timeout_s": 0.5}
        right = await run("dns", target, name="www.constat.test", expect=["192.0.2.10"], **asking)
        other = await run("dns", target, name="www.constat.test", expect=["192.0.2.11"], **asking)
        denied = await run("dns", target, name="nothing.constat.test", **asking)
        without = await run("dns", target, name="www.constat.test", type="TXT", **asking)
        server.hang()
        hung = await run("dns", target, name="www.constat.test", **asking)
        server.resume()
        server.kill()
        killed = await run("dns", target, name="www.constat.test", **asking)

    assert (right.outcome, right.facts["rcode"], right.facts["aa"]) == (Outcome.OK, "NOERROR", 1)
    assert [seen.reason for seen in (other, denied, without, hung, killed)] == [
        Reason.CONTENT, Reason.RCODE, Reason.ANSWER, Reason.TIMEOUT, Reason.REFUSED,
    ]  # fmt: skip


async def test_chrony_gives_the_time_until_it_hangs_or_is_killed(run: Run, tmp_path: Path) -> None:
    needs("chrony")
    with Chrony(tmp_path, free_port()) as server:
        target = f"127.0.0.1:{server.port}"
        right = await run("ntp", target)
        server.hang()
        hung = await run("ntp", target, timeout_s=0.3)
        server.resume()
        server.kill()
        killed = await run("ntp", target)

    assert (right.outcome, right.facts["stratum"]) == (Outcome.OK, 8)
    assert (
        int(right.facts["t1"]) <= int(right.facts["t2"]) <= int(right.facts["t3"]) <= int(right.facts["t4"])
    )
    assert [seen.reason for seen in (hung, killed)] == [Reason.TIMEOUT, Reason.REFUSED]


async def test_a_chrony_that_does_not_know_the_time_is_not_believed(run: Run, tmp_path: Path) -> None:
    needs("chrony")
    with Chrony(tmp_path, free_port(), synchronised=False) as server:
        seen = await run("ntp", f"127.0.0.1:{server.port}")

    assert seen.outcome is Outcome.FAILED
    assert seen.reason in (Reason.STRATUM, Reason.UNSYNCHRONISED)
