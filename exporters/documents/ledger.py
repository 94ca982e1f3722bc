"""An attainment as a person would check it: promise, states, ledger, division, comparison, finding."""

from collections.abc import Iterator, Mapping, Sequence

from collector.core.account import Account
from collector.core.attainment import Attainment, Line
from collector.core.contract import Commitment
from collector.core.deduction import Deduction, concerned, taken_from
from collector.core.mail import theirs
from collector.core.outage import Outage
from collector.core.record import DEDUCTION_KINDS, AtLeast, Declaration, Service
from collector.core.timeline import (
    difference,
    duration,
    intersection,
    within,
)
from exporters.documents import blindness, finding, show, uncounted
from exporters.documents.page import RULE, Page, Row
from exporters.documents.words import Context, clause, count, fraction, long

BEFORE_NET = (*DEDUCTION_KINDS, "not-countable", "grace")
"""Lines of the ledger between raw and net downtime; the rest lead on to what may be claimed."""


def explain(page: Page, one: Attainment, context: Context) -> None:
    """One attainment, from the promise to the finding."""
    word = context.judged(one)[1]
    page.title(f"{one.commitment} of {one.service}", word, finding.WORD[word])
    page.gap()
    page.say(_summary(one, context), 0)
    _promise(page, one, context)
    _measured(page, one, context)
    _ledger(page, one, context)
    finding.compared(page, one, context)
    finding.found(page, one, context)


def brief(one: Attainment, context: Context) -> str:
    """An attainment that is met, in a line."""
    worst = "no time agreed" if one.net.worst is None else f"at least {show.digits(one.net.worst)} kept"
    start, end = (context.at(edge) for edge in one.window.span)
    return (
        f"{one.finding}  {one.commitment} of {one.service}: {worst}, {show.promise(one.target)} promised, "
        f"{start} to {end}"
    )


def _summary(one: Attainment, context: Context) -> str:
    figure, word = context.judged(one)
    if figure.best is None or figure.worst is None:
        return "Nothing of the window is left to judge: all of it is excluded. No finding can be made."
    promised, best, worst = show.promise(one.target), show.digits(figure.best), show.digits(figure.worst)
    says = {
        "MISSED": f"Even with every doubt decided for the provider, no more than {best} was kept.",
        "MET": f"Even with every doubt decided for the customer, {worst} was kept.",
        "OPEN": f"Between {worst} and {best} was kept: the rest is time when the service may have been down, "
        "or nobody was able to look.",
    }
    return f"{promised} was promised. {says[word]}"


# -------------------------------------------------------------------------------------------- 1, the promise


def _promise(page: Page, one: Attainment, context: Context) -> None:
    contract, rules = context.contract, context.rules(one.service)
    commitment = contract.commitment(one.commitment)
    start, end = one.window.span
    length = one.window.span.length
    page.heading("1  What was promised")
    page.fact("commitment", f"{one.commitment}, {clause(commitment.clause)} of {contract.provider}'s terms")
    page.fact("contract", f"{contract.id}, version {contract.version}")
    page.fact(
        "target",
        f"{show.promise(one.target)}, exactly {fraction(one.target)} of the time{_own(one, commitment)}",
    )
    page.fact("service", f"{one.service}, account {rules.account}, region {rules.region}")
    page.fact("window", _WINDOW[one.window.kind])
    page.fact("from", f"{context.at(start)} = {show.grouped(start)} µs since 1970 UTC")
    page.fact("to", f"{context.at(end)} = {show.grouped(end)} µs, itself not in it")
    page.fact("length", f"{long(length)}, exactly {show.grouped(length)} µs (days of 24 hours)")
    page.fact("as of", f"{context.at(context.account.as_of)}: nothing that was learnt later is in here")


_WINDOW: Mapping[str, str] = {
    "trailing": "the commitment's length, ending at the instant of this account",
    "calendar": "the calendar month or year",
    "worst": "the worst position of the sliding window",
    "given": "as asked for",
}


def _own(one: Attainment, commitment: Commitment) -> str:
    if commitment.target is None or one.target == commitment.target:
        return ""
    return f" (by special conditions; the terms say {show.promise(commitment.target)})"


# -------------------------------------------------------------------------------------- 2, what was measured


def _measured(page: Page, one: Attainment, context: Context) -> None:
    window = one.window.span
    page.heading("2  What was measured")
    before = ""
    for label, text in _looked(one.service, context):
        page.fact("" if label == before else label, text)
        before = label
    page.gap()
    rows = [
        Row("", "UP: answered", one.up),
        Row("+", "DOWN: failed, for certain", one.down),
        Row("+", "EDGE: may have been down", one.edge),
        *finding.unknown_rows("UNKNOWN: nobody looked, or nobody could", one, context),
        RULE,
        Row("=", "agreed time" if one.excluded else "the window", one.up + one.down + one.edge + one.unknown),
    ]
    assert rows[-1].amount == one.agreed
    page.sums(rows)
    if one.excluded:
        page.gap()
        page.say("Time that has left the period (reading excluded-time):")
        page.sums(
            [
                Row("", "the window", window.length),
                *(Row("-", line.kind, line.amount, _names(line)) for line in one.excluded),
                RULE,
                Row("=", "agreed time", one.agreed),
            ]
        )
    _unknown(page, one, context)


