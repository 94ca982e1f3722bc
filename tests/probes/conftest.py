"""What every probe test runs in: the collector's loop, one network, and a look at what was left behind."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.core.record import (
    BLIND_REASONS,
    FAILED_REASONS,
    THROTTLED_REASONS,
    Outcome,
    Reason,
)
from collector.core.timeline import SECOND
from collector.demo.certificate import Certificates, make
from collector.host.clock import wall_us
from collector.host.loop import Loop
from collector.host.network import Network
from collector.probe import Observation, ProbeContext, ask
from collector.probes import specs

REASONS = {
    Outcome.OK: {Reason.NONE},
    Outcome.FAILED: FAILED_REASONS,
    Outcome.THROTTLED: THROTTLED_REASONS,
    Outcome.BLIND: BLIND_REASONS,
}

KEYS = {"access_key": "AKEXAMPLE00000000000", "secret_key": "SKEXAMPLE0000000000000000000000000000000"}


def pytest_asyncio_loop_factories(config: Any, item: Any) -> dict[str, Callable[[], Any]]:
    """The loop that the collector runs on."""
    return {"uvloop": Loop}


def open_sockets() -> int:
    """Sockets that this process has open."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            count += str(descriptor.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return count


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """After every test: nothing was told to the loop as an unhandled error, no task and no socket is left."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    tasks, sockets = len(asyncio.all_tasks()), open_sockets()

    yield

    await asyncio.sleep(0)
    assert told == []
    assert len(asyncio.all_tasks()) == tasks
    for _ in range(50):  # the kernel closes what was hung up on in its own time
        if open_sockets() <= sockets:
            break
        await asyncio.sleep(0.01)
    assert open_sockets() <= sockets


@pytest.fixture
async def network(nothing_left: None) -> AsyncIterator[Network]:
    network = Network(agent="constat/test")
    yield network
    await network.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, and a right, a wrong and an expired certificate of it."""
    return make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def server_tls(certificates: Certificates) -> ssl.SSLContext:
    return certificates.right


class Run:
    """Runs one probe once, as the runner does, and checks what must hold for every observation."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._count = 0

    async def __call__(
        self,
        kind: str,
        target: str,
        *,
        timeout_s: float = 5,
        keys: dict[str, str] | None = None,
        **params: Any,
    ) -> Observation:
        spec = specs()[kind]
        self._count += 1
        context = ProbeContext(
            network=self._network,
            timeout=int(timeout_s * SECOND),
            credentials=KEYS if keys is None else keys,
            unique=f"test-{self._count}",
            wall=wall_us,
        )
        seen = await ask(spec, target, msgspec.convert(params, spec.params), context)
        assert seen.reason in REASONS[seen.outcome]
        assert set(seen.facts) <= set(spec.facts)
        assert set(seen.phases) <= set(spec.phases)
        assert all(took >= 0 for took in seen.phases.values())
        assert len(seen.body) <= 4096
        return seen


@pytest.fixture
def run(network: Network) -> Run:
    return Run(network)
