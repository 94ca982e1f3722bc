"""Mails, captures and bodies of failures, kept under the hash of their bytes: lines refer to them by it."""

from hashlib import sha256
from pathlib import Path

from collector.journal import layout


def keep(state: Path, data: bytes) -> str:
    """Put `data` into the documents of a state directory, durably; its SHA-256 in hex. OSError on failure."""
    digest = sha256(data).hexdigest()
    path = state / "documents" / digest
    if not path.exists():
        layout.make_directory(path.parent)
        layout.replace(path, data)
    return digest
