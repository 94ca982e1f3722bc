"""Servers on loopback that say exactly the bytes a test wants said, and nothing else."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias, cast

Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LATER = 30
"""Longer than any test."""


async def turns() -> None:
    """A few turns of the loop: on loopback, what was done on one side is seen on the other by then."""
    for _ in range(10):
        await asyncio.sleep(0)


@asynccontextmanager
async def tcp(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Let `handler` have every connection; gives the port. At the end everything is cut."""
    busy: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            busy.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await turns()  # whoever is still waiting to be let in
        server.close()
        for task in list(busy):
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await turns()  # transports of both sides notice


@asynccontextmanager
async def udp(answer: Callable[[bytes], list[bytes]]) -> AsyncIterator[int]:
    """Answer every datagram with those that `answer` gives; gives the port."""

    class Protocol(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            for datagram in answer(data):
                self.transport.sendto(datagram, addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Protocol, ("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        await turns()


@dataclass
class Asked:
    """A request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes


def http(respond: Callable[[Asked], bytes]) -> Handler:
    """Read one request after the other and say what `respond` says about each."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            writer.write(respond(Asked(method, path, headers, body)))
            await writer.drain()
            if headers.get("connection", "").lower() == "close":
                return

    return handler


def response(status: int, body: bytes = b"", /, **headers: str) -> bytes:
    """The bytes of an HTTP answer; underscores in header names stand for hyphens."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def saying(data: bytes) -> Handler:
    """Say `data` whatever is asked, and hang up."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(data)
        await writer.drain()

    return handler


def pausing(*parts: bytes) -> Handler:
    """Say the parts with a pause before each."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        for part in parts:
            await asyncio.sleep(0.03)
            writer.write(part)
            await writer.drain()

    return handler


def for_ever(begin: bytes, again: bytes) -> Handler:
    """Say `begin`, then `again` without end."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(begin)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(0)

    return handler


def dripping(data: bytes) -> Handler:
    """Say one byte of `data` every 20 ms."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)

    return handler


async def hanging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the connection and never say a word."""
    await asyncio.sleep(LATER)


async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the request and close the connection without an answer."""
    await reader.read(65_536)


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the request and reset the connection."""
    await reader.read(65_536)
    writer.transport.abort()
