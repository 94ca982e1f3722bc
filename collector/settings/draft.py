"""The tables of a settings file, each checked by itself, with their defaults."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from collector.core.record import Probe, Service
from collector.core.timeline import MILLISECOND, SECOND, Duration, Term
from collector.errors import ConfigurationError
from collector.measure.budget import Turns
from collector.probe import ProbeSpec
from collector.probes import specs
from collector.settings import outside
from collector.settings.authorities import AskedAuthority, authority_of
from collector.settings.listen import Listen, listen_of
from collector.tables import FileName, shown, table, unknown_key

S = TypeVar("S", bound=msgspec.Struct)

Tables: TypeAlias = dict[int, dict[str, Any]]
"""Tables of one name, by their place in the file."""

PACKAGED = Path(__file__).parent.parent / "_config"
"""config/, in the checkout (by a link) and in an installed package alike."""

INTERVAL_MIN: Duration = 10 * MILLISECOND
NAME_LENGTH_MAX = 64


class Collector(msgspec.Struct):
    vantage: str
    state: FileName = ""
    step_limit: Term = 50 * MILLISECOND
    clock_tolerance: Term = SECOND


class Serve(msgspec.Struct):
    listen: str = "127.0.0.1:9617"


class Terms(msgspec.Struct):
    id: str = ""
    file: FileName = ""


class Budget(msgspec.Struct):
    per_second: int = 2
    origins: int = 1
    origin_index: int = 0


class Account(msgspec.Struct):
    id: str
    region: str
    zones: tuple[str, ...] = ()
    credentials: str = ""
    profile: str = "default"


class AskedProbe(msgspec.Struct):
    name: str
    kind: str
    target: str
    service: str = ""
    role: Literal["", "control"] = ""
    interval: Term = 10 * SECOND
    burst: Term | None = None
    timeout: Term | None = None
    sight: Term | None = None
    persistence: Term | None = None
    phase: Term | None = None
    credentials: str = ""
    params: dict[str, Any] = {}


SECTIONS = (
    "collector", "serve", "contract", "budget", "account", "service", "probe", "source", "authority",
    "witness", "mail",
)  # fmt: skip


class AskedSource(msgspec.Struct):
    kind: str
    account: str
    target: str = ""
    at: str = "02:30"
    every: Term | None = None
    settle: Term | None = None
    credentials: str = ""


class Draft:
    """What could be read of a file; what could not is in `problems`. Tables are kept by their place in it.

    A service without a region is in its account's.
    """

    def __init__(self, raw: dict[str, Any], path: Path, problems: list[str]) -> None:
        problems += [unknown_key("", key, list(SECTIONS)) for key in raw if key not in SECTIONS]
        self.collector = table(raw.get("collector", {}), Collector, "collector", problems)
        self.listen = _listen(table(raw.get("serve", {}), Serve, "serve", problems), problems)
        terms = table(raw.get("contract", {}), Terms, "contract", problems)
        self.contract_path = None if terms is None else _contract_path(path, terms, problems)
        self.budget = _turns(table(raw.get("budget", {}), Budget, "budget", problems), problems)
        self.tables = {
            key: _tables(raw, key, problems) for key in ("account", "service", "probe", "source", "authority")
        }
        regions = {
            text(account, "id"): text(account, "region") for account in self.tables["account"].values()
        }
        for service in self.tables["service"].values():
            service.setdefault("region", regions.get(text(service, "account"), ""))
        self.accounts = _each(self.tables, "account", Account, problems)
        self.services = _each(self.tables, "service", Service, problems)
        problems += _misplaced(self.tables["probe"])
        self.asked = _each(self.tables, "probe", AskedProbe, problems)
        homes = {
            text(service, "name"): text(service, "region") for service in self.tables["service"].values()
        }
        for asked in self.asked.values():  # a kind that signs, signs for the region of its service
            if "region" in _fields(asked.kind) and asked.service in homes:
                asked.params.setdefault("region", homes[asked.service])
        probes = {k: _probe(asked, k, self.budget, problems) for k, asked in self.asked.items()}
        self.probes = {k: probe for k, probe in probes.items() if probe is not None}
        self.mail = outside.mail(raw, path, problems)
        self.tables["witness"] = _tables(raw, "witness", problems)
        named = (
            outside.witness(value, f"witness[{k}]", problems) for k, value in self.tables["witness"].items()
        )
        self.witnesses = tuple(one for one in named if one is not None)
        stamping = _each(self.tables, "authority", AskedAuthority, problems)
        authorities = (authority_of(a, f"authority[{k}]", path, problems) for k, a in stamping.items())
        self.authorities = [authority for authority in authorities if authority is not None]
        self.asked_sources = _each(self.tables, "source", AskedSource, problems)


def shipped(name: str) -> Path:
    """A file of config/, like "contracts/template.toml", from the checkout or the installed package."""
    # Looked up among those there are: the name may come from a stranger's journal, and be anything.
    files = {path.relative_to(PACKAGED).as_posix(): path for path in PACKAGED.rglob("*.toml")}
    if name not in files:
        known = sorted(Path(file).stem for file in files if file.startswith("contracts/"))
        raise ConfigurationError(
            [f"{shown(name)}: expected a file that Constat ships (contracts: {', '.join(known)})"]
        )
    return files[name].resolve()


def text(value: dict[str, Any], key: str) -> str:
    """A text of a table that is not checked yet."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _tables(raw: dict[str, Any], key: str, problems: list[str]) -> Tables:
    value = raw.get(key, [])
    if not isinstance(value, list):
        problems.append(f"{key}: expected tables that begin with [[{key}]], got {shown(value)}")
        return {}
    problems += [
        f"{key}[{k}]: expected a table, got {shown(v)}"
        for k, v in enumerate(value)
        if not isinstance(v, dict)
    ]
    return {k: dict(v) for k, v in enumerate(value) if isinstance(v, dict)}


