"""Boot time, wall time, and what is said about them."""

import ctypes
import time
from pathlib import Path

import pytest

from collector.core.timeline import HOUR, SECOND
from collector.host.clock import STA_INS, STA_UNSYNC, Clock, _Timex, bound


def test_now_is_boot_time_plus_the_offset_that_was_stated() -> None:
    clock = Clock()
    stated = clock.observe().boot_offset

    before = clock.boot_us()
    now = clock.now()
    after = clock.boot_us()

    assert before + stated <= now <= after + stated


def test_now_is_the_wall_clock_as_long_as_nobody_moves_it() -> None:
    clock = Clock()
    clock.observe()

    assert abs(clock.now() - clock.wall_us()) < SECOND
    assert abs(clock.wall_us() - time.time_ns() // 1000) < SECOND


def test_reading_states_nothing_and_observing_does() -> None:
    clock = Clock()
    _set_back(clock, HOUR)
    behind = clock.now()

    reading = clock.read()
    still_behind = clock.now()
    observed = clock.observe()

    assert reading.step == 0
    assert still_behind - behind < SECOND
    assert abs(observed.step - HOUR) < SECOND
    assert abs(clock.now() - clock.wall_us()) < SECOND


def test_a_move_within_the_limit_is_followed_and_is_no_step() -> None:
    clock = Clock(step_limit=SECOND)
    _set_back(clock, SECOND // 2)

    observed = clock.observe()

    assert observed.step == 0
    assert abs(clock.now() - clock.wall_us()) < SECOND // 4


def test_a_move_beyond_the_limit_is_a_step_by_how_far_it_moved_either_way() -> None:
    clock = Clock(step_limit=SECOND // 4)
    _set_back(clock, SECOND // 2)
    forward = clock.observe().step
    _set_back(clock, -SECOND // 2)
    backward = clock.observe().step

    assert abs(forward - SECOND // 2) < SECOND // 8
    assert abs(backward + SECOND // 2) < SECOND // 8


def _set_back(clock: Clock, by: int) -> None:
    """As if the wall clock had been `by` earlier when it was stated: the test may not set the real one."""
    clock._offset -= by


def test_the_daemon_that_keeps_the_clock_is_named_by_its_traces(tmp_path: Path) -> None:
    clock = Clock(run=tmp_path)
    nobody = clock.read().source
    (tmp_path / "systemd" / "timesync").mkdir(parents=True)
    timesyncd = clock.read()
    (tmp_path / "chrony").mkdir()
    chrony = clock.read()

    assert (nobody, timesyncd.source, chrony.source) == ("none", "timesyncd", "chrony")


@pytest.mark.parametrize(
    ("status", "maxerror", "source", "expected"),
    [
        (0, 1500, "chrony", 1500),
        (STA_INS, 1500, "chrony", 1500),
        (0, 1500, "none", 1500),
        (STA_UNSYNC, 16_000_000, "chrony", None),
        (0, 0, "chrony", None),
        (0, 0, "timesyncd", None),
        (0, 500, "timesyncd", None),
    ],
)
def test_the_kernels_bound_counts_only_where_it_is_one(
    status: int, maxerror: int, source: str, expected: int | None
) -> None:
    assert bound(status, maxerror, source) == expected


def test_a_reading_never_states_more_than_it_knows() -> None:
    reading = Clock().read()

    assert reading.synced in (0, 1)
    assert reading.error is None or (reading.synced and reading.error > 0)
    assert reading.leap in (0, 1, 2)
    assert reading.wall - reading.boot_offset <= Clock().boot_us()


def test_the_kernels_structure_has_its_fields_where_we_look() -> None:
    assert (_Timex.maxerror.offset, _Timex.status.offset) == (24, 40)
    assert ctypes.sizeof(_Timex) >= 208


def test_this_boot_and_this_machine_have_names_that_stay() -> None:
    clock = Clock()

    assert clock.boot_id() == Clock().boot_id() != ""
    assert clock.machine_id() == Clock().machine_id()
    assert clock.slept() >= 0


def test_the_machine_id_is_not_given_away() -> None:
    try:
        secret = Path("/etc/machine-id").read_text().strip()
    except FileNotFoundError:
        secret = ""

    assert Clock().machine_id() != secret or secret == ""
