"""A witness cosigns a journal that only grows, and refuses a second story; nobody waits for it."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.timeline import HOUR
from collector.errors import JournalError
from collector.host.fetch import FetchError
from collector.journal import checkpoint, cosign, layout, note
from collector.journal.checkpoint import Checkpoint
from collector.journal.cosign import Cosigners, Cosigning, Witness
from collector.journal.layout import OriginDir
from collector.journal.merkle import Frontier, extends, leaf_hashes
from collector.journal.note import Note
from tests.conftest import free_port
from tests.journal.lines import NOON, Journal, raw_lines
from tests.journal.test_origin import begun
from tests.journal.test_writer import until
from tests.servers.witness import WitnessServer


def known(server: WitnessServer, journal: Journal) -> Witness:
    """The witness, who knows the journal's key."""
    server.logs[journal.origin.name] = journal.origin.key.vkey
    return Witness(name="auditor", url=server.url, vkey=server.vkey)


def grown(journal: Journal, count: int = 3, hours: int = 0) -> int:
    """Some more lines, and a checkpoint; its number."""
    journal.samples(count, NOON + hours * HOUR)
    journal.store.checkpoint()
    assert journal.place.checkpoints is not None
    return layout.checkpoint_numbers(journal.place.checkpoints)[-1]


def cosignature(journal: Journal, number: int) -> bytes:
    assert journal.place.checkpoints is not None
    return (journal.place.checkpoints / f"{number:06d}.auditor.cosig").read_bytes()


def verifies(journal: Journal, number: int, server: WitnessServer) -> bool:
    assert journal.place.checkpoints is not None
    found = note.parse(layout.checkpoint_path(journal.place.checkpoints, number).read_bytes())
    lines = note.signatures(cosignature(journal, number))
    return Note(found.text, lines).signers([server.vkey]) == (server.vkey,)


async def test_checkpoints_are_cosigned_one_after_the_other_and_the_notes_stay_as_they_are(
    tmp_path: Path,
) -> None:
    journal = begun(tmp_path)
    with WitnessServer() as server:
        one = Cosigning(journal.place, known(server, journal))
        for hours in (0, 0, 1, 3):
            number = grown(journal, 300, hours)
            assert journal.place.checkpoints is not None
            before = layout.checkpoint_path(journal.place.checkpoints, number).read_bytes()
            await one.cosign(number)
            assert verifies(journal, number, server)
            assert layout.checkpoint_path(journal.place.checkpoints, number).read_bytes() == before
    journal.close()

    assert set(server.answered) == {200}
    assert server.seen[journal.origin.name][0] == journal.store.size


