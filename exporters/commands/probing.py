"""`constat once | check`: ask every question once without a trace, and find all that is wrong beforehand."""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import click
import msgspec
from rich.text import Text

from collector import contracts, daemon, settings
from collector.core.record import Outcome, Probe, Sample
from collector.core.timeline import DAY, HOUR, MINUTE
from collector.host import openssl
from collector.host.clock import wall_us
from collector.settings import Source
from collector.sources import sources
from exporters.commands import options, printing, tables
from exporters.documents import show

LINE_KEPT = 60
"""Bytes of the disk that a line takes once its hour is over and compressed: measured, rounded up."""

_STYLE = {
    Outcome.OK: "green",
    Outcome.FAILED: "bold red",
    Outcome.THROTTLED: "yellow",
    Outcome.BLIND: "yellow",
}


@click.command()
@click.argument("probes", nargs=-1)
@options.config
@options.as_json
def once(probes: tuple[str, ...], config: Path, as_json: bool) -> int:
    """Run PROBES (all, if none is named) once; nothing is journaled. Exit 1 if one failed."""
    found = daemon.once(settings.load(config, os.environ, contracts.load), probes)
    if as_json:
        printing.json([msgspec.to_builtins(sample) for sample in found])
    else:
        tables.console().print(_table(found))
    return 1 if any(sample.outcome is Outcome.FAILED for sample in found) else 0


def _table(found: list[Sample]) -> tables.Listing:
    table = tables.Listing(("probe", "outcome", "reason", "latency", "phases", "facts"), heading=3)
    for sample in found:
        table.add_row(
            sample.probe,
            Text(sample.outcome, _STYLE[sample.outcome]),
            str(sample.reason),
            "" if sample.value is None else show.duration(sample.value),
            ", ".join(f"{name} {show.duration(length)}" for name, length in sample.phases.items()),
            ", ".join(f"{name}={fact}" for name, fact in sample.facts.items()),
        )
    return table


def _planned(probes: Sequence[Probe]) -> tables.Listing:
    table = tables.Listing(("probe", "kind", "about", "every", "while failing", "target"), heading=2)
    for probe in probes:
        every, burst = show.duration(probe.interval), show.duration(probe.burst)
        table.add_row(probe.name, probe.kind, probe.service or probe.role, every, burst, probe.target)
    return table


def _source(source: Source) -> str:
    when = f"each day at {source.at // HOUR:02}:{source.at // MINUTE % 60:02} UTC"
    if source.every is not None:
        when = f"every {show.duration(source.every)}"
    return f"{sources()[source.kind].says} ({source.kind}), account {source.account}: {when}, {source.target}"


@click.command()
@options.config
def check(config: Path) -> int:
    """Read the settings, the contract and the credentials; tell all that is wrong with them. Exit 2 if so."""
    found = daemon.configured(config, os.environ).settings
    contract, digest = contracts.load(found.contract_path)
    for note in (*found.notes(contract), *found.stamping_notes(wall_us(), openssl.missing())):
        click.echo(f"mind: {note}")
    if found.probes:
        tables.console().print(_planned(found.probes))
        day = sum(Fraction(DAY, probe.interval) for probe in found.probes)
        click.echo(
            f"\nIn {found.state}: about {int(day)} lines a day while all is well, "
            f"{show.size(int(day * LINE_KEPT))} once compressed."
        )
    else:
        click.echo("mind: no probe is set up, so nothing will be measured")
    for source in found.stating:
        click.echo(_source(source))
    click.echo(
        f"{config}: {len(found.services)} services, {len(found.probes)} probes, contract {contract.id}"
        f" (SHA-256 {digest[:16]}…): nothing is wrong"
    )
    return 0
