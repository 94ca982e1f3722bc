"""Figures on a screen: columns where they fit, paragraphs that say the same where they do not."""

import re

import pytest
from rich.console import Console
from rich.text import Text

from exporters.commands.tables import Listing


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
