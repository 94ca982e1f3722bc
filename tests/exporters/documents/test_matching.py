"""Samples against the provider's log: each ends in one class, and no doubt is held against it."""

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.record import Declaration, Outcome, Plan, Probe, Reason, Sample, Service
from collector.core.timeline import HOUR, MILLISECOND, MINUTE, SECOND, Instant, Span
from collector.core.verdict import Watcher
from collector.journal.passage import Cited
from exporters.documents import matching
from exporters.documents.matching import AROUND, Asked, Collected, Entry, Match, brief, match, to_json
from exporters.documents.witness import Witness

T0: Instant = 1_790_000_000 * SECOND


def asked(seq: int, at: Instant = 0, **more: Any) -> Asked:
    sent = T0 + at
    usual = {"request_id": f"id-{seq}", "status": 200, "account": "42", "probe": "api"}
    return Asked(**{"origin": "here", "seq": seq, "sent": sent, "done": sent + SECOND, **usual, **more})


def entry(name: str, at: Instant = 0, status: int = 200, user_agent: str = "") -> Entry:
    return Entry(
        request_id=name, date=T0 + at, within=MILLISECOND, call="ReadVms", status=status, duration=7,
        user_agent=user_agent,
    )  # fmt: skip


def stretch(start: int, end: int, *entries: Entry, account: str = "42", gone: bool = False) -> Collected:
    return Collected(
        account=account, document=f"{start:x}-{end:x}", span=Span(T0 + start, T0 + end),
        entries=None if gone else entries, why="erased" if gone else "",
    )  # fmt: skip


def classes(samples: Sequence[Asked], *parts: Collected) -> list[Match]:
    return [one.match for one in match(samples, parts).told]


WELL = asked(0, 0)
LOGGED = entry("id-0")
"""One call that is in the log, so that the probe is known to be logged at all."""


def test_a_call_is_found_by_its_request_id() -> None:
    (told,) = match([WELL], [stretch(-HOUR, HOUR, LOGGED)]).told

    assert (told.match, told.entry) == (Match.SERVED, LOGGED)


def test_a_call_that_no_id_came_back_for_is_found_by_its_user_agent() -> None:
    """It was served, and the answer was lost on its way: the log says with what status."""
    lost = asked(1, MINUTE, request_id="", user_agent="constat/1", status=0)
    served = entry("theirs", MINUTE, 200, "constat/1")

    told = match([WELL, lost], [stretch(-HOUR, HOUR, LOGGED, served)]).told
    assert [(one.match, one.entry) for one in told] == [(Match.SERVED, LOGGED), (Match.SERVED, served)]


def test_a_call_that_the_log_of_its_time_lacks_was_never_logged() -> None:
    refused = asked(1, MINUTE, request_id="", user_agent="constat/1", status=0)

    assert classes([WELL, refused], stretch(-HOUR, HOUR, LOGGED)) == [Match.SERVED, Match.NEVER_LOGGED]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (-AROUND, SECOND + AROUND, Match.NEVER_LOGGED),
        (-AROUND + 1, HOUR, Match.NOT_COLLECTED),
        (-HOUR, SECOND + AROUND - 1, Match.NOT_COLLECTED),
        (HOUR, 2 * HOUR, Match.NOT_COLLECTED),
    ],
)
def test_a_log_must_reach_a_minute_around_a_call_to_be_told_to_lack_it(
    start: int, end: int, expected: Match
) -> None:
    known = stretch(10 * HOUR, 11 * HOUR, LOGGED)

    assert classes([WELL, asked(1)], stretch(start, end), known) == [Match.SERVED, expected]


def test_two_stretches_that_meet_are_one() -> None:
    parts = (stretch(-HOUR, 0, LOGGED), stretch(0, HOUR))

    assert classes([WELL, asked(1)], *parts) == [Match.SERVED, Match.NEVER_LOGGED]