def _each(tables: dict[str, Tables], key: str, model: type[S], problems: list[str]) -> dict[int, S]:
    read = {k: table(value, model, f"{key}[{k}]", problems) for k, value in tables[key].items()}
    return {k: value for k, value in read.items() if value is not None}


def _listen(serve: Serve | None, problems: list[str]) -> Listen:
    address = serve.listen if serve else Serve().listen
    with suppress(ValueError):
        # Listening elsewhere needs TLS and a token, which `constat serve` is given when it is started.
        if (found := listen_of(address)).loopback:
            return found
    problems.append(
        f'serve.listen: expected a loopback address and a port like "127.0.0.1:9617", got {shown(address)}'
    )
    return Listen(host="127.0.0.1", port=0)


def _contract_path(path: Path, terms: Terms, problems: list[str]) -> Path | None:
    """A file named from the settings file on, or one that Constat ships."""
    if bool(terms.id) == bool(terms.file):
        problems.append(
            'contract: expected either id = "outscale-cgv-2019-12" or file = "…", got neither or both'
        )
        return None
    if terms.file:
        return path.parent / terms.file
    try:
        return shipped(f"contracts/{terms.id}.toml")
    except ConfigurationError as error:
        problems.append(f"contract.id: {error}")
        return None


def _turns(budget: Budget | None, problems: list[str]) -> Turns:
    if budget is None:
        return Turns()
    if budget.per_second < 1:
        problems.append(f"budget.per_second: expected at least 1, got {budget.per_second}")
    if not 0 <= budget.origin_index < max(1, budget.origins):
        problems.append(
            f"budget.origin_index: expected 0 to {max(1, budget.origins) - 1} for {budget.origins} origins, "
            f"got {budget.origin_index}"
        )
    if budget.origins < 1:
        problems.append(f"budget.origins: expected at least 1, got {budget.origins}")
    return Turns(rate=max(1, budget.per_second), origins=max(1, budget.origins), index=budget.origin_index)


# ------------------------------------------------------------------------------------------------- probes


def _probe(asked: AskedProbe, k: int, turns: Turns, problems: list[str]) -> Probe | None:
    """The probe with its defaults; None where its kind or its times do not fit."""
    place = f"probe[{k}]"
    before = len(problems)
    spec = specs().get(asked.kind)
    if spec is None:
        problems.append(f"{place}.kind: expected one of {', '.join(specs())}; got {shown(asked.kind)}")
    params = _params(asked.params, spec, f"{place}.params", problems) if spec else {}
    problems += [f"{place}.target: {problem}" for problem in _odd_target(asked.target, spec)]
    if bool(asked.service) == bool(asked.role):
        problems.append(f'{place}: expected either service = "…" or role = "control", got neither or both')
    if asked.interval < INTERVAL_MIN:
        problems.append(f'{place}.interval: expected at least "10 ms", got {written(asked.interval)}')
    if len(problems) > before or spec is None:
        return None
    spaced = turns.cycle if spec.provider_api else SECOND
    burst = min(spaced, asked.interval) if asked.burst is None else asked.burst
    probe = Probe(
        name=asked.name,
        kind=asked.kind,
        target=asked.target,
        interval=asked.interval,
        burst=burst,
        phase=_phase(asked, spec, turns) if asked.phase is None else asked.phase,
        timeout=min(5 * SECOND, asked.interval) if asked.timeout is None else asked.timeout,
        sight=asked.interval * 3 // 2 if asked.sight is None else asked.sight,
        persistence=burst * 3 // 2 if asked.persistence is None else asked.persistence,
        service=asked.service,
        role=asked.role,
        params=params,
    )
    problems += [f"{place}.{problem}" for problem in _odd_times(probe, spec, turns)]
    return probe if len(problems) == before else None


