"""The loop that the collector runs on."""

import time
from collections.abc import Callable
from typing import Any

from collector.host.loop import Loop


def pytest_asyncio_loop_factories(config: Any, item: Any) -> dict[str, Callable[[], Any]]:
    """The loop that the collector runs on."""
    return {"uvloop": Loop}


def stand_still(seconds: float) -> None:
    """What nothing in the loop may do."""
    time.sleep(seconds)
