"""`constat rotate | genesis | head`: an origin's key, and what others are handed to vouch by."""

from collections.abc import Sequence
from pathlib import Path

import click

from collector.errors import UsageError
from collector.host.mail import send
from collector.journal import keys, layout
from collector.journal.layout import OriginDir
from collector.journal.origin import last_written
from collector.settings import Secrets
from collector.settings.outside import is_address
from exporters.commands import options
from exporters.commands.world import World, configured
from exporters.documents import genesis as deposit
from exporters.documents import head as heading
from exporters.documents import newfile

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


@click.command()
@options.config
@state_option
@origin_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="Into this file, a new one; else it is printed.",
)  # fmt: skip
def genesis(config: Path, state: Path | None, names: tuple[str, ...], output: Path | None) -> int:
    """Print the page to deposit with a third party: which journal, key, plan and authorities will count."""
    state = _state(config, state)
    text = deposit.page([deposit.of(state, place) for place in picked(state, names)])
    if output is None:
        click.echo(text, nl=False)
    else:
        newfile.keep(output, text.encode(), "a page that was handed out stays")
        click.echo(f"{output}: to be handed, unchanged, to a third party before what is measured matters")
    return 0


@click.command()
@options.config
@state_option
@click.option("--to", "directory", type=click.Path(path_type=Path), help="Put them into this directory.")
@click.option("--mail", "addresses", multiple=True, metavar="ADDRESS", help="Mail them to this address.")
def head(config: Path, state: Path | None, directory: Path | None, addresses: tuple[str, ...]) -> int:
    """Hand out the newest signed checkpoint of each origin: to a directory, or by mail.

    Without --to and --mail it is mailed to those whom the settings name.
    """
    found = None if state is not None and not addresses and directory is not None else configured(config)
    place = found.state if state is None and found is not None else state
    assert place is not None
    heads = [one for origin in layout.origins(place) if (one := heading.newest(origin)) is not None]
    if not heads:
        raise UsageError(f"{place}: expected a signed checkpoint, got none yet: one closes every hour")
    if directory is not None:
        for path in heading.keep(heads, directory):
            click.echo(path)
    if addresses or directory is None:
        assert found is not None
        _mailed(found, heads, addresses)
    return 0


def _mailed(world: World, heads: Sequence[heading.Head], addresses: Sequence[str]) -> None:
    settings = world.settings
    assert settings is not None
    mail = settings.mail
    if mail is None:
        raise UsageError(f"{settings.path}: expected a table [mail] that says by which server, got none")
    to = addresses or mail.to
    if not to:
        raise UsageError(f"{settings.path}: mail.to: expected whom to send to, here or by --mail; got nobody")
    if strangers := [address for address in to if not is_address(address)]:
        raise UsageError(f"--mail: expected an address like a@example.net, got {', '.join(strangers)}")
    secrets = settings.credentials(mail.credentials) if mail.credentials else Secrets()
    if mail.credentials and not (secrets.get("user") and secrets.get("password")):
        raise UsageError(
            f'{settings.path}: mail.credentials: expected user and password in "{mail.credentials}", '
            f"got {secrets!r}; {settings.sources.searched(mail.credentials)}"
        )
    send(mail.relay(secrets), heading.message(heads, mail.sender, to), mail.sender, to)
    click.echo(f"mailed to {', '.join(to)}: {', '.join(f'{one.origin} {one.size}' for one in heads)}")


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
