"""The `constat` program: runs a command; what goes wrong becomes one clear message and an exit status."""

import os
import sys

import click

from collector.errors import ConstatError
from exporters.cli import constat


def main(arguments: list[str] | None = None) -> None:
    """Run one command; exits with 0 fine, 1 a finding, 2 wrong use or configuration, 3 ours failed."""
    sys.exit(_status(arguments))


def _status(arguments: list[str] | None) -> int:
    try:
        outcome = constat.main(arguments, prog_name="constat", standalone_mode=False)
    except click.ClickException as refused:
        refused.show()
        return refused.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except ConstatError as error:
        click.echo(f"constat: {error}", err=True)
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit is quiet
        return 0
    return outcome if isinstance(outcome, int) else 0


if __name__ == "__main__":
    main()
