"""A forger at work on a bundle: holds the origin's keys and an authority's ear, but cannot turn back time.

A small journal of four hours, two vantage points, signed and stamped, and a bundle of 25 minutes of it in
which `api` fails for ten. Whatever is changed in the bundle, the forger hashes, lists and stamps all of it
anew, and can write a whole journal anew, sign it with the true keys and have it stamped: now. What nobody can
do is to have it stamped then, unless it was forged then; a forger who began that early is tried too (`live`).
"""

import gzip
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msgspec

from collector.core.record import FORMAT, Host, Line, Outcome, Plan, Probe, Rotate, Start
from collector.core.timeline import HOUR, MILLISECOND, MINUTE, SECOND, Instant
from collector.journal import checkpoint, documents, layout, merkle, timestamp
from collector.journal.checkpoint import Checkpoint
from collector.journal.merkle import Frontier, leaf_hash
from collector.journal.note import Key
from exporters.documents import genesis
from tests.exporters import bundles, dated
from tests.exporters.bundles import SIX, Keeper, Story
from tests.exporters.dated import Dated
from tests.exporters.journals import clock, plan, probe, sample

FROM, TO = SIX + 135 * MINUTE, SIX + 160 * MINUTE
FAILS, ENDS = SIX + 140 * MINUTE, SIX + 150 * MINUTE
ROTATES = SIX + 90 * MINUTE
BURST = SIX + 145 * MINUTE
CLOSED = SIX + 4 * HOUR
SINCE = SIX + 5 * HOUR
"""When the forger sets about it: the stamps of today are of that time."""

_ASKED: dict[str, Any] = {
    "interval": MINUTE, "burst": 20 * SECOND, "sight": 75 * SECOND, "persistence": 75 * SECOND,
    "timeout": 2 * SECOND,
}  # fmt: skip
_PROBES = {
    "paris": (probe("api-1", "api", **_ASKED), probe("quad", "", role="control", **_ASKED)),
    "lyon": (
        probe("api-2", "api", **(_ASKED | {"phase": 30 * SECOND})),
        probe("root", "", role="control", **(_ASKED | {"phase": 30 * SECOND})),
    ),
}


# ------------------------------------------------------------------------------------------- the true journal


@dataclass(frozen=True)
class World:
    """The true journal, and all that its keeper knows."""

    story: Story
    signers: dict[str, list[Key]]
    """Vantage point → its origin's keys, the oldest first."""
    secrets: Path

    def with_authority(self, rogue: Dated) -> "World":
        """A world in which all authorities are this one."""
        mine = dict.fromkeys(self.story.authorities, rogue)
        return replace(self, story=replace(self.story, authorities=mine))

    def bundle(self, path: Path, *also: str) -> Path:
        """A bundle of the window; of the outage as a confidential extract, with `--extract`."""
        asked = ["--from", _iso(FROM), "--to", _iso(TO)]
        if "--extract" in also:
            asked = [f"api@{FAILS - 30 * SECOND}"]
        assert self.story.bundle(path, *asked, also=also) == 0
        return path


