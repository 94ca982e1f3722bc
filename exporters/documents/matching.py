"""Our samples held against what the provider logged of them: served, never logged, or not to be told.

A call is found in the log by the request id that came back with its answer. Where none came back, by the
User-Agent, which no other request has (fact `user_agent`): so a request that was never answered can be shown
to have been served all the same, or never to have arrived.

That the log lacks a call says that the provider's application did not serve it, if we asked at all: that we
did is for the controls and the other vantage points to show. Every doubt favours the provider: a call is
`never-logged` only where the log of that time, a minute around it, was gathered whole, and where other calls
of the same probe are in it; a probe that no log knows may sign for another account.
"""

import gzip
import hashlib
import re
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from collector.core.record import Declaration, Plan, Sample
from collector.core.timeline import MINUTE, SECOND, Duration, Instant, Span, Spans, spans

VERSION = 1
"""Of the form that `to_json` gives."""

SOURCE = "api-logs"
KIND = "oapi"
"""The kind of probe whose calls are logged, if they are signed: object storage has a log of its own."""

AROUND: Duration = MINUTE
"""So far a log must reach beyond a call to be told to lack it: clocks, and when a log dates a call."""

LIMIT_BYTES = 256 << 20
"""Of a document unpacked. A day's log is a few megabytes."""

