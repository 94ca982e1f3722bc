"""The first page: what happened and why it is owed, for somebody who never heard of all this."""

from collections.abc import Iterator

from collector.core.attainment import Attainment
from collector.core.claim import Claim
from collector.core.record import Outcome
from collector.core.timeline import Span, duration
from exporters.documents import blindness, show
from exporters.documents.report import claiming, setting
from exporters.documents.report.blocks import Block, Style, answer, facts, heading, say, table
from exporters.documents.report.facts import ReportFacts
from exporters.documents.report.judged import TONE
from exporters.documents.report.voice import Voice
from exporters.documents.words import fraction

FIGURES = 24
"""So many figures are listed on the first page."""


def title(report: ReportFacts, voice: Voice) -> str:
    """What the report is called."""
    services = list(dict.fromkeys(outage.service for outage in report.outages))
    if report.claim is not None:
        return voice(
            "title-claim", commitment=report.claim.commitment, service=report.claim.attainment.service
        )
    if report.kind == "period":
        return voice("title-period")
    word = "claimed" if report.kind == "claim" else report.kind
    return voice(f"title-{word}", service=", ".join(services))


def page(report: ReportFacts, voice: Voice, section: int) -> Iterator[Block]:
    """What this is, the answer in three sentences, and the figures; `section` says how to verify."""
    yield say(f"{voice('what-this-is')} {setting.trust(report, voice, section)}", "quiet")
    yield heading(voice("in-short"))
    for sentence in _sentences(report, voice):
        yield say(sentence, "lead")
    yield answer(_answer(report, voice))
    if len(report.groups) > 1:
        yield from _figures(report, voice)
    yield facts(_about(report, voice))


def _about(report: ReportFacts, voice: Voice) -> Iterator[tuple[str, str]]:
    """Who, where, by which contract, and with what clock."""
    contract, account = report.context.contract, report.account
    rules = [report.context.rules(name) for name in setting.services(report)]
    if rules:
        yield voice("label-measured-by"), setting.measured_by(report, voice)
        looked = setting.watchers(report)
        yield voice("label-address"), voice.join(setting.addresses(report, looked, voice)) or "—"
    for group in report.groups[:1]:
        yield voice("label-coverage"), setting.covered(report, group.one, voice)
    yield voice("label-vouched"), setting.vouched(report, voice)
    yield voice("label-provider"), contract.provider
    yield voice("label-contract"), _contract(report, voice)
    yield voice("label-account"), ", ".join(sorted({one.account for one in rules})) or "—"
    yield voice("label-region"), ", ".join(sorted({one.region for one in rules})) or "—"
    yield voice("label-clock"), _clock(report, voice)
    yield voice("label-span"), voice.when(report.span)
    yield voice("label-as-of"), voice("as-of", at=voice.moment(account.as_of))
    yield voice("label-times"), voice("times", zone=contract.zone)


def _contract(report: ReportFacts, voice: Voice) -> str:
    contract = report.context.contract
    told = voice(
        "contract", id=contract.id, version=contract.version, since=voice.day(contract.in_force.since)
    )
    lines = ", ".join(voice("line-of", line=f"{one.origin}:{one.seq}") for one in report.named)
    return f"{told} {voice('contract-named', lines=lines) if lines else voice('contract-not-named')}"


def _clock(report: ReportFacts, voice: Voice) -> str:
    sources = sorted({source for one in report.clocks for source in one.sources})
    known = [one.worst for one in report.clocks if one.worst is not None]
    if not sources:
        return voice("clock-not-told")
    named = ", ".join(voice.term("clock-source", source) for source in sources)
    if not known:
        return voice("clock-never-bounded", sources=named)
    if any(one.unbounded for one in report.clocks):
        return voice("clock-unbounded", sources=named)
    return voice("clock-bounded", sources=named, bound=voice.long(max(known)))


# --------------------------------------------------------------------------------------- the three sentences


def _sentences(report: ReportFacts, voice: Voice) -> Iterator[str]:
    yield _happened(report, voice)
    if report.groups:
        yield _kept(report, report.groups[0].one, voice)
    yield _owed(report, voice)


def _happened(report: ReportFacts, voice: Voice) -> str:
    if not report.outages:
        return voice("happened-nothing", when=voice.when(report.span))
    one = report.outages[0]
    if len(report.outages) == 1:
        parts = one.certain or one.possible
        hull = Span(parts[0].start, parts[-1].end)
        word = "happened-open" if one.open else "happened"
        told = voice(
            word if one.certain else "happened-maybe",
            service=one.service,
            when=voice.when(hull),
            start=voice.moment(hull.start),
            end=voice.moment(hull.end),
            certain=voice.long(duration(one.certain)),
            possible=voice.long(duration(one.possible)),
        )
    else:
        told = voice(
            "happened-often",
            outages=voice.count(len(report.outages), "outage"),
            services=", ".join(sorted({outage.service for outage in report.outages})),
            when=voice.when(Span(one.begins, max(outage.ends for outage in report.outages))),
            longest=voice.long(max(duration(outage.certain) for outage in report.outages)),
        )
    certain = any(outage.certain for outage in report.outages)
    means = voice("certain-means", terms=setting.terms(report, voice)) if certain else ""
    return " ".join(part for part in (told, means, _seen(report, voice)) if part)


