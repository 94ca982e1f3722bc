"""What is reserved, and what a claim comes to: base, formula, caps, references, and what it waives."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from collector.core.attainment import Attainment
from collector.core.claim import Claim, Need
from collector.core.contract import Choice, Penalty
from collector.core.credit import Cents, books, share_of_base
from collector.core.record import Declaration
from collector.core.reservation import Coverage
from collector.core.timeline import duration
from exporters.documents import asking, caps
from exporters.documents.caps import Cap
from exporters.documents.report.blocks import Bill, Block, facts, heading, kept, points, say, table
from exporters.documents.report.facts import ReportFacts
from exporters.documents.report.voice import Voice
from exporters.documents.words import fraction, times


def reservations(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    """How far notices cover the outages (clause 9.3 of the shipped contract)."""
    term, found = report.context.contract.deadlines.reservation, _coverages(report)
    if term is None or not found:
        return
    yield heading(voice("reserved-heading", clause=voice.clause(term.clause)))
    yield say(
        voice("reserved", within=voice("within", number=term.within, unit=voice.term("unit", term.unit)))
    )
    rows = []
    for one in found[:12]:
        amounts = (sum(s.length for s in parts) for parts in (one.reserved, one.waived, one.open))
        by = "—" if one.safe is None else voice.cell(one.safe)
        rows.append(
            [one.outage, *(voice.long(amount) for amount in amounts), by, ", ".join(one.notices) or "—"]
        )
    heads = ("outage", "reserved", "waived", "open", "reserve-by", "notices")
    yield table([voice(f"heads.{head}") for head in heads], rows, [5, 0, 0, 0, 3, 3], right=(1, 2, 3))
    if len(found) > len(rows):
        yield say(voice("and-more", more=len(found) - len(rows)))
    said = {id for one in found for id in one.notices}
    told = [one for one in report.account.ground.declarations if one.id in said]
    yield points(voice("labelled", name=one.id, told=_dated(one, voice)) for one in told[:12])


def to_reserve(report: ReportFacts, voice: Voice) -> str:
    """How much of the outages is still to be reserved, and by when; empty where nothing is."""
    term = report.context.contract.deadlines.reservation
    still = [one for one in _coverages(report) if one.safe is not None]
    if term is None or not still:
        return ""
    return voice(
        "to-reserve",
        amount=voice.long(sum(duration(one.open) for one in still)),
        at=voice.moment(min(one.safe for one in still if one.safe is not None)),
        clause=voice.clause(term.clause),
    )


def _coverages(report: ReportFacts) -> list[Coverage]:
    ids = {outage.id for outage in report.outages}
    return [one for one in report.settlement.reservations if one.outage in ids]


def chapter(report: ReportFacts, one: Claim, voice: Voice) -> Iterator[Block]:
    """The claim, from what is asked for to what is given up by it."""
    penalty = report.context.contract.penalty
    yield heading(voice("claim-heading"))
    yield say(state(report, one, voice))
    yield facts(
        [
            (voice("label-claim"), one.id),
            (voice("label-account"), one.account),
            (voice("label-credit"), credit(report, one, voice)),
            (voice("label-claim-by"), by_when(report, one, voice)),
            (voice("label-latest"), at_the_latest(report, one, voice)),
        ]
    )
    if penalty is not None:
        yield from _calculation(one, penalty, report, voice)
        yield from kept(_caps(one, penalty, report, voice))
    yield from _references(one, report, voice)
    yield from _waived(report, voice)


def state(report: ReportFacts, one: Claim, voice: Voice) -> str:
    """Whether it may be claimed, and what is missing."""
    match one.state:
        case "due":
            return f"{voice('claim-due', at=voice.until(one.due.safe))} {completeness(report, one, voice)}"
        case "late":
            return voice("claim-late")
        case "blocked":
            against = (voice.flag(flag) for flag in asking.blocked_by(one))
            return voice("claim-blocked", against=voice.join(against))


def completeness(report: ReportFacts, one: Claim, voice: Voice) -> str:
    """What is missing, and what follows from that."""
    missing = [voice.term("need", need.what) for need in one.needs if not met(need)]
    if missing:
        return voice("lacks", what=", ".join(missing))
    months = ", ".join(_waits(report, one))
    return voice("lacks-amount", months=months) if months else voice("lacks-nothing")


def complete(report: ReportFacts, one: Claim, voice: Voice) -> str:
    """The same in a word."""
    missing = [voice.term("need", need.what) for need in one.needs if not met(need)]
    if missing:
        return voice("complete-not", what=", ".join(missing))
    months = ", ".join(_waits(report, one))
    return voice("complete-amount", months=months) if months else voice("complete-whole")


def _waits(report: ReportFacts, one: Claim) -> Sequence[str]:
    """The months that its amount waits for: a claim that asks for no sum yet is not complete."""
    if one.credit is not None:
        return ()
    return asking.waiting_for(report.settlement.claims, one.account, report.account.ground)


def by_when(report: ReportFacts, one: Claim, voice: Voice) -> str:
    """The deadline by the strictest count, with its rule."""
    return voice("due-safe", at=voice.until(one.due.safe), **_rule(report, voice, safe=True))


def at_the_latest(report: ReportFacts, one: Claim, voice: Voice) -> str:
    """The one that could also be argued."""
    return voice("due-latest", at=voice.until(one.due.latest), **_rule(report, voice, safe=False))


def _rule(report: ReportFacts, voice: Voice, *, safe: bool) -> dict[str, str]:
    due = report.context.contract.deadlines.claim
    reading = next((r for r in report.context.contract.readings if r.id == "claim-clock"), None)
    says = ""
    if reading is not None:
        says = f" ({voice.reading(reading, reading.safe if safe else reading.arguable)})"
    within = voice("within", number=due.within, unit=voice.term("unit", due.unit))
    return {"within": within, "clause": voice.clause(due.clause), "says": says}


def reduced(report: ReportFacts, one: Claim, voice: Voice) -> str:
    """What the formula gives, and which cap took how much of it; nothing where none did."""
    penalty = report.context.contract.penalty
    if penalty is None or one.by_formula is None or one.credit is None:
        return ""
    after = one.by_formula if one.after_invoice_cap is None else one.after_invoice_cap
    steps = [
        voice("reduced-by", amount=voice.money(now), clause=voice.clause(clause))
        for clause, before, now in (
            (penalty.cap_of_invoice_clause, one.by_formula, after),
            (penalty.clause, after, one.credit),
        )
        if now < before
    ]
    if not steps:
        return voice("not-reduced")
    return voice("reduced", formula=voice.money(one.by_formula), steps=", ".join(steps))


def told_of(report: ReportFacts, one: Claim, voice: Voice) -> str:
    """The numbers of the notices and tickets that the claim rests on."""
    told = []
    for need in one.needs:
        if need.what in ("reservations", "ticket"):
            said = (report.context.declarations[id] for id in need.by)
            ids = ", ".join(d.number or d.id for d in said)
            none = f"unneeded-{need.what}" if asking.not_needed(need) else f"no-{need.what}"
            told.append(voice(f"by-{need.what}" if ids else none, ids=ids))
    return voice.join(told)


def gives_up(report: ReportFacts, voice: Voice) -> str:
    """What taking the credit gives up, in a line."""
    penalty = report.context.contract.penalty
    if penalty is None or not penalty.final_clause:
        return ""
    return voice("gives-up", clause=voice.clause(penalty.final_clause))


def met(need: Need) -> bool:
    """Whether what a claim needs is there."""
    # The bundle that the report lies in is the evidence.
    return need.met or need.what == "evidence"


def credit(report: ReportFacts, one: Claim, voice: Voice) -> str:
    """What it comes to under both caps, or why that is not known."""
    if one.credit is not None:
        return voice("credit", amount=voice.money(one.credit))
    if one.state != "due":
        return voice("none")
    return voice("credit-unknown", months=", ".join(_waits(report, one)))


def _calculation(one: Claim, penalty: Penalty, report: ReportFacts, voice: Voice) -> Iterator[Block]:
    found = one.attainment
    attained = found.claimable.best
    assert attained is not None
    yield heading(voice("calculation-heading", clause=voice.clause(penalty.clause)), 2)
    rows = [
        (
            voice("label-promised"),
            voice("exactly", share=voice.promise(found.target), exact=fraction(found.target)),
        ),
        (voice("label-kept"), voice("exactly", share=voice.digits(attained), exact=fraction(attained))),
    ]
    if penalty.formula == "shortfall":
        assert penalty.factor is not None
        short = found.target - attained
        rows += [
            (voice("label-formula"), voice("formula-shortfall", factor=fraction(penalty.factor))),
            (
                voice("label-shortfall"),
                f"{fraction(found.target)} − {fraction(attained)} = {fraction(short)}",
            ),
            (
                voice("label-of-base"),
                f"{fraction(short)} × {fraction(penalty.factor)} = "
                f"{fraction(share_of_base(found.target, attained, penalty))}",
            ),
        ]
    else:
        steps = (f"< {voice.promise(t.below)}: {voice.promise(t.credit)}" for t in penalty.tiers)
        rows.append((voice("label-formula"), voice("formula-tiers", steps=voice.join(steps))))
        rows.append((voice("label-of-base"), fraction(share_of_base(found.target, attained, penalty))))
    if one.share != share_of_base(found.target, attained, penalty):
        reading = next(r for r in report.context.contract.readings if r.id == "no-formula")
        rows.append(
            (voice("label-of-base"), f"{voice.reading(reading, reading.safe)}: {fraction(one.share)}")
        )
    yield facts(rows)
    yield from _base(one, penalty, report, voice)


def _base(one: Claim, penalty: Penalty, report: ReportFacts, voice: Voice) -> Iterator[Block]:
    yield from kept(_of_invoices(one, penalty, report, voice))


def _of_invoices(one: Claim, penalty: Penalty, report: ReportFacts, voice: Voice) -> Iterator[Block]:
    ground = report.account.ground
    known = books(one.account, ground.declarations, ground.calendar)
    yield say(voice("base-mean", months=penalty.base_months) if penalty.base_months else voice("base-month"))
    bill = Bill()
    for k, (month, id) in enumerate(one.base.months.items()):
        bill.row("+" if k else "", f"{month} ({id})", voice.money(known.invoiced(month) or Cents(0)))
    for month in one.base.missing:
        bill.row("+", month, voice("not-invoiced"))
    number = len(one.base.months) + len(one.base.missing)
    if one.base.amount is not None:
        whole = voice("base-of", number=number) if number > 1 else voice("base-one")
        bill.total(whole, voice.money(one.base.amount))
    if one.by_formula is not None:
        bill.row("×", voice("label-of-base"), fraction(one.share))
        bill.total(voice("by-formula"), voice.money(one.by_formula))
    yield bill.block()


def _caps(one: Claim, penalty: Penalty, report: ReportFacts, voice: Voice) -> Iterator[Block]:
    yield heading(voice("caps-heading"), 2)
    if penalty.cap_of_invoice is not None and one.after_invoice_cap is not None:
        yield from _of_invoice(one, penalty, report, voice)
    if one.credit is not None:
        yield from _of_base(one, penalty, report, voice)
        yield say(voice("shared"), "quiet")
    else:
        yield say(credit(report, one, voice), "unsure")


def _of_invoice(one: Claim, penalty: Penalty, report: ReportFacts, voice: Voice) -> Iterator[Block]:
    """Clause 8, month by month: what it allows, what is taken of that already, and what is left of this."""
    assert penalty.cap_of_invoice is not None
    ground = report.account.ground
    known = books(one.account, ground.declarations, ground.calendar)
    share = voice.promise(penalty.cap_of_invoice)
    yield say(voice("cap-of-invoice", clause=voice.clause(penalty.cap_of_invoice_clause), share=share))
    found = caps.of_invoices(one, penalty, report.context)
    after = Bill()
    for k, (month, cap) in enumerate(found.items()):
        invoice = voice.money(known.invoiced(month) or Cents(0))
        left = voice("left-of-month", month=month) if len(found) > 1 else voice("after-invoice-cap")
        yield _shared(voice("cap-month", share=share, month=month, invoice=invoice), cap, left, voice)
        after.row("+" if k else "", left, voice.money(cap.left))
    if len(found) > 1:
        after.total(voice("after-invoice-cap"), voice.money(one.after_invoice_cap or Cents(0)))
        yield after.block()


def _of_base(one: Claim, penalty: Penalty, report: ReportFacts, voice: Voice) -> Iterator[Block]:
    """Annex B: the base, over what the reading `cap-period` says."""
    reading = next(r for r in report.context.contract.readings if r.id == "cap-period")
    choice, share = report.account.readings["cap-period"], voice.promise(penalty.cap_of_base)
    says = voice.reading(reading, choice)
    yield say(voice("cap-of-base", clause=voice.clause(penalty.clause), share=share, says=says))
    whose, cap = caps.of_base(one, penalty, report.context)
    word = "own" if whose is one else "least"
    allowed = voice(f"cap-base-{word}", share=share, claim=whose.id)
    yield _CAPPED[choice](allowed, cap, voice("credit-left"), voice)
    assert cap.left == one.credit


def _shared(allowed: str, cap: Cap, left: str, voice: Voice) -> Block:
    """What a cap allows, less what is taken of it already, and what of the rest is for this claim."""
    asked, part, room = (voice.money(cents) for cents in (cap.asked, cap.part, cap.room))
    word = "fits" if cap.fits else "shared"
    bill = Bill()
    bill.row("", allowed, voice.money(cap.limit))
    bill.row("−", voice("cap-spent"), voice.money(cap.spent))
    bill.total(voice("cap-room" if cap.spent <= cap.limit else "cap-overspent"), room)
    bill.row("", voice("cap-asked"), part, [voice(f"cap-{word}", asked=asked, part=part, room=room)])
    bill.total(left, voice.money(cap.left))
    return bill.block()


def _alone(allowed: str, cap: Cap, left: str, voice: Voice) -> Block:
    """The same of a cap that this claim has for itself."""
    bill = Bill()
    bill.row("", allowed, voice.money(cap.limit))
    bill.row("", voice("cap-asked"), voice.money(cap.part))
    bill.total(left, voice.money(cap.left))
    return bill.block()


_CAPPED: Mapping[Choice, Callable[[str, Cap, str, Voice], Block]] = {
    "rolling-year": _shared,
    "claim": _alone,
}
"""How each choice of the reading `cap-period` is written out."""


def _references(one: Claim, report: ReportFacts, voice: Voice) -> Iterator[Block]:
    yield heading(voice("references-heading"), 2)
    rows = []
    for need in one.needs:
        told = [
            voice("labelled", name=id, told=_dated(report.context.declarations[id], voice)) for id in need.by
        ]
        none = asking.not_needed(need)
        rows.append(
            [
                voice.term("need", need.what),
                voice("need-none" if none else "need-met" if met(need) else "need-missing"),
                voice("need-as-read") if none else voice.join(told),
            ]
        )
    yield table([voice(f"heads.{head}") for head in ("need", "met", "reference")], rows, [4, 0, 6])


def _dated(said: Declaration, voice: Voice) -> str:
    told = [voice("number", number=said.number)] if said.number else []
    told += [voice.term("state", said.state)] if said.state else []
    told += [voice.term("dated", word).format(at=voice.moment(at)) for word, at in times(said).items()]
    told += [voice("document", sha=said.document)] if said.document else []
    return ", ".join(told)


def _waived(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    contract = report.context.contract
    if contract.penalty is not None and contract.penalty.final_clause:
        yield heading(voice("waives-heading"), 2)
        yield say(voice("waives", clause=voice.clause(contract.penalty.final_clause)))
    if contract.liability is not None:
        of = contract.liability
        yield heading(voice("instead-heading"), 2)
        yield say(
            voice(
                "liability",
                clause=voice.clause(of.clause),
                billings=of.billings,
                past=of.billings_past,
                days=of.past_days,
            )
        )


def worth(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    """What the readings of the contract are, and what would move were one of them another."""
    context = report.context
    yield heading(voice("readings-heading"))
    safe = context.contract.all_safe()
    moved = [id for id, choice in context.account.readings.items() if choice != safe[id]]
    by_id = {reading.id: reading for reading in context.contract.readings}
    named = (voice("reading-of", id=id, clause=voice.clause(by_id[id].clause)) for id in moved if id in by_id)
    force = voice("readings-moved", which=", ".join(named)) if moved else voice("readings-safe")
    # Moved together, readings can come to less than in force: nothing is said here of all of them at once.
    yield say(f"{force} {voice('readings-alone')}")
    figures = [(g.one.commitment, g.one.service, g.one.window) for g in report.groups]
    rows = []
    for effect in context.effects:
        here = [
            m for m in effect.figures if (m.before.commitment, m.before.service, m.before.window) in figures
        ]
        reading = by_id.get(effect.reading)
        # A claim's window is not among those of the account; what it would be worth is told as money below.
        if reading is None or not (here or (report.claim and report.claim.account in effect.credit)):
            continue
        choice = context.account.readings[reading.id]
        told = [_moved(one.before, one.after, voice) for one in here[:2]]
        for account, cents in effect.credit.items():
            before, after = (voice("not-invoiced") if c is None else voice.money(c) for c in cents)
            told.append(voice("moved-credit", account=account, before=before, after=after))
        rows.append(
            [
                voice("reading-of", id=reading.id, clause=voice.clause(reading.clause)),
                voice.reading(reading, choice),
                voice.reading(reading, effect.choice),
                voice.join(told),
            ]
        )
    if rows:
        yield say(voice("readings-matter"))
        yield table(
            [voice(f"heads.{head}") for head in ("reading", "read-so", "read-otherwise", "then")],
            rows,
            [3, 5, 5, 5],
        )
    elif context.effects:
        yield say(voice("readings-nothing" if report.claim is None else "readings-nothing-claimed"))


def _moved(before: Attainment, after: Attainment | None, voice: Voice) -> str:
    if after is None:
        return voice("another-window")
    was, now = (
        voice("figure", net=voice.long(one.net.amount), best=voice.bounds(one.net.worst, one.net.best))
        for one in (before, after)
    )
    return voice("moved-net", commitment=before.commitment, before=was, after=now)
