"""The laws of the account, as properties over made-up journals and a simulated world."""

import json
from datetime import date
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.account import Account, draw, replay
from collector.core.attainment import Attainment
from collector.core.published import to_json
from collector.core.record import AtLeast, Line, Outcome, Plan, Reason, Sample, Start
from collector.core.sight import Track, together
from collector.core.timeline import DAY, Span, difference, duration, intersection, union
from collector.core.verdict import States, seen, service_states, watches
from tests.strategies import (
    BLIND,
    FAILED,
    OK,
    T0,
    Journal,
    S,
    World,
    account,
    attainment,
    calendar,
    choices,
    contract,
    declared,
    instant,
    noticed,
    patterns,
    probe,
    probed,
    renumbered,
    service,
    watched,
    worlds,
)

LENGTH = 200
deductions = st.lists(declared(LENGTH), min_size=1, max_size=3)
notices = st.lists(noticed(LENGTH), min_size=1, max_size=2)
promises = st.sampled_from(["internet.access", "internet.firewall", "load-balancer.availability"])


GRACE = contract().grace
assert GRACE is not None
BRIEF = msgspec.structs.replace(
    contract(), grace=msgspec.structs.replace(GRACE, amount=15 * S, joined_within=25 * S)
)
"""The contract with a grace that leaves something of the short outages made here."""


def journal(pattern: str, *facts: dict[str, Any], commitment: str = "load-balancer.availability") -> Journal:
    made = watched(pattern, commitment, burst=8)
    for k, fact in enumerate(facts):
        made.declare(f"d{k}", **{"kind": "notice", **fact})
    return made


def states_of(*made: Journal, until: float) -> States:
    told = replay({one.origin: one.lines for one in made}, contract(), instant(until)).testimonies
    (states,) = service_states(watches(told, instant(until)), seen(told, "not-unavailable")).values()
    return states


# -------------------------------------------------------------------------------------------------- law 1


@pytest.mark.law(number=1)
@given(patterns, deductions, notices, promises, choices())
def test_the_ledger_adds_up_and_each_figure_is_within_the_one_before(
    pattern: str,
    taken: list[dict[str, Any]],
    left: list[dict[str, Any]],
    commitment: str,
    readings: dict[str, str],
) -> None:
    """Law 1: states tile the window, lines add up to raw downtime, claimable ≤ net ≤ observed."""
    found = attainment(
        journal(pattern, *taken, *left, commitment=commitment),
        until=LENGTH,
        as_of=10 * 86_400,
        readings=readings,
    )

    assert found.up + found.down + found.edge + found.unknown == found.agreed
    assert found.agreed + sum(line.amount for line in found.excluded) == LENGTH * S
    assert min(found.up, found.down, found.edge, found.unknown) >= 0
    assert found.observed.amount == found.down == found.claimable.amount + sum(x.amount for x in found.ledger)
    parts = [found.claimable.down, *(line.spans for line in found.ledger)]
    assert union(*parts) == found.observed.down  # so the lines are disjoint: their lengths add up too
    assert not difference(found.claimable.down, found.net.down)
    assert not difference(found.net.down, found.observed.down)
    if found.agreed:
        assert found.observed.best is not None
        assert found.net.best is not None
        assert found.claimable.best is not None
        assert found.observed.best <= found.net.best <= found.claimable.best
        assert found.net.worst is not None
        assert found.net.worst <= found.net.best


# -------------------------------------------------------------------------------------------------- law 2


