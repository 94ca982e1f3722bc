"""Tells the service manager how we are, a datagram for each change, as sd_notify(3) documents."""

import socket

from collector.core.timeline import Duration


class Notifier:
    """Speaks to the service manager at `address` (`$NOTIFY_SOCKET`); to nobody where it is empty."""

    def __init__(self, address: str) -> None:
        # A leading @ stands for the NUL byte of an abstract socket.
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self) -> None:
        """Start-up is complete."""
        self._send("READY=1")

    def alive(self) -> None:
        """Loop and scheduler advance."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def _send(self, state: str) -> None:
        """Send and do not care: a service manager that is gone or slow is no reason to measure less."""
        if not self._address:
            return
        with socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        ) as to:
            try:
                to.sendto(state.encode(), self._address)
            except OSError:
                return


def watchdog_period(usec: str, pid: str, ours: int) -> Duration | None:
    """How often to say that we are alive: a third of `$WATCHDOG_USEC`, if it is meant for process `ours`."""
    if not usec.isdecimal() or (pid and pid != str(ours)):
        return None
    return max(1, int(usec) // 3)
