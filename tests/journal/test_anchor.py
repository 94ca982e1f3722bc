"""Checkpoints get stamped; what an authority does costs no line, and what could not be had is on record."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from collector.core.record import Anchor, Declaration, Line
from collector.core.timeline import HOUR, MINUTE, SECOND
from collector.errors import ConstatError
from collector.host.clock import wall_us
from collector.host.openssl import verify_stamp
from collector.journal import anchor, checkpoint, layout, timestamp, trust
from collector.journal.anchor import Anchors
from collector.journal.authority import Authority, stamp
from collector.journal.origin import open_origin
from collector.journal.writer import Writer
from tests.conftest import needs
from tests.journal.lines import sample
from tests.journal.test_writer import lines, until
from tests.servers import authority as servers
from tests.servers.authority import Fault

NAME = "test"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keepers look every few ms; the rest is as ever."""
    needs("openssl")
    monkeypatch.setattr(anchor, "POLL_S", 0.01)


@pytest.fixture
async def tsa(tmp_path: Path) -> AsyncIterator[servers.Authority]:
    async with servers.authority(tmp_path / "tsa", intermediate=True) as running:
        yield running


def asked(tsa: servers.Authority, **more: object) -> Authority:
    plain = Authority(name=NAME, url=tsa.url, ca=tsa.ca, chain=tsa.chain, policy=servers.POLICY, every=SECOND)
    return replace(plain, **more)  # type: ignore[arg-type]


