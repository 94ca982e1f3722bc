"""Makes the index anew from the journal: in a process and a file of its own, renamed once it is whole."""

import fcntl
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import msgspec

from collector.errors import ConstatError
from collector.journal.reader import origins
from exporters.index.store import Limits, index_path, making
from exporters.index.tail import Progress, nobody, take_in


def rebuild(
    state: Path, limits: Limits, progress: Progress = nobody, stop: Callable[[], bool] = lambda: False
) -> None:
    """Make the index of `state` anew in a child process; ConstatError if that fails. Ends early on `stop`."""
    isolated = ["-I"] if sys.flags.isolated else []
    command = [
        sys.executable,
        *isolated,
        "-m",
        "exporters.index.rebuild",
        str(state),
        msgspec.json.encode(limits).decode(),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        for told in child.stdout:
            progress(int(told))
            if stop():
                child.terminate()
        said = child.stderr.read().decode(errors="replace").strip()
    if child.returncode and not stop():
        raise ConstatError(f"{index_path(state)}: it could not be made anew: {_why(said, child.returncode)}")


def _why(said: str, status: int) -> str:
    if status < 0:
        return f"its process was ended by {signal.Signals(-status).name}"
    return said.rpartition("\n")[2]


def make(state: Path, limits: Limits, progress: Progress) -> None:
    """Make the index of `state` anew here and now."""
    places = origins(state)
    path = index_path(state)
    for left in path.parent.glob(f"{path.name}.new-*"):
        _remove_unless_written(left)
    with _written(path.with_name(f"{path.name}.new-{os.getpid()}")) as (new, descriptor):
        with making(new, limits) as db:
            take_in(db, places, limits, progress, lambda: False)
        os.fsync(descriptor)
        new.rename(path)


@contextmanager
def _written(new: Path) -> Iterator[tuple[Path, int]]:
    """A file to write, gone at the end unless it was renamed; locked, by which others see that it is written.

    The lock ends with this process, however that ends: what a killed one leaves is nobody's.
    """
    descriptor = _locked(new)
    try:
        yield new, descriptor
    finally:
        new.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(new: Path) -> int:
    while True:
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # who cleans up came between the two lines, and took it for a left-over


def _remove_unless_written(left: Path) -> None:
    # Of another user, it is not ours to remove; renamed or removed in the meantime, there is nothing to do.
    with suppress(BlockingIOError, PermissionError, FileNotFoundError), left.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left.unlink()


def main(arguments: list[str]) -> int:
    """The child: a line with a number of lines on standard output for each part that is done."""
    signal.signal(signal.SIGTERM, _told_to_end)
    gc.disable()  # lines make no cycles, and this process lives for this alone: a third less time
    state, limits = Path(arguments[0]), msgspec.json.decode(arguments[1], type=dict[str, int])
    try:
        make(state, limits, lambda lines: print(lines, flush=True))
    except (ConstatError, OSError) as error:
        print(error, file=sys.stderr)
        return 3
    return 0


def _told_to_end(_number: int, _frame: FrameType | None) -> None:
    """Ends us as an error would, so that nothing is left; once, though a group and a parent tell us twice."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit("it was told to end (SIGTERM)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
