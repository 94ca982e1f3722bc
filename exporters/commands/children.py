"""Child processes in groups of their own, which end when we end, however we end."""

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO

from collector.errors import ConstatError

GRACE_S = 5.0
"""How long a child may take to end in good order once it was told to."""

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class Children:
    """Starts children, waits for one to end or for a signal to us, and ends all of them on leaving.

    A group of its own keeps a terminal's Ctrl-C from reaching a child twice; the parent-death signal ends a
    child even where we were killed and could tell it nothing.
    """

    def __init__(self) -> None:
        self._running: dict[str, Process] = {}
        self._reloading: list[Process] = []
        # Asked now: a terminal that has hung up is none any more.
        self._at_terminal = sys.stdin is not None and sys.stdin.isatty()
        self._signal: asyncio.Future[int] | None = None

    async def __aenter__(self) -> "Children":
        loop = asyncio.get_running_loop()
        self._signal = loop.create_future()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._told, sign)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(
        self, name: str, arguments: Sequence[str], *, stderr: IO[bytes] | None = None, reloads: bool = False
    ) -> None:
        """Start `python` with `arguments`, called `name` in messages; `stderr` takes its log.

        One that `reloads` is handed a SIGHUP that reaches us.
        """
        ours = os.getpid()

        def before_exec() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != ours:  # we died before the line above could tell the kernel
                os.kill(os.getpid(), signal.SIGTERM)

        self._running[name] = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stderr=stderr, process_group=0, preexec_fn=before_exec
        )
        if reloads:
            self._reloading.append(self._running[name])

    async def wait(self, timeout_s: float | None = None) -> str | None:
        """What ended the wait: a child's name, "" for a signal to us, None when only the time ran out."""
        assert self._signal is not None
        ends = {asyncio.ensure_future(child.wait()): name for name, child in self._running.items()}
        try:
            done, _ = await asyncio.wait(
                {self._signal, *ends}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for waiting in ends:
                waiting.cancel()
        if self._signal in done:
            return ""
        return next((name for end, name in ends.items() if end in done), None)

    async def stop(self) -> None:
        """Tell every child what we were told (or SIGTERM), give it 5 s, then kill its group."""
        told = self._signal.result() if self._signal is not None and self._signal.done() else signal.SIGTERM
        for child in self._running.values():
            _send(child, told)
        ends = [asyncio.ensure_future(child.wait()) for child in self._running.values()]
        if ends:
            await asyncio.wait(ends, timeout=GRACE_S)
        for child in self._running.values():
            _send(child, signal.SIGKILL)
            await child.wait()

    def status(self, name: str) -> int | None:
        """What the child ended with; minus the signal, if one ended it; None while it runs."""
        return self._running[name].returncode

    def raise_if_it_failed(self, name: str) -> None:
        """Raises ConstatError when the child `name` ended by itself; its own message is on the screen."""
        status = self.status(name)
        if status is None or status >= 0:
            why = f"ended with status {status}; its messages say why"
        else:
            why = (
                f"was ended by {signal.Signals(-status).name}: another's, or the kernel's for want of memory"
            )
        error = ConstatError(f"{name}: expected to run until told to stop, {why}")
        error.exit_status = status if status in (1, 2) else 3
        raise error

    def _hung_up(self) -> None:
        """A terminal that closes ends us as Ctrl-C does; without one it is the word to read settings anew."""
        if self._at_terminal or not self._reloading:
            self._told(signal.SIGTERM)
            return
        for child in self._reloading:
            _send(child, signal.SIGHUP)

    def _told(self, sign: int) -> None:
        assert self._signal is not None
        if not self._signal.done():
            self._signal.set_result(sign)


def _send(child: Process, sign: int) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):  # it may have ended by itself in the meantime
            os.killpg(child.pid, sign)
