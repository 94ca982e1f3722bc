"""`constat declare`: what a person states, checked, handed to the collector, and waited for."""

import threading
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, get_args

import click
import msgspec

from collector.core.declaration import NEEDS, checked
from collector.core.record import Declaration, DeclarationKind, Standing
from collector.errors import DeclarationError
from collector.journal import documents, inbox
from collector.journal.inbox import Handed
from collector.settings import Settings
from exporters.commands import options, printing
from exporters.commands.options import INSTANT
from exporters.commands.world import configured

PATIENCE_S = 5.0
"""How long to wait for a collector to take it."""

STEP_S = 0.1

_SPAN: Final = {"type": INSTANT, "nargs": 2, "multiple": True, "metavar": "START END"}
_NAMES: Final = {"multiple": True, "metavar": "NAME"}
_TIME: Final = {"type": INSTANT, "metavar": "INSTANT"}

FIELDS: Final[Mapping[str, tuple[str, Mapping[str, Any], str]]] = {
    "--sent": ("sent", _TIME, "When the document was sent."),
    "--received": ("received", _TIME, "When the document arrived."),
    "--supersedes": ("supersedes", {"metavar": "ID"}, "The declaration of its kind that this one corrects."),
    "--span": ("spans", _SPAN, "From when to when; may be given several times."),
    "--scope": ("scope", _NAMES, 'A service, a region, or "*"; may be given several times.'),
    "--standing": (
        "standing",
        {"type": click.Choice(get_args(Standing))},
        "Accepted takes time off, disputed by the reading of that name, the others never.",
    ),
    "--why": ("why", {}, "The reason for that."),
    "--number": ("number", {}, "The number of the ticket, notice or claim."),
    "--severity": ("severity", {"type": int}, "Of the ticket: 1, 2 or 3."),
    "--opened": ("opened", _TIME, "When the ticket was opened."),
    "--complete": ("complete", _TIME, "When the ticket had all required information."),
    "--first-answer": ("first_answer", _TIME, "When support first answered."),
    "--waiting": ("waiting", _SPAN, "While support waited for us."),
    "--solved": ("solved", _TIME, "When the ticket was solved."),
    "--account": ("account", {}, "The provider account."),
    "--month": ("month", {"metavar": "YYYY-MM"}, "The month that is invoiced or credited."),
    "--amount-cents": ("amount_cents", {"type": int}, "Without VAT, in cents."),
    "--issued": ("issued", _TIME, "When the invoice was issued."),
    "--zone": ("zones", _NAMES, "A zone deployed in; may be given several times."),
    "--resource": ("resources", _NAMES, "A resource deployed; may be given several times."),
    "--from": ("from_", _TIME, "Deployed from."),
    "--to": ("to", _TIME, "Deployed to."),
    "--service": ("services", _NAMES, "A service the notice is about; may be given several times."),
    "--certain": ("certain", _SPAN, "Downtime that the notice names as certain, or that a claim asks for."),
    "--possible": ("possible", _SPAN, "Downtime that the notice names as possible."),
    "--ongoing": ("ongoing", {"is_flag": True, "default": None}, "The notice says that it goes on."),
    "--state": ("state", {}, "How far the notice or claim has come."),
    "--message-id": ("message_id", {}, "Of the mail."),
    "--statement": ("statement", {}, "The statement a claim rests on."),
    "--root": ("root", {}, "Of the journal's tree."),
    "--size": ("size", {"type": int}, "Lines under that root."),
    "--commitment": ("commitment", {}, "The commitment that a claim is about."),
    "--claim": ("claim", {}, "The claim that is credited."),
    "--expires": ("expires", _TIME, "When the credit ends."),
    "--text": ("text", {}, "A note's text."),
}
"""Option → the field of the declaration it fills, its form, and its help."""


_OPTION: Final = {"document": "--document"} | {
    field.removesuffix("_"): option for option, (field, _, _) in FIELDS.items()
}
"""Key of a declaration → the option that fills it."""


def _with_fields(command: Callable[..., int]) -> Callable[..., int]:
    for option, (field, form, text) in reversed(list(FIELDS.items())):
        command = click.option(option, field, help=text, **form)(command)
    return command


_NEEDED: Final = "\n".join(
    ["\b", "Kinds, and what each needs:"]
    + [f"  {kind}: {' '.join(_OPTION[key] for key in NEEDS[kind])}" for kind in get_args(DeclarationKind)]
)


@click.command(context_settings={"show_default": False}, epilog=_NEEDED)
@click.argument("kind", metavar="KIND", type=click.Choice(get_args(DeclarationKind)))
@options.config
@click.option(
    "--by", required=True, envvar="CONSTAT_BY", show_envvar=True, help="The initials of who declares."
)
@click.option(
    "--id", "id_", metavar="ID", help="Of one's own making, so that saying it twice is saying it once."
)
@click.option(
    "--document",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The mail or file behind it: kept, and referred to by its hash.",
)
@_with_fields
@options.as_json
def declare(
    kind: str, config: Path, by: str, id_: str | None, document: Path | None, as_json: bool, **fields: Any
) -> int:
    """State what the journal cannot see: maintenance, tickets, invoices, notices, and their corrections."""
    settings = configured(config).settings
    assert settings is not None
    state = settings.state
    stated = {"kind": kind, "by": by, **({"id": id_} if id_ else {}), **_filled(fields)}
    if odd := list(_undecoded(stated)):
        raise DeclarationError("; ".join(odd))
    checked({"id": "0", **stated})
    for stranger in _strangers(settings, fields):
        click.echo(f"mind: {stranger}", err=True)
    if not (state / "journal").is_dir():
        click.echo(f"mind: {state} has no journal yet: is it the directory that you mean?", err=True)
    if document is not None:
        stated["document"] = documents.keep(state, document.read_bytes())
    handed = inbox.submit(state, stated)
    fate = _awaited(handed)
    if as_json:
        printing.json({"id": handed.id, "fate": fate})
    elif fate == "taken":
        click.echo(f"{handed.id}: in the journal")
    elif fate == "queued":
        click.echo(f"{handed.id}: queued; it is taken in once a collector runs on {state}")
    if fate not in ("taken", "queued"):
        raise DeclarationError(f"{handed.id}: rejected: {fate}")
    return 0


def _undecoded(stated: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the texts of a declaration, before they are looked at any further."""
    for key, value in stated.items():
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                yield from options.undecoded(_OPTION.get(key, f"--{key}"), text)


def _strangers(settings: Settings, fields: Mapping[str, Any]) -> Iterator[str]:
    """Names that the settings do not have: a slip, or of a time when they were others; so only told."""
    services = {service.name for service in settings.services}
    regions = {service.region for service in settings.services}
    known = {"scope": {"*"} | services | regions, "services": services}
    for field, names in known.items():
        for name in fields[field]:
            if name not in names:
                close = get_close_matches(name, names, 1)
                hint = f' (did you mean "{close[0]}"?)' if close else ""
                yield f'{_OPTION[field]}: "{name}" is not in {settings.path}{hint}: taken as it is'


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, under the names that the journal has for them."""
    names = {field.name: field.encode_name for field in msgspec.structs.fields(Declaration)}
    return {names[name]: value for name, value in fields.items() if value not in (None, ())}


def _awaited(handed: Handed) -> str:
    """What became of it, waiting up to 5 s for the collector to take it."""
    for _ in range(round(PATIENCE_S / STEP_S)):
        fate = inbox.fate(handed)
        if fate != "queued":
            return fate
        threading.Event().wait(STEP_S)
    return inbox.fate(handed)
