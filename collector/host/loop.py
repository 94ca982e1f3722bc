"""The event loop that measures: uvloop, whose connections take an address as it is."""

import asyncio
import os
import socket
from typing import Any

import uvloop


class Loop(uvloop.Loop):
    """uvloop's own `sock_connect` looks every address up in a thread, even one that is none but itself.

    That hop costs more processor time than the connection, and would be timed as part of it.
    """

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a non-blocking socket to a numeric address; raises OSError."""
        try:
            sock.connect(address)
        except BlockingIOError:
            await self._writable(sock)
            if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, os.strerror(error), *map(str, address[:1])) from None

    async def _writable(self, sock: socket.socket) -> None:
        writable = self.create_future()
        self.add_writer(sock, _done, writable)
        try:
            await writable
        finally:
            self.remove_writer(sock)


def _done(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
