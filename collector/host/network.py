"""Everything that a probe may do on the network; phases are told apart, faults by whose they may be."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import metadata

from collector.core.record import Outcome, Reason
from collector.core.timeline import Duration
from collector.host.datagram import Datagram, exchange
from collector.host.faults import NetworkFault, of_os_error
from collector.host.http import CONNECTION_FACTS, PHASES, Answer, Http, Request, handshake
from collector.host.names import Address, Names, endpoint, literal, web_address
from collector.host.phases import Phases

__all__ = [
    "CONNECTION_FACTS",
    "PHASES",
    "Answer",
    "Connection",
    "Datagram",
    "Network",
    "NetworkFault",
    "Phases",
    "Request",
    "endpoint",
    "round_trip",
    "web_address",
]


class Connection:
    """A TCP connection; made by `Network.connect`, which also closes it."""

    def __init__(self, connected: socket.socket, phases: Phases) -> None:
        self._socket = connected
        self._phases = phases
        self.round_trip, self.retransmitted = handshake(connected)
        """The handshake's round trip in µs as the kernel measured it; of use where nothing was sent again."""

    async def send(self, data: bytes) -> None:
        """Send all of `data`; raises NetworkFault."""
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except OSError as error:
            raise self._fault(error) from error

    async def receive(self, limit: int = 65_536) -> bytes:
        """What comes next, at most `limit` bytes; empty at the end. Raises NetworkFault."""
        try:
            return await asyncio.get_running_loop().sock_recv(self._socket, limit)
        except OSError as error:
            raise self._fault(error) from error

    async def receive_exactly(self, length: int) -> bytes:
        """`length` bytes; an earlier end is a connection cut (NetworkFault)."""
        data = b""
        while len(data) < length:
            more = await self.receive(length - len(data))
            if not more:
                raise NetworkFault(Outcome.FAILED, Reason.RESET, self._phases.took, self._phases.facts)
            data += more
        return data

    def _fault(self, error: OSError) -> NetworkFault:
        return NetworkFault(*of_os_error(error), self._phases.took, self._phases.facts)


class Network:
    """Sockets, TLS, HTTP and name lookups of one loop, shared by all its probes. Close it when done."""

    def __init__(self, *, agent: str = "") -> None:
        """`agent` is the User-Agent of every request, by which the provider's own logs can be searched.

        By default it is our name and version.
        """
        self._names = Names()
        self._http = Http(self._names, agent or _our_name())

    async def http(self, request: Request, phases: Phases) -> Answer:
        """Ask and read the whole answer; raises NetworkFault."""
        return await self._http.ask(request, phases)

    async def resolve(self, host: str, phases: Phases) -> Address:
        """The first address of `host`, itself if it is one; raises NetworkFault (blind, resolver)."""
        address = literal(host)
        if address is not None:
            return address
        phases.enter("resolve")
        try:
            address = await self._names.first(host)
        except OSError as error:
            raise NetworkFault(Outcome.BLIND, Reason.RESOLVER, phases.took) from error
        phases.leave()
        phases.facts["peer"] = address.host
        return address

    @asynccontextmanager
    async def connect(self, host: str, port: int, phases: Phases) -> AsyncIterator[Connection]:
        """A new TCP connection, closed at the end; raises NetworkFault."""
        address = await self.resolve(host, phases)
        phases.enter("connect")
        try:
            connected = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            raise NetworkFault(*of_os_error(error), phases.took, phases.facts) from error
        with connected:
            try:
                await asyncio.get_running_loop().sock_connect(connected, (address.host, port))
            except OSError as error:
                raise NetworkFault(*of_os_error(error), phases.took, phases.facts) from error
            phases.leave()
            yield Connection(connected, phases)

    async def exchange(
        self, host: str, port: int, payload: bytes, accept: Callable[[bytes], bool], phases: Phases
    ) -> Datagram:
        """Send one datagram and wait for one of the same peer that `accept` takes; raises NetworkFault."""
        address = await self.resolve(host, phases)
        try:
            return await exchange(address, port, payload, accept)
        except OSError as error:
            raise NetworkFault(*of_os_error(error), phases.took, phases.facts) from error

    async def close(self) -> None:
        """Close what is open."""
        await self._http.close()
        self._names.close()


def _our_name() -> str:
    try:
        return f"constat/{metadata.version('constat')}"
    except metadata.PackageNotFoundError:  # run from a tree that was never installed
        return "constat"


def round_trip(connection: Connection, phases: Phases) -> tuple[Duration, Duration]:
    """How long a connection took to open and the bound on its error: the kernel's, unless something was lost.

    After a lost segment the kernel measures the retry alone; then the whole wait is what the peer gave us.
    """
    if connection.retransmitted or not connection.round_trip:
        return phases.took["connect"], 0
    return connection.round_trip, 1
