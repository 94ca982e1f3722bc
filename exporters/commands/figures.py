"""`constat status | account | outages`: the figures, for people and for programs."""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from pathlib import Path

import click
from rich.console import Group, RenderableType
from rich.live import Live

from collector.core.account import draw, settle
from collector.core.attainment import Attainment
from collector.core.durability import DurabilityFigure
from collector.core.published import to_json
from collector.core.support import SupportTime
from collector.core.timeline import Instant, Span
from collector.errors import UsageError
from collector.host.clock import wall_us
from exporters import query
from exporters.commands import amounts, journals, options, printing, tables
from exporters.commands.world import configured
from exporters.documents import show
from exporters.query import Observed

FINDING = 1
"""Exit status when a commitment is missed."""


@click.command()
@options.config
@options.as_json
@options.utc
@click.option("--watch", is_flag=True, help="Stay, and draw the table again every second.")
def status(config: Path, as_json: bool, utc: bool, watch: bool) -> int:
    """How every service is now, and what was attained over the window that ends now.

    With --watch until Ctrl-C; the exit status is that of the last screen."""
    if as_json and watch:
        raise UsageError("--json, --watch: expected one of them, got both; the JSON is printed once")
    world = configured(config)
    where = show.zone(world.contract.zone, utc=utc)

    def drawn() -> Observed:
        found = query.latest(world.state, world.contract)
        return query.observed(found, world.contract, world.calendar, wall_us())

    now = drawn()
    if as_json:
        printing.json(query.status_json(now))
    elif watch:
        now = _watched(now, drawn, where)
    else:
        tables.console().print(screen(now, where))
    return _verdict(now.account.attainments, now.damage)


def screen(now: Observed, where: tzinfo) -> RenderableType:
    """The state of everything on one screen."""
    running = [service.open for service in now.services if service.open is not None]
    as_of = f"as of {show.instant(now.account.as_of, where)}"
    if not running:
        return Group(tables.services(now, where), "", f"No outage is open, {as_of}.")
    return Group(tables.services(now, where), "", f"Open outages, {as_of}:", tables.outages(running, where))


def _watched(now: Observed, drawn: Callable[[], Observed], where: tzinfo) -> Observed:
    """Draw a screen every second until Ctrl-C, which is how one leaves it; what was on the last."""
    try:
        with Live(screen(now, where), console=tables.console(), screen=True, auto_refresh=False) as live:
            while True:
                threading.Event().wait(1)
                coming = drawn()
                live.update(screen(coming, where), refresh=True)
                now = coming
    except KeyboardInterrupt:
        return now


@click.command()
@options.config
@journals.options
@journals.drawing
@options.as_json
@options.utc
def account(
    config: Path,
    sources: tuple[Path, ...],
    contract: Path | None,
    as_of: Instant | None,
    start: Instant | None,
    end: Instant | None,
    window: str,
    readings: tuple[str, ...],
    as_json: bool,
    utc: bool,
) -> int:
    """Every promise over a window: what comes off under which clause, what is left, the finding.

    With --journal or --at, computed anew from the journals' lines and the contract alone."""
    asked = journals.asked(start, end, window)
    world, found = journals.read(config, sources, contract, as_of)
    as_of = journals.instant(as_of)
    moved = journals.choices(readings)
    drawn = draw(found.evidence(), world.contract, world.calendar, as_of=as_of, readings=moved, asked=asked)
    settled = settle(drawn)
    worth = journals.moves(found.evidence(), world, as_of, asked, moved)
    if as_json:
        printing.json({**to_json(drawn, settled, worth), "damage": list(found.damage)})
    else:
        where = show.zone(world.contract.zone, utc=utc)
        out = tables.console()
        out.print(f"Account as of {show.instant(as_of, where)} by {world.contract.id}\n")
        shown = tables.outages(drawn.outages, where) if drawn.outages else "No outage in these windows."
        out.print(tables.attainments(drawn, where), "", shown)
        if drawn.durability:
            out.print("", tables.durabilities(drawn, where))
        if drawn.tickets:
            out.print("", tables.tickets(drawn, where))
        if any(one.episodes for one in drawn.attainments):
            out.print("", tables.episodes(drawn, where))
        for part in amounts.claimed(drawn, settled, where):
            out.print(part)
        for part in amounts.worth(drawn, settled, worth, moved):
            out.print(part)
        for flag in drawn.flags:
            out.print(f"Mind: {flag}")
    owed = [one for ticket in drawn.tickets for one in ticket.commitments]
    return _verdict([*drawn.attainments, *drawn.durability, *owed], found.damage)


@click.command()
@options.config
@journals.options
@options.as_json
@options.utc
def outages(
    config: Path,
    sources: tuple[Path, ...],
    contract: Path | None,
    as_of: Instant | None,
    as_json: bool,
    utc: bool,
) -> int:
    """All outages since the first line, each with its certain and its possible bounds."""
    world, found = journals.read(config, sources, contract, as_of)
    as_of = journals.instant(as_of)
    began = min((one.testimony.began for one in found.told), default=as_of)
    drawn = draw(
        found.evidence(),
        world.contract,
        world.calendar,
        as_of=as_of,
        asked=(Span(began, max(as_of, began + 1)),),
    )
    if as_json:
        whole = to_json(drawn)
        shown = ("version", "as_of", "contract", "outages", "blips")
        printing.json({**{key: whole[key] for key in shown}, "damage": list(found.damage)})
    else:
        where = show.zone(world.contract.zone, utc=utc)
        out = tables.console()
        out.print(
            tables.outages(drawn.outages, where) if drawn.outages else "No outage since the first line."
        )
        if drawn.blips:
            count = len(drawn.blips)
            out.print(
                f"\nBesides {count} {'blip' if count == 1 else 'blips'}: failures that prove no downtime."
            )
    return printing.damaged(found.damage)


# ------------------------------------------------------------------------------------------- what they share


def _verdict(judged: Iterable[Attainment | DurabilityFigure | SupportTime], damage: Sequence[str]) -> int:
    missed = any(one.finding == "MISSED" for one in judged)
    return max(printing.damaged(damage), FINDING if missed else 0)
