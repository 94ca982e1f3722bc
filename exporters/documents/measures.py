"""Promises that are no share of time: latency by samples, durability by objects, support by tickets."""

from collections.abc import Mapping

from collector.core.durability import DurabilityFigure, Place
from collector.core.latency import LatencyFigure
from collector.core.support import SupportTime, Ticket
from collector.core.timeline import Duration
from exporters.documents import show
from exporters.documents.finding import WORD
from exporters.documents.page import Page
from exporters.documents.words import SHOWN, Context, clause, count, fraction, long


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
    page.gap()
    page.say("No statistics are claimed: these are the objects that were written in order to be read back.")


def _place(place: Place | None, context: Context) -> str:
    return "never" if place is None else f"{context.at(place.at)}, line {place.line}"


def ticket(page: Page, one: Ticket, context: Context) -> None:
    """A7: how long support took, against each limit."""
    page.title(f"Ticket {one.number} ({one.id})")
    page.gap()
    if one.id in context.cited:
        page.fact("declared", context.cited[one.id])
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
    for owed in one.commitments:
        page.gap()
        page.say(f"{owed.commitment}, {clause(owed.clause)}: {owed.finding}", style=WORD[owed.finding])
        page.fact("limit", _worked(owed.limit, owed, "none for this severity"), indent=5)
        page.fact("took", _worked(owed.elapsed, owed, "the ticket does not say enough"), indent=5)
        page.fact("waited", f"{_worked(owed.waited, owed)} for us, not in it", indent=5)
        most = _worked(owed.most, owed, "not over yet")
        page.fact("bounds", f"at least {_worked(owed.least, owed)}, at most {most}", indent=5)
        if owed.flags:
            page.fact("flags", ", ".join(owed.flags), indent=5)


def _worked(length: Duration | None, of: SupportTime, unknown: str = "") -> str:
    return unknown if length is None else show.worked(length, business=of.business_hours)
