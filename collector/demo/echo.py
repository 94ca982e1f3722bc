"""A TCP service that sends back what it is sent."""

import asyncio
import socket

from collector.demo.fault import Fault
from collector.demo.part import StreamPart, reset

_CHUNK = b"\x00" * 16_384


class Echo(StreamPart):
    """Sends back, chunk by chunk."""

    def __init__(self, name: str, port: int = 0) -> None:
        super().__init__(name, "tcp", port)

    async def converse(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await self._talk(loop, connection)
        finally:
            connection.close()

    async def _talk(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        while chunk := await loop.sock_recv(connection, 65_536):
            await self.ready()
            match self.fault:
                case Fault.RESET:
                    return reset(connection)
                case Fault.TRUNCATED:
                    return await loop.sock_sendall(connection, chunk[: len(chunk) // 2])
                case Fault.GARBAGE:
                    chunk = b"\xff\x00?" + chunk
                case Fault.WRONG_OBJECT:
                    chunk = bytes(byte ^ 1 for byte in chunk)
                case Fault.ENDLESS:
                    while True:
                        await loop.sock_sendall(connection, _CHUNK)
                        await asyncio.sleep(0.001)  # others want to be served too
            await loop.sock_sendall(connection, chunk)
        return None
