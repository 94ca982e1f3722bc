"""How text and JSON are put on a terminal or into a pipe, and damage on standard error."""

import shutil
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from exporters.commands import tables
from exporters.documents.page import Page, Style

WIDTH = 100
"""Columns where no terminal says how many there are."""

STYLES: dict[Style, dict[str, Any]] = {
    "": {},
    "title": {"bold": True},
    "heading": {"bold": True},
    "good": {"fg": "green", "bold": True},
    "bad": {"fg": "red", "bold": True},
    "unsure": {"fg": "yellow", "bold": True},
    "quiet": {"dim": True},
}


def width() -> int:
    """How wide a page may be."""
    return shutil.get_terminal_size((WIDTH, 0)).columns if tables.console().is_terminal else WIDTH


def page(made: Page) -> None:
    """Print a page; in a pipe it is plain."""
    click.echo("\n".join(click.style(line.text, **STYLES[line.style]) for line in made.lines))


def json(value: object) -> None:
    """Print what programs read, in one line."""
    click.echo(msgspec.json.encode(value))


def damaged(damage: Sequence[str]) -> int:
    """Tell what is damaged; the exit status that follows from it."""
    for one in damage:
        click.echo(f"damaged: {one}", err=True)
    return 1 if damage else 0