def _unknown(page: Page, one: Attainment, context: Context) -> None:
    """When nobody could look, and what the journal has of that time."""
    unknown = blindness.unknown(one, context.account)
    if not unknown:
        return
    page.gap()
    page.say(f"UNKNOWN is {count(len(unknown), 'stretch', 'stretches')}; the longest, and their lines:")
    for span in blindness.longest(one, context.account):
        told = context.silences.get((one.service, span))
        page.say(f"{context.span(span)}{f' ({told})' if told else ''}", 5, hang=2)


def _names(line: Line) -> Sequence[str]:
    return (f"declared in {', '.join(line.because)}",) if line.because else ()


def _looked(service: str, context: Context) -> Iterator[tuple[str, str]]:
    """Who looked, how often, by which rule, and the one assumption, which every report prints (S3)."""
    for watcher in dict.fromkeys(w for _, watch in context.account.watched[service] for w in watch.probes):
        asked = context.asked.get((watcher.origin, watcher.probe))
        if asked is not None:
            yield (
                "looked at by",
                f"{watcher.probe} from {watcher.vantage}: {asked.target} ({asked.kind}), every "
                f"{long(asked.interval)}, after a failure every {long(asked.burst)}; two failures at most "
                f"{long(asked.persistence)} apart are DOWN",
            )
    yield "DOWN when", _down_when(context.rules(service))
    yield (
        "assumed",
        "that what failed twice so close together was down in between (S3). Nothing else is: where no "
        "control of a vantage point answered, what failed there is UNKNOWN (S6).",
    )


def _down_when(rules: Service) -> str:
    least = "two vantage points, or the only one,"
    if rules.witnesses is not None:
        least = count(rules.witnesses, "vantage point", "vantage points")
    match rules.down_when:
        case "all":
            which = "all of its probes that can tell are"
        case "any":
            which = "any of its probes is"
        case AtLeast(at_least=number):
            which = f"at least {number} of its probes are"
    return f"{which} DOWN, seen from {least} at the same time (V1, V2)"


# --------------------------------------------------------------------------------------------- 3, the ledger


def _ledger(page: Page, one: Attainment, context: Context) -> None:
    page.heading("3  The ledger: from downtime to what counts")
    rows = [Row("", "raw downtime: DOWN, from 2", one.down)]
    left = one.down
    for line in (line for line in one.ledger if line.kind in BEFORE_NET):
        left -= line.amount
        rows.append(Row("-", _label(line, context), line.amount, tuple(_why(line, one, context))))
        rows.append(Row("=", "left", left))
    if len(rows) > 1:
        rows.pop()
    else:
        rows.append(Row("-", "nothing is taken off", 0))
    assert left == one.net.amount
    rows += (RULE, Row("=", "net downtime: what counts", left))
    for line in (line for line in one.ledger if line.kind not in BEFORE_NET):
        left -= line.amount
        rows.append(Row("-", _label(line, context), line.amount, tuple(_why(line, one, context))))
    assert left == one.claimable.amount
    rows += (RULE, Row("=", "claimable downtime", left))
    page.sums(rows)
    _idle(page, one, context)


def _label(line: Line, context: Context) -> str:
    rules = {rule.kind: rule.clause for rule in context.contract.deductions}
    contract = context.contract
    if contract.grace is not None:
        rules["grace"] = contract.grace.clause
    rules["not-countable"] = contract.countable.clause
    said = {
        "not-countable": "outages shorter than count",
        "grace": "grace of network incidents",
        "unreserved": "not claimable",
    }.get(line.kind, line.kind)
    return f"{said} ({clause(rules[line.kind])})" if rules.get(line.kind) else said


def _why(line: Line, one: Attainment, context: Context) -> Iterator[str]:
    """What each line of the ledger rests on."""
    contract = context.contract
    if line.kind == "grace":
        for each in one.graces:
            yield f"{long(each.amount)} in incident {', '.join(each.because)}"
    elif line.kind == "unreserved":
        yield from _uncounted(one, context)
    elif line.kind == "not-countable":
        yield f"shorter than {long(contract.countable.minimum)}: {', '.join(line.because)}"
    else:
        yield from _taking(line, one, context)


