"""Night after night the provider's log of our calls is put on record: whole, once, and without a secret."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import collector.sources
from collector.core.record import Outcome, Reason
from collector.core.timeline import DAY, HOUR, MINUTE, SECOND
from collector.demo.fault import Fault
from collector.journal.inbox import Inbox
from collector.sources import sources
from tests.sources.conftest import SECRET, Night

Hasty = Callable[[], None]


def spans_of(night: Night) -> list[tuple[int, int]]:
    """What the notes are about, in the journal's order."""
    ends = (note.id.split(":")[2:] for note in night.notes())
    return [(int(start), int(end)) for start, end in ends]


def follow_each_other(night: Night) -> bool:
    spans = spans_of(night)
    return [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]


def test_each_file_in_the_folder_is_one_source() -> None:
    files = {file.stem.replace("_", "-") for file in Path(collector.sources.__path__[0]).glob("*.py")}

    assert files - {"--init--"} == set(sources())


async def test_what_was_logged_is_kept_and_put_on_record(night: Night) -> None:
    asked = await night.calls(3)
    night.pass_(3 * SECOND)
    await night.look()

    (note,) = night.notes()
    assert (note.kind, note.by) == ("note", "api-logs")
    assert note.text is not None
    assert note.text.endswith("entries: 3")
    assert night.gathered() == asked
    document = night.document(note)
    assert note.id == f"api-logs:42:{document['from']}:{document['to']}"
    assert (document["source"], document["account"]) == ("api-logs", "42")
    assert document["pages"][0]["request_id"]


