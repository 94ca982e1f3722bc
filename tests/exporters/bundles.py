"""A small journal to make bundles of: two vantage points, an outage, signed and stamped; and a bundle of it.

Six hours of the morning of 2026-11-23 (UTC). `api` fails from 09:10 to 09:31, seen by three probes from two
vantage points while a control beside each answers; `storage` does not. In Paris the collector is restarted at
07:40, and one probe's slots are a gap at 08:20. What people and the provider declared stands in Paris. Every
checkpoint but that of 09:31 is stamped two seconds after it, by `first`, and the newest by `second` too: its
unit has its certificate from an issuer below the root, and it publishes lists of what is revoked.
"""

import json
import subprocess
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from collector.core.record import (
    FORMAT,
    Anchor,
    Declaration,
    Gap,
    GapReason,
    Host,
    Line,
    Outcome,
    Plan,
    Probe,
    Rotate,
    Start,
    Stop,
    encode,
)
from collector.core.timeline import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Duration, Instant
from collector.journal import checkpoint, documents, keys, layout, timestamp
from collector.journal.origin import open_origin
from collector.journal.store import Store
from exporters.__main__ import _status as run
from tests.exporters import dated
from tests.exporters.dated import Dated
from tests.exporters.journals import CONTRACT_FILE, clock, plan, probe, sample

SIX: Instant = 1_795_413_600 * SECOND
"""2026-11-23T06:00:00Z."""
NOON = SIX + 6 * HOUR
EVERY: Duration = 20 * SECOND
BURST: Duration = 5 * SECOND
FAILS, ENDS = SIX + 190 * MINUTE, SIX + 211 * MINUTE
"""First slot that fails, and first that does not any more."""
STOPS, STARTS = SIX + 100 * MINUTE + 5 * SECOND, SIX + 102 * MINUTE + 10 * SECOND
HELD_BACK = SIX + 140 * MINUTE
UNSTAMPED = ENDS + 3 * SECOND
NAMES = ("first", "second")
BODY = b"<html>Bad gateway</html>\n"
MAIL = b"Subject: maintenance of storage\n\nFrom nine to five past nine.\n"

_ASKED: dict[str, Any] = {
    "interval": EVERY, "burst": BURST, "sight": 30 * SECOND, "persistence": 30 * SECOND,
    "timeout": 2 * SECOND,
}  # fmt: skip
PROBES: dict[str, tuple[Probe, ...]] = {
    "paris": (
        probe("api-1", "api", **_ASKED),
        probe("api-2", "api", **_ASKED),
        probe("get", "storage", **_ASKED),
        probe("quad", "", role="control", **_ASKED),
    ),
    "lyon": (
        probe("api-3", "api", **(_ASKED | {"phase": 10 * SECOND})),
        probe("root", "", role="control", **(_ASKED | {"phase": 10 * SECOND})),
    ),
}


def _declared(id: str, kind: str, at: Instant, **more: Any) -> Declaration:
    return Declaration(seq=0, at=at, id=id, kind=kind, by="ab", **more)  # type: ignore[arg-type]