def _uncounted(one: Attainment, context: Context) -> Iterator[str]:
    """Why some of net downtime may not be claimed: each reason that there is, and of how much."""
    term = context.contract.deadlines.reservation
    within = "" if term is None else f"within {term.within} {term.unit}"
    clauses = {place: clause(text) for place, text in uncounted.places(context.contract).items()}
    found = uncounted.reasons(one, context.account, context.settlement, claimed=context.claimed)
    for reason, parts in found.items():
        why = uncounted.SAYS[reason].format(within=within, **clauses)
        single = len(parts) == 1
        when = context.span(parts[0]) if single else f"{long(duration(parts))} in {len(parts)} stretches"
        yield f"{when}: {why}"
    if uncounted.several(found):
        yield uncounted.SAYS["several"]


def _taking(line: Line, one: Attainment, context: Context) -> Iterator[str]:
    """The declarations behind a line, each with what lies in it."""
    account = context.account
    down = within(account.states[one.service].down, one.window.span)
    outages = account.runs[one.service].outages
    said = {(d.id, d.standing): d for d in account.deductions}
    for taking in taken_from(account.watched[one.service], outages, account.deductions, account.readings):
        taken = duration(intersection(line.spans, taking.spans))
        if taking.id not in line.because or not taken:
            continue
        announced = said[taking.id, taking.standing]
        yield from declared(announced, context)
        over = duration(intersection(down, taking.spans))
        rest = "" if taken == over else f", {long(over - taken)} of which another line has taken"
        yield f"{long(over)} of raw downtime lies in it{rest}"
        longer = duration(intersection(line.spans, difference(taking.spans, announced.spans)))
        if longer:
            yield (
                f"{long(longer)} of that is later than announced: the downtime ran on, and is excluded until "
                f"it ends (reading overrun = {account.readings['overrun']})"
            )


def declared(one: Deduction, context: Context) -> Iterator[str]:
    """A deduction: who says it, on which document, since when, and where it stands."""
    known = context.declarations.get(one.id)
    yield f"{one.id}: {one.standing}, declared by {one.by}{line_of(one.id, context)}"
    for told in context.between(one.spans):
        yield f"over {told}"
    if one.sent is not None or one.received is not None:
        times = [("sent", one.sent), ("received", one.received)]
        yield "notice " + ", ".join(f"{word} {context.at(at)}" for word, at in times if at is not None)
    if known is not None and one.kind == "planned-maintenance" and one.takes:
        yield from _in_time(one, known, context)
    yield f"document {one.document}" if one.document else "no document is attached"
    if one.why:
        yield f"reason: {one.why}"


def line_of(id: str, context: Context) -> str:
    """Where a declaration stands in the journal, in brackets, if that was looked up."""
    return f" ({context.cited[id]})" if id in context.cited else ""


def _in_time(one: Deduction, known: Declaration, context: Context) -> Iterator[str]:
    # D2, as a calendar on the wall would show it.
    rule = next((r for r in context.contract.deductions if r.kind == one.kind), None)
    notice = theirs(known, context.account.readings)
    if rule is None or rule.notice_clear_days is None or notice is None or not one.spans:
        return
    calendar, days = context.calendar, rule.notice_clear_days
    starts = calendar.date_of(one.spans[0].start)
    extended = context.account.readings["clear-days"] == "extended"
    latest = calendar.latest_notice(starts, days, "extended" if extended else "strict")
    yield (
        f"announced on {calendar.date_of(notice)} for {starts}: {days} clear days ahead means by {latest}, "
        "so in time"
    )


def _idle(page: Page, one: Attainment, context: Context) -> None:
    """Declared for this service and window, and taking nothing: each with the reason."""
    watched = context.account.watched[one.service]
    outages = context.account.runs[one.service].outages
    taking = taken_from(watched, outages, context.account.deductions, context.account.readings)
    lines = (*one.ledger, *one.excluded)
    took = {
        t.id for t in taking for line in lines if t.id in line.because and intersection(line.spans, t.spans)
    }
    idle = [
        d
        for d in context.account.deductions
        if within(intersection(d.spans, concerned(d.scope, watched)), one.window.span)
        and not (d.takes and d.id in took)
    ]
    if not idle:
        return
    page.gap()
    page.say("Declared too, and takes nothing off:")
    for deduction in idle:
        page.say(f"{deduction.kind} ({clause(deduction.clause)})" if deduction.clause else deduction.kind, 5)
        for note in declared(deduction, context):
            page.say(note, 7, "quiet", hang=2)
        page.say(idle_because(deduction), 7, "quiet", hang=2)


def idle_because(one: Deduction) -> str:
    """Why a deduction that takes nothing does so."""
    match one.standing:
        case "refused":
            return "refused, so it takes nothing"
        case "proposed":
            return "only proposed: until somebody accepts it, it takes nothing"
        case "disputed" if not one.takes:
            return "disputed, and by the reading in force (disputed) it takes nothing until it is proved"
        case _:
            return "no downtime that is left lies in it, so it takes nothing"


def outages_in(one: Attainment, account: Account) -> Sequence[Outage]:
    """The outages that lie in its window, or reach into it."""
    return [o for o in account.runs[one.service].outages if within(o.possible, one.window.span)]
