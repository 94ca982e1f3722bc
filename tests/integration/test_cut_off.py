"""When the vantage point itself is cut off, nothing is counted against the provider."""

import time
from pathlib import Path

import pytest

from collector.core.timeline import SECOND
from tests.conftest import free_port, needs, needs_root
from tests.integration.world import Collector, now_us, probe, service
from tests.servers.namespace import Namespace
from tests.servers.nginx import Nginx

pytestmark = pytest.mark.slow

CUT_S = 12
INTERVAL = 2 * SECOND
ASKED = {"interval": "2s", "burst": "500ms", "timeout": "1s"}


def test_a_cut_cable_is_unknown_for_no_longer_than_the_cut_and_two_intervals(tmp_path: Path) -> None:
    needs("nginx-light", "iproute2")
    needs_root()
    with (
        Namespace(2) as there,
        Nginx(tmp_path / "site", free_port(), "site", host=there.address, prefix=there.prefix()) as site,
        Nginx(
            tmp_path / "control", free_port(), "control", host=there.address, prefix=there.prefix()
        ) as control,
    ):
        tables = [
            service("site", "internet.firewall"),
            probe("site", "http", site.url, service="site", **ASKED),
            probe("control", "http", control.url, role="control", **ASKED),
        ]
        with Collector(tmp_path / "collector", tables) as collector:
            time.sleep(6)
            began = now_us()
            there.cut()
            time.sleep(CUT_S)
            there.mend()
            ended = now_us()
            time.sleep(6)
        account = collector.account("--from", str(began - INTERVAL), "--to", str(ended + 2 * INTERVAL))

    (attainment,) = account["attainments"]
    assert account["outages"] == []
    assert attainment["states"]["down"] == 0
    assert 0 < attainment["states"]["unknown"] <= ended - began + 2 * INTERVAL
