"""How the measuring machine itself fares: how its event loop lags, what it holds, which routes it has."""

import asyncio
import ctypes
import os
import resource
import socket
import struct
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from collector.core.timeline import MILLISECOND, MINUTE, Duration
from collector.host.clock import boot_us
from collector.host.names import endpoint, literal

BEAT: Duration = 50 * MILLISECOND
"""How far beats are apart. Each wakes the machine up, which costs about 0.1 ms of its processor."""

_ELSEWHERE = "198.51.100.1"
"""An address of nobody (RFC 5737): its route is the default route."""

_CLOCK_BOOTTIME, _NONBLOCK_CLOEXEC = 7, 0o2004000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The part of a `host` line that the machine tells."""

    loop_lag_max: Duration
    loop_lag_p99: Duration
    fds: int
    rss: int
    """Bytes."""


class Mark(NamedTuple):
    """A moment of the loop's thread."""

    at: Duration
    """Boot time."""
    worked: Duration
    """Processor time of the thread until then."""


def mark() -> Mark:
    """This moment."""
    return Mark(boot_us(), time.thread_time_ns() // 1000)


class Observer:
    """A beat by the kernel's timer on the loop: how late it is noticed is how long everything else waited.

    A loop's own timers are exact to a millisecond only, and half a millisecond decides about a limit; a timer
    of the kernel says when it was due to the nanosecond.
    """

    def __init__(self, *, beat: Duration = BEAT) -> None:
        """Start beating on the running loop; `close` ends it."""
        self._loop = asyncio.get_running_loop()
        self._beat = beat
        self._lags: deque[tuple[Duration, Duration]] = deque(maxlen=MINUTE // beat)
        """(noticed, lag), a minute of them."""
        self._due = boot_us() + beat
        self._timer = _timer(self._due, beat)
        self._loop.add_reader(self._timer, self._tick)

    def lag(self, since: Mark) -> Duration:
        """How late anything that happened since may have been noticed; the bound on what user space timed.

        Beats show every stall that is longer than one beat. A shorter one may lie between two of them, but
        then the loop's thread was at work, and no longer than the processor time it used.
        """
        now = mark()
        hidden = min(now.worked - since.worked, self._beat)
        worst = max(hidden, now.at - self._due)
        for noticed, lag in reversed(self._lags):
            if noticed < since.at:
                break
            worst = max(worst, lag)
        return worst

    def stalled(self, since: Mark) -> Duration:
        """How long the loop stood still since then, in all: each wait of a run may have met another stall."""
        lags = [max(0, boot_us() - self._due)]
        for noticed, lag in reversed(self._lags):
            if noticed < since.at:
                break
            lags.append(lag)
        return sum(lags)

    def health(self) -> Health:
        """How the last minute was, and what is held now."""
        lags = sorted(lag for _, lag in self._lags) or [0]
        return Health(
            loop_lag_max=lags[-1],
            loop_lag_p99=lags[(len(lags) * 99 - 1) // 100],
            fds=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            rss=int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize(),
        )

    def close(self) -> None:
        """Stop beating."""
        self._loop.remove_reader(self._timer)
        os.close(self._timer)

    def _tick(self) -> None:
        now = boot_us()
        try:
            (beats,) = struct.unpack("Q", os.read(self._timer, 8))
        except BlockingIOError:
            return
        self._lags.append((now, max(0, now - self._due)))
        self._due += beats * self._beat


def routes(controls: Mapping[str, str]) -> dict[str, int]:
    """Control → 1 if the machine has a route to its target now, else 0. Sends nothing and looks up no name.

    A target that is given by name is judged by the default route.
    """
    return {name: int(_has_route(endpoint(target, 0)[0])) for name, target in controls.items()}


def _has_route(host: str) -> bool:
    address = literal(host) or literal(_ELSEWHERE)
    assert address is not None
    with socket.socket(address.family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((address.host, 9))  # binds the route; a datagram socket sends nothing for it
        except OSError:
            return False
    return True


class _Interval(ctypes.Structure):
    """struct itimerspec of timerfd_settime(2)."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("first_s", ctypes.c_long),
        ("first_ns", ctypes.c_long),
    )


def _timer(first: Duration, interval: Duration) -> int:
    """Descriptor of a timer that expires at boot time `first` and every `interval` after; raises OSError."""
    timer = int(_libc.timerfd_create(_CLOCK_BOOTTIME, _NONBLOCK_CLOEXEC))
    if timer < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    when = _Interval(
        interval // 1_000_000, interval % 1_000_000 * 1000, first // 1_000_000, first % 1_000_000 * 1000
    )
    absolute = 1
    if _libc.timerfd_settime(timer, absolute, ctypes.byref(when), None) < 0:
        os.close(timer)
        raise OSError(ctypes.get_errno(), "timerfd_settime")
    return timer
