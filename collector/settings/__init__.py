"""config/*.toml and the environment → Settings and Plan; the only reader of either."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from collector.core.contract import Contract
from collector.core.record import Account, Plan, Probe, Service
from collector.core.timeline import Duration, Instant
from collector.errors import ConfigurationError
from collector.journal import trust
from collector.journal.authority import Authority
from collector.journal.cosign import Witness
from collector.measure.budget import Turns
from collector.probes import specs
from collector.settings.credentials import Secrets, Sources
from collector.settings.draft import Draft, shipped
from collector.settings.fit import fit, notes, unfit
from collector.settings.listen import Listen
from collector.settings.outside import Mail
from collector.settings.sources import Source, source_of
from collector.sources import sources
from collector.tables import contents, parsed

__all__ = ["Secrets", "Settings", "Source", "load", "shipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked against each other; those that need the contract are checked by `plan`."""

    path: Path
    state: Path
    vantage: str
    step_limit: Duration
    """An offset of the wall clock that moves by more is a step (rule T4)."""
    clock_tolerance: Duration
    """A stamp whose time is further from ours puts on record that the clocks differ."""
    serve: Listen
    contract_path: Path
    budget: Turns
    """Requests per second to the provider, over how many origins, and which of them this one is."""
    accounts: tuple[Account, ...]
    services: tuple[Service, ...]
    probes: tuple[Probe, ...]
    authorities: tuple[Authority, ...]
    """Who stamps checkpoints; without the secrets that `stamping` adds."""
    stating: tuple[Source, ...]
    """What the provider is asked to state by itself."""
    sources: Sources
    """Where secrets come from."""
    witnesses: tuple[Witness, ...]
    mail: Mail | None

    def stamping(self) -> tuple[Authority, ...]:
        """The authorities, ready to be asked; ConfigurationError tells all that is not there."""
        found, problems = [], []
        for authority in self.authorities:
            problems += [
                f"{self.path}: authority {authority.name}: {problem}" for problem in trust.problems(authority)
            ]
            try:
                found.append(self._known_to(authority))
            except ConfigurationError as error:
                problems += error.problems
        if problems:
            raise ConfigurationError(problems)
        return tuple(found)

    def stamping_notes(self, now: Instant, missing: str) -> list[str]:
        """What stands in the way of time stamps; `missing` says why the openssl command cannot be used."""
        if not self.authorities:
            return [f"{self.path}: no [[authority]]: nobody but us will say when a line was written"]
        found = [
            f"{self.path}: authority {authority.name}: {note}"
            for authority in self.authorities
            for note in trust.notes(authority, now)
        ]
        return found + ([f"{missing}: until then there are no time stamps"] if missing else [])

    def _known_to(self, authority: Authority) -> Authority:
        name = authority.credentials
        if not name:
            return authority
        secrets = self.sources.secrets(name)
        if missing := [key for key in ("user", "password") if not secrets.get(key)]:
            raise ConfigurationError(
                [
                    f"{self.path}: authority {authority.name}: expected {' and '.join(missing)} in the "
                    f'credentials "{name}", got {secrets!r}; {self.sources.searched(name)}'
                ]
            )
        return replace(authority, user=secrets["user"], password=secrets["password"])

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
        self._complete(f"probe {probe.name}", name, found, spec.needs if spec.signs(probe.params) else ())
        return found

    def credentials_of_source(self, source: Source) -> Secrets:
        """The secrets that a source asks with; ConfigurationError if it cannot do without."""
        found = self.sources.secrets(source.credentials)
        whose = f"source {source.kind} of account {source.account}"
        self._complete(whose, source.credentials, found, sources()[source.kind].needs)
        return found

    def _complete(self, whose: str, name: str, found: Secrets, needs: Iterable[str]) -> None:
        missing = [key for key in needs if not found.get(key)]
        if missing:
            where = f'"{name}"' if name else "of its account (none are named)"
            raise ConfigurationError(
                [
                    f"{self.path}: {whose}: expected {' and '.join(missing)} in the credentials "
                    f"{where}, got {found!r}; {self.sources.searched(name)}"
                ]
            )


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
        authorities=tuple(draft.authorities),
        stating=tuple(source_of(asked, by_account[asked.account]) for asked in draft.asked_sources.values()),
        sources=Sources(
            environ=environ,
            of_probe={p.name: p.credentials or credentials.get(p.service, "") for p in draft.asked.values()},
            profiles={account.credentials: account.profile for account in draft.accounts.values()},
        ),
        witnesses=draft.witnesses,
        mail=draft.mail,
    )
