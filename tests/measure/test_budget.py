"""The rate budget: two requests a second, none twice within one, over processes and vantage points."""

import asyncio
import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.record import Outcome, Reason
from collector.core.timeline import SECOND, Instant
from collector.measure.budget import (
    APART,
    BUSY,
    PAUSE_FIRST,
    PAUSE_LIMIT,
    BudgetFile,
    Ledger,
    Rejections,
    Turns,
    answered,
    forget,
    spend,
    wait,
)

requests = st.lists(
    st.tuples(st.integers(0, 2 * SECOND), st.sampled_from(["a", "b", "c"])), min_size=1, max_size=40
)


def sent(turns: Turns, wanted: list[tuple[int, str]], start: Instant) -> list[tuple[Instant, str]]:
    """When requests go out that are wanted one after the other, each some time after the one before."""
    ledger, boot, out = Ledger(), start, []
    for pause, request in wanted:
        boot += pause
        while waits := wait(ledger, turns, request, boot=boot, utc=boot):
            boot += waits
        forget(ledger, boot)
        spend(ledger, request, boot=boot)
        out.append((boot, request))
    return out


@given(first=requests, second=requests, third=requests, origins=st.integers(1, 3))
def test_never_more_than_two_in_a_second_and_never_two_identical_over_all_origins(
    first: list[tuple[int, str]], second: list[tuple[int, str]], third: list[tuple[int, str]], origins: int
) -> None:
    out = sorted(
        one
        for index, wanted in enumerate([first, second, third][:origins])
        for one in sent(Turns(origins=origins, index=index), wanted, start=1000 * SECOND)
    )

    whens = [at for at, _ in out]
    assert all(b - a >= SECOND for a, b in zip(whens, whens[2:], strict=False))
    for request in "abc":
        assert all(b - a >= SECOND for a, b in pairwise(at for at, r in out if r == request))


def test_an_origin_has_its_own_second_of_the_cycle() -> None:
    turns = Turns(origins=3, index=1)

    assert turns.cycle == 6 * SECOND
    assert [turns.wait(t * SECOND) // SECOND for t in range(7)] == [2, 1, 0, 5, 4, 3, 2]
    assert turns.share == turns.share.limit_denominator(3)
    assert Turns().wait(12345) == 0


def test_what_one_origin_may_send_in_the_long_run_is_its_share() -> None:
    turns = Turns(origins=2, index=1)

    out = sent(turns, [(0, request) for request in "abcdefghij" * 4], start=0)

    assert len(out) / ((out[-1][0] - out[0][0]) / SECOND) == pytest.approx(float(turns.share), rel=0.1)


def test_throttling_pauses_the_account_twice_as_long_each_time() -> None:
    ledger, boot, waits = Ledger(), 0, []
    for _ in range(9):
        answered(ledger, Outcome.THROTTLED, Reason.RATE_ACCOUNT, boot=boot)
        waits.append(wait(ledger, Turns(), "r", boot=boot, utc=0))
        boot += waits[-1]

    assert waits[:3] == [PAUSE_FIRST, 2 * PAUSE_FIRST, 4 * PAUSE_FIRST]
    assert waits[-1] == PAUSE_LIMIT
    answered(ledger, Outcome.OK, Reason.NONE, boot=boot)
    answered(ledger, Outcome.THROTTLED, Reason.RATE_UNSAID, boot=boot)
    assert wait(ledger, Turns(), "r", boot=boot, utc=0) == PAUSE_FIRST


def test_two_requests_throttled_together_double_once() -> None:
    ledger = Ledger()

    answered(ledger, Outcome.THROTTLED, Reason.RATE_ACCOUNT, boot=0)
    answered(ledger, Outcome.THROTTLED, Reason.RATE_ACCOUNT, boot=10)

    assert wait(ledger, Turns(), "r", boot=10, utc=0) == PAUSE_FIRST


def test_throttling_of_one_call_does_not_pause_the_account() -> None:
    ledger = Ledger()

    answered(ledger, Outcome.THROTTLED, Reason.RATE_CALL, boot=0)

    assert wait(ledger, Turns(), "r", boot=0, utc=0) == 0


def test_signed_requests_stop_after_two_rejections_in_a_row() -> None:
    rejections = Rejections()

    assert not rejections.answered("a", Outcome.BLIND, Reason.CREDENTIALS)
    rejections.answered("a", Outcome.OK, Reason.NONE)
    assert not rejections.answered("a", Outcome.BLIND, Reason.CREDENTIALS)
    assert not rejections.stopped("a")
    rejections.answered("a", Outcome.BLIND, Reason.RESOLVER)
    assert rejections.answered("a", Outcome.BLIND, Reason.CREDENTIALS), "told once, when it stops"
    assert rejections.stopped("a")
    assert not rejections.stopped("b")


@given(wanted=requests, origins=st.integers(1, 3), gap=st.integers(0, 3 * SECOND))
def test_who_asks_in_the_lull_leaves_the_next_second_to_the_probes(
    wanted: list[tuple[int, str]], origins: int, gap: int
) -> None:
    """Nobody asked for a second before, and the next probe does not wait for it."""
    turns, ledger, boot = Turns(origins=origins), Ledger(), 1000 * SECOND
    for pause, request in wanted:
        boot += pause
        while waits := wait(ledger, turns, request, boot=boot, utc=boot):
            boot += waits
        forget(ledger, boot)
        spend(ledger, request, boot=boot)
    last = boot
    while waits := wait(ledger, turns, "a source's", boot=boot, utc=boot, lull=True):
        boot += waits
    spend(ledger, "a source's", boot=boot)

    assert boot - last >= APART
    later = boot + gap
    assert wait(ledger, turns, "a", boot=later, utc=later) == turns.wait(later)


# ------------------------------------------------------------------------------------------------ the file


def test_two_files_on_one_path_share_one_budget(tmp_path: Path) -> None:
    a, b = BudgetFile(tmp_path / "budget", Turns()), BudgetFile(tmp_path / "budget", Turns())

    assert a.take("acc", "x", boot=0, utc=0) == 0
    assert b.take("acc", "x", boot=10, utc=0) == APART - 10
    assert b.take("acc", "y", boot=20, utc=0) == 0
    assert a.take("acc", "z", boot=30, utc=0) == APART - 30
    assert a.take("other", "z", boot=30, utc=0) == 0
    b.answered("acc", Outcome.THROTTLED, Reason.RATE_ACCOUNT, boot=40)
    assert a.take("acc", "z", boot=2 * SECOND, utc=0) == 40 + PAUSE_FIRST - 2 * SECOND


def test_a_process_that_was_overtaken_on_its_way_to_the_file_does_not_ask_too(tmp_path: Path) -> None:
    a, b = BudgetFile(tmp_path / "budget", Turns()), BudgetFile(tmp_path / "budget", Turns())

    assert a.take("acc", "x", boot=1000, utc=0) == 0
    assert b.take("acc", "x", boot=990, utc=0) == APART + 10


def test_what_another_boot_wrote_is_forgotten(tmp_path: Path) -> None:
    budget = BudgetFile(tmp_path / "budget", Turns())
    budget.take("acc", "x", boot=5000 * SECOND, utc=0)
    budget.answered("acc", Outcome.THROTTLED, Reason.RATE_ACCOUNT, boot=5000 * SECOND)

    assert BudgetFile(tmp_path / "budget", Turns()).take("acc", "x", boot=SECOND, utc=0) == 0


@pytest.mark.parametrize("content", [b"", b"{", b"\xff" * 4096, b'{"acc": 3}'])
def test_a_torn_file_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "budget").write_bytes(content)
    budget = BudgetFile(tmp_path / "budget", Turns())

    assert budget.take("acc", "x", boot=0, utc=0) == 0
    assert budget.take("acc", "x", boot=0, utc=0) == APART
    assert len((tmp_path / "budget").read_bytes()) == 4096
    assert json.loads((tmp_path / "budget").read_bytes())["acc"]["sent"] == [0]
    assert budget.trouble == ""


