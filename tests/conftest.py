"""What every test may use: free ports, and a clear word where a Debian package is missing."""

import os
import shutil
import socket
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.servers.authority import Keys

settings.register_profile(
    "small",
    max_examples=50,
    deadline=None,
    # What lands is judged by the same examples each time; by hand, and in `make laws`, new ones are tried.
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "large",
    max_examples=100_000,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
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
    "poppler-utils": "pdftotext",
    "openssl": "openssl",
}
"""Debian package → the program of it that the tests start; `make packages` installs exactly these."""


def needs(*packages: str) -> None:
    """Skip the test, naming what is missing; with CI=true a skip is a failure."""
    absent = missing(*packages)
    _unless(absent, "needs the Debian packages " + ", ".join(absent))


def missing(*packages: str) -> list[str]:
    """Those of the packages whose program is not on this machine."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [p for p in packages if shutil.which(PROGRAM_OF[p], path=path) is None]


def needs_root() -> None:
    """Skip the test where namespaces and loop devices cannot be made; with CI=true a skip is a failure."""
    _unless([] if os.geteuid() == 0 else ["root"], "needs root, to make a namespace or mount an image")


def _unless(missing: list[str], why: str) -> None:
    if not missing:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come last, so that a first failure shows within seconds. `make laws` counts by law."""
    items.sort(key=_is_slow)
    if settings.get_current_profile_name() == "large":
        from exporters.commands.run import spare_collections

        _share(items)
        # Here too: looking for cycles takes a tenth of the hours.
        spare_collections()


TRIED: Counter[int] = Counter()
"""Law → how many examples of it were tried, under the large profile."""


def _share(items: list[pytest.Item]) -> None:
    """The tests that state a law have its examples together, in equal parts."""
    stating = defaultdict(list)
    for item in items:
        law = item.get_closest_marker("law")
        if law is not None and isinstance(item, pytest.Function):
            item.user_properties.append(("law", law.kwargs["number"]))
            stating[law.kwargs["number"]].append(item.obj)
    for number, tests in stating.items():
        each = -(-settings().max_examples // len(tests))
        for test in tests:
            settings(max_examples=each)(test)
            test.hypothesis.inner_test = _counted(test.hypothesis.inner_test, number)


def _counted(test: Callable[..., None], law: int) -> Callable[..., None]:
    @wraps(test)
    def counted(*args: Any, **kwargs: Any) -> None:
        TRIED[law] += 1
        test(*args, **kwargs)

    return counted


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much of each law was tried."""
    reports = [one for of in ("passed", "failed") for one in terminalreporter.getreports(of)]
    for law, tried in sorted(TRIED.items()):
        took = sum(one.duration for one in reports if ("law", law) in one.user_properties)
        terminalreporter.write_line(f"law {law}: {tried} examples in {took:.0f} s")


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The slow tests are not begun when a fast one has failed."""
    if nextitem is not None and _is_slow(nextitem) and not _is_slow(item) and item.session.testsfailed:
        item.session.shouldstop = "a fast test has failed: the slow ones are not run"


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> "Keys":
    """What a time-stamp authority signs with, with an intermediate between it and its root."""
    from tests.servers import authority  # it needs this module, and most tests do without it

    needs("openssl")
    return authority.make(tmp_path_factory.mktemp("keys"), intermediate=True)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port on 127.0.0.1 that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
