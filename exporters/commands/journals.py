"""What commands that compute from journals share: their options, and the account that these ask for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from collector.core.account import Account, Evidence, draw, settle
from collector.core.effect import Effect, effects
from collector.core.published import to_json
from collector.core.timeline import Instant, Span
from collector.core.window import Asked
from collector.errors import UsageError
from collector.host.clock import wall_us
from collector.journal.reader import OriginDir, origins
from exporters import query
from exporters.commands import tables
from exporters.commands.options import INSTANT
from exporters.commands.world import World, by_contract, configured, named_in
from exporters.query import Found

_WINDOWS: Mapping[str, Sequence[Asked]] = {
    "trailing": ("trailing",),
    "calendar": ("calendar",),
    "worst": ("worst",),
    "all": ("trailing", "calendar", "worst"),
}


def options(command: Callable[..., int]) -> Callable[..., int]:
    """The options of a command that computes from journals alone, or from what the settings name."""
    for option in (
        click.option("--contract", type=click.Path(path_type=Path), help="The contract file to account by."),
        click.option(
            "--at", "as_of", type=INSTANT, help="Account for what was known then; now, if not given."
        ),
        click.option(
            "--journal",
            "sources",
            type=click.Path(path_type=Path),
            multiple=True,
            help="A state directory, a journal, or one origin's lines; without it, what the settings name.",
        ),
    ):
        command = option(command)
    return command


reading = click.option(
    "--reading", "readings", multiple=True, metavar="NAME=CHOICE", help="Read a clause another way."
)


def drawing(command: Callable[..., int]) -> Callable[..., int]:
    """The options that say over which windows and by which readings an account is drawn."""
    for option in (
        reading,
        click.option(
            "--window",
            type=click.Choice(list(_WINDOWS)),
            default="trailing",
            show_default=True,
            help="Which window of each commitment's length.",
        ),
        click.option("--to", "end", type=INSTANT, help="Its end, not counted in."),
        click.option("--from", "start", type=INSTANT, help="Of a window of one's own, with --to."),
    ):
        command = option(command)
    return command


def asked(start: Instant | None, end: Instant | None, window: str) -> Sequence[Asked]:
    """The windows that --from, --to and --window ask for; UsageError for half a window."""
    if start is not None or end is not None:
        if start is None or end is None or end <= start:
            raise UsageError("--from and --to: expected both, the second later; one alone is no window")
        return (Span(start, end),)
    return _WINDOWS[window]


def choices(texts: Sequence[str]) -> dict[str, str]:
    """What --reading moves: reading → choice; UsageError for what is no "name=choice"."""
    return dict(_choice(text) for text in texts)


def _choice(text: str) -> tuple[str, str]:
    name, equals, choice = text.partition("=")
    if not equals:
        raise UsageError(f'--reading: expected "name=choice", got "{text}"')
    return name, choice


def read(
    config: Path, sources: Sequence[Path], contract: Path | None, as_of: Instant | None
) -> tuple[World, Found]:
    """What to account for, and by which contract: the settings', or the one that the journals' plans name."""
    world, directories = world_of(config, sources, contract)
    with tables.lines_read(directories) as progress:
        if as_of is None and not sources:
            return world, query.latest(directories[0], world.contract, progress)
        return world, query.replayed(directories, world.contract, instant(as_of), progress)


def world_of(config: Path, sources: Sequence[Path], contract: Path | None) -> tuple[World, Sequence[Path]]:
    """The world to account in, and the directories of its journals."""
    if sources:
        return by_contract(contract) if contract else named_in(query.contracts_named(sources)), sources
    found = configured(config)
    return by_contract(contract) if contract else found, [found.state]


def instant(as_of: Instant | None) -> Instant:
    """The instant to account for: now, if none is given."""
    return wall_us() if as_of is None else as_of


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """An account, with all that it was drawn from."""

    account: Account
    world: World
    found: Found
    places: Sequence[OriginDir]
    windows: Sequence[Asked]
    moved: Mapping[str, str]
    """Readings that differ from all-safe."""

    @cached_property
    def effects(self) -> Sequence[Effect]:
        """What each reading is worth."""
        return moves(self.found.evidence(), self.world, self.account.as_of, self.windows, self.moved)

    def published(self) -> dict[str, Any]:
        """The account as programs read it, with its claims and what each reading is worth."""
        return to_json(self.account, settle(self.account), self.effects)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the options of `options` and `drawing` ask for, for commands that go down to the lines."""

    config: Path
    sources: tuple[Path, ...]
    contract: Path | None
    as_of: Instant | None
    start: Instant | None
    end: Instant | None
    window: str
    readings: tuple[str, ...]

    def drawn(self) -> Drawn:
        """The account, from the lines alone: no index knows where a line is."""
        windows, moved = asked(self.start, self.end, self.window), choices(self.readings)
        world, directories = world_of(self.config, self.sources, self.contract)
        return drawn(world, directories, instant(self.as_of), windows, moved)

    def directories(self) -> Sequence[Path]:
        """Where the journals are: named, or by the settings; nowhere, without either."""
        if self.sources or not self.config.exists():
            return self.sources
        return [configured(self.config).state]


def drawn(
    world: World,
    directories: Sequence[Path],
    as_of: Instant,
    windows: Sequence[Asked],
    moved: Mapping[str, str],
    sizes: Mapping[str, int] | None = None,
) -> Drawn:
    """The account of `directories` as of an instant, from their lines; `sizes` as in `query.replayed`."""
    with tables.lines_read(directories) as progress:
        found = query.replayed(directories, world.contract, as_of, progress, sizes)
    account = draw(
        found.evidence(), world.contract, world.calendar, as_of=as_of, readings=moved, asked=windows
    )
    places = [place for directory in directories for place in origins(directory)]
    return Drawn(account=account, world=world, found=found, places=places, windows=windows, moved=moved)


def moves(
    evidence: Evidence, world: World, as_of: Instant, windows: Sequence[Asked], moved: Mapping[str, str]
) -> Sequence[Effect]:
    """What each reading is worth, under a bar on the terminal."""
    with tables.readings_drawn() as progress:
        return effects(
            evidence, world.contract, world.calendar,
            as_of=as_of, readings=moved, asked=windows, progress=progress,
        )  # fmt: skip
