"""The real servers start, answer, hang, resume and end."""

import time
from pathlib import Path

import pytest

from tests.conftest import free_port, needs, needs_root
from tests.servers.ceph import RadosGateway
from tests.servers.chrony import Chrony
from tests.servers.haproxy import Haproxy
from tests.servers.namespace import Namespace
from tests.servers.nginx import Nginx
from tests.servers.process import listens
from tests.servers.prometheus import Prometheus
from tests.servers.unbound import Unbound


def test_unbound_answers_until_it_hangs_and_again_when_it_resumes(tmp_path: Path) -> None:
    needs("unbound")
    with Unbound(tmp_path, free_port()) as server:
        assert server.answers()
        server.hang()
        assert not server.answers()
        server.resume()
        assert server.answers()
    assert not server.answers()


@pytest.mark.parametrize("synchronised", [True, False])
def test_chrony_answers_as_a_time_server(tmp_path: Path, synchronised: bool) -> None:
    needs("chrony")
    with Chrony(tmp_path, free_port(), synchronised=synchronised) as server:
        assert server.answers()


def test_haproxy_stands_before_two_nginx(tmp_path: Path) -> None:
    needs("haproxy", "nginx-light")
    with (
        Nginx(tmp_path / "a", free_port(), "a") as a,
        Nginx(tmp_path / "b", free_port(), "b") as b,
        Haproxy(tmp_path / "lb", free_port(), [a, b]) as balancer,
    ):
        port = balancer.port
        assert listens(port)
    assert not listens(port)


def test_prometheus_answers_queries(tmp_path: Path) -> None:
    needs("prometheus")
    with Prometheus(tmp_path, free_port(), []) as server:
        assert server.query("vector(1)")[0]["value"]


@pytest.mark.slow
def test_the_rados_gateway_speaks_s3(tmp_path: Path) -> None:
    needs("ceph-mon", "ceph-osd", "ceph-common", "radosgw")
    with RadosGateway(tmp_path, free_port(), ["constat"]) as server:
        assert server.answers()
    assert not server.answers()


def test_a_namespace_is_reached_until_its_cable_is_pulled(tmp_path: Path) -> None:
    needs("nginx-light", "iproute2")
    needs_root()
    with (
        Namespace(1) as there,
        Nginx(tmp_path, free_port(), "there", host=there.address, prefix=there.prefix()) as site,
    ):
        assert site.answers()
        there.cut()
        assert not site.answers()
        there.mend()
        # A neighbour that was lost is asked for anew, which takes the kernel a second or so.
        deadline = time.monotonic() + 10
        while not site.answers():
            assert time.monotonic() < deadline
