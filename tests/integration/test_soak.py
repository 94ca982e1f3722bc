"""A short soak; `make soak` runs the long one."""

from pathlib import Path

import pytest

from collector.core.record import Outcome, Sample
from tests.conftest import needs
from tests.integration.soak import report, soak


@pytest.mark.slow
def test_every_slot_is_covered_once_though_the_collector_is_killed(tmp_path: Path) -> None:
    needs("haproxy", "nginx-light", "unbound", "chrony", "ceph-mon", "ceph-osd", "ceph-common", "radosgw")

    lines = soak(tmp_path, seconds=40, kills=3, seed=20261123)

    assert report(lines) == []
    probes = {line.probe for line in lines if isinstance(line, Sample) and line.outcome is Outcome.OK}
    assert len(probes) == 40