async def test_one_that_saw_less_or_more_than_we_thought_is_asked_again_from_there(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    with WitnessServer() as server:
        witness = known(server, journal)
        await Cosigning(journal.place, witness).cosign(grown(journal))
        await Cosigning(journal.place, witness).cosign(second := grown(journal))
        assert server.answered == [200, 409, 200]
        await Cosigning(journal.place, witness).cosign(second)
        server.seen.clear()
        await (late := Cosigning(journal.place, witness)).cosign(second)
        server.seen.clear()
        await late.cosign(third := grown(journal))
        assert server.answered[3:] == [409, 200, 200, 409, 200]
    journal.close()

    assert verifies(journal, third, server)


async def test_a_second_journal_of_the_same_origin_that_tells_another_story_is_refused(
    tmp_path: Path,
) -> None:
    journal = begun(tmp_path / "one")
    journal.close()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    one, two = Journal(tmp_path / "one"), Journal(tmp_path / "two")
    with WitnessServer() as server:
        witness = known(server, one)
        await Cosigning(one.place, witness).cosign(grown(one, 5))
        number = grown(two, 9, hours=1)
        with pytest.raises(JournalError, match=f"expected a cosignature of checkpoint {number} .*got 422"):
            await Cosigning(two.place, witness).cosign(number)
        assert server.answered == [200, 409, 422]
        await Cosigning(one.place, witness).cosign(grown(one, 20))
    assert two.place.checkpoints is not None
    assert list(two.place.checkpoints.glob("*.cosig")) == []
    one.close()
    two.close()


async def test_one_that_does_not_know_us_or_answers_nonsense_is_told_and_nothing_is_kept(
    tmp_path: Path,
) -> None:
    journal = begun(tmp_path)
    number = grown(journal)
    with WitnessServer() as server, WitnessServer() as other:
        witness = known(server, journal)
        assert journal.place.checkpoints is not None
        text = note.parse(layout.checkpoint_path(journal.place.checkpoints, number).read_bytes()).text
        nonsense = {
            b"": "expected a signature of",
            b"no line\n": "expected a signature line",
            other.cosignature(text).line(): "expected a signature of",
            server.cosignature(text + b"more\n").line(): "does not hold",
        }
        for answer, why in nonsense.items():
            server.instead = answer
            with pytest.raises((JournalError, ValueError), match=why):
                await Cosigning(journal.place, witness).cosign(number)
        server.instead = None
        server.logs[journal.origin.name] = other.vkey
        with pytest.raises(JournalError, match="got 403"):
            await Cosigning(journal.place, witness).cosign(number)
        server.logs.clear()
        with pytest.raises(JournalError, match="got 404"):
            await Cosigning(journal.place, witness).cosign(number)
    with pytest.raises(FetchError):
        await Cosigning(journal.place, witness).cosign(number)
    assert list(journal.place.checkpoints.glob("*.cosig")) == []
    journal.close()


async def test_one_that_saw_more_than_there_is_has_seen_lines_that_are_gone(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    number = grown(journal)
    with WitnessServer() as server:
        witness = known(server, journal)
        server.seen[journal.origin.name] = (1000, bytes(32))
        with pytest.raises(JournalError, match='at most our 7 lines, got "1000"'):
            await Cosigning(journal.place, witness).cosign(number)
    journal.close()


async def test_lines_of_others_in_an_answer_are_not_kept(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    number = grown(journal)
    with (
        WitnessServer() as server,
        WitnessServer("another.example") as other,
        WitnessServer("witness.example") as namesake,
    ):
        assert journal.place.checkpoints is not None
        text = note.parse(layout.checkpoint_path(journal.place.checkpoints, number).read_bytes()).text
        server.instead = b"".join(one.cosignature(text).line() for one in (other, namesake, server))
        await Cosigning(journal.place, known(server, journal)).cosign(number)
    journal.close()

    assert cosignature(journal, number) == server.cosignature(text).line()


# --------------------------------------------------------------------------------------------- while we write


async def cosigned(journal: Journal, number: int) -> None:
    """Wait until it is."""
    assert journal.place.checkpoints is not None
    path = journal.place.checkpoints / f"{number:06d}.auditor.cosig"
    await until(path.exists)


@asynccontextmanager
async def asking(place: OriginDir, *witnesses: Witness) -> AsyncIterator[Cosigners]:
    cosigners = Cosigners(place)
    cosigners.ask(witnesses)
    try:
        yield cosigners
    finally:
        await cosigners.close()


async def test_each_new_checkpoint_is_cosigned_by_each_witness_and_a_restart_goes_on_from_there(
    tmp_path: Path,
) -> None:
    journal = begun(tmp_path)
    with WitnessServer() as server:
        witness = known(server, journal)
        for _ in range(2):
            async with asking(journal.place, witness):
                for _ in range(2):
                    await cosigned(journal, grown(journal))
    journal.close()

    assert set(server.answered) == {200}, "no size was asked for that is not the witness's"


async def test_a_witness_that_hangs_or_is_not_there_keeps_nobody_from_being_asked_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    journal = begun(tmp_path)
    with WitnessServer() as server, WitnessServer("slow.example") as slow:
        slow.hangs.clear()
        good = known(server, journal)
        gone = Witness(name="gone", url=f"http://127.0.0.1:{free_port()}", vkey=slow.vkey)
        hangs = Witness(name="hangs", url=slow.url, vkey=slow.vkey)
        async with asking(journal.place, good, gone, hangs) as cosigners:
            for _ in range(2):
                await cosigned(journal, grown(journal))
            await asyncio.sleep(2.5)
            told = [line for line in caplog.messages if "witness=gone" in line]
            cosigners.ask([good])
            await cosigned(journal, grown(journal))
    journal.close()

    assert len(told) == 1
    assert "cosigning=failing" in told[0]


# ---------------------------------------------------------------------------------------------------- proofs


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    """Two files of some hundred lines each, and one without its tree file."""
    journal = Journal(tmp_path_factory.mktemp("long"))
    for hours, count in ((0, 700), (1, 530), (2, 300)):
        journal.samples(count, NOON + hours * HOUR)
    journal.close()
    (journal.place.directory / "2026-11-20T14.tree").unlink()
    return journal


@given(st.data())
def test_a_proof_from_any_size_to_any_later_one_holds(long: Journal, data: st.DataObject) -> None:
    hashes = leaf_hashes(raw_lines(long.place))
    size = data.draw(st.integers(1, len(hashes)))
    old = data.draw(st.integers(1, size))
    roots = []
    for count in (old, size):
        tree = Frontier()
        tree.extend(hashes[:count])
        roots.append(tree.root())
    old_root, root = roots
    assert old_root is not None
    assert root is not None
    made = Checkpoint(origin=long.origin.name, size=size, root=root)

    assert extends(old, old_root, size, root, cosign.proof(long.place, old, made))


def test_a_proof_reads_no_file_from_before_the_old_size(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.samples(300)
    journal.samples(300, NOON + HOUR)
    journal.close()
    (journal.place.directory / "2026-11-20T12.jsonl").unlink()
    assert journal.place.checkpoints is not None
    made = checkpoint.parse(sorted(journal.place.checkpoints.glob("*.txt"))[-1].read_bytes())

    assert cosign.proof(journal.place, 300, made)
    with pytest.raises(JournalError):
        cosign.proof(journal.place, 299, made)


def test_lines_that_are_not_those_of_the_checkpoint_prove_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.samples(10)
    journal.close()
    assert journal.place.checkpoints is not None
    made = checkpoint.parse((journal.place.checkpoints / "000001.txt").read_bytes())
    file = journal.place.directory / "2026-11-20T12.jsonl"
    whole = file.read_bytes()
    for damage in (whole.replace(b"9000", b"9001", 1), whole[:-200]):
        file.write_bytes(damage)
        with pytest.raises(JournalError, match="expected the 10 lines of its checkpoint"):
            cosign.proof(journal.place, 3, made)
