"""What every test may use: free ports, and a clear word where a Debian package is missing."""

import os
import shutil
import socket

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("small", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("large", max_examples=100_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "small"))

PROGRAM_OF = {
    "unbound": "unbound",
    "chrony": "chronyd",
    "haproxy": "haproxy",
    "nginx-light": "nginx",
    "prometheus": "prometheus",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "radosgw": "radosgw",
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "ceph-common": "ceph",
    "systemd": "systemd-analyze",
    "iproute2": "ip",
    "e2fsprogs": "mkfs.ext4",
}
"""Debian package → the program of it that the tests start; `make packages` installs exactly these."""


def needs(*packages: str) -> None:
    """Skip the test, naming what is missing; with CI=true a skip is a failure."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [p for p in packages if shutil.which(PROGRAM_OF[p], path=path) is None]
    _unless(missing, "needs the Debian packages " + ", ".join(missing))


def needs_root() -> None:
    """Skip the test where namespaces and loop devices cannot be made; with CI=true a skip is a failure."""
    _unless([] if os.geteuid() == 0 else ["root"], "needs root, to make a namespace or mount an image")


def _unless(missing: list[str], why: str) -> None:
    if not missing:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port on 127.0.0.1 that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
