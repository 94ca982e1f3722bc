"""The command line: which command stands in which module of `commands`."""

from importlib import import_module
from typing import Final

import click

MODULE_OF: Final = {
    "demo": "demo",
    "run": "run",
    "collect": "run",
    "serve": "run",
    "once": "probing",
    "check": "probing",
    "status": "figures",
    "account": "figures",
    "outages": "figures",
    "explain": "explain",
    "statement": "statement",
    "deadlines": "claiming",
    "claim": "claiming",
    "bundle": "bundle",
    "renew": "renew",
    "declare": "declare",
    "simulate": "simulate",
    "genesis": "vouching",
    "head": "vouching",
    "rotate": "vouching",
    "verify": "verify",
    "rebuild": "upkeep",
}
"""Command → its module in `exporters.commands`, loaded when it is asked for: `--help` needs no web server."""


class _Commands(click.Group):
    """Commands that are imported when somebody uses them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(MODULE_OF)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in MODULE_OF:
            return None
        command = getattr(import_module(f"exporters.commands.{MODULE_OF[cmd_name]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Whole sentences, where click would cut them to fit one line."""
        told = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(300)) for name, command in told if command])


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="constat")
def constat() -> None:
    """Measures what the 3DS OUTSCALE contract promises, keeps evidence, and says in time what to claim."""
