"""`constat renew`: a bundle stamped anew, before its algorithms, authorities and certificates grow old."""

from collections.abc import Mapping
from pathlib import Path

import click

from collector.errors import ConstatError, UsageError
from collector.journal.authority import Authority
from exporters.commands import options, printing, stamping
from exporters.commands.world import configured
from exporters.documents.bundle import renewal
from exporters.documents.bundle.opened import Opened

VERSION = 1
"""Of the form that `--json` prints."""
MATERIAL_MAX = 16 << 20


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@options.config
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A new file."
)
@stamping.option
@options.as_json
def renew(file: Path, config: Path, output: Path, authorities: tuple[str, ...], as_json: bool) -> int:
    """Write a bundle with one renewal more: all of it hashed by SHA-512, and stamped today; FILE stays.

    To be done before certificates of its authorities end, or SHA-256 is doubted: once a year does."""
    warnings: list[str] = []
    asked = stamping.chosen(configured(config).settings, authorities, warnings.append)
    if not asked:
        raise UsageError(f"{config}: expected an [[authority]] to stamp the renewal, got none; name one")

    def stamp(text: bytes, found: Opened) -> Mapping[str, bytes]:
        made = stamping.stamped(asked, text, warnings.append)
        if not made:
            raise ConstatError("\n".join(["no authority stamped the renewal: nothing is written", *warnings]))
        for authority in asked:
            if f".{authority.name}.tsr" in made:
                made |= _news_of(authority, found)
        return made

    number = renewal.renew(file, output, stamp)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        told = {"version": VERSION, "file": str(output), "renewal": number, "warnings": warnings}
        printing.json(told)
    else:
        click.echo(f"{output}: renewal {number}; {file} is as it was")
    return 0


def _news_of(authority: Authority, found: Opened) -> dict[str, bytes]:
    """What verifies an authority's stamps, unless the bundle has just that."""
    material = {end: data for end, data in stamping.material(authority).items() if end.endswith(".pem")}
    known = f"data/trust/{authority.name}"
    same = all(
        known + end in found.sizes and found.read(known + end, MATERIAL_MAX) == data
        for end, data in material.items()
    )
    return {} if same else {f".{authority.name}{end}": data for end, data in material.items()}