class World:
    """A writer, and the keepers of its authorities, whose clocks a test may set."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.boot = 0
        self.writer = Writer(open_origin(state, "paris", "m"), now=wall_us, boot=lambda: 0)
        self.writer.open()
        self.anchors = Anchors(
            state, self.writer, now=wall_us, boot=lambda: self.boot, tolerance=lambda: SECOND
        )
        self.place = self.writer.origin.place
        assert self.place.checkpoints is not None
        self.checkpoints = self.place.checkpoints

    async def checkpoint(self) -> int:
        """A line more, and a checkpoint over it: its number."""
        before = self.writer.checkpoint_number
        self.writer.append(sample(wall_us()))
        self.writer.checkpoint()
        await self.writer.flush()
        await until(lambda: self.writer.checkpoint_number > before)
        return self.writer.checkpoint_number

    async def written(self) -> list[Line]:
        await self.writer.flush()
        return lines(self.place)

    async def anchored(self) -> list[Anchor]:
        return [line for line in await self.written() if isinstance(line, Anchor)]

    async def notes(self) -> list[str]:
        found = [line for line in await self.written() if isinstance(line, Declaration)]
        assert {(line.kind, line.by) for line in found} <= {("note", "constat")}
        assert len({line.id for line in found}) == len(found)
        return [line.text or "" for line in found]

    async def anchored_now(self, count: int) -> list[Anchor]:
        """The anchor lines, once there are so many."""
        async with asyncio.timeout(20):
            while len(found := await self.anchored()) < count:  # noqa: ASYNC110 (a thread writes them)
                await asyncio.sleep(0.05)
        return found

    async def noted(self, count: int) -> list[str]:
        """The notes, once there are so many."""
        async with asyncio.timeout(20):
            while len(found := await self.notes()) < count:  # noqa: ASYNC110 (a thread writes them)
                await asyncio.sleep(0.05)
        return found

    def stamps(self) -> list[int]:
        return layout.stamp_numbers(self.checkpoints, NAME)

    async def stamped(self, count: int) -> None:
        await until(lambda: len(self.stamps()) == count)


@asynccontextmanager
async def world(state: Path, *authorities: Authority) -> AsyncIterator[World]:
    made = World(state)
    made.anchors.renew(authorities)
    task = asyncio.create_task(made.anchors.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await made.writer.close()


# --------------------------------------------------------------------------------------------- a stamp


async def test_bytes_are_stamped_now_and_the_answer_is_judged(tsa: servers.Authority) -> None:
    stamped = await stamp(asked(tsa), b"data")

    assert timestamp.asked(stamped.tsq) == (sha256(b"data").digest(), stamped.token.nonce)
    assert timestamp.parse(stamped.tsr) == stamped.token
    verify_stamp(b"data", stamped.tsr, ca=tsa.ca, chain=tsa.chain)


async def test_every_question_has_a_nonce_of_its_own(tsa: servers.Authority) -> None:
    first, second = [await stamp(asked(tsa), b"data") for _ in range(2)]

    assert first.token.nonce != second.token.nonce
    assert len(set(tsa.asked)) == 2


WRONG: list[tuple[Fault, str]] = [
    (Fault.HTML, r"response: expected response \(tag 0x30\) at byte 0, got tag 0x3c \(text/html"),
    (Fault.ERROR, "expected status 200, got 503"),
    (Fault.HUGE, "expected at most 1048576 bytes, got more"),
    (Fault.IMPRINT, f"imprint: expected {sha256(b'data').hexdigest()}, got 0000"),
    (Fault.REPLAY, r"nonce: expected \d+, got \d+"),
    (Fault.ROGUE, "self-signed certificate in certificate chain"),
    (Fault.REJECTION, r"status: expected 0 \(granted\), got 2 \(rejection\): Message digest algorithm"),
]


@pytest.mark.parametrize(("fault", "says"), WRONG)
async def test_an_answer_that_will_not_do_is_no_stamp(
    tsa: servers.Authority, fault: Fault, says: str
) -> None:
    await stamp(asked(tsa), b"data")
    tsa.fault = fault

    with pytest.raises(ConstatError, match=says):
        await stamp(asked(tsa), b"data")


async def test_another_policy_is_no_stamp(tsa: servers.Authority) -> None:
    with pytest.raises(ConstatError, match=f"policy: expected 1.2.3, got {servers.POLICY}"):
        await stamp(asked(tsa, policy="1.2.3"), b"data")


async def test_a_password_is_sent_and_never_shown(tmp_path: Path) -> None:
    async with servers.authority(tmp_path, user="ada", password="öpen sesame") as tsa:
        await stamp(asked(tsa, user="ada", password="öpen sesame"), b"data")
        wrong = asked(tsa, user="ada", password="guess")
        with pytest.raises(ConstatError, match="expected status 200, got 401") as caught:
            await stamp(wrong, b"data")

    assert "guess" not in str(caught.value) + repr(wrong)


# ---------------------------------------------------------------------------------------- checkpoints


async def test_a_checkpoint_is_stamped_and_the_journal_says_so(
    tmp_path: Path, tsa: servers.Authority
) -> None:
    async with world(tmp_path / "state", asked(tsa)) as at_work:
        number = await at_work.checkpoint()
        [line] = await at_work.anchored_now(1)
        notes = await at_work.notes()

    note = layout.checkpoint_path(at_work.checkpoints, number).read_bytes()
    response = (at_work.checkpoints / "000001.test.tsr").read_bytes()
    token = timestamp.parse(response)
    stated = checkpoint.parse(note)
    assert (line.size, line.root, line.authority) == (stated.size, stated.root.hex(), NAME)
    assert (line.token, line.gen_time, line.accuracy) == (
        sha256(response).hexdigest(), token.gen_time, token.accuracy,
    )  # fmt: skip
    assert timestamp.asked((at_work.checkpoints / "000001.test.tsq").read_bytes())[1] == token.nonce
    assert notes == []
    [kept] = trust.kept(tmp_path / "state")
    verify_stamp(note, response, ca=kept.ca, chain=kept.chain)


async def test_the_newest_checkpoint_is_stamped_once_and_no_sooner_than_agreed(
    tmp_path: Path, tsa: servers.Authority
) -> None:
    async with world(tmp_path / "state", asked(tsa, every=HOUR)) as at_work:
        await at_work.checkpoint()
        await at_work.anchored_now(1)
        await at_work.checkpoint()
        await at_work.checkpoint()
        at_work.boot = HOUR - 1
        await asyncio.sleep(0.1)
        assert at_work.stamps() == [1]
        at_work.boot = HOUR
        await at_work.stamped(2)
        at_work.boot = 5 * HOUR
        await asyncio.sleep(0.1)

    assert at_work.stamps() == [1, 3]
    assert len(tsa.asked) == 2


async def test_a_restart_goes_on_where_it_was(tmp_path: Path, tsa: servers.Authority) -> None:
    async with world(tmp_path / "state", asked(tsa)) as at_work:
        await at_work.checkpoint()
        await at_work.stamped(1)
    async with world(tmp_path / "state", asked(tsa, every=HOUR)) as at_work:
        await asyncio.sleep(0.3)
        assert at_work.stamps() == [1]  # the end of the first made a checkpoint, and its hour is not over
        await tried(tsa, at_work, 1)
        lines = await at_work.anchored_now(2)

    assert len(tsa.asked) == len(at_work.stamps()) == len(lines) == 2


async def test_two_authorities_stamp_side_by_side_and_one_that_is_down_holds_up_nobody(
    tmp_path: Path, tsa: servers.Authority
) -> None:
    async with servers.authority(tmp_path / "other") as other:
        await other.down()
        authorities = asked(tsa), Authority(name="other", url=other.url, ca=other.ca)
        async with world(tmp_path / "state", *authorities) as at_work:
            await at_work.checkpoint()
            await at_work.stamped(1)
            await at_work.noted(1)
            await other.up()
            at_work.boot = anchor.PAUSE
            await until(lambda: layout.stamp_numbers(at_work.checkpoints, "other"))
            await until(lambda: (at_work.checkpoints / "000001.other.tsr").exists())
            told = {line.authority for line in await at_work.anchored_now(2)}

    assert told == {NAME, "other"}


# ------------------------------------------------------------------------------------------- trouble


async def tried(tsa: servers.Authority, at_work: World, times: int) -> None:
    """Let so many attempts begin, however long the pauses are."""
    wanted = len(tsa.asked) + times
    while len(tsa.asked) < wanted:
        at_work.boot += anchor.PAUSE_MAX
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", [fault for fault, _ in WRONG if fault is not Fault.REPLAY])
async def test_trouble_and_its_end_are_told_once_each_in_the_journal_and_in_the_log(
    tmp_path: Path, tsa: servers.Authority, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    tsa.fault = fault
    async with world(tmp_path / "state", asked(tsa)) as at_work:
        await at_work.checkpoint()
        await tried(tsa, at_work, 3)
        first = await at_work.notes()
        assert (at_work.stamps(), await at_work.anchored()) == ([], [])
        tsa.fault = Fault.NONE
        await tried(tsa, at_work, 1)
        anchored = await at_work.anchored_now(1)
        notes = await at_work.noted(2)

    assert len(first) == 1
    assert first[0].startswith("authority test: no time stamp yet: ")
    assert len(notes) == 2
    assert notes[1].startswith("authority test: time stamps again since 20")
    assert len(anchored) == 1
    told = [r.getMessage() for r in caplog.records if r.getMessage().startswith("authority=test stamps=")]
    assert [text.split()[1] for text in told] == ["stamps=none", "stamps=again"]


async def test_an_authority_that_went_away_is_told_with_the_time_of_its_last_stamp(
    tmp_path: Path, tsa: servers.Authority
) -> None:
    async with world(tmp_path / "state", asked(tsa)) as at_work:
        await at_work.checkpoint()
        await at_work.anchored_now(1)
        await tsa.down()
        at_work.boot += MINUTE
        await at_work.checkpoint()
        [note] = await at_work.noted(1)

    assert note.startswith("authority test: no time stamp since 20")
    assert "Cannot connect" in note or "Connect call failed" in note


def test_pauses_grow_up_to_ten_minutes() -> None:
    pauses = [0]
    for _ in range(8):
        pauses.append(anchor.longer(pauses[-1]))

    assert [pause // SECOND for pause in pauses] == [0, 15, 30, 60, 120, 240, 480, 600, 600]


async def test_one_that_failed_is_not_asked_again_before_its_pause_is_over(
    tmp_path: Path, tsa: servers.Authority
) -> None:
    tsa.fault = Fault.ERROR
    async with world(tmp_path / "state", asked(tsa)) as at_work:
        await at_work.checkpoint()
        await at_work.noted(1)
        at_work.boot = anchor.PAUSE - 1
        await asyncio.sleep(0.1)
        assert len(tsa.asked) == 1
        at_work.boot = anchor.PAUSE
        await until(lambda: len(tsa.asked) == 2)


async def test_one_that_never_answers_is_left_at_once_at_the_end(
    tmp_path: Path, tsa: servers.Authority
) -> None:
    tsa.fault = Fault.SLOW
    loop = asyncio.get_running_loop()
    async with world(tmp_path / "state", asked(tsa)) as at_work:
        await at_work.checkpoint()
        await until(lambda: tsa.asked)
        ending = loop.time()
    took = loop.time() - ending

    assert took < 5  # its own patience would be 10 s, the server's 60
    assert at_work.stamps() == []


async def test_clocks_that_differ_are_on_record_and_the_stamp_is_kept(
    tmp_path: Path, tsa: servers.Authority
) -> None:
    """It is the authority's clock that proves; ours may be the wrong one."""
    tsa.clock = timedelta(seconds=30)
    async with world(tmp_path / "state", asked(tsa, policy="")) as at_work:
        for number in range(1, 4):
            await at_work.checkpoint()
            anchored = await at_work.anchored_now(number)
            if number == 2:
                tsa.clock = timedelta(0)
            at_work.boot += MINUTE
        notes = await at_work.noted(2)

    assert len(anchored) == 3
    assert [note.partition(":")[2].partition(":")[0] for note in notes] == [
        " its clock and ours differ", " its clock and ours agree again",
    ]  # fmt: skip


