"""Keys change by a command, and what others are handed says all that a later reader must hold evidence to."""

import os
from pathlib import Path

import pytest

from collector.journal import keys
from exporters.__main__ import _status as run
from tests.exporters.journals import start, write


async def test_rotate_makes_a_key_that_waits_and_a_second_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = await write(tmp_path, [start()])

    assert run(["rotate", "--state", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    key = keys.coming(tmp_path, origin)
    assert key is not None
    assert told.splitlines()[0] == str(key.vkey)
    assert run(["rotate", "--state", str(tmp_path)]) == 2
    assert "expected no key that waits already" in capsys.readouterr().err
    again = keys.coming(tmp_path, origin)
    assert again is not None
    assert again.vkey == key.vkey


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_a_key_that_root_makes_is_the_collectors(tmp_path: Path) -> None:
    origin = await write(tmp_path, [start()])
    os.chown(tmp_path / "keys", 4711, 4712)
    run(["rotate", "--state", str(tmp_path)])

    found = keys.next_path(tmp_path, origin).stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (4711, 4712, 0o600)


def test_where_nothing_was_written_yet_there_is_no_key_to_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "journal").mkdir()

    assert run(["rotate", "--state", str(tmp_path)]) == 2
    assert "start the collector first" in capsys.readouterr().err
