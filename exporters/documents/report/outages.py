"""Each outage down to the samples that bound it, with what the provider answered; all samples in an annex."""

from collections.abc import Iterator, Sequence

from collector.core.attainment import Attainment
from collector.core.outage import Outage
from collector.core.record import Outcome, Sample
from collector.core.timeline import Spans, duration, intersection, within
from collector.journal.passage import Cited
from exporters.documents import show
from exporters.documents.ledger import BEFORE_NET
from exporters.documents.report import drawing
from exporters.documents.report.blocks import Block, facts, heading, kept, say, table
from exporters.documents.report.facts import ReportFacts, concerned
from exporters.documents.report.voice import Voice
from exporters.documents.witness import Witness
from exporters.documents.words import SHOWN, fact

LISTED = 40
"""So many outages are listed; the rest are counted."""

PROBES = 8
"""So many probes of an outage are told one by one."""

ROWS = 20
"""So many samples of a probe stand in the annex: the first half of them, and the last."""

ANNEXED = ("status", "code", "request_id")
"""Facts that the annex has room for."""

OWN = ("status", "code", "request_id", "date")
"""Facts of a sample that have their own words."""


def chapter(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    """The outages that the subject is about."""
    yield heading(voice("outages-heading" if len(report.outages) > 1 else "outage-heading"))
    if not report.outages:
        yield say(voice("no-outages"))
        return
    if len(report.outages) > 1:
        yield from _list(report, voice)
    for outage in report.detailed:
        yield from _one(report, outage, voice)


def _list(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    rows = []
    for outage in report.outages[:LISTED]:
        figures = [group.one for group in concerned(report, outage)]
        net = max((duration(intersection(outage.certain, one.net.down)) for one in figures), default=0)
        end = voice("goes-on") if outage.open else voice.cell(outage.ends)
        rows.append(
            [
                outage.service,
                voice.cell(outage.begins),
                end,
                voice.long(duration(outage.certain)),
                voice.long(net),
            ]
        )
    heads = ("service", "begins", "ends", "certain", "counted")
    yield table([voice(f"heads.{head}") for head in heads], rows, [3, 0, 0, 0, 0], right=(3, 4))
    if len(report.outages) > LISTED:
        yield say(voice("more-outages", outages=voice.count(len(report.outages) - LISTED, "outage")))
    if len(report.outages) > len(report.detailed):
        yield say(voice("detailed", outages=voice.count(len(report.detailed), "outage")), "quiet")


def _one(report: ReportFacts, outage: Outage, voice: Voice) -> Iterator[Block]:
    figures = [group.one for group in concerned(report, outage)]
    rows = [
        *_spans("label-certain", outage.certain, voice),
        *_spans("label-possible", outage.possible, voice),
    ]
    if outage.open:
        rows.append((voice("label-open"), voice("open")))
    rows += [
        (voice("label-counts") if k == 0 else "", _cost(outage, one, voice)) for k, one in enumerate(figures)
    ]
    picture = drawing.closeup(report, outage, figures[0] if figures else None, voice)
    yield from kept([heading(outage.id, 2), facts(rows), picture])
    heard = [one for one in report.witnesses if one.outage == outage.id]
    probes = [one for one in heard if not one.control]
    for witness in probes[:PROBES]:
        yield from kept(_witness(witness, voice))
    if len(probes) > PROBES:
        yield say(voice("more-probes", probes=voice.count(len(probes) - PROBES, "probe")))
    controls = [one for one in heard if one.control]
    if controls:
        yield heading(voice("controls-heading"), 3)
        yield table(
            [voice(f"heads.{head}") for head in ("control", "vantage", "answered")],
            [[one.watcher.probe, one.watcher.vantage, _answered(one, voice)] for one in controls],
            [1, 1, 2],
        )


def _spans(label: str, parts: Spans, voice: Voice) -> Iterator[tuple[str, str]]:
    if not parts:
        yield voice(label), voice("none")
        return
    total = duration(parts)
    of = "" if len(parts) == 1 else voice("in-parts", parts=voice.count(len(parts), "part"))
    yield voice(label), voice.long(total) + of
    for span in parts[:SHOWN]:
        yield "", voice("span-long", span=voice.span(span), long=voice.long(span.length))
    if len(parts) > SHOWN:
        yield "", voice("and-more", more=len(parts) - SHOWN)


def _cost(outage: Outage, one: Attainment, voice: Voice) -> str:
    certain = within(outage.certain, one.window.span)
    parts = [(line.kind, duration(intersection(certain, line.spans))) for line in one.ledger]
    taken = "".join(
        f" − {voice.long(part)} ({voice.term('deduction', kind)})"
        for kind, part in parts
        if part and kind in BEFORE_NET
    )
    net, claimable = (duration(intersection(certain, of.down)) for of in (one.net, one.claimable))
    return voice(
        "counts",
        commitment=one.commitment,
        raw=voice.long(duration(certain)),
        taken=taken,
        net=voice.long(net),
        claimable=voice.long(claimable),
    )


def _witness(one: Witness, voice: Voice) -> Iterator[Block]:
    yield heading(voice("probe-of", probe=one.watcher.probe, vantage=one.watcher.vantage), 3)
    yield say(_counted(one, voice))
    if one.first_failed is None:
        if one.counts:
            yield say(voice("did-not-fail"))
        return
    bounds = (
        ("last-ok", one.last_ok),
        ("first-failed", one.first_failed),
        ("last-failed", one.last_failed),
        ("first-ok", one.first_ok),
    )
    heads = ("sample", "sent", "came-to", "provider", "line")
    yield table(
        [voice(f"heads.{head}") for head in heads],
        [_bound(word, cited, one.watcher.origin, voice) for word, cited in bounds],
        [0, 4, 4, 7, 4],
    )


def _counted(one: Witness, voice: Voice) -> str:
    total = sum(one.counts.values())
    if not total:
        return voice("no-sample")
    parts = (
        f"{show.grouped(number)} × {voice.outcome(outcome, reason)}"
        for (outcome, reason), number in sorted(one.counts.items())
    )
    return voice("samples-in", samples=voice.count(total, "sample"), parts=", ".join(parts))


def _bound(word: str, cited: Cited | None, origin: str, voice: Voice) -> Sequence[str]:
    if cited is None:
        told = voice(f"no-{word}") if word in ("last-ok", "first-ok") else voice("none")
        return [voice(word), told, "", "", ""]
    sample = cited.line
    assert isinstance(sample, Sample)
    came = voice(
        "after",
        outcome=voice.outcome(sample.outcome, sample.reason),
        took=voice.long(sample.done - sample.sent),
    )
    line = voice("line", origin=origin, seq=sample.seq, file=cited.file, number=cited.number)
    return [voice(word), voice.cell(sample.sent), came, _facts(sample, voice), line]


def _facts(sample: Sample, voice: Voice, only: Sequence[str] | None = None) -> str:
    """What the provider's answer had in it, or some of it."""
    names = [name for name in only or OWN if name in sample.facts]
    if only is None:
        names += sorted(sample.facts.keys() - set(OWN))
    told = (f"{voice.term('fact', name)} {fact(sample.facts[name], name, voice.long)}" for name in names)
    return voice.join(told) or voice("no-facts")


def _answered(one: Witness, voice: Voice) -> str:
    answered = sum(number for (outcome, _), number in one.counts.items() if outcome is Outcome.OK)
    return voice("answered", answered=show.grouped(answered), of=show.grouped(sum(one.counts.values())))


# --------------------------------------------------------------------------------------------------- annex


def annex(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    """The samples of the outages that are told in full, as far as there is room."""
    told = [one for one in report.witnesses if not one.control and one.samples]
    if not told:
        return
    yield heading(voice("annex-heading"))
    yield say(voice("annex"), "quiet")
    for one in told[: PROBES * len(report.detailed)]:
        yield heading(
            voice("annex-of", probe=one.watcher.probe, vantage=one.watcher.vantage, outage=one.outage), 3
        )
        samples = one.samples or []
        first, last = samples, list[Cited]()
        if len(samples) > ROWS:
            first, last = samples[: ROWS // 2], samples[-ROWS // 2 :]
        rows = [_row(cited, voice) for cited in first]
        if last:
            more = len(samples) - ROWS
            rows.append(["…", "", "", voice("more-samples", samples=voice.count(more, "sample")), ""])
            rows += [_row(cited, voice) for cited in last]
        heads = ("seq", "sent", "took", "came-to", "provider")
        yield table([voice(f"heads.{head}") for head in heads], rows, [0, 0, 0, 4, 7], right=(0, 2))


def _row(cited: Cited, voice: Voice) -> Sequence[str]:
    sample = cited.line
    assert isinstance(sample, Sample)
    return [
        str(sample.seq),
        voice.cell(sample.sent),
        voice.long(sample.done - sample.sent),
        voice.outcome(sample.outcome, sample.reason),
        _facts(sample, voice, ANNEXED),
    ]
