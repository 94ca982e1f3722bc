"""States and deductions of one service over one window → its attainment, with the ledger (rules A1 to A3).

The ledger is a partition. Raw DOWN is what counts plus what each line takes off, in the order of D1: the
declared kinds, what is too short to count, grace, and at last what nobody reserved. Its lines are disjoint
sets of instants, so they add up exactly and nothing is taken off twice:

    raw DOWN = net + declared kinds + not-countable + grace        net = claimable + unreserved

Under `excluded-time = leaves-period` excluded spans leave the window itself: `agreed` shrinks, the states
tile what remains, and no line takes off what is no longer there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

from collector.core.contract import Choice, Commitment, Grace, Readings
from collector.core.deduction import Deduction
from collector.core.incident import Spared, graced
from collector.core.outage import Outage
from collector.core.record import DEDUCTION_KINDS, Service
from collector.core.timeline import (
    Duration,
    Instant,
    Span,
    Spans,
    difference,
    duration,
    intersection,
    union,
    within,
)
from collector.core.verdict import States, Watches
from collector.core.window import Window

Finding: TypeAlias = Literal["MISSED", "MET", "OPEN"]


class Line(NamedTuple):
    """What one kind of deduction takes from raw downtime, and the declarations or incidents that say so."""

    kind: str
    spans: Spans
    because: tuple[str, ...]

    @property
    def amount(self) -> Duration:
        return duration(self.spans)


@dataclass(frozen=True, slots=True)
class Figure:
    """Downtime of one degree of strictness, and what it leaves (A2).

    `best` and `worst` are shares of agreed time; none where nothing is left to agree on.
    """

    down: Spans
    best: Fraction | None
    worst: Fraction | None

    @property
    def amount(self) -> Duration:
        return duration(self.down)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attainment:
    """One commitment of one service over one window."""

    commitment: str
    service: str
    window: Window
    agreed: Duration
    up: Duration
    down: Duration
    edge: Duration
    unknown: Duration
    excluded: tuple[Line, ...]
    """Time that has left the period, by kind (`leaves-period` only)."""
    ledger: tuple[Line, ...]
    observed: Figure
    net: Figure
    claimable: Figure
    target: Fraction
    finding: Finding
    """On net: for people."""
    claim_finding: Finding
    """On claimable: for claims."""
    coverage: Fraction | None
    """The share of agreed time that is not UNKNOWN."""
    flags: tuple[str, ...]


class Facts(NamedTuple):
    """All that is known of one service, over all time."""

    states: States
    outages: Sequence[Outage]
    deductions: Sequence[Deduction]
    """Those that take time off it."""
    reserved: Spans


class Terms(NamedTuple):
    """What the contract says about one commitment of one service."""

    commitment: str
    stated: Fraction
    """The contract's target."""
    targets: Sequence[tuple[Span, Fraction]]
    """The target that was in force when."""
    minimum: Duration
    grace: Grace | None
    spared: Sequence[Spared]

    def target(self, window: Span) -> Fraction:
        """What is promised for a window: where it changes inside, the lowest (A3)."""
        return min((target for span, target in self.targets if within((span,), window)), default=self.stated)


class Stake(NamedTuple):
    """One commitment of one service, with all that its attainment over any window is drawn from."""

    commitment: Commitment
    rules: Service
    """Its newest."""
    watched: Watches
    facts: Facts
    terms: Terms
    flags: Callable[[Window], tuple[str, ...]]
    """What a figure over a window rests on, or what stands against claiming it."""

    @property
    def began(self) -> Instant:
        """When the service was first watched."""
        return self.watched[0][0].start

    def over(self, window: Window, readings: Readings) -> "Attainment":
        """The attainment of a window."""
        return attained(self.rules.name, window, self.facts, self.terms, readings, self.flags(window))


