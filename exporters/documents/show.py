"""How instants, durations, ratios and amounts are put on a screen: readable, exact, and never rounded up."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from fractions import Fraction
from zoneinfo import ZoneInfo

from collector.core.timeline import DAY, HOUR, MINUTE, SECOND, Duration, Instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_424_000 * SECOND, 253_402_128_000 * SECOND
"""The third day of the year 1 and the last but one of 9999, so that each has a date in every zone."""

DIGITS = 5
"""Digits after the decimal point of a percentage; what lies beyond is cut, never rounded (clause 24)."""

EXACT = None
"""In the place of a number of digits: all that there are. What is promised is never cut (clause 24)."""

SPACE = "\N{NO-BREAK SPACE}"
"""Between groups of digits, and before a unit: where no line may be broken."""


def zone(name: str, *, utc: bool) -> tzinfo:
    """Where people's times are told: the contract's zone, or UTC on request."""
    return UTC if utc else ZoneInfo(name)


def instant(at: Instant, where: tzinfo) -> str:
    """`at` with its offset: "2026-11-22 14:03:05.250000+01:00", without the fraction where there is none."""
    return moment(at, where).isoformat(" ")


def moment(at: Instant, where: tzinfo) -> datetime:
    """`at` as a date and time. A journal may state what none can tell: that is shown as the first or the last
    day that has one, and a flag of the account has the number."""
    shown = min(max(at, _FIRST), _LAST)
    return (EPOCH + timedelta(microseconds=shown)).astimezone(where)


def until(at: Instant, where: tzinfo) -> str:
    """A deadline: where it falls on midnight, the day that it is the end of stands first."""
    due = moment(at, where)
    if due.time() != time.min:
        return instant(at, where)
    return f"the end of {due.date() - timedelta(1)} ({instant(at, where)})"


def duration(length: Duration) -> str:
    """`length` in full, without a loss: "1 d 2 h 3 min 4.005 s"."""
    if length < 0:
        return "-" + duration(-length)
    days, rest = divmod(length, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if n]
    if rest or not parts:
        parts.append(_seconds(rest))
    return " ".join(parts)


def _seconds(length: Duration) -> str:
    whole, rest = divmod(length, SECOND)
    fraction = f"{rest:06d}".rstrip("0")
    return f"{whole}{'.' if fraction else ''}{fraction} s"


def worked(length: Duration, *, business: bool) -> str:
    """A duration that may be of business hours: these are never told in days, as one of those has fewer."""
    if not business:
        return duration(length)
    hours, rest = divmod(length, HOUR)
    parts = [f"{hours} h"] * bool(hours) + [duration(rest)] * bool(rest or not hours)
    return f"{' '.join(parts)} of business hours"


def clocked(length: Duration) -> str:
    """`length` in days of 24 hours and as a clock, so that it can be added up: "1 d 02:03:04.005000"."""
    days, rest = divmod(length, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, rest = divmod(rest, SECOND)
    return f"{f'{days}{SPACE}d{SPACE}' if days else ''}{hours:02}:{minutes:02}:{seconds:02}.{rest:06}"


def grouped(number: int) -> str:
    """A whole number in groups of three digits: "2 678 400 000 000"."""
    return f"{number:,}".replace(",", SPACE)


def money(cents: Fraction, currency: str) -> str:
    """An amount in hundredths of its currency, rounded down to a whole one, never up (T2): "3 390.00 EUR"."""
    whole = cents.__floor__()
    units, rest = divmod(abs(whole), 100)
    return f"{'-' if whole < 0 else ''}{grouped(units)}.{rest:02}{SPACE}{currency}"


def left(length: Duration) -> str:
    """The time that is left, cut to whole minutes: never more than there is."""
    return duration(length - length % MINUTE) if length >= MINUTE else "less than a minute"


def size(count: int) -> str:
    """A number of bytes, about: "3.7 MB"."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= step:
            return f"{count // step}.{count % step * 10 // step} {unit}"
    return f"{count} bytes"


def percent(ratio: Fraction, digits: int | None = DIGITS) -> str:
    """`ratio` as a percentage cut after `digits`; "…" says that more follow: "99.96999… %"."""
    digits = _places(ratio * 100) if digits is EXACT else digits
    scaled = ratio * 100 * 10**digits
    cut = scaled.__floor__()
    whole, rest = divmod(abs(cut), 10**digits)
    text = f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".") if digits else str(whole)
    return f"{'-' if cut < 0 else ''}{text}{'' if cut == scaled else '…'} %"


def digits(ratio: Fraction, count: int | None = DIGITS) -> str:
    """The same where no line may end before the sign."""
    return percent(ratio, count).replace(" ", SPACE)


def promise(ratio: Fraction) -> str:
    """A share that a contract names, with every digit that it names."""
    return digits(ratio, EXACT)


def _places(number: Fraction) -> int:
    """How many digits after the point a number has; of one that never ends, as many as others are shown."""
    below = number.denominator
    return next((n for n in range(below.bit_length() + 1) if 10**n % below == 0), DIGITS)
