"""A BagIt folder (RFC 8493) in a zip: hashed, listed and written in order, or not at all."""

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from collector.journal import excerpting, layout
from exporters.documents import newfile
from exporters.documents.bundle.contents import Contents, Hours

BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST, TAGS = "manifest-sha256.txt", "tagmanifest-sha256.txt"

_BLOCK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_STORED = (".gz", ".pdf")
"""What does not become smaller a second time."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A member that was hashed; its bytes are here, or a part of a file that has no name."""

    data: bytes | None
    offset: int
    size: int
    sha256: str


Stamp = Callable[[bytes], Mapping[str, bytes]]
"""The bytes of the tag manifest → stamps over it: what their names end in (`.<authority>.tsr`) → bytes."""
Progress = Callable[[int], None]
"""Told, now and then, how many more bytes were written."""


def unstamped(tags: bytes) -> Mapping[str, bytes]:  # noqa: ARG001
    """No stamp of the bundle itself."""
    return {}


def write(
    path: Path,
    contents: Contents,
    info: Sequence[tuple[str, str]],
    stamp: Stamp = unstamped,
    progress: Progress = lambda _: None,
) -> str:
    """Write a new file `path`; the SHA-256 of its tag manifest, by which a bundle is known.

    `info` are the fields of bag-info.txt, without the sums. The same contents give the same bytes, apart from
    the stamps. UsageError if `path` exists; an OSError, or an end of any other kind, leaves nothing there.
    """
    free(path)
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        members = {f"data/{name}": _kept(what, spool, progress) for name, what in contents.items()}
        sums = sum(member.size for member in members.values()), len(members)
        manifest = _listed(members)
        text = "".join(
            f"{label}: {value}\n" for label, value in (*info, ("Payload-Oxum", f"{sums[0]}.{sums[1]}"))
        )
        tags = {"bagit.txt": BAGIT, "bag-info.txt": text.encode(), MANIFEST: manifest}
        members |= {name: _bytes(data) for name, data in tags.items()}
        tag_manifest = _listed({name: members[name] for name in tags})
        members[TAGS] = _bytes(tag_manifest)
        for ending, data in stamp(tag_manifest).items():
            members[TAGS + ending] = _bytes(data)
        with created(path) as archive:
            for name in sorted(members):
                add(archive, f"{path.stem}/{name}", _blocks(members[name], spool), members[name].size)
    return hashlib.sha256(tag_manifest).hexdigest()


def _kept(what: bytes | Hours, spool: IO[bytes], progress: Progress) -> _Kept:
    if isinstance(what, bytes):
        return _bytes(what)
    offset = spool.seek(0, os.SEEK_END)
    excerpting.pack(what.origin, what.part, spool)
    size = spool.tell() - offset
    progress(size)
    digest = hashlib.sha256()
    member = _Kept(None, offset, size, "")
    for block in _blocks(member, spool):
        digest.update(block)
    return _Kept(None, offset, size, digest.hexdigest())


def _bytes(data: bytes) -> _Kept:
    return _Kept(data, 0, len(data), hashlib.sha256(data).hexdigest())


def _listed(members: Mapping[str, _Kept]) -> bytes:
    """A manifest as `sha256sum -c` reads it."""
    return "".join(f"{members[name].sha256}  {name}\n" for name in sorted(members)).encode()


def _blocks(member: _Kept, spool: IO[bytes]) -> Iterator[bytes]:
    if member.data is not None:
        yield member.data
        return
    spool.seek(member.offset)
    left = member.size
    while left:
        block = spool.read(min(left, _BLOCK))
        left -= len(block)
        yield block


def free(path: Path) -> None:
    """UsageError unless a bundle can be made as `path`, as far as that can be known before."""
    newfile.free(path, "a bundle stays as it was")


@contextmanager
def created(path: Path) -> Iterator[zipfile.ZipFile]:
    """A new zip: whole, durable and under its name at the end, or not there; UsageError where one is."""
    free(path)
    temporary = path.with_name(f".{path.name}.tmp")
    with ExitStack() as stack:
        stack.callback(temporary.unlink, missing_ok=True)
        with layout.created(temporary) as file:
            with zipfile.ZipFile(file, "w") as archive:
                yield archive
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        layout.sync_directory(path.parent)


def add(archive: zipfile.ZipFile, name: str, blocks: Iterator[bytes], size: int) -> None:
    """One member, as it would be on any machine and day."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system, entry.external_attr = 3, 0o100644 << 16
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(_STORED) else zipfile.ZIP_DEFLATED
    entry.file_size = size
    with archive.open(entry, "w") as member:
        for block in blocks:
            member.write(block)
