"""Reads a bundle that may be anybody's, a zip or a folder: bounded, and nothing in it leads out of it."""

import gzip
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from collector.errors import ConstatError, UsageError

MEMBERS_MAX = 250_000
UNPACKED_MAX = 4 << 30
"""Bytes of all files, unpacked, also those of the lines in `.gz` files."""
RATIO_MAX = 200
"""How much smaller anything may be packed that has over `RATIO_FROM` bytes unpacked."""
RATIO_FROM = 10 << 20

_BLOCK = 1 << 17  # larger ones take longer: the system has to clear fresh pages for each
_ENCRYPTED = 0x41
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError)


class UnfitBundle(ConstatError):  # noqa: N818
    """A bundle that no honest maker writes, or that is cut off: it is not looked at any further."""

    exit_status = 1


class Opened:
    """The files of a bundle, by their names below its folder: `data/bundle.json`."""

    def __init__(
        self, path: Path, sizes: Mapping[str, int], archive: zipfile.ZipFile | None, top: str
    ) -> None:
        self._path, self._archive, self._top = path, archive, top
        self.sizes = dict(sorted(sizes.items()))
        """Name → bytes, unpacked."""
        self._left = UNPACKED_MAX

    @contextmanager
    def _stream(self, name: str) -> Iterator[IO[bytes]]:
        """The bytes of a file, KeyError if there is none; UnfitBundle where they cannot be had."""
        size = self.sizes[name]
        try:
            if self._archive is not None:
                with self._archive.open(self._top + name) as stream:
                    yield stream
                return
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            with os.fdopen(os.open(self._path / name, flags), "rb") as stream:
                if os.fstat(stream.fileno()).st_size != size:
                    raise UnfitBundle(f"{self._path / name}: changed while it was read")
                yield stream
        except _BROKEN as error:
            raise UnfitBundle(
                f"{self._path}: {name}: expected a file that can be read, got: {error}"
            ) from error
        except OSError as error:
            raise UnfitBundle(f"{self._path}: {name}: {error.strerror or error}") from error

    def read(self, name: str, at_most: int) -> bytes:
        """All bytes of a file; UnfitBundle where it has more than `at_most`."""
        if self.sizes[name] > at_most:
            raise UnfitBundle(
                f"{self._path}: {name}: expected at most {at_most} bytes, got {self.sizes[name]}"
            )
        with self._stream(name) as stream:
            return stream.read()

    def blocks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file, a part at a time."""
        with self._stream(name) as stream:
            while block := stream.read(_BLOCK):
                yield block

    def unzipped(self, name: str) -> Iterator[bytes]:
        """What a `.gz` file holds, a part at a time."""
        total, packed = 0, max(1, self.sizes[name])
        with self._stream(name) as stream, gzip.GzipFile(fileobj=stream, mode="rb") as unpacked:
            while block := unpacked.read(_BLOCK):
                total += len(block)
                self._left -= len(block)
                if self._left < 0 or (total > RATIO_FROM and total > RATIO_MAX * packed):
                    raise UnfitBundle(f"{self._path}: {name}: unpacks to more than any lines do")
                yield block

    def unpack(self, directory: Path) -> None:
        """Write all files below `directory`, a new and empty one."""
        for name in self.sizes:
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                for block in self.blocks(name):
                    file.write(block)


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """A bundle's files; UsageError where `path` is no bundle, UnfitBundle where it is not a safe one."""
    if path.is_dir():
        yield _holding(path, Opened(path, _of_folder(path), None, ""))
        return
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise UsageError(f"{path}: expected a bundle, a zip or its folder, got: {error.strerror}") from error
    except _BROKEN as error:
        raise UsageError(f"{path}: expected a bundle, a zip or its folder, got: {error}") from error
    with archive:
        sizes = _of_zip(path, archive)
        top = next(iter(sizes), "").partition("/")[0] + "/"
        inside = {name.removeprefix(top): size for name, size in sizes.items() if name.startswith(top)}
        if len(inside) != len(sizes):
            raise UsageError(f"{path}: expected a bundle, all of it in one folder, got several")
        yield _holding(path, Opened(path, inside, archive, top))


