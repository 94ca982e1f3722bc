"""When a mail counts as given, the provider's and ours (reading `notice-time`, clause 23)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from collector.core.contract import Choice, Readings
from collector.core.timeline import Instant


class Mail(Protocol):
    """What says when it was sent and when it came, as far as is known."""

    @property
    def sent(self) -> Instant | None: ...
    @property
    def received(self) -> Instant | None: ...


def theirs(mail: Mail, readings: Readings) -> Instant | None:
    """When a mail of the provider counts as given; where only one of its times is known, at that."""
    sent, received = mail.sent, mail.received
    if sent is None or received is None:
        return received if sent is None else sent
    return _TIMES[readings["notice-time"]].theirs(sent, received)


def ours(mail: Mail, readings: Readings) -> tuple[Instant, ...]:
    """When a mail of ours counts as given: it covers what it does at each of them. There may be none."""
    return _TIMES[readings["notice-time"]].ours(mail.sent, mail.received)


# ------------------------------------------------------------------------------------ reading notice-time


class _Times(NamedTuple):
    theirs: Callable[[Instant, Instant], Instant]
    ours: Callable[[Instant | None, Instant | None], tuple[Instant, ...]]


def _at_arrival(sent: Instant | None, received: Instant | None) -> tuple[Instant, ...]:
    # Safe: ours counts at its arrival, and tells of nothing that came after its sending.
    if received is None:
        return ()
    return (received,) if sent is None else (received, sent)


def _at_sending(sent: Instant | None, received: Instant | None) -> tuple[Instant, ...]:  # noqa: ARG001
    # Arguable: at its sending.
    return () if sent is None else (sent,)


def _their_arrival(sent: Instant, received: Instant) -> Instant:  # noqa: ARG001
    # Arguable: the provider's from its arrival.
    return received


_TIMES: Mapping[Choice, _Times] = {
    # Safe: the provider's counts from its sending; one that came before, from when it came.
    "theirs-sent-ours-received": _Times(theirs=min, ours=_at_arrival),
    "theirs-received-ours-sent": _Times(theirs=_their_arrival, ours=_at_sending),
}
