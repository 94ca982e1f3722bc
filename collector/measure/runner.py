"""One run of a probe → one sample: whatever happens in it is an outcome with a reason, never an exception."""

import hashlib
import logging
import secrets
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count

import msgspec

from collector.core.record import Outcome, Probe, Reason, Sample
from collector.core.timeline import MINUTE, Duration, Instant
from collector.errors import ConfigurationError
from collector.host.clock import Clock
from collector.host.network import Network
from collector.host.observer import Mark, mark
from collector.probe import Credentials, Observation, ProbeContext, ProbeSpec, ask

log = logging.getLogger(__name__)

BODY_EVERY: Duration = MINUTE
"""One body of a probe is kept in this time: a week of bursts would fill the disk with one page."""

Keep = Callable[[str, bytes], None]
"""Takes (SHA-256, bytes) of a document to be stored; must not block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A planned probe with all that is known before its runs: the timed part looks nothing up."""

    probe: Probe
    spec: ProbeSpec
    params: msgspec.Struct
    credentials: Credentials
    account: str
    """The provider account that its requests count for; empty for controls."""

    @property
    def signed(self) -> bool:
        """Whether its requests carry our credentials."""
        return self.spec.signs(self.probe.params)

    @property
    def request(self) -> str:
        """What makes two requests identical (SLA4): the same question to the same target."""
        return hashlib.sha256(
            msgspec.json.encode((self.spec.kind, self.probe.target, self.params))
        ).hexdigest()[:16]


def prepared(
    probe: Probe, specs: Mapping[str, ProbeSpec], credentials: Credentials, account: str = ""
) -> Prepared:
    """`probe` made ready to run; raises ConfigurationError where no kind of ours fits it."""
    try:
        spec = specs[probe.kind]
        params = msgspec.convert(probe.params, spec.params)
    except KeyError:
        raise ConfigurationError(
            [f"probe {probe.name}: expected a kind out of {', '.join(specs)}, got {probe.kind}"]
        ) from None
    except msgspec.ValidationError as error:
        raise ConfigurationError([f"probe {probe.name}: params: {error}"]) from error
    return Prepared(probe=probe, spec=spec, params=params, credentials=credentials, account=account)


class Runner:
    """Runs probes of all kinds.

    Since a moment, `lag` tells how late the loop may have noticed anything, and `stalled` how long it stood
    still in all.
    """

    def __init__(
        self,
        *,
        network: Network,
        clock: Clock,
        lag: Callable[[Mark], Duration],
        stalled: Callable[[Mark], Duration],
        keep: Keep | None = None,
    ) -> None:
        self._network = network
        self._clock = clock
        self._lag = lag
        self._stalled = stalled
        self._keep = keep
        self._process = secrets.token_hex(8)
        self._runs = count()
        self._told: set[tuple[str, type[Exception]]] = set()
        self._kept: dict[str, Instant] = {}

    async def run(self, ready: Prepared, slot: Instant) -> Sample:
        """Ask once, under the probe's timeout. `seq`, `at` and `covers` are the caller's to say, and 0 here.

        Both instants rest on the offset that was stated when the run began, so that `done - sent` is a
        duration of boot time even if the clock's offset is stated anew meanwhile (rule T4).
        """
        context = self._context(ready)
        begun = mark()
        sent = self._clock.at(begun.at)
        bug: Exception | None = None
        try:
            seen = await ask(ready.spec, ready.probe.target, ready.params, context)
        except Exception as error:
            bug = error
            seen = Observation(outcome=Outcome.BLIND, reason=Reason.BUG, phases=dict(context.phases.took))
        took = self._clock.boot_us() - begun.at
        lag, stalled = self._lag(begun), self._stalled(begun)
        if bug is not None:
            self._tell(ready.spec.kind, bug)
        ours = max(lag, stalled) > ready.probe.timeout // 2
        return self._sample(ready.probe, slot, sent, sent + took, _with_lag(seen, lag, ours=ours))

    def _context(self, ready: Prepared) -> ProbeContext:
        return ProbeContext(
            network=self._network,
            timeout=ready.probe.timeout,
            credentials=ready.credentials,
            unique=f"{self._process}{next(self._runs):08x}",
            wall=self._clock.wall_us,
        )

    def _sample(self, probe: Probe, slot: Instant, sent: Instant, done: Instant, seen: Observation) -> Sample:
        facts = dict(seen.facts)
        if (
            self._keep is not None
            and seen.body
            and done - self._kept.get(probe.name, done - BODY_EVERY) >= BODY_EVERY
        ):
            self._kept[probe.name] = done
            facts["document"] = hashlib.sha256(seen.body).hexdigest()
            self._keep(str(facts["document"]), seen.body)
        return Sample(
            seq=0, at=0, probe=probe.name, slot=slot, covers=0, sent=sent, done=done,
            outcome=seen.outcome, reason=seen.reason, value=seen.value, error=seen.error or 0,
            phases=dict(seen.phases), facts=facts,
        )  # fmt: skip

    def _tell(self, kind: str, bug: Exception) -> None:
        """Log a mistake of ours, each once: the runs go on, and all say `bug`."""
        if (kind, type(bug)) in self._told:
            return
        self._told.add((kind, type(bug)))
        where = " < ".join(
            f"{frame.filename}:{frame.lineno}" for frame in reversed(traceback.extract_tb(bug.__traceback__))
        )
        log.error("event=probe-bug kind=%s error=%r at=%r; please report it", kind, bug, where)


def _with_lag(seen: Observation, lag: Duration, *, ours: bool) -> Observation:
    """While our own loop stood still, what failed may be our fault, and what it timed is off by that much."""
    if seen.outcome is Outcome.FAILED and ours:
        return replace(seen, outcome=Outcome.BLIND, reason=Reason.LAG, value=None, error=0)
    if seen.error is not None:
        return seen
    return replace(seen, error=0 if seen.value is None else lag)
