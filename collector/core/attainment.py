"""States and deductions of one service over one window → its attainment, with the ledger (rules A1 to A3).

The ledger is a partition. Raw DOWN is what counts plus what each line takes off, in the order of D1: the
declared kinds, what is too short to count, grace, and at last what nobody reserved. Its lines are disjoint
sets of instants, so they add up exactly and nothing is taken off twice:

    raw DOWN = net + declared kinds + not-countable + grace        net = claimable + unreserved

Under `excluded-time = leaves-period` excluded spans leave the window itself: `agreed` shrinks, the states
tile what remains, and no line takes off what is no longer there.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from collector.core.calendar import Slide
from collector.core.contract import Choice, Commitment, Grace, Readings
from collector.core.deduction import Deduction
from collector.core.incident import Spared, graced
from collector.core.outage import Outage
from collector.core.record import DEDUCTION_KINDS, Service
from collector.core.timeline import (
    NOTHING,
    Duration,
    Instant,
    Span,
    Spans,
    Summed,
    difference,
    duration,
    intersection,
    spans,
    union,
    within,
)
from collector.core.verdict import States, Watches
from collector.core.window import Episode, Lost, Window, Worst, worst

Finding: TypeAlias = Literal["MISSED", "MET", "OPEN"]
Degree: TypeAlias = Literal["net", "claimable"]
"""Of strictness, for which downtime is judged (A3): what is left, or what of it may be claimed."""


class Line(msgspec.Struct, frozen=True, gc=False):
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
    graces: tuple[Line, ...]
    """The ledger's line of grace, incident by incident."""
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
    episodes: tuple[Episode, ...] = ()
    """Of the worst position: all episodes in which the sliding window is missed."""


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

    @property
    def turns(self) -> list[Instant]:
        """Where the target may change."""
        return [edge for span, _ in self.targets for edge in span]


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

    def losses(self, slides: Sequence[Slide], readings: Readings, of: Degree = "net") -> "Losses":
        """What every position of a sliding window loses, of which there is at least one."""
        hull = Span(slides[0].starts.start, max(slide.last.end for slide in slides))
        return Losses(hull, self.facts, self.terms, readings, of)

    def worst(self, slides: Sequence[Slide], losses: "Losses") -> Worst:
        """The worst of these positions and the episodes that are missed; `losses` may be those of more."""
        return worst(slides, losses, self.terms.target, self.terms.turns)


def attained(
    service: str, window: Window, facts: Facts, terms: Terms, readings: Readings, flags: tuple[str, ...]
) -> Attainment:
    """The attainment of a commitment: states in, ledger out."""
    kinds = _by_kind(facts.deductions)
    excluded, agreed = _PERIODS[readings["excluded-time"]](within((window.span,), window.span), kinds)
    states = facts.states
    up, down, edge = (intersection(s, agreed) for s in (states.up, states.down, states.edge))
    total = duration(agreed)
    was_up, was_down, was_edge = duration(up), duration(down), duration(edge)
    unknown = total - was_up - was_down - was_edge

    ledger, left_down, left_edge = _left(down, edge, kinds, facts.outages, terms.minimum)
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
        up=was_up,
        down=was_down,
        edge=was_edge,
        unknown=unknown,
        excluded=excluded,
        ledger=tuple(line for line in ledger if line.spans),
        graces=tuple(Line("grace", taken, (id,)) for id, taken in net_grace.each if taken),
        observed=figure(down, edge),
        net=net_figure,
        claimable=claim_figure,
        target=target,
        finding=found(net_figure.best, net_figure.worst, target),
        claim_finding=found(claim_figure.best, claim_figure.worst, target),
        coverage=Fraction(total - unknown, total) if total else None,
        flags=flags,
    )


def found(best: Fraction | None, worst: Fraction | None, target: Fraction) -> Finding:
    """What two bounds say about a target (A3): fractions compare by cross-multiplication, so exactly."""
    if best is None or worst is None:
        return "OPEN"
    if best < target:
        return "MISSED"
    return "MET" if worst >= target else "OPEN"


class _Taking(NamedTuple):
    """All that a kind of deduction takes off, wherever it lies, and each declaration or outage of it."""

    kind: str
    spans: Spans
    each: Sequence[tuple[str, Spans]]

    def line(self, among: Spans) -> Line:
        """What it takes of `among`, and because of which."""
        taken = intersection(among, self.spans)
        because = (id for id, of in self.each if intersection(taken, of)) if taken else ()
        return Line(self.kind, taken, tuple(dict.fromkeys(because)))


