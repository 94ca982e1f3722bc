"""Maintenance that the provider announced, declared on the command line while the collector runs."""

import time
from pathlib import Path
from typing import Any

from collector.core.timeline import DAY, SECOND
from tests.conftest import free_port, needs
from tests.integration.world import Collector, constat, probe, service
from tests.servers.nginx import Nginx

ASKED = {"interval": "1s", "burst": "200ms", "timeout": "500ms"}


def declare(collector: Collector, id: str, span: tuple[int, int], sent: int) -> None:
    constat(
        "declare", "planned-maintenance", "--config", str(collector.file), "--by", "xy", "--id", id,
        "--span", str(span[0]), str(span[1]), "--scope", "site", "--standing", "accepted",
        "--sent", str(sent), "--received", str(sent),
    )  # fmt: skip


def attainment(account: dict[str, Any]) -> dict[str, Any]:
    (found,) = account["attainments"]
    assert isinstance(found, dict)
    return found


def test_announced_maintenance_takes_off_its_overlap_and_announced_too_late_takes_nothing(
    tmp_path: Path,
) -> None:
    needs("nginx-light")
    with Nginx(tmp_path / "site", free_port(), "site") as site:
        tables = [
            service("site", "internal-network.availability", via="internal"),
            probe("site", "http", site.url, service="site", **ASKED),
        ]
        with Collector(tmp_path / "collector", tables) as collector:
            time.sleep(2)
            site.stop()
            time.sleep(4)
            site.start()
            time.sleep(2)
            before = collector.account()
            ((start, end),) = before["outages"][0]["certain"]
            # From a second into the outage to beyond it.
            span = (start + SECOND, end + 10 * SECOND)
            # Starting on Paris date M, the notice is in time on M-3; a day later is one clear day too few.
            declare(collector, "late", span, span[0] - 2 * DAY)
            refused = collector.account()
            declare(collector, "in-time", span, span[0] - 3 * DAY)
            accepted = collector.account()

    assert attainment(before)["net"] == end - start
    assert attainment(refused)["net"] == end - start
    assert [(d["id"], d["standing"]) for d in refused["deductions"]] == [("late", "refused")]
    assert "clear day" in refused["deductions"][0]["why"]
    assert attainment(accepted)["deducted"] == {
        "planned-maintenance": end - start - SECOND,
        "unreserved": SECOND,
    }
    assert attainment(accepted)["net"] == SECOND
