"""Stretches of probes → the states of services: UP, DOWN, EDGE or UNKNOWN, over all origins (rules S6, V).

`watches` says who watched a service when and by which rules; `seen` sorts what the probes saw;
`service_states` joins both.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, groupby, pairwise
from operator import gt, itemgetter
from typing import NamedTuple, TypeAlias, TypeVar

from collector.core.record import AtLeast, DownWhen, Plan, Service
from collector.core.sight import NEVER, State, Testimony
from collector.core.timeline import (
    ALWAYS,
    NOTHING,
    Instant,
    Span,
    Spans,
    difference,
    intersection,
    spans,
    union,
    within,
)
from collector.errors import UncountableJournal


class Watcher(NamedTuple):
    """A probe, by the origin that keeps its lines and the vantage point that it looks from."""

    origin: str
    probe: str
    vantage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a service was watched for some time: by which rules, probes and controls."""

    rules: Service
    probes: tuple[Watcher, ...]
    controls: tuple[Watcher, ...]
    differs: bool
    """Another origin that spoke then still had, or had already, other rules."""


Watches: TypeAlias = tuple[tuple[Span, Watch], ...]


_Word = TypeVar("_Word", bound=Hashable)


def ruled(watched: Watches, by: Callable[[Service], _Word]) -> dict[_Word, Spans]:
    """What a service's rules say, and when: each hold until the next, the first before they are known too."""
    turns = [ALWAYS[0].start, *(span.start for span, _ in watched[1:]), ALWAYS[0].end]
    found: dict[_Word, Spans] = {}
    for (_, watch), (start, end) in zip(watched, pairwise(turns), strict=True):
        word = by(watch.rules)
        found[word] = union(found.get(word, NOTHING), (Span(start, end),))
    return found


class _Held(NamedTuple):
    """A plan, as long as it holds: to the next of its origin, or until its vantage point starts afresh."""

    span: Span
    told_until: Instant
    told: Testimony
    plan: Plan


def watches(testimonies: Sequence[Testimony], as_of: Instant) -> dict[str, Watches]:
    """Service name → who watched it when, in order of time.

    A plan holds on when its origin falls silent: its probes are UNKNOWN then, not gone. A new plan does not
    come to all origins in one microsecond, so for a while their rules for a service may differ: the newest
    count. UncountableJournal names both lines where they still did when two of them last spoke.
    """
    held = [h for told in testimonies for h in _held(told, testimonies, as_of)]
    found: dict[str, list[tuple[Span, Watch]]] = defaultdict(list)
    contradictions: dict[str, str] = {}
    for start, end in pairwise(sorted({edge for h in held for edge in h.span})):
        now = [h for h in held if h.span.start <= start < h.span.end]
        spoken = _spoken(now, start)
        contradictions |= spoken
        for name, watch in _watches(now, start, spoken).items():
            known = found[name]
            if known and known[-1][0].end == start and known[-1][1] == watch:
                known[-1] = (Span(known[-1][0].start, end), watch)
            else:
                known.append((Span(start, end), watch))
    for why in filter(None, contradictions.values()):
        raise UncountableJournal(why)
    return {name: tuple(parts) for name, parts in found.items()}


def _spoken(held: Sequence[_Held], at: Instant) -> dict[str, str]:
    """Service that several origins speak of at an instant → how they contradict each other; empty if not."""
    first: dict[str, tuple[_Held, Service]] = {}
    found: dict[str, str] = {}
    for h in held:
        for service in h.plan.services if h.told_until > at else ():
            one, other = first.setdefault(service.name, (h, service))
            if one is not h and not found.get(service.name):
                found[service.name] = (
                    ""
                    if other == service
                    else (
                        f"{one.told.origin}:{one.plan.seq} and {h.told.origin}:{h.plan.seq}: service "
                        f'"{service.name}" has different rules at the same time; give both origins the same'
                    )
                )
    return found


def _held(told: Testimony, testimonies: Sequence[Testimony], as_of: Instant) -> Iterator[_Held]:
    afresh = (o.began for o in testimonies if o.vantage == told.vantage and o.began > told.until)
    end = min(as_of, *afresh, as_of)
    for plan in reversed(told.harvest.plans):
        if plan.at < end:
            if nonsense := next(_nonsense(plan), None):
                raise UncountableJournal(f"{told.origin}:{plan.seq}: a plan {nonsense}")
            yield _Held(Span(plan.at, end), told.until, told, plan)
            end = plan.at


def _nonsense(plan: Plan) -> Iterator[str]:
    for kind, named in (("services", plan.services), ("probes", plan.probes)):
        for name, count in Counter(one.name for one in named).items():
            if count > 1:
                yield f'has {count} {kind} called "{name}": expected a name of its own for each'
    for service in plan.services:
        rule = service.down_when
        if isinstance(rule, AtLeast) and rule.at_least < 1:
            yield f'has service "{service.name}" down at_least {rule.at_least}: expected 1 or more'


