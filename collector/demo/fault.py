"""What can go wrong with a part of the demonstration provider, and the record of when it did."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from collector.core.timeline import Instant


class Fault(StrEnum):
    """One way to fail. The comment says what a client sees; `SUITS` says which sort of part can fail so."""

    NONE = ""
    REFUSE = "refuse"  # nothing listens: RST, or ICMP port unreachable; open connections are cut
    HANG = "hang"  # as if stopped: connections are taken, answers come when the fault ends
    RESET = "reset"  # connections are taken and cut by RST
    SLOW = "slow"  # the right answer, after the part's `delay`
    GARBAGE = "garbage"  # bytes that are not of the protocol
    TRUNCATED = "truncated"  # the answer ends in the middle
    ENDLESS = "endless"  # a body without end
    WRONG_OBJECT = (
        "wrong-object"  # a well-formed answer with the wrong content, of the same size where size matters
    )
    # HTTP
    HTTP_500 = "http-500"
    HTTP_503 = "http-503"  # in front of the service: HTML, without the API's error body
    HTML = "html"  # 200 with a page of HTML
    REDIRECT_LOOP = "redirect-loop"
    UNAUTHORISED = "unauthorised"  # API: 401, code 1; storage: 403, AccessDenied
    # the command API
    INTERNAL_ERROR = "internal-error"  # 500, code 2000, by the application itself: its log has the call
    THROTTLE_PLATFORM = "throttle-platform"  # 503, code 6
    THROTTLE_ACCOUNT = "throttle-account"  # 429, code 24
    THROTTLE_CALL = "throttle-call"  # 429, code 25
    SOFT_THROTTLE = "soft-throttle"  # signed calls: 400, code 4120; anonymous calls still answer
    # object storage
    SLOW_DOWN = "slow-down"  # 503, SlowDown
    # TLS
    WRONG_CERTIFICATE = "wrong-certificate"  # of the right authority, for another name
    EXPIRED_CERTIFICATE = "expired-certificate"
    # DNS
    SERVFAIL = "servfail"
    NXDOMAIN = "nxdomain"
    EMPTY = "empty"  # NOERROR without an answer
    # NTP
    STRATUM_16 = "stratum-16"
    LEAP_3 = "leap-3"
    KISS_OF_DEATH = "kiss-of-death"  # stratum 0, code RATE


_DATAGRAM = frozenset(
    {Fault.REFUSE, Fault.HANG, Fault.SLOW, Fault.GARBAGE, Fault.TRUNCATED, Fault.WRONG_OBJECT}
)
_STREAM = _DATAGRAM | {Fault.RESET, Fault.ENDLESS}
_HTTP = _STREAM | {Fault.HTTP_500, Fault.HTTP_503, Fault.HTML, Fault.REDIRECT_LOOP}

SUITS: Mapping[str, frozenset[Fault]] = MappingProxyType(
    {
        "tcp": _STREAM,
        "http": _HTTP,
        "https": _HTTP | {Fault.WRONG_CERTIFICATE, Fault.EXPIRED_CERTIFICATE},
        "api": _HTTP
        | {
            Fault.INTERNAL_ERROR,
            Fault.UNAUTHORISED,
            Fault.THROTTLE_PLATFORM,
            Fault.THROTTLE_ACCOUNT,
            Fault.THROTTLE_CALL,
            Fault.SOFT_THROTTLE,
        },
        "storage": _HTTP | {Fault.UNAUTHORISED, Fault.SLOW_DOWN},
        "dns": _DATAGRAM | {Fault.SERVFAIL, Fault.NXDOMAIN, Fault.EMPTY},
        "ntp": _DATAGRAM | {Fault.STRATUM_16, Fault.LEAP_3, Fault.KISS_OF_DEATH},
    }
)
"""Sort of part → the faults that it can have."""


@dataclass(slots=True)
class Truth:
    """From when to when a part had a fault: [start, end), wall-clock µs; `end` is None while it lasts."""

    part: str
    fault: Fault
    start: Instant
    end: Instant | None = None
