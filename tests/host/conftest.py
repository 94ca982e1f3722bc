"""The loop that the collector runs on."""

from collections.abc import Callable
from typing import Any

import uvloop


def pytest_asyncio_loop_factories(config: Any, item: Any) -> dict[str, Callable[[], Any]]:
    """The loop that the collector runs on."""
    return {"uvloop": uvloop.new_event_loop}