def _odd_target(target: str, spec: ProbeSpec | None) -> Iterator[str]:
    if spec is None:
        return
    if not target:
        yield f"expected {spec.target}, got an empty text"
        return
    try:
        spec.fits(target)
    except ValueError:
        yield f"expected {spec.target}, got {shown(target)}"


def _misplaced(probes: Tables) -> list[str]:
    """Parameters of a kind that stand beside `params`; they are taken out, to be told only once."""
    common = AskedProbe.__struct_fields__
    found = []
    for k, probe in probes.items():
        own = [key for key in probe if key not in common and key in _fields(text(probe, "kind"))]
        for key in own:
            found.append(f"probe[{k}].{key}: unknown key; expected in params = {{ {key} = … }}")
            del probe[key]
    return found


def _fields(kind: str) -> tuple[str, ...]:
    return specs()[kind].params.__struct_fields__ if kind in specs() else ()


def _params(given: dict[str, Any], spec: ProbeSpec, place: str, problems: list[str]) -> dict[str, Any]:
    """The parameters of a kind, defaults spelled out: the plan in the journal says them all."""
    read = table(given, spec.params, place, problems)
    built = {} if read is None else msgspec.to_builtins(read)
    return {key: value for key, value in built.items() if value is not None}


def _phase(asked: AskedProbe, spec: ProbeSpec, turns: Turns) -> Duration:
    """Where on the grid a probe sits: spread by its name, the same at every start.

    Requests to the provider take turns between origins: a phase in this origin's own second of the cycle.
    """
    spread = int.from_bytes(hashlib.sha256(asked.name.encode()).digest()[:8])
    if not spec.provider_api or turns.origins == 1:
        return spread % asked.interval // MILLISECOND * MILLISECOND
    cycles = max(1, asked.interval // turns.cycle)
    inside = spread // cycles % SECOND // MILLISECOND * MILLISECOND
    return (spread % cycles * turns.cycle + 2 * SECOND * turns.index + inside) % asked.interval


def _odd_times(probe: Probe, spec: ProbeSpec, turns: Turns) -> Iterator[str]:
    """Times that make no sense together: what could never be seen, or would overrun itself."""
    yield from bad_name("name", probe.name)
    interval, burst = written(probe.interval), written(probe.burst)
    if not 0 < probe.timeout <= probe.interval:
        yield f"timeout: expected over 0 and at most the interval, {interval}; got {written(probe.timeout)}"
    if not 0 < probe.burst <= probe.interval:
        yield f"burst: expected over 0 and at most the interval, {interval}; got {burst}"
    if probe.sight < probe.interval:
        yield (
            f"sight: expected at least the interval, {interval} (else nothing is ever seen); "
            f"got {written(probe.sight)}"
        )
    if probe.persistence < probe.burst:
        yield (
            f"persistence: expected at least the burst, {burst} (else no failure is ever certain); "
            f"got {written(probe.persistence)}"
        )
    if not 0 <= probe.phase < probe.interval:
        yield f"phase: expected less than the interval, {interval}; got {written(probe.phase)}"
    if spec.provider_api and turns.origins > 1:
        for key, value in (("interval", probe.interval), ("burst", probe.burst)):
            if value % turns.cycle:
                yield (
                    f"{key}: expected a multiple of {written(turns.cycle)}, "
                    f"in which {turns.origins} origins take turns; got {written(value)}"
                )


def written(duration: Duration) -> str:
    """A duration as one would write it in the file."""
    for unit, size in (("h", 3600 * SECOND), ("min", 60 * SECOND), ("s", SECOND), ("ms", MILLISECOND)):
        if duration and duration % size == 0:
            return f'"{duration // size} {unit}"'
    return f'"{duration} us"'


def bad_name(place: str, name: str) -> Iterator[str]:
    """Names become labels, file names and words on a command line."""
    plain = name.isascii() and name.replace("-", "").replace(".", "").replace("_", "").isalnum()
    if not plain or len(name) > NAME_LENGTH_MAX or not name[0].isalnum():
        wanted = (
            f"up to {NAME_LENGTH_MAX} letters (A-Z, a-z) and digits, after the first '-', '_' and '.' too"
        )
        yield f"{place}: expected {wanted}, got {shown(name)}"