def _watches(held: Sequence[_Held], at: Instant, spoken: Mapping[str, str]) -> dict[str, Watch]:
    rules: dict[str, Service] = {}
    probes: dict[str, list[Watcher]] = defaultdict(list)
    controls: dict[str, list[Watcher]] = defaultdict(list)
    for h in sorted(held, key=partial(_newest_word, at)):
        for service in h.plan.services:
            rules.setdefault(service.name, service)
        for probe in h.plan.probes:
            watcher = Watcher(h.told.origin, probe.name, h.told.vantage)
            (controls[watcher.vantage] if probe.role == "control" else probes[probe.service]).append(watcher)
    found: dict[str, Watch] = {}
    for name, service in rules.items():
        watching = tuple(sorted(probes[name]))
        witnesses = tuple(sorted(c for vantage in {w.vantage for w in watching} for c in controls[vantage]))
        differs = bool(spoken.get(name))
        found[name] = Watch(rules=service, probes=watching, controls=witnesses, differs=differs)
    return found


def _newest_word(at: Instant, h: _Held) -> tuple[bool, Instant, Instant]:
    # Of those that still speak, the newest plan; of the silent, the one that spoke last.
    silent = h.told_until <= at
    return silent, 0 if silent else -h.plan.at, -h.told_until


class Seen(NamedTuple):
    """One probe's stretches, sorted by state."""

    up: Spans = NOTHING
    down: Spans = NOTHING
    edge: Spans = NOTHING
    answered: Spans = NOTHING
    """UP, and where answers came in EDGE."""


UNSEEN = Seen()


def seen(testimonies: Sequence[Testimony], throttle: str) -> dict[tuple[str, str], Seen]:
    """(origin, probe) → its states under that choice of the reading `platform-throttle`."""
    choices = ("", throttle)
    found: dict[tuple[str, str], _ByState] = defaultdict(lambda: defaultdict(list))
    for told in testimonies:
        for kind, stretches in told.harvest.stretches.items():
            if kind.throttle in choices:
                found[told.origin, kind.probe][kind.state] += stretches
    return {watcher: _seen(by_state) for watcher, by_state in found.items()}


_ByState: TypeAlias = dict[State, list[tuple[Instant, Instant]]]


def _seen(of: _ByState) -> Seen:
    # T4: time that was told twice, because the clock was set back, is UNKNOWN.
    unsure = spans(_twice(of))
    up, down, edge, answered = (
        difference(spans(parts), unsure)
        for parts in (
            of[State.UP],
            of[State.DOWN],
            of[State.EDGE] + of[State.ANSWERED],
            of[State.UP] + of[State.ANSWERED],
        )
    )
    return Seen(up, down, edge, answered)


def _twice(of: _ByState) -> Iterator[tuple[Instant, Instant]]:
    """What of the stretches lies in one that began before."""
    stretches = sorted(chain.from_iterable(of.values()))
    if not any(map(gt, map(_end, stretches), map(_start, stretches[1:]))):
        return  # mostly
    told_until = NEVER
    for start, end in stretches:
        if start < told_until:
            yield start, min(end, told_until)
        if end > told_until:
            told_until = end


