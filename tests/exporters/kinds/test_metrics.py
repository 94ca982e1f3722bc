"""What Prometheus gets: names, labels and units by its own practice, and nothing rounded up."""

import re
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.record import Outcome
from collector.core.timeline import HOUR, MILLISECOND, SECOND
from exporters import query
from exporters.kinds import metrics
from tests.conftest import needs
from tests.exporters.journals import BEGAN, CALENDAR, CONTRACT, day, numbered, sample, write

NAMES = {
    "constat_probe_runs_total", "constat_probe_failures_total", "constat_probe_inconclusive_total",
    "constat_probe_throttled_total", "constat_probe_duration_seconds",
    "constat_probe_last_run_timestamp_seconds",
    "constat_service_state", "constat_service_seconds_total", "constat_outages_total",
    "constat_sla_attainment_ratio", "constat_sla_target_ratio", "constat_sla_coverage_ratio",
    "constat_observer_clock_error_seconds", "constat_observer_loop_lag_seconds",
    "constat_journal_last_line_timestamp_seconds", "constat_journal_lines_total", "constat_evidence_damaged",
    "constat_build_info",
}  # fmt: skip
TROUBLE = (
    [("", Outcome.OK)] * 5
    + [("api", Outcome.FAILED)] * 4
    + [("storage", Outcome.BLIND)]
    + [("", Outcome.OK)] * 2
)
AMID: int = BEGAN + 80 * SECOND + 3 * SECOND
"""Just after the last failed round."""


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    await write(tmp_path, day(TROUBLE))
    return tmp_path


def scraped(state: Path, now: int = BEGAN + 125 * SECOND) -> str:
    found = query.replayed([state], CONTRACT, now, tallied=True)
    return metrics.exposition(lambda: query.observed(found, CONTRACT, CALENDAR, now)).decode()


def value(text: str, name: str, **labels: str) -> float:
    """The one series of that name with these labels."""
    found = [
        line
        for line in text.splitlines()
        if line.startswith(name + "{") and all(f'{key}="{of}"' in line for key, of in labels.items())
    ]
    assert len(found) == 1, found
    return float(found[0].rsplit(" ", 1)[1])


async def test_the_names_are_these(state: Path) -> None:
    """Dashboards and alerts are written against them: a change here is a change for people."""
    assert set(re.findall(r"^# TYPE (\S+)", scraped(state), re.M)) == NAMES


async def test_labels_leave_those_of_the_scrape_alone(state: Path) -> None:
    labels = set(re.findall(r'[{,](\w+)="', scraped(state)))

    assert labels.isdisjoint({"region", "zone", "type", "instance", "job", "env"})
    assert {"account", "cloud_region", "commitment", "service", "probe", "vantage"} <= labels


async def test_promtool_finds_nothing_to_complain_about(state: Path) -> None:
    needs("prometheus")
    text = scraped(state)
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)  # noqa: ASYNC221

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


async def test_a_failure_has_a_reason_and_no_duration(state: Path) -> None:
    text = scraped(state)

    assert value(text, "constat_probe_runs_total", probe="api-1") == 12
    assert value(text, "constat_probe_failures_total", probe="api-1", reason="timeout") == 4
    assert value(text, "constat_probe_inconclusive_total", probe="get", reason="resolver") == 1
    assert value(text, "constat_probe_duration_seconds_count", probe="api-1") == 8
    assert value(text, "constat_probe_duration_seconds_sum", probe="api-1") == pytest.approx(0.16)


async def test_bucket_edges_are_the_limits_of_the_contract_and_exact_there(tmp_path: Path) -> None:
    lines = day([])
    took = [10 * MILLISECOND, 10 * MILLISECOND + 1, 200 * MILLISECOND, 200 * MILLISECOND + 1]
    lines += [sample("get", BEGAN + k * 10 * SECOND, took=latency) for k, latency in enumerate(took)]
    await write(tmp_path, numbered(lines))
    text = scraped(tmp_path)

    counts = [
        value(text, "constat_probe_duration_seconds_bucket", probe="get", le=le)
        for le in ("0.01", "0.2", "+Inf")
    ]
    assert counts == [1, 3, 4]


async def test_a_service_in_an_outage_is_down_although_the_newest_instant_is_never_certain(
    state: Path,
) -> None:
    text = scraped(state, AMID)

    assert value(text, "constat_service_state", service="api", state="down") == 1
    assert value(text, "constat_service_state", service="api", state="up") == 0
    assert value(text, "constat_service_state", service="storage", state="up") == 1
    assert value(text, "constat_outages_total", service="api") == 1


async def test_seconds_of_all_states_add_up_and_never_shrink(state: Path) -> None:
    last = dict.fromkeys(query.STATES, 0.0)
    for now in range(BEGAN + 5 * SECOND, BEGAN + 125 * SECOND, 5 * SECOND):
        text = scraped(state, now)
        seconds = {
            s: value(text, "constat_service_seconds_total", service="api", state=s) for s in query.STATES
        }
        assert all(seconds[s] >= last[s] for s in query.STATES)
        last = seconds

    assert sum(last.values()) == 110
    assert last["down"] == pytest.approx(29.98)


async def test_a_service_that_nobody_hears_of_any_more_is_unknown(state: Path) -> None:
    text = scraped(state, BEGAN + HOUR)

    assert value(text, "constat_service_state", service="api", state="unknown") == 1


async def test_a_service_has_a_bounded_number_of_series(state: Path) -> None:
    lines = [line for line in scraped(state).splitlines() if 'service="storage"' in line]
    of_service = [line for line in lines if "commitment=" not in line and "probe=" not in line]
    of_promise = [line for line in lines if "commitment=" in line]
    of_probe = [line for line in lines if 'probe="get"' in line and "reason=" not in line]

    assert (len(of_service), len(of_promise), len(of_probe)) == (9, 4, 3 + 3 + 2)


@given(st.fractions(0, 1))
def test_no_float_says_more_than_the_ratio_it_stands_for(ratio: Fraction) -> None:
    told = metrics.at_most(ratio)

    assert Fraction(told) <= ratio
    assert float(ratio) - told <= 2**-52


def test_almost_everything_is_not_everything() -> None:
    assert metrics.at_most(1 - Fraction(1, 10**30)) < 1
