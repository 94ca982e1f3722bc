"""The loop that the collector runs on."""

from collections.abc import Callable
from typing import Any

from collector.host.loop import Loop


def pytest_asyncio_loop_factories(config: Any, item: Any) -> dict[str, Callable[[], Any]]:
    """The loop that the collector runs on."""
    return {"uvloop": Loop}
