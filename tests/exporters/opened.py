"""A bundle as a folder that may be changed: unpacked, sealed anew, stamped, with its deposit."""

import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import msgspec

from collector.core.timeline import HOUR, Instant
from collector.journal.merkle import leaf_hash
from tests.exporters.bundles import NOON, Story

STAMPED: Instant = NOON + HOUR
LAG = ("--lag", "10800")
"""One of the hourly stamps is missing in the story, so lines wait for a little more than two hours."""


def unpacked(path: Path, folder: Path) -> Path:
    """The bag."""
    with zipfile.ZipFile(path) as file:
        file.extractall(folder)
    (bag,) = folder.iterdir()
    return bag


def sealed(bag: Path, story: Story, *, stamp: bool = True) -> None:
    """Make the manifests anew for what is there, and stamp them."""
    data = sorted(one for one in (bag / "data").rglob("*") if one.is_file())
    _manifest(bag, "manifest-sha256.txt", data)
    tags = [bag / name for name in ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")]
    _manifest(bag, "tagmanifest-sha256.txt", tags)
    if stamp:
        made = story.authorities["first"].stamp((bag / "tagmanifest-sha256.txt").read_bytes(), STAMPED)
        for kind, part in zip(("tsq", "tsr"), made, strict=True):
            (bag / f"tagmanifest-sha256.txt.first.{kind}").write_bytes(part)


def _manifest(bag: Path, name: str, files: list[Path]) -> None:
    lines = (f"{sha256(one.read_bytes()).hexdigest()}  {one.relative_to(bag).as_posix()}\n" for one in files)
    (bag / name).write_text("".join(lines))


def deposit(story: Story, bag: Path) -> str:
    """The page that was left with a third party when the journal began."""
    trust = bag / "data" / "trust"
    found = ["Deposit of the journal of Acme, 23 November 2026.", "", "constat-deposit: 1", ""]
    for vantage, origin in sorted(story.origins.items()):
        excerpt = msgspec.json.decode((bag / "data/journal" / origin / "excerpt.json").read_bytes())
        lines = {msgspec.json.decode(one["line"])["seq"]: one["line"].encode() for one in excerpt["lines"]}
        plan = msgspec.json.decode(lines[1])
        found += [
            f"origin: {origin}",
            f"vantage: {vantage}",
            f"key: {msgspec.json.decode(lines[0])['key']}",
            f"start: {leaf_hash(lines[0]).hex()}",
            f"plan: {leaf_hash(lines[1]).hex()}",
            "plan-line: 1",
            f"contract: {plan['contract']}",
            f"contract-sha256: {plan['contract_sha256']}",
            "cadence: 3600",
        ]
        for name in ("first", "second"):
            found.append(
                f"authority: {name} {sha256((trust / f'{name}.pem').read_bytes()).hexdigest()} 1.2.3.4.1"
            )
        found.append("")
    return "\n".join(found)


def verified(bag: Path, *arguments: str, python: tuple[str, ...] = ()) -> tuple[int, str]:
    """Exit status and report of the bundle's own verifier; nothing may be on standard error but wrong use."""
    command = [sys.executable, *python, str(bag / "data/verify.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done.returncode, done.stdout + done.stderr
