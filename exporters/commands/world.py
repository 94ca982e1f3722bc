"""What a command works on: settings, contract and calendar, or journals and a contract file alone."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collector import contracts, settings
from collector.core.calendar import Calendar
from collector.core.contract import Contract
from collector.errors import UsageError
from collector.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A contract with its calendar, and the settings where there are any."""

    contract: Contract
    contract_sha256: str
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
    return _world(found.contract_path, found)


def by_contract(path: Path) -> World:
    """A world without settings: all that an outsider has, besides the journals."""
    return _world(path, None)


def named_in(plans: Sequence[str]) -> World:
    """The world of the contract that the plans of a journal name, as Constat ships it."""
    if len(set(plans)) != 1:
        named = ", ".join(sorted(set(plans))) or "none"
        raise UsageError(f"--contract: expected a contract file, since the journals' plans name: {named}")
    return by_contract(settings.shipped(f"contracts/{plans[0]}.toml"))


def _world(path: Path, found: Settings | None) -> World:
    contract, digest = contracts.load(path)
    calendar = contracts.calendar(contract)
    return World(contract=contract, contract_sha256=digest, calendar=calendar, settings=found)
