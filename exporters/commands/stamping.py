"""Time stamps for what leaves the house, by the authorities of the settings: as many as answer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import click
import msgspec

from collector.errors import ConfigurationError, ConstatError, UsageError
from collector.journal import trust
from collector.journal.authority import Authority, stamp
from collector.settings import Settings

option = click.option(
    "--authority", "authorities", multiple=True, metavar="NAME",
    help="Have it stamped by this one; without it, by all that the settings name.",
)  # fmt: skip

Say = Callable[[str], None]
"""Takes a warning."""


def chosen(settings: Settings | None, names: Sequence[str], say: Say) -> list[Authority]:
    """The authorities to be asked, pinned to what the state directory keeps of them.

    None without settings. UsageError for a name that the settings do not have; ConfigurationError where one
    that was named cannot be asked. Where none was named, that is a warning: evidence comes before its date.
    """
    if settings is None:
        return []
    known = {authority.name for authority in settings.authorities}
    for name in names:
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise UsageError(f"--authority: expected one of the settings ({there}), got {name!r}")
    try:
        ready = settings.stamping()
    except ConfigurationError as error:
        if names:
            raise
        for problem in error.problems:
            say(problem)
        return []
    kept = {one.name: one for one in trust.kept(settings.state)}
    return [_pinned(one, kept.get(one.name)) for one in ready if not names or one.name in names]


def _pinned(authority: Authority, kept: Authority | None) -> Authority:
    if kept is None:
        return authority
    return replace(authority, ca=kept.ca, chain=kept.chain, crl=kept.crl)


def stamped(authorities: Sequence[Authority], data: bytes, say: Say) -> dict[str, bytes]:
    """Questions and stamps over `data`, by what their names end in; who does not answer is a warning."""
    found = {}
    for authority in authorities:
        try:
            made = asyncio.run(stamp(authority, data))
        except ConstatError as error:
            say(f"not stamped by {authority.name}: {error}")
            continue
        found[f".{authority.name}.tsq"], found[f".{authority.name}.tsr"] = made.tsq, made.tsr
    return found


def material(authority: Authority) -> Mapping[str, bytes]:
    """What verifies an authority's stamps, by what the names of these files end in."""
    said = {"name": authority.name, "url": authority.url, "policy": authority.policy}
    paths = {".pem": authority.ca, "-chain.pem": authority.chain, "-crl.pem": authority.crl}
    files = {end: path.read_bytes() for end, path in paths.items() if path is not None}
    return {**files, ".json": msgspec.json.encode(said) + b"\n"}
