"""Secrets of the accounts: from what the service manager hands over, from files, or from the environment."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from collector.errors import ConfigurationError
from collector.tables import contents


class Secrets(dict[str, str]):
    """Credentials by name (`access_key`, `secret_key`, …); printing it shows the names only."""

    def __repr__(self) -> str:
        return f"<secrets: {', '.join(sorted(self)) or 'none'}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where secrets come from: a directory the service manager made, files, or the environment."""

    environ: Mapping[str, str] = field(repr=False)
    of_probe: Mapping[str, str]
    """Probe → the name (or path) of its credentials."""
    profiles: Mapping[str, str]
    """Name or path → the profile in it, for files that hold several."""

    def secrets(self, name: str) -> Secrets:
        for path in self._files(name):
            if _there(path):
                return Secrets(_read_secrets(path, self.profiles.get(name, "default")))
        prefix = _variable(name)
        return Secrets(
            {
                key.removeprefix(prefix).lower(): value
                for key, value in self.environ.items()
                if key.startswith(prefix)
            }
        )

    def searched(self, name: str) -> str:
        if not name:
            return 'name them: account.credentials = "…"'
        places = [str(path) for path in self._files(name)] + [f"{_variable(name)}… in the environment"]
        return f"looked for {', '.join(places)}"

    def _files(self, name: str) -> list[Path]:
        if "/" in name:
            home = self.environ.get("HOME", "~")
            return [Path(home + name[1:] if name.startswith("~/") else name)]
        directory = self.environ.get("CREDENTIALS_DIRECTORY")
        return [Path(directory) / (name + end) for end in ("", ".json", ".toml")] if directory else []


def _there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:  # in a directory that is not ours to look into
        raise ConfigurationError([f"{path}: expected readable credentials, got: {error.strerror}"]) from error


def _variable(name: str) -> str:
    return f"CONSTAT_{name.upper().replace('-', '_').replace('.', '_')}_"


def _read_secrets(path: Path, profile: str) -> dict[str, str]:
    """One profile of a file, or all of a file without profiles. No message quotes what the file says."""
    text = contents(path).decode(errors="replace")
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError):
        raise ConfigurationError([f"{path}: expected credentials in JSON or TOML, got neither"]) from None
    if any(isinstance(value, dict) for value in found.values()):
        if not isinstance(found.get(profile), dict):
            raise ConfigurationError(
                [f'{path}: expected a profile "{profile}", got {", ".join(sorted(found))}']
            )
        found = found[profile]
    # Two tools of the provider spell it in two ways; who knows only one of them signs for the wrong region.
    if "region_name" in found:
        found.setdefault("region", found.pop("region_name"))
    return {key: value for key, value in found.items() if isinstance(value, str)}
