"""Files that leave the house: each is a new one, whole and durable or not there, and none is written over."""

from pathlib import Path

from collector.errors import UsageError
from collector.journal import layout


def free(path: Path, stays: str) -> None:
    """UsageError unless `path` can be a new file, as far as one knows before; `stays`: why one is kept."""
    if path.exists():
        raise UsageError(f"{path}: expected a new file, got one that exists: {stays}")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: expected a file in a directory, got none: {path.parent} is not there")


def keep(path: Path, data: bytes, stays: str) -> None:
    """Write a new file; UsageError where it cannot be one."""
    free(path, stays)
    layout.replace(path, data)
