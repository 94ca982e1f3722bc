"""Tickets → how long support took to answer and to restore, against the contract's limits (rule A7).

SLA9: a ticket opened "with all required information" is the precondition and the starting point of both
commitments; yet it has the time to an answer run from "the opening of the ticket", and only the time to
restore from the opening with all information. What is shown as elapsed is A7's figure, from the opening and
from completeness. A response is MISSED only where it is also late counted from completeness, and MET only
where it is in time counted from the opening; in between it is OPEN, and says `completed-later`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

from collector.core.attainment import Finding
from collector.core.calendar import Calendar
from collector.core.contract import Commitment, Contract, Limit
from collector.core.deduction import in_scope, out_of_plan
from collector.core.eligibility import Eligibility
from collector.core.record import Declaration, Service
from collector.core.timeline import (
    NOTHING,
    Duration,
    Instant,
    Span,
    Spans,
    difference,
    duration,
    spans,
    union,
    within,
)

Moment: TypeAlias = Literal["opened", "complete", "first_answer", "solved"]
_MOMENTS: tuple[Moment, ...] = ("opened", "complete", "first_answer", "solved")


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportTime:
    """One support commitment of one ticket; no formula gives a credit for it (Annex B)."""

    commitment: str
    clause: str
    limit: Duration | None
    """None where the contract has no limit for that severity."""
    business_hours: bool
    """Whether limit, elapsed and waited are of business hours alone."""
    elapsed: Duration | None
    """By rule A7, so far where it goes on; None where the ticket does not say enough."""
    counted: Spans
    """What that adds up."""
    waited: Duration
    """For the customer, and not in `elapsed`."""
    least: Duration
    """No reading of the clause and of the ticket gives less..."""
    most: Duration | None
    """...or more; None while it goes on, or where nothing bounds it."""
    finding: Finding
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One ticket as it was declared, with all that support owed on it."""

    id: str
    number: str
    severity: int | None
    scope: tuple[str, ...]
    opened: Instant | None
    complete: Instant | None
    first_answer: Instant | None
    solved: Instant | None
    waiting: tuple[tuple[Instant, Instant], ...]
    commitments: tuple[SupportTime, ...]
    flags: tuple[str, ...]


class Known(NamedTuple):
    """What a ticket may be about, and what it is judged by."""

    services: Sequence[Service]
    contract: Contract
    calendar: Calendar
    eligibility: Eligibility


def tickets(declarations: Sequence[Declaration], known: Known, as_of: Instant) -> tuple[Ticket, ...]:
    """Every ticket that was declared and stands, in order of opening."""
    declared = [one for one in declarations if one.kind == "ticket"]
    numbers = [one.number for one in declared]
    found = [_ticket(one, known, as_of, twice=numbers.count(one.number) > 1) for one in declared]
    return tuple(sorted(found, key=lambda t: (t.opened or 0, t.id)))


def _ticket(declared: Declaration, known: Known, as_of: Instant, *, twice: bool) -> Ticket:
    told = _Told(declared, as_of)
    scope = declared.scope or ()
    concerned = [service for service in known.services if in_scope(scope, service)]
    flags = {
        "same-number-declared-twice": twice,
        "unknown-scope": not scope or out_of_plan(scope, known.services),
        "waiting-reversed": told.doubtful,
        "waiting-overlaps": any(a[1] > b[0] for a, b in pairwise(sorted(told.waited))),
    }
    later = tuple(f"later-than-as-of: {moment}" for moment in told.later)
    return Ticket(
        id=declared.id,
        number=declared.number or "",
        severity=declared.severity,
        scope=scope,
        opened=declared.opened,
        complete=declared.complete,
        first_answer=declared.first_answer,
        solved=declared.solved,
        waiting=declared.waiting,
        commitments=tuple(
            _judged(told, commitment, concerned, known)
            for commitment in known.contract.commitments
            if commitment.measure in _COURSES
        ),
        flags=tuple(flag for flag, raised in flags.items() if raised) + later,
    )


class _Told:
    """A ticket as known at an instant: what it dates later has not happened."""

    def __init__(self, declared: Declaration, as_of: Instant) -> None:
        self.as_of, self.severity = as_of, declared.severity
        said: dict[Moment, Instant | None] = {moment: getattr(declared, moment) for moment in _MOMENTS}
        self.later = [moment for moment, at in said.items() if at is not None and at > as_of]
        self.at = {moment: None if moment in self.later else at for moment, at in said.items()}
        self.waited = [Span(*span) for span in declared.waiting if span[0] < span[1]]
        self.waiting = spans(self.waited)
        # One that ends before it starts may have been meant the other way round.
        self.doubtful = spans((end, start) for start, end in declared.waiting if end < start)

    def disorder(self, *orders: tuple[Moment, Moment]) -> tuple[str, ...]:
        """Which of these moments come in the wrong order, as flags."""
        found = ((self.at[early], self.at[late], early, late) for early, late in orders)
        return tuple(
            f"out-of-order: {late} before {early}"
            for a, b, early, late in found
            if a is not None and b is not None and b < a
        )


# ------------------------------------------------------------------------------------------ what is measured


