"""config/*.toml and the environment → Settings and Plan; the only reader of either."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from collector.core.contract import Contract
from collector.core.record import Account, Plan, Probe, Service
from collector.core.timeline import Duration
from collector.errors import ConfigurationError
from collector.journal.cosign import Witness
from collector.measure.budget import Turns
from collector.probes import specs
from collector.settings.credentials import Secrets, Sources
from collector.settings.draft import Draft, Listen, shipped
from collector.settings.fit import fit, notes, unfit
from collector.settings.outside import Mail
from collector.tables import contents, parsed

__all__ = ["Listen", "Secrets", "Settings", "load", "shipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked against each other; those that need the contract are checked by `plan`."""

    path: Path
    state: Path
    vantage: str
    step_limit: Duration
    """An offset of the wall clock that moves by more is a step (rule T4)."""
    clock_tolerance: Duration
    """A clock whose error may be larger flags every figure that rests on it (rule T4)."""
    serve: Listen
    contract_path: Path
    budget: Turns
    """Requests per second to the provider, over how many origins, and which of them this one is."""
    accounts: tuple[Account, ...]
    services: tuple[Service, ...]
    probes: tuple[Probe, ...]
    sources: Sources
    witnesses: tuple[Witness, ...]
    mail: Mail | None

    def problems(self, contract: Contract) -> list[str]:
        """What does not fit the contract, each with its place in the file."""
        found = unfit(dict(enumerate(self.services)), dict(enumerate(self.probes)), contract)
        return [f"{self.path}: {problem}" for problem in found]

    def plan(self, contract: Contract, contract_sha256: str) -> Plan:
        """What the journal states of these settings; ConfigurationError if they do not fit the contract."""
        if problems := self.problems(contract):
            raise ConfigurationError(problems)
        return Plan(
            seq=0,
            at=0,
            contract=contract.id,
            contract_sha256=contract_sha256,
            accounts=self.accounts,
            services=self.services,
            probes=self.probes,
        )

    def notes(self, contract: Contract) -> list[str]:
        """What is no mistake but stands in the way of a claim; for `constat check`."""
        found = notes(self.accounts, self.services, self.probes, contract)
        return [f"{self.path}: {note}" for note in found]

    def credentials(self, name: str) -> Secrets:
        """The secrets of that name; empty if there are none, ConfigurationError if they cannot be read."""
        return self.sources.secrets(name)

    def credentials_of(self, probe: Probe) -> Secrets:
        """The secrets of a probe's account; ConfigurationError if its kind cannot do without."""
        name = self.sources.of_probe.get(probe.name, "")
        found = self.sources.secrets(name) if name else Secrets()
        spec = specs()[probe.kind]
        missing = [key for key in spec.needs if not found.get(key)] if spec.signs(probe.params) else []
        if missing:
            where = f'"{name}"' if name else "of its account (none are named)"
            raise ConfigurationError(
                [
                    f"{self.path}: probe {probe.name}: expected {' and '.join(missing)} in the credentials "
                    f"{where}, got {found!r}; {self.sources.searched(name)}"
                ]
            )
        return found


def load(
    path: Path,
    environ: Mapping[str, str],
    read_contract: Callable[[Path], tuple[Contract, str]] | None = None,
) -> Settings:
    """The settings of a file; ConfigurationError tells everything that is wrong with it, each with its place.

    With `read_contract` (`collector.contracts.load`) the contract file's own problems, and what does not
    fit it, are told in the same breath.
    """
    try:
        data = contents(path)
    except ConfigurationError as error:
        hint = "; name another with --config or $CONSTAT_CONFIG"
        raise ConfigurationError([problem + hint for problem in error.problems]) from error
    raw = parsed(data, path)
    problems: list[str] = []
    draft = Draft(raw, path, problems)
    problems += fit(draft)
    foreign: list[str] = []
    if read_contract is not None and draft.contract_path is not None:
        try:
            contract, _ = read_contract(draft.contract_path)
            problems += unfit(draft.services, draft.probes, contract)
        except ConfigurationError as error:
            foreign = error.problems
    if problems or foreign:
        raise ConfigurationError([f"{path}: {problem}" for problem in problems] + foreign)
    return _settings(draft, path, environ)


def _settings(draft: Draft, path: Path, environ: Mapping[str, str]) -> Settings:
    assert draft.collector is not None
    assert draft.contract_path is not None
    by_account = {account.id: account for account in draft.accounts.values()}
    credentials = {s.name: by_account[s.account].credentials for s in draft.services.values()}
    return Settings(
        path=path,
        state=Path(draft.collector.state or environ.get("STATE_DIRECTORY", "data")),
        vantage=draft.collector.vantage,
        step_limit=draft.collector.step_limit,
        clock_tolerance=draft.collector.clock_tolerance,
        serve=draft.listen,
        contract_path=draft.contract_path,
        budget=draft.budget,
        accounts=tuple(Account(id=a.id, region=a.region, zones=a.zones) for a in draft.accounts.values()),
        services=tuple(draft.services.values()),
        probes=tuple(draft.probes.values()),
        sources=Sources(
            environ=environ,
            of_probe={p.name: p.credentials or credentials.get(p.service, "") for p in draft.asked.values()},
            profiles={account.credentials: account.profile for account in draft.accounts.values()},
        ),
        witnesses=draft.witnesses,
        mail=draft.mail,
    )
