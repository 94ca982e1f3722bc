"""Promises that are no share of time: latency by samples, durability by objects, support by tickets."""

from calendar import day_name
from collections.abc import Iterator, Mapping

from collector.core.contract import Business
from collector.core.durability import DurabilityFigure, Place
from collector.core.latency import LatencyFigure
from collector.core.support import SupportTime, Ticket
from collector.core.timeline import Duration
from exporters.documents import show
from exporters.documents.finding import FLAGS, WORD, flagged
from exporters.documents.ledger import line_of
from exporters.documents.page import Page
from exporters.documents.words import SHOWN, Context, clause, count, fraction, long

_MEANS: Mapping[str, str] = {
    **FLAGS,
    "never-written": "it was missed, and nothing tells that it was ever there: it is counted nowhere",
    "same-number-declared-twice": "another ticket that stands has the same number",
    "unknown-scope": "it is about nothing, or about something that no plan has",
    "waiting-reversed": "a wait ends before it starts: it comes off the least that it took, and nothing else",
    "waiting-overlaps": "waits overlap: what they share is taken off once",
    "later-than-as-of": "it is dated after the instant of this account, and has not happened by then",
    "out-of-order": "one of the two is wrong, so nothing is made of them",
    "never-complete": "nothing tells when it had all required information, from when the clause counts",
    "completed-later": "it was complete only after its opening; the clause may be read to count from then",
    "first-answer-unknown": "it was solved, and nothing tells when support first answered",
    "severity-without-limit": "the contract has no limit for this severity",
}
"""What the flags of objects and tickets mean."""


def explain(page: Page, one: LatencyFigure | DurabilityFigure, context: Context) -> None:
    """One of them, whichever it is."""
    if isinstance(one, LatencyFigure):
        latency(page, one, context)
    else:
        durability(page, one, context)


def brief(one: LatencyFigure | DurabilityFigure) -> str:
    """One that is met, in a line."""
    what = f"{one.commitment} of {one.service}"
    if isinstance(one, LatencyFigure):
        return f"{what}: none of {show.grouped(one.within + one.undecided)} samples over {long(one.limit)}"
    return f"{one.finding}  {what}: {show.grouped(one.kept)} of {show.grouped(one.written)} objects kept"


def latency(page: Page, one: LatencyFigure, context: Context) -> None:
    """A5: how many samples were over the limit, within it, or cannot be told."""
    commitment = context.contract.commitment(one.commitment)
    page.title(f"{one.commitment} of {one.service}", "" if not one.over else f"{one.over} over")
    page.gap()
    page.fact("promised", f"at most {long(one.limit)} at each measurement, {clause(commitment.clause)}")
    page.fact("window", context.span(one.span))
    total = one.over + one.within + one.undecided
    page.fact("measured", f"{count(total, 'sample', 'samples')} with an answer")
    page.fact("within", f"{show.grouped(one.within)}: even with the error of the measurement added")
    page.fact("over", f"{show.grouped(one.over)}: even with that error taken off", "bad" if one.over else "")
    page.fact("undecided", f"{show.grouped(one.undecided)}: the limit lies within the error")
    if one.share_within is not None:
        page.fact("share within", f"{show.digits(one.share_within)} = {fraction(one.share_within)}")
    for name, value in dict(one.quantiles).items():
        if value is not None:
            page.fact("quantile", f"{name}: {long(value)}")
    if one.excursions:
        page.gap()
        runs = count(len(one.excursions), "excursion", "excursions")
        page.say(f"{runs}, runs of samples that are over; the first:")
    for e in one.excursions[:SHOWN]:
        span, samples = f"{context.at(e.start)} to {context.at(e.end)}", count(e.samples, "sample", "samples")
        page.say(f"{e.probe}: {span}, {samples}, highest {long(e.highest)}", 5, hang=2)
    page.gap()
    page.say("No credit formula exists for latency: a breach is recorded and may be reserved.")