def _iso(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


def write(directory: Path) -> World:
    """The journal, in `state`, and the authorities' keys, below `directory`."""
    state = directory / "state"
    authorities = bundles.trusted(state, directory / "secrets")
    body = documents.keep(state, bundles.BODY)
    origins, signers = {}, {}
    for vantage in _PROBES:
        keeper = Keeper(state, vantage, authorities)
        told = [*_lines(keeper.name, keeper.key, vantage, body)]
        keeper.write(told, [SIX + HOUR, SIX + 2 * HOUR, BURST, SIX + 3 * HOUR], CLOSED)
        origins[vantage], signers[vantage] = keeper.name, keeper.signers
    return World(Story(state, authorities, origins), signers, directory / "secrets")


def _lines(origin: str, key: str, vantage: str, body: str) -> Iterator[Line]:
    at = SIX - SECOND
    yield Start(
        seq=0, at=at, format=FORMAT, origin=origin, vantage=vantage, version="1", python="3", boot="b",
        cut=0, key=key,
    )  # fmt: skip
    yield _plan(_PROBES[vantage], at + 1)
    if vantage == "paris":
        yield Rotate(seq=0, at=ROTATES, key="", signature="")
    for minute in range(at + 2, CLOSED - 2 * SECOND, 5 * MINUTE):
        yield clock(minute)
        yield Host(
            seq=0, at=minute + 1, loop_lag_max=9, loop_lag_p99=4, queue=0, fds=9, rss=1, late=0, route={}
        )
    for asked in _PROBES[vantage]:
        for slot in range(SIX + asked.phase, CLOSED - MINUTE, MINUTE):
            if asked.service and FAILS <= slot < ENDS:
                facts = {"status": 502, "document": body}
                took = 400 * MILLISECOND
                yield sample(asked.name, slot, Outcome.FAILED, took=took, phases={"connect": 9}, facts=facts)
            else:
                yield sample(asked.name, slot, phases={"connect": 9}, facts={"status": 200})


def _plan(probes: tuple[Probe, ...], at: Instant) -> Plan:
    made = plan(at)
    return msgspec.structs.replace(made, services=made.services[:1], probes=probes)


def deposit(story: Story, path: Path, *, heads: bool = False) -> Path:
    """The page that was left with a third party before any of it, or, with `heads`, after the fact."""
    found = [genesis.of(story.state, place) for place in layout.origins(story.state)]
    first = [one if heads else replace(one, size=None, root=None) for one in found]
    path.write_text(genesis.page(first), "utf-8")
    return path


# --------------------------------------------------------------------------------------------- the forged bag


@dataclass(repr=False)
class Bag:
    """The files of a bundle, as they are being forged: name below its folder → bytes."""

    files: dict[str, bytes]
    world: World
    links: dict[str, str] = field(default_factory=dict)
    """Names of symbolic links → where they lead."""

    def __repr__(self) -> str:
        return f"a bag of {len(self.files)} files"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))  # else hypothesis shows every byte of every file

    def copy(self) -> "Bag":
        return Bag(dict(self.files), self.world, dict(self.links))

    def __getitem__(self, name: str) -> bytes:
        return self.files[name]

    def __setitem__(self, name: str, data: bytes) -> None:
        self.files[name] = data

    def json(self, name: str) -> Any:
        return json.loads(self.files[name])

    def put(self, name: str, value: object) -> None:
        self.files[name] = json.dumps(value, indent=2, sort_keys=True).encode() + b"\n"

    def edit(self, name: str, change: Callable[[Any], object]) -> None:
        """Change a table in place."""
        value = self.json(name)
        change(value)
        self.put(name, value)

    def named(self, pattern: str) -> list[str]:
        return sorted(name for name in self.files if re.fullmatch(pattern, name))

    def origin(self, vantage: str = "paris") -> str:
        return self.world.story.origins[vantage]

    def excerpt(self, vantage: str = "paris") -> str:
        return f"data/journal/{self.origin(vantage)}/excerpt.json"

    def hour(self, vantage: str = "paris") -> str:
        (name,) = self.named(f"data/journal/{self.origin(vantage)}/.*gz")
        return name

    def note(self, number: int, vantage: str = "paris") -> str:
        return f"data/checkpoints/{self.origin(vantage)}/{number:06d}.txt"

    def stamped(self, number: int, vantage: str = "paris", authority: str = "first") -> str:
        return self.note(number, vantage).replace(".txt", f".{authority}.tsr")

    def lines(self, vantage: str = "paris") -> list[bytes]:
        """The lines of the stretch."""
        return gzip.decompress(self.files[self.hour(vantage)]).splitlines()

    def relined(self, lines: Sequence[bytes], vantage: str = "paris") -> None:
        """Put other lines into the stretch, and no more than that."""
        self.files[self.hour(vantage)] = packed(lines)

    def stamp(
        self, name: str, authority: Dated | None = None, at: Instant = SINCE, to: str = "first"
    ) -> None:
        """Have a file stamped."""
        stem = name if name.startswith("tag") else name.removesuffix(".txt")
        query, response = (authority or self.world.story.authorities[to]).stamp(self.files[name], at)
        self.files |= {f"{stem}.{to}.tsq": query, f"{stem}.{to}.tsr": response}

    def rogue(self, *, between: bool = False) -> Dated:
        """An authority of the forger's own, with a root of its own; see `dated.make`."""
        return dated.make(Path(tempfile.mkdtemp(dir=self.world.secrets)) / "rogue", between=between)

    def seal(self, *, own: bool = True) -> None:
        """Hash and list all files anew, and have the whole of it stamped as of now."""
        payload = sorted(name for name in self.files if name.startswith("data/"))
        self.files["manifest-sha256.txt"] = self._sums(payload)
        self.files["tagmanifest-sha256.txt"] = self._sums(
            ["bag-info.txt", "bagit.txt", "manifest-sha256.txt"]
        )
        if own:
            self.stamp("tagmanifest-sha256.txt")

    def _sums(self, names: Sequence[str]) -> bytes:
        sums = [f"{hashlib.sha256(self.files[name]).hexdigest()}  {name}\n" for name in names]
        return "".join(sums).encode()

    def written(self, folder: Path) -> Path:
        """The bag as a folder."""
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for name, target in self.links.items():
            (folder / name).symlink_to(target)
        return folder

    def zipped(self, path: Path) -> Path:
        """The bag as a zip."""
        with ZipFile(path, "w") as archive:
            for name, data in self.files.items():
                archive.writestr(f"{path.stem}/{name}", data)
        return path


