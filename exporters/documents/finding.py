"""The share that was kept against the target, multiplied out, and the finding with all that it depends on."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from collector.core.attainment import Attainment, Finding
from collector.core.timeline import Duration, within
from exporters.documents import show
from exporters.documents.page import RULE, Page, Row, Style
from exporters.documents.words import Context, clause, fraction, long

WORD: Mapping[Finding, Style] = {"MISSED": "bad", "MET": "good", "OPEN": "unsure"}
FLAGS: Mapping[str, str] = {
    "unwitnessed": "a vantage point without control probes looked at it, where a fault of our own would look "
    "like downtime (S6)",
    "clock-untrusted": "our wall clock was not known to be right within its tolerance for some of the "
    "window: lengths stand, positions may be off (T4)",
    "lines-missing": "lines of the journal are missing in the window; their time is UNKNOWN, and a plan may "
    "have been among them",
    "beta": "the service was in beta for some of the window, where no commitment holds",
    "not-all-zones": "no declaration shows that the customer was deployed in every zone of the region all "
    "through the window, which this commitment asks for",
    "arrears": "the account was in arrears in the window or since: no credit is due then",
    "contract-not-in-force": "this version of the contract was not in force for all of the window",
}
"""What the flags of an attainment mean."""


# --------------------------------------------------------------------------- 4, the ratio and the comparison


def compared(page: Page, one: Attainment) -> None:
    """The division for the best and for the worst, and each against the target."""
    page.heading("4  The share that was kept, against the target")
    if one.net.best is None or one.net.worst is None:
        page.say("No time is agreed, so there is nothing to divide by.")
        return
    lost = one.net.amount
    doubt = int(one.agreed * (1 - one.net.worst)) - lost
    page.say("Best: every doubt decided for the provider. Only net downtime counts as lost.")
    _division(page, one, lost)
    page.gap()
    page.say(
        "Worst: every doubt decided for the customer. EDGE that nothing took off and UNKNOWN are lost too."
    )
    page.sums(
        [
            Row("", "net downtime", lost),
            Row("+", "EDGE that is left", doubt - one.unknown),
            Row("+", "UNKNOWN", one.unknown),
            RULE,
            Row("=", "lost at most", lost + doubt),
        ]
    )
    _division(page, one, lost + doubt)
    page.gap()
    _budget(page, one, lost, lost + doubt)


def _division(page: Page, one: Attainment, lost: Duration) -> None:
    kept, whole, target = one.agreed - lost, one.agreed, one.target
    left, right = kept * target.denominator, target.numerator * whole
    page.say(
        f"({show.grouped(whole)} - {show.grouped(lost)}) / {show.grouped(whole)} = "
        f"{show.grouped(kept)} / {show.grouped(whole)} = {show.digits(Fraction(kept, whole))}",
        5, hang=2,
    )  # fmt: skip
    page.say(f"against {fraction(target)}, multiplied crosswise:", 5)
    rows = [
        (f"{show.grouped(kept)} × {show.grouped(target.denominator)}", show.grouped(left)),
        (f"{show.grouped(target.numerator)} × {show.grouped(whole)}", show.grouped(right)),
    ]
    one_, two = (max(len(row[k]) for row in rows) for k in (0, 1))
    for product, result in rows:
        page.say(f"{product:>{one_}} = {result:>{two}}".replace(" ", show.SPACE), 7)
    said = (
        "the first is smaller: below the target"
        if left < right
        else "the first is not smaller: the target is reached"
    )
    page.say(said, 7)


def _budget(page: Page, one: Attainment, least: Duration, most: Duration) -> None:
    allowed = one.agreed * (1 - one.target)
    whole = allowed.numerator // allowed.denominator
    rest = allowed - whole
    exact = f" and {fraction(rest)} µs" if rest else ""
    page.fact("allowed", f"{long(whole)}{exact} of downtime: the window × (1 - {fraction(one.target)})")
    page.fact("used", f"at least {long(least)}, at most {long(most)}")
    if least > allowed:
        page.fact("over", f"at least {long(least - whole)}{f' less {fraction(rest)} µs' if rest else ''}")
    elif most <= allowed:
        page.fact("unused", f"at least {long(whole - most)}{exact}")


# -------------------------------------------------------------------------------------------- 5, the finding


def found(page: Page, one: Attainment, context: Context) -> None:
    """The finding, its flags, and the readings that it may rest on."""
    page.heading("5  The finding")
    page.say(f"{one.finding}: {_BECAUSE[one.finding]}", style=WORD[one.finding])
    page.fact("observed", _bounds(one.observed.worst, one.observed.best) + ", before anything is taken off")
    page.fact("net", _bounds(one.net.worst, one.net.best) + f": {one.finding}")
    page.fact(
        "claimable",
        _bounds(one.claimable.worst, one.claimable.best)
        + f", of what is reserved: {one.claim_finding} for a claim",
    )
    seen = "none" if one.coverage is None else show.digits(one.coverage)
    page.fact("coverage", f"{seen} of the time somebody was able to look")
    if one.flags:
        page.gap()
        page.say("To be known before this is used:")
        for flag in one.flags:
            page.say(f"{flag}: {FLAGS.get(flag, 'stands against claiming it (D4)')}", 5, hang=2)
    page.gap()
    page.say("Readings in force that this figure may rest on:")
    for told in _readings(one, context):
        page.say(told, 5, hang=2)


_BECAUSE: Mapping[Finding, str] = {
    "MISSED": "even the best is below the target.",
    "MET": "even the worst reaches the target.",
    "OPEN": "the best reaches the target and the worst does not. Reserve, and do not claim on it.",
}


def _bounds(worst: Fraction | None, best: Fraction | None) -> str:
    if worst is None or best is None:
        return "no time agreed"
    low, high = show.digits(worst), show.digits(best)
    return low if worst == best else f"{low} to {high}"


def _readings(one: Attainment, context: Context) -> Iterator[str]:
    """Those that could move this figure, and how they are read here."""
    chosen = context.account.readings
    for reading in context.contract.readings:
        if not _matters(reading.id, one, context):
            continue
        choice = chosen[reading.id]
        says = {reading.safe: reading.says_safe, reading.arguable: reading.says_arguable}.get(choice, "")
        kind = {reading.safe: "safe", reading.arguable: "arguable"}.get(choice, "of its own")
        yield f"{reading.id} = {choice} ({kind}; {clause(reading.clause)}): {says}"


def _matters(reading: str, one: Attainment, context: Context) -> bool:
    concerned = [d for d in context.account.deductions if d.concerns(context.rules(one.service))]
    here = {d.kind for d in concerned if within(d.spans, one.window.span)}
    match reading:
        case "excluded-time":
            return bool(here)
        case "overrun" | "clear-days":
            return "planned-maintenance" in here
        case "notice-time":
            return "planned-maintenance" in here or one.claimable.amount > 0
        case "grace-kind" | "grace-scope" | "grace-unit":
            grace = context.contract.grace
            headed = grace is not None and one.commitment in grace.heads
            return headed or (grace is not None and context.rules(one.service).via == "internet")
        case "reservation-clock" | "platform-throttle" | "ticket":
            return one.down + one.edge > 0
        case _:
            return False
