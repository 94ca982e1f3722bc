"""Samples -> states of probes -> states of services -> outages, for the verifier that lies beside it.

It carries out the rules of Constat's accounting that are named at each line: S2 to S4 and T4 (one probe), S6,
V1, V2 and V5 (one service), V3 (its outages), S1 (planned slots); it reads what a contract promises and
tells which stamp is over a line. It rests on the standard library alone. Instants are whole microseconds,
UTC, since 1970; spans are half-open.
"""

from __future__ import annotations

import json
import re
from array import array
from bisect import bisect_right
from collections import defaultdict
from fractions import Fraction
from itertools import accumulate
from struct import Struct
from typing import Any, Dict, Iterable, Iterator, List, Sequence, Tuple

SECOND = 1_000_000
NEVER, FOR_EVER = -(1 << 62), 1 << 62
_PACKED = Struct("7q").pack  # a row for an array of "q": three times as fast as one number after the other
UP, DOWN, EDGE, UNKNOWN = "up", "down", "edge", "unknown"
OK, FAILED, BLIND, PLATFORM = range(
    4
)  # PLATFORM: throttled for the whole platform; a reading says what it is
CODES = {"ok": OK, "failed": FAILED, "throttled": BLIND, "blind": BLIND}
Spans = List[Tuple[int, int]]  # sorted, disjoint, none empty or touching (T1)
Seen = Dict[str, Spans]  # state -> when; the rest is UNKNOWN (S5)
NOTHING: Seen = {UP: [], DOWN: [], EDGE: []}


def merged(parts: Iterable[Sequence[Any]]) -> Spans:
    found: Spans = []
    for start, end in sorted((one[0], one[1]) for one in parts if one[0] < one[1]):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def both(a: Spans, b: Spans) -> Spans:
    found, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        start, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if start < end:
            found.append((start, end))
        i, j = (i + 1, j) if a[i][1] <= b[j][1] else (i, j + 1)
    return found


def without(a: Spans, b: Spans) -> Spans:
    edges = [NEVER, *(edge for span in b for edge in span), FOR_EVER]
    return both(a, list(zip(edges[::2], edges[1::2])))


def length(a: Iterable[Sequence[int]]) -> int:
    return sum(end - start for start, end in a)


def looked(rows: Iterable[Sequence[int]], turns: list[Any], as_of: int, failing: bool) -> Seen:
    """What one probe's samples saw.

    `turns`: at which line, whether time begins afresh, the probe as asked from then on or None, and `at`.
    """
    # sent, done, ok, and the state of the time before, if it is seen
    seen: list[tuple[int, int, bool, str]] = []
    chained, began, ended, valid_from, sight, persistence = False, NEVER, NEVER, NEVER, 0, 0
    turns = [(FOR_EVER,), *turns[::-1]]
    for seq, at, slot, _, sent, done, code in rows:
        while turns[-1][0] <= seq:
            _, afresh, asked, since = turns.pop()
            chained = False  # S2: nothing is seen across it
            if afresh:
                began = ended = valid_from = NEVER  # T4: the clock may have been set
            if asked:
                valid_from, sight, persistence = since, asked["sight"], asked["persistence"]
        if at > as_of:
            continue
        # T4: where a line contradicts the clock of those before it, or itself, it sees nothing.
        counts = (code < BLIND or (failing and code == PLATFORM)) and began <= sent <= done <= at + SECOND
        stale = slot < valid_from  # S2: asked under the plan before, it sees nothing, and lies in its time
        if counts:
            ok, left = code == OK, ""
            if stale and done > valid_from:
                done = valid_from
            began = sent if sent > ended else ended  # of what a slewed clock tells twice the first stands
            apart, ended = began - ended, done if done > began else began
            if chained and apart <= sight and not stale:  # S2, S3
                left = EDGE if ok != seen[-1][2] else UP if ok else DOWN if apart <= persistence else EDGE
            if left == UP == seen[-1][3]:
                seen.pop()  # it was ok, as those beside it: it is UP, as is all between these two
            seen.append((began, ended, ok, left))
        chained = counts and not stale
    told: dict[str, list[tuple[int, int]]] = {UP: [], DOWN: [], EDGE: []}
    for k, (sent, done, ok, left) in enumerate(seen):
        if left:
            told[left].append((seen[k - 1][1], sent))
        right = seen[k + 1][3] if k + 1 < len(seen) else ""
        sure = EDGE not in (left, right) if ok else left == DOWN == right  # S4
        told[(UP if ok else DOWN) if sure else EDGE].append((sent, done))
    twice, upto = [], NEVER  # T4: what was told twice, because a clock was set back, is UNKNOWN
    for start, end in sorted(one for of in told.values() for one in of if one[0] < one[1]):
        if start < upto:
            twice.append((start, min(end, upto)))
        upto = max(upto, end)
    return {state: without(merged(of), merged(twice)) for state, of in told.items()}