def _seen(report: ReportFacts, voice: Voice) -> str:
    probes = [one for one in report.witnesses if not one.control]
    failing = [one for one in probes if one.first_failed is not None]
    if not failing:
        return ""
    failed = sum(n for one in failing for (outcome, _), n in one.counts.items() if outcome is not Outcome.OK)
    vantages = {one.watcher.vantage for one in failing}
    told = voice(
        "seen",
        probes=voice.count(len({one.watcher for one in failing}), "probe"),
        vantages=voice.count(len(vantages), "vantage"),
        samples=voice.count(failed, "sample"),
    )
    controls = [one for one in report.witnesses if one.control]
    if not controls:
        return f"{told} {voice('seen-no-controls')}"
    asked = sum(sum(one.counts.values()) for one in controls)
    answered = sum(
        one.counts[Outcome.OK, reason]
        for one in controls
        for outcome, reason in one.counts
        if outcome is Outcome.OK
    )
    word = "seen-controls" if answered == asked else "seen-some-controls"
    return f"{told} {voice(word, answered=show.grouped(answered), asked=show.grouped(asked))}"


def _kept(report: ReportFacts, one: Attainment, voice: Voice) -> str:
    figure, word = report.context.judged(one)
    commitment = report.context.contract.commitment(one.commitment)
    promised = voice(
        "promised",
        provider=report.context.contract.provider,
        clause=voice.clause(commitment.clause),
        target=voice.promise(one.target),
        over=voice.term("length-of", commitment.window),
    )
    if figure.best is None or figure.worst is None:
        return f"{promised} {voice('nothing-to-divide')}"
    of = {"MISSED": figure.best, "MET": figure.worst, "OPEN": figure.best}[word]
    kept = voice(
        f"kept-{word}" if report.judges(one) else f"kept-here-{word}",
        best=voice.digits(of),
        worst=voice.digits(figure.worst),
        window=voice.when(one.window.span),
        counted=voice.long(figure.amount),
    )
    return " ".join(part for part in (promised, kept, _to_come(report, one, voice)) if part)


def _to_come(report: ReportFacts, one: Attainment, voice: Voice) -> str:
    ahead = blindness.to_come(one, report.account)
    if not ahead:
        return ""
    return voice("still-to-come", amount=voice.long(ahead), at=voice.moment(report.account.as_of))


def _owed(report: ReportFacts, voice: Voice) -> str:
    claim = report.claim
    if claim is None:
        told = voice(f"owed-{report.kind}")
        return f"{told} {claiming.to_reserve(report, voice)}".rstrip()
    penalty = report.context.contract.penalty
    clause = "" if penalty is None else voice.clause(penalty.clause)
    if claim.state != "due":
        return claiming.state(report, claim, voice)
    word = "owed" if claim.credit is not None else "owed-unknown"
    told = voice(
        word, clause=clause, credit=claiming.credit(report, claim, voice), at=voice.until(claim.due.safe)
    )
    return f"{told} {claiming.completeness(report, claim, voice)}"


# ------------------------------------------------------------------------------------------------- the table


def _answer(report: ReportFacts, voice: Voice) -> Iterator[tuple[str, str, Style]]:
    if not report.groups:
        return
    one = report.groups[0].one
    figure, word = report.context.judged(one)
    commitment = report.context.contract.commitment(one.commitment)
    yield voice("label-commitment"), f"{one.commitment} ({voice.clause(commitment.clause)})", ""
    yield voice("label-service"), one.service, ""
    yield (
        voice("label-promised"),
        voice("exactly", share=voice.promise(one.target), exact=fraction(one.target)),
        "",
    )
    yield voice("label-measured"), voice.bounds(figure.worst, figure.best), ""
    whole = report.judges(one)
    yield (
        voice("label-finding"),
        voice(f"verdict-{word}" if whole else f"verdict-here-{word}"),
        TONE[word] if whole else "unsure",
    )
    yield voice("label-downtime"), voice.long(figure.amount), ""
    if report.claim is not None:
        yield from _claimed(report, report.claim, voice)


def _claimed(report: ReportFacts, claim: Claim, voice: Voice) -> Iterator[tuple[str, str, Style]]:
    yield voice("label-credit"), claiming.credit(report, claim, voice), "good"
    how = claiming.reduced(report, claim, voice)
    if how:
        yield voice("label-how"), how, ""
    if claim.state == "due":
        whole = claim.credit is not None and all(claiming.met(need) for need in claim.needs)
        yield voice("label-complete"), claiming.complete(report, claim, voice), "" if whole else "unsure"
        yield voice("label-claim-by"), claiming.by_when(report, claim, voice), ""
        yield voice("label-latest"), claiming.at_the_latest(report, claim, voice), ""
    yield voice("label-told-of"), claiming.told_of(report, claim, voice), ""
    waives = claiming.gives_up(report, voice)
    if waives:
        yield voice("label-gives-up"), waives, ""


def _figures(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    """All figures of the subject, the worst first."""
    yield heading(voice("figures-heading"), 2)
    rows = []
    for one, also in report.groups[:FIGURES]:
        figure, word = report.context.judged(one)
        names = ", ".join((one.commitment, *also))
        rows.append(
            [
                one.service,
                names,
                voice.promise(one.target),
                voice.bounds(figure.worst, figure.best),
                voice(f"verdict-{word}" if report.judges(one) else f"verdict-here-{word}"),
                voice.long(figure.amount),
            ]
        )
    heads = ("service", "commitment", "promised", "measured", "finding", "counted")
    yield table([voice(f"heads.{head}") for head in heads], rows, [3, 5, 0, 4, 0, 0], right=(2, 5))
    if len(report.groups) > len(rows):
        yield say(voice("and-more", more=len(report.groups) - len(rows)))
