"""Period in, account out: the only way to get numbers, from the index if it has them, else the journal."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from collector.core.account import Account, Evidence, draw
from collector.core.calendar import Calendar
from collector.core.contract import Contract
from collector.core.latency import limits
from collector.core.outage import Outage, Runs
from collector.core.published import to_json
from collector.core.record import Outcome, Probe
from collector.core.timeline import HOUR, SECOND, Duration, Instant, Span, duration, within
from collector.core.verdict import States
from collector.host.program import version
from exporters.index import tail
from exporters.index.follow import ENDLESS, Told
from exporters.index.store import UnusableIndexError
from exporters.index.tally import ProbeTally, by_reason

STATES = ("up", "down", "edge", "unknown")
SILENT: Duration = HOUR
"""A probe that said nothing for so long holds up no counter."""
SLACK: Duration = 5 * SECOND
"""How much later than its sight a sample may reach a reader: queue, disk and polling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNow:
    """One service, as far as it was seen."""

    account: str
    region: str
    service: str
    state: str
    since: Instant | None
    """None where it was never seen."""
    seconds: Mapping[str, Duration]
    """State → how long it was in it since its first line, in µs; settled time only, so it never shrinks."""
    outages: int
    open: Outage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseNow:
    """One commitment of one service over its window that ends now; `best` and `worst` are net."""

    account: str
    region: str
    service: str
    commitment: str
    best: Fraction
    worst: Fraction
    target: Fraction
    coverage: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCounts:
    """What one probe of one vantage point came to so far."""

    account: str
    region: str
    service: str
    probe: str
    vantage: str
    runs: int
    failures: Mapping[str, int]
    inconclusive: Mapping[str, int]
    throttled: int
    latencies: Mapping[Duration, int]
    latency_sum: Duration
    last_sent: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginHealth:
    """One origin of a journal, as its newest lines tell."""

    origin: str
    vantage: str
    clock_error: Duration | None
    loop_lag: Duration | None
    last_line: Instant
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """All that is shown of the present."""

    account: Account
    services: Sequence[ServiceNow]
    promises: Sequence[PromiseNow]
    probes: Sequence[ProbeCounts]
    origins: Sequence[OriginHealth]
    limits: Sequence[Duration]
    """The contract's latency limits, rising."""
    damage: Sequence[str]
    build: Mapping[str, str]


class Found(NamedTuple):
    """What journals say, origin by origin."""

    told: Sequence[Told]

    @property
    def damage(self) -> list[str]:
        """Where they do not say what their tree says they said."""
        return [one for told in self.told for one in told.damage]

    def evidence(self) -> Evidence:
        """What an account is drawn from."""
        return Evidence(
            [one.testimony for one in self.told],
            {one.testimony.origin: one.latencies for one in self.told},
            {one.testimony.origin: one.objects for one in self.told},
        )


def indexed(state: Path, contract: Contract) -> Found:
    """What the journal of a state directory says by now; UnusableIndexError if its index does not serve."""
    return Found(tail.indexed(state, limits(contract)))


def latest(state: Path, contract: Contract, progress: tail.Progress = tail.nobody) -> Found:
    """The same, at any price: where there is no index, from the journal's first line."""
    try:
        return indexed(state, contract)
    except UnusableIndexError:
        return replayed([state], contract, ENDLESS, progress, tallied=True)


def replayed(
    journals: Sequence[Path],
    contract: Contract,
    as_of: Instant,
    progress: tail.Progress = tail.nobody,
    sizes: Mapping[str, int] | None = None,
    *,
    tallied: bool = False,
) -> Found:
    """What journals say that was written by `as_of`, from their lines alone; for `observed`, `tallied`.

    With `sizes`, of those origins alone, and of each no more than so many of its first lines.
    """
    return Found(list(tail.replayed(journals, limits(contract), as_of, progress, sizes, tallied=tallied)))


def lines_in(journals: Sequence[Path]) -> int:
    """About how many lines journals have; too few where no checkpoint says."""
    return tail.lines(journals)


def contracts_named(journals: Sequence[Path]) -> list[str]:
    """The contracts that the plans of journals name, by their ids."""
    return sorted(tail.contracts(journals))


def observed(found: Found, contract: Contract, calendar: Calendar, now: Instant) -> Observed:
    """The present at `now`; lines that a clock running ahead dated later count as made now."""
    evidence = found.evidence()
    as_of = max([now, *(told.until for told in evidence.testimonies)])
    account = draw(evidence, contract, calendar, as_of=as_of)
    present = _Present(found, account)
    services = {name: present.service(name) for name in sorted(account.watched)}
    return Observed(
        account=account,
        services=list(services.values()),
        promises=[
            PromiseNow(
                account=services[a.service].account,
                region=services[a.service].region,
                service=a.service,
                commitment=a.commitment,
                best=a.net.best,
                worst=a.net.worst,
                target=a.target,
                coverage=a.coverage,
            )
            for a in account.attainments
            if a.net.best is not None and a.net.worst is not None and a.coverage is not None
        ],
        probes=list(present.probes()),
        origins=[_health(one) for one in found.told],
        limits=sorted(set(limits(contract).values())),
        damage=found.damage,
        build=build(contract),
    )