def no_float(text: str) -> Any:
    raise ValueError(f"{text[:40]}, which is no whole number")


_scan = json.JSONDecoder(parse_float=no_float, parse_constant=no_float).scan_once  # type: ignore[attr-defined]


def decode(text: str) -> Any:
    """What JSON says that has whole numbers only; white space may follow it, and nothing else."""
    try:
        found, end = _scan(text, 0)
    except StopIteration:
        raise ValueError(f"no JSON: {text[:40]!r}") from None
    if end != len(text) and text[end:].strip():
        raise ValueError(f"more than JSON: {text[end : end + 40]!r}")
    return found


class Origin:
    """What the bundle has of an origin's journal: lines `first` to `end` - 1, and single ones around them."""

    def __init__(self, name: str, vantage: str, first: int, end: int, as_of: int, whole: bool) -> None:
        self.name, self.vantage, self.first, self.end = name, vantage, first, end
        self.as_of, self.whole = as_of, whole
        self.ats: array[int] = array("q")  # of the lines of the stretch
        self.singles: dict[int, int] = {}  # seq -> at of the others
        # seq, at, line: neither samples nor hosts nor clocks without a step.
        self.lines: list[tuple[int, int, Any]] = []
        # From which line on the clock's error is at most that; -1: it is not to be trusted (T4).
        self.errors: list[tuple[int, int]] = []
        # Probe -> seq, at, slot, covers, sent, done, code of the first sample, of the second, and so on.
        self.samples: dict[str, Any] = defaultdict(lambda: array("q"))
        self.turns: dict[str, list[Any]] = defaultdict(list)  # probe -> as `looked` has them
        self.plans: list[tuple[int, Any]] = []  # from when on which plan holds, in the order of lines
        self.changes: set[int] = set()  # plan lines that say something new
        self.last, self.until, self.since = -1, NEVER, NEVER
        self.holding: Any = {"probes": []}
        self.seen: dict[str, Seen] = {}
        # What the verifier finds: hashes of start and plan lines; size -> file, note and root of a
        # checkpoint, gen_time and accuracy of its stamps; the newest size; the keys, the oldest first.
        self.hashes: dict[int, str] = {}
        self.notes: dict[int, tuple[str, Any, bytes]] = {}
        self.stamps: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.head, self.keys = 0, [""]

    def take(self, seq: int, data: bytes, leaf: bytes) -> None:
        """The next line."""
        line = decode(data.decode("ascii"))
        kind, at = line["t"], line["at"]
        if line["seq"] != seq or type(at) is not int:
            raise ValueError(f"no line {seq}")
        if self.first <= seq < self.end:
            self.ats.append(at)
        else:
            self.singles[seq] = at
        if at <= self.as_of:
            if self.whole and seq != self.last + 1:
                self.turn(seq, at, "hole", {})
            self.last, self.until = seq, at if at > self.until else self.until
        if kind == "sample":
            code = PLATFORM if line["reason"] == "rate-platform" else CODES[line["outcome"]]
            row = seq, at, line["slot"], line["covers"], line["sent"], line["done"], code
            self.samples[line["probe"]].frombytes(_PACKED(*row))
            return
        if kind == "clock":
            trusted = line["synced"] and line["error"] is not None and line["error"] <= SECOND  # T4
            self.errors.append((seq, line["error"] if trusted else -1))
        if kind not in ("host", "clock") or line.get("step"):
            self.lines.append((seq, at, line))
            if at <= self.as_of:
                self.turn(seq, at, kind, line)
        if kind in ("start", "plan"):
            self.hashes[seq] = leaf.hex()

    def turn(self, seq: int, at: int, kind: str, line: Any) -> None:
        """What a line that is no sample, or one that is missing, changes for the probes."""
        afresh = kind in ("hole", "start", "clock")  # T4: the clock may have been set
        if kind == "plan":
            before, named = (
                {probe["name"]: probe for probe in plan["probes"]} for plan in (self.holding, line)
            )
            for name in {**before, **named}:
                if named.get(name) != before.get(name):
                    self.turns[name].append((seq, False, named.get(name, before.get(name)), at))
            if any(self.holding.get(key) != line[key] for key in line if key not in ("seq", "at")):
                self.plans.append((at, line))
                self.changes.add(seq)
            self.holding, self.since = line, at
        elif afresh or kind in ("stop", "gap"):
            for name in line["probes"] if kind == "gap" and line["probes"] != ["*"] else list(self.turns):
                self.turns[name].append((seq, afresh, None, at))
        if afresh and at < self.since:
            self.since = at
            self.plans.append((at, self.holding))

    def of(self, kind: str) -> list[tuple[int, int, Any]]:
        return [one for one in self.lines if one[2]["t"] == kind]

    def planned(self, window: tuple[int, int]) -> list[tuple[Any, int, int]]:
        """The plan lines that hold for some of the window, and from when to when."""
        plans = [line for _, _, line in self.of("plan") if line["seq"] in self.changes]
        held = zip(plans, [plan["at"] for plan in plans[1:]] + [FOR_EVER])
        return [
            (plan, plan["at"], end) for plan, end in held if max(plan["at"], window[0]) < min(end, window[1])
        ]


