"""The time server: SNTP answers from this machine's clock (RFC 5905, section 7.3)."""

from collector.core.timeline import SECOND, Instant
from collector.demo.fault import Fault
from collector.demo.part import DatagramPart, wall
from collector.wire import ntp

_PRECISION_LOG2_S = -20
_ROOT_DISPERSION = 1 << 6
"""About 1 ms, in 1/65536 s."""


class TimeServer(DatagramPart):
    """Stratum 1, without a leap second in sight."""

    def __init__(self, name: str, port: int = 0) -> None:
        super().__init__(name, "ntp", port)

    def reply(self, question: bytes, received: Instant) -> bytes | None:
        try:
            asked = ntp.decode(question)
        except ValueError:
            return None
        if asked.mode != ntp.CLIENT:
            return None
        if self.fault is Fault.GARBAGE:
            return b"\xff this is no time " * 3
        answer = self._message(asked, received).encode()
        return answer[:20] if self.fault is Fault.TRUNCATED else answer

    def _message(self, asked: ntp.Message, received: Instant) -> ntp.Message:
        leap, stratum, source, origin = 0, 1, b"DEMO", asked.transmit
        match self.fault:
            case Fault.STRATUM_16:
                stratum, source = 16, b"INIT"
            case Fault.LEAP_3:
                leap = ntp.UNSYNCHRONISED
            case Fault.KISS_OF_DEATH:
                leap, stratum, source = ntp.UNSYNCHRONISED, 0, b"RATE"
            case Fault.WRONG_OBJECT:
                origin ^= 1 << 32  # the answer to somebody else's question, a second off
        return ntp.Message(
            leap=leap,
            version=asked.version,
            mode=ntp.SERVER,
            stratum=stratum,
            poll=asked.poll,
            precision=_PRECISION_LOG2_S,
            root_dispersion=_ROOT_DISPERSION,
            reference_id=source,
            reference=ntp.stamp(received - 10 * SECOND),
            origin=origin,
            receive=ntp.stamp(received),
            transmit=ntp.stamp(wall()),
        )
