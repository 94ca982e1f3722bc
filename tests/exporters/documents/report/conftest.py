"""The reports that tests read, each made once."""

import pytest

from collector.core.account import settle
from tests.exporters import claimed
from tests.exporters.documents.report import world
from tests.exporters.documents.report.making import Made, made, outage_of


@pytest.fixture(scope="session")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(outage_of(tmp_path_factory.mktemp("outage")))


@pytest.fixture(scope="session")
def period(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("period")
    return made(world.reported(world.drawn(world.two_vantages(folder), world.WHOLE, world.AS_OF), "period"))


@pytest.fixture(scope="session")
def still(tmp_path_factory: pytest.TempPathFactory) -> Made:
    found = world.drawn(world.still_open(tmp_path_factory.mktemp("open")), world.WHOLE, world.TO)
    return made(world.reported(found, "outage", found.account.outages[0].id))


@pytest.fixture(scope="session")
def claim(tmp_path_factory: pytest.TempPathFactory) -> Made:
    found = world.drawn(world.with_claim(tmp_path_factory.mktemp("claim")), None, claimed.AS_OF)
    one = settle(found.account).claims[0]
    return made(world.reported(found, "claim", one.id, one.attainment.window.span))


@pytest.fixture(params=["outage", "period", "still", "claim"])
def any_of(request: pytest.FixtureRequest) -> Made:
    found: Made = request.getfixturevalue(request.param)
    return found
