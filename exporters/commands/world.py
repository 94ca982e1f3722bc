"""What a command works on: settings, contract and calendar, or journals and a contract file alone."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collector import contracts, settings
from collector.core.calendar import Calendar
from collector.core.contract import Contract
from collector.errors import UsageError
from collector.settings import Settings
from collector.tables import contents


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A contract with its calendar, and the settings where there are any."""

    contract: Contract
    contract_sha256: str
    contract_text: str
    calendar: Calendar
    settings: Settings | None = None

    @property
    def state(self) -> Path:
        """The state directory; only for a world that has settings."""
        assert self.settings is not None
        return self.settings.state


def configured(config: Path) -> World:
    """The world that a settings file describes; ConfigurationError tells all that is wrong with it."""
    found = settings.load(config, os.environ, contracts.load)
    return _world(contents(found.contract_path), found.contract_path, found)


def by_contract(path: Path) -> World:
    """A world without settings: all that an outsider has, besides the journals."""
    return _world(contents(path), path)


def by_text(text: str, name: str) -> World:
    """The world of the contract that a statement quotes; `name` is what messages call it."""
    return _world(text.encode(), Path(name))


def named_in(plans: Sequence[str]) -> World:
    """The world of the contract that the plans of a journal name, as Constat ships it."""
    if len(set(plans)) != 1:
        named = ", ".join(sorted(set(plans))) or "none"
        raise UsageError(f"--contract: expected a contract file, since the journals' plans name: {named}")
    return by_contract(settings.shipped(f"contracts/{plans[0]}.toml"))


def _world(data: bytes, path: Path, found: Settings | None = None) -> World:
    """Text and hash are of the same bytes: whoever is handed the text, line ends and all, finds the hash."""
    contract = contracts.decoded(data, path)
    return World(
        contract=contract,
        contract_sha256=hashlib.sha256(data).hexdigest(),
        contract_text=data.decode(),
        calendar=contracts.calendar(contract),
        settings=found,
    )
