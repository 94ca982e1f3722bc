"""How the tables of a settings file fit each other, the rate budget and the contract."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from fractions import Fraction

from collector.core.contract import Contract, ratio
from collector.core.record import Account, AtLeast, Probe, Service
from collector.core.timeline import SECOND
from collector.probes import specs
from collector.settings import sources
from collector.settings.draft import Draft, Tables, bad_name, text, written
from collector.tables import shown


def fit(draft: Draft) -> Iterator[str]:
    """What is wrong between the tables of one file; one that is broken itself still counts as being there."""
    if draft.collector is not None:
        yield from bad_name("collector.vantage", draft.collector.vantage)
    for key, field in (
        ("account", "id"), ("service", "name"), ("probe", "name"), ("authority", "name"), ("witness", "name"),
    ):  # fmt: skip
        yield from _twice(key, field, draft.tables[key])
    yield from _unknown_names(draft)
    yield from _odd_services(draft)
    yield from _overspent(draft)
    yield from _unsigned(draft)
    yield from sources.problems(draft)


def _twice(key: str, field: str, tables: Tables) -> Iterator[str]:
    seen: dict[str, int] = {}
    for k, value in tables.items():
        if name := text(value, field):
            if name in seen:
                yield (
                    f"{key}[{k}].{field}: expected a name of its own, "
                    f"got {shown(name)}, which is {key}[{seen[name]}]'s"
                )
            seen.setdefault(name, k)


def _unknown_names(draft: Draft) -> Iterator[str]:
    accounts = {text(value, "id") for value in draft.tables["account"].values()}
    services = {text(value, "name") for value in draft.tables["service"].values()}
    for k, service in draft.services.items():
        yield from _one_of(f"service[{k}].account", service.account, accounts, "account")
        for j, other in enumerate(service.equivalents):
            yield from _one_of(f"service[{k}].equivalents[{j}]", other, services, "service")
    for k, probe in draft.asked.items():
        if probe.service:
            yield from _one_of(f"probe[{k}].service", probe.service, services, "service")
    for k, source in draft.asked_sources.items():
        yield from _one_of(f"source[{k}].account", source.account, accounts, "account")


def _one_of(place: str, name: str, known: Iterable[str], what: str) -> Iterator[str]:
    if name not in known:
        close = get_close_matches(name, list(known), 1) or sorted(known)
        yield f"{place}: expected a known {what} ({', '.join(close) or 'there is none'}), got {shown(name)}"


def _odd_services(draft: Draft) -> Iterator[str]:
    """Rules of services that could never hold, and names that cannot be labels."""
    for k, service in draft.services.items():
        place = f"service[{k}]"
        yield from bad_name(f"{place}.name", service.name)
        if not service.commitments:
            yield f"{place}.commitments: expected at least one, got none"
        most = draft.budget.origins
        if service.witnesses is not None and not 1 <= service.witnesses <= most:
            yield f"{place}.witnesses: expected 1 to {most}, the number of origins; got {service.witnesses}"
        here = [p for p in draft.tables["probe"].values() if p.get("service") == service.name]
        if not here:
            yield f"{place}: expected a probe with service = {shown(service.name)}, got none"
        rule = service.down_when
        if here and isinstance(rule, AtLeast) and not 1 <= rule.at_least <= len(here) * most:
            wanted = f"1 to {len(here) * most}, the number of its probes"
            yield f"{place}.down_when.at_least: expected {wanted}; got {rule.at_least}"
        yield from _odd_targets(place, service)


def _odd_targets(place: str, service: Service) -> Iterator[str]:
    if service.targets and not service.targets_document:
        yield f"{place}.targets_document: expected the document that derogates, got nothing"
    for commitment, target in service.targets.items():
        try:
            if not 0 < ratio(target) <= 1:
                yield f'{place}.targets.{commitment}: expected over 0 and up to "100 %", got {shown(target)}'
        except ValueError as error:
            yield f"{place}.targets.{commitment}: {error}"
        if commitment not in service.commitments:
            yield f"{place}.targets.{commitment}: expected a commitment of this service"


def _overspent(draft: Draft) -> Iterator[str]:
    """What this origin would ask of each account if everything failed at once, against its share."""
    account_of = {service.name: service.account for service in draft.services.values()}
    demand: dict[str, Fraction] = {}
    for k, probe in draft.probes.items():
        if not specs()[probe.kind].provider_api or probe.service not in account_of:
            continue
        if probe.burst < draft.budget.cycle:
            yield (
                f"probe[{k}].burst: expected at least {written(draft.budget.cycle)} (2 s for each origin) "
                f"for a kind that asks the provider's API, got {written(probe.burst)}"
            )
        account = account_of[probe.service]
        demand[account] = demand.get(account, Fraction(0)) + Fraction(SECOND, probe.burst)
    for account, rate in demand.items():
        if rate > draft.budget.share:
            yield (
                f"budget: expected at most {_rate(draft.budget.share)} to account {account}, "
                f"got {_rate(rate)} when all its API probes fail at once: have fewer, or longer bursts"
            )


def _unsigned(draft: Draft) -> Iterator[str]:
    """Probes that would sign with keys that nobody named: no run of theirs could see anything."""
    tables = draft.tables
    keys = {text(a, "id"): text(a, "credentials") for a in tables["account"].values()}
    account_of = {text(s, "name"): text(s, "account") for s in tables["service"].values()}
    for k, probe in draft.probes.items():
        account = account_of.get(probe.service, "")
        named = draft.asked[k].credentials or keys.get(account)
        if specs()[probe.kind].signs(probe.params) and not named:
            of = f" or of account {account}" if account in keys else ""
            yield (
                f"probe[{k}].credentials: expected the name of the keys that its signed requests need, "
                f"here{of}; got nothing"
            )


def _rate(rate: Fraction) -> str:
    return (
        f"{rate} requests/s"
        if rate.denominator == 1
        else f"{rate.numerator} requests per {rate.denominator} s"
    )


# ------------------------------------------------------------------------------------------- the contract


def unfit(services: Mapping[int, Service], probes: Mapping[int, Probe], contract: Contract) -> Iterator[str]:
    """What the contract does not know, or promises nothing about."""
    refused = {refusal.id: refusal for refusal in contract.refused}
    known = [commitment.id for commitment in contract.commitments]
    for k, service in services.items():
        for j, id in enumerate(service.commitments):
            place = f"service[{k}].commitments[{j}]"
            if id in refused:
                yield f"{place}: {shown(id)} is refused ({refused[id].clause}): {refused[id].why}"
            elif id not in known:
                close = get_close_matches(id, known, 1)
                hint = f' (did you mean "{close[0]}"?)' if close else f"; it has: {', '.join(known)}"
                yield f"{place}: expected a commitment of {contract.id}, got {shown(id)}{hint}"
        for id in service.targets:
            if id in known and contract.commitment(id).target is None:
                yield f"service[{k}].targets.{id}: expected a commitment with a target, this one has a limit"
    yield from _identical(services, probes, contract)


def _identical(
    services: Mapping[int, Service], probes: Mapping[int, Probe], contract: Contract
) -> Iterator[str]:
    """Two probes that send the same request to one account, where the contract limits identical ones."""
    if contract.throttle is None:
        return
    account_of = {service.name: service.account for service in services.values()}
    first: dict[tuple[str, str, str, str], int] = {}
    for k, probe in probes.items():
        if not specs()[probe.kind].provider_api:
            continue
        request = (
            account_of.get(probe.service, ""),
            probe.kind,
            probe.target,
            repr(sorted(probe.params.items())),
        )
        if request in first:
            yield (
                f"probe[{k}]: expected a request of its own, got that of probe[{first[request]}]: the API "
                f"refuses identical ones within {written(contract.throttle.identical_apart)} "
                f"({contract.throttle.clause})"
            )
        first.setdefault(request, k)


def notes(
    accounts: Iterable[Account], services: Iterable[Service], probes: Iterable[Probe], contract: Contract
) -> Iterator[str]:
    """What is no mistake, but makes figures weaker or claims impossible."""
    probes = list(probes)
    if probes and not any(probe.role == "control" for probe in probes):
        yield 'no probe has role = "control": without one, every figure will say unwitnessed'
    for probe in probes:
        # S3: between two failures so close it was down. Only what lasts longer cannot hide there (law 3).
        hidden = 2 * probe.timeout + probe.persistence
        if probe.role != "control" and hidden > probe.sight:
            yield (
                f"probe {probe.name}: two timeouts and its persistence are {written(hidden)}, more than its "
                f"sight, {written(probe.sight)}: a service that came back between two failures, for less "
                "than that, counts as down all along; have a shorter timeout or burst, or a longer interval"
            )
    zones = {account.id: account.zones for account in accounts}
    for service in services:
        stars = [id for id in service.commitments if contract.commitment(id).all_zones]
        if stars and not zones[service.account]:
            yield (
                f"service {service.name}: {', '.join(stars)} is promised only to those deployed on every "
                f"zone of the region: name them in account.zones, and declare the deployment before claiming"
            )
        if service.beta:
            yield f"service {service.name}: beta, so nothing is promised: it is measured, never claimed"
        if service.via == "internet" and (service.witnesses or 2) < 2:
            yield f"service {service.name}: one witness, and a claim on the Internet's side of it needs two"
