"""A bundle as it lies in a folder of ours: what its own tables say of it, and where its parts are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from collector.core.timeline import Duration, Instant, Span
from collector.journal import timestamp
from collector.journal.layout import OriginDir
from exporters.documents import statement
from exporters.documents.statement import Filed
from exporters.documents.verification.step import must

DATA = "data"
LARGEST = 1 << 28
"""Bytes of a table that is read at all."""
FORM = 1
"""The version of bundles that is understood."""

_AUTHORITY = r"(?P<authority>[a-z0-9][a-z0-9-]*)"
_STAMP = re.compile(rf"{DATA}/checkpoints/(?P<origin>[^/]+)/(?P<number>\d{{6,}})\.{_AUTHORITY}\.tsr")
_OWN = re.compile(rf"(?P<of>tagmanifest-sha256\.txt|renewals/\d{{4}})\.{_AUTHORITY}\.tsr")


class Stretch(msgspec.Struct, frozen=True):
    """An origin of the bundle, and its whole lines, from `first` to `last`."""

    origin: str
    vantage: str
    first: int | None
    last: int | None


class Subject(msgspec.Struct, frozen=True):
    kind: Literal["outage", "reservation", "claim", "period"]
    id: str


class Table(msgspec.Struct, frozen=True):
    """`bundle.json`."""

    bundle: int
    subject: Subject
    form: Literal["hours", "extract"]
    to: Instant
    as_of: Instant
    cadence: Annotated[Duration, msgspec.Meta(gt=0)]
    origins: Annotated[tuple[Stretch, ...], msgspec.Meta(min_length=1)]
    from_: Instant = msgspec.field(name="from")

    @property
    def window(self) -> Span:
        """Over which states are computed again."""
        return Span(self.from_, self.to)

    @property
    def extract(self) -> bool:
        """Whether it shows single lines, and not that none was left out between them."""
        return self.form == "extract"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp in a bundle, and what it is over."""

    response: str
    over: str
    authority: str

    @property
    def query(self) -> str:
        """The question that it answers."""
        return self.response.removesuffix("r") + "q"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A bundle that was unpacked below `root`; `sizes` are all files by their names below it."""

    root: Path
    sizes: Mapping[str, int]
    table: Table
    filed: Filed

    def read(self, name: str, at_most: int = LARGEST) -> bytes:
        """A file's bytes; Wrong where there is none, or a larger one."""
        size = self.sizes.get(name)
        must(size is not None and size <= at_most, name, f"a file of at most {at_most} bytes", size or "none")
        return (self.root / name).read_bytes()

    def origin(self, name: str) -> OriginDir:
        """Where the lines and checkpoints of an origin are."""
        data = self.root / DATA
        checkpoints = data / "checkpoints" / name
        return OriginDir(
            name=name,
            directory=data / "journal" / name,
            checkpoints=checkpoints if checkpoints.is_dir() else None,
        )

    def trust(self, name: str) -> Path | None:
        """A file that verification rests on, None if it is not there."""
        return self.root / DATA / "trust" / name if f"{DATA}/trust/{name}" in self.sizes else None

    def stamps(self, origin: str) -> list[Stamp]:
        """The stamps over checkpoints of an origin."""
        matches = [match for name in self.sizes if (match := _STAMP.fullmatch(name))]
        return [
            Stamp(m[0], f"{DATA}/checkpoints/{m['origin']}/{m['number']}.txt", m["authority"])
            for m in matches
            if m["origin"] == origin
        ]

    def own_stamps(self) -> list[Stamp]:
        """The stamps over the whole of it, and over its renewals."""
        found = []
        for match in filter(None, map(_OWN.fullmatch, self.sizes)):
            over = match["of"] if match["of"].endswith(".txt") else f"{match['of']}.txt"
            found.append(Stamp(match[0], over, match["authority"]))
        return found

    def response(self, stamp: Stamp) -> bytes:
        return self.read(stamp.response, timestamp.LIMIT_BYTES)


def load(root: Path, sizes: Mapping[str, int]) -> Unpacked:
    """The tables of a bundle, held against each other; Wrong or UsageError names what is not of its form."""
    name = f"{DATA}/bundle.json"
    for file in (name, f"{DATA}/statement.json"):
        must(sizes.get(file, LARGEST) < LARGEST, file, f"a file of less than {LARGEST} bytes", "none")
    try:
        # As text: of keys that it does not know msgspec does not look whether they are any.
        table = msgspec.json.decode((root / name).read_bytes().decode(), type=Table)
        filed = statement.read(root / DATA / "statement.json")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        must(False, name, "a table of this form", error)
        raise
    must(table.bundle == FORM, f"{name}: bundle", f"version {FORM}", table.bundle)
    must(table.from_ < table.to, f"{name}: to", "an instant after `from`", table.to)
    windows = [list(one) if isinstance(one, tuple) else one for one in filed.grounds.windows]
    asked = [[table.from_, table.to]]
    must(windows == asked, f"{DATA}/statement.json: rests_on.windows", asked, windows)
    as_of = filed.grounds.as_of, filed.whole["account"].get("as_of")
    must(as_of == (table.as_of,) * 2, f"{DATA}/statement.json: as_of", table.as_of, as_of)
    return Unpacked(root=root, sizes=sizes, table=table, filed=filed)


def figures(unpacked: Unpacked, key: str) -> list[dict[str, Any]]:
    """A table of the statement's account, like `attainments`; Wrong where it is none."""
    found = unpacked.filed.whole["account"].get(key)
    must(isinstance(found, list), f"{DATA}/statement.json: account.{key}", "a list", type(found).__name__)
    return [dict(one) for one in found or ()]
