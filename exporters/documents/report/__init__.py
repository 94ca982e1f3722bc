"""The report of a bundle: what happened and why it is owed, as a PDF in French and English."""

from collections.abc import Iterator

from exporters.documents import show
from exporters.documents.report import claiming, judged, outages, summary, vouching
from exporters.documents.report.blocks import Block, heading
from exporters.documents.report.facts import Origin, ReportFacts, Stamp, gathered
from exporters.documents.report.typeset import pdf
from exporters.documents.report.voice import LANGUAGES, Language, Voice

__all__ = ["LANGUAGES", "Language", "Origin", "ReportFacts", "Stamp", "content", "gathered", "render"]

CHAPTERS = 12
"""So many figures are told in full; the first page lists the others."""


def render(report: ReportFacts, language: Language) -> bytes:
    """The report as PDF/A-3b, with the statement inside it; the same facts give the same bytes anywhere."""
    contract = report.context.contract
    voice = Voice(language, show.zone(contract.zone, utc=False), contract)
    as_of = report.account.as_of
    document = {
        "language": language,
        "kicker": voice("kicker", provider=contract.provider, id=report.name),
        "title": summary.title(report, voice),
        "footer": voice("footer", id=report.name, at=voice.moment(as_of)),
        # The template fills these two in.
        "page": voice("page", n="{n}", of="{of}"),
        "attachment": voice("attachment"),
        "blocks": list(content(report, voice)),
    }
    return pdf(document, {"statement.json": report.statement}, as_of)


def content(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    """All of it, in order."""
    body = list(_body(report, voice))
    sections = [block["t"] for block in body if block["b"] == "heading" and block["level"] == 1]
    # The first page is section 1.
    yield from summary.page(report, voice, sections.index(voice("verify-heading")) + 2)
    yield from body


def _body(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    for group in report.groups[:CHAPTERS]:
        if report.kind != "period" or group.one.finding != "MET":
            yield from judged.chapter(report, group, voice)
    yield from outages.chapter(report, voice)
    yield from claiming.reservations(report, voice)
    if report.claim is not None:
        yield from claiming.chapter(report, report.claim, voice)
    yield from claiming.worth(report, voice)
    yield from vouching.quality(report, voice)
    yield from vouching.provider(report, voice)
    yield from vouching.verification(report, voice)
    yield heading(voice("words-heading"))
    yield vouching.vocabulary(voice)
    yield from outages.annex(report, voice)
