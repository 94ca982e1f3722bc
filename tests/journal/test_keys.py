"""Keys lie where nobody else can read them, whole or not at all, and no message tells anything of them."""

import os
import subprocess
from pathlib import Path

import pytest

from collector.errors import JournalError
from collector.journal import keys, note
from collector.journal.note import Key
from tests.conftest import needs

NAME = "paris-1-k3v9q2"


def made(state: Path) -> Key:
    return keys.make(keys.path(state, NAME), NAME)


def found(state: Path) -> Key | None:
    return keys.find(keys.path(state, NAME), NAME)


def test_a_key_is_made_for_its_owner_alone_and_found_again(tmp_path: Path) -> None:
    os.umask(umask := os.umask(0))
    try:
        os.umask(0)
        key = made(tmp_path)
    finally:
        os.umask(umask)

    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert keys.path(tmp_path, NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [f"{NAME}.pem"]
    again = found(tmp_path)
    assert again is not None
    assert again.vkey == key.vkey
    assert key.vkey.verifies(again.sign(b"x"), b"x")


def test_what_a_crash_left_of_one_is_no_hindrance_and_opens_it_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    left = tmp_path / "keys" / f".{NAME}.pem.tmp"
    left.write_bytes(b"x" * 1000)
    left.chmod(0o644)
    made(tmp_path)

    assert found(tmp_path) is not None
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [f"{NAME}.pem"]


def test_no_key_takes_the_place_of_another(tmp_path: Path) -> None:
    key = made(tmp_path)
    with pytest.raises(FileExistsError):
        made(tmp_path)
    again = found(tmp_path)
    assert again is not None
    assert again.vkey == key.vkey
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [f"{NAME}.pem"]


def test_where_there_is_none_there_is_none(tmp_path: Path) -> None:
    assert found(tmp_path) is None


@pytest.mark.parametrize(("place", "mode", "wanted"), [
    ("keys", 0o750, "700"), (f"keys/{NAME}.pem", 0o640, "600"), (f"keys/{NAME}.pem", 0o604, "600"),
])  # fmt: skip
def test_a_key_that_others_may_read_is_refused_with_what_to_do(
    tmp_path: Path, place: str, mode: int, wanted: str
) -> None:
    made(tmp_path)
    (tmp_path / place).chmod(mode)

    with pytest.raises(JournalError, match=f"expected mode {wanted}.*got {mode:o}: chmod {wanted} .*rotate"):
        found(tmp_path)


def test_no_key_is_made_in_a_directory_that_others_may_look_into(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)

    with pytest.raises(JournalError, match="expected mode 700"):
        made(tmp_path)
    assert list((tmp_path / "keys").iterdir()) == []


def test_what_is_no_key_is_told_without_a_word_of_what_it_is(tmp_path: Path) -> None:
    made(tmp_path)
    path = keys.path(tmp_path, NAME)
    pem = path.read_bytes().splitlines(keepends=True)
    for content in (b"", b"c2VjcmV0\n", pem[0] + b"c2VjcmV0\n" + pem[2], b"".join(pem[1:])):
        path.write_bytes(content)
        with pytest.raises(keys.UnfitKey, match="expected an Ed25519 key") as raised:
            found(tmp_path)
        secret = pem[1].decode().strip()
        assert not [word for word in ("c2VjcmV0", "secret", secret) if word in str(raised.value)]
        assert raised.value.__cause__ is None


def test_the_next_key_takes_the_place_of_the_one_before_which_is_gone_then(tmp_path: Path) -> None:
    old = made(tmp_path)
    new = keys.make(keys.next_path(tmp_path, NAME), NAME)
    for _ in range(2):
        keys.adopt(tmp_path, NAME)

        now = found(tmp_path)
        assert now is not None
        assert now.vkey == new.vkey != old.vkey
        assert [path.name for path in (tmp_path / "keys").iterdir()] == [f"{NAME}.pem"]


def test_openssl_verifies_what_a_key_signed_from_its_file_and_from_its_vkey(tmp_path: Path) -> None:
    needs("openssl")
    key = made(tmp_path)
    (tmp_path / "body").write_bytes(b"some\ntext\n")
    (tmp_path / "signature").write_bytes(key.signature(b"some\ntext\n").value)
    (tmp_path / "public.pem").write_bytes(note.Vkey.parse(str(key.vkey)).pem())
    for which in (["-pubin", "-inkey", "public.pem"], ["-inkey", str(keys.path(tmp_path, NAME))]):
        command = ["openssl", "pkeyutl", "-verify", "-rawin", *which, "-sigfile", "signature", "-in", "body"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