_start, _end = itemgetter(0), itemgetter(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """What is known of a service; the rest of any window is UNKNOWN (S5)."""

    up: Spans = NOTHING
    down: Spans = NOTHING
    edge: Spans = NOTHING
    answered: Spans = NOTHING
    """Where any of its probes got an answer, whatever the service's state (G1)."""
    unwitnessed: Spans = NOTHING
    """Where a vantage point without control probes looked at it (S6)."""


def service_states(
    watched: Mapping[str, Watches], by_probe: Mapping[tuple[str, str], Seen]
) -> dict[str, States]:
    """Service name → its states, each stretch of time judged by its own plan (S6, V1, V2, V5)."""
    alone = {name: _alone(parts, by_probe) for name, parts in watched.items()}
    return {name: _with_equivalents(parts, alone[name], alone) for name, parts in watched.items()}


def _alone(parts: Watches, by_probe: Mapping[tuple[str, str], Seen]) -> States:
    told = [_told(span, watch, list(_witnessed(watch, by_probe))) for span, watch in parts]
    return States(
        up=union(*(one.up for one in told)),
        down=union(*(one.down for one in told)),
        edge=union(*(one.edge for one in told)),
        answered=union(*(_answered(span, watch, by_probe) for span, watch in parts)),
        unwitnessed=spans(
            span
            for span, watch in parts
            if {w.vantage for w in watch.probes} - {c.vantage for c in watch.controls}
        ),
    )


def _answered(span: Span, watch: Watch, by_probe: Mapping[tuple[str, str], Seen]) -> Spans:
    watching = (by_probe.get((w.origin, w.probe), UNSEEN) for w in watch.probes)
    return within(union(*(one.answered for one in watching)), span)


def _witnessed(watch: Watch, by_probe: Mapping[tuple[str, str], Seen]) -> Iterator[Seen]:
    # S6: where no control of a vantage point is UP, the DOWN and EDGE of its probes become UNKNOWN.
    awake: dict[str, Spans] = {}
    for control in watch.controls:
        up = by_probe.get((control.origin, control.probe), UNSEEN).up
        awake[control.vantage] = union(awake.get(control.vantage, NOTHING), up)
    for watcher in watch.probes:
        one = by_probe.get((watcher.origin, watcher.probe), UNSEEN)
        if watcher.vantage in awake:
            sure = awake[watcher.vantage]
            one = one._replace(down=intersection(one.down, sure), edge=intersection(one.edge, sure))
        yield one


_STATES = State.UP, State.DOWN, State.EDGE, State.UNKNOWN


@cache
def _follows(down_when: DownWhen, needed: int) -> bool:
    """Whether a service that one probe watches is in the state of that probe."""
    return all(judged(down_when, needed, (("", state),)) is state for state in _STATES)


def _told(span: Span, watch: Watch, of: Sequence[Seen]) -> Seen:
    """The states of a service while it is watched in one way, by probes that saw `of`."""
    vantages = [w.vantage for w in watch.probes]
    needed = watch.rules.witnesses or min(2, len(set(vantages)))

    def verdict(states: tuple[State, ...]) -> State:
        return judged(watch.rules.down_when, needed, tuple(zip(vantages, states, strict=True)))

    if len(of) == 1 and _follows(watch.rules.down_when, needed):
        (one,) = of
        return Seen(within(one.up, span), within(one.down, span), within(one.edge, span))
    found: dict[State, list[tuple[Instant, Instant]]] = defaultdict(list)
    for start, end, state in _swept(span, of, verdict):
        found[state].append((start, end))
    return Seen(*(spans(found[state]) for state in (State.UP, State.DOWN, State.EDGE)))


def _swept(
    span: Span, of: Sequence[Seen], verdict: Callable[[tuple[State, ...]], State]
) -> Iterator[tuple[Instant, Instant, State]]:
    changes: list[tuple[Instant, int, int, State]] = []
    for index, one in enumerate(of):
        for state, parts in ((State.UP, one.up), (State.DOWN, one.down), (State.EDGE, one.edge)):
            for start, end in within(parts, span):
                changes += ((start, 1, index, state), (end, 0, index, State.UNKNOWN))
    changes.sort()  # at one instant, what ends comes before what begins
    states = [State.UNKNOWN] * len(of)
    known: dict[tuple[State, ...], State] = {}
    since = span.start
    now = State.UNKNOWN
    for instant, group in groupby(changes, key=itemgetter(0)):
        if instant > since:
            yield since, instant, now
        for _, _, index, state in group:
            states[index] = state
        key = tuple(states)
        if key not in known:
            known[key] = verdict(key)
        since, now = instant, known[key]
    if span.end > since:
        yield since, span.end, now


def judged(down_when: DownWhen, witnesses: int, probes: Sequence[tuple[str, State]]) -> State:
    """The state of a service whose probes, each (vantage, state), are in these states (V1, V2)."""
    states = [state for _, state in probes]
    down, edge, unknown = (states.count(state) for state in (State.DOWN, State.EDGE, State.UNKNOWN))
    # V1: DOWN needs DOWN probes from so many vantage points.
    proven = len({vantage for vantage, state in probes if state is State.DOWN}) >= witnesses
    if down_when == "all":
        if proven and down == len(probes) - unknown:
            return State.DOWN
        if State.UP in states:
            return State.UP
        suspect = {vantage for vantage, state in probes if state in (State.DOWN, State.EDGE)}
        return State.EDGE if edge and len(suspect) >= witnesses else State.UNKNOWN
    least = 1 if down_when == "any" else down_when.at_least
    if len(probes) < least:
        return State.UNKNOWN  # too few to ever tell
    if proven and down >= least:
        return State.DOWN
    if down + edge + unknown < least:
        return State.UP
    return State.EDGE if down + edge >= least else State.UNKNOWN


def _with_equivalents(parts: Watches, own: States, alone: Mapping[str, States]) -> States:
    # V5: DOWN only where every equivalent is DOWN too; any of them UP will do.
    if not any(watch.rules.equivalents for _, watch in parts):
        return own
    up, down, edge = [], [], []
    for span, watch in parts:
        all_of = [own, *(alone.get(name, States()) for name in watch.rules.equivalents)]
        every_down: Spans = (span,)
        every_fails: Spans = (span,)
        for one in all_of:
            every_down = intersection(every_down, one.down)
            every_fails = intersection(every_fails, union(one.down, one.edge))
        up.append(within(union(*(one.up for one in all_of)), span))
        down.append(every_down)
        edge.append(difference(every_fails, every_down))
    return States(
        up=union(*up), down=union(*down), edge=union(*edge),
        answered=own.answered, unwitnessed=own.unwitnessed,
    )  # fmt: skip
