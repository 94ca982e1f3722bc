"""This program as it runs: its version, and its log on standard error."""

import logging
import sys
import time
from importlib import metadata


def version() -> str:
    """Of this program; where it was not installed, nobody knows."""
    try:
        return metadata.version("constat")
    except metadata.PackageNotFoundError:
        return "unknown"


def log_to_stderr() -> None:
    """One line each, key=value."""
    formatter = logging.Formatter("time=%(asctime)sZ level=%(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
