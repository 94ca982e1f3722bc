"""What a kind of probe is: one question, asked once, under somebody else's deadline."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from collector.core.record import Outcome, Reason
from collector.core.timeline import SECOND, Duration
from collector.host.network import Network, NetworkFault, Phases

BODY_KEPT = 4096
"""Bytes of a wrong answer that are kept as a document."""

KEYS = ("access_key", "secret_key")
"""Names of the credentials that signatures need."""

Credentials = Mapping[str, str]
"""Secrets by name (`access_key`, `secret_key`, …); never written into a line, a log or a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one run saw. Durations in µs; `facts` must all be declared by the kind's SPEC."""

    outcome: Outcome
    reason: Reason = Reason.NONE
    value: Duration | None = None
    """The latency this kind is about; none where nothing was answered."""
    error: Duration | None = None
    """Bound on the error of `value` where the kernel measured it; none where our loop did: its lag is it."""
    phases: Mapping[str, Duration] = field(default_factory=dict)
    """resolve, connect, tls, first_byte, transfer: as far as it got; a failed run has those that ended."""
    facts: Mapping[str, int | str] = field(default_factory=dict)
    body: bytes = b""
    """The first 4 KiB of an answer that was wrong, kept as a document; never a secret."""


@dataclass(slots=True)
class Late:
    """What a run comes to when its time is up: failed, timeout, unless the kind knows better by then."""

    observation: Observation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeContext:
    """What a run may use: nothing else of the machine."""

    network: Network
    timeout: Duration
    """The runner cancels the run after it; a kind needs it only to tell a peer."""
    credentials: Credentials
    unique: str
    """A token no other run has ever had, for object names and nonces."""
    wall: Callable[[], int]
    """Wall-clock µs, for signatures only."""
    phases: Phases = field(default_factory=Phases)
    """How far this run has come: the network fills it, and it is still there when the run was cancelled."""
    late: Late = field(default_factory=Late)
    """A kind that knows what a timeout from here on would mean says so here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSpec:
    """A kind of probe: `collector/probes/<kind>.py` has one, called SPEC.

    `params` decodes the probe's own parameters (unknown keys are refused); `run` asks once and returns an
    Observation, or raises `collector.host.network.NetworkFault`, which the runner turns into one.
    """

    kind: str
    target: str
    """The form of a target, for people: "https://host[:port]/path"."""
    params: type[msgspec.Struct]
    run: Callable[[str, msgspec.Struct, ProbeContext], Awaitable[Observation]]
    facts: Mapping[str, str]
    """Fact → what it is."""
    phases: tuple[str, ...]
    fits: Callable[[str], object] = str
    """Raises ValueError for a target of another form."""
    needs: tuple[str, ...] = ()
    """Names of the credentials that a run needs, unless its params say `signed = false`."""
    provider_api: bool = False
    """Its requests count against the provider's rate budget."""

    def signs(self, params: Mapping[str, object]) -> bool:
        """Whether a run with these params, defaults spelled out, sends our credentials."""
        return bool(self.needs) and params.get("signed") is not False


def answered(
    phases: Phases,
    outcome: Outcome,
    reason: Reason = Reason.NONE,
    facts: Mapping[str, int | str] | None = None,
    body: bytes = b"",
) -> Observation:
    """The observation of an HTTP answer: its latency is all that `phases` took but the name's lookup."""
    return Observation(
        outcome=outcome,
        reason=reason,
        value=phases.total() - phases.took.get("resolve", 0),
        phases=dict(phases.took),
        facts={**phases.facts, **(facts or {})},
        body=b"" if outcome is Outcome.OK else body[:BODY_KEPT],
    )


async def ask(spec: ProbeSpec, target: str, params: msgspec.Struct, context: ProbeContext) -> Observation:
    """One run under its deadline. Faults and timeouts are observations; only our own mistakes are raised."""
    try:
        async with asyncio.timeout(context.timeout / SECOND):
            return await spec.run(target, params, context)
    except TimeoutError:
        if context.late.observation is not None:
            return context.late.observation
        fault = context.phases.timed_out()
    except NetworkFault as error:
        fault = error
    return Observation(outcome=fault.outcome, reason=fault.reason, phases=fault.phases, facts=fault.facts)