def attained(
    service: str, window: Window, facts: Facts, terms: Terms, readings: Readings, flags: tuple[str, ...]
) -> Attainment:
    """The attainment of a commitment: states in, ledger out."""
    kinds = _by_kind(facts.deductions)
    excluded, agreed = _PERIODS[readings["excluded-time"]](within((window.span,), window.span), kinds)
    states = facts.states
    up, down, edge = (intersection(s, agreed) for s in (states.up, states.down, states.edge))
    total = duration(agreed)
    unknown = total - duration(up) - duration(down) - duration(edge)

    left_down, left_edge, ledger = down, edge, list[Line]()
    for kind, taken, because in [*kinds, _too_short(facts.outages, terms.minimum)]:
        ledger.append(Line(kind, intersection(left_down, taken), because))
        left_down, left_edge = difference(left_down, taken), difference(left_edge, taken)
    net_grace = graced(left_down, left_edge, terms.spared, terms.grace, readings)
    net = difference(left_down, net_grace.down)
    # A2: of what a reservation covers, with grace taken from that.
    claim_down, claim_edge = (intersection(s, facts.reserved) for s in (left_down, left_edge))
    claim_grace = graced(claim_down, claim_edge, terms.spared, terms.grace, readings)
    claimable = difference(claim_down, claim_grace.down)
    ledger += (
        Line("grace", net_grace.down, net_grace.because),
        Line("unreserved", difference(net, claimable), ()),
    )

    def figure(counted: Spans, doubtful: Spans) -> Figure:
        if not total:
            return Figure(counted, None, None)
        lost = duration(counted)
        most = lost + duration(doubtful) + unknown
        return Figure(counted, Fraction(total - lost, total), Fraction(total - most, total))

    target = terms.target(window.span)
    net_figure = figure(net, difference(left_edge, net_grace.edge))
    claim_figure = figure(claimable, difference(claim_edge, claim_grace.edge))
    return Attainment(
        commitment=terms.commitment,
        service=service,
        window=window,
        agreed=total,
        up=duration(up),
        down=duration(down),
        edge=duration(edge),
        unknown=unknown,
        excluded=excluded,
        ledger=tuple(line for line in ledger if line.spans),
        observed=figure(down, edge),
        net=net_figure,
        claimable=claim_figure,
        target=target,
        finding=found(net_figure, target),
        claim_finding=found(claim_figure, target),
        coverage=Fraction(total - unknown, total) if total else None,
        flags=flags,
    )


def found(figure: Figure, target: Fraction) -> Finding:
    """What a figure says about a target (A3): fractions compare by cross-multiplication, so exactly."""
    if figure.best is None or figure.worst is None:
        return "OPEN"
    if figure.best < target:
        return "MISSED"
    return "MET" if figure.worst >= target else "OPEN"


def _by_kind(deductions: Sequence[Deduction]) -> list[Line]:
    # D1: attributed in this order.
    found = []
    for kind in DEDUCTION_KINDS:
        of_kind = [one for one in deductions if one.kind == kind]
        if of_kind:
            found.append(
                Line(kind, union(*(one.spans for one in of_kind)), tuple(sorted({one.id for one in of_kind})))
            )
    return found


def _too_short(outages: Sequence[Outage], minimum: Duration) -> Line:
    short = [o for o in outages if duration(o.certain) < minimum]
    return Line("not-countable", union(*(o.possible for o in short)), tuple(o.id for o in short))


# ---------------------------------------------------------------------------------- reading excluded-time


def _period_stays(window: Spans, kinds: Sequence[Line]) -> tuple[tuple[Line, ...], Spans]:  # noqa: ARG001
    # Safe: downtime in excluded time does not count, and the period stays whole.
    return (), window


def _leaves_period(window: Spans, kinds: Sequence[Line]) -> tuple[tuple[Line, ...], Spans]:
    # Arguable: excluded time leaves the period too.
    left = []
    for kind, spans, because in kinds:
        taken = intersection(window, spans)
        if taken:
            left.append(Line(kind, taken, because))
        window = difference(window, spans)
    return tuple(left), window


_PERIODS: Mapping[Choice, Callable[[Spans, Sequence[Line]], tuple[tuple[Line, ...], Spans]]] = {
    "period-stays": _period_stays,
    "leaves-period": _leaves_period,
}