async def test_a_name_that_is_pinned_to_another_authority_gives_no_stamp(
    tmp_path: Path, tsa: servers.Authority
) -> None:
    async with world(tmp_path / "state", asked(tsa)) as at_work:
        await at_work.checkpoint()
        await at_work.stamped(1)
    async with world(tmp_path / "state", asked(tsa, ca=tsa.rogue.ca)) as at_work:
        at_work.boot = HOUR
        await at_work.checkpoint()
        [note] = await at_work.noted(1)

    assert "expected the certificates that test is pinned to" in note
    assert [kept.ca.read_bytes() for kept in trust.kept(tmp_path / "state")] == [tsa.ca.read_bytes()]


async def test_a_mistake_of_ours_costs_no_line_and_is_told(
    tmp_path: Path, tsa: servers.Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """A checkpoint that somebody overwrote is none."""
    async with world(tmp_path / "state") as at_work:
        number = await at_work.checkpoint()
        layout.checkpoint_path(at_work.checkpoints, number).write_bytes(b"no checkpoint")
        at_work.anchors.renew([asked(tsa)])
        [note] = await at_work.noted(1)

    assert "expected text, an empty line and signature lines" in note
    assert [r for r in caplog.records if r.exc_info and r.levelno == logging.ERROR]


# --------------------------------------------------------------------------------- crashes and reloads


async def test_a_stamp_whose_line_a_crash_took_gets_its_line_once(
    tmp_path: Path, tsa: servers.Authority
) -> None:
    async with world(tmp_path / "state") as at_work:
        number = await at_work.checkpoint()
        path = layout.checkpoint_path(at_work.checkpoints, number)
        stamped = await stamp(asked(tsa), path.read_bytes())
    for end, data in ((".tsq", stamped.tsq), (".tsr", stamped.tsr)):
        layout.replace(layout.stamp_path(at_work.checkpoints, number, NAME, end), data)
    for _ in range(2):
        async with world(tmp_path / "state", asked(tsa, every=HOUR)) as at_work:
            anchored = await at_work.anchored_now(1)
            await asyncio.sleep(0.1)
            anchored = await at_work.anchored()

    assert [line.token for line in anchored].count(sha256(stamped.tsr).hexdigest()) == 1


@pytest.mark.parametrize("damage", ["answer", "question gone"])
async def test_a_damaged_stamp_gets_no_line_and_stays_as_it_is(
    tmp_path: Path, tsa: servers.Authority, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path / "state") as at_work:
        number = await at_work.checkpoint()
        note = layout.checkpoint_path(at_work.checkpoints, number).read_bytes()
        stamped = await stamp(asked(tsa), note)
    answer = layout.stamp_path(at_work.checkpoints, number, NAME, ".tsr")
    answer.write_bytes(stamped.tsr[:-3] + b"odd" if damage == "answer" else stamped.tsr)
    if damage == "answer":
        layout.stamp_path(at_work.checkpoints, number, NAME, ".tsq").write_bytes(stamped.tsq)
    before = answer.read_bytes()
    async with world(tmp_path / "state", asked(tsa)) as at_work:
        at_work.boot = HOUR
        await at_work.checkpoint()
        anchored = await at_work.anchored_now(1)

    assert answer.read_bytes() == before
    assert sha256(before).hexdigest() not in [line.token for line in anchored]
    assert anchored
    assert "checkpoint=000001 anchor=none" in caplog.text


async def test_without_openssl_a_stamp_waits_for_its_line(
    tmp_path: Path, tsa: servers.Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path / "state") as at_work:
        number = await at_work.checkpoint()
        note = layout.checkpoint_path(at_work.checkpoints, number).read_bytes()
        stamped = await stamp(asked(tsa), note)
    for end, data in ((".tsq", stamped.tsq), (".tsr", stamped.tsr)):
        layout.replace(layout.stamp_path(at_work.checkpoints, number, NAME, end), data)
    async with world(tmp_path / "state") as at_work:
        with monkeypatch.context() as without:
            without.setenv("PATH", "/nowhere")
            at_work.anchors.renew([asked(tsa)])
            [told] = await at_work.noted(1)
            assert "install the package openssl" in told
        at_work.boot += anchor.PAUSE
        [line] = await at_work.anchored_now(1)
        assert line.token == sha256(stamped.tsr).hexdigest()


async def test_a_reload_brings_authorities_and_takes_them_away(
    tmp_path: Path, tsa: servers.Authority
) -> None:
    async with world(tmp_path / "state") as at_work:
        await at_work.checkpoint()
        await asyncio.sleep(0.1)
        assert tsa.asked == []
        at_work.anchors.renew([asked(tsa)])
        await at_work.stamped(1)
        at_work.anchors.renew([asked(tsa)])  # the same: nothing happens
        at_work.anchors.renew([])
        await asyncio.sleep(0.1)
        at_work.boot += HOUR
        await at_work.checkpoint()
        await asyncio.sleep(0.2)

    assert len(tsa.asked) == 1
