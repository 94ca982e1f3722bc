"""Figures as tables for people: one way to draw each, in every command."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from threading import Timer

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from collector.core.account import Account
from collector.core.attainment import Attainment, Figure
from collector.core.durability import Place
from collector.core.outage import Outage
from collector.core.timeline import Spans, duration
from exporters import query
from exporters.documents import show
from exporters.query import Observed

STYLES = {
    "up": "green", "down": "bold red", "edge": "yellow", "unknown": "dim",
    "MET": "green", "MISSED": "bold red", "OPEN": "yellow",
}  # fmt: skip
WIDE = 240
"""Columns where nobody's terminal says how many there are: a pipe cuts nothing."""
PATIENCE_S = 1.0
"""What takes no longer is not worth a bar that flickers."""
ENDLESS = 100_000
"""More columns than anything needs."""


def console(*, stderr: bool = False) -> Console:
    """Where a command prints."""
    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=WIDE)


@contextmanager
def lines_read(journals: Sequence[Path]) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal while journals are read line by line, gone once it is done; elsewhere nothing."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda _: None
        return
    shown = (BarColumn(), TextColumn("{task.completed:,} lines"), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *shown, console=screen, transient=True) as bar:
        task = bar.add_task("reading the journal", total=query.lines_in(journals) or None)
        yield lambda lines: bar.advance(task, lines)


@contextmanager
def readings_drawn() -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal while the account is drawn by every reading; elsewhere nothing."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda *_: None
        return
    shown = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*shown, console=screen, transient=True) as bar:
        task = bar.add_task("drawing the account by every reading", total=None)
        yield lambda drawn, of: bar.update(task, completed=drawn, total=of)


@contextmanager
def steps_taken() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on the terminal while a bundle is verified, where that lasts over a second; elsewhere nothing."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda *_: None
        return
    shown = (BarColumn(), TextColumn("{task.completed:,} lines"), TimeRemainingColumn())
    bar = Progress(TextColumn("{task.description}"), *shown, console=screen, transient=True)
    task = bar.add_task("verifying", total=None)
    begun = Timer(PATIENCE_S, bar.start)  # whatever lasts so long, and tells of nothing meanwhile
    begun.start()
    try:
        yield lambda step, lines, of: bar.update(
            task, description=f"verifying: {step}", completed=lines, total=of or None
        )
    finally:
        begun.cancel()
        begun.join()  # else it could begin after the end
        if bar.live.is_started:
            bar.stop()


class Listing:
    """Rows under columns; where the screen is too narrow for them, each row as a paragraph that says all.

    The first `heading` cells head a paragraph, and are left out where they are empty.
    """

    def __init__(self, columns: Sequence[str], heading: int = 1) -> None:
        self._columns = columns
        self._heading = heading
        self._rows: list[Sequence[str | Text]] = []

    def add_row(self, *cells: str | Text) -> None:
        """A cell for each column; the last ones may be left out."""
        self._rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        roomy, close = self._table(closely=False), self._table(closely=True)
        if not console.is_terminal:
            yield roomy
            return
        for table in (roomy, close):
            needed = Measurement.get(console, options.update(max_width=ENDLESS), table).maximum
            if needed <= options.max_width:
                yield table
                return
        yield from self._paragraphs()

    def _table(self, *, closely: bool) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=closely)
        for column in self._columns:
            table.add_column(column, overflow="fold")
        for row in self._rows:
            table.add_row(*row)
        return table

    def _paragraphs(self) -> Iterator[RenderableType]:
        for row in self._rows:
            head = [cell for cell in row[: self._heading] if cell]
            if head:
                yield Text("  ").join([cell if isinstance(cell, Text) else Text(cell) for cell in head])
            said = zip(self._columns[self._heading :], row[self._heading :], strict=False)
            rest = [Text.assemble((f"{column} ", "dim"), cell) for column, cell in said if cell]
            if rest:
                yield Padding(Text(", ").join(rest), (0, 0, 0, 2))


def services(now: Observed, where: tzinfo) -> Listing:
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
    table = Listing(columns, heading=3)
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


