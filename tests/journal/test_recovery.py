"""Whatever ended the writer, the next one goes on without a hole, a torn line or a tree that differs."""

import os
import random
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core import record
from collector.core.record import Plan, Sample, Start
from collector.core.timeline import HOUR, SECOND, Span
from collector.journal import compress, known, layout, treefile
from collector.journal.reader import read
from tests.journal.lines import (
    NOON,
    Journal,
    child,
    declaration,
    everything,
    naive_root,
    plan,
    probe,
    raw_lines,
    sample,
    three_hours,
)


def test_a_torn_last_line_is_cut_wherever_it_was_torn_and_its_bytes_are_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.samples(3)
    journal.crash()
    path = journal.place.directory / "2026-11-20T12.jsonl"
    whole = path.read_bytes()
    last = record.encode(sample(NOON, seq=3)) + b"\n"

    for length in range(len(last)):
        path.write_bytes(whole + last[:length])
        again = Journal(tmp_path)
        assert again.origin.cut == length
        assert again.store.size == 3
        again.crash()
    again = Journal(tmp_path)
    again.samples(1)
    again.close()
    assert path.read_bytes() == whole + last
    assert everything(again.place) == ([0, 1, 2, 3], [])


@pytest.mark.parametrize("torn", [b"\0" * 4096, b'{"t":"stop"\n' * 3, b"\n", b"{}\n\xff\n"])
def test_what_a_power_cut_left_after_the_last_line_is_cut_though_it_ends_in_a_newline(
    tmp_path: Path, torn: bytes
) -> None:
    journal = Journal(tmp_path)
    journal.samples(3)
    journal.crash()
    path = journal.place.directory / "2026-11-20T12.jsonl"
    path.write_bytes(path.read_bytes() + torn)

    again = Journal(tmp_path)
    assert again.origin.cut == len(torn)
    again.samples(1)
    again.close()
    assert everything(again.place) == ([0, 1, 2, 3], [])


def damage_nothing(directory: Path) -> None:
    pass


def remove_frontier(directory: Path) -> None:
    (directory / layout.FRONTIER).unlink()


def tear_frontier(directory: Path) -> None:
    path = directory / layout.FRONTIER
    path.write_bytes(path.read_bytes()[:100] + b"\0" * 500)


def remove_tree(directory: Path) -> None:
    for path in directory.glob("*.tree"):
        path.unlink()


def tear_tree(directory: Path) -> None:
    path = max(directory.glob("*.tree"))
    path.write_bytes(path.read_bytes()[:-40])


def remove_all(directory: Path) -> None:
    remove_frontier(directory)
    remove_tree(directory)
    (directory / layout.DECLARED).unlink()


def damage_declared(directory: Path) -> None:
    path = directory / layout.DECLARED
    path.write_bytes(b"x" + path.read_bytes()[1:])


def remove_declared(directory: Path) -> None:
    (directory / layout.DECLARED).unlink()


@pytest.mark.parametrize(
    "harm",
    [
        damage_nothing,
        remove_frontier,
        tear_frontier,
        remove_tree,
        tear_tree,
        remove_declared,
        damage_declared,
        remove_all,
    ],
)
def test_without_any_of_its_side_files_a_writer_goes_on_with_the_same_tree(
    tmp_path: Path, harm: object
) -> None:
    journal = Journal(tmp_path)
    journal.append([plan(probe("api")), declaration("one"), declaration("two")])
    for hour in range(3):
        journal.samples(300, NOON + hour * HOUR)
    stale = (journal.place.directory / layout.FRONTIER).read_bytes()
    journal.samples(300, NOON + 2 * HOUR + 300 * SECOND)
    journal.crash()
    assert callable(harm)
    harm(journal.place.directory)

    again = Journal(tmp_path)
    assert again.origin.name == journal.origin.name
    assert again.origin.declared == {id_: known.of(declaration(id_)) for id_ in ("one", "two")}
    assert again.origin.open_until(NOON + 3 * HOUR) != []
    again.samples(200, NOON + 2 * HOUR)
    again.close()
    assert everything(again.place) == (list(range(1403)), [])
    assert all(getattr(item, "verified", False) for item in read(again.place))
    (again.place.directory / layout.FRONTIER).write_bytes(stale)
    third = Journal(tmp_path)
    assert third.store.size == 1403
    third.crash()


