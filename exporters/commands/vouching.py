"""`constat rotate | genesis | head`: an origin's key, and what others are handed to vouch by."""

from collections.abc import Sequence
from pathlib import Path

import click

from collector.errors import UsageError
from collector.journal import keys, layout
from collector.journal.layout import OriginDir
from collector.journal.origin import last_written
from exporters.commands import options
from exporters.commands.world import configured

state_option = click.option(
    "--state", type=click.Path(path_type=Path), help="A state directory, instead of the settings'."
)
origin_option = click.option(
    "--origin", "names", multiple=True, help="Of this origin; else of the one that is being written."
)


@click.command()
@options.config
@state_option
def rotate(config: Path, state: Path | None) -> int:
    """Make a new key; the collector signs with it from its next start or SIGHUP on, and forgets the old one.

    The old key signs the new one in a line of the journal, so a deposit that names the old one still holds.
    """
    state = _state(config, state)
    (place,) = picked(state, ())
    file = keys.next_path(state, place.name)
    try:
        key = keys.make(file, place.name)
    except FileExistsError:
        raise UsageError(
            f"{file}: expected no key that waits already, got one; the collector takes it at its next "
            "start or at SIGHUP (systemctl reload constat-collector)"
        ) from None
    click.echo(f"{key.vkey}\nwaits: systemctl reload constat-collector, or restart the collector, to take it")
    return 0


def _state(config: Path, state: Path | None) -> Path:
    return configured(config).state if state is None else state


def picked(state: Path, names: Sequence[str]) -> list[OriginDir]:
    """The origins of these names; of none, the one that is being written. UsageError where there is none."""
    places = {place.name: place for place in layout.origins(state)}
    known = ", ".join(sorted(places)) or "none: start the collector first"
    if not names:
        last = last_written(state)
        names = [last] if last else sorted(places)
        if len(names) != 1:
            raise UsageError(f"{state}: expected one origin, or --origin to say which; there are: {known}")
    if strangers := [name for name in names if name not in places]:
        raise UsageError(f"{state}: expected an origin out of {known}; got {', '.join(strangers)}")
    return [places[name] for name in dict.fromkeys(names)]
