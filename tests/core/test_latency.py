"""Latency commitments: counts, excursions and exact quantiles (A5)."""

import json
from collections import Counter
from fractions import Fraction
from itertools import cycle, islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.account import replay
from collector.core.latency import (
    TOGETHER,
    Excursion,
    Fold,
    Judged,
    Latencies,
    Values,
    figure,
    limits,
    quantiles,
    side,
)
from collector.core.published import to_json
from collector.core.timeline import HOUR, MILLISECOND, Span
from tests.strategies import BLIND, FAILED, OK, Journal, S, account, contract, instant, probe, service

MESH = "internal-network.latency"
MS = MILLISECOND


def timed(*values: int | None, error: int = 0, every: float = 10) -> Journal:
    """One sample each, by their values in µs; None is a failed one."""
    made = Journal().start().clock().plan([service("s", MESH)], [probe(every=every)])
    for k, value in enumerate(values):
        made.sample(k * every, FAILED if value is None else OK, value=value, error=error)
    return made


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [
        (10 * MS, 0, "within"),
        (10 * MS + 1, 0, "over"),
        (10 * MS, 1, "undecided"),
        (10 * MS + 1, 1, "undecided"),
        (10 * MS + 2, 1, "over"),
        (10 * MS - 1, 1, "within"),
    ],
)
def test_a_value_is_judged_with_its_error(value: int, error: int, expected: str) -> None:
    assert side(value, error, 10 * MS) == expected


def test_limits_are_the_contracts() -> None:
    assert limits(contract()) == {
        "internal-network.latency": 10 * MS,
        "internal-network.object-storage-latency": 200 * MS,
    }


def test_an_account_counts_shares_and_excursions() -> None:
    drawn = account(timed(5 * MS, 11 * MS, 12 * MS, 9 * MS, None, 11 * MS), until=100)
    (found,), (published,) = drawn.latency, to_json(drawn)["latency"]

    assert (found.over, found.within, found.undecided) == (3, 2, 0)
    assert str(found.share_within) == published["share_within"] == "2/5"
    assert [(e.start, e.end, e.samples, e.highest) for e in found.excursions] == [
        (instant(10), instant(20.01), 2, 12 * MS),
        (instant(50), instant(50.01), 1, 11 * MS),
    ]
    assert dict(found.quantiles) == {"p50": 11 * MS, "p90": 12 * MS, "p99": 12 * MS, "max": 12 * MS}


@pytest.mark.parametrize(
    "between",
    [
        lambda j: j.gap(15),
        lambda j: j.gap(15, "p"),
        lambda j: j.sample(15, BLIND),
        lambda j: j.sample(15, value=1),
        lambda j: j.clock(15, step=1),
        lambda j: j.stop(15),
    ],
    ids=["gap", "its gap", "blind", "within", "step", "stop"],
)
def test_an_excursion_ends_with_any_other_news(between: object) -> None:
    made = timed(11 * MS, 11 * MS)
    between(made)  # type: ignore[operator]

    (found,) = account(made.sample(20, value=11 * MS), until=100).latency

    assert [e.samples for e in found.excursions] == [2, 1]


def test_the_gap_of_another_probe_ends_no_excursion() -> None:
    (found,) = account(timed(11 * MS).gap(5, "q").sample(10, value=11 * MS), until=100).latency

    assert [e.samples for e in found.excursions] == [2]


def test_only_samples_sent_in_the_window_count() -> None:
    (found,) = account(timed(*[11 * MS] * 10), until=100, over=(20, 50)).latency

    assert found.over == 3


def test_without_samples_there_is_no_share() -> None:
    (found,) = account(timed(), until=100).latency

    assert (found.share_within, dict(found.quantiles)) == (None, {})


@pytest.mark.law(number=4)
@given(st.lists(st.integers(0, 30 * MS), max_size=30), st.integers(0, 1 << 32))
def test_counts_by_hour_in_any_number_of_parts_are_the_counts_of_all(values: list[int], seed: int) -> None:
    """The index keeps what `take` gives; a restart in between changes nothing (law 4)."""
    made, chance = timed(*values, error=100, every=1000), Random(seed)
    fold, kept = Fold(limits(contract())), Latencies()
    plan = made.lines[2]

    for line in made.lines:
        fold.feed(line)
        if chance.randrange(3) == 0:
            _absorb(kept, fold.take())
            memory = json.loads(json.dumps(fold.snapshot()))
            fold = Fold(limits(contract()))
            fold.restore(memory, plan)  # type: ignore[arg-type]
    _absorb(kept, fold.take())
    kept.excursions += fold.tail()

    exact = replay({"v-1": made.lines}, contract(), instant(1e9)).latencies["v-1"]
    whole = Span(instant(0) - HOUR, instant(1e6))
    by_hour, by_value = (figure(MESH, "s", 10 * MS, whole, [(of, "p")]) for of in (kept, exact))
    assert (by_hour.over, by_hour.within, by_hour.undecided) == (
        by_value.over,
        by_value.within,
        by_value.undecided,
    )
    assert by_hour.excursions == by_value.excursions


