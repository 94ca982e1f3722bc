"""Which downtime is reserved: what may be claimed once a window is missed (rules C1, C2)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from collector.core.calendar import Calendar
from collector.core.contract import Choice, Contract, Readings
from collector.core.mail import ours
from collector.core.outage import Outage
from collector.core.record import Declaration
from collector.core.timeline import (
    ALWAYS,
    HOUR,
    NOTHING,
    Instant,
    Span,
    Spans,
    difference,
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


def reserved(
    service: str,
    outages: Sequence[Outage],
    declarations: Sequence[Declaration],
    contract: Contract,
    calendar: Calendar,
    readings: Readings,
) -> Spans:
    """The time of a service that notices cover: what each documents and was not yet waived when it came.

    No notice covers what happened after it was sent: a long outage needs a final one.
    """
    due = contract.deadlines.reservation
    if due is None:  # nothing needs one
        return ALWAYS
    covered: Spans = NOTHING
    for notice in declarations:
        came = ours(notice, readings) if leaves_for(service, notice) else ()
        if not came or not documented(notice):
            continue
        clock = _CLOCKS[readings["reservation-clock"]]
        each = (clock(documented(notice), at, outages, due.within, calendar) for at in came)
        covered = union(covered, reduce(intersection, each))
    return covered


# ---------------------------------------------------------------------------------------- what is still to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How far notices cover one outage: all that may have been downtime is reserved, waived or still open."""

    outage: str
    service: str
    notices: tuple[str, ...]
    """Those that have left and document some of it."""
    reserved: Spans
    waived: Spans
    """No notice that comes now saves it, under the reading in force."""
    open: Spans
    safe: Instant | None
    """When the first instant that is still open is waived; none where all is settled."""
    latest: Instant | None
    """The same, counted from the end of the outage; none while it goes on."""


def coverage(
    outage: Outage,
    covered: Spans,
    declarations: Sequence[Declaration],
    contract: Contract,
    calendar: Calendar,
    readings: Readings,
    as_of: Instant,
) -> Coverage | None:
    """What notices cover of an outage, and until when the rest must be reserved (C1, C2); `covered` is
    what `reserved` says of its service. None where the contract asks for no reservation."""
    due = contract.deadlines.reservation
    if due is None:
        return None
    left = difference(outage.possible, covered)
    clock = _CLOCKS[readings["reservation-clock"]]
    still = clock(left, as_of, (outage,), due.within, calendar) if left else NOTHING
    return Coverage(
        outage=outage.id,
        service=outage.service,
        notices=tuple(d.id for d in declarations if _documents(d, outage)),
        reserved=intersection(outage.possible, covered),
        waived=difference(left, still),
        open=still,
        safe=calendar.reservation_deadline(still[0].start, due.within) if still else None,
        latest=outage.ends + due.within * HOUR if still and not outage.open else None,
    )


def documented(notice: Declaration) -> Spans:
    """The downtime that a notice documents, so far as it had happened when that was written."""
    written = notice.received if notice.sent is None else notice.sent
    told = spans((*(notice.certain or ()), *(notice.possible or ())))
    return told if written is None else within(told, Span(ALWAYS[0].start, written))


def leaves_for(service: str, declared: Declaration) -> bool:
    """Whether it is a notice about a service that has left for the provider."""
    return declared.kind == "notice" and declared.state in LEFT and service in (declared.services or ())


def _documents(notice: Declaration, outage: Outage) -> bool:
    return leaves_for(outage.service, notice) and bool(intersection(documented(notice), outage.possible))
