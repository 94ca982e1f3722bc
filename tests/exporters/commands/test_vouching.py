"""Keys change by a command, and what others are handed says all that a later reader must hold evidence to."""

import hashlib
import json
import os
import re
from pathlib import Path

import msgspec
import pytest

from collector.core import record
from collector.core.record import Line
from collector.core.timeline import HOUR
from collector.journal import checkpoint, deposit, keys, layout
from collector.journal.layout import OriginDir
from collector.journal.merkle import leaf_hash
from collector.journal.note import Vkey
from collector.journal.origin import open_origin
from exporters.__main__ import _status as run
from exporters.documents import genesis
from tests.exporters.journals import BEGAN, CONTRACT, CONTRACT_SHA256, clock, plan, sample, start, write
from tests.journal.lines import Journal, raw_lines
from tests.servers.mail import MailServer


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


# ------------------------------------------------------------------------------------------------ the deposit


def authority(state: Path, name: str, policy: str | None) -> str:
    """What the collector keeps of an authority; the fingerprint of its certificate."""
    (state / "trust").mkdir(exist_ok=True)
    (state / "trust" / f"{name}.pem").write_bytes(name.encode())
    stated = {"name": name, "url": "https://tsa.example", "policy": policy}
    (state / "trust" / f"{name}.json").write_text(json.dumps(stated))
    return hashlib.sha256(name.encode()).hexdigest()


async def begun(state: Path, *more: Line, vantage: str = "here") -> OriginDir:
    """An origin with its first lines, its start line stating its key."""
    origin = open_origin(state, vantage, "machine")
    origin.release()
    first = msgspec.structs.replace(start(), key=str(origin.key.vkey), vantage=vantage)
    name = await write(state, [first, plan(), clock(BEGAN), *more], vantage)
    (place,) = (place for place in layout.origins(state) if place.name == name)
    return place