def parts(origin: Origin) -> Iterator[tuple[int, Any, int, int, Any]]:
    """Lines between stamps: the first, each `at`, the stamp before, the clock's error, the stamp over."""
    anchors = [(seq, line["gen_time"] - (line["accuracy"] or 0)) for seq, _, line in origin.of("anchor")]
    after, sizes = [NEVER, *accumulate((gen_time for _, gen_time in anchors), max)], sorted(origin.stamps)
    stamps = (min(origin.stamps[size]) for size in reversed(sizes))
    first: list[Any] = [None, *accumulate(stamps, min)][::-1]
    edges = {
        origin.first,
        origin.end,
        *sizes,
        *(seq + 1 for seq, _ in anchors),
        *(seq for seq, _ in origin.errors),
    }
    inside = sorted(edge for edge in edges if origin.first <= edge <= origin.end)
    whole = [(a, origin.ats[a - origin.first : z - origin.first]) for a, z in zip(inside, inside[1:])]
    for seq, ats in [*whole, *((seq, [at]) for seq, at in origin.singles.items())]:
        k = bisect_right(origin.errors, (seq, FOR_EVER))
        error = origin.errors[k - 1][1] if k else -1
        yield seq, ats, after[bisect_right(anchors, (seq, NEVER))], error, first[bisect_right(sizes, seq)]


def judged(rules: Any, vantages: list[str], now: list[str]) -> str:
    """The state of a service whose probes are in these (V1, V2)."""
    rule, needed = rules["down_when"], rules["witnesses"] or min(2, len(set(vantages)))
    down, edge, unknown = now.count(DOWN), now.count(EDGE), now.count(UNKNOWN)
    proven, suspected = (
        len({where for where, state in zip(vantages, now) if state in states}) >= needed
        for states in ((DOWN,), (DOWN, EDGE))
    )
    if rule == "all":
        if down and down == len(now) - unknown and proven:
            return DOWN
        return UP if UP in now else EDGE if edge and suspected else UNKNOWN
    least = 1 if rule == "any" else rule["at_least"]
    if len(now) < least:
        return UNKNOWN  # too few to ever tell
    if down >= least and proven:
        return DOWN
    return UP if down + edge + unknown < least else EDGE if down + edge >= least else UNKNOWN


