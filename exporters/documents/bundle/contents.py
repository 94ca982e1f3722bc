"""What goes into a bundle: each file by its name, chosen from journals, checkpoints, stamps and documents."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from collector.core.timeline import HOUR, Duration, Instant, Span
from collector.journal import layout
from collector.journal.excerpting import Cut, Part
from collector.journal.layout import OriginDir
from collector.journal.note import Vkey

VERSION = 1
"""Of the form of bundles."""
CADENCE: Duration = HOUR
"""How far apart checkpoints are at most."""

Kind: TypeAlias = Literal["outage", "reservation", "claim", "period"]
Contents: TypeAlias = "dict[str, bytes | Hours]"
"""Name below `data/` → what is in it."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Lines of one hour, gzipped when they are written."""

    origin: OriginDir
    part: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a bundle is about."""

    kind: Kind
    id: str
    window: Span
    """Over which states are computed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that a bundle is made of, besides what people read."""

    subject: Subject
    as_of: Instant
    cuts: Sequence[Cut]
    extract: bool
    statement: bytes
    contract: str
    trusted: Mapping[str, Mapping[str, bytes]]
    """Authority that is to stamp the bundle itself → what verifies its stamps (`.pem`, `-chain.pem`…)."""


def contents(order: Order, besides: Mapping[str, bytes]) -> Contents:
    """All files below `data/`; `besides` are those that explain or verify the others."""
    found: Contents = {**besides, "statement.json": order.statement, "contract.toml": order.contract.encode()}
    authorities = set(order.trusted)
    for cut in order.cuts:
        name = cut.origin.name
        found[f"journal/{name}/{layout.EXCERPT}"] = cut.excerpt.encode()
        for part in cut.parts:
            found[f"journal/{name}/{part.file}{layout.GZIPPED}"] = Hours(cut.origin, part)
        found |= {f"checkpoints/{name}/{file}": data for file, data in _sealed(cut).items()}
        found |= {f"trust/{file}": data for file, data in keys(name, cut.keys).items()}
        authorities |= {one for seal in cut.seals for one in seal.stamps}
    states = dict.fromkeys(_state(cut.origin) for cut in order.cuts)
    trusted = {f"{name}{end}": data for name, of in order.trusted.items() for end, data in of.items()}
    for state in states:
        trusted |= _trusted(state, authorities)
    found |= {f"trust/{file}": data for file, data in trusted.items()}
    wanted = {digest for cut in order.cuts for digest in cut.documents}
    found |= {f"documents/{digest}": data for digest, data in _documents(states, wanted).items()}
    listed = sorted(one for one in authorities if f"{one}.pem" in trusted)
    found["bundle.json"] = _pretty(_described(order, listed))
    return found


def _described(order: Order, authorities: Sequence[str]) -> dict[str, Any]:
    stretches = [(cut, cut.stretch or (None, None)) for cut in order.cuts]
    return {
        "bundle": VERSION,
        "subject": {"kind": order.subject.kind, "id": order.subject.id},
        "form": "extract" if order.extract else "hours",
        "from": order.subject.window.start,
        "to": order.subject.window.end,
        "as_of": order.as_of,
        "cadence": CADENCE,
        "origins": [
            {"origin": cut.origin.name, "vantage": cut.vantage, "first": first, "last": last}
            for cut, (first, last) in sorted(stretches, key=lambda one: one[0].origin.name)
        ],
        "authorities": list(authorities),
    }


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"


def _state(origin: OriginDir) -> Path:
    """The state directory that an origin's directory is in."""
    return origin.directory.parent.parent


def _sealed(cut: Cut) -> dict[str, bytes]:
    """The files of the checkpoints: notes, stamps and cosignatures."""
    directory = cut.origin.checkpoints
    files = (
        [file for seal in cut.seals for file in (seal.file, *seal.beside)] if directory is not None else []
    )
    return {file: (directory / file).read_bytes() for file in files if directory is not None}


def keys(origin: str, vkeys: Sequence[str]) -> dict[str, bytes]:
    """The public keys of an origin: `<origin>.vkey`, one a line, and each as a PEM file for `openssl`."""
    if not vkeys:
        return {}
    found = {f"{origin}.vkey": "".join(f"{vkey}\n" for vkey in vkeys).encode()}
    for vkey in map(Vkey.parse, vkeys):
        found[f"{origin}-{vkey.id.hex()}.pem"] = vkey.pem()
    return found


def _trusted(state: Path, authorities: Iterable[str]) -> dict[str, bytes]:
    """What a state directory keeps to verify stamps by."""
    kinds = (".pem", "-chain.pem", "-crl.pem", ".json")
    paths = (state / "trust" / f"{name}{kind}" for name in sorted(authorities) for kind in kinds)
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def _documents(states: Iterable[Path], wanted: Iterable[str]) -> dict[str, bytes]:
    """Documents that are still there, each by its hash; one that is another's is left out."""
    found = {}
    for digest in sorted(wanted):
        for state in states:
            path = state / "documents" / digest
            data = path.read_bytes() if path.is_file() else b""
            if sha256(data).hexdigest() == digest:
                found[digest] = data
    return found