@pytest.mark.law(number=2)
@given(patterns, st.lists(st.integers(0, LENGTH), min_size=1, max_size=4))
def test_observed_time_is_the_sum_of_its_parts(pattern: str, cuts: list[int]) -> None:
    """Law 2: a window split anywhere has the same time in every state."""
    made = journal(pattern)
    edges = sorted({0, LENGTH, *cuts})
    parts = [attainment(made, until=LENGTH, over=pair) for pair in pairwise(edges)]

    whole = attainment(made, until=LENGTH)

    for state in ("up", "down", "edge", "unknown", "agreed"):
        assert sum(getattr(part, state) for part in parts) == getattr(whole, state)


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 25), ("2026-03-29", 23), ("2026-11-18", 24)])
def test_a_week_is_the_sum_of_its_days_also_when_the_clocks_change(day: str, hours: int) -> None:
    """Law 2, with civil days that have 23, 24 or 25 hours."""
    first = (calendar().midnight(date.fromisoformat(day)) - T0) // S - 3 * 86_400
    chance = Random(day)
    made = Journal().start(first).clock(first).plan([service()], [probe(every=3600, burst=3600)], first)
    for k in range(24 * 8):
        made.sample(first + k * 3600, chance.choice([OK, OK, FAILED, BLIND]))
    as_of = instant(first + 8 * 86_400)
    evidence = replay({made.origin: made.lines}, contract(), as_of)
    days = [calendar().day_of(instant(first + 86_400))]
    while len(days) < 7:
        days.append(calendar().day_of(days[-1].end))

    *parts, whole = draw(
        evidence, contract(), calendar(), as_of=as_of, asked=[*days, Span(days[0].start, days[-1].end)]
    ).attainments

    assert calendar().date_of(days[2].start) == date.fromisoformat(day)
    assert days[2].length == hours * 3600 * S
    for state in ("up", "down", "edge", "unknown", "agreed"):
        assert sum(getattr(part, state) for part in parts) == getattr(whole, state)


# -------------------------------------------------------------------------------------------------- law 3


@pytest.mark.law(number=3)
@given(worlds())
def test_what_is_certain_was_down_and_what_was_up_was_not(world: World) -> None:
    """Law 3 for one probe: certain ⊆ true downtime, of which nothing was UP.

    A run that lives through a change has failed. For a recovery not to hide between the insides of two
    failed runs, the law asks for 2 timeouts and persistence to be no longer than sight.
    """
    holds(world, probed(world))


@pytest.mark.law(number=3)
@given(worlds(probes=3), st.sampled_from(["all", "any", AtLeast(2)]))
def test_the_bounds_hold_for_a_service_of_several_probes(world: World, down_when: Any) -> None:
    """Law 3 through V1 and V2, each probe on a grid of its own."""
    holds(world, probed(world, down_when))


def holds(world: World, made: Journal) -> None:
    states = states_of(made, until=world.length / 1000)
    assert not difference(states.down, world.down)
    assert not intersection(world.down, states.up)


# -------------------------------------------------------------------------------------------------- law 4


@pytest.mark.law(number=4)
@given(patterns, st.integers(0, 1 << 32))
def test_one_line_at_a_time_is_the_same_as_all_at_once(pattern: str, seed: int) -> None:
    """Law 4, with the track emptied, written down and read back at random moments."""
    chance = Random(seed)
    lines = list(watched(pattern, burst=8).gap(len(pattern) * 10 + 1).stop(len(pattern) * 10 + 2).lines)
    lines = renumbered([*lines[:-2], *chance.sample(lines[-2:], 1), *restarted(lines)])
    throttled(lines, chance)
    told = []
    live = Track("v-1")
    whole = Track("v-1")

    for line in lines:
        live.feed(line)
        whole.feed(line)
        live.tail()  # looking changes nothing
        if chance.randrange(4) == 0:
            told.append(live.take())
            live = Track.restore(json.loads(json.dumps(live.snapshot())))

    told += live.take(), live.tail()
    expected = whole.testimony()
    assert (live.vantage, live.began, live.until) == (expected.vantage, expected.began, expected.until)
    assert together(told) == expected.harvest


def restarted(lines: list[Line]) -> list[Line]:
    """The same again, an hour later."""
    return [_later(line, 3600 * S) for line in lines]


def throttled(lines: list[Line], chance: Random) -> None:
    for k, line in enumerate(lines):
        if isinstance(line, Sample) and chance.randrange(6) == 0:
            lines[k] = msgspec.structs.replace(line, outcome=Outcome.THROTTLED, reason=Reason.RATE_PLATFORM)