def _left(
    down: Spans, edge: Spans, kinds: Sequence[_Taking], outages: Sequence[Outage], minimum: Duration
) -> tuple[list[Line], Spans, Spans]:
    """What declared deductions take, and what is too short; and what DOWN and EDGE they leave."""
    ledger = []
    for kind in kinds:
        ledger.append(kind.line(down))
        down, edge = difference(down, kind.spans), difference(edge, kind.spans)
    short, sure = _too_short(outages, minimum), _too_short(outages, minimum, at_most=True).spans
    # A2: what is too short only if it was no longer than is certain, is lost at worst.
    doubtful = difference(intersection(down, short.spans), sure)
    ledger.append(short.line(down))
    return ledger, difference(down, short.spans), union(difference(edge, sure), doubtful)


def _by_kind(deductions: Sequence[Deduction]) -> list[_Taking]:
    # D1: attributed in this order.
    found = []
    for kind in DEDUCTION_KINDS:
        each = [(one.id, one.spans) for one in deductions if one.kind == kind]
        if each:
            found.append(_Taking(kind, union(*(of for _, of in each)), each))
    return found


def _too_short(outages: Sequence[Outage], minimum: Duration, *, at_most: bool = False) -> _Taking:
    """What lasted less than the contract counts, for certain or at most."""
    each = [
        (o.id, o.possible)
        for o in (outages if minimum else ())
        if duration(o.possible if at_most else o.certain) < minimum
    ]
    return _Taking("not-countable", union(*(of for _, of in each)), each)


# ------------------------------------------------------------------------------- losses of very many windows


class _Group(NamedTuple):
    """Incidents that share time with each other and with no other, and the downtime between their edges."""

    hull: Span
    down: Spans
    given: Sequence[Spared]


class Losses:
    """How much downtime any window in `hull` has: what `attained` says of it, for those who ask very often.

    `of` is "net", or "claimable": only what is reserved, with grace taken from that (A2).

    Where no group of incidents reaches beyond both edges of a window, its downtime is what has begun to count
    before its end, less what has ceased to count before its start. The two sets differ where grace is an
    amount: an end that passes an incident adds nothing at first, a start that does takes nothing at last.
    All this rests on what is true of every reading of grace: one microsecond of downtime more is one that is
    lost more, or none; and what grace takes from a window does not depend on what comes after it.
    """

    def __init__(
        self,
        hull: Span,
        facts: Facts,
        terms: Terms,
        readings: Readings,
        of: Degree = "net",
    ) -> None:
        kinds = _by_kind(facts.deductions)
        _, agreed = _PERIODS[readings["excluded-time"]](within((hull,), hull), kinds)
        taken = union(*(kind.spans for kind in [*kinds, _too_short(facts.outages, terms.minimum)]))
        down = difference(intersection(facts.states.down, agreed), taken)
        if of == "claimable":
            down = intersection(down, facts.reserved)
        self._grace, self._readings = terms.grace, readings
        self._groups = list(_groups(terms.spared, down))
        self._starts = [group.hull.start for group in self._groups]
        self._ends = [group.hull.end for group in self._groups]
        alone = difference(down, spans(group.hull for group in self._groups))
        self._agreed = Summed(agreed)
        self._begun = Summed(difference(down, self._graced(down, terms.spared)))
        self._ceased = Summed(union(alone, *(spans(self._ceasing(group)) for group in self._groups)))
        self._at_start = sorted({*self._agreed.edges, *self._ceased.edges})
        self._at_end = sorted({*self._agreed.edges, *self._begun.edges})

    def __call__(self, window: Span) -> Lost:
        """What a window has; it lies in the hull."""
        agreed = self._agreed.before(window.end) - self._agreed.before(window.start)
        return Lost(self._down(window), agreed)

    def bends(self, slide: Slide) -> list[Instant]:
        """The first and last start of a slide, and all between at which what its windows have may bend."""
        first, last = slide.starts.start, slide.starts.end - 1
        found = {first, last, *slide.meeting(self._at_start, self._at_end)}
        low, high = bisect_right(self._ends, slide.end), bisect_left(self._starts, last)
        for group in self._groups[low:high]:
            if group.hull.length <= slide.last.length:
                continue  # it never reaches beyond both edges of a window
            found.update(slide.meeting([edge for span in group.down for edge in span], ()))
            inside = sorted(one for one in found if group.hull.start <= one <= group.hull.end)
            for a, b in pairwise(inside):
                found.update(self._between(group, slide, a, b))
        return sorted(found)

    def _between(self, group: _Group, slide: Slide, a: Instant, b: Instant) -> Iterator[Instant]:
        """Starts at which what a window has may bend, where its start meets no edge of downtime.

        What grace takes depends on the start alone. A start that passes one microsecond of downtime frees one
        at most, and what is taken instead stays so; of a stretch of downtime the earliest is taken first. So,
        if from a to b as much is taken anew as was passed, all in one stretch, it is one more at each step.
        """
        before, after = (
            self._graced(within(group.down, Span(start, group.hull.end)), group.given) for start in (a, b)
        )
        more = difference(after, before)
        if more and more[0].length < b - a:
            middle = (a + b) // 2
            yield middle
            yield from self._between(group, slide, a, middle)
            yield from self._between(group, slide, middle, b)
            return
        part = slide.part(a, b + 1)
        yield from part.meeting((), [edge for span in before for edge in span])
        if more and slide.stays and more[0].start < slide.end < more[0].end:
            yield a + slide.end - more[0].start

    def _down(self, window: Span) -> Duration:
        k = bisect_left(self._starts, window.start) - 1
        if k >= 0 and self._ends[k] > window.end:
            return self._left(self._groups[k], window)
        return self._begun.before(window.end) - self._ceased.before(window.start)

    def _left(self, group: _Group, window: Span) -> Duration:
        """What of a group's downtime counts in a window."""
        down = within(group.down, window)
        return duration(down) - duration(self._graced(down, group.given))

    def _graced(self, down: Spans, given: Sequence[Spared]) -> Spans:
        return graced(down, NOTHING, given, self._grace, self._readings).down

    def _ceasing(self, group: _Group) -> Iterator[Span]:
        """What of a group's downtime ceases to count as the start of a window passes it."""
        down = Summed(group.down)

        def left(passed: Duration) -> Duration:
            return self._left(group, Span(down.at(passed), group.hull.end))

        total = duration(group.down)
        for a, b in _falls(left, (0, left(0)), (total, 0)):
            yield from within(group.down, Span(down.at(a), down.at(b)))


