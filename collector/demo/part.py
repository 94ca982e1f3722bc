"""A part of the provider: a port on loopback whose fault can be switched while it runs."""

import abc
import asyncio
import errno
import socket
import struct
import time
from collections.abc import Callable

from collector.core.timeline import MILLISECOND, Duration, Instant
from collector.demo.fault import SUITS, Fault, Truth
from collector.errors import UsageError

LOOPBACK = "127.0.0.1"
_BACKLOG = 1024
_DATAGRAM_MAX = 4096
LINGER_NOT = struct.pack("ii", 1, 0)
"""The value of SO_LINGER that makes a close a reset."""
_NOBODY = (LOOPBACK, 1)


def wall() -> Instant:
    """The wall clock, in µs."""
    return time.time_ns() // 1_000


def reset(connection: socket.socket) -> None:
    """Close a connection with RST in place of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    connection.close()


def _bound(sort: socket.SocketKind, port: int) -> socket.socket:
    it = socket.socket(socket.AF_INET, sort)
    it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        it.bind((LOOPBACK, port))
    except OSError:
        it.close()
        raise
    return it


class Part(abc.ABC):
    """What all parts share: a name, a port, and one fault at a time, each recorded with its exact bounds.

    Setting `fault` takes effect before it returns. An instant of `truth` is read after a fault has begun and
    before it ends, so that a part is faulty during all of its recorded span.
    """

    def __init__(self, name: str, sort: str, port: int = 0) -> None:
        self.name = name
        self.sort = sort
        self.delay: Duration = 300 * MILLISECOND
        """How late the answers of `Fault.SLOW` are, in µs."""
        self.truth: list[Truth] = []
        self.heard: Callable[[Truth], None] = lambda _: None
        """Told of every beginning and end of a fault."""
        self._asked_port = port
        self._fault = Fault.NONE
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._started = False

    @property
    @abc.abstractmethod
    def port(self) -> int:
        """The port, from `start` on."""

    @property
    def address(self) -> str:
        """host:port."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def fault(self) -> Fault:
        """What is wrong with it now."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        self.check(fault)
        if fault is self._fault:
            return
        if self._fault is not Fault.NONE:
            self.truth[-1].end = wall()
            self.heard(self.truth[-1])
        self._fault = fault
        if fault is Fault.HANG:
            self._thawed.clear()
        else:
            self._thawed.set()
        if self._started:
            self._apply()
        if fault is not Fault.NONE:
            self.truth.append(Truth(self.name, fault, wall()))
            self.heard(self.truth[-1])

    def check(self, fault: Fault) -> None:
        """Raise UsageError if this part cannot fail so."""
        if fault is not Fault.NONE and fault not in SUITS[self.sort]:
            fitting = ", ".join(sorted(SUITS[self.sort]))
            raise UsageError(f"fault of part {self.name}: expected one of {fitting}; got {fault}")

    async def ready(self) -> None:
        """Wait for as long as the part hangs, and once more if it is slow."""
        while self._fault is Fault.HANG:
            await self._thawed.wait()
        if self._fault is Fault.SLOW:
            await asyncio.sleep(self.delay / 1_000_000)

    async def start(self) -> None:
        """Take the port and begin to answer, in whatever way the fault says."""
        self._reserve()
        self._started = True
        self._apply()

    @abc.abstractmethod
    async def stop(self) -> None:
        """Let go of the port and of everybody connected; a fault in force ends in `truth` too."""

    @abc.abstractmethod
    def _reserve(self) -> None:
        """Take the port in a way that keeps it from others while nothing listens on it."""

    @abc.abstractmethod
    def _apply(self) -> None:
        """Make sockets and connections such as the fault wants them."""


class StreamPart(Part):
    """A part over TCP."""

    def __init__(self, name: str, sort: str, port: int = 0) -> None:
        super().__init__(name, sort, port)
        self._seat: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._accepted: set[socket.socket] = set()
        self._conversations: set[asyncio.Task[None]] = set()

    @abc.abstractmethod
    async def converse(self, connection: socket.socket) -> None:
        """Answer a client; the connection is this method's from now on."""

    def cut(self) -> None:
        """Cut everybody off, at once."""
        for task in self._conversations:
            task.cancel()
        for connection in self._accepted:
            connection.close()
        self._accepted.clear()

    @property
    def port(self) -> int:
        assert self._seat is not None, "the port is known once the part has started"
        return int(self._seat.getsockname()[1])

    async def stop(self) -> None:
        self.fault = Fault.NONE
        self._started = False
        self._close_listener()
        self.cut()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        if self._seat is not None:
            self._seat.close()

    def _reserve(self) -> None:
        # A socket that is bound and never listens: connecting to it is refused, and no client gets its port
        # as a source port while the listener is away.
        self._seat = _bound(socket.SOCK_STREAM, self._asked_port)

    def _apply(self) -> None:
        loop = asyncio.get_running_loop()
        if self._fault is Fault.REFUSE:
            self._close_listener()
            self.cut()
            return
        if self._listener is None:
            self._listener = _bound(socket.SOCK_STREAM, self.port)
            self._listener.listen(_BACKLOG)
            self._listener.setblocking(False)
        if self._fault is Fault.HANG:
            loop.remove_reader(self._listener)  # the kernel still takes connections, as for a stopped process
        else:
            loop.add_reader(self._listener, self._accept, self._listener)

    def _close_listener(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        if self._fault is Fault.RESET:
            reset(connection)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._accepted.add(connection)
        task = asyncio.get_running_loop().create_task(self._admit(connection))
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)

    async def _admit(self, connection: socket.socket) -> None:
        self._accepted.discard(connection)
        try:
            await self.converse(connection)
        except OSError:  # ssl.SSLError is one
            return  # the client left, or did not like our certificate: that is its affair