@pytest.mark.law(number=4)
@given(patterns, deductions, notices, st.randoms(use_true_random=False))
def test_the_order_in_which_declarations_arrive_makes_no_odds(
    pattern: str, taken: list[dict[str, Any]], left: list[dict[str, Any]], chance: Any
) -> None:
    """Law 4 for facts."""
    facts = list(enumerate([*taken, *left]))
    shuffled = chance.sample(facts, len(facts))
    plain, mixed = watched(pattern, burst=8), watched(pattern, burst=8)
    for made, order in ((plain, facts), (mixed, shuffled)):
        for k, fact in order:
            made.declare(f"d{k}", **{"kind": "notice", **fact})

    assert _placeless(plain) == _placeless(mixed)


def _placeless(made: Journal) -> dict[str, Any]:
    """The account, but for the line that a flag names, which is where it arrived."""
    found = to_json(account(made, until=LENGTH))
    return {**found, "flags": [flag.rpartition(" (")[0] for flag in found["flags"]]}


# -------------------------------------------------------------------------------------------------- law 5


@pytest.mark.law(number=5)
@given(st.lists(patterns, min_size=1, max_size=3), st.sampled_from(["any", 2, "all"]))
def test_a_blind_sample_in_place_of_any_never_lowers_the_observed_best(
    seen_by: list[str], down_when: Any
) -> None:
    """Law 5, the law against false claims: every sample in turn; of one window, best falls as DOWN grows.

    For `all` it holds where every probe is needed as a witness; see the test below for where it does not.
    """
    made = several(seen_by, down_when, witnesses=len(seen_by) if down_when == "all" else 1)
    before = down_of(made)

    for one in made:
        for k, line in enumerate(one.lines):
            if isinstance(line, Sample):
                one.lines[k] = msgspec.structs.replace(line, outcome=BLIND, reason=Reason.ROUTE)
                assert down_of(made) <= before
                one.lines[k] = line


def down_of(made: list[Journal]) -> int:
    return duration(states_of(*made, until=LENGTH).down)


def several(seen_by: list[str], down_when: Any, witnesses: int) -> list[Journal]:
    """One origin, vantage point and probe for each pattern, all of one service; sight bridges a lost slot."""
    rule = AtLeast(min(down_when, len(seen_by))) if isinstance(down_when, int) else down_when
    rules = service(down_when=rule, witnesses=witnesses)
    return [
        Journal(f"v{k}-1", f"v{k}").start().clock().plan([rules], [probe(burst=8)]).seen(pattern, k, every=5)
        for k, pattern in enumerate(seen_by)
    ]


def test_under_all_a_probe_gone_blind_can_make_others_enough() -> None:
    """Where V2 and law 5 conflict: `all` leaves UNKNOWN probes out of n, so one blind sample adds downtime.

    Two probes see the service fail and the third sees it up: not all fail, so it is up. With the third
    blind, the two that are left are all there is, and V1 holds for them. The rule is followed as written.
    """
    up = several(["xxxx", "xxxx", "oooo"], "all", witnesses=2)
    blind = several(["xxxx", "xxxx", "o?oo"], "all", witnesses=2)

    assert attainment(*up, until=30, over=(5, 9)).down == 0
    assert attainment(*blind, until=30, over=(5, 9)).down > 0


@pytest.mark.law(number=5)
@given(patterns, st.integers(0, LENGTH), st.booleans())
def test_one_more_failed_sample_never_raises_and_one_more_ok_never_lowers_the_observed_best(
    pattern: str, at: int, ok: bool
) -> None:
    """Law 5, for one probe."""
    plain = watched(pattern, burst=8)
    sample = Journal().start().sample(at + 0.5, OK if ok else FAILED).lines[-1]
    later = next((k for k, line in enumerate(plain.lines) if line.at > sample.at), len(plain.lines))
    more = Journal(lines=renumbered([*plain.lines[:later], sample, *plain.lines[later:]]))

    before, after = (attainment(j, until=LENGTH + 1).down for j in (plain, more))

    assert after <= before if ok else after >= before


# -------------------------------------------------------------------------------------------------- law 7


