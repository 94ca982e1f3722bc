"""The API's log of calls, as `ReadApiLogs` shows it: what reached the application, kept for 32 days."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import msgspec
from aiohttp import web

from collector.core.timeline import DAY, MILLISECOND, Instant
from collector.demo.signature import access_key

ACCOUNT = "demo"
KEPT = 32 * DAY
_PAGE = 100
_PAGE_MAX = 1000
_ALWAYS = ("AccountId", "RequestId")
"""Shown whatever is asked for, unless they are declined."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Filters(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    query_access_keys: list[str] | None = None
    query_api_names: list[str] | None = None
    query_call_names: list[str] | None = None
    query_ip_addresses: list[str] | None = None
    query_user_agents: list[str] | None = None
    request_ids: list[str] | None = None
    response_status_codes: list[int] | None = None
    query_date_after: datetime | None = None
    query_date_before: datetime | None = None


class _Question(msgspec.Struct, forbid_unknown_fields=True, rename="pascal"):
    dry_run: bool = False
    filters: _Filters = msgspec.field(default_factory=_Filters)
    with_: dict[str, bool] | None = msgspec.field(default=None, name="With")
    results_per_page: int = _PAGE
    next_page_token: str | None = None


_FILTERED: Mapping[str, str] = MappingProxyType(
    {
        "query_access_keys": "QueryAccessKey",
        "query_api_names": "QueryApiName",
        "query_call_names": "QueryCallName",
        "query_ip_addresses": "QueryIpAddress",
        "query_user_agents": "QueryUserAgent",
        "request_ids": "RequestId",
        "response_status_codes": "ResponseStatusCode",
    }
)
"""Filter → the field that must be among its values."""


class Log:
    """Calls in the order in which they came."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._calls: list[tuple[Instant, dict[str, Any]]] = []

    def __len__(self) -> int:
        return len(self._calls)

    def add(
        self, request: web.BaseRequest, body: bytes, action: str, came: Instant, response: web.Response
    ) -> None:
        """A call that the application answered."""
        raw = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        answer = response.body if isinstance(response.body, bytes) else b""
        entry = {
            "AccountId": ACCOUNT,
            "CallDuration": max(1, self._clock() - came),
            "QueryAccessKey": access_key(request),
            "QueryApiName": "oapi",
            "QueryApiVersion": "1.40.1",
            "QueryCallName": action,
            "QueryDate": written(came),
            "QueryHeaderRaw": raw,
            "QueryHeaderSize": len(raw),
            "QueryIpAddress": request.remote or "",
            "QueryPayloadRaw": body.decode(errors="replace"),
            "QueryPayloadSize": len(body),
            "QueryUserAgent": request.headers.get("User-Agent", ""),
            "RequestId": msgspec.json.decode(answer)["ResponseContext"]["RequestId"],
            "ResponseSize": len(answer),
            "ResponseStatusCode": response.status,
        }
        # The provider's dates have milliseconds: what is compared is what is shown.
        self._calls.append((came // MILLISECOND * MILLISECOND, entry))

    def read(self, body: bytes) -> dict[str, Any]:
        """The answer to `ReadApiLogs`, without its context; ValueError for a question that is none."""
        question = msgspec.json.decode(body, type=_Question)
        if question.dry_run:
            return {}
        if not 1 <= question.results_per_page <= _PAGE_MAX:
            raise ValueError(f"ResultsPerPage: expected 1 to {_PAGE_MAX}")
        start = int(question.next_page_token or "0", 16)
        self._forget()
        found = [entry for at, entry in self._calls if _passes(at, entry, question.filters, self._clock())]
        end = start + question.results_per_page
        page = [_shown(entry, question.with_) for entry in found[start:end]]
        return {"Logs": page, **({"NextPageToken": f"{end:016x}"} if end < len(found) else {})}

    def _forget(self) -> None:
        oldest = self._clock() - KEPT
        self._calls = [(at, entry) for at, entry in self._calls if at >= oldest]


def _passes(at: Instant, entry: Mapping[str, Any], filters: _Filters, now: Instant) -> bool:
    after, before = filters.query_date_after, filters.query_date_before
    end = _instant(before) if before else (_instant(after) + 2 * DAY if after else now)
    start = _instant(after) if after else end - 2 * DAY
    return start <= at <= end and all(
        wanted is None or entry[field] in wanted
        for name, field in _FILTERED.items()
        for wanted in (getattr(filters, name),)
    )


def _shown(entry: Mapping[str, Any], wanted: Mapping[str, bool] | None) -> dict[str, Any]:
    if wanted is None:
        return dict(entry)
    if strangers := wanted.keys() - entry.keys():
        raise ValueError(f"With: expected fields of a log, got {', '.join(sorted(strangers))}")
    return {key: value for key, value in entry.items() if wanted.get(key, key in _ALWAYS)}


def _instant(moment: datetime) -> Instant:
    at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (at - _EPOCH) // timedelta(microseconds=1)


def written(at: Instant) -> str:
    """An instant as the log dates its calls: UTC, in milliseconds."""
    moment = _EPOCH + timedelta(microseconds=at)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at // MILLISECOND % 1000:03d}Z"
