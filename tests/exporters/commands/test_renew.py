"""Stamps over a bundle itself, and its renewals: real authorities, some of which do not answer."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.host.openssl import verify_stamp
from collector.journal import timestamp
from exporters.__main__ import _status as run
from exporters.documents import verification
from tests.exporters.bundles import Story, described, member, names, unpacked
from tests.integration.world import HEAD
from tests.servers import authority as servers
from tests.servers.authority import Authority


@contextmanager
def answering(directory: Path) -> Iterator[Authority]:
    """An authority in a loop of its own: commands have theirs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = servers.authority(directory)
    try:
        yield asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def settings_of(directory: Path, state: Path, tsa: Authority, url: str = "") -> list[str]:
    asked = f'\n[[authority]]\nname = "today"\nurl = "{url or tsa.url}"\nca = "{tsa.ca}"\n'
    (directory / "constat.toml").write_text(HEAD.format(state=state).replace("credentials", "#") + asked)
    return ["--config", str(directory / "constat.toml")]


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory, story: Story) -> Iterator[Authority]:
    with answering(tmp_path_factory.mktemp("today")) as tsa:
        yield tsa


def test_the_bundle_itself_is_stamped_by_the_authorities_of_the_settings(
    story: Story, today: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "b.zip"
    config = settings_of(tmp_path, story.state, today)
    assert run(["bundle", story.outage, *config, "-o", str(path)]) == 0

    tags, response = (member(path, f"tagmanifest-sha256.txt{end}") for end in ("", ".today.tsr"))
    verify_stamp(tags, response, ca=today.ca, at=timestamp.parse(response).gen_time)
    assert "tagmanifest-sha256.txt.today.tsq" in names(path)
    assert member(path, "data/trust/today.pem") == today.ca.read_bytes()
    assert described(path)["authorities"] == ["first", "second", "today"]


def test_where_no_authority_answers_the_bundle_is_written_and_that_is_said(
    story: Story, today: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is in it has stamps of its own; evidence is not withheld for want of one more."""
    config = settings_of(tmp_path, story.state, today, "http://127.0.0.1:1/")
    assert run(["bundle", story.outage, *config, "-o", str(tmp_path / "b.zip")]) == 0

    assert "warning: not stamped by today" in capsys.readouterr().err
    assert not [name for name in names(tmp_path / "b.zip") if name.startswith("tagmanifest-sha256.txt.")]


def test_a_renewal_lists_all_that_was_there_and_is_stamped(
    story: Story, today: Authority, bundled: Path, tmp_path: Path
) -> None:
    """The second covers the first and its stamps; the bundle before stays as it was."""
    before = bundled.read_bytes()
    config = settings_of(tmp_path, story.state, today)
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    assert run(["renew", str(bundled), *config, "-o", str(one)]) == 0
    assert run(["renew", str(one), *config, "-o", str(two)]) == 0

    assert bundled.read_bytes() == before
    added = {f"renewals/0001.{end}" for end in ("txt", "today.tsq", "today.tsr", "today.pem")}
    assert names(one) - names(bundled) == added
    folder = unpacked(two, tmp_path / "out")
    for number, known in (("0001", names(bundled)), ("0002", names(one))):
        text = (folder / f"renewals/{number}.txt").read_bytes()
        response = (folder / f"renewals/{number}.today.tsr").read_bytes()
        verify_stamp(text, response, ca=today.ca, at=timestamp.parse(response).gen_time)
        check = ["sha512sum", "--check", "--strict", "--quiet", f"renewals/{number}.txt"]
        subprocess.run(check, cwd=folder, check=True)
        assert {line[130:] for line in text.decode().splitlines()} == known
    assert all(member(two, name) == member(bundled, name) for name in names(bundled))


def test_a_renewed_bundle_is_dated_for_both_verifiers_also_where_it_bore_no_stamp_itself(
    story: Story, today: Authority, bundled: Path, tmp_path: Path
) -> None:
    config = settings_of(tmp_path, story.state, today)
    renewed = tmp_path / "renewed.zip"
    assert run(["renew", str(bundled), *config, "-o", str(renewed)]) == 0

    ours = verification.verify(renewed, ()).steps[1]
    program = [sys.executable, str(unpacked(renewed, tmp_path / "out") / "data/verify.py")]
    theirs = subprocess.run(program, capture_output=True, text=True, check=False).stdout

    assert (ours.name, ours.verdict) == ("date", "ok")
    assert "renewals/0001.txt was seen by today" in ours.found
    assert " 2. date       ok: renewals/0001.txt was seen by today" in theirs


def test_a_renewal_without_a_stamp_is_none(
    story: Story, today: Authority, bundled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings_of(tmp_path, story.state, today, "http://127.0.0.1:1/")
    assert run(["renew", str(bundled), *config, "-o", str(tmp_path / "r.zip")]) == 3

    assert "no authority stamped the renewal: nothing is written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["constat.toml"]


def test_nothing_but_a_bundle_is_renewed(
    story: Story, today: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings_of(tmp_path, story.state, today)
    assert run(["renew", str(tmp_path / "constat.toml"), *config, "-o", str(tmp_path / "r.zip")]) == 2
    assert "expected a bundle" in capsys.readouterr().err