@pytest.mark.law(number=7)
@given(patterns, deductions, declared(LENGTH), promises, choices("excluded-time"))
def test_one_more_deduction_never_lowers_best_and_twice_is_once(
    pattern: str, taken: list[dict[str, Any]], one: dict[str, Any], commitment: str, readings: dict[str, str]
) -> None:
    """Law 7, while the period stays whole."""
    before, once, twice = (
        attainment(
            journal(pattern, *taken, *m, commitment=commitment), until=LENGTH, by=BRIEF, readings=readings
        ).net
        for m in ([], [one], [one, one])
    )

    assert before.best is not None
    assert once.best is not None
    assert once.best >= before.best
    assert once == twice


@pytest.mark.law(number=7)
@given(patterns, declared(LENGTH), promises, choices("excluded-time", "overrun"))
def test_a_deduction_over_up_or_unknown_changes_nothing(
    pattern: str, one: dict[str, Any], commitment: str, readings: dict[str, str]
) -> None:
    """Law 7. The reading `overrun` is apart: maintenance that ends in an outage goes on with it."""
    readings["overrun"] = "as-announced"
    plain = journal(pattern, commitment=commitment)
    states = states_of(plain, until=LENGTH)
    ((start, end),) = one["spans"]
    free = difference((Span(instant(start), instant(end)),), union(states.down, states.edge))
    one["spans"] = tuple(((s - T0) / S, (e - T0) / S) for s, e in free)

    with_it = journal(pattern, one, commitment=commitment)

    assert attainment(plain, until=LENGTH, by=BRIEF, readings=readings) == attainment(
        with_it, until=LENGTH, by=BRIEF, readings=readings
    )


# -------------------------------------------------------------------------------------------------- law 10


@pytest.mark.law(number=10)
@given(patterns, deductions, st.integers(-60, 60), choices())
def test_whole_weeks_later_every_observed_figure_is_the_same(
    pattern: str, taken: list[dict[str, Any]], weeks: int, readings: dict[str, str]
) -> None:
    """Law 10: time has no favourites."""
    by = weeks * 7 * DAY
    made = journal(pattern, *taken)
    moved = Journal(lines=[_later(line, by) for line in made.lines])

    here = attainment(made, until=LENGTH, by=BRIEF, readings=readings)
    there = attainment(moved, over=(by / S, by / S + LENGTH), as_of=by / S + LENGTH, readings=readings)

    assert _figures(here) == _figures(there)


def _figures(found: Attainment) -> tuple[Any, ...]:
    return found.up, found.down, found.edge, found.unknown, found.observed.best, found.observed.worst


def _later(line: Line, by: int) -> Line:
    names = {"at", "slot", "sent", "done", "received"} & set(line.__struct_fields__)
    times: dict[str, Any] = {name: value + by for name in names if (value := getattr(line, name)) is not None}
    for name in {"spans", "certain", "possible"} & set(line.__struct_fields__):
        spans_ = getattr(line, name)
        times[name] = None if spans_ is None else tuple((a + by, b + by) for a, b in spans_)
    return msgspec.structs.replace(line, **times)


@pytest.mark.law(number=10)
@given(st.lists(patterns, min_size=2, max_size=3), st.sampled_from(["any", 2, "all"]))
def test_other_names_change_nothing_else(seen_by: list[str], down_when: Any) -> None:
    """Law 10: probes, services and origins are told apart by name and by nothing else."""
    made = several(seen_by, down_when, witnesses=1)
    renamed = [
        Journal(f"z{-k}-1", f"z{-k}", [_renamed(line) for line in j.lines]) for k, j in enumerate(made)
    ]

    here, there = account(*made, until=LENGTH), account(*reversed(renamed), until=LENGTH)

    assert _text(here) == _text(there).replace('"another', '"s').replace("-renamed", "")


def _text(found: Account) -> str:
    return json.dumps(to_json(found), sort_keys=True)


def _renamed(line: Line) -> Line:
    if isinstance(line, Sample):
        return msgspec.structs.replace(line, probe="-" + line.probe)
    if isinstance(line, Plan):
        return msgspec.structs.replace(
            line,
            services=tuple(msgspec.structs.replace(s, name="another") for s in line.services),
            probes=tuple(
                msgspec.structs.replace(p, name="-" + p.name, service="another") for p in line.probes
            ),
        )
    if isinstance(line, Start):
        return msgspec.structs.replace(line, vantage="z" + line.vantage)
    return line
