"""What can go wrong on a network, told once in the words of the journal: whose fault it may be, and why."""

import errno
from collections.abc import Mapping

from collector.core.record import Outcome, Reason
from collector.core.timeline import Duration


class NetworkFault(Exception):  # noqa: N818 - it is an outcome of a run, not an error of ours
    """A conversation ended without an answer; the runner makes a sample of it."""

    def __init__(
        self,
        outcome: Outcome,
        reason: Reason,
        phases: Mapping[str, Duration] | None = None,
        facts: Mapping[str, int | str] | None = None,
    ) -> None:
        super().__init__(f"{outcome}/{reason}")
        self.outcome = outcome
        self.reason = reason
        self.phases = phases or {}
        """Phases that ended, in µs."""
        self.facts = facts or {}


_REFUSED = frozenset({errno.ECONNREFUSED})
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN})
_TIMEOUT = frozenset({errno.ETIMEDOUT})
_OURS = frozenset(
    {
        errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EMFILE, errno.ENFILE,
        errno.ENOBUFS, errno.ENOMEM, errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT, errno.EINVAL,
    }
)  # fmt: skip
"""No route, no address, no descriptor, no memory, or not allowed: it says nothing about the service."""


def of_os_error(error: OSError) -> tuple[Outcome, Reason]:
    """What a system error on a socket stands for; anything unnamed is a connection that was cut."""
    if error.errno in _OURS:
        return Outcome.BLIND, Reason.ROUTE
    if error.errno in _REFUSED:
        return Outcome.FAILED, Reason.REFUSED
    if error.errno in _UNREACHABLE:
        return Outcome.FAILED, Reason.UNREACHABLE
    if error.errno in _TIMEOUT:
        return Outcome.FAILED, Reason.TIMEOUT
    return Outcome.FAILED, Reason.RESET
