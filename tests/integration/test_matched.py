"""An outage of the command API, and what the provider's own log says of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.core.record import Declaration, Plan, Sample
from collector.core.timeline import SECOND, Instant, Span
from collector.demo.api import REGION
from collector.demo.fault import Fault
from collector.demo.provider import Provider
from exporters.documents import matching
from exporters.documents.matching import Collected, Match, Told
from tests.integration.world import Collector, constat, probe, service, table

pytestmark = pytest.mark.slow

FAULTS = (Fault.HTTP_503, Fault.INTERNAL_ERROR, Fault.REFUSE, Fault.HANG, Fault.TRUNCATED)
FOR_S = 7
BETWEEN_S = 3


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as running:
        yield running


def settings(provider: Provider) -> list[str]:
    api = {"kind": "oapi", "service": "api", "target": provider.api.url, "interval": "2s", "burst": "2s"}
    keys = {"credentials": str(provider.credentials)}
    signed = {"call": "ReadSubregions", "signed": True, "region": REGION}
    logs = {"account": "000000000001", "target": provider.api.url, "every": "5s", "settle": "1s"}
    return [
        service("api", "compute.command-api").replace('region = "eu-west-2"', f'region = "{REGION}"'),
        probe("signed", params=signed, timeout="1s", sight="7s", **api, **keys),
        probe("anonymous", params={"call": "ReadRegions"}, timeout="1s", sight="7s", **api),
        table("source", kind="api-logs", **logs, **keys),
    ]


async def suffer(provider: Provider) -> None:
    for fault in FAULTS:
        await asyncio.sleep(BETWEEN_S)
        provider.api.fault = fault
        await asyncio.sleep(FOR_S)
        provider.api.fault = Fault.NONE
    await asyncio.sleep(BETWEEN_S)


def matched(collector: Collector) -> matching.Matching:
    lines = collector.lines()
    plans = [line for line in lines if isinstance(line, Plan)]
    asking = matching.asking("here", plans)
    log = collected(collector)
    return matching.match((asking(line) for line in lines if isinstance(line, Sample)), log)


def collected(collector: Collector) -> list[Collected]:
    declared = [line for line in collector.lines() if isinstance(line, Declaration)]
    return matching.collected(declared, [collector.state])


async def gathered_until(collector: Collector, end: Instant) -> None:
    """Wait for the log of all that was before `end`: what failed meanwhile is asked for again at a start."""
    for _ in range(60):
        log = await asyncio.to_thread(collected, collector)
        if log and log[-1].span.end > end:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(collector.log.read_text())


def during(told: matching.Matching, span: Span, name: str) -> list[Told]:
    """Those of a probe that lie within a fault altogether."""
    return [
        one
        for one in told.told
        if one.asked.probe == name and span.start < one.asked.sent and one.asked.done < span.end
    ]


async def test_each_call_of_an_outage_is_found_or_missed_in_the_log_as_the_fault_has_it(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, hung, or turned away in front: never logged. Failed inside: logged with 500. Cut: with 200."""
    monkeypatch.setattr(matching, "AROUND", SECOND)  # both clocks are this machine's
    head = 'region = "eu-west-2"'
    collector = Collector(tmp_path, settings(provider))
    collector.file.write_text(collector.file.read_text().replace(head, f'region = "{REGION}"'))
    await asyncio.to_thread(collector.start)
    try:
        await suffer(provider)
        await asyncio.to_thread(collector.stop)
        await asyncio.to_thread(collector.start)
        await gathered_until(collector, (provider.truth[-1].end or 0) + 2 * SECOND)
    finally:
        await asyncio.to_thread(collector.stop)
    told = matched(collector)
    faults = {truth.fault: Span(truth.start, truth.end or 0) for truth in provider.truth}
    found = {fault: during(told, faults[fault], "signed") for fault in FAULTS}

    assert all(len(found[fault]) >= 2 for fault in FAULTS)
    for fault in (Fault.HTTP_503, Fault.REFUSE, Fault.HANG):
        assert {one.match for one in found[fault]} == {Match.NEVER_LOGGED}, fault
    for fault, status in ((Fault.INTERNAL_ERROR, 500), (Fault.TRUNCATED, 200)):
        assert {one.match for one in found[fault]} == {Match.SERVED}, fault
        assert {one.entry.status for one in found[fault] if one.entry} == {status}
    assert {one.match for one in told.told if one.asked.probe == "anonymous"} == {Match.UNMATCHABLE}
    assert told.clocks is not None
    assert told.clocks.least <= 0 <= told.clocks.most

    explained = constat("explain", "--journal", str(collector.state), "api").stdout
    assert "by its own log the provider served " in " ".join(explained.split())
    asked = json.loads(constat("explain", "--journal", str(collector.state), "--json", "api").stdout)
    says = {tuple(one[:2]) for witness in asked["witnesses"] for one in witness["provider"]}
    assert {("served", 500), ("not-collected", 0)} <= says  # a minute around a call is wanted there
