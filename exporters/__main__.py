"""The `constat` program: runs a command; what goes wrong becomes one clear message and an exit status."""

import os
import sys
import traceback

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
        for line in str(error).splitlines():  # all that is wrong, a line each
            click.echo(f"constat: {line}", err=True)
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit is quiet
        return 0
    except OSError as error:
        click.echo(f"constat: {error}", err=True)
        return ConstatError.exit_status
    except (
        Exception
    ):  # a bug of ours: where it is belongs on the screen, and the status must not say "a finding"
        traceback.print_exc()
        return ConstatError.exit_status
    return outcome if isinstance(outcome, int) else 0


if __name__ == "__main__":
    main()
