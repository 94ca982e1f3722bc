"""Options and arguments that several commands take, and how their values are read."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from collector.core.timeline import Instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AFTER_ALL = (datetime(2200, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
"""Nothing may be declared of later, and a figure of then would be shown as of a day that it is not."""
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")


def parse_instant(text: str) -> Instant:
    """RFC 3339 with its offset, or µs since 1970; ValueError says what was expected."""
    if re.fullmatch(r"-?\d+", text):
        at = int(text)
    elif _RFC3339.fullmatch(text):
        at = (datetime.fromisoformat(text.upper()) - EPOCH) // timedelta(microseconds=1)
    else:
        raise ValueError(
            f'expected an instant like "2026-11-22T14:03:05+01:00" or µs since 1970, got "{text}"'
        )
    if not 0 <= at < _AFTER_ALL:
        raise ValueError(f'expected an instant of the years 1970 to 2199, got "{text}"')
    return at


def undecoded(option: str, text: str) -> Iterator[str]:
    """What is wrong with an argument that a terminal of another encoding sent: the journal is in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        yield f"{option}: expected text in UTF-8, got {os.fsencode(text)!r}; set the terminal to UTF-8"


class InstantType(click.ParamType[Instant]):
    """An instant on the command line."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Instant:
        if isinstance(value, int):
            return value
        try:
            return parse_instant(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


INSTANT = InstantType()

config = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("config/constat.toml"),
    envvar="CONSTAT_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The settings.",
)

as_json = click.option("--json", "as_json", is_flag=True, help="For programs: a stable, versioned form.")

utc = click.option("--utc", is_flag=True, help="Tell times in UTC instead of the contract's zone.")