class _Course(NamedTuple):
    """From when to when something took, as far as the ticket tells."""

    start: Instant | None
    """By A7; None where it has not begun."""
    earliest: Instant | None
    latest: Instant | None
    """Between these it began, by any reading."""
    end: Instant | None
    """None while it goes on, or where the ticket does not tell."""
    over: Instant | None
    """By when it was over at the latest; None while it goes on."""
    flags: tuple[str, ...]
    waiting: Spans = NOTHING
    doubtful: Spans = NOTHING


def _response(told: _Told) -> _Course:
    # SLA9 (GTI): from the opening to the first answer; nothing comes off for the customer's own answers.
    opened, complete, answered, solved = (told.at[moment] for moment in _MOMENTS)
    flags = {
        "never-complete": complete is None,
        "completed-later": complete is not None and opened is not None and complete > opened,
        "first-answer-unknown": answered is None and solved is not None,
    }
    disorder = told.disorder(("opened", "complete"), ("opened", "first_answer"), ("first_answer", "solved"))
    raised = tuple(flag for flag, is_so in flags.items() if is_so)
    return _Course(
        start=opened,
        earliest=opened,
        latest=complete,
        end=answered,
        # Whoever solves it has answered.
        over=solved if answered is None else answered,
        flags=raised + disorder,
    )


def _restoration(told: _Told) -> _Course:
    # SLA9 (GTR): from the opening with all information to the solution, less the customer's time to answer.
    opened, complete, _, solved = (told.at[moment] for moment in _MOMENTS)
    disorder = told.disorder(("opened", "complete"), ("opened", "solved"), ("complete", "solved"))
    return _Course(
        start=complete,
        earliest=opened if complete is None else complete,
        latest=complete,
        end=solved,
        over=solved,
        waiting=told.waiting,
        doubtful=told.doubtful,
        flags=(*(("never-complete",) if complete is None else ()), *disorder),
    )


_COURSES: Mapping[str, Callable[[_Told], _Course]] = {"response": _response, "restoration": _restoration}


# ---------------------------------------------------------------------------------------- against the limits


def _judged(told: _Told, commitment: Commitment, concerned: Sequence[Service], known: Known) -> SupportTime:
    course = _COURSES[commitment.measure](told)
    if any(flag.startswith("out-of-order") for flag in course.flags):
        course = course._replace(start=None, earliest=None, latest=None)  # of which nothing is to be made
    limit = next((one for one in commitment.limits if one.severity == told.severity), None)
    count = _Count(limit, known)
    until = told.as_of if course.over is None else course.end
    counted = count.left(course.start, until, course.waiting)
    least = count.lasting(course.latest, until, union(course.waiting, course.doubtful)) or 0
    most = count.lasting(course.earliest, course.over, course.waiting)
    return SupportTime(
        commitment=commitment.id,
        clause=commitment.clause,
        limit=None if limit is None else limit.limit,
        business_hours=limit is not None and limit.business_hours,
        elapsed=None if counted is None else duration(counted),
        counted=counted or NOTHING,
        waited=duration(count.part(course.start, until, course.waiting)),
        least=least,
        most=most,
        finding=_finding(limit, least, most),
        flags=(
            *(("severity-without-limit",) if limit is None else ()),
            *course.flags,
            *_against(told, commitment, concerned, known.eligibility),
        ),
    )


class _Count:
    """Counts time as a limit does: all of it, or business hours alone."""

    def __init__(self, limit: Limit | None, known: Known) -> None:
        self._business = known.contract.business if limit is not None and limit.business_hours else None
        self._calendar = known.calendar

    def part(self, start: Instant | None, end: Instant | None, of: Spans | None = None) -> Spans:
        """What counts between two instants, or of some spans there."""
        if start is None or end is None:
            return NOTHING
        span, hours = Span(start, end), self._business
        found = within((span,) if of is None else of, span)
        if hours is None:
            return found
        return self._calendar.business_hours(
            found,
            opens_minute=hours.opens_minute,
            closes_minute=hours.closes_minute,
            weekdays=frozenset(hours.weekdays),
        )

    def left(self, start: Instant | None, end: Instant | None, without: Spans) -> Spans | None:
        """What counts between two instants without some spans; None where one of them is missing.

        Nothing does of what ended before it began.
        """
        if start is None or end is None:
            return None
        return difference(self.part(start, end), without)

    def lasting(self, start: Instant | None, end: Instant | None, without: Spans) -> Duration | None:
        """How long that is."""
        found = self.left(start, end, without)
        return None if found is None else duration(found)


def _finding(limit: Limit | None, least: Duration, most: Duration | None) -> Finding:
    if limit is None:
        return "OPEN"
    if least > limit.limit:
        return "MISSED"
    return "MET" if most is not None and most <= limit.limit else "OPEN"


def _against(
    told: _Told, commitment: Commitment, concerned: Sequence[Service], eligibility: Eligibility
) -> tuple[str, ...]:
    # D4; SLA9 asks for proof that equal resources ran in every zone: of a scope nobody knows there is none.
    opened, solved = told.at["opened"], told.at["solved"]
    end = told.as_of if solved is None else solved
    span = Span(end if opened is None else opened, end)
    return eligibility.against(commitment, concerned, {s.account for s in concerned}, span)