def _absorb(into: Latencies, part: Latencies) -> None:
    into.judged += part.judged
    into.excursions += part.excursions


@given(st.lists(st.integers(0, 10 * S), min_size=1, max_size=200))
def test_a_quantile_is_a_measured_value_that_so_many_do_not_exceed(values: list[int]) -> None:
    found = quantiles(Counter(values))

    assert found["max"] == max(values)
    for name, per_cent in (("p50", 50), ("p90", 90), ("p99", 99)):
        assert found[name] in values
        assert sum(v <= found[name] for v in values) * 100 >= per_cent * len(values)
        assert sum(v < found[name] for v in values) * 100 < per_cent * len(values)


_ANY = st.integers(-(1 << 63), (1 << 63) - 1)
_NEAR = st.integers(0, 300)


@pytest.mark.parametrize("count", [TOGETHER - 1, TOGETHER, 2 * TOGETHER + 1])
@given(st.lists(st.tuples(_NEAR, _NEAR, _NEAR) | st.tuples(_ANY, _ANY, _ANY), min_size=1, max_size=20))
def test_values_are_given_back_as_they_were_for_any_span(
    count: int, some: list[tuple[int, int, int]]
) -> None:
    kept, given_ = Values(), list(islice(cycle(some), count))
    for sent, value, error in given_:
        kept.add(sent, value, error)

    for start, end, _ in (some[0], some[-1], (-(1 << 63), (1 << 63) - 1, 0)):
        found = [
            pair
            for values, errors in kept.sent_in(Span(start, end))
            for pair in zip(values.tolist(), errors.tolist(), strict=True)
        ]
        assert found == [(value, error) for sent, value, error in given_ if start <= sent < end]


# --------------------------------------------------------------------------------------- by worked examples


def test_what_the_index_keeps_is_counts_by_the_hour() -> None:
    """By the hour of sending, the first at 14:13:20; a value that no limit is about is not counted."""
    made = timed(5 * MS, 11 * MS, 10 * MS, 5 * MS, every=1500, error=1).sample(5000, value=5 * MS)
    made.plan([service("s", MESH)], [probe(every=1500), probe("q", "t")], 5900)
    fold = Fold(limits(contract()))
    for line in made.sample(6000, OK, "q", value=7).sample(6100, OK, "q").lines:
        fold.feed(line)

    found = fold.take()

    first, second = instant(-800), instant(2800)
    assert found.judged == [
        Judged("p", MESH, first, over=1, within=1, undecided=0),
        Judged("p", MESH, second, over=0, within=2, undecided=1),
    ]
    assert found.excursions == [Excursion("p", MESH, instant(1500), instant(1500.01), 1, 11 * MS)]
    assert dict(found.values) == {}
    assert fold.take() == Latencies(values={})


def test_an_excursion_goes_on_over_a_restart() -> None:
    made, fold = timed(11 * MS, 13 * MS), Fold(limits(contract()))
    for line in made.lines:
        fold.feed(line)
    assert fold.take().excursions == []

    after = Fold(limits(contract()))
    after.restore(json.loads(json.dumps(fold.snapshot())), made.lines[2])  # type: ignore[arg-type]
    assert after.tail() == fold.tail()
    for line in made.sample(20, value=12 * MS).sample(30, value=1).lines[-2:]:
        after.feed(line)

    assert after.take().excursions == [Excursion("p", MESH, instant(0), instant(20.01), 3, 13 * MS)]
    assert after.tail() == []


def test_a_fold_that_never_saw_a_plan_is_restored_to_that() -> None:
    fold = Fold(limits(contract()))
    fold.restore([], None)
    fold.feed(timed().sample(0, value=11 * MS).lines[-1])

    assert (fold.take().judged, fold.tail()) == ([], [])


