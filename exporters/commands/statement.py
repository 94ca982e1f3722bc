"""`constat statement`: figures frozen with all they rest on, drawn again, and restated when more is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from collector.core.timeline import Instant
from collector.errors import UsageError
from collector.journal import documents, inbox, layout
from exporters.commands import comparison, journals, options, printing
from exporters.commands.comparison import Side
from exporters.commands.journals import Drawn, Request
from exporters.commands.world import by_contract, by_text, configured
from exporters.documents import moves, newfile, show
from exporters.documents import statement as filing
from exporters.documents.difference import Change, difference
from exporters.documents.page import Page
from exporters.documents.statement import Filed

FINDING = 1
"""Exit status when a statement cannot be drawn again as it was filed, or evidence is damaged."""

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_OUTPUT = click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file to write, a new one."
)


@click.group()
def statement() -> None:
    """Freeze figures with all that they rest on, draw them again, and restate them once more is known."""


@statement.command()
@options.config
@journals.options
@journals.drawing
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A new file."
)
@click.option("--declare", is_flag=True, help="Put the statement on record in the journal too.")
@click.option("--by", envvar="CONSTAT_BY", show_envvar=True, help="With --declare: the initials of who does.")
@options.as_json
def freeze(output: Path, declare: bool, by: str | None, as_json: bool, **asked: Any) -> int:
    """Write an account and all that it rests on as one file; the same inputs give the same bytes."""
    if declare and not by:
        raise UsageError("--declare: expected --by with the initials of who declares, got nothing")
    for wrong in options.undecoded("--by", by or ""):
        raise UsageError(wrong)
    request = Request(**asked)
    drawn = request.drawn()
    whole = comparison.frozen(drawn)
    data = filing.encode(whole)
    _keep(output, data)
    told = {"file": str(output), "sha256": filing.sha256(data), "declared": None}
    if declare:
        assert by is not None
        told["declared"] = _declared(configured(request.config).state, data, whole, by)
    if as_json:
        printing.json(told)
    else:
        click.echo(f"{output}: {len(data)} bytes, SHA-256 {told['sha256']}")
        if declare:
            click.echo(f"{told['declared']}: queued; it is in the journal once a collector has taken it")
    return printing.damaged(drawn.found.damage)


def _keep(path: Path, data: bytes) -> None:
    newfile.keep(path, data, "what is filed stays")


def _declared(state: Path, data: bytes, whole: dict[str, Any], by: str) -> str:
    """Queue the declaration of a statement: the document, and the tree of the origin it goes into."""
    here = {place.name for place in layout.origins(state)}
    trees = [one for one in whole["rests_on"]["origins"] if one["origin"] in here and one["root"]]
    if not trees:
        raise UsageError(f"--declare: expected a statement that rests on a journal of {state}, got another's")
    tree = max(trees, key=lambda one: int(one["size"]))
    stated = {"kind": "statement", "by": by, "root": tree["root"], "size": tree["size"]}
    return inbox.submit(state, {**stated, "document": documents.keep(state, data)}).id


@statement.command()
@_FILE
@options.config
@click.option(
    "--journal", "sources", type=click.Path(path_type=Path), multiple=True,
    help="Where its lines are; without it, the journal that the settings name.",
)  # fmt: skip
@options.as_json
@options.utc
def check(file: Path, config: Path, sources: tuple[Path, ...], as_json: bool, utc: bool) -> int:
    """Draw a filed statement again from the lines it rests on: the same bytes, or what differs."""
    filed = filing.read(file)
    drawn = comparison.again(filed, sources or [configured(config).state])
    whole = _redrawn(filed, drawn)
    same = filing.encode(whole) == filed.data
    changes = difference(filed.whole, whole)
    if as_json:
        told = {"version": 1, "file": str(file), "sha256": filed.sha256, "same": same}
        printing.json({**told, "changes": list(moves.lines(changes))})
    else:
        printing.page(_verdict(filed, same, changes, show.zone(drawn.world.contract.zone, utc=utc)))
    return max(printing.damaged(drawn.found.damage), 0 if same else FINDING)


def _redrawn(filed: Filed, drawn: Drawn) -> dict[str, Any]:
    restates = filed.whole.get("restates")
    return comparison.restated(drawn, filed, restates) if restates else comparison.frozen(drawn)


def _verdict(filed: Filed, same: bool, changes: Sequence[Change], where: Any) -> Page:
    page = Page(printing.width())
    if same:
        page.say(f"{filed.name}: drawn again from the journal, the same bytes. SHA-256 {filed.sha256}", 0)
        return page
    if not changes:
        page.say(
            f"{filed.name}: every value is the same, but the file is not written as Constat writes it.", 0
        )
        return page
    grounds = [change for change in changes if change.path[0] != "account"]
    figures = [change._replace(path=change.path[1:]) for change in changes if change.path[0] == "account"]
    page.say(f"{filed.name}: drawn again, it is another.", 0, "bad")
    page.heading("What it rests on differs in")
    for change in grounds:
        page.say(f"{_named(change)}: {_short(change.before)}, now {_short(change.after)}", hang=2)
    if not grounds:
        page.say("nothing: the same lines, contract, readings and code version")
    page.heading("Figures that differ")
    if figures:
        moves.tell(page, figures, lambda instant: show.instant(instant, where))
    else:
        page.say("none")
    return page


def _named(change: Change) -> str:
    return ".".join(change.path).removeprefix("rests_on.")


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:60]}…" if len(text) > 61 else text


@statement.command()
@_FILE
@options.config
@click.option(
    "--journal", "sources", type=click.Path(path_type=Path), multiple=True,
    help="Where its lines are; without it, the journal that the settings name.",
)  # fmt: skip
@click.option(
    "--contract", type=click.Path(path_type=Path), help="A contract file to restate by; else its own."
)
@click.option("--at", "as_of", type=options.INSTANT, help="By what was known then; now, if not given.")
@_OUTPUT
@options.as_json
@options.utc
def restate(
    file: Path,
    config: Path,
    sources: tuple[Path, ...],
    contract: Path | None,
    as_of: Instant | None,
    output: Path | None,
    as_json: bool,
    utc: bool,
) -> int:
    """Draw a statement's windows with what is known later, and tell what moved and which facts moved it."""
    filed = filing.read(file)
    directories = sources or [configured(config).state]
    quoted = filed.grounds.contract.text
    world = by_contract(contract) if contract else by_text(quoted, f"{file}: rests_on.contract")
    before = comparison.of_file(filed, directories)
    drawn = journals.drawn(world, directories, journals.instant(as_of), filed.spans, filed.grounds.readings)
    whole = comparison.restated(drawn, filed, filed.sha256)
    name = f"what is known at {world.calendar.iso(drawn.account.as_of)}"
    after = Side(name=name, whole=whole, drawn=drawn, spans=filed.spans)
    found = comparison.compared(before, after)
    if output is not None:
        _keep(output, filing.encode(whole))
    if as_json:
        printing.json(found.to_json())
    else:
        printing.page(found.page(printing.width(), show.zone(world.contract.zone, utc=utc)))
    return printing.damaged(drawn.found.damage)
