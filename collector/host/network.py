"""Everything that a probe may do on the network, with its time told apart by phase and its faults by whose they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from collector.core.timeline import Duration, Instant
from collector.host.faults import NetworkFault
from collector.host.phases import Phases

__all__ = ["Answer", "Datagram", "Network", "NetworkFault", "Phases", "Request"]


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
    verify: bool = True
    warm: bool = False
    """Use a connection that is already there, if one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, complete."""

    status: int
    headers: Mapping[str, str]
    """Names in any case; of repeated headers the first."""
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """The answer to a datagram of ours, with both ends of the exchange as near to the wire as the kernel tells."""

    payload: bytes
    sent: Instant
    """Wall clock."""
    received: Instant
    round_trip: Duration
    error: Duration
    """Bound on the error of `round_trip`."""


class Network:
    """Sockets, TLS, HTTP and name lookups; shared by all probes of a process. Close it when done."""

    def __init__(self, *, agent: str = "constat") -> None:
        """`agent` is the User-Agent of every request, by which the provider's own logs can be searched."""
        self._agent = agent

    async def http(self, request: Request, phases: Phases) -> Answer:
        """Ask and read the whole answer; raises NetworkFault."""
        raise NotImplementedError

    async def resolve(self, host: str, phases: Phases) -> str:
        """The first address of `host`; a literal address is its own."""
        raise NotImplementedError

    async def exchange(
        self, host: str, port: int, payload: bytes, accept: Callable[[bytes], bool], phases: Phases
    ) -> Datagram:
        """Send one datagram and wait for one from the same peer that `accept` takes."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close what is open."""