def test_a_document_that_was_erased_takes_its_stretch_with_it() -> None:
    parts = (stretch(-HOUR, 0, LOGGED), stretch(0, HOUR, gone=True))

    assert classes([WELL, asked(1)], *parts) == [Match.SERVED, Match.NOT_COLLECTED]


def test_another_accounts_log_says_nothing() -> None:
    elsewhere = stretch(-HOUR, HOUR, LOGGED, account="43")

    assert classes([WELL, asked(1)], elsewhere) == [Match.SERVED, Match.NOT_COLLECTED]


@pytest.mark.parametrize(
    "more", [{"account": ""}, {"request_id": "", "user_agent": ""}], ids=["not signed", "nameless"]
)
def test_what_no_log_would_have_is_not_missed_in_one(more: dict[str, Any]) -> None:
    assert classes([WELL, asked(1, **more)], stretch(-HOUR, HOUR, LOGGED)) == [
        Match.SERVED,
        Match.UNMATCHABLE,
    ]


def test_a_probe_none_of_whose_calls_is_in_the_log_is_not_missed_there() -> None:
    """Its keys may be another account's, or the filter not fit: that would be our mistake."""
    stranger = asked(1, probe="other")

    assert classes([WELL, stranger, asked(2)], stretch(-HOUR, HOUR, LOGGED)) == [
        Match.SERVED,
        Match.UNMATCHABLE,
        Match.NEVER_LOGGED,
    ]


def test_calls_that_no_sample_is_are_counted_once_and_in_the_window() -> None:
    """Stretches overlap a little: what two of them have is one call."""
    double = entry("x", MINUTE)
    parts = [
        stretch(-HOUR, MINUTE, LOGGED, double),
        stretch(MINUTE, HOUR, double, entry("y", 2 * MINUTE)),
    ]

    assert match([WELL], parts).not_ours == 2
    assert match([WELL], parts, Span(T0, T0 + 2 * MINUTE)).not_ours == 1


def test_clocks_are_held_against_each_other_by_calls_that_were_answered() -> None:
    """Ours between sent and done; theirs in a millisecond. What was not answered may have come later."""
    samples = [asked(0, 0), asked(1, 10 * SECOND), asked(2, 20 * SECOND, status=0)]
    log = stretch(
        -HOUR, HOUR, entry("id-0", 200 * MILLISECOND), entry("id-1", 10_900 * MILLISECOND),
        entry("id-2", 9 * MINUTE),
    )  # fmt: skip

    clocks = match(samples, [log]).clocks
    assert clocks is not None
    assert (clocks.least, clocks.most, clocks.compared) == (-100 * MILLISECOND, 201 * MILLISECOND, 2)
    assert match([], [log]).clocks is None


# ---------------------------------------------------------------------------------------------------- laws

ids = st.sampled_from(["", "a", "b", "c", "d"])
moments = st.integers(0, 600).map(lambda s: s * SECOND)
samples_of = st.lists(
    st.builds(
        lambda seq, at, rid, agent, account, probe, status: asked(
            seq, at, request_id=rid, user_agent=agent, account=account, probe=probe, status=status
        ),
        st.integers(0, 20), moments, ids, ids, st.sampled_from(["", "42", "43"]), st.sampled_from("pq"),
        st.sampled_from([0, 200, 503]),
    ),
    max_size=12,
    unique_by=lambda one: one.seq,
)  # fmt: skip
logs_of = st.lists(
    st.builds(
        lambda start, length, entries, account, gone: stretch(
            start, start + length, *entries, account=account, gone=gone
        ),
        moments, st.integers(1, 900 * SECOND),
        st.lists(st.builds(entry, ids, moments, st.sampled_from([200, 500]), ids), max_size=5),
        st.sampled_from(["42", "43"]), st.booleans(),
    ),
    max_size=4,
)  # fmt: skip


