"""Makes the index anew from the journal: in a process and a file of its own, renamed once it is whole."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
        raise ConstatError(
            f"{index_path(state)}: it could not be made anew: {said.rpartition(chr(10))[2] or said}"
        )


def make(state: Path, limits: Limits, progress: Progress) -> None:
    """Make the index of `state` anew here and now."""
    places = origins(state)
    path = index_path(state)
    new = path.with_name(f"{path.name}.new-{os.getpid()}")
    try:
        with making(new, limits) as db:
            take_in(db, places, limits, progress, lambda: False)
        descriptor = os.open(new, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    """The child: a line with a number of lines on standard output for each part that is done."""
    gc.disable()  # lines make no cycles, and this process lives for this alone: a third less time
    state, limits = Path(arguments[0]), msgspec.json.decode(arguments[1], type=dict[str, int])
    try:
        make(state, limits, lambda lines: print(lines, flush=True))
    except (ConstatError, OSError) as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
