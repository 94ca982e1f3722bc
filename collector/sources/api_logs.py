"""What the provider's API logged of our own calls (`ReadApiLogs`): its side of each, to match with ours.

The fields are those of OUTSCALE's API description (osc-api 1.40.1, `ReadApiLogs`). A log can hold the raw
header and payload of a request: signatures, and whatever a payload says. They are declined in the question,
and of the answer only `FIELDS` are kept, so that neither they nor access keys reach a document.

The document is gzip of one JSON object, the provider's names and order kept:

    source, version   "api-logs", 1
    account, region   whose log
    from, to          instants that were asked for, µs; the log may have a few entries just outside
    filters           by what else was filtered: "QueryAccessKeys" (ours, which are not written down)
    pages             [{`request_id`, `date` (Date header), `logs` [{fields}…]}…], as they came
"""

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from collector.core.record import Outcome, Reason
from collector.core.timeline import DAY, MINUTE, SECOND, Instant, Span
from collector.host.fetch import Fetched, FetchError, fetch
from collector.host.network import web_address
from collector.probe import KEYS
from collector.probes.oapi import Said, parse, verdict
from collector.source import Gathered, SourceContext, SourceError, SourceRejected, SourceSpec
from collector.wire.sigv4 import OSC4, Signer

CALL = "ReadApiLogs"
VERSION = 1
"""Of the document."""

