"""Our own probes against the provider: all is well without faults, and each fault is told by its reason."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from collector import settings
from collector.core.record import Outcome, Reason, Sample
from collector.core.timeline import MILLISECOND, Duration
from collector.demo.provider import Provider
from collector.host.clock import Clock
from collector.host.network import Network
from collector.measure.runner import Prepared, Runner, prepared
from collector.probes import specs


class Watch:
    """The probes of the provider's own settings, run one at a time."""

    def __init__(self, provider: Provider, network: Network, tmp_path: Path) -> None:
        file = tmp_path / "constat.toml"
        file.write_text(provider.configuration(tmp_path), "utf-8")
        read = settings.load(file, {})
        self.ready: dict[str, Prepared] = {
            probe.name: prepared(probe, specs(), read.credentials_of(probe)) for probe in read.probes
        }
        self._runner = Runner(
            network=network, clock=Clock(), lag=lambda _: 0, stalled=lambda _: 0, keep=lambda *_: None
        )

    def hurry(self, name: str) -> Duration:
        """Give a probe a short timeout, in µs."""
        short = 100 * MILLISECOND
        ready = self.ready[name]
        self.ready[name] = replace(ready, probe=msgspec.structs.replace(ready.probe, timeout=short))
        return short

    async def run(self, name: str) -> Sample:
        return await self._runner.run(self.ready[name], 0)


@pytest.fixture
async def watch(provider: Provider, tmp_path: Path) -> AsyncIterator[Watch]:
    provider.api.limits.identical_apart = 0
    network = Network(agent="constat-test")
    yield Watch(provider, network, tmp_path)
    await network.close()


async def test_without_faults_every_probe_is_ok(watch: Watch) -> None:
    seen = [await watch.run(name) for name in watch.ready for _ in range(2)]

    assert [(s.probe, s.outcome, s.reason) for s in seen] == [(s.probe, Outcome.OK, "") for s in seen]
    assert all(s.value is not None and s.value > 0 for s in seen)


FAILED, THROTTLED, BLIND = Outcome.FAILED, Outcome.THROTTLED, Outcome.BLIND


@pytest.mark.parametrize(
    ("probe", "part", "fault", "outcome", "reason"),
    [
        ("api-anonymous", "api", "refuse", FAILED, Reason.REFUSED),
        ("api-anonymous", "api", "reset", FAILED, Reason.RESET),
        ("api-anonymous", "api", "http-500", FAILED, Reason.STATUS),
        ("api-anonymous", "api", "http-503", FAILED, Reason.STATUS),
        ("api-anonymous", "api", "html", FAILED, Reason.PROTOCOL),
        ("api-anonymous", "api", "garbage", FAILED, Reason.PROTOCOL),
        ("api-anonymous", "api", "truncated", FAILED, Reason.RESET),
        ("api-anonymous", "api", "endless", FAILED, Reason.OVERSIZE),
        ("api-anonymous", "api", "redirect-loop", FAILED, Reason.REDIRECT),
        ("api-anonymous", "api", "wrong-object", FAILED, Reason.CONTENT),
        ("api-anonymous", "api", "throttle-platform", THROTTLED, Reason.RATE_PLATFORM),
        ("api-anonymous", "api", "throttle-account", THROTTLED, Reason.RATE_ACCOUNT),
        ("api-anonymous", "api", "throttle-call", THROTTLED, Reason.RATE_CALL),
        ("api-signed", "api", "soft-throttle", THROTTLED, Reason.RATE_UNSAID),
        ("api-signed", "api", "unauthorised", BLIND, Reason.CREDENTIALS),
        ("object-publish", "storage", "http-500", FAILED, Reason.STATUS),
        ("object-publish", "storage", "http-503", FAILED, Reason.STATUS),
        ("object-publish", "storage", "slow-down", THROTTLED, Reason.RATE_STORAGE),
        ("object-signed", "storage", "unauthorised", BLIND, Reason.CREDENTIALS),
        ("object-signed", "storage", "wrong-object", FAILED, Reason.CONTENT),
        ("object-public", "storage", "wrong-object", FAILED, Reason.CONTENT),
        ("object-warm", "storage", "reset", FAILED, Reason.RESET),
        ("dns-private", "dns", "servfail", FAILED, Reason.RCODE),
        ("dns-private", "dns", "nxdomain", FAILED, Reason.RCODE),
        ("dns-private", "dns", "empty", FAILED, Reason.ANSWER),
        ("dns-private", "dns", "wrong-object", FAILED, Reason.CONTENT),
        ("dns-private", "dns", "refuse", FAILED, Reason.REFUSED),
        ("dns-external", "dns", "refuse", FAILED, Reason.REFUSED),
        ("ntp", "ntp", "refuse", FAILED, Reason.REFUSED),
        ("ntp", "ntp", "stratum-16", FAILED, Reason.STRATUM),
        ("ntp", "ntp", "leap-3", FAILED, Reason.UNSYNCHRONISED),
        ("ntp", "ntp", "kiss-of-death", THROTTLED, Reason.RATE_CALL),
        ("internet", "site", "wrong-certificate", FAILED, Reason.CERTIFICATE),
        ("internet", "site", "expired-certificate", FAILED, Reason.CERTIFICATE),
        ("internet", "site", "wrong-object", FAILED, Reason.CONTENT),
        ("internet", "site", "redirect-loop", FAILED, Reason.REDIRECT),
        ("balancer", "balancer", "refuse", FAILED, Reason.REFUSED),
        ("balancer", "balancer", "http-503", FAILED, Reason.STATUS),
        ("balancer", "backends", "refuse", BLIND, Reason.BACKEND),
        ("network-echo", "echo", "refuse", FAILED, Reason.REFUSED),
        ("network-echo", "echo", "reset", FAILED, Reason.RESET),
        ("network-echo", "echo", "endless", FAILED, Reason.OVERSIZE),
    ],
)
async def test_a_fault_is_seen_for_what_it_is(
    provider: Provider, watch: Watch, probe: str, part: str, fault: str, outcome: Outcome, reason: Reason
) -> None:
    provider.set(part, fault)
    seen = await watch.run(probe)
    provider.set(part, "")
    after = await watch.run(probe)

    assert (seen.outcome, seen.reason) == (outcome, reason)
    assert after.outcome is Outcome.OK


@pytest.mark.parametrize(
    "name", ["api-anonymous", "dns-private", "dns-external", "ntp", "internet", "network-echo"]
)
async def test_what_hangs_runs_into_the_timeout_and_no_further(
    provider: Provider, watch: Watch, name: str
) -> None:
    timeout = watch.hurry(name)
    provider.set("everything", "hang")
    seen = await watch.run(name)

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert seen.done - seen.sent >= timeout
