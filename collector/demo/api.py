"""The command API in the shape of 3DS OUTSCALE's: reads, errors, signatures and rate limits."""

import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any

import msgspec
from aiohttp import web

from collector.core.timeline import MILLISECOND, MINUTE, SECOND, Duration, Instant
from collector.demo.api_log import Log
from collector.demo.fault import Fault
from collector.demo.part import wall
from collector.demo.signature import Finding, Realm, access_key, check
from collector.demo.web import WebPart

REGION = "demo-1"
ZONES = ("demo-1a", "demo-1b")
_PREFIXES = ("/api/v1/", "/api/latest/")
_LOCK_AFTER = 4
_LOCK_STEPS_MAX = 10

_ANONYMOUS: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "ReadRegions": {"Regions": [{"Endpoint": f"api.{REGION}.demo.example", "RegionName": REGION}]},
        "ReadPublicIpRanges": {"PublicIps": ["192.0.2.0/24", "198.51.100.0/24"]},
        "ReadLocations": {"Locations": [{"Code": "DEMO1", "Name": "Loopback"}]},
        "ReadVmTypes": {"VmTypes": []},
        "ReadProductTypes": {"ProductTypes": []},
        "ReadFlexibleGpuCatalog": {"FlexibleGpuCatalog": []},
        "ReadNetAccessPointServices": {"Services": []},
        "ReadPublicCatalog": {"Catalog": {"Entries": []}},
    }
)
_SIGNED: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "ReadSubregions": {
            "Subregions": [
                {"LocationCode": "DEMO1", "RegionName": REGION, "State": "available", "SubregionName": zone}
                for zone in ZONES
            ]
        },
        "ReadVms": {"Vms": []},
        "ReadVolumes": {"Volumes": []},
        "ReadSnapshots": {"Snapshots": []},
        "ReadNets": {"Nets": []},
        "ReadLoadBalancers": {"LoadBalancers": []},
        "ReadApiLogs": {"Logs": []},
    }
)
_LOGS = "ReadApiLogs"
_HUNG_UP = frozenset({7, 8})
"""States of a connection (TCP_CLOSE, TCP_CLOSE_WAIT) whose other end is gone."""

_ERRORS: Mapping[Fault, tuple[int, str, str, str]] = MappingProxyType(
    {
        Fault.THROTTLE_PLATFORM: (503, "6", "AccessDenied", "Request rate exceeded for the whole platform."),
        Fault.THROTTLE_ACCOUNT: (429, "24", "OperationThrottled", "Request rate exceeded for the account."),
        Fault.THROTTLE_CALL: (429, "25", "OperationThrottled", "Request rate exceeded for the call."),
        Fault.SOFT_THROTTLE: (400, "4120", "InvalidParameterValue", ""),
        Fault.UNAUTHORISED: (401, "1", "AccessDenied", "Authentication failed."),
    }
)
"""Fault → HTTP status, code, type, details."""

_REFUSALS: Mapping[Finding, tuple[int, str, str, str]] = MappingProxyType(
    {
        Finding.ANONYMOUS: (401, "1", "AccessDenied", "The action needs a signature."),
        Finding.SCHEME: (401, "12", "AccessDenied", "Unknown Authorization type."),
        Finding.KEY: (400, "4120", "InvalidParameterValue", ""),
        Finding.SCOPE: (400, "4120", "InvalidParameterValue", ""),
        Finding.SKEW: (401, "1", "AccessDenied", "The request was signed too long ago."),
        Finding.BODY: (401, "1", "AccessDenied", "Authentication failed."),
        Finding.SIGNATURE: (401, "1", "AccessDenied", "Authentication failed."),
    }
)


@dataclass(slots=True)
class Limits:
    """What the API takes before it refuses; a zero switches a limit off."""

    identical_apart: Duration = 950 * MILLISECOND
    """The same request sooner than this is refused (429, code 25): one per second, less some jitter."""
    account_per_second: int = 20
    platform_per_second: int = 0
    lock: bool = True
    """Four bad signatures in a row lock a key for a minute, every four more for a minute more, up to ten."""


