"""Reads a report as others do: its text, its attachment and its fonts, by poppler's tools."""

import subprocess
from pathlib import Path

from tests.conftest import needs


def text(pdf: bytes) -> str:
    """All of it, in the order of reading, with single spaces."""
    return " ".join(_run(pdf, "pdftotext", "-", "-").replace("\u200b", "").split())


def attached(pdf: bytes, folder: Path) -> dict[str, bytes]:
    """What is attached, by name."""
    (folder / "report.pdf").write_bytes(pdf)
    needs("poppler-utils")
    subprocess.run(
        ["pdfdetach", "-saveall", "-o", folder, folder / "report.pdf"], check=True, capture_output=True
    )
    (folder / "report.pdf").unlink()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fonts(pdf: bytes) -> list[list[str]]:
    """name, type, encoding, embedded, subset… of each."""
    return [line.split() for line in _run(pdf, "pdffonts", "-").splitlines()[2:]]


def _run(pdf: bytes, *command: str) -> str:
    needs("poppler-utils")
    return subprocess.run(command, input=pdf, check=True, capture_output=True).stdout.decode()
