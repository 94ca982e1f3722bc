"""Our own event loop, routes and resources, as the observer sees them."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.core.timeline import MILLISECOND, SECOND
from collector.host.observer import Observer, mark, routes
from tests.host.conftest import stand_still


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
async def observer() -> AsyncIterator[Observer]:
    observer = Observer(beat=5 * MILLISECOND)
    yield observer
    observer.close()


async def test_a_stall_of_the_loop_is_a_lag_of_about_its_length(observer: Observer) -> None:
    began = mark()
    stand_still(0.1)
    at_once = observer.lag(began)
    await asyncio.sleep(0.02)
    later = observer.lag(began)

    assert 90 * MILLISECOND <= at_once <= SECOND
    assert 90 * MILLISECOND <= later <= SECOND


async def test_a_stall_before_a_run_is_not_the_runs(observer: Observer) -> None:
    stand_still(0.3)
    await asyncio.sleep(0.02)
    began = mark()
    await asyncio.sleep(0.01)

    assert observer.lag(began) < 250 * MILLISECOND


async def test_work_between_two_beats_bounds_what_they_cannot_see() -> None:
    observer = Observer(beat=10 * SECOND)
    began = mark()
    while mark().worked - began.worked < 20 * MILLISECOND:
        pass
    lag = observer.lag(began)
    observer.close()

    assert 20 * MILLISECOND <= lag < SECOND


async def test_the_minute_is_summed_up(observer: Observer) -> None:
    stand_still(0.1)
    await asyncio.sleep(0.05)

    health = observer.health()

    assert health.loop_lag_max >= 90 * MILLISECOND
    assert 0 <= health.loop_lag_p99 <= health.loop_lag_max
    assert health.rss > 1 << 20
    assert health.fds >= 3


async def test_what_is_opened_is_counted(observer: Observer) -> None:
    before = observer.health().fds
    descriptors = os.pipe()
    after = observer.health().fds
    for descriptor in descriptors:
        os.close(descriptor)

    assert after - before == 2


async def test_an_observer_that_is_closed_beats_no_more() -> None:
    descriptors = _descriptors()
    observer = Observer()
    observer.close()

    assert _descriptors() == descriptors


def test_loopback_has_a_route_and_the_limited_broadcast_has_none() -> None:
    assert routes({"near": "http://127.0.0.1:80/x", "nowhere": "255.255.255.255:9"}) == {
        "near": 1,
        "nowhere": 0,
    }
