"""The one place that reads time: boot time for durations, wall time for positions, and how far to trust it.

Rule T4: durations rest on CLOCK_BOOTTIME, which never steps and goes on while the machine sleeps. An instant
is boot time plus the offset to wall time that the last `clock` line states, so whoever calls `observe`
journals what it gives.
"""

import ctypes
import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

from collector.core.timeline import MILLISECOND, Duration, Instant

STEP_LIMIT: Duration = 50 * MILLISECOND

STA_INS, STA_DEL, STA_UNSYNC = 0x10, 0x20, 0x40
"""Bits of the kernel's clock status, adjtimex(2)."""

_READINGS = 5
"""How often the pair of clocks is read; the tightest pair counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """What a `clock` line states (JOURNAL.md)."""

    wall: Instant
    boot_offset: Duration
    """Wall time minus boot time."""
    error: Duration | None
    """The kernel's bound on the error of the wall clock; none where nobody vouches for one."""
    synced: int
    """1 where the kernel says that a daemon keeps the clock right."""
    source: str
    """chrony, timesyncd or none."""
    leap: int
    """0: no leap second is near, 1: one is inserted at the end of the day, 2: one is left out."""
    step: Duration = 0
    """How far the offset moved since the last statement, where that is beyond the step limit; else 0."""


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2); only the fields up to `status` are read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


_libc = ctypes.CDLL(None, use_errno=True)


def boot_us() -> Duration:
    """Microseconds since boot, sleep included: what every duration is the difference of."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def wall_us() -> Instant:
    """What the wall clock says now; it may step."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000


class Clock:
    """The machine's clock as the journal tells it."""

    def __init__(self, *, step_limit: Duration = STEP_LIMIT, run: Path = Path("/run")) -> None:
        """`run` is where time daemons leave their traces."""
        self._step_limit = step_limit
        self._run = run
        self._offset = _offset()

    def boot_us(self) -> Duration:
        """Microseconds since boot, sleep included."""
        return boot_us()

    def wall_us(self) -> Instant:
        """What the wall clock says now; for signatures, not for measuring."""
        return wall_us()

    def now(self) -> Instant:
        """Boot time plus the offset stated last (rule T4): between two statements it never steps."""
        return boot_us() + self._offset

    def at(self, boot: Duration) -> Instant:
        """The instant that a boot time was, by the offset stated last."""
        return boot + self._offset

    def slept(self) -> Duration:
        """How long the machine has been suspended since boot; it grew when the machine slept in between."""
        asleep = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        return max(0, asleep // 1000)

    def read(self) -> ClockReading:
        """The wall clock and what the kernel and its time daemon vouch for; states nothing."""
        offset = _offset()
        source = self._source()
        status, maxerror = _kernel_status()
        return ClockReading(
            wall=boot_us() + offset,
            boot_offset=offset,
            error=bound(status, maxerror, source),
            synced=int(not status & STA_UNSYNC),
            source=source,
            leap=1 if status & STA_INS else 2 if status & STA_DEL else 0,
        )

    def observe(self) -> ClockReading:
        """Read, state the new offset (`now` follows it from here on), and say whether it stepped."""
        reading = self.read()
        moved = reading.boot_offset - self._offset
        self._offset = reading.boot_offset
        return replace(reading, step=moved) if abs(moved) > self._step_limit else reading

    def boot_id(self) -> str:
        """The kernel's name of this boot."""
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    def machine_id(self) -> str:
        """A name of this machine that does not give its machine-id away; empty where it has none."""
        try:
            secret = Path("/etc/machine-id").read_bytes().strip()
        except FileNotFoundError:
            return ""
        return hashlib.sha256(b"constat origin " + secret).hexdigest()[:32] if secret else ""

    def _source(self) -> str:
        for trace, source in (("chrony", "chrony"), ("systemd/timesync", "timesyncd")):
            if (self._run / trace).exists():
                return source
        return "none"


def bound(status: int, maxerror: Duration, source: str) -> Duration | None:
    """The bound on the wall clock's error, where the kernel's `maxerror` is one.

    timesyncd sets it to 0 whatever it knows, and the kernel lets it grow from there: that bounds nothing.
    """
    return maxerror if maxerror > 0 and source != "timesyncd" and not status & STA_UNSYNC else None


def _offset() -> Duration:
    """Wall time minus boot time, from the pair of readings that lie closest together."""
    pairs: list[tuple[int, int]] = []
    for _ in range(_READINGS):
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        wall = time.clock_gettime_ns(time.CLOCK_REALTIME)
        after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        pairs.append((after - before, wall - (before + after) // 2))
    return min(pairs)[1] // 1000


def _kernel_status() -> tuple[int, Duration]:
    """The kernel's clock status bits and its bound on the error in µs; unsynchronised if it may not say."""
    timex = _Timex()
    if _libc.adjtimex(ctypes.byref(timex)) == -1:
        # A sandbox that forbids @clock system calls (systemd's ProtectClock=) forbids asking, too.
        return STA_UNSYNC, 0
    return timex.status, timex.maxerror