class Api(WebPart):
    """POST /api/v1/{Action}: eight actions for everybody, seven for those who sign.

    Its log (`ReadApiLogs`) has what the application itself answered to a known key: not what limiters, a bad
    signature, or a fault in front of it (`http-503`, `http-500`, `html`, `hang`, `refuse`…) turned away, and
    not what nobody waited for any more. `internal-error` is the application's own, `truncated` lies behind
    it: both are logged.
    """

    def __init__(
        self, name: str, keys: Mapping[str, str], port: int = 0, clock: Callable[[], Instant] = wall
    ) -> None:
        super().__init__(name, "api", port)
        self.limits = Limits()
        self._realm = Realm(keys, REGION, "api")
        self._clock = clock
        self.log = Log(clock)
        """Calls that were answered, for `ReadApiLogs`."""
        self._last: dict[tuple[str, str, bytes], Instant] = {}
        self._recent: dict[str, list[Instant]] = {}
        self._bad: dict[str, int] = {}
        self._locked_until: dict[str, Instant] = {}

    def refusal(self, request: web.BaseRequest) -> web.Response | None:
        if self.fault is Fault.WRONG_OBJECT:
            return _json(200, {"Regions": []})  # JSON, but no answer of the API: it bears no request id
        if self.fault not in _ERRORS:
            return None
        if self.fault is Fault.SOFT_THROTTLE and "Authorization" not in request.headers:
            return None
        return failure(*_ERRORS[self.fault])

    async def answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        response = self._answered(request, body)
        response.headers["Date"] = format_datetime(
            datetime.fromtimestamp(self._clock() // SECOND, UTC), usegmt=True
        )
        return response

    def _answered(self, request: web.BaseRequest, body: bytes) -> web.Response:
        prefix = next((p for p in _PREFIXES if request.path.startswith(p)), None)
        if prefix is None:
            return failure(404, "0", "DefaultError", "No such path.")
        if request.method != "POST":
            return failure(405, "2", "AccessDenied", "Method not allowed.")
        action = request.path.removeprefix(prefix)
        limit = self._over_limit(access_key(request), action, body)
        if limit is not None:
            return failure(*_ERRORS[limit])
        refused = self._unauthorised(request, action, body)
        if refused is not None:
            return refused
        came = self._clock()
        response = self._read(action, body)
        if access_key(request) in self._realm.keys and not _hung_up(request):
            self.log.add(request, body, action, came, response)
        return response

    def _read(self, action: str, body: bytes) -> web.Response:
        if self.fault is Fault.INTERNAL_ERROR:
            return failure(500, "2000", "InternalError", "")
        known = _ANONYMOUS.get(action) or _SIGNED.get(action)
        if action == _LOGS:
            try:
                known = self.log.read(body)
            except ValueError as error:  # of msgspec too
                return failure(400, "4110", "InvalidParameterValue", str(error))
        if known is None:
            return failure(400, "0", "DefaultError", f"The action {action} is not valid.")
        try:
            arguments = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError:  # a ValidationError is one
            return failure(400, "4001", "InvalidParameterValue", "Expected an object of JSON.")
        context = {"ResponseContext": {"RequestId": str(uuid.uuid4())}}
        return _json(200, context if arguments.get("DryRun") is True else {**known, **context})

    def _unauthorised(self, request: web.BaseRequest, action: str, body: bytes) -> web.Response | None:
        """None where the request may go on; an anonymous action may always, signed or not."""
        finding = check(request, body, self._realm, self._clock())
        key = access_key(request)
        if finding is Finding.ANONYMOUS and action not in _SIGNED:
            return None
        if self.limits.lock and self._clock() < self._locked_until.get(key, 0):
            return failure(401, "13", "AccessDenied", "Too many failures, try again later.")
        if finding is Finding.GOOD:
            self._bad.pop(key, None)
            return None
        if finding is not Finding.ANONYMOUS:
            self._count_bad(key)
        return failure(*_REFUSALS[finding])

    def _count_bad(self, key: str) -> None:
        self._bad[key] = bad = self._bad.get(key, 0) + 1
        if bad % _LOCK_AFTER == 0:
            steps = min(bad // _LOCK_AFTER, _LOCK_STEPS_MAX)
            self._locked_until[key] = self._clock() + steps * MINUTE

    def _over_limit(self, key: str, action: str, body: bytes) -> Fault | None:
        """The limiter that refuses this request: platform, account and call, in this order."""
        now = self._clock()
        limits = self.limits
        if self._too_many("*", limits.platform_per_second, now):
            return Fault.THROTTLE_PLATFORM
        if self._too_many(key, limits.account_per_second, now):
            return Fault.THROTTLE_ACCOUNT
        request = (key, action, body)
        last = self._last.get(request)
        if last is not None and 0 <= now - last < limits.identical_apart:
            return Fault.THROTTLE_CALL
        self._last = {r: at for r, at in self._last.items() if now - at < SECOND}
        self._last[request] = now
        return None

    def _too_many(self, who: str, per_second: int, now: Instant) -> bool:
        if not per_second:
            return False
        recent = [at for at in self._recent.get(who, ()) if 0 <= now - at < SECOND]
        refused = len(recent) >= per_second
        self._recent[who] = recent if refused else [*recent, now]
        return refused


def _hung_up(request: web.BaseRequest) -> bool:
    """Whether the client left before its answer was made: after a hang nobody waits for most of them."""
    connection = request.transport and request.transport.get_extra_info("socket")
    if not connection:
        return True
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _HUNG_UP


def failure(status: int, code: str, kind: str, details: str) -> web.Response:
    """An error in the API's own form: a list of errors whose `Code` is a string, and a request id."""
    error = {"Code": code, "Type": kind, "Details": details}
    return _json(status, {"Errors": [error], "ResponseContext": {"RequestId": str(uuid.uuid4())}})


def _json(status: int, content: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(content), content_type="application/json")
