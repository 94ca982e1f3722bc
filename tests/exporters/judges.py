"""Both verifiers of a bundle, and what they come to: `constat verify`, and the `verify.py` of bundles."""

import io
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from collector.errors import UsageError
from exporters.documents import verification
from exporters.documents.verify import verify as program

_STEP = re.compile(r" ?(\d+)\. (\w+) +(ok|FAILED|not shown): (.*)")


@dataclass(frozen=True)
class Judgement:
    """What one verifier says."""

    status: int
    steps: dict[int, tuple[str, str]]
    """Number → verdict, and what was found."""
    verdict: str

    def of(self, verdict: str) -> set[int]:
        return {number for number, (one, _) in self.steps.items() if one == verdict}

    @property
    def failed(self) -> set[int]:
        return self.of("FAILED")

    @property
    def why(self) -> str:
        """All that the failed steps say."""
        return (
            "\n".join(found for verdict, found in self.steps.values() if verdict == "FAILED") or self.verdict
        )


def ours(path: Path, deposits: Sequence[Path]) -> Judgement:
    """`constat verify`."""
    try:
        report = verification.verify(path, deposits)
    except UsageError as error:
        return Judgement(2, {}, str(error))
    steps = {step.number: (step.verdict, step.found) for step in report.steps}
    return Judgement(0 if report.verified else 1, dict(steps), report.verdict())


def theirs(path: Path, deposits: Sequence[Path]) -> Judgement:
    """`verify.py`, in this process."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["verify.py", *_arguments(path, deposits)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            status = program.main()
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.argv = before
    return _read(status, out.getvalue() or err.getvalue())


def ran(path: Path, deposits: Sequence[Path], *flags: str, also: Sequence[str] = ()) -> Judgement:
    """The `verify.py` of Constat run as a program, with flags of Python's (`-O`), and `also` its own."""
    file = Path(program.__file__)
    done = subprocess.run(
        [sys.executable, *flags, str(file), *_arguments(path, deposits), *also],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return _read(done.returncode, done.stdout or done.stderr)


def _arguments(path: Path, deposits: Sequence[Path]) -> list[str]:
    return [str(path), *(f"--deposit={one}" for one in deposits)]


def _read(status: int, text: str) -> Judgement:
    lines = text.splitlines()
    found = [match for line in lines if (match := _STEP.fullmatch(line))]
    return Judgement(status, {int(m[1]): (m[3], m[4]) for m in found}, lines[-1] if lines else "")
