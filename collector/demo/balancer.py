"""The load balancer: an HTTP proxy that sends each request to the next backend that answers."""

import aiohttp
from aiohttp import web

from collector.demo.web import Site, WebPart, page

_PATIENCE_S = 5.0
_CONNECTING_S = 1.0
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "host"}


class Balancer(WebPart):
    """Round robin over `backends`; 503 when none can be reached, 504 when one is reached and silent."""

    def __init__(self, name: str, backends: tuple[Site, ...], port: int = 0) -> None:
        super().__init__(name, "http", port)
        self._backends = backends
        self._turn = 0
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        # A connection per request: one that a backend closed meanwhile must not look like a fault of ours.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(total=_PATIENCE_S, sock_connect=_CONNECTING_S),
            auto_decompress=False,
        )
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        if self._session is not None:
            await self._session.close()

    async def answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        for _ in self._backends:
            backend = self._backends[self._turn % len(self._backends)]
            self._turn += 1
            try:
                return await self._forward(backend, request, body)
            except TimeoutError:
                return page(504)
            except aiohttp.ClientError:
                continue
        return page(503)

    async def _forward(self, backend: Site, request: web.BaseRequest, body: bytes) -> web.Response:
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        async with self._session.request(
            request.method, backend.url + request.path_qs, headers=headers, data=body, allow_redirects=False
        ) as answer:
            content = await answer.read()
            passed = {
                name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP
            }
            return web.Response(status=answer.status, headers=passed, body=content)
