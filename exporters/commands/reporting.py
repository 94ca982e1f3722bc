"""From a drawn account to the facts of a report: what `constat bundle` calls for each subject."""

from collections.abc import Mapping, Sequence
from typing import Any

from collector.core.account import settle
from collector.core.timeline import Span
from exporters.commands import comparison
from exporters.commands.journals import Drawn
from exporters.documents.report import Origin, ReportFacts, gathered
from exporters.documents.report.facts import Kind


def report_facts(
    drawn: Drawn,
    kind: Kind,
    id: str,
    *,
    span: Span,
    filed: bytes,
    origins: Sequence[Origin] | None = None,
    deposits: Sequence[str] = (),
    provider: Mapping[str, Any] | None = None,
) -> ReportFacts:
    """The facts of a report on an outage, a reservation, a claim or a period.

    `span` is what the bundle is over, `filed` the bytes of its statement.json. `origins` is what it has of
    each origin, with keys and stamps; without it, the heads of the journal that were read, and nothing
    vouches for them. `deposits` say in words where keys and plan were deposited; `provider` is provider.json.
    Raises UsageError where `id` names nothing.
    """
    if origins is None:
        origins = [
            Origin(origin=head.origin, vantage=head.vantage, size=head.size, root=head.root)
            for head in comparison.heads_of(drawn)
        ]
    return gathered(
        kind,
        id,
        span=span,
        filed=filed,
        account=drawn.account,
        settlement=settle(drawn.account),
        effects=drawn.effects,
        testimonies=[told.testimony for told in drawn.found.told],
        places=drawn.places,
        origins=origins,
        deposits=deposits,
        provider=provider,
    )
