"""What evidence costs: a line that is appended, a proof, and a bundle of a month with a million lines."""

import os
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from collector.core.timeline import DAY, HOUR, SECOND, Duration
from collector.journal import compress, excerpting, merkle, passage
from collector.journal.proving import Files, Proofs
from collector.journal.reader import OriginDir, origins
from tests.bench import past
from tests.exporters import dated
from tests.exporters.dated import Dated
from tests.exporters.journals import BEGAN, CONTRACT_FILE
from tests.integration.world import ROOT

MONTH: Duration = 30 * DAY
SERVICES = 23
"""Probes that make a million lines a month, a minute apart."""
HASH_BYTES = 32


@dataclass(frozen=True)
class Evidence:
    """Of one journal of a month, all of it in one bundle."""

    lines: int
    append_us: float
    """Processor time of one line: encoded, written, in the tree, its share of signed checkpoints."""
    proof_bytes: int
    """Hashes that prove one line, in the middle of all."""
    made_s: float
    """Processor time of `constat bundle`, the statement by every reading included."""
    memory: int
    """Resident bytes of it at most."""
    bundle_bytes: int
    verified_s: float
    """Wall-clock time of `constat verify`, whose stamps `openssl` judges beside it."""
    verified_alone_s: float
    """And of the bundle's own program."""


def measured(directory: Path) -> Evidence:
    """Write the journal, prove a line, and make the bundle in a process of its own."""
    state, output = directory / "state", directory / "month.zip"
    before = time.process_time()
    lines = past.write(state, SERVICES, 60 * SECOND, MONTH)
    append = time.process_time() - before
    for file in sorted(state.glob("journal/*/*.jsonl"))[:-1]:  # as they are an hour after they were closed
        compress.compress(file, lambda: False)
    (place,) = origins(state)
    _stamp(state, place, dated.make(directory / "authority"))
    asked = ["--from", str(BEGAN), "--to", str(BEGAN + MONTH - HOUR), "--journal", str(state)]
    command = [sys.executable, "-m", "exporters", "bundle", *asked, "--contract", str(CONTRACT_FILE)]
    process = subprocess.Popen([*command, "-o", str(output)], cwd=ROOT, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return Evidence(
        lines=lines,
        append_us=append / lines * 1_000_000,
        proof_bytes=_proof_bytes(place),
        made_s=used.ru_utime + used.ru_stime,
        memory=used.ru_maxrss * 1024,
        bundle_bytes=output.stat().st_size,
        verified_s=_seconds("-m", "exporters", "verify", str(output)),
        verified_alone_s=_seconds(str(_unzipped(output) / "data/verify.py")),
    )


def _stamp(state: Path, place: OriginDir, authority: Dated) -> None:
    """A stamp over each checkpoint, two seconds after the last line that it is over."""
    assert place.checkpoints is not None
    (state / "trust").mkdir()
    (state / "trust/first.pem").write_bytes(authority.ca.read_bytes())
    (state / "trust/first.json").write_text('{"name":"first","policy":"","url":""}')
    for seal in passage.checkpoints(place):
        note = place.checkpoints / seal.file
        query, response = authority.stamp(note.read_bytes(), excerpting.last_at(place, seal) + 2 * SECOND)
        note.with_suffix(".first.tsq").write_bytes(query)
        note.with_suffix(".first.tsr").write_bytes(response)


def _unzipped(bundle: Path) -> Path:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(bundle.parent)
    return bundle.with_suffix("")


def _seconds(*arguments: str) -> float:
    """How long a verification takes that finds nothing wrong, though nobody gave it a deposit."""
    before = time.monotonic()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED" not in done.stdout, done.stdout
    return time.monotonic() - before


def _proof_bytes(place: OriginDir) -> int:
    head = passage.checkpoints(place)[-1]
    proofs = Proofs(place, Files(place), head.size)
    middle = head.size // 2
    proofs.read({middle // merkle.SUBTREE, head.size // merkle.SUBTREE})
    return HASH_BYTES * len(merkle.inclusion(middle, head.size, proofs.tree_hash))