def present(now: Observed, where: tzinfo) -> Listing:
    """Every service with its state and how long it has been down for sure."""
    table = Listing(("service", "state", "since", "down for sure", "outages"), heading=2)
    for service in now.services:
        since = "" if service.since is None else show.instant(service.since, where)
        down = show.duration(service.seconds["down"])
        table.add_row(service.service, _word(service.state), since, down, str(service.outages))
    return table


def attainments(account: Account, where: tzinfo) -> Listing:
    """Every attainment of an account."""
    table = Listing(
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
        ),
        heading=2,
    )
    for one in account.attainments:
        span = (show.instant(edge, where) for edge in one.window.span)
        table.add_row(one.service, one.commitment, one.window.kind, *span, *_figures(one))
    return table


def episodes(account: Account, where: tzinfo) -> Listing:
    """When a sliding window was missed: the ends of its positions from the first one missed to the last."""
    table = Listing(("service", "commitment", "missed by windows that end from", "to"))
    for one in account.attainments:
        for episode in one.episodes:
            ends = (show.instant(window.end, where) for window in (episode.first, episode.last))
            table.add_row(one.service, one.commitment, *ends)
    return table


def _figures(one: Attainment) -> tuple[str | Text, ...]:
    return (
        _bounds(one.observed),
        _bounds(one.net),
        show.percent(one.target, show.EXACT),
        _word(one.finding),
        "none" if one.coverage is None else show.percent(one.coverage),
        ", ".join(one.flags),
    )


def _bounds(figure: Figure) -> str:
    if figure.best is None or figure.worst is None:
        return "no time agreed"
    low, high = show.percent(figure.worst), show.percent(figure.best)
    return low if low == high else f"{low} to {high}"


def durabilities(account: Account, where: tzinfo) -> Listing:
    """Every durability commitment, and below it each object that was lost. No statistics are claimed."""
    columns = ("service", "commitment", "window", "written", "kept", "read back", "target", "finding")
    table = Listing((*columns, "flags", "lost", "last intact", "first missed"), heading=2)
    for one in account.durability:
        counts = (str(one.written), str(one.kept), str(one.read_back))
        judged = (show.percent(one.target, show.EXACT), _word(one.finding), ", ".join(one.flags))
        head: Sequence[str | Text] = (one.service, one.commitment, one.window.kind, *counts, *judged)
        for lost in one.lost:
            table.add_row(*head, lost.name, _place(lost.intact, where), _place(lost.lost, where))
            head = ("",) * len(head)
        if not one.lost:
            table.add_row(*head)
    return table


def _place(place: Place | None, where: tzinfo) -> str:
    return "never" if place is None else f"{show.instant(place.at, where)} ({place.line})"


def tickets(account: Account, where: tzinfo) -> Listing:
    """Every ticket with what support owed on it; times taken are of business hours where the limit is."""
    columns = ("ticket", "severity", "scope", "opened", "commitment", "taken", "waited", "limit", "finding")
    table = Listing((*columns, "flags"), heading=4)
    for ticket in account.tickets:
        head = (
            ticket.number,
            "" if ticket.severity is None else str(ticket.severity),
            ", ".join(ticket.scope),
            "" if ticket.opened is None else show.instant(ticket.opened, where),
        )
        for one in ticket.commitments:
            table.add_row(
                *head,
                one.commitment,
                "unknown" if one.elapsed is None else show.worked(one.elapsed, business=one.business_hours),
                show.worked(one.waited, business=one.business_hours) if one.waited else "",
                "none" if one.limit is None else show.worked(one.limit, business=one.business_hours),
                _word(one.finding),
                ", ".join((*ticket.flags, *one.flags)),
            )
            head = ("", "", "", "")
    return table


def outages(found: Iterable[Outage], where: tzinfo) -> Listing:
    """Outages with what is certain of each, and below it what is possible."""
    table = Listing(("service", "downtime", "from", "to", "lasting"))
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


def _word(word: str) -> Text:
    return Text(word, STYLES.get(word, ""))