@given(samples=samples_of, logs=logs_of, chance=st.randoms(use_true_random=False))
def test_laws_every_sample_is_in_one_class_whatever_the_order(
    samples: list[Asked], logs: list[Collected], chance: Random
) -> None:
    found = match(samples, logs)
    told = to_json(found)
    mixed_samples, mixed_logs = samples[:], logs[:]
    chance.shuffle(mixed_samples)
    chance.shuffle(mixed_logs)
    mixed = match(mixed_samples, mixed_logs)

    assert sorted(one.asked.seq for one in found.told) == sorted(one.seq for one in samples)
    assert len(samples) == sum(
        (
            len(told["matched"]),
            len(told["not_logged"]),
            told["not_collected"],
            told["unmatchable"],
        )
    )
    assert (mixed.told, mixed.not_ours, mixed.clocks) == (found.told, found.not_ours, found.clocks)
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


@given(samples=samples_of, logs=logs_of, more=logs_of)
def test_laws_more_of_the_log_never_makes_less_of_what_was_served(
    samples: list[Asked], logs: list[Collected], more: list[Collected]
) -> None:
    fewer = {one.asked.seq for one in match(samples, logs).told if one.match is Match.SERVED}
    served = {one.asked.seq for one in match(samples, logs + more).told if one.match is Match.SERVED}

    assert fewer <= served


@given(samples=samples_of, logs=logs_of)
def test_laws_nothing_is_missed_where_nothing_was_gathered(
    samples: list[Asked], logs: list[Collected]
) -> None:
    gone = [replace(one, entries=None, why="erased") for one in logs]

    assert Match.NEVER_LOGGED not in match(samples, gone).counts()
    assert Match.SERVED not in match(samples, gone).counts()


# ----------------------------------------------------------------------------------------------- documents


def document(*logs: dict[str, Any]) -> bytes:
    return gzip.compress(msgspec.json.encode({"source": "api-logs", "pages": [{"logs": logs}]}))


def note(data: bytes, **more: Any) -> Declaration:
    digest = hashlib.sha256(data).hexdigest()
    given: dict[str, Any] = {"id": f"api-logs:42:{T0}:{T0 + HOUR}", "kind": "note", "by": "api-logs"}
    return Declaration(**{"seq": 0, "at": T0, "document": digest, "text": "x", **given, **more})


def keep(state: Path, data: bytes, name: str = "") -> None:
    (state / "documents").mkdir(parents=True, exist_ok=True)
    (state / "documents" / (name or hashlib.sha256(data).hexdigest())).write_bytes(data)


LOG: dict[str, Any] = {
    "RequestId": "r",
    "QueryDate": "2026-09-21T14:13:20.250Z",
    "ResponseStatusCode": 503,
    "CallDuration": 9,
}


def test_documents_are_read_from_whichever_directory_has_them(tmp_path: Path) -> None:
    data = document(LOG, {**LOG, "RequestId": "s", "QueryDate": "2026-09-21T16:13:20+02:00"})
    keep(tmp_path / "two", data)

    (found,) = matching.collected([note(data), note(data)], [tmp_path / "one", tmp_path / "two"])
    assert (found.account, found.span) == ("42", Span(T0, T0 + HOUR))
    assert found.entries is not None
    assert [(e.request_id, e.date - T0, e.within, e.status, e.duration) for e in found.entries] == [
        ("r", 250 * MILLISECOND, MILLISECOND, 503, 9),
        ("s", 0, SECOND, 503, 9),
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "not here"),
        (b"no gzip", "expected gzip"),
        (document(LOG)[:-9], "expected gzip"),
        (gzip.compress(b"{}"), "pages"),
        (document({**LOG, "QueryDate": "yesterday"}), "yesterday"),
    ],
    ids=["erased", "no gzip", "cut off", "without pages", "of no time"],
)
def test_a_document_that_is_gone_or_none_says_so_and_stands_for_nothing(
    tmp_path: Path, data: bytes | None, why: str
) -> None:
    if data is not None:
        keep(tmp_path, data)
    (found,) = matching.collected([note(data or b"erased")], [tmp_path])

    assert found.entries is None
    assert why in found.why
    assert to_json(match([], [found]))["collected"][0]["entries"] is None