def test_hours_that_begin_in_a_span_are_its_own() -> None:
    """Of the index there is no more to be had than that; another probe's and promise's are not in it."""
    hours = [
        Judged(name, promise, instant(k * 3600), over=more + 1, within=k, undecided=2)
        for k in range(4)
        for name, promise, more in (("p", MESH, 0), ("q", MESH, 10), ("p", "another", 100))
    ]
    excursions = [
        Excursion(name, promise, instant(a), instant(b), 1, 11 * MS)
        for a, b in ((7200, 7300), (3500, 3601), (3500, 3600), (10_799, 10_900), (10_800, 10_801))
        for name, promise in (("p", MESH), ("q", MESH), ("p", "another"))
    ]
    kept = Latencies(judged=hours, excursions=excursions)

    found = figure(MESH, "s", 10 * MS, Span(instant(3600), instant(10_800)), [(kept, "p")])

    assert (found.over, found.within, found.undecided, found.share_within) == (2, 3, 4, Fraction(1, 3))
    assert found.quantiles == {}
    assert [(e.start - instant(0)) // S for e in found.excursions] == [3500, 7200, 10_799]
    assert {(e.probe, e.commitment) for e in found.excursions} == {("p", MESH)}


def test_a_figure_joins_the_probes_of_a_service() -> None:
    """Their values for exact quantiles, and their excursions in order of time, then of name."""
    values = {name: Values() for name in "pq"}
    for k in range(10):
        values["p"].add(instant(k), (k + 1) * MS, 0)
        values["q"].add(instant(k), (k + 11) * MS, MS)
    runs = [
        Excursion(name, MESH, instant(k), instant(k + 1), 1, 11 * MS)
        for k, name in ((3, "q"), (3, "p"), (1, "q"))
    ]
    kept = Latencies(values=values, excursions=runs)

    found = figure(MESH, "s", 10 * MS, Span(instant(0), instant(60)), [(kept, "p"), (kept, "q")])

    assert (found.commitment, found.service, found.limit) == (MESH, "s", 10 * MS)
    assert (found.over, found.within, found.undecided) == (9, 10, 1)
    assert dict(found.quantiles) == {"p50": 10 * MS, "p90": 18 * MS, "p99": 20 * MS, "max": 20 * MS}
    assert [(e.probe, (e.start - instant(0)) // S) for e in found.excursions] == [
        ("q", 1),
        ("p", 3),
        ("q", 3),
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, {"p50": 1, "p90": 1, "p99": 1, "max": 1}),
        (2, {"p50": 1, "p90": 2, "p99": 2, "max": 2}),
        (10, {"p50": 5, "p90": 9, "p99": 10, "max": 10}),
        (100, {"p50": 50, "p90": 90, "p99": 99, "max": 100}),
        (101, {"p50": 51, "p90": 91, "p99": 100, "max": 101}),
    ],
)
def test_quantiles_are_measured_values(count: int, expected: dict[str, int]) -> None:
    assert quantiles(Counter(range(1, count + 1))) == expected


@pytest.mark.parametrize(
    ("count", "wide"),
    [
        (TOGETHER - 1, 200),
        (TOGETHER, 0),
        (TOGETHER + 1, 200),
        (TOGETHER + 1, 70_000),
        (TOGETHER + 1, 1 << 40),
        (2 * TOGETHER + 1, (1 << 63) - 1),
    ],
)
def test_packed_values_come_back_as_they_were(count: int, wide: int) -> None:
    kept = Values()
    given_ = [
        (instant(k * 10 + k % 3), wide if k % 7 == 0 else 5, -wide if k % 5 == 0 else 3) for k in range(count)
    ]
    for one in given_:
        kept.add(*one)

    found = [
        pair
        for values, errors in kept.sent_in(Span(given_[2][0], given_[-1][0]))
        for pair in zip(values.tolist(), errors.tolist(), strict=True)
    ]

    assert found == [(value, error) for _, value, error in given_[2:-1]]


def test_what_is_packed_takes_a_few_bytes_each() -> None:
    """Values within 250 µs of each other, on a grid: three bytes, not the 24 of three numbers."""
    kept = Values()
    for k in range(TOGETHER):
        kept.add(instant(k * 10), 5000 + k % 250, 3)

    ((_, *columns),) = kept._packed

    assert [above.itemsize for _, above in columns] == [1, 1, 1]


def test_an_account_keeps_no_value_that_no_limit_is_about() -> None:
    made = (
        timed(5 * MS).plan([service("s", MESH)], [probe(), probe("q", "t")], 5).sample(10, OK, "q", value=1)
    )

    found = replay({"v-1": made.lines}, contract(), instant(60)).latencies["v-1"]

    assert set(found.values) == {"p"}


def test_values_before_1970_and_below_nothing_are_kept_too() -> None:
    """A clock that is set wrong may say so, and a line is never refused for it."""
    kept = Values()
    kept.add(-5, -7, -9)

    ((values, errors),) = kept.sent_in(Span(-5, -4))
    assert (values.tolist(), errors.tolist()) == ([-7], [-9])


def test_what_another_probe_misses_ends_no_excursion() -> None:
    made = Journal().start().clock().plan([service("s", MESH)], [probe(), probe("q")])
    made.sample(0, value=11 * MS).sample(1, value=12 * MS, probe="q").sample(5, FAILED, "q")

    found = replay({"v-1": made.sample(10, value=11 * MS).lines}, contract(), instant(60)).latencies["v-1"]

    assert [(e.probe, e.samples) for e in found.excursions] == [("q", 1), ("p", 2)]


@pytest.mark.parametrize("keep", [False, True])
def test_a_fold_that_was_emptied_goes_on(keep: bool) -> None:
    made, fold = timed(5 * MS), Fold(limits(contract()), keep=keep)
    for line in made.lines:
        fold.feed(line)
    first = fold.take()
    fold.feed(made.sample(10, value=6 * MS).lines[-1])

    second = fold.take()

    assert [[(j.within, j.hour) for j in found.judged] for found in (first, second)] == (
        [[], []] if keep else [[(1, instant(-800))]] * 2
    )
    always = Span(instant(-1), instant(60))
    kept = [[value.tolist() for value, _ in found.values["p"].sent_in(always)] for found in (first, second)]
    assert kept == ([[[5 * MS]], [[6 * MS]]] if keep else [[[]], [[]]])