_NOTE = re.compile(SOURCE + r":(?P<account>[^:]+):(?P<start>[0-9]{1,18}):(?P<end>[0-9]{1,18})")
_FRACTION = re.compile(r"\.([0-9]{1,6})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Match(StrEnum):
    """What the provider's log says of one of our samples; each sample is exactly one of these."""

    SERVED = "served"  # the log has it
    NEVER_LOGGED = "never-logged"  # the log of its time was gathered, and does not have it
    NOT_COLLECTED = "not-collected"  # the log of its time was not gathered, or its document is gone
    UNMATCHABLE = "unmatchable"  # no log of ours would have it, or there is nothing to find it by


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Entry:
    """A call as the provider logged it."""

    request_id: str
    date: Instant
    """`QueryDate`, by the provider's clock."""
    within: Duration
    """How finely that is written: the call came in [date, date + within)."""
    call: str
    status: int
    duration: Duration
    """`CallDuration`, µs."""
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A stretch of one account's log that was gathered."""

    account: str
    document: str
    """SHA-256 of it, hexadecimal."""
    span: Span
    entries: tuple[Entry, ...] | None
    """None where the document is not to be had; `why` then says why."""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Asked:
    """One of our samples, as far as a log could know of it."""

    origin: str
    seq: int
    """Number of its line in the origin's journal."""
    probe: str
    sent: Instant
    done: Instant
    status: int = 0
    """As it reached us; 0 if nothing did."""
    request_id: str = ""
    """Empty if none came back."""
    user_agent: str = ""
    account: str = ""
    """Whose log has it; empty if no log does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one sample."""

    asked: Asked
    match: Match
    entry: Entry | None = None
    """Where it was served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """How far the provider's clock is ahead of ours, in µs, by `compared` calls of ours that it dated.

    Each call came to it between our `sent` and our `done`. Where `least` exceeds `most` a clock was moved.
    """

    least: Duration
    most: Duration
    compared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Samples, each once, in the order of origin and line."""

    collected: tuple[Collected, ...]
    told: tuple[Told, ...]
    not_ours: int
    """Logged calls that no sample here is: questions for the log itself, `constat once`, another origin's."""
    clocks: Clocks | None
    """None where there is no call to compare them by."""

    def counts(self) -> Counter[Match]:
        return Counter(one.match for one in self.told)


# ----------------------------------------------------------------------------------------- what was gathered


def collected(declarations: Iterable[Declaration], states: Sequence[Path]) -> list[Collected]:
    """What was gathered, by the notes of the source: read from `documents/` of state directories.

    `data/` of a bundle is one. A note that several journals have counts once. Documents are what their hash
    says, or are not used.
    """
    found = {}
    for one in declarations:
        note = _NOTE.fullmatch(one.id)
        if one.kind == "note" and one.by == SOURCE and one.document and note:
            span = Span(int(note["start"]), int(note["end"]))
            entries, why = _document(one.document, states)
            found[note["account"], span, one.document] = Collected(
                account=note["account"], document=one.document, span=span, entries=entries, why=why
            )
    return [one for _, one in sorted(found.items()) if one.span.start < one.span.end]


def _document(digest: str, states: Sequence[Path]) -> tuple[tuple[Entry, ...] | None, str]:
    """The entries of a document, or why they are not to be had."""
    why = "the document is not here: it was erased, or left behind"
    for state in states:
        try:
            data = (state / "documents" / digest).read_bytes()
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest() != digest:
            why = "the document is not the one that was put on record"
            continue
        try:
            return tuple(entries(data)), ""
        except (ValueError, OverflowError) as error:
            why = f"the document cannot be read: {error}"
    return None, why


class _Log(msgspec.Struct):
    """What is used of an entry; all of it may be missing."""

    RequestId: str = ""
    QueryDate: str = ""
    QueryCallName: str = ""
    QueryUserAgent: str = ""
    ResponseStatusCode: int = 0
    CallDuration: int = 0


class _Page(msgspec.Struct):
    logs: list[_Log]


class _Document(msgspec.Struct):
    pages: list[_Page]


def entries(document: bytes) -> Iterator[Entry]:
    """The calls in a document as the source writes it (`collector/sources/api_logs.py`); else ValueError."""
    try:
        with gzip.open(BytesIO(document)) as file:
            data = file.read(LIMIT_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"expected gzip, got: {error}") from error
    if len(data) > LIMIT_BYTES:
        raise ValueError(f"expected at most {LIMIT_BYTES} bytes unpacked")
    for page in msgspec.json.decode(data, type=_Document).pages:
        for log in page.logs:
            date, within = _dated(log.QueryDate)
            yield Entry(
                request_id=log.RequestId,
                date=date,
                within=within,
                call=log.QueryCallName,
                status=log.ResponseStatusCode,
                duration=log.CallDuration,
                user_agent=log.QueryUserAgent,
            )


def _dated(text: str) -> tuple[Instant, Duration]:
    """An instant in ISO 8601, and how finely it is written; without an offset it is UTC."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    fraction = _FRACTION.search(text)
    within = SECOND // 10 ** len(fraction[1]) if fraction else SECOND
    return (moment - _EPOCH) // timedelta(microseconds=1), within


# --------------------------------------------------------------------------------------------- what we asked


Asking: TypeAlias = Callable[[Sample], Asked]


def asking(origin: str, plans: Iterable[Plan]) -> Asking:
    """Turns the samples of one origin into what a log could know of them, by the plans in its journal."""
    ordered = sorted(plans, key=lambda plan: (plan.at, plan.seq))
    begins = [plan.at for plan in ordered]
    logged = [_logged(plan) for plan in ordered]

    def asked(sample: Sample) -> Asked:
        place = bisect_right(begins, sample.slot) - 1
        status = sample.facts.get("status", 0)
        return Asked(
            origin=origin,
            seq=sample.seq,
            probe=sample.probe,
            sent=sample.sent,
            done=sample.done,
            status=status if isinstance(status, int) else 0,
            request_id=str(sample.facts.get("request_id", "")),
            user_agent=str(sample.facts.get("user_agent", "")),
            account=logged[place].get(sample.probe, "") if place >= 0 else "",
        )

    return asked


def _logged(plan: Plan) -> Mapping[str, str]:
    """Probe → the account whose log has its calls; without those that no log has."""
    accounts = {service.name: service.account for service in plan.services}
    return {
        probe.name: accounts.get(probe.service, "")
        for probe in plan.probes
        if probe.kind == KIND and probe.params.get("signed") is True
    }


# -------------------------------------------------------------------------------------------------- matching


def match(asked: Iterable[Asked], collected: Sequence[Collected], within: Span | None = None) -> Matching:
    """What the logs say of each sample, the same in whatever order they are given.

    `within` limits which logged calls are counted in `not_ours`; the samples are the caller's to choose.
    """
    logs = _Logs(collected)
    ours = sorted(set(asked))
    told = [logs.tell(one) for one in ours]
    known = {(one.asked.origin, one.asked.probe) for one in told if one.match is Match.SERVED}
    told = [
        replace(one, match=Match.UNMATCHABLE)
        if one.match is Match.NEVER_LOGGED and (one.asked.origin, one.asked.probe) not in known
        else one
        for one in told
    ]
    found = {one.entry for one in told if one.entry is not None}
    others = [
        entry
        for entry in logs.entries
        if entry not in found and (within is None or within.start <= entry.date < within.end)
    ]
    return Matching(
        collected=tuple(sorted(collected, key=lambda one: (one.account, one.span, one.document))),
        told=tuple(told),
        not_ours=len(others),
        clocks=_clocks(told),
    )


class _Logs:
    """All that was gathered, to find calls in. An entry that two stretches have is one."""

    def __init__(self, collected: Iterable[Collected]) -> None:
        parts: dict[str, list[Span]] = {}
        self.entries: set[Entry] = set()
        for one in collected:
            if one.entries is not None:
                parts.setdefault(one.account, []).append(one.span)
                self.entries.update(one.entries)
        self._covered: dict[str, Spans] = {account: spans(found) for account, found in parts.items()}
        # Sorted backwards, so that of several, which there should never be, the first stays.
        backwards = sorted(self.entries, reverse=True)
        self._by_id = {entry.request_id: entry for entry in backwards if entry.request_id}
        self._by_agent = {entry.user_agent: entry for entry in backwards if entry.user_agent}

    def tell(self, asked: Asked) -> Told:
        if asked.request_id:
            entry = self._by_id.get(asked.request_id)
        else:
            entry = self._by_agent.get(asked.user_agent)
        if entry is not None:
            return Told(asked=asked, match=Match.SERVED, entry=entry)
        if not asked.account or not (asked.request_id or asked.user_agent):
            return Told(asked=asked, match=Match.UNMATCHABLE)
        covered = self._covers(asked.account, Span(asked.sent - AROUND, asked.done + AROUND))
        return Told(asked=asked, match=Match.NEVER_LOGGED if covered else Match.NOT_COLLECTED)

    def _covers(self, account: str, span: Span) -> bool:
        covered = self._covered.get(account, ())
        place = bisect_right(covered, span.start, key=lambda one: one.start) - 1
        return place >= 0 and span.end <= covered[place].end


def _clocks(told: Iterable[Told]) -> Clocks | None:
    """By calls that were answered to us: one that was not may have come to the provider after we gave up."""
    answered = [(one.asked, one.entry) for one in told if one.entry is not None and one.asked.status]
    if not answered:
        return None
    return Clocks(
        least=max(entry.date - asked.done for asked, entry in answered),
        most=min(entry.date + entry.within - asked.sent for asked, entry in answered),
        compared=len(answered),
    )


# ----------------------------------------------------------------------------------- for programs and people


def to_json(matching: Matching) -> dict[str, Any]:
    """`provider.json` of a bundle, version 1; instants and durations in µs.

    `collected` [{`account`, `document`, `from`, `to`, `entries` (null and `why` if it is not to be had)}],
    `matched` [{`origin`, `seq`, `probe`, `request_id` (the provider's), `by` request-id or user-agent,
    `date`, `call`, `status` as logged, `answered` as it reached us or null, `duration`}],
    `not_logged` [{`origin`, `seq`, `probe`, `request_id` or `user_agent`, `answered`}], the numbers
    `not_collected`, `unmatchable` and `not_ours`, and `clocks` {`least`, `most`, `compared`} or null.
    """
    counts, clocks = matching.counts(), matching.clocks
    return {
        "provider": VERSION,
        "collected": [_collected_json(one) for one in matching.collected],
        "matched": [
            {
                **_line(one.asked),
                "request_id": one.entry.request_id,
                "by": "request-id" if one.asked.request_id else "user-agent",
                "date": one.entry.date,
                "call": one.entry.call,
                "status": one.entry.status,
                "answered": one.asked.status or None,
                "duration": one.entry.duration,
            }
            for one in matching.told
            if one.entry is not None
        ],
        "not_logged": [
            {
                **_line(one.asked),
                **_name(one.asked),
                "answered": one.asked.status or None,
            }
            for one in matching.told
            if one.match is Match.NEVER_LOGGED
        ],
        "not_collected": counts[Match.NOT_COLLECTED],
        "unmatchable": counts[Match.UNMATCHABLE],
        "not_ours": matching.not_ours,
        "clocks": None
        if clocks is None
        else {"least": clocks.least, "most": clocks.most, "compared": clocks.compared},
    }


def _line(asked: Asked) -> dict[str, Any]:
    return {"origin": asked.origin, "seq": asked.seq, "probe": asked.probe}


def _name(asked: Asked) -> dict[str, str]:
    if asked.request_id:
        return {"request_id": asked.request_id}
    return {"user_agent": asked.user_agent}


def _collected_json(one: Collected) -> dict[str, Any]:
    found = {"account": one.account, "document": one.document, "from": one.span.start, "to": one.span.end}
    if one.entries is None:
        return {**found, "entries": None, "why": one.why}
    return {**found, "entries": len(one.entries)}


def counted_json(told: Iterable[Told]) -> list[list[Any]]:
    """[[match, status as logged (0 if it is not), samples]…] of some samples."""
    counts = Counter((one.match, one.entry.status if one.entry else 0) for one in told)
    return [[match, status, number] for (match, status), number in sorted(counts.items())]


def brief(told: Iterable[Told]) -> str:
    """What the provider's log says of some samples, in a sentence; empty if it says nothing of any."""
    told = list(told)
    counts = Counter(one.match for one in told)
    statuses = Counter(one.entry.status for one in told if one.entry is not None)
    parts = []
    if counts[Match.SERVED]:
        kinds = ", ".join(f"{number} with {status}" for status, number in sorted(statuses.items()))
        parts.append(f"served {counts[Match.SERVED]} of them ({kinds})")
    if counts[Match.NEVER_LOGGED]:
        parts.append(f"never logged {counts[Match.NEVER_LOGGED]}")
    if not parts:
        if counts[Match.NOT_COLLECTED]:
            return "the provider's log of this time was not collected, or is no longer here"
        return ""
    rest = counts[Match.NOT_COLLECTED] + counts[Match.UNMATCHABLE]
    return f"by its own log the provider {' and '.join(parts)}" + (
        f"; of {rest} it cannot be told" if rest else ""
    )
