"""The time server: SNTP answers from this machine's clock (RFC 5905, section 7.3)."""

import struct

from collector.core.timeline import SECOND, Instant
from collector.demo.fault import Fault
from collector.demo.part import DatagramPart, wall

_PACKET = struct.Struct(">BBbbII4sQQQQ")
_ERA_S = 2_208_988_800
"""From 1900 to 1970."""
_CLIENT, _SERVER = 3, 4
_PRECISION_LOG2_S = -20
_ROOT_DISPERSION = 1 << 6
"""About 1 ms, in 1/65536 s."""


class TimeServer(DatagramPart):
    """Stratum 1, without a leap second in sight."""

    def __init__(self, name: str, port: int = 0) -> None:
        super().__init__(name, "ntp", port)

    def reply(self, question: bytes, received: Instant) -> bytes | None:
        if len(question) < _PACKET.size or question[0] & 7 != _CLIENT:
            return None
        if self.fault is Fault.GARBAGE:
            return b"\xff this is no time " * 3
        version = question[0] >> 3 & 7
        origin = int.from_bytes(question[40:48], "big")
        leap, stratum, source = 0, 1, b"DEMO"
        match self.fault:
            case Fault.STRATUM_16:
                stratum, source = 16, b"INIT"
            case Fault.LEAP_3:
                leap = 3
            case Fault.KISS_OF_DEATH:
                leap, stratum, source = 3, 0, b"RATE"
            case Fault.WRONG_OBJECT:
                origin ^= 1 << 32  # the answer to somebody else's question, a second off
        answer = _PACKET.pack(
            leap << 6 | version << 3 | _SERVER,
            stratum,
            question[2],
            _PRECISION_LOG2_S,
            0,
            _ROOT_DISPERSION,
            source,
            _stamp(received - 10 * SECOND),
            origin,
            _stamp(received),
            _stamp(wall()),
        )
        return answer[:20] if self.fault is Fault.TRUNCATED else answer


def _stamp(at: Instant) -> int:
    """The 64-bit NTP time stamp of an instant, rounded to the nearest unit of 2^-32 s, in its era."""
    seconds, rest = divmod(at, SECOND)
    fraction = ((rest << 32) + SECOND // 2) // SECOND
    return ((seconds + _ERA_S) % (1 << 32) << 32) + fraction
