"""Figures as tables for people: one way to draw each, in every command."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from collector.core.account import Account
from collector.core.attainment import Attainment, Figure
from collector.core.outage import Outage
from collector.core.timeline import Spans, duration
from exporters.documents import show
from exporters.query import Observed

STYLES = {
    "up": "green", "down": "bold red", "edge": "yellow", "unknown": "dim",
    "MET": "green", "MISSED": "bold red", "OPEN": "yellow",
}  # fmt: skip
WIDE = 240
"""Columns where nobody's terminal says how many there are: a pipe cuts nothing."""


def console(*, stderr: bool = False) -> Console:
    """Where a command prints."""
    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=WIDE)


@contextmanager
def lines_read() -> Iterator[Callable[[int], None]]:
    """A count of lines on the terminal while a journal is read, gone once it is done; elsewhere nothing."""
    screen = console(stderr=True)
    shown = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,} lines"))
    with Progress(
        *shown, TimeElapsedColumn(), console=screen, transient=True, disable=not screen.is_terminal
    ) as bar:
        task = bar.add_task("reading the journal", total=None)
        yield lambda lines: bar.advance(task, lines)


def services(now: Observed, where: tzinfo) -> Table:
    """Every service with its state, and every promise about it over the window that ends now."""
    columns = (
        "service",
        "state",
        "since",
        "commitment",
        "observed",
        "net",
        "target",
        "finding",
        "coverage",
        "flags",
    )
    table = _table(columns)
    promises: dict[str, list[Attainment]] = {}
    for attainment in now.account.attainments:
        promises.setdefault(attainment.service, []).append(attainment)
    for service in now.services:
        since = "" if service.since is None else show.instant(service.since, where)
        head: Sequence[str | Text] = (service.service, _word(service.state), since)
        for attainment in promises.get(service.service, ()):
            table.add_row(*head, attainment.commitment, *_figures(attainment))
            head = ("", "", "")
        if service.service not in promises:
            table.add_row(*head)
    return table


def present(now: Observed, where: tzinfo) -> Table:
    """Every service with its state and how long it has been down for sure."""
    table = _table(("service", "state", "since", "down for sure", "outages"))
    for service in now.services:
        since = "" if service.since is None else show.instant(service.since, where)
        down = show.duration(service.seconds["down"])
        table.add_row(service.service, _word(service.state), since, down, str(service.outages))
    return table


def attainments(account: Account, where: tzinfo) -> Table:
    """Every attainment of an account."""
    table = _table(
        (
            "service",
            "commitment",
            "window",
            "from",
            "to",
            "observed",
            "net",
            "target",
            "finding",
            "coverage",
            "flags",
        )
    )
    for one in account.attainments:
        span = (show.instant(edge, where) for edge in one.window.span)
        table.add_row(one.service, one.commitment, one.window.kind, *span, *_figures(one))
    return table


def _figures(one: Attainment) -> tuple[str | Text, ...]:
    return (
        _bounds(one.observed),
        _bounds(one.net),
        show.percent(one.target),
        _word(one.finding),
        "none" if one.coverage is None else show.percent(one.coverage),
        ", ".join(one.flags),
    )


def _bounds(figure: Figure) -> str:
    if figure.best is None or figure.worst is None:
        return "no time agreed"
    low, high = show.percent(figure.worst), show.percent(figure.best)
    return low if low == high else f"{low} to {high}"


def outages(found: Iterable[Outage], where: tzinfo) -> Table:
    """Outages with what is certain of each, and below it what is possible."""
    table = _table(("service", "downtime", "from", "to", "lasting"))
    for outage in found:
        table.add_row(outage.service, "certain", *_hull(outage.certain, where), _lasting(outage.certain))
        begins, ends = _hull(outage.possible, where)
        until = Text("goes on", "bold red") if outage.open else ends
        table.add_row("", "possible", begins, until, _lasting(outage.possible))
    return table


def _hull(parts: Spans, where: tzinfo) -> tuple[str, str]:
    if not parts:
        return "nothing", ""
    return show.instant(parts[0].start, where), show.instant(parts[-1].end, where)


def _lasting(parts: Spans) -> str:
    return show.duration(duration(parts))


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _word(word: str) -> Text:
    return Text(word, STYLES.get(word, ""))
