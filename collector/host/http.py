"""HTTP over aiohttp: one question is one request on the wire, and its phases are told apart."""

import hashlib
import socket
import ssl
import struct
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http_exceptions import ContentLengthError, TransferEncodingError
from cryptography import x509

from collector.core.record import Outcome, Reason
from collector.core.timeline import Duration
from collector.host.faults import NetworkFault, of_os_error
from collector.host.names import Names
from collector.host.phases import Phases

CONNECTION_FACTS: Mapping[str, str] = {
    "peer": "address that the name led to (not kept where the target is an address)",
    "rtt": "round trip of the connection's handshake in µs, as the kernel measured it",
    "certificate": "SHA-256 of the server's certificate, hexadecimal",
    "expires": "end of the certificate's validity, seconds since 1970",
}
"""Facts that every request over HTTP may leave in its phases; kinds that use HTTP declare them."""

PHASES = ("resolve", "connect", "tls", "first_byte", "transfer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. Redirections are never followed here."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    limit_bytes: int = 1 << 20
    """More body than this is a fault (`oversize`)."""
    ca: str = ""
    """File of the only authorities to trust; empty for the system's."""
    warm: bool = False
    """Use a connection that is already there, if one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, complete."""

    status: int
    headers: Mapping[str, str]
    """Names in any case; of repeated headers the first."""
    body: bytes
    reused: bool
    """It came over a connection that was there before."""


class _Call:
    """One request under way: what is left behind on the way."""

    __slots__ = ("phases", "socket", "tls")

    def __init__(self, phases: Phases) -> None:
        self.phases = phases
        self.socket: socket.socket | None = None
        self.tls: ssl.SSLObject | None = None


_call: ContextVar[_Call] = ContextVar("call")


class _Resolver(AbstractResolver):
    """Our lookups behind aiohttp's interface: one address, and a phase of its own."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        del family  # any will do
        phases = _call.get().phases
        phases.enter("resolve")
        address = await self._names.first(host)
        phases.facts["peer"] = address.host
        return [
            ResolveResult(
                hostname=host,
                host=address.host,
                port=port,
                family=address.family,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing: the names belong to the network."""


class _Context(ssl.SSLContext):
    """Trust, shared by all connections; its handshakes begin a phase."""

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        conversation = super().wrap_bio(*args, **kwargs)
        call = _call.get()
        call.tls = conversation
        call.phases.enter("tls")
        return conversation


def _open_socket(address: Any) -> socket.socket:
    family, kind, protocol = address[:3]
    call = _call.get()
    call.phases.enter("connect")
    call.socket = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
    return call.socket


class _Connector(aiohttp.TCPConnector):
    """Connections, new or kept warm; once there is one, waiting for the answer begins."""

    async def connect(self, *args: Any, **kwargs: Any) -> aiohttp.connector.Connection:
        connection = await super().connect(*args, **kwargs)
        call = _call.get()
        call.phases.enter("first_byte")
        if call.socket is not None:
            call.phases.facts["rtt"], _again = handshake(call.socket)
        return connection


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """A connection that is cut is what the run saw: aiohttp would ask again, and tell nobody.

    Unless the connection was there before: an idle one may have been closed in good order meanwhile.
    """
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        call = _call.get()
        if call.socket is None:
            raise
        raise NetworkFault(*_fault(error, call.phases.stage), call.phases.took, call.phases.facts) from error


_RTT, _TOTAL_RETRANS, _TCP_INFO_LENGTH = 68, 100, 104
"""Places in struct tcp_info, linux/tcp.h."""


def handshake(connection: socket.socket) -> tuple[Duration, int]:
    """Round trip of a fresh connection's handshake, and how many segments had to be sent again."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_LENGTH)
    (rtt,), (again,) = struct.unpack_from("I", info, _RTT), struct.unpack_from("I", info, _TOTAL_RETRANS)
    return rtt, again


_KEEP_WARM: Any = 600
"""Seconds that an idle connection is kept for probes that ask on a warm one."""


class Http:
    """HTTP for a loop: one session for new connections, one for warm ones."""

    def __init__(self, names: Names, agent: str) -> None:
        self._resolver = _Resolver(names)
        self._headers = {"User-Agent": agent, "Accept-Encoding": "identity"}
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._trust: dict[str, _Context] = {}
        self._expiries: dict[str, int] = {}

    async def ask(self, request: Request, phases: Phases) -> Answer:
        """Ask and read the whole answer; raises NetworkFault."""
        call = _Call(phases)
        token = _call.set(call)
        try:
            answer = await self._converse(request, call)
            phases.leave()
            return answer
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NetworkFault(*_fault(error, phases.stage), phases.took, phases.facts) from error
        finally:
            _call.reset(token)
            self._note_certificate(call)

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _converse(self, request: Request, call: _Call) -> Answer:
        async with self._session(request.warm).request(
            request.method,
            yarl.URL(request.url, encoded=True),  # a signature covers the path as it is written
            headers=request.headers,
            data=request.body or None,
            allow_redirects=False,
            ssl=self._context(request.ca) if request.url.startswith("https:") else True,
        ) as response:
            call.phases.enter("transfer")
            parts: list[bytes] = []
            left = request.limit_bytes
            while chunk := await response.content.readany():
                left -= len(chunk)
                if left < 0:
                    raise NetworkFault(Outcome.FAILED, Reason.OVERSIZE, call.phases.took, call.phases.facts)
                parts.append(chunk)
            return Answer(
                status=response.status,
                headers=response.headers,
                body=b"".join(parts),
                reused=call.socket is None,
            )

    def _session(self, warm: bool) -> aiohttp.ClientSession:
        if warm not in self._sessions:
            connector = _Connector(
                resolver=self._resolver,
                use_dns_cache=False,
                force_close=not warm,
                limit=0,
                happy_eyeballs_delay=None,
                socket_factory=_open_socket,
                **({"keepalive_timeout": _KEEP_WARM} if warm else {}),
            )
            self._sessions[warm] = aiohttp.ClientSession(
                connector=connector,
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # the runner has the only clock
                middlewares=(_once,),
            )
        return self._sessions[warm]

    def _context(self, ca: str) -> _Context:
        if ca not in self._trust:
            context = _Context(ssl.PROTOCOL_TLS_CLIENT)
            context.set_alpn_protocols(["http/1.1"])
            try:
                if ca:
                    context.load_verify_locations(ca)
                else:
                    context.load_default_certs()
            except (OSError, ssl.SSLError) as error:
                raise NetworkFault(Outcome.BLIND, Reason.REQUEST) from error
            self._trust[ca] = context
        return self._trust[ca]

    def _note_certificate(self, call: _Call) -> None:
        """The server's certificate, if it showed one; outside of the timed part."""
        try:
            certificate = call.tls.getpeercert(True) if call.tls else None
        except ValueError:  # the handshake did not get that far
            return
        if certificate is None:
            return
        digest = hashlib.sha256(certificate).hexdigest()
        if digest not in self._expiries:
            self._expiries[digest] = _expiry(certificate)
        call.phases.facts["certificate"] = digest
        call.phases.facts["expires"] = self._expiries[digest]


def _expiry(certificate: bytes) -> int:
    end = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    return int(end.astimezone(UTC).timestamp())


def _fault(error: Exception, stage: str) -> tuple[Outcome, Reason]:
    """Whose fault an exception of aiohttp or the system may be, and why."""
    failed = Outcome.FAILED
    match error:
        case aiohttp.ClientConnectorDNSError():
            return Outcome.BLIND, Reason.RESOLVER
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return failed, Reason.CERTIFICATE
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return failed, Reason.TLS
        case aiohttp.ClientPayloadError():
            return failed, Reason.RESET if _cut(error) else Reason.PROTOCOL
        case aiohttp.ServerDisconnectedError():
            return failed, Reason.RESET
        case aiohttp.ClientResponseError():
            return failed, Reason.PROTOCOL
        case OSError():
            outcome, reason = of_os_error(error)
            return outcome, Reason.TLS if stage == "tls" and reason is Reason.RESET else reason
        case _ if stage:  # an answer that aiohttp cannot make sense of
            return failed, Reason.PROTOCOL
        case _:  # a URL or a header that it cannot send
            return Outcome.BLIND, Reason.REQUEST


def _cut(error: aiohttp.ClientPayloadError) -> bool:
    """The answer ended before it was complete, rather than being garbled."""
    return isinstance(error.__cause__, ContentLengthError | TransferEncodingError | OSError | None)
