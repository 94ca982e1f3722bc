"""A bundle that may be anybody's is read within bounds, or refused with the name of what is wrong in it."""

import gzip
import os
import random
import stat
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.errors import ConstatError, UsageError
from exporters.documents.bundle import opened as opening
from exporters.documents.bundle.opened import UnfitBundle, opened

FILES = {"bagit.txt": b"BagIt", "data/bundle.json": b"{}", "data/x": b"x" * 1000}

Write = Callable[[zipfile.ZipFile], None]


def zipped(path: Path, more: Write = lambda _: None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(f"b/{name}", data)
        more(archive)
    return path


def folder(path: Path) -> Path:
    for name, data in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.create_system, made.external_attr = 3, mode << 16
    return made


def all_of(path: Path) -> dict[str, bytes]:
    with opened(path) as found:
        return {name: b"".join(found.blocks(name)) for name in found.sizes}


def test_a_zip_and_its_folder_hold_the_same_files(tmp_path: Path) -> None:
    assert all_of(zipped(tmp_path / "b.zip")) == FILES
    assert all_of(folder(tmp_path / "b")) == FILES


def test_folders_of_a_zip_are_no_files(tmp_path: Path) -> None:
    """Who packs a bundle again with another program has them in it."""
    path = zipped(tmp_path / "b.zip", lambda archive: archive.writestr(entry("b/data/"), b""))

    assert all_of(path) == FILES


def test_a_real_bundle_is_opened_and_unpacked(bundled: Path, tmp_path: Path) -> None:
    with opened(bundled) as found:
        found.unpack(tmp_path / "out")
        packed = [name for name in found.sizes if name.endswith(".gz")]
        lines = b"".join(found.unzipped(packed[0])).split(b"\n")

    assert all_of(tmp_path / "out") == all_of(bundled)
    assert lines[0].startswith(b'{"t":"')


@pytest.mark.parametrize(
    "name", ["b/../../evil", "/etc/evil", "b//x", "b/./x", "b/..", "b/x\\..\\y", "b/C:x", "b/a\nb", "../b/x"]
)
def test_a_name_that_leads_out_of_the_bundle_is_refused(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "b.zip", lambda archive: archive.writestr(entry(name), b""))
    with pytest.raises(UnfitBundle, match="expected the name of a file in the bundle"):
        all_of(path)


def test_a_name_that_a_zero_byte_cuts_off_is_refused(tmp_path: Path) -> None:
    """Python reads it up to the zero byte, others further."""
    path = zipped(tmp_path / "b.zip", lambda archive: archive.writestr(entry("b/data/x!"), b""))
    path.write_bytes(path.read_bytes().replace(b"data/x!", b"data/x\0"))
    with pytest.raises(UnfitBundle):
        all_of(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_a_link_or_a_device_in_a_zip_is_refused(tmp_path: Path, kind: int) -> None:
    path = zipped(tmp_path / "b.zip", lambda archive: archive.writestr(entry("b/l", kind | 0o777), "/etc/x"))
    with pytest.raises(UnfitBundle, match="got a link or a device"):
        all_of(path)


@pytest.mark.parametrize("target", ["data/x", "/etc/hostname", "nowhere", "data"])
def test_a_link_in_a_folder_is_refused(tmp_path: Path, target: str) -> None:
    (folder(tmp_path / "b") / "link").symlink_to(target)
    with pytest.raises(UnfitBundle, match="'link': expected a file, got a link"):
        all_of(tmp_path / "b")


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(folder(tmp_path / "b") / "pipe")
    with pytest.raises(UnfitBundle, match="'pipe'"):
        all_of(tmp_path / "b")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", lambda archive: archive.writestr("b/data/x", b"another"))
    with pytest.raises(UnfitBundle, match="'b/data/x' is there twice"):
        all_of(path)


@pytest.mark.parametrize("name", ["b/data/X", "b/data/x/y", "b/bagit.txt/z"])
def test_names_that_are_one_on_some_systems_are_refused(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "b.zip", lambda archive: archive.writestr(name, b"another"))
    with pytest.raises(UnfitBundle, match=r"differ in case alone|a file and a folder"):
        all_of(path)


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip")
    data = bytearray(path.read_bytes())
    flags = data.rindex(b"PK\1\2") + 8
    data[flags] |= 1
    path.write_bytes(data)
    with pytest.raises(UnfitBundle, match="is encrypted"):
        all_of(path)


def test_another_way_of_packing_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", lambda archive: archive.writestr("b/z", b"z", zipfile.ZIP_LZMA))
    with pytest.raises(UnfitBundle, match="expected it stored or deflated"):
        all_of(path)


def test_a_file_that_unpacks_to_too_much_is_refused_unread(tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", lambda archive: archive.writestr("b/z", bytes(20 << 20)))
    with pytest.raises(UnfitBundle, match="unpacks to 20971520 bytes: too many"):
        all_of(path)


def test_lines_that_unpack_to_too_much_are_refused_after_the_bound(tmp_path: Path) -> None:
    (folder(tmp_path / "b") / "z.gz").write_bytes(gzip.compress(bytes(100 << 20)))
    with opened(tmp_path / "b") as found, pytest.raises(UnfitBundle, match="unpacks to more"):
        for _ in found.unzipped("z.gz"):
            pass


def test_all_files_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zipped(tmp_path / "b.zip")
    folder(tmp_path / "b")
    for name, bound in (("UNPACKED_MAX", 1000), ("MEMBERS_MAX", 2)):
        with monkeypatch.context() as patched:
            patched.setattr(opening, name, bound)
            for path in (tmp_path / "b.zip", tmp_path / "b"):
                with pytest.raises(UnfitBundle, match=f"expected at most {bound}"):
                    all_of(path)


def test_a_size_that_lies_is_not_believed(tmp_path: Path) -> None:
    """The directory of the zip says 10 bytes, the data has 1000."""
    path = zipped(tmp_path / "b.zip")
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\1\2")
    data[place + 24 : place + 28] = struct.pack("<I", 10)
    path.write_bytes(data)
    with pytest.raises(UnfitBundle, match="data/x"):
        all_of(path)


def test_a_file_is_read_whole_only_up_to_a_bound(tmp_path: Path) -> None:
    with opened(folder(tmp_path / "b")) as found:
        assert found.read("data/x", 1000) == FILES["data/x"]
        with pytest.raises(UnfitBundle, match="expected at most 999 bytes, got 1000"):
            found.read("data/x", 999)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    with opened(folder(tmp_path / "b")) as found:
        (tmp_path / "b/data/x").write_bytes(b"other")
        with pytest.raises(UnfitBundle, match="changed while it was read"):
            found.read("data/x", 1000)


@pytest.mark.parametrize("what", ["nothing", "text", "empty folder", "other zip", "two folders"])
def test_what_is_no_bundle_is_wrong_use(tmp_path: Path, what: str) -> None:
    path = tmp_path / "it"
    if what == "text":
        path.write_text("hello")
    elif what == "empty folder":
        path.mkdir()
    elif what == "other zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/b", "c")
    elif what == "two folders":
        zipped(path, lambda archive: archive.writestr("c/d", b""))
    with pytest.raises(UsageError, match="expected a bundle"):
        all_of(path)


def test_damaged_zips_are_refused_and_nothing_else_happens(bundled: Path, tmp_path: Path) -> None:
    """Bytes changed anywhere, most of them where the zip keeps its books."""
    chance = random.Random(4)
    good = bundled.read_bytes()
    path = tmp_path / "b.zip"
    came: Counter[str] = Counter()
    for _ in range(150):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            books = chance.random() < 0.7
            data[chance.randrange(len(data) - 9000 if books else 0, len(data))] = chance.randrange(256)
        path.write_bytes(data[: chance.choice([len(data), len(data) - chance.randrange(1, 100)])])
        try:
            all_of(path)
            came["read"] += 1
        except ConstatError as error:
            came[type(error).__name__] += 1
    assert came["UnfitBundle"] > 30
