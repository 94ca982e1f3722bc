"""SNTP messages (RFC 5905, section 7.3) to and from the wire."""

import struct
from dataclasses import dataclass

from collector.core.timeline import SECOND, Instant

LENGTH = 48
CLIENT, SERVER = 3, 4
"""Modes."""
UNSYNCHRONISED = 3
"""Leap indicator of a server that does not know the time."""

_1900: int = 2_208_988_800
"""Seconds from the first era's begin to 1970."""
_ERA = 1 << 32
_FORMAT = struct.Struct(">BBbbII4sQQQQ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A header without extensions. Stamps are 64-bit: seconds of an era and 2⁻³² seconds."""

    leap: int = 0
    version: int = 4
    mode: int
    stratum: int = 0
    poll: int = 0
    precision: int = 0
    root_delay: int = 0
    root_dispersion: int = 0
    reference_id: bytes = bytes(4)
    """Of stratum 0: a kiss code, four letters that say why there is no time."""
    reference: int = 0
    origin: int = 0
    receive: int = 0
    transmit: int = 0

    def encode(self) -> bytes:
        """The 48 bytes."""
        return _FORMAT.pack(
            self.leap << 6 | self.version << 3 | self.mode,
            self.stratum,
            self.poll,
            self.precision,
            self.root_delay,
            self.root_dispersion,
            self.reference_id,
            self.reference,
            self.origin,
            self.receive,
            self.transmit,
        )

    @property
    def kiss(self) -> str:
        """The kiss code of a stratum 0 message; empty otherwise."""
        if self.stratum != 0:
            return ""
        return "".join(chr(byte) for byte in self.reference_id if 0x20 < byte < 0x7F)


def decode(data: bytes) -> Message:
    """The header in `data` (extensions may follow it); raises ValueError when it is too short."""
    if len(data) < LENGTH:
        raise ValueError(f"expected at least {LENGTH} bytes of NTP, got {len(data)}")
    first, stratum, poll, precision, delay, dispersion, reference_id, *stamps = _FORMAT.unpack_from(data)
    return Message(
        leap=first >> 6,
        version=first >> 3 & 7,
        mode=first & 7,
        stratum=stratum,
        poll=poll,
        precision=precision,
        root_delay=delay,
        root_dispersion=dispersion,
        reference_id=reference_id,
        reference=stamps[0],
        origin=stamps[1],
        receive=stamps[2],
        transmit=stamps[3],
    )


def stamp(instant: Instant) -> int:
    """The NTP time stamp of `instant`."""
    seconds, micros = divmod(instant, SECOND)
    return (seconds + _1900) % _ERA << 32 | (micros << 32) // SECOND


def instant(stamp: int, near: Instant) -> Instant:
    """The instant that `stamp` means, of all eras the one nearest to `near`; 1 µs more or less."""
    seconds, fraction = divmod(stamp, _ERA)
    first_era = (seconds - _1900) * SECOND + (fraction * SECOND + _ERA // 2) // _ERA
    era = _ERA * SECOND
    return first_era + (near - first_era + era // 2) // era * era
