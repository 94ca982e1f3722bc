"""A network namespace of the test's own, behind a cable that can be pulled."""

import os
import subprocess
from types import TracebackType
from typing import Self


class Namespace:
    """A second host on this machine: `address` is reached over a virtual cable. Needs root and iproute2."""

    def __init__(self, number: int) -> None:
        self.name = f"constat{os.getpid()}x{number}"
        self._outer, self._inner = f"ct{os.getpid()}o{number}"[:15], f"ct{os.getpid()}i{number}"[:15]
        self._gateway, self.address = f"10.213.{number}.1", f"10.213.{number}.2"

    def prefix(self) -> list[str]:
        """What to put before a command so that it runs inside."""
        return ["ip", "netns", "exec", self.name]

    def cut(self) -> None:
        """Pull the cable at the far end: packets vanish, the route stays."""
        _run("ip", "-n", self.name, "link", "set", self._inner, "down")

    def mend(self) -> None:
        _run("ip", "-n", self.name, "link", "set", self._inner, "up")

    def __enter__(self) -> Self:
        _run("ip", "netns", "add", self.name)
        try:
            _run(
                "ip",
                "link",
                "add",
                self._outer,
                "type",
                "veth",
                "peer",
                "name",
                self._inner,
                "netns",
                self.name,
            )
            _run("ip", "addr", "add", f"{self._gateway}/24", "dev", self._outer)
            _run("ip", "link", "set", self._outer, "up")
            _run("ip", "-n", self.name, "addr", "add", f"{self.address}/24", "dev", self._inner)
            _run("ip", "-n", self.name, "link", "set", "lo", "up")
            self.mend()
        except BaseException:
            _run("ip", "netns", "del", self.name)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _run("ip", "netns", "del", self.name)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
