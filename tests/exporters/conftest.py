"""What tests of evidence share: one journal that is signed and stamped, and a bundle of its outage."""

from pathlib import Path

import pytest

from tests.conftest import needs
from tests.exporters import bundles, forged
from tests.exporters.bundles import Story
from tests.exporters.forged import Bag, World


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The journal of `tests.exporters.bundles`; who changes it copies it first."""
    needs("openssl")
    directory = tmp_path_factory.mktemp("story")
    return bundles.write(directory / "state", directory / "keys")


@pytest.fixture(scope="session")
def bundled(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of its outage, a zip; not to be changed."""
    path = tmp_path_factory.mktemp("bundled") / "outage.zip"
    assert story.bundle(path) == 0
    return path


@pytest.fixture(scope="session")
def extracted(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The confidential form of the same."""
    path = tmp_path_factory.mktemp("extracted") / "outage.zip"
    assert story.bundle(path, also=["--extract"]) == 0
    return path


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The small journal of `tests.exporters.forged`, and the keys to it; not to be changed."""
    needs("openssl")
    return forged.write(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def honest(world: World, tmp_path_factory: pytest.TempPathFactory) -> Bag:
    """A bundle of it, with a stamp of its own; who changes it copies it first."""
    bag = forged.opened(world.bundle(tmp_path_factory.mktemp("honest") / "bundle.zip"), world)
    bag.seal()
    return bag


@pytest.fixture(scope="session")
def deposit(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that was left with a third party before."""
    return forged.deposit(world.story, tmp_path_factory.mktemp("deposit") / "DEPOT.txt")