def _falls(
    left: Callable[[Duration], Duration], low: tuple[Duration, Duration], high: tuple[Duration, Duration]
) -> Iterator[tuple[Duration, Duration]]:
    """Where a function falls that, at each step, falls by one or not at all; it is known at both ends."""
    (a, at_a), (b, at_b) = low, high
    fall = at_a - at_b
    if not fall:
        return
    if fall == b - a or left(a + fall) == at_b:  # the latter where an incident is alone: it falls, then rests
        yield a, a + fall
        return
    if left(b - fall) == at_a:
        yield b - fall, b
        return
    middle = (a + b) // 2
    known = middle, left(middle)
    yield from _falls(left, low, known)
    yield from _falls(left, known, high)


def _groups(given: Sequence[Spared], down: Spans) -> Iterator[_Group]:
    """Those with downtime; `given` is in the order of `spared`."""
    together: list[tuple[Span, list[Spared]]] = []
    for one in given:
        start, end = one.pool[0].start, one.pool[-1].end
        if together and start < together[-1][0].end:
            hull, group = together[-1]
            group.append(one)
            together[-1] = Span(hull.start, max(end, hull.end)), group
        else:
            together.append((Span(start, end), [one]))
    for hull, group in together:
        inside = within(down, hull)
        if inside:
            yield _Group(hull, inside, group)


# ---------------------------------------------------------------------------------- reading excluded-time


def _period_stays(window: Spans, kinds: Sequence[_Taking]) -> tuple[tuple[Line, ...], Spans]:  # noqa: ARG001
    # Safe: downtime in excluded time does not count, and the period stays whole.
    return (), window


def _leaves_period(window: Spans, kinds: Sequence[_Taking]) -> tuple[tuple[Line, ...], Spans]:
    # Arguable: excluded time leaves the period too.
    left = []
    for kind in kinds:
        left.append(kind.line(window))
        window = difference(window, kind.spans)
    return tuple(line for line in left if line.spans), window


_PERIODS: Mapping[Choice, Callable[[Spans, Sequence[_Taking]], tuple[tuple[Line, ...], Spans]]] = {
    "period-stays": _period_stays,
    "leaves-period": _leaves_period,
}
