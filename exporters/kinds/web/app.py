"""What the server answers, each answer drawn in a thread so that a slow one holds up nobody else."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST as EXPOSITION

from collector.errors import ConstatError
from exporters.kinds.web.guard import Door, guarded, hardened, permitted, tls
from exporters.kinds.web.page import page

Answer = TypeVar("Answer")

PATIENCE_S = 30.0
"""How long one answer may take before whoever asked is told that it takes too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What can be seen. Each is called in a thread of its own and opens what it needs itself."""

    metrics: Callable[[], bytes]
    present: Callable[[], Mapping[str, Any]]
    """All that is told of one instant, by the names of its parts: `services`, `commitments`, `outages`, and
    `damage`, where the journal does not say what its tree says.

    Made of what JSON has: objects with string keys, lists, strings and whole numbers.
    """
    where: tzinfo
    """The zone that times are told in on the page."""
    unready: Callable[[], str]
    """Why the figures cannot be asked for yet; empty once they can."""


class _Answers:
    """One method for each thing that can be asked for."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="view")

    async def _drawn(self, view: Callable[[], Answer]) -> Answer:
        drawing = asyncio.get_running_loop().run_in_executor(self._threads, view)
        try:
            return await asyncio.wait_for(drawing, PATIENCE_S)
        except TimeoutError:
            raise web.HTTPServiceUnavailable(text="this takes too long; try again\n") from None
        except ConstatError as error:
            raise web.HTTPServiceUnavailable(text=f"{error}\n") from None

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=await self._drawn(self._views.metrics), headers={"Content-Type": EXPOSITION})

    async def front(self, _: web.Request) -> web.Response:
        views = self._views
        text = await self._drawn(lambda: page(views.present(), views.where))
        return web.Response(text=text, content_type="text/html")

    async def alive(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def ready(self, _: web.Request) -> web.Response:
        why = await self._drawn(self._views.unready)
        return web.Response(status=503 if why else 200, text=f"{why or 'ready'}\n")

    def listed(self, part: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_: web.Request) -> web.Response:
            found = await self._drawn(lambda: self._views.present()[part])
            return web.Response(body=msgspec.json.encode(found), content_type="application/json")

        return answer

    async def close(self, _: web.Application) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def application(views: Views, door: Door) -> web.Application:
    """The server's routes, guarded as `door` asks."""
    answers = _Answers(views)
    app = web.Application(middlewares=[guarded(door)])
    app.on_response_prepare.append(hardened)
    app.on_cleanup.append(answers.close)
    app.router.add_get("/", answers.front)
    app.router.add_get("/metrics", answers.metrics)
    app.router.add_get("/healthz", answers.alive)
    app.router.add_get("/readyz", answers.ready)
    for part in ("services", "commitments", "outages"):
        app.router.add_get(f"/api/v1/{part}", answers.listed(part))
    return app


@asynccontextmanager
async def serving(views: Views, door: Door) -> AsyncIterator[str]:
    """Serve while the context is open; gives its address. Raises ConfigurationError if it may not."""
    permitted(door)
    runner = web.AppRunner(
        application(views, door), access_log=None, handle_signals=False, shutdown_timeout=1
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, door.host, door.port, ssl_context=tls(door))
        try:
            await site.start()
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise ConstatError(
                f"{door.host}:{door.port}: expected an address to listen on, got: {why}; end what"
                " holds it, or name another: serve.listen in the settings, or --listen"
            ) from None
        host, port = runner.addresses[0][:2]
        scheme = "https" if door.certificate else "http"
        yield f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
    finally:
        await runner.cleanup()


async def until_told_to_stop() -> None:
    """Returns once SIGTERM or SIGINT came."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, told.set)
    await told.wait()