def packed(lines: Sequence[bytes]) -> bytes:
    return gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)


def opened(path: Path, world: World) -> Bag:
    """The bag of a bundle that is a zip."""
    with ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return Bag({name.partition("/")[2]: archive.read(name) for name in names}, world)


def changed(line: bytes, **fields: object) -> bytes:
    """A line with some fields changed, in the writer's form; a field that is `...` is taken away."""
    value = json.loads(line) | fields
    left = {key: of for key, of in value.items() if of is not ...}
    return json.dumps(left, separators=(",", ":"), ensure_ascii=True).encode()


# --------------------------------------------------------------------------------------------- a journal anew

Change = Callable[[list[bytes]], Sequence[bytes]]
"""The lines that are → what the forger would rather have seen."""


@dataclass
class Rewriting:
    """An origin written anew from some line on: tree, checkpoints, signatures, stamps, anchors, proofs."""

    bag: Bag
    vantage: str = "paris"
    live: bool = False
    """As if it had been forged when it happened: each stamp bears the time of the true one."""
    key: Key | None = None
    """Signs all of it, instead of the true keys."""
    authorities: Mapping[str, Dated] = field(default_factory=dict)
    """Stamp it, instead of the true ones."""

    def __post_init__(self) -> None:
        self.name = self.bag.origin(self.vantage)
        self.state = self.bag.world.story.state
        (self.place,) = [one for one in layout.origins(self.state) if one.name == self.name]
        self.lines: list[bytes] = []
        for name in self.place.names():
            with layout.opened(self.place, name) as stream:
                self.lines += [line.rstrip(b"\n") for line in stream]
        (of,) = [one for one in self.bag.json("data/bundle.json")["origins"] if one["origin"] == self.name]
        self.first, self.end = of["first"], of["last"] + 1
        self.sizes = {number: checkpoint.parse(self._true(number)).size for number in self._numbers()}
        self.count = len(self.lines)
        self.roots: dict[int, bytes] = {}

    def _numbers(self) -> list[int]:
        assert self.place.checkpoints is not None
        return layout.checkpoint_numbers(self.place.checkpoints)

    def _true(self, number: int) -> bytes:
        assert self.place.checkpoints is not None
        return layout.checkpoint_path(self.place.checkpoints, number).read_bytes()

    def write(self, change: Change = list, *, whole: bool = False) -> None:
        """Put other lines in the place of the stretch's, or of the whole journal's, and prove them."""
        start, end = (0, len(self.lines)) if whole else (self.first, self.end)
        before, own, after = self.lines[:start], self.lines[start:end], self.lines[end:]
        new = list(change(list(own)))
        grown = len(new) - len(own)
        moved = next((k for k, (a, b) in enumerate(zip(own, new, strict=False)) if a != b), len(own)) + start
        self.lines = [changed(line, seq=seq) for seq, line in enumerate([*before, *new, *after])]
        self.sizes = {n: size + grown * (size > moved) for n, size in self.sizes.items()}
        self.end += grown * (self.end > moved)
        for number in sorted(self.sizes):
            self._sealed(number, moved, grown)
        self._proven()

    def _sealed(self, number: int, moved: int, grown: int) -> None:
        """A checkpoint anew, its stamps, and the anchor lines that tell of them."""
        size = self.sizes[number]
        tree = Frontier()
        tree.extend([leaf_hash(line) for line in self.lines[:size]])
        root = tree.root()
        assert root is not None
        self.roots[size] = root
        name = self.bag.note(number, self.vantage)
        if name not in self.bag.files or (size <= moved and self.key is None and not self.authorities):
            return
        note = Checkpoint(origin=self.name, size=size, root=root).signed(self._signing(size))
        self.bag.files[name] = note
        for authority, stamper in (self.bag.world.story.authorities | dict(self.authorities)).items():
            response = self.bag.stamped(number, self.vantage, authority)
            true = self.state / response.removeprefix("data/")
            if true.exists():
                then = timestamp.parse(true.read_bytes()).gen_time
                self.bag.stamp(name, stamper, then if self.live else SINCE, authority)
                self._anchored(size - grown * (size > moved), size, root, authority, self.bag[response])

    def _signing(self, size: int) -> Key:
        if self.key is not None:
            return self.key
        rotations = sum(b'"t":"rotate"' in line for line in self.lines[:size])
        return self.bag.world.signers[self.vantage][rotations]

    def _anchored(self, before: int, size: int, root: bytes, authority: str, response: bytes) -> None:
        token = timestamp.parse(response)
        for seq, line in enumerate(self.lines):
            value = json.loads(line)
            if value["t"] == "anchor" and (value["size"], value["authority"]) == (before, authority):
                said = {"size": size, "root": root.hex(), "gen_time": token.gen_time}
                self.lines[seq] = changed(line, token=hashlib.sha256(response).hexdigest(), **said)

    def _proven(self) -> None:
        """The stretch, its excerpt, and what tables say of them."""
        bag, name = self.bag, self.bag.excerpt(self.vantage)
        excerpt = bag.json(name)
        leaves = [leaf_hash(line) for line in self.lines]
        bundled = [self.sizes[int(file[-10:-4])] for file in bag.named(f"data/checkpoints/{self.name}/.*txt")]
        head = max(bundled)

        def tree_hash(start: int, end: int) -> bytes:
            tree = Frontier()
            tree.extend(leaves[start:end])
            root = tree.root()
            assert root is not None
            return root

        start = Frontier()
        start.extend(leaves[: self.first])
        peaks = [peak.hex() for peak in start.peaks if peak is not None]
        linked = [size for size in bundled if size != head and not self.first < size < self.end]
        excerpt |= {"start": {"size": self.first, "peaks": peaks}, "end": self.end, "head": head}
        excerpt["links"] = [
            {"size": s, "path": [one.hex() for one in merkle.consistency(s, head, tree_hash)]} for s in linked
        ]
        olds = [json.loads(one["line"])["seq"] for one in excerpt["lines"]]
        seqs = [seq + (len(self.lines) - self.count) * (seq >= self.first) for seq in olds]
        excerpt["lines"] = [self._single(seq, min(s for s in bundled if s > seq), tree_hash) for seq in seqs]
        bag.put(name, excerpt)
        bag.relined(self.lines[self.first : self.end], self.vantage)

        def rests(value: Any) -> None:
            (one,) = [one for one in value["rests_on"]["origins"] if one["origin"] == self.name]
            one.update(size=head, root=self.roots[head].hex())

        def spans(value: Any) -> None:
            (one,) = [one for one in value["origins"] if one["origin"] == self.name]
            one.update(first=self.first, last=self.end - 1)

        bag.edit("data/statement.json", rests)
        bag.edit("data/bundle.json", spans)

    def _single(self, seq: int, size: int, tree_hash: merkle.Range) -> dict[str, Any]:
        path = [one.hex() for one in merkle.inclusion(seq, size, tree_hash)]
        return {"line": self.lines[seq].decode(), "size": size, "path": path}
