"""Parts that speak HTTP: the faults that they share, and the plain sites among them."""

import abc
import asyncio
import hashlib
import socket
import ssl
from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web

from collector.demo.certificate import Certificates
from collector.demo.fault import Fault
from collector.demo.part import LINGER_NOT, StreamPart

HTML = "text/html"
MARK = "X-Probe-Backend"
"""The header by which a backend says that an answer is its own."""
_CHUNK = b"0123456789abcdef" * 1024


class WebPart(StreamPart):
    """A part over HTTP; `answer` gives the right answers, the faults are made here."""

    def __init__(self, name: str, sort: str = "http", port: int = 0) -> None:
        super().__init__(name, sort, port)
        self.requests = 0
        self.headers: dict[str, str] = {}
        """Sent with every page, right or wrong."""
        self._server: web.Server | None = None

    @property
    def url(self) -> str:
        """Its root, without a slash at the end."""
        return f"http://{self.address}"

    @abc.abstractmethod
    async def answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """The right answer."""

    def refusal(self, request: web.BaseRequest) -> web.Response | None:
        """The answer of a fault that this sort of part has a form of its own for."""
        del request
        return None

    async def start(self) -> None:
        self._server = web.Server(self._serve, access_log=None, handler_cancellation=True)
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        if self._server is not None:
            await self._server.shutdown(0.001)

    def cut(self) -> None:
        super().cut()
        for handler in self._server.connections if self._server is not None else ():
            if handler.transport is not None:
                handler.transport.abort()

    def encryption(self) -> ssl.SSLContext | None:
        """What a connection that is taken now is encrypted with; None for plain HTTP."""
        return None

    async def converse(self, connection: socket.socket) -> None:
        assert self._server is not None
        context = self.encryption()
        limit = 10.0 if context is not None else None
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(
            self._server, connection, ssl=context, ssl_handshake_timeout=limit, ssl_shutdown_timeout=limit
        )

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests += 1
        body = await request.read() if request.body_exists else b""
        await self.ready()
        refused = self.refusal(request)
        if refused is not None:
            return refused
        return await self._failing(request, body)

    async def _failing(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        """The answer that the fault leaves of the right one."""
        match self.fault:
            case Fault.HTTP_500:
                return page(500, self.headers)
            case Fault.HTTP_503:
                return page(503, self.headers)
            case Fault.HTML:
                return page(200, self.headers)
            case Fault.REDIRECT_LOOP:
                return web.Response(status=302, headers={"Location": request.path_qs})
            case Fault.GARBAGE:
                return await _raw(request, b"\x00\xff\x13\x37 this is no HTTP \r\n\r\n" * 4)
            case Fault.ENDLESS:
                return await _endless(request)
            case Fault.RESET:  # new connections are cut when they are taken; this one was open before
                return await _reset(request)
            case Fault.TRUNCATED:
                return await _truncated(request, await self.answer(request, body))
            case Fault.WRONG_OBJECT:
                return _altered(await self.answer(request, body))
        return await self.answer(request, body)


class Site(WebPart):
    """A page, over TLS where it has certificates."""

    def __init__(
        self, name: str, page: bytes, certificates: Certificates | None = None, port: int = 0, mark: str = ""
    ) -> None:
        super().__init__(name, "http" if certificates is None else "https", port)
        self.page = page
        self._certificates = certificates
        if mark:
            self.headers[MARK] = mark

    @property
    def url(self) -> str:
        return f"http{'s' if self._certificates else ''}://{self.address}"

    @property
    def sha256(self) -> str:
        """Of the page, hexadecimal."""
        return hashlib.sha256(self.page).hexdigest()

    def encryption(self) -> ssl.SSLContext | None:
        if self._certificates is None:
            return None
        if self.fault is Fault.WRONG_CERTIFICATE:
            return self._certificates.wrong
        if self.fault is Fault.EXPIRED_CERTIFICATE:
            return self._certificates.expired
        return self._certificates.right

    async def answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        del request, body
        return web.Response(body=self.page, content_type=HTML, charset="utf-8", headers=self.headers)


def page(status: int, headers: Mapping[str, str] = MappingProxyType({})) -> web.Response:
    """What something in front of a service says: HTML, whatever the client asked for."""
    response = web.Response(status=status, content_type=HTML, headers=headers)
    response.text = f"<html><body><h1>{status} {response.reason}</h1></body></html>\n"
    return response


async def never() -> web.Response:
    """Wait for the end of the connection; the server cancels the wait when it comes."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("a future that nobody has was resolved")


async def _truncated(request: web.BaseRequest, whole: web.Response) -> web.StreamResponse:
    content = whole.body if isinstance(whole.body, bytes) else b""
    if request.method == "HEAD" or len(content) < 2:
        return await _raw(request, b"HTTP/1.1 200 OK\r\nContent-Le")
    cut = web.StreamResponse(status=whole.status, headers=whole.headers)
    cut.content_length = len(content)
    await cut.prepare(request)
    await cut.write(content[: len(content) // 2])
    return await _hang_up(request)


async def _endless(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        while True:
            await response.write(_CHUNK)
            await asyncio.sleep(0.001)  # others want to be served too
    except ConnectionError:
        return await never()


def _altered(response: web.Response) -> web.Response:
    """The same size, other bytes."""
    if response.status == 200 and isinstance(response.body, bytes):
        response.body = bytes(byte ^ 1 for byte in response.body)
    return response


async def _raw(request: web.BaseRequest, data: bytes) -> web.Response:
    if request.transport is not None:
        request.transport.write(data)
    return await _hang_up(request)


async def _hang_up(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return await never()


async def _reset(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        request.transport.abort()
    return await never()
