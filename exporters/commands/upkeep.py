"""`constat rebuild`: the index, made anew from the journal."""

from pathlib import Path

import click

from collector.core.latency import limits
from exporters.commands import options, tables
from exporters.commands.world import configured
from exporters.index import rebuild as index
from exporters.index.store import index_path


@click.command()
@options.config
def rebuild(config: Path) -> int:
    """Make the index anew from the journal, which has everything; readers use the old one meanwhile."""
    world = configured(config)
    with tables.lines_read([world.state]) as progress:
        index.rebuild(world.state, limits(world.contract), progress)
    click.echo(f"{index_path(world.state)}: made anew")
    return 0
