"""Servers stopped, hung and killed for a measured minute: the truth lies between certain and possible."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Thread
from typing import Any

import pytest

from collector.core.timeline import MILLISECOND, SECOND
from tests.conftest import free_port, needs
from tests.integration.world import Collector, now_us, probe, publishes_to, service
from tests.servers.ceph import ACCESS_KEY, SECRET_KEY, RadosGateway
from tests.servers.haproxy import Haproxy
from tests.servers.nginx import Nginx
from tests.servers.unbound import Unbound

pytestmark = pytest.mark.slow

FAULT_S = 60
# A run that hangs holds back the next one for all of its timeout, so a burst shorter than the timeout would
# promise an end that is known more closely than it can be.
INTERVAL, BURST, TIMEOUT = 2 * SECOND, 1 * SECOND, 1 * SECOND
ASKED = {"interval": "2s", "burst": "1s", "timeout": "1s"}
LAG = 100 * MILLISECOND
"""What the machine's own scheduling may add to an edge; the host lines say what it was."""


@dataclass
class Fault:
    """When a fault surely began and ended (`sure`), and when it can have (`at_most`): µs."""

    service: str
    begin: Callable[[], None]
    end: Callable[[], None]
    sure: tuple[int, int] = (0, 0)
    at_most: tuple[int, int] = (0, 0)

    def happen(self) -> None:
        first = now_us()
        self.begin()
        began = now_us()
        time.sleep(FAULT_S)
        ending = now_us()
        self.end()
        self.sure, self.at_most = (began, ending), (first, now_us())


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Fault], dict[str, Any]]]:
    """Three faults of a minute each, at the same time, in three services; and the account of it."""
    needs("haproxy", "nginx-light", "unbound", "ceph-mon", "ceph-osd", "ceph-common", "radosgw")
    base = tmp_path_factory.mktemp("faults")
    with (
        Nginx(base / "a", free_port(), "a") as a,
        Nginx(base / "b", free_port(), "b") as b,
        Nginx(base / "control", free_port(), "control") as control,
        Haproxy(base / "balancer", free_port(), [a, b]) as balancer,
        Unbound(base / "resolver", free_port()) as resolver,
        RadosGateway(base / "ceph", free_port(), ["constat"]) as storage,
    ):
        tables = [
            service("balancer", "load-balancer.availability"),
            service("resolver", "internet-services.dns", via="internal"),
            service("storage", "object-storage.publish-api"),
            probe("control", "http", control.url, role="control", **ASKED),
            probe("balancer", "lb", balancer.url, {"backends": [a.url, b.url]},
                  service="balancer", **ASKED),
            probe("resolver", "dns", f"127.0.0.1:{resolver.port}", {"name": "www.constat.test"},
                  service="resolver", **ASKED),
            probe("storage", "s3", storage.url, publishes_to("constat"), service="storage", **ASKED),
        ]  # fmt: skip
        secrets = {"CONSTAT_STORAGE_ACCESS_KEY": ACCESS_KEY, "CONSTAT_STORAGE_SECRET_KEY": SECRET_KEY}
        faults = [
            Fault("balancer", balancer.stop, balancer.start),
            Fault("storage", storage.hang, storage.resume),
            Fault("resolver", resolver.kill, resolver.start),
        ]
        with Collector(base / "collector", tables, secrets) as collector:
            time.sleep(6)
            threads = [Thread(target=fault.happen) for fault in faults]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            time.sleep(8)
        yield faults, collector.account()


@pytest.mark.parametrize("service_name", ["balancer", "storage", "resolver"])
def test_the_true_downtime_lies_between_certain_and_possible(
    measured: tuple[list[Fault], dict[str, Any]], service_name: str
) -> None:
    faults, account = measured
    fault = next(f for f in faults if f.service == service_name)
    # A server that was hung may be slow again once it has woken: that is another outage, and its own.
    (outage,) = [
        o for o in account["outages"] if o["service"] == service_name and o["possible"][0][0] < fault.sure[1]
    ]
    (certain,), (possible,) = outage["certain"], outage["possible"]

    assert fault.at_most[0] <= certain[0]
    assert certain[1] <= fault.at_most[1]
    assert possible[0] <= fault.sure[0]
    assert fault.sure[1] <= possible[1]
    assert certain[0] - possible[0] <= INTERVAL + TIMEOUT + LAG
    assert possible[1] - certain[1] <= BURST + TIMEOUT + LAG
