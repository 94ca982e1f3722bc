"""Latency commitments: counts, excursions and exact quantiles (A5)."""

import json
from collections import Counter
from itertools import cycle, islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.account import replay
from collector.core.latency import (
    TOGETHER,
    Fold,
    Latencies,
    Values,
    bucket,
    bucket_bound,
    figure,
    limits,
    quantiles,
    side,
)
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
    (found,) = account(timed(5 * MS, 11 * MS, 12 * MS, 9 * MS, None, 11 * MS), until=100).latency

    assert (found.over, found.within, found.undecided) == (3, 2, 0)
    assert str(found.share_within) == "2/5"
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
    assert sum(sum(sketch.counts.values()) for sketch in kept.sketches) == len(values)


def _absorb(into: Latencies, part: Latencies) -> None:
    into.judged += part.judged
    into.sketches += part.sketches
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


@given(st.integers(0, 1 << 40))
def test_a_bucket_holds_its_values_and_is_no_wider_than_an_eighth(value: int) -> None:
    index = bucket(value)
    below = bucket_bound(index - 1) if index else 0

    assert below <= value < bucket_bound(index)
    assert bucket_bound(index) - below <= max(below // 8, 1)
