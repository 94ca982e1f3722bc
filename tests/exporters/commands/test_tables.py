"""Figures on a screen: columns where they fit, paragraphs that say the same where they do not."""

import os
import re
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console
from rich.text import Text

from exporters.commands.tables import PATIENCE_S, Listing, steps_taken


def listing() -> Listing:
    made = Listing(("service", "state", "commitment", "net"), heading=2)
    made.add_row("object-latency", Text("down"), "internal-network.object-storage-latency", "99.9 % to 100 %")
    made.add_row("", "", "object-storage.access-api", "")
    return made


def drawn(width: int, *, terminal: bool = True) -> list[str]:
    console = Console(width=width, force_terminal=terminal, no_color=True, highlight=False)
    with console.capture() as capture:
        console.print(listing())
    return [re.sub(r"\x1b\[\d*m", "", line).rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize(("width", "gap"), [(100, "  "), (78, " ")])
def test_columns_where_they_fit(width: int, gap: str) -> None:
    head, first, _ = drawn(width)

    assert head.split() == ["service", "state", "commitment", "net"]
    assert first == gap.join(
        ["object-latency", "down ", "internal-network.object-storage-latency", "99.9 % to 100 %"]
    )


def test_paragraphs_where_they_do_not() -> None:
    assert drawn(60) == [
        "object-latency  down",
        "  commitment internal-network.object-storage-latency, net",
        "  99.9 % to 100 %",
        "  commitment object-storage.access-api",
    ]


def test_a_pipe_gets_columns_whatever_they_take() -> None:
    assert drawn(60, terminal=False)[0].split() == ["service", "state", "commitment", "net"]


@contextmanager
def terminal() -> Iterator[int]:
    """What is shown on a terminal that standard error is."""
    ours, its = os.openpty()
    with pytest.MonkeyPatch.context() as patch, os.fdopen(its, "w") as stream:
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stderr", stream)
        yield ours
    os.close(ours)


def shown(terminal: int, until: bytes, patience_s: float) -> bytes:
    """All that is shown up to some word, or that was shown in this time."""
    found, ends = b"", time.monotonic() + patience_s
    while until not in found and select.select([terminal], [], [], max(0, ends - time.monotonic()))[0]:
        found += os.read(terminal, 1 << 16)
    return found


def test_a_verification_that_lasts_shows_how_far_it_is_though_it_tells_no_more() -> None:
    with terminal() as screen:
        with steps_taken() as progress:
            progress("tree", 250_000, 1_000_000)
            assert b"verifying: tree" in shown(screen, b"250,000 lines", 10)
        assert b"\x1b[2K" in shown(screen, b"\x1b[2K", 10)  # gone once it is done


def test_a_verification_that_is_quick_shows_nothing() -> None:
    with terminal() as screen:
        with steps_taken() as progress:
            progress("files", 0, 0)

        assert shown(screen, b"files", 1.5 * PATIENCE_S) == b""


def test_a_verification_that_lasts_shows_nothing_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with steps_taken() as progress:
        progress("files", 0, 0)
        time.sleep(1.5 * PATIENCE_S)

    assert capsys.readouterr() == ("", "")
