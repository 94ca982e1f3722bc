"""One figure: what was promised, what was measured, what is taken off, the division, and the finding."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from collector.core.attainment import Attainment, Line
from collector.core.deduction import Deduction, taken_from
from collector.core.record import AtLeast
from collector.core.timeline import Duration, Span, difference, duration, intersection
from collector.core.window import MONTHS
from exporters.documents import blindness, show, uncounted
from exporters.documents.blindness import USUAL, Silence
from exporters.documents.ledger import BEFORE_NET
from exporters.documents.report import drawing, setting
from exporters.documents.report.blocks import Block, Style, Sum, facts, heading, kept, points, say, table
from exporters.documents.report.facts import Group, ReportFacts
from exporters.documents.report.voice import Voice
from exporters.documents.words import SHOWN, fraction

TONE: Mapping[str, Style] = {"MISSED": "bad", "MET": "good", "OPEN": "unsure"}


def chapter(report: ReportFacts, group: Group, voice: Voice) -> Iterator[Block]:
    """All that is told of one figure."""
    one = group.one
    named = voice("figure-of", commitment=one.commitment, service=one.service)
    yield heading(named if len(report.groups) > 1 else voice("promised-heading"))
    yield from _promised(report, group, voice)
    yield heading(voice("measured-heading"), 2)
    yield from _measured(report, one, voice)
    yield heading(voice("ledger-heading"), 2)
    yield from _ledger(report, one, voice)
    yield heading(voice("share-heading"), 2)
    yield from _share(report, one, voice)
    yield heading(voice("finding-heading"), 2)
    yield from _finding(report, one, voice)


# ---------------------------------------------------------------------------------------------- the promise


def _promised(report: ReportFacts, group: Group, voice: Voice) -> Iterator[Block]:
    one, contract = group.one, report.context.contract
    rules, commitment = report.context.rules(one.service), contract.commitment(one.commitment)
    start, end = one.window.span
    own = ""
    if commitment.target is not None and one.target != commitment.target:
        own = voice("target-own", terms=voice.promise(commitment.target))
    rows = [
        ("label-commitment", voice("commitment", id=one.commitment, clause=voice.clause(commitment.clause))),
        ("label-target", voice("target", share=voice.promise(one.target), exact=fraction(one.target)) + own),
        ("label-over", voice.term("length-of", commitment.window)),
        ("label-service", voice("service", name=rules.name, account=rules.account, region=rules.region)),
        ("label-window", voice(f"window-{one.window.kind}")),
        ("label-from", voice.at(start)),
        ("label-to", voice("instant-end", at=voice.at(end))),
        ("label-length", voice.long(end - start)),
    ]
    if group.also:
        rows.insert(1, ("label-also", voice("also", commitments=", ".join(group.also))))
    yield facts((voice(label), told) for label, told in rows)
    yield from _why_this_window(report, one, voice)
    if not report.judges(one):
        yield say(voice("window-not-its-own", length=voice.term("length-of", commitment.window)), "quiet")


def _why_this_window(report: ReportFacts, one: Attainment, voice: Voice) -> Iterator[Block]:
    contract = report.context.contract
    reading = next((r for r in contract.readings if r.id == "window"), None)
    if one.window.kind not in ("worst", "calendar") or reading is None:
        return
    choice = voice.reading(reading, report.account.readings["window"])
    if reading.safe == reading.arguable:
        # The contract itself says which windows it judges: there is nothing to explain or to choose.
        yield say(voice("window-why-said", clause=voice.clause(reading.clause), choice=choice), "quiet")
        return
    told = voice(f"window-why-{one.window.kind}", clause=voice.clause(contract.deadlines.claim.clause))
    if report.claim is not None:
        told += f" {voice('window-of-several', choice=choice, clause=voice.clause(reading.clause))}"
    yield say(told, "quiet")


# ------------------------------------------------------------------------------------------- the measurement


def _measured(report: ReportFacts, one: Attainment, voice: Voice) -> Iterator[Block]:
    yield from how(report, one.service, voice)
    sums = Sum(voice)
    for sign, state, amount in (("", "up", one.up), ("+", "down", one.down), ("+", "edge", one.edge)):
        sums.row(sign, voice(f"state-{state}"), amount)
    _unknown(sums, report, one, voice)
    sums.total(voice("agreed-time" if one.excluded else "the-window"), one.agreed)
    yield sums.block()
    if one.excluded:
        yield say(voice("excluded")) | {"next": True}
        left = Sum(voice)
        left.row("", voice("the-window"), one.window.span.length)
        for line in one.excluded:
            left.row("−", voice.term("deduction", line.kind), line.amount, _because(line, one, report, voice))
        left.total(voice("agreed-time"), one.agreed)
        yield left.block()
    yield drawing.overview(report, one, voice)


def _unknown(sums: Sum, report: ReportFacts, one: Attainment, voice: Voice) -> None:
    """Unknown time in a sum: what nobody could look at yet stands apart from what nobody looked at."""
    ahead = blindness.to_come(one, report.account)
    sums.row("+", voice("state-unknown"), one.unknown - ahead)
    if ahead:
        sums.row("+", voice("state-ahead", at=voice.moment(report.account.as_of)), ahead)


def how(report: ReportFacts, service: str, voice: Voice) -> Iterator[Block]:
    """Who looked at a service, with what question, how often, and what counts as down."""
    context = report.context
    rows, controls = [], []
    watches = [watch for _, watch in context.account.watched[service]]
    for watcher in dict.fromkeys(w for watch in watches for w in watch.probes):
        asked = context.asked.get((watcher.origin, watcher.probe))
        if asked is not None:
            rows.append(
                [
                    watcher.probe,
                    watcher.vantage,
                    voice("asked", target=asked.target, question=voice.term("kind", asked.kind)),
                    voice("every", every=voice.long(asked.interval), burst=voice.long(asked.burst)),
                    voice.long(asked.timeout),
                    voice.long(asked.persistence),
                ]
            )
    for watcher in dict.fromkeys(w for watch in watches for w in watch.controls):
        controls.append(voice("probe-of", probe=watcher.probe, vantage=watcher.vantage))
    heads = ("probe", "vantage", "question", "every", "timeout", "persistence")
    yield table([voice(f"heads.{head}") for head in heads], rows, [0, 0, 5, 3, 0, 0])
    yield say(_down_when(report, service, voice))
    yield say(
        voice("controls", names=", ".join(controls)) if controls else voice("no-controls"),
        "" if controls else "unsure",
    )
    looked = {watcher for watch in watches for watcher in watch.probes}
    for where in sorted({setting.near(t) or "" for t in setting.targets(report, looked)} - {""}):
        yield say(voice(f"there-{where}"), "unsure")


def _down_when(report: ReportFacts, service: str, voice: Voice) -> str:
    rules = report.context.rules(service)
    match rules.down_when:
        case AtLeast(at_least=number):
            which = voice("down-when-at-least", number=number)
        case word:
            which = voice(f"down-when-{word}")
    if rules.witnesses is not None:
        least = voice.count(rules.witnesses, "vantage")
    else:
        watches = (watch for _, watch in report.context.account.watched[service])
        numbers = {len({watcher.vantage for watcher in watch.probes}) for watch in watches}
        least = voice("only-one") if max(numbers) < 2 else voice("two" if min(numbers) > 1 else "two-or-one")  # noqa: PLR2004
    return voice("down-when", which=which, least=least)


# ----------------------------------------------------------------------------------------------- the ledger


def _ledger(report: ReportFacts, one: Attainment, voice: Voice) -> Iterator[Block]:
    sums = Sum(voice)
    sums.row("", voice("raw"), one.down)
    left = one.down
    taken = [line for line in one.ledger if line.kind in BEFORE_NET]
    for line in taken:
        left -= line.amount
        sums.row("−", _label(line, report, voice), line.amount, _because(line, one, report, voice))
    if not taken:
        sums.row("−", voice("nothing-taken"), 0)
    assert left == one.net.amount
    sums.total(voice("net"), left)
    for line in (line for line in one.ledger if line.kind not in BEFORE_NET):
        left -= line.amount
        sums.row("−", _label(line, report, voice), line.amount, _because(line, one, report, voice))
    assert left == one.claimable.amount
    sums.total(voice("claimable"), left)
    yield sums.block()
    idle = list(_idle(report, one, voice))
    if idle:
        yield say(voice("idle"))
        yield points(idle)


def _label(line: Line, report: ReportFacts, voice: Voice) -> str:
    contract = report.context.contract
    clauses = {rule.kind: rule.clause for rule in contract.deductions}
    if contract.grace is not None:
        clauses["grace"] = contract.grace.clause
    clauses["not-countable"] = contract.countable.clause
    said = voice.term("deduction", line.kind)
    # What may not be claimed has its clauses beside its reasons.
    known = clauses.get(line.kind)
    return voice("by-clause", what=said, clause=voice.clause(known)) if known else said


def _because(line: Line, one: Attainment, report: ReportFacts, voice: Voice) -> Iterator[str]:
    """What a line of the ledger rests on."""
    contract = report.context.contract
    if line.kind == "grace":
        yield voice("because-grace", incidents=_listed(line.because, voice))
    elif line.kind == "unreserved":
        yield from _uncounted(one, report, voice)
    elif line.kind == "not-countable":
        yield voice("because-short", least=voice.long(contract.countable.minimum))
    else:
        yield from _taking(line, one, report, voice)


def _uncounted(one: Attainment, report: ReportFacts, voice: Voice) -> Iterator[str]:
    """Why some of net downtime may not be claimed: each reason that there is, and of how much."""
    contract = report.context.contract
    term = contract.deadlines.reservation
    within = "" if term is None else voice("within", number=term.within, unit=voice.term("unit", term.unit))
    clauses = {place: voice.clause(text) for place, text in uncounted.places(contract).items()}
    found = uncounted.reasons(one, report.account, report.settlement, claimed=report.context.claimed)
    for reason, parts in found.items():
        yield voice(
            "uncounted-part",
            amount=voice.long(duration(parts)),
            why=voice.term("uncounted", reason).format(within=within, **clauses),
            when=voice.when(parts[0]) if len(parts) == 1 else voice.count(len(parts), "stretch"),
        )
    if uncounted.several(found):
        yield voice.term("uncounted", "several")


def _taking(line: Line, one: Attainment, report: ReportFacts, voice: Voice) -> Iterator[str]:
    """The declarations behind a line, each with what lies in it."""
    account = report.account
    said = {(d.id, d.standing): d for d in account.deductions}
    outages = account.runs[one.service].outages
    for taking in taken_from(account.watched[one.service], outages, account.deductions, account.readings):
        taken = intersection(line.spans, taking.spans)
        if taking.id not in line.because or not taken:
            continue
        announced = said[taking.id, taking.standing]
        yield from declared(announced, report, voice)
        longer = duration(difference(taken, announced.spans))
        if longer:
            reading = next(r for r in report.context.contract.readings if r.id == "overrun")
            says = voice.reading(reading, account.readings["overrun"])
            yield voice("because-longer", amount=voice.long(longer), says=says)


def declared(one: Deduction, report: ReportFacts, voice: Voice) -> Iterator[str]:
    """A deduction: who says it, on which document, since when, and where it stands."""
    context = report.context
    line = context.cited.get(one.id)
    place = "" if line is None else f" ({voice('line-of', line=line.removeprefix('line '))})"
    yield voice("declared", id=one.id, standing=voice.term("standing", one.standing), by=one.by) + place
    spans = [voice.when(span) for span in one.spans[:SHOWN]]
    more = len(one.spans) - len(spans)
    yield voice.join(spans) + (f" {voice('and-more', more=more)}" if more else "")
    times = [("sent", one.sent), ("received", one.received)]
    told = ", ".join(voice(f"notice-{word}", at=voice.moment(at)) for word, at in times if at is not None)
    if told:
        yield told
    yield voice("document", sha=one.document) if one.document else voice("no-document")
    if one.why:
        yield voice("reason-given", why=voice.why(one.why))


def _idle(report: ReportFacts, one: Attainment, voice: Voice) -> Iterator[str]:
    """Declared in this window, and taking nothing off: each with the reason."""
    took = {id for line in (*one.ledger, *one.excluded) for id in line.because}
    rules = report.context.rules(one.service)
    scopes = {"*", one.service, rules.region}
    for deduction in report.account.deductions:
        if deduction.id in took and deduction.takes:
            continue
        if scopes & {*deduction.scope} and intersection(deduction.spans, (one.window.span,)):
            word = "nothing-left" if deduction.takes else deduction.standing
            told = voice.join(declared(deduction, report, voice))
            yield voice(
                "idle-one",
                kind=voice.term("deduction", deduction.kind),
                told=told,
                because=voice(f"idle-{word}"),
            )


def _listed(ids: Sequence[str], voice: Voice) -> str:
    more = len(ids) - SHOWN
    return ", ".join(ids[:SHOWN]) + (f" {voice('and-more', more=more)}" if more > 0 else "")


# ------------------------------------------------------------------------------------- the share, and finding


def _share(report: ReportFacts, one: Attainment, voice: Voice) -> Iterator[Block]:
    figure = report.context.judged(one)[0]
    word = "claimable" if report.context.claimed else "net"
    if figure.best is None or figure.worst is None:
        yield say(voice("nothing-to-divide"))
        return
    yield from kept([say(voice(f"best-{word}")), *_division(one, figure.amount, voice)])
    lost = int(one.agreed * (1 - figure.worst))
    sums = Sum(voice)
    sums.row("", voice(word), figure.amount)
    sums.row("+", voice("state-edge-left"), lost - figure.amount - one.unknown)
    _unknown(sums, report, one, voice)
    sums.total(voice("lost-at-most"), lost)
    yield from kept([say(voice("worst")), sums.block(), *_division(one, lost, voice)])
    allowed = one.agreed * (1 - one.target)
    yield facts(
        [
            (
                voice("label-allowed"),
                voice(
                    "allowed",
                    long=voice.long(allowed.__floor__()),
                    cut="" if allowed.denominator == 1 else voice("allowed-cut"),
                ),
            ),
            (voice("label-used"), voice("used", least=voice.long(figure.amount), most=voice.long(lost))),
        ]
    )


def _division(one: Attainment, lost: Duration, voice: Voice) -> Iterator[Block]:
    kept, whole, target = one.agreed - lost, one.agreed, one.target
    left, right = kept * target.denominator, target.numerator * whole
    group = show.grouped
    product = f"{group(kept)} × {group(target.denominator)} = {group(left)}"
    other = f"{group(target.numerator)} × {group(whole)} = {group(right)}"
    yield facts(
        [
            (
                voice("label-kept"),
                f"({group(whole)} − {group(lost)}) / {group(whole)} = {voice.digits(Fraction(kept, whole))}",
            ),
            (voice("label-against"), voice("crosswise", target=fraction(target))),
            ("", product),
            ("", other),
            ("", voice("below" if left < right else "reached")),
        ]
    )


def _finding(report: ReportFacts, one: Attainment, voice: Voice) -> Iterator[Block]:
    word = report.context.judged(one)[1]
    if report.judges(one):
        yield say(voice(f"finding-{word}"), TONE[word])
    else:
        yield say(voice(f"here-{word}"), "unsure")
        yield say(_elsewhere(report, one, voice))
    yield facts(
        [
            (voice("label-observed"), voice.bounds(one.observed.worst, one.observed.best)),
            (voice("label-net"), voice.bounds(one.net.worst, one.net.best)),
            (
                voice("label-claimable"),
                voice("of-claimable", share=voice.bounds(one.claimable.worst, one.claimable.best)),
            ),
            (voice("label-coverage"), setting.covered(report, one, voice)),
        ]
    )
    if one.flags:
        yield say(voice("flags"), "unsure")
        yield points(voice.flag(flag) for flag in one.flags)
    yield from _blind(report, one, voice)


def _elsewhere(report: ReportFacts, one: Attainment, voice: Voice) -> str:
    """What the contract allows over a window of its own, against what this one has used."""
    length, end = report.context.contract.commitment(one.commitment).window, one.window.span.end
    start = report.context.calendar.shift(end, months=-MONTHS[length])
    return voice(
        "own-window",
        length=voice.term("length-of", length),
        window=voice.when(Span(start, end)),
        allowed=voice.long(((end - start) * (1 - one.target)).__floor__()),
        counted=voice.long(report.context.judged(one)[0].amount),
    )


def _blind(report: ReportFacts, one: Attainment, voice: Voice) -> Iterator[Block]:
    unknown = blindness.unknown(one, report.account)
    if not unknown:
        return
    total = one.unknown - blindness.to_come(one, report.account)
    yield say(voice("blind", stretches=voice.count(len(unknown), "stretch"), total=voice.long(total)))
    told = []
    began = report.account.watched[one.service][0][0].start
    for span in blindness.longest(one, report.account):
        why = voice("not-yet")
        if span.end > began:
            why = _said(report.silences.get((one.service, span)), voice)
        told.append(voice("blind-one", span=voice.when(span), long=voice.long(span.length), why=why))
    yield points(told)


def _said(silence: Silence | None, voice: Voice) -> str:
    """What the lines of a silence say, vantage point by vantage point."""
    vantages = sorted({*silence.vantages.values()}) if silence is not None else []
    if silence is None or not vantages:
        return voice("nobody")
    told = []
    for vantage in vantages:
        found = Counter({what: number for (of, what), number in silence.counts.items() if of == vantage})
        usual = [f"{number} {_heard(what, voice)}" for what, number in found.most_common(USUAL)]
        told.append(voice("vantage-said", vantage=vantage, what=", ".join(usual) or voice("no-line")))
    return voice.join(told)


def _heard(what: str, voice: Voice) -> str:
    outcome, _, reason = what.removesuffix(")").partition(" (")
    if outcome == "not asked":
        return voice("not-asked", reason=voice.term("gap", reason))
    return voice.outcome(outcome, reason)