FIELDS = (
    "AccountId", "CallDuration", "QueryApiName", "QueryApiVersion", "QueryCallName", "QueryDate",
    "QueryIpAddress", "QueryPayloadSize", "QueryUserAgent", "RequestId", "ResponseSize", "ResponseStatusCode",
)  # fmt: skip
"""What is kept of an entry."""
_DECLINED = ("QueryHeaderRaw", "QueryPayloadRaw", "QueryAccessKey", "QueryHeaderSize")
"""The first two hold secrets, the third is one's name, the fourth tells nothing without the first."""
PER_PAGE = 1000
PAGES_MAX = 1000
"""A day has fewer; an answer without end is none."""
PAGE_BYTES = 8 << 20
PATIENCE_S = 30.0
TRIES = 4
AROUND = SECOND
"""Asked for around the span: whether the provider's bounds are inclusive is not written."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Answer(msgspec.Struct):
    """A page of the log; what else an answer holds is not looked at."""

    Logs: list[dict[str, Any]]
    NextPageToken: str | None = None


async def _run(context: SourceContext, span: Span) -> Gathered:
    pages: list[bytes] = []
    tokens: set[str] = set()
    token, entries = "", 0
    while True:
        fetched, said = await _page(context, _question(context, span, token))
        _agreed(fetched, span)
        try:
            answer = msgspec.json.decode(fetched.body, type=_Answer)
        except msgspec.DecodeError as error:
            raise SourceError(f"expected a page of logs, got: {error}") from error
        pages.append(_kept(fetched, said, answer))
        entries += len(answer.Logs)
        token = answer.NextPageToken or ""
        if not token:
            break
        if token in tokens or len(pages) == PAGES_MAX:
            raise SourceError(f"expected the last page after at most {PAGES_MAX}, got one more, or one twice")
        tokens.add(token)
    return Gathered(document=await asyncio.to_thread(_document, context, span, pages), entries=entries)


def _question(context: SourceContext, span: Span, token: str) -> bytes:
    """Both dates, since with one of them the log is of two days (osc-api, `ReadApiLogs`)."""
    question: dict[str, Any] = {
        "Filters": {
            "QueryAccessKeys": list(context.access_keys),
            "QueryDateAfter": _written(span.start - AROUND),
            "QueryDateBefore": _written(span.end + AROUND),
        },
        "With": {field: True for field in FIELDS} | {field: False for field in _DECLINED},
        "ResultsPerPage": PER_PAGE,
    }
    if token:
        question["NextPageToken"] = token
    return msgspec.json.encode(question)


class _Again(SourceError):
    """It may come if it is asked for again soon."""


async def _page(context: SourceContext, body: bytes) -> tuple[Fetched, Said]:
    """The right answer to one question, asked again where it did not come."""
    for attempt in range(1, TRIES):
        try:
            return await _attempt(context, body)
        except _Again:
            await context.pause(attempt)
    return await _attempt(context, body)


async def _attempt(context: SourceContext, body: bytes) -> tuple[Fetched, Said]:
    await context.admitted(hashlib.sha256(context.target.encode() + body).hexdigest()[:16])
    path = f"/api/v1/{CALL}"
    headers = _signed(context, path, body)
    try:
        fetched = await fetch(
            "POST",
            context.target.rstrip("/") + path,
            body=body,
            headers=headers,
            limit=PAGE_BYTES,
            patience_s=PATIENCE_S,
        )
    except FetchError as error:
        context.answered(Outcome.FAILED, Reason.TIMEOUT)
        raise _Again(str(error)) from error
    said = parse(fetched.body)
    outcome, reason = verdict(fetched.status, said)
    context.answered(outcome, reason)
    if outcome is Outcome.OK:
        return fetched, said
    told = f"expected logs, got HTTP {fetched.status}" + (f", code {said.code}" if said.code else "")
    told += f" (request {said.request_id})" if said.request_id else ""
    if reason in (Reason.CREDENTIALS, Reason.REQUEST):
        raise SourceRejected(f"{told}: may these keys read the account's logs?")
    if outcome is Outcome.THROTTLED:  # it holds up the account's probes too: once is enough
        raise SourceError(told)
    raise _Again(told)


def _signed(context: SourceContext, path: str, body: bytes) -> dict[str, str]:
    """The headers of a question, signed as the probes of the API sign."""
    signer = Signer(
        brand=OSC4,
        region=context.region,
        service="api",
        access_key=context.credentials["access_key"],
        secret_key=context.credentials["secret_key"],
    )
    named = {"Content-Type": "application/json; charset=utf-8", "Host": urlsplit(context.target).netloc}
    return signer.headers("POST", path, named, body, context.wall()) | {"User-Agent": "constat/api-logs"}


def _agreed(fetched: Fetched, span: Span) -> None:
    """SourceError where the provider's clock has not reached the end of what it was asked for.

    A clock of ours that runs ahead would put on record that it logged nothing of a time that is to come.
    """
    try:
        theirs = parsedate_to_datetime(fetched.headers.get("date", ""))
    except ValueError:
        return  # it does not tell
    if theirs.tzinfo is None:
        return
    if (theirs - _EPOCH) // timedelta(microseconds=1) + SECOND < span.end:
        raise SourceError(
            f"expected a provider's clock past {_written(span.end)}, got {theirs.isoformat()}: is ours right?"
        )


def _kept(fetched: Fetched, said: Said, answer: _Answer) -> bytes:
    """A page as it is kept; SourceError for one whose calls cannot be found again, and would seem missing."""
    if nameless := sum(not {"RequestId", "QueryDate"} <= log.keys() for log in answer.Logs):
        raise SourceError(f"expected RequestId and QueryDate of each call, got {nameless} without")
    logs = [{field: log[field] for field in FIELDS if field in log} for log in answer.Logs]
    page = {"request_id": said.request_id, "date": fetched.headers.get("date", ""), "logs": logs}
    return msgspec.json.encode(page)


def _document(context: SourceContext, span: Span, pages: list[bytes]) -> bytes:
    head: Mapping[str, Any] = {
        "source": SPEC.kind,
        "version": VERSION,
        "account": context.account,
        "region": context.region,
        "from": span.start,
        "to": span.end,
        "filters": ["QueryAccessKeys"],
    }
    whole = {**head, "pages": [msgspec.Raw(page) for page in pages]}
    return gzip.compress(msgspec.json.encode(whole), mtime=0)


def _written(at: Instant) -> str:
    return (_EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


SPEC = SourceSpec(
    kind="api-logs",
    says="the provider's log of our own calls",
    home=lambda region: f"https://api.{region}.outscale.com",
    fits=web_address,
    run=_run,
    needs=KEYS,
    keeps=32 * DAY,
    stretch=DAY,
    settle=10 * MINUTE,
)
