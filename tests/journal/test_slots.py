"""Gap lines stand for exactly the slots that have no other line, few of them for many probes."""

from hypothesis import given
from hypothesis import strategies as st

from collector.core.record import Clock, Gap, GapReason, Host, Line
from collector.core.timeline import SECOND, Instant, Span
from collector.journal.slots import Coverage, Held, Lost, grid_of, stands_for, together
from tests.journal.lines import NOON, declaration, plan, probe, sample

Grids = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.integers(1, 12), st.integers(0, 11)), min_size=1
)
Sequences = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 60), st.integers(0, 4)), max_size=12)


def slots(span: Span, interval: int, phase: int) -> set[int]:
    return set(range(span.start + (phase - span.start) % interval, span.end, interval))


@given(Grids, st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(50, 90), st.integers(1, 30))))
def test_spans_told_together_hold_the_very_slots_of_each_probe(
    grid: dict[str, tuple[int, int]], lengths: dict[str, tuple[int, int]]
) -> None:
    spans = {name: Span(start, start + length) for name, (start, length) in lengths.items() if name in grid}
    told = together(spans, grid, 0)

    assert sorted(spans) == sorted(name for _, names in told for name in names)
    for span, names in told:
        for name in names:
            assert slots(spans[name], *grid[name]) == slots(span, *grid[name])
            assert span.start <= spans[name].start


def test_probes_with_spread_phases_that_stood_still_together_are_told_in_one_line() -> None:
    grid = {f"p{k}": (10 * SECOND, k * SECOND) for k in range(10)}
    spans = {name: Span(NOON + phase, NOON + phase + 50 * SECOND + 1) for name, (_, phase) in grid.items()}

    assert len(together(spans, grid, 0)) == 1


def test_a_gap_never_begins_before_its_plan() -> None:
    grid = {"a": (10, 5), "b": (10, 2)}
    told = together({"a": Span(105, 120), "b": Span(102, 120)}, grid, plan_at=103)

    assert sorted(told) == [(Span(102, 120), ("b",)), (Span(105, 120), ("a",))]


def test_a_sample_stands_for_the_planned_slots_it_covers_and_one_between_slots_for_its_instant() -> None:
    grid = {"api": (10 * SECOND, 0)}
    assert list(stands_for(sample(NOON, covers=3), grid)) == [("api", Span(NOON, NOON + 20 * SECOND + 1))]
    late = sample(NOON + SECOND, covers=1)
    assert list(stands_for(late, grid)) == [("api", Span(NOON + SECOND, NOON + 10 * SECOND + 1))]
    burst = sample(NOON + SECOND, covers=0)
    assert list(stands_for(burst, grid)) == [("api", Span(NOON + SECOND, NOON + SECOND + 1))]


@given(st.lists(st.integers(0, 5), max_size=10), st.integers(0, 40))
def test_after_any_lines_what_is_open_is_exactly_the_slots_that_no_line_covers(
    covers: list[int], more: int
) -> None:
    coverage = Coverage({}, {}, 0)
    coverage.feed(plan(probe("api"), probe("dns", phase=3 * SECOND)))
    covered: set[Instant] = set()
    slot = NOON
    for count in covers:
        line = sample(slot, covers=count)
        coverage.feed(line)
        covered |= {slot + k * 10 * SECOND for k in range(count)}
        slot += count * 10 * SECOND
    until = slot + more * SECOND
    planned = range(NOON, until, 10 * SECOND)

    named = {
        instant
        for span, names in coverage.open_until(until)
        if "api" in names
        for instant in planned
        if span.start <= instant < span.end
    }
    assert named == set(planned) - covered


def test_a_new_plan_opens_its_new_probes_from_its_own_instant_on_and_forgets_the_old_ones() -> None:
    coverage = Coverage({}, {}, 0)
    coverage.feed(plan(probe("api")))
    coverage.feed(sample(NOON))
    coverage.feed(plan(probe("dns"), at=NOON + 5 * SECOND))

    assert coverage.open_until(NOON + 60 * SECOND) == [
        (Span(NOON + 5 * SECOND, NOON + 60 * SECOND), ("dns",)),
    ]


@given(Sequences, st.integers(0, 12))
def test_gaps_in_the_stead_of_lost_lines_hold_their_slots_however_they_were_lost(
    runs: list[tuple[str, int, int]], split: int
) -> None:
    grid = {name: (10, k) for k, name in enumerate("abcdef")}
    held = Held(grid, NOON)
    lines: list[Line] = [sample(NOON + at, probe=name, covers=n) for name, at, n in runs]
    lines.insert(split % (len(lines) + 1), declaration("kept"))
    at_once, older, younger = Lost(), Lost(), Lost()
    for number, line in enumerate(lines):
        at_once.give_up(line, held)
        (older if number < split else younger).give_up(line, held)
    older.followed_by(younger)
    told, again = Lost(), at_once.take(NOON)
    for line, plan_ in again:
        told.give_up(line, plan_)

    def found(taken: list[tuple[Line, Held]]) -> dict[str, set[int]]:
        named: dict[str, set[int]] = {name: set() for name in grid}
        for line, _ in taken:
            for name, span in stands_for(line, grid):
                named[name] |= slots(span, *grid[name])
        return named

    assert declaration("kept") in [line for line, _ in again]
    assert found(again) == found(older.take(NOON)) == found(told.take(NOON))


def test_what_only_tells_how_things_are_is_forgotten_and_what_steps_the_clock_is_kept() -> None:
    held, lost = Held({}, NOON), Lost()
    host = Host(seq=0, at=NOON, loop_lag_max=0, loop_lag_p99=0, queue=0, fds=0, rss=0, late=0, route={})
    steady = Clock(
        seq=0, at=NOON, wall=NOON, boot_offset=0, error=None, synced=0, source="none", leap=0, step=0
    )
    stepped = Clock(
        seq=0, at=NOON, wall=NOON, boot_offset=0, error=None, synced=0, source="none", leap=0, step=SECOND
    )
    for line in (host, steady, stepped):
        lost.give_up(line, held)

    assert lost.take(NOON) == [(stepped, held)]
    assert not lost


def test_a_lost_gap_for_all_probes_is_told_for_each() -> None:
    held, lost = Held(grid_of(plan(probe("a"), probe("b"))), NOON), Lost()
    lost.give_up(
        Gap(seq=0, at=NOON, probes=("*",), from_=NOON, to=NOON + 1, reason=GapReason.SUSPENDED), held
    )
    ((line, _),) = lost.take(NOON)

    assert isinstance(line, Gap)
    assert (line.probes, line.reason) == (("a", "b"), GapReason.JOURNAL)
