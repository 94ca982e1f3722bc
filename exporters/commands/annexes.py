"""What a bundle holds besides evidence: the report for people, and what the provider logged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from collector.core.record import Sample
from collector.core.timeline import Span
from collector.journal import passage, timestamp
from collector.journal.excerpting import Cut
from exporters.commands.journals import Drawn
from exporters.commands.reporting import report_facts
from exporters.documents import matching, report
from exporters.documents.bundle.contents import Order
from exporters.documents.report import LANGUAGES, Origin, Stamp

PROVIDER = "provider.json"


@dataclass(frozen=True, slots=True)
class Annexes:
    """Files below `data/`, by name."""

    order: Order
    drawn: Drawn

    def provider(self) -> dict[str, bytes]:
        """`provider.json`, where anything of the provider's log was gathered."""
        log = matching.collected(
            (one for told in self.drawn.found.told for one in told.testimony.harvest.declarations),
            [place.directory.parent.parent for place in self.drawn.places],
        )
        if not log:
            return {}
        window = self.order.subject.window
        found = matching.to_json(matching.match(self._asked(window), log, within=window))
        return {PROVIDER: msgspec.json.format(msgspec.json.encode(found, order="sorted"), indent=2) + b"\n"}

    def _asked(self, window: Span) -> Iterator[matching.Asked]:
        """The samples of the window that a log of the provider would have."""
        plans = {told.testimony.origin: told.testimony.harvest.plans for told in self.drawn.found.told}
        for place in self.drawn.places:
            asking = matching.asking(place.name, plans.get(place.name, ()))
            for cited in passage.passage(place, (window,)):
                if isinstance(cited.line, Sample) and window.start <= cited.line.sent < window.end:
                    asked = asking(cited.line)
                    if asked.account:
                        yield asked

    def reports(self, provider: Mapping[str, bytes], deposits: Sequence[str] = ()) -> dict[str, bytes]:
        """The report, once in each language; `deposits` say with whom the journal was announced, and when."""
        facts = report_facts(
            self.drawn,
            self.order.subject.kind,
            self.order.subject.id,
            span=self.order.subject.window,
            filed=self.order.statement,
            origins=[_origin(cut) for cut in self.order.cuts],
            deposits=deposits,
            provider=_decoded(provider),
        )
        return {f"report-{language}.pdf": report.render(facts, language) for language in LANGUAGES}


def _decoded(provider: Mapping[str, bytes]) -> dict[str, Any] | None:
    data = provider.get(PROVIDER)
    return None if data is None else msgspec.json.decode(data, type=dict[str, Any])


def _origin(cut: Cut) -> Origin:
    """What vouches for an origin's lines."""
    first, last = cut.stretch or (None, None)
    head = cut.seals[-1]
    return Origin(
        origin=cut.origin.name,
        vantage=cut.vantage,
        size=head.size,
        root=head.root.hex(),
        first=first,
        last=last,
        keys=cut.keys,
        stamps=_stamps(cut),
    )


def _stamps(cut: Cut) -> Sequence[Stamp]:
    directory = cut.origin.checkpoints
    assert directory is not None
    found = []
    for seal in cut.seals:
        for name in (name for name in seal.beside if name.endswith(passage.STAMP)):
            token = timestamp.parse((directory / name).read_bytes())
            authority = name.removesuffix(passage.STAMP).partition(".")[2]
            found.append(Stamp(authority, seal.size, token.gen_time, token.accuracy))
    return found
