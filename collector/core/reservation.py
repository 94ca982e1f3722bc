"""Which downtime is reserved: what may be claimed once a window is missed (rules C1, C2)."""

from collections.abc import Callable, Mapping, Sequence

from collector.core.calendar import Calendar
from collector.core.contract import Choice, Contract, Readings
from collector.core.outage import Outage
from collector.core.record import Declaration
from collector.core.timeline import (
    ALWAYS,
    HOUR,
    NOTHING,
    Instant,
    Span,
    Spans,
    intersection,
    spans,
    union,
    within,
)

LEFT: frozenset[str] = frozenset({"sent", "delivered", "answered"})
"""States of a notice that has left for the provider."""


# --------------------------------------------------------------------------------- reading reservation-clock


def _each_instant(
    documented: Spans,
    arrived: Instant,
    outages: Sequence[Outage],  # noqa: ARG001
    hours: int,
    calendar: Calendar,
) -> Spans:
    # Safe: every instant is waived on its own, at the earlier of elapsed and wall-clock time.
    return within(documented, Span(calendar.unwaived_since(arrived, hours), arrived))


def _outage_end(
    documented: Spans,
    arrived: Instant,
    outages: Sequence[Outage],
    hours: int,
    calendar: Calendar,  # noqa: ARG001
) -> Spans:
    # Arguable: the clock starts when the outage is over.
    still = (o.possible for o in outages if o.open or o.ends + hours * HOUR > arrived)
    return within(intersection(documented, union(*still)), Span(documented[0].start, arrived))


_CLOCKS: Mapping[Choice, Callable[[Spans, Instant, Sequence[Outage], int, Calendar], Spans]] = {
    "each-instant": _each_instant,
    "outage-end": _outage_end,
}


def arrived(notice: Declaration, readings: Readings) -> Instant | None:
    """When our mail counts as given: reading `notice-time`; none when it has not left or not arrived."""
    if notice.state not in LEFT:
        return None
    return notice.received if readings["notice-time"] == "theirs-sent-ours-received" else notice.sent


def reserved(
    service: str,
    outages: Sequence[Outage],
    declarations: Sequence[Declaration],
    contract: Contract,
    calendar: Calendar,
    readings: Readings,
) -> Spans:
    """The time of a service that notices cover: what each documents and was not yet waived when it came.

    No notice covers what happened after it came: a long outage needs a final one.
    """
    due = contract.deadlines.reservation
    if due is None:  # nothing needs one
        return ALWAYS
    covered: Spans = NOTHING
    for notice in declarations:
        if notice.kind != "notice" or service not in (notice.services or ()):
            continue
        at = arrived(notice, readings)
        documented = spans((*(notice.certain or ()), *(notice.possible or ())))
        if at is None or not documented:
            continue
        clock = _CLOCKS[readings["reservation-clock"]]
        covered = union(covered, clock(documented, at, outages, due.within, calendar))
    return covered