def build(contract: Contract) -> dict[str, str]:
    """What computes: versions, and the contract it computes by."""
    return {
        "version": version(),
        "python": platform.python_version(),
        "contract": contract.id,
    }


class _Present:
    """What is known of the present besides the account."""

    def __init__(self, found: Found, account: Account) -> None:
        self._told = {one.testimony.origin: one for one in found.told}
        self._account, self._watched, self._as_of = account, account.watched, account.as_of
        plans = {one.testimony.origin: one.testimony.harvest.plans for one in found.told}
        self._probes: dict[tuple[str, str], Probe] = {
            (origin, probe.name): probe for origin, of in plans.items() if of for probe in of[-1].probes
        }

    def service(self, name: str) -> ServiceNow:
        rules = self._watched[name][-1][1].rules
        states, found = self._account.states[name], self._account.runs[name]
        last = max((s[-1].end for s in (states.up, states.down, states.edge) if s), default=None)
        open_outage = next((outage for outage in found.outages if outage.open), None)
        state, since = self._state(name, states, found, last)
        return ServiceNow(
            account=rules.account,
            region=rules.region,
            service=name,
            state=state,
            since=since,
            seconds=self._seconds(name, states),
            outages=len(found.outages),
            open=open_outage,
        )

    def _state(
        self, name: str, states: States, found: Runs, last: Instant | None
    ) -> tuple[str, Instant | None]:
        if last is None:
            return "unknown", None
        if last + self._patience(name) < self._as_of:
            return "unknown", last
        # The newest sample's own time is never certain, so an outage that goes on ends in EDGE: what counts
        # is that nothing has ended it.
        for state, of in (("down", found.outages), ("edge", found.blips)):
            if of and of[-1].open:
                return state, of[-1].begins
        return "up", states.up[-1].start

    def _patience(self, name: str) -> Duration:
        """How old the newest word may be before it is no news of the present any more."""
        probes = [self._probes.get((w.origin, w.probe)) for w in self._watched[name][-1][1].probes]
        return max((p.sight + p.timeout for p in probes if p is not None), default=0) + SLACK

    def _seconds(self, name: str, states: States) -> dict[str, Duration]:
        parts = self._watched[name]
        watch = parts[-1][1]
        heard = [self._tally(w.origin, w.probe).sent for w in (*watch.probes, *watch.controls)]
        # All before the sending of a probe's newest sample is settled.
        settled = min((at for at in heard if at > max(heard) - SILENT), default=0)
        since = Span(parts[0][0].start, max(settled, parts[0][0].start))
        known = {
            "up": duration(within(states.up, since)),
            "down": duration(within(states.down, since)),
            "edge": duration(within(states.edge, since)),
        }
        return {**known, "unknown": since.length - sum(known.values())}

    def _tally(self, origin: str, probe: str) -> ProbeTally:
        return self._told[origin].tally.probes.get(probe, ProbeTally())

    def probes(self) -> Iterator[ProbeCounts]:
        """Every probe of the newest plans; controls belong to no account, region or service."""
        for (origin, name), probe in sorted(self._probes.items()):
            tally = self._tally(origin, name)
            parts = self._watched.get(probe.service)
            rules = parts[-1][1].rules if parts else None
            yield ProbeCounts(
                account=rules.account if rules else "",
                region=rules.region if rules else "",
                service=probe.service,
                probe=name,
                vantage=self._told[origin].testimony.vantage,
                runs=sum(tally.runs.values()),
                failures=by_reason(tally, Outcome.FAILED),
                inconclusive=by_reason(tally, Outcome.BLIND),
                throttled=sum(by_reason(tally, Outcome.THROTTLED).values()),
                latencies=tally.latencies,
                latency_sum=tally.latency_sum,
                last_sent=tally.sent or None,
            )


def _health(one: Told) -> OriginHealth:
    return OriginHealth(
        origin=one.testimony.origin,
        vantage=one.testimony.vantage,
        clock_error=one.tally.health.clock_error,
        loop_lag=one.tally.health.loop_lag,
        last_line=one.testimony.until,
        lines=one.tally.health.lines,
    )


# ----------------------------------------------------------------------------------------------- for programs


def status_json(now: Observed) -> dict[str, Any]:
    """The present as programs read it: instants in µs since 1970, durations in µs, ratios as "n/d"."""
    whole = to_json(now.account)
    return {
        "version": whole["version"],
        "as_of": whole["as_of"],
        "contract": whole["contract"],
        "services": [
            {
                "service": service.service,
                "account": service.account,
                "region": service.region,
                "state": service.state,
                "since": service.since,
                "lasted": dict(service.seconds),
                "outages": service.outages,
            }
            for service in now.services
        ],
        "commitments": whole["attainments"],
        "outages": whole["outages"],
        "blips": whole["blips"],
        "latency": whole["latency"],
        "damage": list(now.damage),
    }