async def test_genesis_says_what_a_verifier_holds_evidence_to_in_words_and_in_fields(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = await begun(tmp_path, sample("get", BEGAN), plan(BEGAN + HOUR), sample("get", BEGAN + 2 * HOUR))
    one, two = authority(tmp_path, "one", None), authority(tmp_path, "two", "1.2.3.4")
    assert run(["genesis", "--state", str(tmp_path)]) == 0
    page = capsys.readouterr().out

    (found,) = deposit.parse(page)
    lines = raw_lines(place)
    assert place.checkpoints is not None
    newest = checkpoint.parse(sorted(place.checkpoints.glob("*.txt"))[-1].read_bytes())
    assert found == deposit.Deposit(
        origin=place.name, vantage="here", key=Vkey.parse(record.decode(lines[0]).key),  # type: ignore[union-attr]
        start=leaf_hash(lines[0]).hex(), plan=leaf_hash(lines[4]).hex(), plan_line=4, contract=CONTRACT.id,
        contract_sha256=CONTRACT_SHA256, cadence=3600, size=newest.size, root=newest.root.hex(),
        authorities=(deposit.Authority(name="one", ca=one, policy="-"),
                     deposit.Authority(name="two", ca=two, policy="1.2.3.4")),
    )  # fmt: skip
    for word in ("commissaire de justice", "recommandé électronique qualifié", "--deposit", "third party"):
        assert word in page
    assert max(map(len, genesis.PROSE.splitlines())) <= 110


async def test_genesis_names_the_key_and_the_plan_in_force_after_they_changed(tmp_path: Path) -> None:
    place = await begun(tmp_path)
    state = ["--state", str(tmp_path)]
    run(["rotate", *state])
    new = keys.coming(tmp_path, place.name)
    assert new is not None
    again = Journal(tmp_path, vantage="here", machine="machine")
    line = again.store.rotation(new, BEGAN + 2 * HOUR)
    assert line is not None
    again.append([line], BEGAN + 2 * HOUR)
    again.close()

    (found,) = deposit.parse(genesis.page([genesis.of(tmp_path, place)]))
    assert (found.key, found.plan_line) == (new.vkey, 1)


async def test_genesis_takes_the_origins_that_are_named_and_one_file_to_write_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = await begun(tmp_path), await begun(tmp_path, vantage="there")
    state = ["genesis", "--state", str(tmp_path)]

    assert run(state) == 0
    assert [one.origin for one in deposit.parse(capsys.readouterr().out)] == [there.name], "the last written"
    file = tmp_path / "page.txt"
    assert run([*state, "--origin", here.name, "--origin", there.name, "-o", str(file)]) == 0
    assert [one.origin for one in deposit.parse(file.read_text())] == [here.name, there.name]
    assert run([*state, "--origin", "nobody"]) == 2
    assert f"expected an origin out of {here.name}, {there.name}; got nobody" in capsys.readouterr().err


async def test_a_page_that_may_have_been_handed_out_is_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await begun(tmp_path)
    page = tmp_path / "page.txt"
    page.write_text("deposited")

    assert run(["genesis", "--state", str(tmp_path), "-o", str(page)]) == 2
    told = "expected a new file, got one that exists: a page that was handed out stays"
    assert capsys.readouterr().err == f"constat: {page}: {told}\n"
    assert page.read_text() == "deposited"


async def test_an_origin_without_a_key_has_nothing_to_deposit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await write(tmp_path, [start(), plan()])

    assert run(["genesis", "--state", str(tmp_path)]) == 2
    assert "expected a key" in capsys.readouterr().err


# --------------------------------------------------------------------------------------------------- the head


async def test_head_puts_the_newest_signed_checkpoint_of_each_origin_and_its_stamps_into_a_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, to = tmp_path / "state", tmp_path / "out/heads"
    here, there = await begun(state), await begun(state, vantage="there")
    await write(state, [sample("get", BEGAN + 2 * HOUR)])
    assert here.checkpoints is not None
    (here.checkpoints / "000002.tsa.tsr").write_bytes(b"stamp")
    (here.checkpoints / "000002.auditor.cosig").write_bytes(b"cosignature")
    (here.checkpoints / "000001.tsa.tsr").write_bytes(b"another's")
    (here.checkpoints / "000002.tsa.tsq").write_bytes(b"request")

    assert run(["head", "--state", str(state), "--to", str(to)]) == 0
    assert {path.name: path.read_bytes() for path in to.iterdir()} == {
        f"{here.name}-4.txt": (here.checkpoints / "000002.txt").read_bytes(),
        f"{here.name}-4.tsa.tsr": b"stamp",
        f"{here.name}-4.auditor.cosig": b"cosignature",
        f"{there.name}-3.txt": (there.checkpoints / "000001.txt").read_bytes(),  # type: ignore[operator]
    }
    assert f"{here.name}-4.txt" in capsys.readouterr().out


def settings(directory: Path, mail: str) -> Path:
    file = directory / "constat.toml"
    file.write_text(
        f'[collector]\nvantage = "here"\nstate = "{directory}/state"\n'
        f'[contract]\nid = "outscale-cgv-2019-12"\n{mail}'
    )
    return file


async def test_head_is_mailed_with_its_files_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = await begun(tmp_path / "state")
    assert place.checkpoints is not None
    note = (place.checkpoints / "000001.txt").read_bytes()
    (place.checkpoints / "000001.tsa.tsr").write_bytes(bytes(range(256)))
    with MailServer() as server:
        mail = f'[mail]\nhost = "127.0.0.1"\nport = {server.port}\ntls = "none"\nfrom = "us@example.net"\n'
        config = settings(tmp_path, mail + 'to = ["support@example.net"]\n')
        assert run(["head", "--config", str(config)]) == 0
        assert run(["head", "--config", str(config), "--mail", "a@b.example", "--mail", "c@b.example"]) == 0
        refused = ["head", "--config", str(config), "--mail", "nobody@example.net"]
        assert run(refused) == 3

    (to, sent), (others, _) = server.taken
    assert (to, others) == (["support@example.net"], ["a@b.example", "c@b.example"])
    assert (sent["From"], sent["Subject"]) == ("us@example.net", f"Constat: {place.name} 3")
    files = {part.get_filename(): part.get_content() for part in sent.iter_attachments()}
    assert files == {f"{place.name}-3.txt": note, f"{place.name}-3.tsa.tsr": bytes(range(256))}
    body = sent.get_body(("plain",))
    assert body is not None
    assert note.decode().split("\n")[2] in body.get_content()
    assert "mailed to support@example.net" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("mail", "more", "why"),
    [
        ("", [], "expected a table .mail."),
        ('[mail]\nhost = "h"\nfrom = "a@b.c"\n', [], "expected whom to send to"),
        ('[mail]\nhost = "h"\nfrom = "a@b.c"\n', ["--mail", "x"], "expected an address"),
        ('[mail]\nhost = "h"\nfrom = "a@b.c"\ncredentials = "m"\n', ["--mail", "x@y.z"], "expected user and"),
        ('[mail]\nhost = "h"\nfrom = "a"\n', [], "mail.from: expected an address"),
        ('[mail]\nhost = "h"\nfrom = "a@b.c"\nto = ["a@b.c, d"]\n', [], r"mail.to\[0\]: expected an address"),
        ('[mail]\nhost = "h"\nfrom = "a@b.c"\nport = 70000\n', [], "mail.port: expected up to 65535"),
        ('[mail]\nhost = "h"\nfrom = "a@b.c"\ntls = "none"\ncredentials = "m"\n', [], "mail.tls: expected"),
    ],
)
async def test_what_a_mail_lacks_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mail: str, more: list[str], why: str
) -> None:
    await begun(tmp_path / "state")

    assert run(["head", "--config", str(settings(tmp_path, mail)), *more]) == 2
    assert re.search(why, capsys.readouterr().err)


async def test_where_nothing_is_signed_yet_there_is_no_head(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = await begun(tmp_path / "state")
    assert place.checkpoints is not None
    for path in place.checkpoints.iterdir():
        path.write_bytes(path.read_bytes().partition(b"\n\n")[0] + b"\n\n")

    assert run(["head", "--state", str(tmp_path / "state"), "--to", str(tmp_path / "out")]) == 2
    assert "expected a signed checkpoint" in capsys.readouterr().err