def test_a_document_that_was_changed_is_not_used(tmp_path: Path) -> None:
    data = document(LOG)
    keep(tmp_path, document(), hashlib.sha256(data).hexdigest())

    (found,) = matching.collected([note(data)], [tmp_path])
    assert (found.entries, found.why) == (None, "the document is not the one that was put on record")


@pytest.mark.parametrize(
    "more",
    [
        {"by": "somebody"}, {"document": None}, {"id": "api-logs:42:failed:7"}, {"id": "other"},
        {"id": "api-logs:42:7:7"}, {"kind": "force-majeure"},
    ],
)  # fmt: skip
def test_other_notes_are_no_logs(tmp_path: Path, more: dict[str, Any]) -> None:
    assert matching.collected([note(document(LOG), **more)], [tmp_path]) == []


# ------------------------------------------------------------------------------------------------- samples


def plan(at: Instant, **params: Any) -> Plan:
    probe = Probe(
        name="api", kind="oapi", target="t", interval=1, burst=1, phase=0, timeout=1, sight=1, persistence=1,
        service="s", params=params,
    )  # fmt: skip
    service = Service(name="s", account="42", region="r", commitments=("c",))
    return Plan(
        seq=0, at=at, contract="", contract_sha256="", accounts=(), services=(service,), probes=(probe,)
    )


def sample(at: Instant, **facts: Any) -> Sample:
    return Sample(
        seq=5, at=at, probe="api", slot=at, covers=1, sent=at, done=at + 9, outcome=Outcome.OK,
        reason=Reason.NONE, value=None, error=0, phases={}, facts=facts,
    )  # fmt: skip


def test_a_sample_is_of_the_account_that_the_plan_of_its_time_names_if_it_was_signed() -> None:
    of = matching.asking("here", [plan(T0 + HOUR, signed=False), plan(T0, signed=True)])

    early, late, before = (of(sample(T0 + at, request_id="r", status=200)) for at in (0, HOUR, -1))
    assert (early.account, late.account, before.account) == ("42", "", "")
    assert (early.origin, early.seq, early.request_id, early.status) == ("here", 5, "r", 200)
    assert of(sample(T0, user_agent="constat/1")).user_agent == "constat/1"


def test_a_witness_tells_what_was_logged_of_its_samples_in_the_outage() -> None:
    """Those around it are matched too: by them it is known that the probe is logged at all."""
    span = Span(T0 + 10 * SECOND, T0 + 20 * SECOND)
    one = Witness(
        outage="o", watcher=Watcher("here", "api", "here"), control=False, span=span, run=span,
        reach=Span(T0, T0 + 30 * SECOND), throttled_fails=False,
        asking=matching.asking("here", [plan(T0, signed=True)]),
    )  # fmt: skip
    for seq, (at, facts) in enumerate([(0, {"request_id": "id-0"}), (12, {"user_agent": "constat/1"})]):
        line = msgspec.structs.replace(sample(T0 + at * SECOND, **facts), seq=seq)
        one.hear(Cited(line, "file", seq + 1))
    one.match([stretch(-HOUR, HOUR, LOGGED)])

    assert [(told.asked.seq, told.match) for told in one.logged] == [(1, Match.NEVER_LOGGED)]
    assert matching.counted_json(one.logged) == [["never-logged", 0, 1]]


def test_a_sentence_says_what_the_log_says() -> None:
    log = stretch(-HOUR, HOUR, LOGGED, entry("id-1", status=500))
    samples = [WELL, asked(1), asked(2), asked(3, account="")]

    assert brief(match(samples, [log]).told) == (
        "by its own log the provider served 2 of them (1 with 200, 1 with 500) and never logged 1; "
        "of 1 it cannot be told"
    )
    assert "was not collected" in brief(match(samples, []).told)
    assert brief(match([asked(1, account="")], []).told) == ""