def declarations(mail: str) -> list[Declaration]:
    """What is on record; `mail` is the hash of the provider's."""
    during = ((FAILS - EVERY, ENDS + EVERY),)
    return [
        _declared(
            "maintenance-1", "planned-maintenance", SIX + 20 * MINUTE, document=mail, scope=("storage",),
            spans=((SIX + 3 * HOUR, SIX + 3 * HOUR + 5 * MINUTE),), standing="accepted",
            sent=SIX - 5 * DAY, received=SIX - 5 * DAY,
        ),
        _declared(
            "invoice-1", "invoice", SIX + 21 * MINUTE, account="acme", month="2026-10",
            amount_cents=1_000_000, issued=SIX - 10 * DAY,
        ),
        _declared(
            "ticket-1", "ticket", FAILS + 5 * MINUTE, number="T-1", severity=1, scope=("api",),
            opened=FAILS + 5 * MINUTE, complete=FAILS + 5 * MINUTE,
        ),
        _declared(
            "notice-1", "notice", SIX + 5 * HOUR + MINUTE, number="N-1", state="delivered",
            services=("api",), possible=during, certain=(), sent=SIX + 5 * HOUR, received=SIX + 5 * HOUR,
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class Story:
    """The journal in `state`, who stamped it, and a bundle."""

    state: Path
    authorities: dict[str, Dated]
    origins: dict[str, str]
    """Vantage point → origin."""

    def bundle(self, output: Path, *asked: str, also: Iterable[str] = ()) -> int:
        """`constat bundle` of the outage, or of what is asked instead; the exit status."""
        what = asked or (self.outage,)
        fixed = ["--journal", str(self.state), "--contract", str(CONTRACT_FILE)]
        return run(["bundle", *what, *fixed, *also, "-o", str(output)])

    @property
    def outage(self) -> str:
        """Its id: the last answer before the first failure is where it may have begun."""
        return f"api@{FAILS - 10 * SECOND}"


def trusted(state: Path, secrets: Path) -> dict[str, Dated]:
    """Authorities whose keys are in `secrets`, pinned in a new state directory."""
    authorities = {name: dated.make(secrets / name, between=name == "second") for name in NAMES}
    (state / "trust").mkdir(parents=True)
    for name, one in authorities.items():
        (state / "trust" / f"{name}.pem").write_bytes(one.ca.read_bytes())
        if one.chain.exists():
            (state / "trust" / f"{name}-chain.pem").write_bytes(one.chain.read_bytes())
            (state / "trust" / f"{name}-crl.pem").write_bytes(one.lists())
        said = {"name": name, "url": f"https://{name}.example/", "policy": dated.POLICY}
        (state / "trust" / f"{name}.json").write_bytes(msgspec.json.encode(said))
    return authorities


def write(state: Path, secrets: Path) -> Story:
    """The journal of both vantage points, below `state`; the authorities' keys are kept in `secrets`."""
    authorities = trusted(state, secrets)
    body, mail = documents.keep(state, BODY), documents.keep(state, MAIL)
    origins = {}
    for vantage in PROBES:
        keeper = Keeper(state, vantage, authorities)
        told = declarations(mail) if vantage == "paris" else []
        ends = [*range(SIX + HOUR, NOON, HOUR), FAILS + 3 * SECOND, ENDS + 3 * SECOND]
        keeper.write([*lines(keeper, body), *told], sorted(ends), NOON)
        origins[vantage] = keeper.name
    return Story(state, authorities, origins)


class Keeper:
    """Writes one origin as the collector does, at made-up times."""

    def __init__(self, state: Path, vantage: str, authorities: dict[str, Dated]) -> None:
        self._origin = open_origin(state, vantage, "machine")
        self._store = Store(self._origin)
        self._authorities = authorities
        self.name, self.vantage = self._origin.name, vantage
        self.key = str(self._origin.key.vkey)
        self.signers = [self._origin.key]
        """The keys that signed, the oldest first."""
        self._anchors: list[Line] = []

    def write(self, told: list[Line], ends: Sequence[Instant], closed: Instant) -> None:
        """All lines, a checkpoint at each of `ends` and one where it is `closed`, and stamps."""
        told = sorted(told, key=lambda line: line.at)
        for end in ends:
            now = [line for line in told if line.at < end]
            told = told[len(now) :]
            self._append(sorted([*self._anchors, *now], key=lambda line: line.at))
            self._anchors = []
            self._sealed(end)
        self._append(sorted([*self._anchors, *told], key=lambda line: line.at))
        self._store.close()
        self._origin.release()
        self._stamped(closed, list(self._authorities))

    def _append(self, some: list[Line]) -> None:
        some = [self._handed_over(one) if isinstance(one, Rotate) else one for one in some]
        numbered = [msgspec.structs.replace(line, seq=self._store.size + k) for k, line in enumerate(some)]
        self._store.append(numbered, [encode(line) for line in numbered], some[0].at)
        self._store.keep()

    def _handed_over(self, line: Rotate) -> Line:
        """The line that makes a new key sign from there on."""
        made = keys.make(keys.next_path(self._origin.state, self.name), self.name)
        self.signers.append(made)
        found = self._store.rotation(made, line.at)
        assert found is not None
        return found

    def _sealed(self, at: Instant) -> None:
        self._store.checkpoint()
        if at != UNSTAMPED:
            self._stamped(at, ["first"])

    def _stamped(self, at: Instant, names: list[str]) -> None:
        directory = self._origin.place.checkpoints
        assert directory is not None
        path = layout.checkpoint_path(directory, layout.checkpoint_numbers(directory)[-1])
        made = checkpoint.parse(path.read_bytes())
        for name in names:
            query, response = self._authorities[name].stamp(path.read_bytes(), at + 2 * SECOND)
            path.with_suffix(f".{name}.tsq").write_bytes(query)
            path.with_suffix(f".{name}.tsr").write_bytes(response)
            token = timestamp.parse(response)
            self._anchors.append(
                Anchor(
                    seq=0,
                    at=at + 3 * SECOND,
                    size=made.size,
                    root=made.root.hex(),
                    authority=name,
                    token=sha256(response).hexdigest(),
                    gen_time=token.gen_time,
                    accuracy=token.accuracy,
                )
            )


def lines(keeper: Keeper, body: str) -> Iterator[Line]:
    """What one vantage point's collector wrote, but declarations and anchors."""
    yield from _began(keeper, SIX - SECOND)
    if keeper.vantage == "paris":
        yield Stop(seq=0, at=STOPS)
        yield from _began(keeper, STARTS)
        away = (SIX + 100 * MINUTE + EVERY, SIX + 102 * MINUTE + EVERY)
        yield Gap(seq=0, at=STARTS + 2, probes=("*",), from_=away[0], to=away[1], reason=GapReason.STOPPED)
        held = (HELD_BACK, HELD_BACK + 3 * EVERY)
        yield Gap(seq=0, at=held[1], probes=("api-2",), from_=held[0], to=held[1], reason=GapReason.BUDGET)
    for at in range(SIX + MINUTE, NOON, MINUTE):
        if not STOPS <= at < STARTS or keeper.vantage != "paris":
            yield clock(at + SECOND)
            yield _host(at + SECOND + 1)
    for asked in PROBES[keeper.vantage]:
        yield from _runs(keeper, asked, body)


def _began(keeper: Keeper, at: Instant) -> Iterator[Line]:
    yield Start(
        seq=0, at=at, format=FORMAT, origin=keeper.name, vantage=keeper.vantage, version="1", python="3",
        boot="b", cut=0, key=keeper.key,
    )  # fmt: skip
    yield _plan(keeper.vantage, at + 1)
    yield clock(at + 1)


def _plan(vantage: str, at: Instant) -> Plan:
    return msgspec.structs.replace(plan(at), probes=PROBES[vantage])


def _host(at: Instant) -> Host:
    return Host(
        seq=0, at=at, loop_lag_max=900, loop_lag_p99=400, queue=0, fds=12, rss=1 << 26, late=0, route={}
    )


def _runs(keeper: Keeper, asked: Probe, body: str) -> Iterator[Line]:
    paris = keeper.vantage == "paris"
    for slot in range(SIX + asked.phase, NOON, EVERY):
        if paris and STOPS <= slot < STARTS:
            continue
        if asked.name == "api-2" and HELD_BACK <= slot < HELD_BACK + 3 * EVERY:
            continue
        if asked.service != "api" or not FAILS <= slot < ENDS:
            yield sample(asked.name, slot)
            continue
        for due in range(slot, slot + EVERY, BURST):
            facts = {"status": 502, "document": body}
            covers = 1 if due == slot else 0
            yield sample(asked.name, due, Outcome.FAILED, took=400 * MILLISECOND, covers=covers, facts=facts)


# --------------------------------------------------------------------------------- what is in a bundle


def unpacked(path: Path, directory: Path) -> Path:
    """The folder of a bundle, by a program that is not ours."""
    subprocess.run(["unzip", "-q", path, "-d", directory], check=True)
    (found,) = directory.iterdir()
    return found


def names(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2] for name in archive.namelist()}


def member(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(f"{path.stem}/{name}")


def described(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(member(path, "data/bundle.json"))
    return found
