"""The demonstration's evidence: a deposit at its start, a bundle of the first outage that ends, a verdict."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

from exporters.commands.run import ourselves

AGAIN_S = 2.0
"""How long to wait for what is not there yet: a first line, an outage that ends, a stamp over it."""
LATER = 10
"""By how much it gives way to the probes, which must not be late for it (nice)."""


class Exhibit:
    """Makes it as a user would, by the commands that are there for it."""

    def __init__(self, state: Path, config: Path, log: IO[bytes], outage: Callable[[], str]) -> None:
        """`outage` gives the id of one that has ended; empty before."""
        self.deposit, self.bundle = state / "deposit.txt", state / "outage.zip"
        self.said = ""
        """What there is to be seen of it, for people."""
        self._state, self._config, self._log, self._outage = state, config, log, outage

    async def run(self) -> None:
        """Until the bundle is verified."""
        await self._until("genesis", "-o", str(self.deposit))
        self.said = f"deposit {self.deposit}"
        outage = await self._over()
        await self._until("bundle", outage, "-o", str(self.bundle))
        verified = await self._constat("verify", str(self.bundle), "--deposit", str(self.deposit))
        verdict = "VERIFIED against the deposit" if verified else "does NOT verify"
        again = f"constat verify {self.bundle} --deposit {self.deposit}"
        self.said = f"{self.bundle} of outage {outage} {verdict}: {again}"

    async def _over(self) -> str:
        """The outage, once there is one, and a stamp over the news of its end."""
        outage, sealed = "", ""
        while True:
            if outage and self._newest("tsr") > sealed:
                return outage
            if not outage:
                outage, sealed = self._outage(), self._newest("txt")
            await asyncio.sleep(AGAIN_S)

    def _newest(self, kind: str) -> str:
        """The number of the newest checkpoint that has a file of a kind."""
        found = self._state.glob(f"checkpoints/*/*.{kind}")
        return max((path.name.partition(".")[0] for path in found), default="")

    async def _until(self, *command: str) -> None:
        """Try until it is done: what it needs comes."""
        while True:
            if await self._constat(*command, "--config", str(self._config)):
                return
            await asyncio.sleep(AGAIN_S)

    async def _constat(self, *arguments: str) -> bool:
        """Run a command; whether it ended well. What it says goes into the log."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, *ourselves("exporters", *arguments), stdin=asyncio.subprocess.DEVNULL,
            stdout=self._log, stderr=self._log, preexec_fn=lambda: os.nice(LATER),
        )  # fmt: skip
        try:
            return await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
