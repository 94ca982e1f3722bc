"""One datagram there and one back, timed where the kernel touches them."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from collector.core.timeline import Duration, Instant
from collector.host.clock import boot_us
from collector.host.names import Address

_SO_TIMESTAMPNS = 35
"""socket(7): each datagram comes with the wall-clock instant at which the kernel received it."""

_LONGEST = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """The answer to a datagram of ours, with both ends timed as near to the wire as the kernel tells."""

    payload: bytes
    sent: Instant
    """Wall clock."""
    received: Instant
    round_trip: Duration
    error: Duration
    """Bound on the error of `round_trip`."""


class _Exchange:
    """A connected socket that waits for the one answer that fits: the kernel drops what others send."""

    def __init__(self, address: Address, port: int, accept: Callable[[bytes], bool]) -> None:
        loop = asyncio.get_running_loop()
        self._accept = accept
        self.answer: asyncio.Future[tuple[bytes, int, Duration]] = loop.create_future()
        """Payload, wall-clock ns of its arrival in the kernel, boot time of our reading it."""
        self.socket = socket.socket(address.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self.socket.connect((address.host, port))
        except BaseException:
            self.socket.close()
            raise
        loop.add_reader(self.socket, self._readable)

    def close(self) -> None:
        self.answer.get_loop().remove_reader(self.socket)
        self.socket.close()

    def _readable(self) -> None:
        while not self.answer.done():
            try:
                payload, ancillary, _, _ = self.socket.recvmsg(_LONGEST, 64)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:  # what ICMP says about our datagram comes this way
                self.answer.set_exception(error)
                return
            if self._accept(payload):
                self.answer.set_result((payload, _arrival(ancillary), boot_us()))


def _arrival(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


async def exchange(address: Address, port: int, payload: bytes, accept: Callable[[bytes], bool]) -> Datagram:
    """Send `payload` and wait for the answer that `accept` takes, whatever else comes; raises OSError."""
    waiting = _Exchange(address, port, accept)
    try:
        began, sent = boot_us(), time.clock_gettime_ns(time.CLOCK_REALTIME)
        waiting.socket.send(payload)
        sending = boot_us() - began
        answer, received, noticed = await waiting.answer
    finally:
        waiting.close()
    round_trip, noticing = (received - sent) // 1000, noticed - began
    if 0 <= round_trip <= noticing + 1:  # both are cut to whole microseconds
        # The datagram left at some time within the system call that sent it.
        error = sending
    else:  # the wall clock was stepped in between: the kernel's stamp is of no use
        round_trip, error = noticing, noticing
    return Datagram(
        payload=answer, sent=sent // 1000, received=received // 1000, round_trip=round_trip, error=error
    )