def test_without_a_file_the_process_keeps_to_the_budget_alone(tmp_path: Path) -> None:
    budget = BudgetFile(tmp_path / "missing" / "budget", Turns())

    assert budget.take("acc", "x", boot=0, utc=0) == 0
    assert budget.take("acc", "x", boot=0, utc=0) == APART
    assert "missing" in budget.trouble


async def test_a_process_that_holds_the_file_does_not_block_others(tmp_path: Path) -> None:
    path = tmp_path / "budget"
    path.touch()
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.flock(f, fcntl.LOCK_SH);"
        "print(flush=True); sys.stdin.read()", str(path),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    await holder.stdout.readline()
    budget = BudgetFile(path, Turns())
    try:
        held = budget.take("acc", "x", boot=0, utc=0)
        budget.answered("acc", Outcome.THROTTLED, Reason.RATE_ACCOUNT, boot=0)
    finally:
        holder.kill()
        await holder.communicate()

    assert held == BUSY
    assert budget.take("acc", "x", boot=0, utc=0) == PAUSE_FIRST, "an answer is not lost to a busy file"


async def test_two_processes_together_keep_to_two_a_second(tmp_path: Path) -> None:
    """Both ask as often as they can for a second and a half; what they were granted is put side by side."""
    program = """
import sys, time
from pathlib import Path
from collector.host.clock import boot_us
from collector.measure.budget import BudgetFile, Turns
budget, end = BudgetFile(Path(sys.argv[1]), Turns()), boot_us() + 1_500_000
while boot_us() < end:
    for request in "abc":
        now = boot_us()
        if budget.take("acc", request, boot=now, utc=0) == 0:
            print(now, request, flush=True)
    time.sleep(0.003)
"""
    both = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(tmp_path / "budget"), stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    outputs = await asyncio.gather(*(one.communicate() for one in both))
    granted = sorted(
        (int(at), request)
        for out, _ in outputs
        for at, request in (line.split() for line in out.decode().splitlines())
    )

    assert len(granted) >= 3
    whens = [at for at, _ in granted]
    assert all(b - a >= SECOND for a, b in zip(whens, whens[2:], strict=False))
    for request in "abc":
        assert all(b - a >= SECOND for a, b in pairwise(at for at, r in granted if r == request))
