"""What Prometheus is given is valid to its own tool; alerts fire when they should, on metrics that exist."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.conftest import needs

ROOT = Path(__file__).parent.parent
DIRECTORY = ROOT / "config/prometheus"


@pytest.mark.parametrize(
    "command", ["check rules rules.yml", "check config scrape.yml", "test rules rules_test.yml"]
)
def test_promtool_has_nothing_to_say_against(command: str) -> None:
    """The alerts' own tests are run by it: series in, alerts out."""
    needs("prometheus")
    promtool = shutil.which("promtool")
    assert promtool is not None
    done = subprocess.run(
        [promtool, *command.split()], cwd=DIRECTORY, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_are_about_metrics_that_are_served() -> None:
    """A renamed metric would silence its alert for ever, and nobody would notice."""
    served = set(re.findall(r'"(constat_[a-z_]+)"', (ROOT / "exporters/kinds/metrics.py").read_text()))
    asked = set(re.findall(r"\bconstat_[a-z_]+", (DIRECTORY / "rules.yml").read_text()))

    assert len(asked) > 8
    assert {name for name in asked if name.removesuffix("_total") not in served} == set()


def test_every_alert_is_tested_and_says_what_to_do() -> None:
    rules, tests = ((DIRECTORY / name).read_text() for name in ("rules.yml", "rules_test.yml"))
    alerts = re.findall(r"- alert: (\w+)", rules)

    assert {alert for alert in alerts if f"alertname: {alert}\n" not in tests} == set()
    assert len(alerts) == rules.count("description:") == rules.count("severity:") == rules.count("summary:")


def test_prometheus_scrapes_where_the_read_side_listens_by_default() -> None:
    listens = re.findall(r'^# listen = "(.*)"$', (ROOT / "config/constat.toml").read_text(), re.MULTILINE)

    assert re.findall(r'targets: \["(.*)"\]', (DIRECTORY / "scrape.yml").read_text()) == listens
    assert "serve" in tomllib.loads((ROOT / "config/constat.toml").read_text())
