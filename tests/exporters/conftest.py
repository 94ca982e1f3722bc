"""What tests of evidence share: one journal that is signed and stamped, and a bundle of its outage."""

from pathlib import Path

import pytest

from tests.conftest import needs
from tests.exporters import bundles
from tests.exporters.bundles import Story


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
