"""Two processes under one: signals reach them, they end when it ends, and it ends when one of them does."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from collector.errors import ConstatError
from exporters.commands.children import Children

WELL_BEHAVED = (
    "import signal, sys, pathlib; out = pathlib.Path(sys.argv[1]);"
    "signal.signal(signal.SIGINT, lambda *a: (out.write_text('INT'), sys.exit(0)));"
    "signal.signal(signal.SIGTERM, lambda *a: (out.write_text('TERM'), sys.exit(0)));"
    "out.write_text('ready'); signal.pause()"
)


async def until(path: Path, text: str) -> None:
    while not path.exists() or path.read_text() != text:  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("sign", "heard"), [(signal.SIGINT, "INT"), (signal.SIGTERM, "TERM")])
async def test_a_signal_to_us_is_forwarded_and_ends_all(tmp_path: Path, sign: int, heard: str) -> None:
    async with Children() as children:
        for name in ("a", "b"):
            await children.start(name, ["-c", WELL_BEHAVED, str(tmp_path / name)])
            await until(tmp_path / name, "ready")
        os.kill(os.getpid(), sign)

        assert await children.wait() == ""
    assert [(tmp_path / name).read_text() for name in ("a", "b")] == [heard, heard]


@pytest.mark.parametrize(("status", "ours"), [(0, 3), (1, 1), (2, 2), (7, 3)])
async def test_when_one_ends_we_end_with_a_reason(tmp_path: Path, status: int, ours: int) -> None:
    async with Children() as children:
        await children.start("patient", ["-c", WELL_BEHAVED, str(tmp_path / "a")])
        await until(tmp_path / "a", "ready")
        await children.start("short", ["-c", f"raise SystemExit({status})"])

        assert await children.wait() == "short"
        why = f"short: expected to run until told to stop, ended with status {status}"
        with pytest.raises(ConstatError, match=why) as told:
            children.raise_if_it_failed("short")
    assert told.value.exit_status == ours
    assert (tmp_path / "a").read_text() == "TERM"


async def test_a_child_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporters.commands.children.GRACE_S", 0.1)
    deaf = (
        "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);os.write(2, b'.'); signal.pause()"
    )
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as heard, os.fdopen(writing, "wb") as said:
        async with Children() as children:
            await children.start("deaf", ["-c", deaf], stderr=said)
            assert await asyncio.to_thread(heard.read, 1) == b"."
        assert children.status("deaf") == -signal.SIGKILL


async def test_each_child_has_a_group_of_its_own(tmp_path: Path) -> None:
    """Else Ctrl-C in a terminal would reach it twice."""
    script = "import os, sys, pathlib; pathlib.Path(sys.argv[1]).write_text(str(os.getpgrp() == os.getpid()))"
    async with Children() as children:
        await children.start("a", ["-c", script, str(tmp_path / "a")])
        await children.wait()

    assert (tmp_path / "a").read_text() == "True"


def test_children_end_when_we_are_killed(tmp_path: Path) -> None:
    parent = (
        "import asyncio, sys\n"
        "from exporters.commands.children import Children\n"
        "async def main():\n"
        "    async with Children() as children:\n"
        "        await children.start('a', ['-c', sys.argv[1], sys.argv[2]])\n"
        "        await children.wait()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent, WELL_BEHAVED, str(tmp_path / "a")]) as killed:
        asyncio.run(asyncio.wait_for(until(tmp_path / "a", "ready"), 10))
        killed.kill()

    asyncio.run(asyncio.wait_for(until(tmp_path / "a", "TERM"), 10))
