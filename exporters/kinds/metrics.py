"""Prometheus metrics, computed at each scrape from the index: nothing is kept here between two scrapes.

Series: 9 of each service, 4 more of each of its promises, and of each probe 3, its histogram (one bucket for
each latency limit of the contract, and three numbers), and one for each reason it failed or was blind for.
Names, units and labels follow Prometheus practice; `region`, `type` and `instance` are left to the scrape.
Latencies of runs that got no answer are in no histogram: a failure has no duration, and is not a 0 either.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from collector.core.timeline import SECOND, Duration
from exporters.query import STATES, Observed, OriginHealth, ProbeCounts, PromiseNow, ServiceNow

PROBE = ("account", "cloud_region", "service", "probe", "vantage")
SERVICE = ("account", "cloud_region", "service")
PROMISE = (*SERVICE, "commitment")


def exposition(observe: Callable[[], Observed]) -> bytes:
    """The text that a scrape gets."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(observe))
    return generate_latest(registry)


class _Scrape(Collector):
    def __init__(self, observe: Callable[[], Observed]) -> None:
        self._observe = observe

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        observed = self._observe()
        yield from _of_probes(observed.probes, observed.limits)
        yield from _of_services(observed.services)
        yield from _of_promises(observed.promises)
        yield from _of_origins(observed.origins)
        yield GaugeMetricFamily(
            "constat_evidence_damaged",
            "Ranges of the journal that do not say what its tree says.",
            len(observed.damage),
        )
        yield InfoMetricFamily("constat_build", "What computes these figures.", dict(observed.build))


def _of_probes(probes: Sequence[ProbeCounts], limits: Sequence[Duration]) -> Iterator[Metric]:
    runs = CounterMetricFamily("constat_probe_runs", "Runs of a probe, however they ended.", labels=PROBE)
    failures = CounterMetricFamily(
        "constat_probe_failures",
        "Runs that got no right answer in time, by reason.",
        labels=(*PROBE, "reason"),
    )
    inconclusive = CounterMetricFamily(
        "constat_probe_inconclusive",
        "Runs in which we could not ask, by reason: they say nothing about the service.",
        labels=(*PROBE, "reason"),
    )
    throttled = CounterMetricFamily(
        "constat_probe_throttled", "Runs that were refused because of rate.", labels=PROBE
    )
    durations = HistogramMetricFamily(
        "constat_probe_duration_seconds",
        "The latency a probe is about, where an answer came; edges are the contract's limits.",
        labels=PROBE,
    )
    last = GaugeMetricFamily(
        "constat_probe_last_run_timestamp_seconds", "When a probe's last run was sent.", labels=PROBE
    )
    for probe in probes:
        labels = (probe.account, probe.region, probe.service, probe.probe, probe.vantage)
        runs.add_metric(labels, probe.runs)
        _by_reason(failures, labels, probe.failures)
        _by_reason(inconclusive, labels, probe.inconclusive)
        throttled.add_metric(labels, probe.throttled)
        durations.add_metric(labels, _buckets(probe, limits), probe.latency_sum / SECOND)
        if probe.last_sent is not None:
            last.add_metric(labels, probe.last_sent / SECOND)
    yield from (runs, failures, inconclusive, throttled, durations, last)


def _by_reason(family: CounterMetricFamily, labels: Sequence[str], reasons: Mapping[str, int]) -> None:
    for reason, count in sorted(reasons.items()):
        family.add_metric((*labels, reason), count)


def _buckets(probe: ProbeCounts, limits: Sequence[Duration]) -> list[tuple[str, float]]:
    """Cumulated, `le` in seconds; what lies exactly on an edge counts below it, as on a limit it keeps it."""
    edges: list[tuple[str, float]] = [
        (repr(limit / SECOND), sum(n for edge, n in probe.latencies.items() if edge <= limit))
        for limit in limits
    ]
    return [*edges, ("+Inf", sum(probe.latencies.values()))]


def _of_services(services: Sequence[ServiceNow]) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "constat_service_state",
        "1 for the state a service is in as far as it has been seen, 0 for the others.",
        labels=(*SERVICE, "state"),
    )
    seconds = CounterMetricFamily(
        "constat_service_seconds",
        "Time a service has been in a state since its first line.",
        labels=(*SERVICE, "state"),
    )
    outages = CounterMetricFamily("constat_outages", "Outages of a service so far.", labels=SERVICE)
    for service in services:
        labels = (service.account, service.region, service.service)
        for name in STATES:
            state.add_metric((*labels, name), int(service.state == name))
            seconds.add_metric((*labels, name), service.seconds[name] / SECOND)
        outages.add_metric(labels, service.outages)
    yield from (state, seconds, outages)


def _of_promises(promises: Sequence[PromiseNow]) -> Iterator[Metric]:
    attained = GaugeMetricFamily(
        "constat_sla_attainment_ratio",
        "Availability after deductions over the commitment's window that ends now, within its bounds.",
        labels=(*PROMISE, "bound"),
    )
    target = GaugeMetricFamily("constat_sla_target_ratio", "What the contract promises.", labels=PROMISE)
    coverage = GaugeMetricFamily(
        "constat_sla_coverage_ratio", "Share of the commitment's window that was observed.", labels=PROMISE
    )
    for promise in promises:
        labels = (promise.account, promise.region, promise.service, promise.commitment)
        attained.add_metric((*labels, "best"), at_most(promise.best))
        attained.add_metric((*labels, "worst"), at_most(promise.worst))
        target.add_metric(labels, float(promise.target))
        coverage.add_metric(labels, at_most(promise.coverage))
    yield from (attained, target, coverage)


def at_most(ratio: Fraction) -> float:
    """The largest float that is not above `ratio`: a figure is never rounded up (clause 24)."""
    nearest = float(ratio)
    numerator, denominator = nearest.as_integer_ratio()
    above = numerator * ratio.denominator > ratio.numerator * denominator
    return math.nextafter(nearest, -math.inf) if above else nearest


def _of_origins(origins: Sequence[OriginHealth]) -> Iterator[Metric]:
    labels = ("vantage", "origin")
    clock = GaugeMetricFamily(
        "constat_observer_clock_error_seconds",
        "Bound on the error of the wall clock, where known.",
        labels=labels,
    )
    lag = GaugeMetricFamily(
        "constat_observer_loop_lag_seconds",
        "Longest stall of the event loop in the last minute.",
        labels=labels,
    )
    written = GaugeMetricFamily(
        "constat_journal_last_line_timestamp_seconds", "When the journal's last line was made.", labels=labels
    )
    lines = CounterMetricFamily(
        "constat_journal_lines", "Lines of the journal that were read.", labels=labels
    )
    for origin in origins:
        which = (origin.vantage, origin.origin)
        if origin.clock_error is not None:
            clock.add_metric(which, origin.clock_error / SECOND)
        if origin.loop_lag is not None:
            lag.add_metric(which, origin.loop_lag / SECOND)
        written.add_metric(which, origin.last_line / SECOND)
        lines.add_metric(which, origin.lines)
    yield from (clock, lag, written, lines)