def swept(rules: Any, watching: list[tuple[str, Seen]], span: tuple[int, int]) -> Seen:
    """The states over `span` of a service that was watched from these vantage points."""
    vantages, now, since = [where for where, _ in watching], [UNKNOWN] * len(watching), span[0]
    found: Seen = {UP: [], DOWN: [], EDGE: [], UNKNOWN: []}
    changes = [
        (edge, begins, k, state if begins else UNKNOWN)  # what ends comes before what begins
        for k, (_, seen) in enumerate(watching)
        for state in (UP, DOWN, EDGE)
        for one in both(seen[state], [span])
        for begins, edge in ((1, one[0]), (0, one[1]))
    ]
    for at, _, k, state in sorted([*changes, (span[1], 2, 0, UNKNOWN)]):
        if at > since:
            found[judged(rules, vantages, now)].append((since, at))
        since = at
        now[k : k + 1] = [state] if now else []
    return found


def speaking(
    held: Sequence[tuple[int, int, Origin, Any]], at: int, differing: dict[str, bool]
) -> list[tuple[int, int, Origin, Any]]:
    """The plans that hold, the newest word first, the silent last; tells on which services they differ."""

    def newest(one: tuple[int, int, Origin, Any]) -> tuple[bool, int, int]:
        silent = one[2].until <= at
        return silent, 0 if silent else -one[0], -one[2].until

    now = sorted((one for one in held if one[0] <= at < one[1]), key=newest)
    said: dict[str, list[Any]] = defaultdict(list)
    for _, _, origin, plan in now:
        for service in plan["services"] if origin.until > at else ():
            said[service["name"]].append(service)
    differing.update({name: any(one != of[0] for one in of) for name, of in said.items() if len(of) > 1})
    return now


def services(
    origins: Sequence[Origin], window: tuple[int, int], as_of: int, failing: bool
) -> dict[str, Seen]:
    """Service -> its states in the window, each stretch of time judged by its own plan, over all origins."""
    held: list[tuple[int, int, Origin, Any]] = []
    for origin in origins:
        origin.seen = {
            name: looked(zip(*[iter(rows)] * 7), origin.turns[name], as_of, failing)
            for name, rows in origin.samples.items()
        }
        began = (one.lines[0][1] for one in origins if one.vantage == origin.vantage)
        end = min([as_of, *(at for at in began if at > origin.until)])  # its vantage point started afresh
        for since, plan in reversed(origin.plans):
            if since < end:
                held, end = [*held, (since, end, origin, plan)], since
    found: dict[str, Seen] = defaultdict(lambda: {UP: [], DOWN: [], EDGE: []})
    edges, differing = sorted({edge for one in held for edge in one[:2]}), dict[str, bool]()
    for start, past in zip(edges, edges[1:]):
        rules: dict[str, Any] = {}
        alone: dict[str, Seen] = {}
        probes: dict[str, Any] = defaultdict(list)
        controls: dict[str, Spans] = defaultdict(list)
        span = max(start, window[0]), min(past, window[1])
        now = speaking(held, start, differing)
        for _, _, origin, plan in now if span[0] < span[1] else ():
            for service in plan["services"]:
                rules.setdefault(service["name"], service)
            for probe in plan["probes"]:
                seen = origin.seen.get(probe["name"], NOTHING)
                if probe.get("role") == "control":
                    controls[origin.vantage] += seen[UP]
                else:
                    probes[probe["service"]].append((origin.vantage, seen))
        for name, service in rules.items():
            for k, (where, seen) in enumerate(probes[name]):
                if (
                    where in controls
                ):  # S6: while no control of a vantage point is UP, its probes do not count
                    awake = merged(controls[where])
                    probes[name][k] = (
                        where,
                        {UP: seen[UP], **{one: both(seen[one], awake) for one in (DOWN, EDGE)}},
                    )
            alone[name] = swept(service, probes[name], span)
        for name, service in rules.items():  # V5: DOWN where every equivalent is; any of them UP will do
            every = [alone[name], *(alone.get(other, NOTHING) for other in service.get("equivalents", ()))]
            down = fails = [span]
            for one in every:
                down, fails = both(down, one[DOWN]), both(fails, merged(one[DOWN] + one[EDGE]))
            ups = [up for one in every for up in one[UP]]
            for state, of in ((UP, ups), (DOWN, down), (EDGE, without(fails, down))):
                found[name][state] += of
    if any(differing.values()):
        raise ValueError(f"other rules to the last at one origin than at another: {differing}")
    return {name: {state: merged(of) for state, of in states.items()} for name, states in found.items()}


