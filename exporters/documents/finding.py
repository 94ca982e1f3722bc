"""The share that was kept against the target, multiplied out, and the finding with all that it depends on."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from collector.core.attainment import Attainment, Finding
from collector.core.effect import Effect
from collector.core.timeline import Duration
from exporters.documents import blindness, show
from exporters.documents.page import INDENT, RULE, Page, Row, Style
from exporters.documents.words import Context, clause, count, fraction, long

WORD: Mapping[Finding, Style] = {"MISSED": "bad", "OPEN": "unsure", "MET": "good"}
"""How each finding is shown, the worst first."""
FLAGS: Mapping[str, str] = {
    "unwitnessed": "a vantage point without control probes looked at it, where a fault of our own would look "
    "like downtime (S6)",
    "clock-untrusted": "our wall clock was not known to be right within its tolerance for some of the "
    "window: lengths stand, positions may be off (T4)",
    "lines-missing": "lines of the journal are missing in the window; their time is UNKNOWN, and a plan may "
    "have been among them",
    "rules-differ": "for a while, two vantage points had different rules for the service, as when a new plan "
    "comes to one after the other; the newest counted",
    "beta": "the service was in beta for some of the window, where no commitment holds",
    "not-all-zones": "no declaration shows that the customer was deployed in every zone of the region all "
    "through the window, which this commitment asks for",
    "arrears": "the account was in arrears in the window or since: no credit is due then",
    "contract-not-in-force": "this version of the contract was not in force for all of the window",
}
"""What the flags of an attainment mean."""


# --------------------------------------------------------------------------- 4, the ratio and the comparison


def compared(page: Page, one: Attainment, context: Context) -> None:
    """The division for the best and for the worst, and each against the target."""
    page.heading("4  The share that was kept, against the target")
    figure, kind = context.judged(one)[0], "claimable" if context.claimed else "net"
    if figure.best is None or figure.worst is None:
        page.say("No time is agreed, so there is nothing to divide by.")
        return
    lost = figure.amount
    doubt = int(one.agreed * (1 - figure.worst)) - lost
    page.say(f"Best: every doubt decided for the provider. Only {kind} downtime counts as lost.")
    _division(page, one, lost)
    page.gap()
    left = "EDGE that is left" if not context.claimed else "EDGE that is left and reserved"
    page.say(f"Worst: every doubt decided for the customer. {left} and UNKNOWN are lost too.")
    page.sums(
        [
            Row("", f"{kind} downtime", lost),
            Row("+", left, doubt - one.unknown),
            *unknown_rows("UNKNOWN", one, context),
            RULE,
            Row("=", "lost at most", lost + doubt),
        ]
    )
    _division(page, one, lost + doubt)
    page.gap()
    _budget(page, one, lost, lost + doubt)


def unknown_rows(label: str, one: Attainment, context: Context) -> Iterator[Row]:
    """UNKNOWN in a sum: what nobody could look at yet stands apart from what nobody looked at."""
    ahead = blindness.to_come(one, context.account)
    yield Row("+", label, one.unknown - ahead)
    if ahead:
        yield Row("+", f"UNKNOWN: still to come after {context.at(context.account.as_of)}", ahead)


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
    word = context.judged(one)[1]
    page.say(f"{word}: {_BECAUSE[word]}", style=WORD[word])
    page.fact("observed", _bounds(one.observed.worst, one.observed.best) + ", before anything is taken off")
    page.fact("net", _bounds(one.net.worst, one.net.best) + f": {one.finding}")
    page.fact(
        "claimable",
        _bounds(one.claimable.worst, one.claimable.best)
        + f", of what is reserved: {one.claim_finding} for a claim",
    )
    seen = "none" if one.coverage is None else show.digits(one.coverage)
    ahead = blindness.to_come(one, context.account)
    later = f"; {long(ahead)} of it is still to come" if ahead else ""
    page.fact("coverage", f"{seen} of the time somebody was able to look{later}")
    flagged(page, one.flags)
    if one.episodes:
        _episodes(page, one, context)
    if not context.claimed:
        _readings(page, one, context)


def flagged(page: Page, flags: Sequence[str], says: Mapping[str, str] = FLAGS, indent: int = INDENT) -> None:
    """Flags, and what each means; what follows a colon in one says what it is about."""
    if flags:
        page.gap()
        page.say("To be known before this is used:", indent)
    for flag in flags:
        meaning = says.get(flag.partition(":")[0], "stands against claiming it (D4)")
        page.say(f"{flag}: {meaning}", indent + 2, hang=2)


def _episodes(page: Page, one: Attainment, context: Context) -> None:
    page.gap()
    number = count(len(one.episodes), "run", "runs")
    page.say(f"The sliding window is missed in {number} of positions, with none between that is not:")
    for episode in one.episodes:
        first, last = (context.span(span) for span in (episode.first, episode.last))
        page.say(f"from {first}" if first == last else f"from {first}; to {last}", 5, hang=2)


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


def _readings(page: Page, one: Attainment, context: Context) -> None:
    """What the figure would be, were one clause read the other way; all others move nothing."""
    page.gap()
    moved = [(effect, after) for effect, after in _moves(one, context) if effect.reading != "all"]
    if not moved:
        page.say("No other way to read one of the clauses moves this figure.")
        return
    page.say("Readings that this figure rests on; no other moves it:")
    by_id = {reading.id: reading for reading in context.contract.readings}
    for effect, after in moved:
        reading, choice = by_id[effect.reading], context.account.readings[effect.reading]
        says = {reading.safe: reading.says_safe, reading.arguable: reading.says_arguable}
        page.say(f"{reading.id} = {choice} ({clause(reading.clause)}): {says.get(choice, '')}", 5, hang=2)
        page.say(f"were it {effect.choice}: {_short(after)}", 7, hang=2)
    for effect, after in _moves(one, context):
        if effect.reading == "all":
            page.say(f"all of them read for the customer: {_short(after)}", 5, hang=2)


def _moves(one: Attainment, context: Context) -> Iterator[tuple[Effect, Attainment | None]]:
    for effect in context.effects:
        for moved in effect.figures:
            if (moved.before.commitment, moved.before.service, moved.before.window) == (
                one.commitment, one.service, one.window,
            ):  # fmt: skip
                yield effect, moved.after


def _short(one: Attainment | None) -> str:
    if one is None:
        return "another window would be drawn"
    return (
        f"net {long(one.net.amount)}, {_bounds(one.net.worst, one.net.best)}, {one.finding}; "
        f"claimable {long(one.claimable.amount)}, {one.claim_finding}"
    )
