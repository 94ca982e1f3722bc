"""The timeline drawn: what was seen and what was taken off, as lanes over one axis of Paris time.

Positions are whole millionths of the axis, so that no rounding of a machine's arithmetic gets into the file.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from collector.core.attainment import Attainment
from collector.core.outage import Outage
from collector.core.timeline import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Duration,
    Instant,
    Span,
    Spans,
    difference,
    spans,
    union,
    within,
)
from collector.core.verdict import Seen, Watcher
from exporters.documents import show
from exporters.documents.ledger import BEFORE_NET
from exporters.documents.report.blocks import Block
from exporters.documents.report.facts import ReportFacts
from exporters.documents.report.voice import Voice

WHOLE = 1_000_000
LEAST = 4_000
"""The least width of what is drawn, in millionths: an outage of seconds in a month must be seen."""

PLAIN = ("up", "ahead")
"""But not where nothing is the matter."""

TICKS = 8
"""At most so many on an axis."""

LANES = 12
"""At most so many probes are drawn one by one."""

STEPS: Sequence[Duration] = (
    *(n * SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 5, 7, 14, 30, 61, 122)),
)

Segment = list[int | str]


def overview(facts: ReportFacts, one: Attainment, voice: Voice) -> Block:
    """The whole window of a figure: the service, what is taken off, what counts."""
    window, states = one.window.span, facts.account.states[one.service]
    seen, as_of = Seen(states.up, states.down, states.edge), facts.account.as_of
    lanes = [(one.service, _states(window, seen, as_of)), *_ledger(one, window, voice)]
    return _drawn(window, lanes, (), voice)


def closeup(facts: ReportFacts, outage: Outage, one: Attainment | None, voice: Voice) -> Block:
    """One outage with some time around it: the service, each probe, each control, what is taken off."""
    hull = Span(outage.begins, outage.ends)
    margin = max(hull.length // 6, 10 * SECOND)
    as_of = facts.account.as_of
    start, end = hull.start - margin, min(hull.end + margin, max(as_of, hull.end + SECOND))
    window = Span(start - start % SECOND, end - end % -SECOND)
    states = facts.account.states[outage.service]
    lanes = [(outage.service, _states(window, Seen(states.up, states.down, states.edge), as_of))]
    heard = [w for w in facts.witnesses if w.outage == outage.id]
    probes = [w for w in heard if not w.control]
    controls = [w for w in heard if w.control]
    for witness in [*probes[:LANES], *controls[:LANES]]:
        word = "lane-control" if witness.control else "lane-probe"
        label = voice(word, probe=witness.watcher.probe, vantage=witness.watcher.vantage)
        lanes.append((label, _states(window, _of(facts.seen, witness.watcher), as_of)))
    if one is not None:
        lanes += _ledger(one, window, voice)
    return _drawn(window, lanes, _marks(outage, window, voice), voice)


def _of(seen: Mapping[tuple[str, str], Seen], watcher: Watcher) -> Seen:
    return seen.get((watcher.origin, watcher.probe), Seen())


def _states(window: Span, seen: Seen, as_of: Instant) -> list[Segment]:
    now = min(max(as_of, window.start), window.end)
    unknown = difference(spans([Span(window.start, now)]), union(seen.up, seen.down, seen.edge))
    ahead = spans([Span(now, window.end)])
    # What matters most is drawn last, over what lies beside it where both are too short to be seen.
    layers = (
        ("ahead", ahead), ("up", seen.up), ("unknown", unknown), ("edge", seen.edge), ("down", seen.down)
    )  # fmt: skip
    return [segment for state, parts in layers for segment in _segments(window, parts, state)]


def _ledger(one: Attainment, window: Span, voice: Voice) -> list[tuple[str, list[Segment]]]:
    """What lies in deductions, line by line, and what is left."""
    found = []
    for line in (*one.excluded, *one.ledger):
        if line.kind in BEFORE_NET and within(line.spans, window):
            found.append((voice.term("deduction", line.kind), _segments(window, line.spans, "taken")))
    if one.net.amount:
        found.append((voice("lane-counted"), _segments(window, one.net.down, "counted")))
    return found


def _segments(window: Span, parts: Spans, state: str) -> list[Segment]:
    """Where spans lie on the axis; what would touch once it is drawn wide enough to be seen is one."""
    found: list[list[int]] = []
    for start, end in within(parts, window):
        left = _place(start, window)
        right = max(_place(end, window), left + LEAST if state not in PLAIN else left)
        if found and left <= found[-1][1]:
            found[-1][1] = max(found[-1][1], right)
        else:
            found.append([left, right])
    edges = ((min(left, WHOLE - LEAST), min(right, WHOLE)) for left, right in found)
    return [[left, right - left, state] for left, right in edges]


def _place(at: Instant, window: Span) -> int:
    return (at - window.start) * WHOLE // window.length


def _marks(outage: Outage, window: Span, voice: Voice) -> list[list[int | str]]:
    bounds = outage.certain or outage.possible
    word = "certain" if outage.certain else "possible"
    start, end = bounds[0].start, bounds[-1].end
    marks: list[list[int | str]] = [
        [_place(start, window), voice(f"mark-{word}-start", at=voice.clock(start))]
    ]
    last = "mark-so-far" if outage.open else f"mark-{word}-end"
    return [*marks, [_place(end, window), voice(last, at=voice.clock(end))]]


def _drawn(
    window: Span,
    lanes: Iterable[tuple[str, list[Segment]]],
    marks: Sequence[list[int | str]],
    voice: Voice,
) -> Block:
    lanes = list(lanes)
    used = {str(segment[2]) for _, segments in lanes for segment in segments}
    return {
        "b": "drawing",
        "lanes": [{"label": label, "segments": segments} for label, segments in lanes],
        "marks": list(marks),
        "ticks": _ticks(window, voice),
        "axis": _axis(window, voice),
        "legend": [
            [state, voice(f"legend-{state}")]
            for state in ("up", "down", "edge", "unknown", "ahead", "taken", "counted")
            if state in used
        ],
    }


# -------------------------------------------------------------------------------------------------- the axis


def _ticks(window: Span, voice: Voice) -> list[list[int | str]]:
    step = next((one for one in STEPS if window.length // one < TICKS), STEPS[-1])
    found: list[list[int | str]] = []
    before = None
    for at in _round(window, step, voice):
        moment = _local(at, voice)
        day = f"{moment:%d/%m}" if voice.language == "fr" else f"{moment:%m-%d}"
        clock = f"{moment:%H:%M:%S}" if step < MINUTE else f"{moment:%H:%M}"
        label = day if step >= DAY else clock if day == before else f"{day} {clock}"
        before = day
        found.append([_place(at, window), label])
    return found


def _round(window: Span, step: Duration, voice: Voice) -> list[Instant]:
    """The instants in a window at which a clock on the wall shows a round time."""
    first, last = (_local(edge, voice).replace(tzinfo=None) for edge in window)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    since, until = ((wall - midnight) // timedelta(microseconds=1) for wall in (first, last))
    # Where clocks were set back, the wall shows an hour less than has gone by.
    back = HOUR if window.length >= DAY or until - since != window.length else 0
    found = []
    for k in range(max(since - back, 0) // step, (until + back) // step + 1):
        moment = (midnight + timedelta(microseconds=k * step)).replace(tzinfo=voice.where)
        at = (moment - show.EPOCH) // timedelta(microseconds=1)
        if window.start <= at <= window.end:
            found.append(at)
    return found


def _local(at: Instant, voice: Voice) -> datetime:
    return (show.EPOCH + timedelta(microseconds=at)).astimezone(voice.where)


def _axis(window: Span, voice: Voice) -> str:
    first, last = (f"UTC{_local(at, voice).isoformat()[-6:]}" for at in window)
    offset = first if first == last else voice("offset-changes", first=first, then=last)
    return voice("axis", zone=voice.contract.zone, offset=offset, span=voice.when(window))
