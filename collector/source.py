"""What a source is: something that the provider states by API, asked for seldom, never at a sample's cost."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from collector.core.record import Outcome, Reason
from collector.core.timeline import Duration, Instant, Span
from collector.errors import ConstatError


class SourceError(ConstatError):
    """A source gave nothing that can be kept. The message says why; it goes on record."""


class SourceRejected(SourceError):
    """The provider does not take our credentials, or does not let them read this: no use in asking again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What a source may use: nothing else of the machine but `collector.host.fetch`."""

    account: str
    region: str
    target: str
    credentials: Mapping[str, str] = field(repr=False)
    """Never written into a document, a line or a log."""
    access_keys: tuple[str, ...] = field(repr=False)
    """Of all of our probes that sign for this account."""
    wall: Callable[[], Instant]
    """Wall-clock µs, for signatures only."""
    admitted: Callable[[str], Awaitable[None]]
    """Waits until a request (what makes two identical) may go out, when no probe is near; or SourceError."""
    answered: Callable[[Outcome, Reason], None]
    """To be told what came of it: the rate budget learns from it as from a probe's run."""
    pause: Callable[[int], Awaitable[None]]
    """Waits before the n-th attempt, counted from 1, ever longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What the provider stated of a stretch of time."""

    document: bytes
    """To be kept as it is: without secrets."""
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A source: `collector/sources/<kind>.py` has one, called SPEC; the kind is written with hyphens.

    `run` gathers what the provider states of a span, or raises SourceError. When, from where on, again after
    a failure, and putting it on record are not its business.
    """

    kind: str
    says: str
    """What it is, in a few words: "the provider's log of our calls"."""
    home: Callable[[str], str]
    """Region → the target that is asked if the settings name none."""
    fits: Callable[[str], object]
    """Raises ValueError for a target of another form."""
    run: Callable[[SourceContext, Span], Awaitable[Gathered]]
    needs: tuple[str, ...]
    """Names of the credentials that it cannot do without."""
    keeps: Duration
    """How long the provider has it: what is older is lost."""
    stretch: Duration
    """The most that one document covers."""
    settle: Duration
    """How long the provider may take until all of an instant can be read."""
