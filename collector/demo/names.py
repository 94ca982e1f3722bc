"""The name server: a few fixed names, over UDP and TCP at one port."""

import asyncio
import socket
from collections.abc import Mapping
from types import MappingProxyType

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from collector.core.timeline import Instant
from collector.demo.fault import Fault
from collector.demo.part import DatagramPart, Part, StreamPart

PRIVATE_NAME = "ip-10-0-0-4.demo-1.compute.internal"
PRIVATE_ADDRESS = "10.0.0.4"
EXTERNAL_NAME = "www.demo.example"
EXTERNAL_ADDRESS = "192.0.2.80"
OTHER_ADDRESS = "192.0.2.66"
"""The address in a wrong answer."""

_TTL_S = 60
_ADDRESSES: Mapping[dns.name.Name, str] = MappingProxyType(
    {
        dns.name.from_text(PRIVATE_NAME): PRIVATE_ADDRESS,
        dns.name.from_text(EXTERNAL_NAME): EXTERNAL_ADDRESS,
    }
)
_ATTEMPTS = 20


class Names(Part):
    """Answers A questions for `PRIVATE_NAME` and `EXTERNAL_NAME`; every other name does not exist."""

    def __init__(self, name: str, port: int = 0) -> None:
        super().__init__(name, "dns", port)
        self._udp = _Udp(self, port)
        self._tcp = _Tcp(self, port)

    @property
    def port(self) -> int:
        return self._tcp.port

    async def start(self) -> None:
        for attempt in range(_ATTEMPTS):
            await self._tcp.start()
            self._udp = _Udp(self, self._tcp.port)
            try:
                await self._udp.start()
                break
            except OSError:  # the number that TCP was given is taken by somebody's UDP
                await self._tcp.stop()
                self._tcp = _Tcp(self, self._asked_port)
                if self._asked_port or attempt == _ATTEMPTS - 1:
                    raise
        await super().start()

    async def stop(self) -> None:
        self.fault = Fault.NONE
        self._started = False
        await self._udp.stop()
        await self._tcp.stop()

    def _reserve(self) -> None:
        """Both halves have done so."""

    def _apply(self) -> None:
        self._udp.delay = self._tcp.delay = self.delay
        self._udp.fault = self._tcp.fault = self.fault

    def respond(self, question: bytes) -> bytes | None:
        """The answer to one message, wrong as the fault wants it; None where a server is silent."""
        if self.fault is Fault.GARBAGE:
            return question[:2] + b"\xff\x00 this is no DNS \xff" * 2
        try:
            query = dns.message.from_wire(question)
        except dns.exception.DNSException:
            return None
        if query.flags & dns.flags.QR or len(query.question) != 1:
            return None
        answer = self._answer(query).to_wire()
        return answer[: len(answer) // 2] if self.fault is Fault.TRUNCATED else answer

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query, recursion_available=True)
        asked = query.question[0]
        address = _ADDRESSES.get(asked.name)
        match self.fault:
            case Fault.SERVFAIL:
                answer.set_rcode(dns.rcode.SERVFAIL)
                return answer
            case Fault.EMPTY:
                return answer
            case Fault.NXDOMAIN:
                address = None
            case Fault.WRONG_OBJECT if address is not None:
                address = OTHER_ADDRESS
        if address is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif asked.rdtype == dns.rdatatype.A and asked.rdclass == dns.rdataclass.IN:
            answer.answer.append(dns.rrset.from_text(asked.name, _TTL_S, "IN", "A", address))
        return answer


class _Udp(DatagramPart):
    def __init__(self, names: Names, port: int) -> None:
        super().__init__(names.name, "dns", port)
        self._names = names

    def reply(self, question: bytes, received: Instant) -> bytes | None:
        del received
        return self._names.respond(question)


class _Tcp(StreamPart):
    def __init__(self, names: Names, port: int) -> None:
        super().__init__(names.name, "dns", port)
        self._names = names

    async def converse(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            while length := await _exactly(connection, 2):
                question = await _exactly(connection, int.from_bytes(length, "big"))
                await self.ready()
                answer = self._names.respond(question)
                if answer is None:
                    return
                whole = len(answer) * (2 if self.fault is Fault.TRUNCATED else 1)
                await loop.sock_sendall(connection, whole.to_bytes(2, "big") + answer)
                if self.fault is Fault.TRUNCATED:
                    return
        finally:
            connection.close()


async def _exactly(connection: socket.socket, size: int) -> bytes:
    """The next `size` bytes, or fewer at the end of the stream."""
    data = b""
    while len(data) < size:
        chunk = await asyncio.get_running_loop().sock_recv(connection, size - len(data))
        if not chunk:
            break
        data += chunk
    return data