def _holding(path: Path, found: Opened) -> Opened:
    """It, if it looks like a bundle at all."""
    for name in ("bagit.txt", "data/bundle.json"):
        if name not in found.sizes:
            raise UsageError(f"{path}: expected a bundle of constat, got none: {name} is missing")
    return found


def _of_zip(path: Path, archive: zipfile.ZipFile) -> dict[str, int]:
    sizes: dict[str, int] = {}
    entries = archive.infolist()
    _bounded(path, len(entries), sum(entry.file_size for entry in entries))
    for entry in entries:
        mode = entry.external_attr >> 16
        if entry.flag_bits & _ENCRYPTED:
            raise UnfitBundle(f"{path}: {entry.filename!r} is encrypted; a bundle is not")
        if entry.compress_type not in _METHODS:
            raise UnfitBundle(f"{path}: {entry.filename!r}: expected it stored or deflated, got another way")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UnfitBundle(f"{path}: {entry.filename!r}: expected a file, got a link or a device")
        if entry.file_size > RATIO_FROM and entry.file_size > RATIO_MAX * max(1, entry.compress_size):
            raise UnfitBundle(f"{path}: {entry.filename!r} unpacks to {entry.file_size} bytes: too many")
        # What `filename` does not say: it ends at a zero byte, and a backslash may have become a slash.
        name = entry.orig_filename
        _inside(path, name.removesuffix("/"))
        if not name.endswith("/"):
            if name in sizes:
                raise UnfitBundle(f"{path}: {name!r} is there twice")
            sizes[name] = entry.file_size
    _apart(path, sizes)
    return sizes


def _of_folder(path: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    total = 0
    for directory, folders, files in os.walk(path, onerror=_raised):
        for name in (*folders, *files):
            place = Path(directory) / name
            state = place.lstat()
            relative = place.relative_to(path).as_posix()
            if name in files and stat.S_ISREG(state.st_mode):
                _inside(path, relative)
                sizes[relative] = state.st_size
                total += state.st_size
                _bounded(path, len(sizes), total)
            elif name in files or not stat.S_ISDIR(state.st_mode):
                raise UnfitBundle(f"{path}: {relative!r}: expected a file, got a link or a device")
    _apart(path, sizes)
    return sizes


def _raised(error: OSError) -> None:
    raise UnfitBundle(f"{error.filename}: {error.strerror}") from error


def _bounded(path: Path, members: int, size: int) -> None:
    if members > MEMBERS_MAX:
        raise UnfitBundle(f"{path}: expected at most {MEMBERS_MAX} files, got {members}")
    if size > UNPACKED_MAX:
        raise UnfitBundle(f"{path}: expected at most {UNPACKED_MAX} bytes unpacked, got {size}")


def _inside(path: Path, name: str) -> None:
    """UnfitBundle unless `name` is that of a file below the folder, on any system."""
    parts = name.split("/")
    odd = any(part in ("", ".", "..") for part in parts)
    if odd or not name.isprintable() or "\\" in name or ":" in name:
        raise UnfitBundle(f"{path}: {name!r}: expected the name of a file in the bundle")


def _apart(path: Path, sizes: Mapping[str, int]) -> None:
    """UnfitBundle where two names are one on some systems, or one is a file and a folder."""
    known: dict[str, str] = {}
    for name in sizes:
        other = known.setdefault(name.casefold(), name)
        if other != name:
            raise UnfitBundle(f"{path}: {name!r} and {other!r} differ in case alone")
    for name in known:
        for end, character in enumerate(name):
            if character == "/" and name[:end] in known:
                raise UnfitBundle(f"{path}: {known[name[:end]]!r} is a file and a folder")
