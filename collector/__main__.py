"""`python -m collector`: the measuring process alone; it writes the journal and listens nowhere."""

import argparse
import logging
import os
import sys
from pathlib import Path

from collector.daemon import run
from collector.errors import ConstatError
from collector.host.program import log_to_stderr

log = logging.getLogger("collector")


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 after an orderly end, 2 wrong use or settings, 3 something of ours failed."""
    parser = argparse.ArgumentParser(prog="python -m collector", description=__doc__)
    parser.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get("CONSTAT_CONFIG", "config/constat.toml")),
        metavar="FILE",
        help="the settings (default: $CONSTAT_CONFIG, or %(default)s)",
    )
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="keep the journal here, whatever the settings say"
    )
    chosen = parser.parse_args(arguments)
    log_to_stderr()
    try:
        run(chosen.config, os.environ, chosen.state)
    except ConstatError as error:
        for line in str(error).splitlines():  # all that is wrong, a line each
            print(f"collector: {line}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:  # before there was anything to end in good order
        return 0
    except Exception as error:
        log.critical("event=failed error=%r", error, exc_info=error)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
