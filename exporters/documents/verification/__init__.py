"""Verifies a bundle step by step: the same steps as `verify.py` in it takes, by other code."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from collector.core.account import Account
from collector.core.timeline import HOUR, SECOND, Duration
from collector.errors import ConstatError
from collector.journal.timestamp import Token
from exporters.documents.bundle.opened import Opened, UnfitBundle, opened
from exporters.documents.verification import dated, deposited, measured, unpacked, whole
from exporters.documents.verification.dated import Dates, Part
from exporters.documents.verification.deposited import Stated
from exporters.documents.verification.heard import Heard
from exporters.documents.verification.step import NotShown, Step, Wrong
from exporters.documents.verification.unpacked import Stamp, Unpacked

LAG: Duration = 2 * HOUR
"""How long a line may have waited for its stamp, unless more is accepted: twice the checkpoints' cadence."""

NAMES = (
    "files", "date", "deposit", "tree", "signatures", "stamps", "order", "lag", "plan", "contract", "states",
    "sums",
)  # fmt: skip
"""Of the steps, from 1."""
_DEPOSIT = NAMES.index("deposit") + 1
Progress = Callable[[str, int, int], None]
"""Hears which step is being taken, and how many lines were read, of how many."""
_WORKERS = 2
"""Stamps that are judged at once, beside the reading of lines."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification came to."""

    steps: Sequence[Step]
    lag: Duration
    """What was accepted."""

    def numbers(self, verdict: str) -> list[int]:
        return [step.number for step in self.steps if step.verdict == verdict]

    @property
    def verified(self) -> bool:
        """Whether every step is ok."""
        return all(step.verdict == "ok" for step in self.steps)

    def verdict(self) -> str:
        """All of it in a sentence."""
        if failed := self.numbers("FAILED"):
            return f"FAILED in {failed}: this bundle is not what it says it is, or is damaged."
        hidden = self.numbers("not shown")
        if hidden == [_DEPOSIT]:
            return "SELF-CONSISTENT ONLY: a bundle can vouch for itself; give the deposit (--deposit FILE)."
        if hidden:
            return f"NOT SHOWN: {hidden}; nothing is wrong in the other steps."
        return f"VERIFIED, against the deposit, with a lag of {self.lag // SECOND:,} s at most."


def verify(
    path: Path, deposits: Sequence[Path], lag: Duration = LAG, progress: Progress = lambda *_: None
) -> Report:
    """Take all steps over a bundle, a zip or its folder; `progress` hears how far it is.

    UsageError where `path` is no bundle, or a deposit is none. Whatever else is wrong is a step that failed.
    """
    stated = deposited.read(deposits)
    with TemporaryDirectory(prefix="constat-verify-") as name:
        try:
            with opened(path) as found:
                steps = _Steps(found, Path(name), stated, lag, progress)
                return Report(steps.taken(), lag)
        except UnfitBundle as error:
            rest = [
                Step(n, one, "not shown", "it rests on a step that failed") for n, one in enumerate(NAMES, 1)
            ]
            return Report([Step(1, NAMES[0], "FAILED", str(error)), *rest[1:]], lag)


