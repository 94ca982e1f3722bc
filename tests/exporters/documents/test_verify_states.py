"""The rules that travel in bundles draw the states that the core draws, from the same lines."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest

from collector.core.account import draw, replay
from collector.core.record import Line, Plan, Start, decode, encode
from collector.core.timeline import DAY, HOUR, MINUTE, SECOND, Instant, Span, Spans, within
from collector.core.verdict import States
from exporters.documents.verify import states as verify
from tests import test_twin
from tests.exporters import journals
from tests.exporters.journals import BEGAN as T
from tests.simulate.test_simulate import BEGAN, CALENDAR, CONTRACT, SMALL, lines_of, made
from tests.strategies import Journal, instant, probe, renumbered, service

STATES = ("up", "down", "edge")


def told(origin: str, lines: Sequence[bytes], first: int, end: int, as_of: Instant) -> verify.Origin:
    """An origin as the verifier has it: single lines and the stretch, in the order given."""
    vantage = msgspec.json.decode(lines[0])["vantage"]
    found = verify.Origin(origin, vantage, first, end, as_of, True)
    for line in lines:
        found.take(msgspec.json.decode(line)["seq"], line, b"")
    return found


def whole(lines: Mapping[str, Sequence[Line]], as_of: Instant) -> list[verify.Origin]:
    return [told(name, [encode(one) for one in of], 0, len(of), as_of) for name, of in lines.items()]


def of_core(states: States, window: Span) -> dict[str, Spans]:
    return {name: within(getattr(states, name), window) for name in STATES}


def compared(
    lines: Mapping[str, Sequence[Line]],
    origins: Sequence[verify.Origin],
    window: Span,
    as_of: Instant,
    reading: str,
) -> None:
    """Both accounts of the window are one: states of every service, outages and blips."""
    readings = {"platform-throttle": reading}
    account = draw(
        replay(lines, CONTRACT, as_of), CONTRACT, CALENDAR, as_of=as_of, asked=(window,), readings=readings
    )
    found = verify.services(list(origins), (window.start, window.end), as_of, reading == "unavailable")
    assert found.keys() <= account.states.keys()
    for name, states in account.states.items():
        seen = {state: tuple(of) for state, of in found.get(name, verify.NOTHING).items()}
        assert seen == of_core(states, window), name
        stated = [
            (within(one.certain, window), within(one.possible, window))
            for one in (*account.outages, *account.blips)
            if one.service == name
        ]
        ours = verify.runs(found.get(name, verify.NOTHING))
        assert [(tuple(c), tuple(p)) for c, p in ours] == sorted(stated, key=lambda one: one[1]), name


def rolled_out(*turned: float | None) -> dict[str, list[Line]]:
    """Two origins, one that fails and one that does not; the new plan comes to each when told, or never."""
    old, new = service(), service(down_when="any", witnesses=1)
    found = {}
    for vantage, pattern, at in zip("vw", ("xxx", "ooo"), turned, strict=True):
        journal = Journal(f"{vantage}-1", vantage).start().clock().plan([old], [probe(burst=10)])
        journal.seen(pattern)
        if at is not None:
            journal.plan([new], [probe(burst=10)], at)
        found[journal.origin] = journal.seen(pattern, 30).lines
    return found


def test_a_new_plan_that_comes_to_one_origin_after_the_other_is_judged_as_by_the_core() -> None:
    """The newest counts meanwhile; rules that differ to the last are refused by both."""
    lines, window, as_of = rolled_out(21, 25), Span(instant(0), instant(55)), instant(60)

    compared(lines, whole(lines, as_of), window, as_of, "not-unavailable")
    with pytest.raises(ValueError, match="other rules to the last"):
        verify.services(whole(rolled_out(21, None), as_of), (window.start, window.end), as_of, False)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_the_states_of_a_made_up_period_are_those_of_the_core(tmp_path: Path, seed: int) -> None:
    """Stops, crashes, steps of clocks, cuts, throttling, one or two vantage points, one of which dies."""
    made(tmp_path, 2 * DAY, seed, interval=60 * SECOND, plan=SMALL, origins=1 + seed % 2)
    lines, as_of = lines_of(tmp_path), BEGAN + 3 * DAY
    window = Span(BEGAN + 6 * HOUR, BEGAN + 44 * HOUR)

    for reading in ("not-unavailable", "unavailable"):
        compared(lines, whole(lines, as_of), window, as_of, reading)
    for k in range(3):
        start = BEGAN + Random(seed * 10 + k).randrange(36 * HOUR)
        window = Span(start, start + 6 * HOUR)
        compared(
            lines, [part(*one, window, as_of) for one in lines.items()], window, as_of, "not-unavailable"
        )


def part(origin: str, lines: Sequence[Line], window: Span, as_of: Instant) -> verify.Origin:
    """What a bundle of the window has: a run of whole hours around it, plans, and what leads to the run."""
    begins, ends = window.start - 10 * MINUTE - 30 * SECOND, window.end + 10 * MINUTE + 30 * SECOND
    touching = [k for k, line in enumerate(lines) if begins <= line.at <= ends]
    first, end = (touching[0], touching[-1] + 1) if touching else (len(lines), len(lines))
    kept = [
        line
        for k, line in enumerate(lines)
        if k in (0, len(lines) - 1) or first <= k < end or isinstance(line, Plan | Start)
    ]
    return told(origin, [encode(line) for line in kept], first, end, as_of)


@pytest.mark.parametrize("changed", [{"done": 2 * SECOND}, {"slot": -200 * SECOND}])
def test_a_line_that_contradicts_itself_sees_nothing_where_all_is_well(changed: dict[str, int]) -> None:
    """T4, S2: done long after it was written, or asked under the plan before, among ok ones."""
    begun = Start(seq=0, at=T, format=1, origin="o", vantage="v", version="1", python="3", boot="b", cut=0)
    samples = [journals.sample("get", T + k * 10 * SECOND) for k in range(1, 12)]
    odd = {key: getattr(samples[5], key) + by for key, by in changed.items()}
    samples[5] = msgspec.structs.replace(samples[5], **odd)
    told_: list[Line] = [begun, journals.plan(T), journals.clock(T), *samples]
    lines: dict[str, list[Line]] = {"o": renumbered(told_)}
    window, as_of = Span(T, T + 150 * SECOND), T + 200 * SECOND

    compared(lines, whole(lines, as_of), window, as_of, "not-unavailable")
    (seen,) = [
        of["up"]
        for name, of in verify.services(whole(lines, as_of), window, as_of, False).items()
        if name == "storage"
    ]
    assert len(seen) == 2


@pytest.mark.parametrize("seed", range(40))
def test_the_states_of_a_world_in_whole_seconds_are_those_of_the_core(seed: int) -> None:
    """Missing lines, clocks set back, plans that change, equivalents, vantage points that start afresh."""
    world = test_twin.World(seed)
    lines = {
        name: [decode(json.dumps(line).encode()) for line in of] for name, of in world.lines.items() if of
    }
    if any(of[0].at > world.as_of for of in lines.values()):
        return
    reading = world.readings.get("platform-throttle", "not-unavailable")
    ends = {name: of[-1].seq + 1 for name, of in lines.items()}
    origins = [told(name, [*map(encode, of)], 0, ends[name], world.as_of) for name, of in lines.items()]

    compared(lines, origins, Span(*world.window), world.as_of, reading)