def durability(page: Page, one: DurabilityFigure, context: Context) -> None:
    """A6: objects kept of objects written and read back, and the lost with their lines."""
    commitment = context.contract.commitment(one.commitment)
    page.title(f"{one.commitment} of {one.service}", one.finding, WORD[one.finding])
    page.gap()
    page.fact("promised", f"{show.promise(one.target)} of objects, {clause(commitment.clause)}")
    page.fact("window", context.span(one.window.span))
    read = f"{show.grouped(one.read_back)} of them read back since"
    page.fact("written", f"{count(one.written, 'object', 'objects')}, {read}")
    page.fact("kept", f"{show.grouped(one.kept)}")
    if one.share is not None:
        page.fact("share", f"{show.digits(one.share, 10)} = {fraction(one.share)}")
    for lost in one.lost:
        page.say(f"lost: {lost.name}", 5, "bad")
        told = {"last intact": lost.intact, "first missed": lost.lost, "last missed": lost.still}
        for word, place in told.items():
            page.fact(word, _place(place, context), indent=7)
    flagged(page, one.flags, _MEANS)
    page.gap()
    page.say("No statistics are claimed: these are the objects that were written in order to be read back.")


def _place(place: Place | None, context: Context) -> str:
    return "never" if place is None else f"{context.at(place.at)}, line {place.line}"


# -------------------------------------------------------------------------------------------------- support

_COUNTED: Mapping[str, str] = {
    "response": "from opened to the first answer, or so far",
    "restoration": "from complete to solved, or so far; less what waited for us",
}
"""By rule A7, for each measure."""


def brief_ticket(one: Ticket) -> Iterator[str]:
    """One on which all was met, in a line for each promise."""
    for owed in one.commitments:
        took, limit = _worked(owed.elapsed, owed), _worked(owed.limit, owed)
        yield f"{owed.finding}  {owed.commitment} of ticket {one.number}: {took}, at most {limit}"


def ticket(page: Page, one: Ticket, context: Context) -> None:
    """A7: how long support took, against each limit."""
    found = {owed.finding for owed in one.commitments}
    page.title(f"Ticket {one.number} ({one.id})", *next((of for of in WORD.items() if of[0] in found), ()))
    page.gap()
    _declared(page, one, context)
    page.fact("about", ", ".join(one.scope) or "nothing that a plan names")
    page.fact("severity", "not stated" if one.severity is None else str(one.severity))
    times: Mapping[str, int | None] = {
        "opened": one.opened,
        "complete": one.complete,
        "first answer": one.first_answer,
        "solved": one.solved,
    }
    for word, at in times.items():
        page.fact(word, "not yet" if at is None else context.at(at))
    for start, end in one.waiting:
        page.fact("waited for us", f"{context.at(start)} to {context.at(end)}")
    flagged(page, one.flags, _MEANS)
    for owed in one.commitments:
        _owed(page, owed, context)


def _declared(page: Page, one: Ticket, context: Context) -> None:
    """By which declaration, and what that corrects."""
    word, said = "declared", context.declarations.get(one.id)
    while said is not None and said.kind == "ticket":
        page.fact(word, f"{said.id} by {said.by}{line_of(said.id, context)}")
        word, said = "corrects", context.declarations.get(said.supersedes or "")


def _owed(page: Page, owed: SupportTime, context: Context) -> None:
    """From the limit to the finding."""
    page.gap()
    page.say(f"{owed.commitment}, {clause(owed.clause)}: {owed.finding}", style=WORD[owed.finding])
    page.fact("limit", _worked(owed.limit, owed, "none for this severity"), indent=5)
    page.fact("counted", _COUNTED[context.contract.commitment(owed.commitment).measure], indent=5)
    if owed.business_hours:
        page.fact("hours", _hours(context.contract.business), indent=5)
    page.fact("took", _worked(owed.elapsed, owed, "the ticket does not say enough"), indent=5)
    for told in context.between(owed.counted):
        page.fact("", told, indent=5)
    if owed.waited:
        page.fact("waited", f"{_worked(owed.waited, owed)} for us, not in it", indent=5)
    most = _worked(owed.most, owed, "not over yet")
    page.fact("bounds", f"at least {_worked(owed.least, owed)}, at most {most}", indent=5)
    flagged(page, owed.flags, _MEANS, indent=5)


def _hours(business: Business) -> str:
    opens, closes = (f"{m // 60:02}:{m % 60:02}" for m in (business.opens_minute, business.closes_minute))
    days = ", ".join(day_name[number - 1] for number in sorted(business.weekdays))
    return f"{opens} to {closes}, {days}, but no public holidays ({clause(business.clause)})"


def _worked(length: Duration | None, of: SupportTime, unknown: str = "") -> str:
    return unknown if length is None else show.worked(length, business=of.business_hours)
