"""Journals as tests write them, the simulated world behind some, and hypothesis strategies over both."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st

from collector import contracts
from collector.core.account import Account, draw, replay
from collector.core.attainment import Attainment
from collector.core.calendar import Calendar
from collector.core.contract import Contract
from collector.core.record import Account as ProviderAccount
from collector.core.record import (
    Clock,
    Declaration,
    Gap,
    GapReason,
    Line,
    Outcome,
    Plan,
    Probe,
    Reason,
    Sample,
    Service,
    Start,
    Stop,
)
from collector.core.timeline import SECOND, Duration, Instant, Span, Spans, spans, within

S = SECOND
T0: Instant = 1_790_000_000 * SECOND
"""2026-09-21T14:13:20Z, a Monday: where journals of tests begin."""

OK, FAILED, BLIND = Outcome.OK, Outcome.FAILED, Outcome.BLIND

SHIPPED = Path(__file__).parents[1] / "config" / "contracts" / "outscale-cgv-2019-12.toml"


@cache
def contract() -> Contract:
    """The contract that ships."""
    return contracts.load(SHIPPED)[0]


@cache
def calendar() -> Calendar:
    """Civil time of that contract."""
    return contracts.calendar(contract())


def probe(name: str = "p", service: str = "s", *, every: float = 10, burst: float = 1, **more: Any) -> Probe:
    """A probe with the default sight and persistence; durations in seconds."""
    interval = round(every * S)
    given: dict[str, Any] = {
        "kind": "http",
        "target": "http://127.0.0.1/",
        "interval": interval,
        "burst": round(burst * S),
        "phase": 0,
        "timeout": 2 * S,
        "sight": interval * 3 // 2,
        "persistence": round(burst * S) * 3 // 2,
        "service": service,
    }
    return Probe(name=name, **{**given, **more})


def control(name: str = "control", **more: Any) -> Probe:
    """A control probe."""
    return probe(name, "", role="control", **more)


def service(name: str = "s", *commitments: str, **more: Any) -> Service:
    """A service of account "a" in region "r"."""
    promised = commitments or ("load-balancer.availability",)
    return Service(**{"name": name, "account": "a", "region": "r", "commitments": promised, **more})


@dataclass
class Journal:
    """Writes the lines of one origin, in seconds after T0; samples take 10 ms unless told otherwise."""

    origin: str = "v-1"
    vantage: str = "v"
    lines: list[Line] = field(default_factory=list)

    def start(self, at: float = 0) -> "Journal":
        return self.add(
            Start,
            at,
            format=1,
            origin=self.origin,
            vantage=self.vantage,
            version="",
            python="",
            boot="",
            cut=0,
        )

    def plan(self, services: Sequence[Service], probes: Sequence[Probe], at: float = 0) -> "Journal":
        accounts = (ProviderAccount(id="a", region="r", zones=("r-a", "r-b")),)
        return self.add(
            Plan, at, contract="c", contract_sha256="", accounts=accounts,
            services=tuple(services), probes=tuple(probes),
        )  # fmt: skip

    def clock(
        self, at: float = 0, *, error: Duration | None = 1000, synced: int = 1, step: float = 0
    ) -> "Journal":
        return self.add(
            Clock, at, wall=instant(at), boot_offset=T0, error=error, synced=synced,
            source="chrony", leap=0, step=round(step * S),
        )  # fmt: skip

    def sample(
        self,
        sent: float,
        outcome: Outcome = OK,
        probe: str = "p",
        *,
        took: float = 0.01,
        reason: Reason | None = None,
        value: Duration | None = None,
        error: Duration = 0,
        facts: Mapping[str, int | str] | None = None,
    ) -> "Journal":
        usual = {OK: Reason.NONE, FAILED: Reason.TIMEOUT, BLIND: Reason.ROUTE}
        why = reason or usual.get(outcome, Reason.RATE_ACCOUNT)
        return self.add(
            Sample, sent + took, probe=probe, slot=instant(sent), covers=1, sent=instant(sent),
            done=instant(sent + took), outcome=outcome, reason=why,
            value=value, error=error, phases={}, facts=dict(facts or {}),
        )  # fmt: skip

    def seen(self, pattern: str, start: float = 0, every: float = 10, probe: str = "p") -> "Journal":
        """One sample for each letter: o ok, x failed, ? blind, - nothing."""
        outcomes = {"o": OK, "x": FAILED, "?": BLIND}
        for k, letter in enumerate(pattern):
            if letter in outcomes:
                self.sample(start + k * every, outcomes[letter], probe)
        return self

    def gap(self, at: float, *probes: str) -> "Journal":
        given = {"from_": instant(at), "to": instant(at), "reason": GapReason.LAG}
        return self.add(Gap, at, probes=probes or ("*",), **given)

    def stop(self, at: float) -> "Journal":
        return self.add(Stop, at)

    def declare(self, id: str, kind: str, at: float = 0, **fields: Any) -> "Journal":
        """Spans in `fields` are in seconds."""
        for name in {"spans", "certain", "possible"} & fields.keys():
            fields[name] = tuple((instant(a), instant(b)) for a, b in fields[name])
        for name in {"sent", "received", "from_", "to"} & fields.keys():
            fields[name] = None if fields[name] is None else instant(fields[name])
        return self.add(Declaration, at, id=id, kind=kind, by="test", **fields)

    def add(self, line: Callable[..., Line], at: float, /, **fields: Any) -> "Journal":
        self.lines.append(line(seq=len(self.lines), at=instant(at), **fields))
        return self

    def in_order(self) -> "Journal":
        """The same lines in the order of time, which several probes were not written in."""
        self.lines = renumbered(sorted(self.lines, key=lambda line: line.at))
        return self


def renumbered(lines: Sequence[Line]) -> list[Line]:
    """`lines` with seq from 0."""
    return [msgspec.structs.replace(line, seq=k) for k, line in enumerate(lines)]


def instant(seconds: float) -> Instant:
    """Seconds after T0."""
    return T0 + round(seconds * S)


def at(*parts: tuple[float, float]) -> Spans:
    """Spans in seconds after T0."""
    return spans((instant(a), instant(b)) for a, b in parts)


def seconds(found: Spans) -> list[tuple[float, float]]:
    """Spans as seconds after T0, to be read in a test."""
    return [((start - T0) / S, (end - T0) / S) for start, end in found]


def watched(
    pattern: str, *commitments: str, every: float = 10, start: float = 0, clocked: bool = True, **more: Any
) -> Journal:
    """The journal of one service and one probe that saw `pattern`."""
    journal = Journal().start(start)
    if clocked:
        journal.clock(start)
    probes = [probe(every=every, burst=more.pop("burst", 1))]
    return journal.plan([service("s", *commitments, **more)], probes, start).seen(pattern, start, every)


def account(
    *journals: Journal,
    until: float = 86_400,
    over: tuple[float, float] | None = None,
    by: Contract | None = None,
    as_of: float | None = None,
    readings: Mapping[str, str] | None = None,
) -> Account:
    """The account of the journals, over [0, until) unless told otherwise."""
    terms = by or contract()
    now = instant(until if as_of is None else as_of)
    evidence = replay({j.origin: j.lines for j in journals}, terms, now)
    start, end = over or (0, until)
    asked = (Span(instant(start), instant(end)),)
    return draw(evidence, terms, calendar(), as_of=now, readings=readings, asked=asked)


def attainment(*journals: Journal, **more: Any) -> Attainment:
    """The only attainment of that account."""
    (found,) = account(*journals, **more).attainments
    return found


# ---------------------------------------------------------------------------------------- a simulated world


@dataclass(frozen=True)
class World:
    """A provider that is down at known times, and how it is probed; all times in whole ms after T0."""

    flips: tuple[int, ...]
    """When it turns: up before the first, down until the second, and so on."""
    length: int
    interval: int
    burst: int
    timeout: int
    lateness: int
    phases: tuple[int, ...]
    """One probe each."""
    seed: int
    blind_per_cent: int

    @property
    def down(self) -> Spans:
        """The true downtime."""
        edges = [*self.flips, *([self.length] if len(self.flips) % 2 else [])]
        return at(*((a / 1000, b / 1000) for a, b in zip(edges[::2], edges[1::2], strict=True)))

    @property
    def sight(self) -> int:
        return self.interval * 3 // 2


@st.composite
def worlds(draw: st.DrawFn, probes: int = 1) -> World:
    """Worlds whose every state lasts longer than sight, probed such that law 3 can hold (see there)."""
    interval = draw(st.integers(1000, 20_000))
    timeout = draw(st.integers(1, interval // 2))
    burst = draw(st.integers(interval // 20, interval // 4))
    sight = interval * 3 // 2
    lasts = draw(st.lists(st.integers(sight + 1, sight * 6), max_size=6))
    flips = [sum(lasts[: k + 1]) for k in range(len(lasts))]
    return World(
        flips=tuple(flips),
        length=sum(lasts) + draw(st.integers(sight + 1, sight * 6)),
        interval=interval,
        burst=burst,
        timeout=timeout,
        lateness=draw(st.integers(0, interval // 2)),
        phases=tuple(draw(st.integers(0, interval - 1)) for _ in range(probes)),
        seed=draw(st.integers(0, 1 << 32)),
        blind_per_cent=draw(st.sampled_from([0, 0, 5, 30])),
    )


def probed(world: World, down_when: Any = "all") -> Journal:
    """What the probes of one vantage point see of the world.

    An ok answer takes a service that is up all along; a run that lived through a change has failed.
    """
    chance = Random(world.seed)
    every, burst = world.interval / 1000, world.burst / 1000
    probes = [probe(f"p{k}", every=every, burst=burst) for k in range(len(world.phases))]
    journal = Journal().start().clock().plan([service(down_when=down_when)], probes)
    for asked, phase in zip(probes, world.phases, strict=True):
        due = phase
        while due < world.length:
            sent = due + chance.randint(0, world.lateness)
            done = sent + chance.randint(1, world.timeout)
            outcome = _outcome(world, sent, done, chance)
            journal.sample(sent / 1000, outcome, asked.name, took=(done - sent) / 1000)
            slot = phase + ((sent - phase) // world.interval + 1) * world.interval
            due = max(done, min(slot, sent + world.burst) if outcome is FAILED else slot)
    return journal.in_order()


def _outcome(world: World, sent: int, done: int, chance: Random) -> Outcome:
    if chance.randrange(100) < world.blind_per_cent:
        return BLIND
    return FAILED if within(world.down, Span(instant(sent / 1000), instant(done / 1000))) else OK


# ------------------------------------------------------------------------------------------------ strategies

_flapping = st.text("xxo", min_size=5, max_size=20)
_one_outage = st.builds(lambda a, b: "o" * a + "x" * b + "oo", st.integers(0, 4), st.integers(3, 14))
_runs = st.tuples(st.sampled_from("oxxo?-"), st.sampled_from([1, 6, 2, 3, 1])).map(
    lambda run: run[0] * run[1]
)
_anything = st.lists(_runs, min_size=3, max_size=12).map("".join).map(lambda text: text[:20])

patterns = st.one_of(_anything, _one_outage, _flapping)
"""What a probe saw, one letter a slot, as `Journal.seen` takes it."""


@st.composite
def declared(draw: st.DrawFn, length: int = 200) -> dict[str, Any]:
    """A deduction in the first `length` seconds."""
    start = draw(st.integers(-20, length // 2))
    kinds = ["suspension", "planned-maintenance", "emergency-protection", "force-majeure", "customer-fault"]
    return {
        "kind": draw(st.sampled_from(kinds)),
        "spans": ((start, start + draw(st.integers(length // 20, length))),),
        "scope": draw(st.sampled_from([("*",), ("s",), ("r",), ("*",), ("elsewhere",)])),
        "standing": draw(
            st.sampled_from(["accepted", "accepted", "disputed", "accepted", "refused", "proposed"])
        ),
        "sent": draw(st.sampled_from([-10 * 86_400, -10 * 86_400, -3600])),
        "received": 0,
    }


@st.composite
def noticed(draw: st.DrawFn, length: int = 200) -> dict[str, Any]:
    """A reservation of some of the first `length` seconds."""
    start = draw(st.integers(-20, length // 2))
    end = start + draw(st.integers(length // 20, length))
    came = draw(st.sampled_from([end, end + 86_400, start + 2 * 86_400 + 50, end + 3 * 86_400]))
    return {
        "number": "1",
        "services": ("s",),
        "certain": (),
        "possible": ((start, end),),
        "state": draw(st.sampled_from(["delivered", "delivered", "refused"])),
        "sent": end,
        "received": came,
    }


def choices(*but: str) -> st.SearchStrategy[dict[str, str]]:
    """Some combination of readings."""
    some = [reading for reading in contract().readings if reading.id not in but]
    moved = st.tuples(*[st.booleans()] * len(some))
    return moved.map(
        lambda which: {r.id: r.arguable if m else r.safe for r, m in zip(some, which, strict=True)}
    )
