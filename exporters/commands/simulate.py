"""`constat simulate`: the journal of a made-up period, to try settings and contracts on, and the truth."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from collector import settings
from collector import simulate as simulation
from collector.core.timeline import Duration, Instant, Span, duration_of
from collector.errors import UsageError
from exporters.commands import options, tables
from exporters.commands.world import configured

BEGINS = "2026-01-01T00:00:00+01:00"


@click.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="A new state directory.",
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="The same one gives the same bytes.")
@click.option(
    "--from", "start", type=options.INSTANT, default=BEGINS, show_default=True, help="The period's begin."
)
@click.option("--to", "end", type=options.INSTANT, help="Its end; else --months or --years says how long.")
@click.option("--months", type=click.IntRange(1, 1200), help="Its length; one, if nothing is said.")
@click.option("--years", type=click.IntRange(1, 100), help="Its length.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="Settings to watch by; else some that Constat ships."
)
@click.option("--interval", metavar="DURATION", help='Ask every probe so often instead, like "60s".')
def simulate(
    output: Path,
    seed: int,
    start: Instant,
    end: Instant | None,
    months: int | None,
    years: int | None,
    config: Path | None,
    interval: str | None,
) -> int:
    """Write the journal of a made-up provider that fails in every way, and its true downtime, truth.json."""
    if sum(given is not None for given in (end, months, years)) > 1:
        raise UsageError("--to, --months, --years: expected one of them, got more")
    try:
        every = None if interval is None else duration_of(interval)
    except ValueError as error:
        raise UsageError(f"--interval: {error}") from None
    if every is not None and every <= 0:
        raise UsageError(f'--interval: expected more than nothing, got "{interval}"')
    world = configured(config or settings.shipped("simulate.toml"))
    found = world.settings
    assert found is not None
    if end is None:
        end = world.calendar.shift(start, months=12 * years if years else months or 1)
    span = Span(start, end)
    if every is not None and every > span.length > 0:
        raise UsageError(f'--interval: expected at most the period, got "{interval}"')
    with _made(span.length * found.budget.origins) as progress:
        truth = simulation.simulate(
            output,
            found.plan(world.contract, world.contract_sha256),
            span,
            world.calendar,
            seed=seed,
            vantage=found.vantage,
            origins=found.budget.origins,
            interval=every,
            progress=progress,
        )
    outages = sum(len(service.down) for service in truth.services.values())
    click.echo(f"{output}: {len(truth.services)} services, {outages} true outages; truth.json has them all")
    return 0


@contextmanager
def _made(total: Duration) -> Iterator[Callable[[Duration], None]]:
    """A bar on the terminal, gone once it is done; elsewhere nothing."""
    screen = tables.console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*shown, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("making it up", total=total)
        yield lambda passed: bar.advance(task, passed)