def runs(states: Seen) -> list[tuple[Spans, Spans]]:
    """(certain, possible) of each maximal run without UP (V3); one without certain time is a blip."""
    found: list[list[tuple[int, int, str]]] = [[]]
    for one in sorted((*span, state) for state in (UP, DOWN, EDGE) for span in states[state]):
        if one[2] == UP:
            found.append([])
        else:
            found[-1].append(one)
    return [(merged(one for one in run if one[2] == DOWN), merged(run)) for run in found if run]


def uncovered(
    probe: Any, origin: Any, gaps: Iterable[Any], held: Tuple[int, int], window: Tuple[int, int], known: int
) -> Tuple[int, Any]:
    """How many slots of a plan lie in the window, and one that not exactly one line covers (S1).

    FORMAT.md, Slots, says which a line covers. The plan holds over `held`; slots after `known` need none yet.
    """
    interval, phase, (at, until) = int(probe["interval"]), int(probe["phase"]), held

    def number(instant: int) -> int:  # of the first slot from then on
        return -((phase - instant) // interval)

    rows = origin.samples.get(probe["name"], ())
    found = []
    for slot, covers in zip(rows[2::7], rows[3::7]):
        if at <= slot < until:
            one = number(slot)
            found.append((one, one + covers))
    found += (
        (number(max(at, line["from"])), number(min(until, line["to"])))
        for line in gaps
        if probe["name"] in line["probes"] or line["probes"] == ["*"]
    )
    first, end = number(max(at, window[0])), number(min(until, window[1]))
    upto = first
    for one, past in sorted(found):
        one, past = one if one > first else first, past if past < end else end
        if one < past:
            if one != upto:
                word = "none" if one > upto else "two"
                return end - first, (word, phase + min(one, upto) * interval)
            upto = past
    slot = phase + upto * interval
    return end - first, ("none", slot) if upto < end and slot <= known else None


def promised(
    contract: str, origins: Sequence[Any], window: Tuple[int, int]
) -> tuple[set[Any], set[Any], Any]:
    """(commitment, service) of each share promised in the window, and ever; the lowest target of each.

    The text of a contract has a line `target` for each of its [[commitments]]; a plan can have another for a
    service (`targets`, from special conditions).
    """
    blocks = re.split(r"(?m)^\[\[commitments\]\]", contract)[1:]
    terms = [dict(re.findall(r'(?m)^(\w+) *= *"([^"]*)"', block.split("\n[")[0])) for block in blocks]
    shares = {one["id"]: one.get("target") for one in terms if one["measure"] in ("availability", "iops")}
    now: dict[Any, list[Fraction]] = defaultdict(list)
    ever: dict[Any, list[Fraction]] = defaultdict(list)
    for origin in origins:
        held = [plan for plan, _, _ in origin.planned(window)]
        for found, plans in ((now, held), (ever, [plan for _, plan in origin.plans])):
            for service in (service for plan in plans for service in plan["services"]):
                for id_ in service["commitments"]:
                    text = service["targets"].get(id_, shares.get(id_))
                    if shares.get(id_) and text:
                        target = Fraction(text.rstrip(" %")) / (100 if "%" in text else 1)
                        found[id_, service["name"]].append(target)
    return set(now), set(ever), {pair: min(now.get(pair, ever[pair])) for pair in ever}