@pytest.mark.parametrize("discreet", [True, False], ids=["as asked", "all there is"])
async def test_neither_a_key_nor_a_signature_nor_a_payload_reaches_a_document(
    discreet: bool, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log itself holds raw headers: they are declined, and not kept where they come all the same."""
    if not discreet:
        monkeypatch.setattr("collector.demo.api_log._shown", lambda entry, wanted: dict(entry))
    await night.calls(1)
    night.pass_(3 * SECOND)
    await night.look()

    (note,) = night.notes()
    (log,) = night.document(note)["pages"][0]["logs"]
    assert not {"QueryHeaderRaw", "QueryPayloadRaw", "QueryAccessKey"} & log.keys()
    everything = str(night.document(note)) + str(note)
    assert "AKDEMO" not in everything
    assert SECRET not in everything
    assert "Signature" not in everything


@pytest.mark.parametrize("answer", [{}, {"Logs": [{"RequestId": "r"}]}, {"Logs": None}])
async def test_an_answer_that_is_no_log_is_a_failure_and_no_empty_log(
    answer: dict[str, object], night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty log would say that the provider served nothing."""
    monkeypatch.setattr(night.api.log, "read", lambda body: answer)
    night.pass_(3 * SECOND)
    await night.look()

    (note,) = night.notes()
    assert note.document is None
    assert "expected " in str(note.text)


async def test_night_after_night_nothing_is_missing_and_nothing_declared_twice(
    night: Night, hasty: Hasty
) -> None:
    """It is asked at its time of the day, and not before."""
    hasty()
    asked = []
    for _ in range(3):
        asked += await night.calls(2)
        night.pass_(DAY)
        await night.look()
        await night.look()

    assert sorted(night.gathered()) == sorted(asked)
    assert follow_each_other(night)
    assert spans_of(night)[0][0] <= night.begun
    assert all(end - start <= DAY for start, end in spans_of(night))


async def test_it_waits_for_its_time_of_the_day(night: Night) -> None:
    night.pass_(10 * SECOND)
    await night.look()
    night.pass_(MINUTE)
    before = (night.clock.now() - 2 * HOUR) // DAY
    await night.look()
    crossed = (night.clock.now() - 2 * HOUR) // DAY - before

    assert len(night.notes()) == 1 + crossed


async def test_a_night_without_us_is_caught_up_after_a_restart(night: Night, hasty: Hasty) -> None:
    hasty()
    first = await night.calls(1)
    night.pass_(DAY)
    await night.look()
    await night.stop()
    second = await night.calls(2)  # by another vantage point, say
    night.pass_(4 * DAY)
    await night.start()
    await night.look()

    assert night.gathered() == first + second
    assert len(night.notes()) >= 2 + 4
    assert follow_each_other(night)


async def test_what_the_provider_no_longer_keeps_is_not_asked_for(night: Night, hasty: Hasty) -> None:
    hasty()
    await night.look()
    night.pass_(40 * DAY)
    await night.look()

    (first, _), *later = spans_of(night)
    assert first <= night.begun
    assert min(start for start, _ in later) >= night.clock.now() - 32 * DAY


@pytest.mark.slow
async def test_more_than_a_page_comes_in_pages_that_are_all_kept(night: Night, hasty: Hasty) -> None:
    hasty()
    asked = await night.calls(2100)
    night.pass_(3 * SECOND)
    await night.look()

    (note,) = night.notes()
    pages = night.document(note)["pages"]
    assert [len(page["logs"]) for page in pages] == [1000, 1000, 100]
    assert sorted(night.gathered()) == sorted(asked)


async def test_a_provider_that_is_down_at_night_is_told_of_once_and_asked_again_later(
    night: Night, hasty: Hasty
) -> None:
    hasty()
    asked = await night.calls(1)
    night.pass_(3 * SECOND)
    night.api.fault = Fault.REFUSE
    for _ in range(3):
        await night.look()
        night.pass_(HOUR)
    night.api.fault = Fault.NONE
    await night.look()

    failed, came = night.notes()
    assert failed.document is None
    assert failed.text is not None
    assert "could not be had" in failed.text
    assert "Connect call failed" in failed.text
    assert night.gathered() == asked
    assert came.document is not None


async def test_between_two_attempts_it_waits_ever_longer(night: Night, hasty: Hasty) -> None:
    hasty()
    night.pass_(3 * SECOND)
    night.api.fault = Fault.HTTP_503
    asked = []
    for _ in range(8):
        before = night.api.requests
        await night.look()
        asked.append(night.api.requests > before)
        night.pass_(MINUTE)

    assert asked == [True, True, False, True, False, False, False, True]


async def test_a_failure_that_passes_costs_nothing_but_time(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.gather.AGAIN", SECOND)
    asked = await night.calls(1)
    night.pass_(3 * SECOND)
    night.api.fault = Fault.INTERNAL_ERROR
    looking = asyncio.create_task(night.look())
    await asyncio.sleep(0.2)  # the first attempt
    night.api.fault = Fault.NONE
    await looking

    assert night.gathered() == asked
    assert len(night.notes()) == 1


@pytest.mark.parametrize("fault", [Fault.THROTTLE_ACCOUNT, Fault.THROTTLE_PLATFORM, Fault.SOFT_THROTTLE])
async def test_throttled_it_asks_once_and_a_minute_later(fault: Fault, night: Night) -> None:
    """Each throttled answer pauses the probes of the account too."""
    asked = await night.calls(1)
    night.pass_(3 * SECOND)
    before = night.api.requests
    night.api.fault = fault
    for _ in range(3):
        await night.look()
    night.api.fault = Fault.NONE
    assert night.api.requests - before == 1
    assert 0 < night.admission.take("42", "a probe's") <= 4 * SECOND

    night.pass_(MINUTE)
    await night.look()
    assert night.gathered() == asked


async def test_two_rejected_credentials_are_the_last_until_the_settings_are_read_anew(night: Night) -> None:
    """Four in a row would lock the account."""
    night.secret = "wrong"
    night.renew()
    night.pass_(3 * SECOND)
    for _ in range(10):
        await night.look()
        night.pass_(2 * HOUR)

    assert night.api.requests == 2
    (note,) = night.notes()
    assert note.text is not None
    assert "HTTP 401, code 1" in note.text
    assert night.admission.rejected("42")


async def test_keys_that_may_not_read_logs_do_not_stop_the_probes(night: Night) -> None:
    """A refusal by policy looks like a rejected key; probes that are answered meanwhile say it is none."""
    night.pass_(3 * SECOND)
    night.api.fault = Fault.UNAUTHORISED
    for _ in range(5):
        await night.look()
        night.admission.told("42", Outcome.OK, Reason.NONE)
        night.pass_(2 * HOUR)

    assert night.api.requests == 2
    assert not night.admission.rejected("42")


async def test_once_probes_stopped_for_rejected_credentials_nothing_is_asked(night: Night) -> None:
    for _ in range(2):
        night.admission.told("42", Outcome.BLIND, Reason.CREDENTIALS)
    night.pass_(3 * SECOND)
    await night.look()

    assert night.api.requests == 0


async def test_it_asks_when_no_probe_has_asked_for_a_second(night: Night) -> None:
    """A second request of the same second is the probes' to make."""
    night.pass_(3 * SECOND)
    assert night.admission.take("42", "a probe's") == 0
    assert night.admission.take("42", "the log's", lull=True) > 0
    assert night.admission.take("42", "another probe's") == 0


async def test_a_clock_of_ours_that_ran_ahead_puts_nothing_on_record_of_the_future(
    night: Night, hasty: Hasty
) -> None:
    hasty()
    night.clock.stepped = 5 * MINUTE
    await night.look()
    night.clock.stepped = 0
    night.pass_(HOUR)
    asked = await night.calls(1)
    night.pass_(3 * SECOND)
    await night.look()

    assert night.notes()[0].document is None
    assert "is ours right?" in str(night.notes()[0].text)
    assert night.gathered() == asked


async def test_a_clock_that_went_back_waits_until_it_has_caught_up(night: Night) -> None:
    night.every = 5 * SECOND
    night.renew()
    night.pass_(3 * SECOND)
    await night.look()
    night.clock.stepped = -10 * MINUTE
    night.pass_(10 * SECOND)
    await night.look()
    assert len(night.notes()) == 1

    night.clock.stepped = 0
    await night.look()
    first, second = night.notes()
    assert first.id.split(":")[3] == second.id.split(":")[2]


async def test_a_crash_between_document_and_declaration_loses_and_doubles_nothing(night: Night) -> None:
    asked = await night.calls(1)
    night.pass_(3 * SECOND)
    (night.state / "inbox").write_text("a file where a directory belongs")
    await night.gatherer.look(night.ready)
    orphans = {path.name for path in (night.state / "documents").iterdir()}
    (night.state / "inbox").unlink()
    await night.stop()
    await night.start()
    night.pass_(MINUTE)
    await night.look()

    assert len(orphans) == 1
    assert night.gathered() == asked
    assert len(night.notes()) == 1


async def test_a_crash_between_declaration_and_journal_doubles_nothing(night: Night) -> None:
    """What lies in the inbox counts as told."""
    asked = await night.calls(1)
    night.pass_(3 * SECOND)
    await night.gatherer.look(night.ready)
    await night.stop()
    await night.start()
    night.pass_(5 * SECOND)
    await night.gatherer.look(night.ready)
    night.inbox = Inbox(night.state, night.writer, now=night.clock.now)
    while await night.inbox.take():
        pass

    assert night.gathered() == asked
    assert len(night.notes()) == 1


async def test_a_mistake_of_ours_is_told_and_harms_nothing(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.sources.api_logs.PER_PAGE", object())
    night.pass_(3 * SECOND)
    await night.look()

    (note,) = night.notes()
    assert note.text is not None
    assert note.text.endswith("a mistake of ours (TypeError)")