class DatagramPart(Part):
    """A part over UDP: one datagram in, at most one out."""

    def __init__(self, name: str, sort: str, port: int = 0) -> None:
        super().__init__(name, sort, port)
        self._seat: socket.socket | None = None
        self._socket: socket.socket | None = None
        self._late: set[asyncio.TimerHandle] = set()

    @abc.abstractmethod
    def reply(self, question: bytes, received: Instant) -> bytes | None:
        """The answer to a datagram that came at `received`, wrong as the fault wants it, or None."""

    @property
    def port(self) -> int:
        assert self._seat is not None, "the port is known once the part has started"
        return int(self._seat.getsockname()[1])

    async def stop(self) -> None:
        self.fault = Fault.NONE
        self._started = False
        self._close_socket()
        if self._seat is not None:
            self._seat.close()

    def _reserve(self) -> None:
        # Connected to a port where nobody is, so that it keeps the number and receives nothing.
        self._seat = _bound(socket.SOCK_DGRAM, self._asked_port)
        self._seat.connect(_NOBODY)

    def _apply(self) -> None:
        loop = asyncio.get_running_loop()
        if self._fault is Fault.REFUSE:
            self._close_socket()
            return
        if self._socket is None:
            self._socket = _bound(socket.SOCK_DGRAM, self.port)
            self._socket.setblocking(False)
        if self._fault is Fault.HANG:
            loop.remove_reader(self._socket)  # datagrams wait in the kernel, as for a stopped process
        else:
            loop.add_reader(self._socket, self._receive, self._socket)

    def _close_socket(self) -> None:
        for handle in self._late:
            handle.cancel()
        self._late.clear()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _receive(self, here: socket.socket) -> None:
        try:
            question, peer = here.recvfrom(_DATAGRAM_MAX)
        except BlockingIOError:
            return
        received = wall()
        if self._fault is not Fault.SLOW:
            self._answer(here, question, peer, received)
            return
        loop = asyncio.get_running_loop()
        self._late = {handle for handle in self._late if handle.when() >= loop.time()}
        late = loop.call_later(self.delay / 1_000_000, self._answer, here, question, peer, received)
        self._late.add(late)

    def _answer(self, here: socket.socket, question: bytes, peer: tuple[str, int], received: Instant) -> None:
        answer = self.reply(question, received)
        if answer is None:
            return
        try:
            here.sendto(answer, peer)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOBUFS, errno.EPERM):
                raise