def test_a_restart_reads_no_line_that_its_frontier_tells_of(tmp_path: Path) -> None:
    place = three_hours(tmp_path)
    for name in place.names()[:-1]:
        (place.directory / f"{name}.jsonl").write_bytes(b"unreadable\n")
    again = Journal(tmp_path)

    assert (again.store.size, again.origin.name) == (1800, place.name)
    again.crash()


def test_a_restart_knows_how_far_each_probe_was_covered(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([plan(probe("api"), probe("dns", phase=3 * SECOND))])
    journal.append([sample(NOON), sample(NOON + 3 * SECOND, probe="dns", covers=2)])
    journal.crash()
    again = Journal(tmp_path)

    told = again.origin.open_until(NOON + 40 * SECOND)
    uncovered = {
        name: [slot for slot in range(NOON + phase, NOON + 40 * SECOND, 10 * SECOND) if _in(told, name, slot)]
        for name, phase in (("api", 0), ("dns", 3 * SECOND))
    }
    assert uncovered == {
        "api": [NOON + 10 * SECOND, NOON + 20 * SECOND, NOON + 30 * SECOND],
        "dns": [NOON + 23 * SECOND, NOON + 33 * SECOND],
    }
    again.crash()


def _in(told: list[tuple[Span, tuple[str, ...]]], name: str, slot: int) -> bool:
    return any(name in names and span.start <= slot < span.end for span, names in told)


def test_states_survive_their_file_and_a_damaged_one_is_noticed() -> None:
    state = treefile.State(size=3, peaks=("00" * 32, "11" * 32), file="f", offset=9, at=7, last="22" * 32)
    data = treefile.header(state)
    assert treefile.state_of(data + b"rest") == state
    for place in range(len(data)):
        assert treefile.state_of(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]) is None


Steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 300)),
        st.tuples(st.sampled_from(["hour", "crash", "close", "checkpoint", "pack"]), st.just(0)),
        st.tuples(st.just("tear"), st.integers(1, 100)),
    ),
    max_size=12,
)


@given(Steps)
def test_appending_rolling_over_packing_and_restarting_in_any_order_reads_back_the_same_lines_and_root(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    state = tmp_path_factory.mktemp("any")
    journal, now, count = Journal(state), NOON, 0
    name = journal.origin.name
    for step, amount in steps:
        if step == "append":
            journal.samples(amount, now)
            count += amount
        elif step == "hour":
            now += HOUR
        elif step == "checkpoint":
            journal.store.checkpoint()
        elif step == "pack":
            _pack(journal, now)
        else:
            journal.close() if step == "close" else journal.crash()
            if step == "tear" and count:
                with max(journal.place.directory.glob("*.jsonl")).open("ab") as file:
                    file.write(b"x" * amount)
            journal = Journal(state)
    journal.close()

    assert journal.origin.name == name
    assert everything(journal.place) == (list(range(count)), [])
    if count:
        frontier = treefile.state_of((journal.place.directory / layout.FRONTIER).read_bytes())
        assert frontier is not None
        assert frontier.frontier().root() == naive_root(journal.place)
    shutil.rmtree(state)


def _pack(journal: Journal, now: int) -> None:
    for path in compress.due(journal.place.directory, journal.store.file, now):
        compress.compress(path, lambda: False)


@pytest.mark.slow
def test_killed_at_random_moments_the_writer_goes_on_without_a_hole_and_with_the_same_tree(
    tmp_path: Path,
) -> None:
    chance = random.Random(6962)
    synced = -1
    for _ in range(12):
        with child(tmp_path) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 60)):
                synced = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
            rest = process.stdout.read().split()
            synced = int(rest[-1]) if rest else synced
    again = Journal(tmp_path)
    assert again.store.size > synced
    again.close()

    lines = [record.decode(line) for line in raw_lines(again.place)]
    assert [line.seq for line in lines] == list(range(again.store.size))
    assert everything(again.place) == (list(range(again.store.size)), [])
    frontier = treefile.state_of((again.place.directory / layout.FRONTIER).read_bytes())
    assert frontier is not None
    assert frontier.frontier().root() == naive_root(again.place)


def test_a_plan_and_a_start_are_kept_like_any_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    start = Start(
        seq=0, at=NOON, format=1, origin=journal.origin.name, vantage="paris", version="0", python="3",
        boot="b", cut=0,
    )  # fmt: skip
    journal.append([start, plan(probe("api")), sample()])
    journal.close()

    kinds = [type(line) for item in read(journal.place) for line in getattr(item, "lines", [])]
    assert kinds == [Start, Plan, Sample]