@dataclass
class _Steps:
    """The steps, in the order in which they rest on each other, and what each leaves to the others."""

    found: Opened
    root: Path
    deposits: Sequence[Stated]
    lag: Duration
    progress: Progress
    unpacked: Unpacked | None = None
    heard: Sequence[Heard] = ()
    dates: Sequence[Dates] = ()
    parts: Sequence[Part] = ()
    account: Account | None = None
    known: dict[int, Step] = field(default_factory=dict)
    passed: int = 0
    lines: int = 0
    """So many of them were read, and there are."""

    def taken(self) -> list[Step]:
        """All of them, by number."""
        self._take(1, lambda: whole.files(self.found))
        self.found.unpack(self.root)
        try:
            self.unpacked = unpacked.load(self.root, self.found.sizes)
        except ConstatError as error:
            self._failed(1, str(error))
        bundle = self.unpacked
        if bundle is not None:
            with ThreadPoolExecutor(_WORKERS) as pool:
                judging = self._judging(bundle, pool)
                self._of_lines(bundle, judging)
        for number, name in enumerate(NAMES, 1):
            self.known.setdefault(number, Step(number, name, "not shown", "it rests on a step that failed"))
        return [self.known[number] for number in sorted(self.known)]

    def _judging(self, bundle: Unpacked, pool: ThreadPoolExecutor) -> dated.Judging:
        """Begin with the stamps: `openssl` judges them while the lines are read."""
        found: dict[str, list[tuple[Stamp, Future[Token]]]] = {}
        for stretch in bundle.table.origins:
            stamps = bundle.stamps(stretch.origin)
            found[stretch.origin] = [(stamp, pool.submit(dated.judged, stamp, bundle)) for stamp in stamps]
        return found

    def _of_lines(self, bundle: Unpacked, judging: dated.Judging) -> None:
        terms = measured.quoted(bundle)
        self._take(2, lambda: dated.bundle(bundle))
        if self._take(4, lambda: self._read(bundle)):
            self._take(5, lambda: whole.signatures(self.heard, bundle))
            self._take(6, lambda: self._stamped(bundle, judging))
            self._take(3, lambda: deposited.fits(self.heard, self.deposits, bundle))
            if self.dates:
                self._take(7, lambda: dated.order(self.parts))
                self._take(8, lambda: dated.lag(self.parts, self.lag))
            self._take(9, lambda: measured.slots(self.heard, bundle))
            self._take(10, lambda: measured.contract(self.heard, bundle))
            self._take(11, lambda: self._states(bundle, terms))
            account = self.account
            if account is not None:
                self._take(12, lambda: measured.sums(account, bundle))

    def _read(self, bundle: Unpacked) -> str:
        table = bundle.table
        found = [Heard(bundle.origin(stretch.origin), stretch, table.as_of) for stretch in table.origins]
        self.lines = sum(one.end - one.first + len(one.single_seqs) for one in found)
        for one in found:
            one.listen(self._passed, whole=not table.extract)
        said = whole.tree(found, bundle)
        self.heard = found
        return said

    def _passed(self, lines: int) -> None:
        """So many more lines were read."""
        self.passed += lines
        self.progress(NAMES[3], self.passed, self.lines)

    def _stamped(self, bundle: Unpacked, judging: dated.Judging) -> str:
        found = dated.stamps(self.heard, judging, bundle)
        self.dates, self.parts = found, list(dated.parts(found))
        return dated.told(found)

    def _states(self, bundle: Unpacked, terms: Any) -> str:
        account = measured.redrawn(self.heard, terms, bundle)
        self.account = account
        return measured.states(account, self.heard, bundle)

    def _take(self, number: int, step: Callable[[], str]) -> bool:
        """Take a step; whether it is ok."""
        name = NAMES[number - 1]
        self.progress(name, self.passed, self.lines)
        try:
            self.known[number] = Step(number, name, "ok", step())
        except NotShown as error:
            self.known[number] = Step(number, name, "not shown", str(error))
        except UnfitBundle:
            raise  # it is not looked at any further
        except ConstatError as error:
            self._failed(number, str(error))
        except Exception as error:
            # Whatever a bundle that is not of its form leads to, it does not verify.
            self._failed(number, f"not of its form: {type(error).__name__}: {error}")
        return self.known[number].verdict == "ok"

    def _failed(self, number: int, why: str) -> None:
        here = why.replace(f"{self.root}/", "")  # what was unpacked is named as it is in the bundle
        self.known[number] = Step(number, NAMES[number - 1], "FAILED", here)


__all__ = ["LAG", "NAMES", "Report", "Step", "Wrong", "verify"]
