"""Windows of a commitment: trailing ones that end now, and calendar months and years (rule A4)."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from collector.core.calendar import Calendar
from collector.core.timeline import Instant, Span

WindowKind: TypeAlias = Literal["trailing", "calendar", "worst", "given"]
Asked: TypeAlias = Literal["trailing", "calendar"] | Span
"""Windows by kind, each as long as its commitment says; or one given span for all."""

MONTHS = {"P1M": 1, "P1Y": 12}


class Window(NamedTuple):
    """The time that an attainment is about."""

    kind: WindowKind
    span: Span


def windows(length: str, asked: Sequence[Asked], calendar: Calendar, as_of: Instant) -> tuple[Window, ...]:
    """The windows of a commitment over `length` ("P1M", "P1Y") at `as_of`.

    Of the calendar: the one that runs, whose future is UNKNOWN, and the last complete one before it.
    """
    found: list[Window] = []
    for one in asked:
        if one == "trailing":
            found.append(Window("trailing", calendar.trailing(as_of, MONTHS[length])))
        elif one == "calendar":
            current = _around(length, calendar, as_of)
            found += (
                Window("calendar", span) for span in (_around(length, calendar, current.start - 1), current)
            )
        else:
            found.append(Window("given", Span(*one)))
    return tuple(found)


def _around(length: str, calendar: Calendar, instant: Instant) -> Span:
    return calendar.month_of(instant) if length == "P1M" else calendar.year_of(instant)
