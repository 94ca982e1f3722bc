"""How far one run has come and how long each part took, kept up to date so that it outlives a timeout."""

from collections.abc import Iterator
from contextlib import contextmanager

from collector.core.record import Outcome, Reason
from collector.core.timeline import Duration
from collector.host.clock import boot_us
from collector.host.faults import NetworkFault


class Phases:
    """The phases of one run: resolve, connect, tls, first_byte, transfer, or what the kind calls them.

    The network fills it while it works. Whoever cancels the run still finds in `took` all phases that ended.
    """

    __slots__ = ("_name", "_part", "_since", "facts", "stage", "took")

    def __init__(self) -> None:
        self.took: dict[str, Duration] = {}
        self.facts: dict[str, int | str] = {}
        """What is known of the other side already: `peer`, `rtt`, `certificate`, `expires`."""
        self.stage = ""
        """The phase that is running now; empty between phases."""
        self._since: Duration = 0
        self._part = ""
        self._name = ""

    def enter(self, stage: str) -> None:
        """`stage` begins, and with it the one before ends."""
        now = boot_us()
        self._close(now)
        self.stage, self._since, self._name = stage, now, self._part or stage

    def leave(self) -> None:
        """The running phase ended well."""
        self._close(boot_us())
        self.stage = ""

    def total(self) -> Duration:
        """All ended phases together."""
        return sum(self.took.values())

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """All that happens inside is one phase, `name`: a second request, say, of which the whole matters."""
        self._part = name
        try:
            yield
        finally:
            self._part = ""

    def timed_out(self) -> NetworkFault:
        """What a run comes to that is cancelled now: ours, if it was our resolver that it waited for."""
        if self.stage == "resolve":
            return NetworkFault(Outcome.BLIND, Reason.RESOLVER, self.took, self.facts)
        return NetworkFault(Outcome.FAILED, Reason.TIMEOUT, self.took, self.facts)

    def _close(self, now: Duration) -> None:
        if self.stage:
            self.took[self._name] = self.took.get(self._name, 0) + now - self._since
