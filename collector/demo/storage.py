"""Object storage in memory: S3 by path, with signatures checked and errors in XML."""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import unquote
from xml.sax.saxutils import escape

from aiohttp import web

from collector.core.timeline import Instant
from collector.demo.api import REGION
from collector.demo.fault import Fault
from collector.demo.part import wall
from collector.demo.signature import Finding, Realm, check
from collector.demo.web import WebPart

BUCKET = "constat"
FIXED_KEY = "fixed"
PUBLIC_KEY = "public"
_OBJECTS_MAX = 10_000

_FAULTS: Mapping[Fault, tuple[int, str]] = MappingProxyType(
    {
        Fault.HTTP_500: (500, "InternalError"),
        Fault.HTTP_503: (503, "ServiceUnavailable"),
        Fault.SLOW_DOWN: (503, "SlowDown"),
        Fault.UNAUTHORISED: (403, "AccessDenied"),
    }
)
_REFUSALS: Mapping[Finding, tuple[int, str]] = MappingProxyType(
    {
        Finding.ANONYMOUS: (403, "AccessDenied"),
        Finding.SCHEME: (400, "InvalidArgument"),
        Finding.KEY: (403, "InvalidAccessKeyId"),
        Finding.SCOPE: (400, "AuthorizationHeaderMalformed"),
        Finding.SKEW: (403, "RequestTimeTooSkewed"),
        Finding.BODY: (400, "XAmzContentSHA256Mismatch"),
        Finding.SIGNATURE: (403, "SignatureDoesNotMatch"),
    }
)


class Storage(WebPart):
    """One bucket at first, with an object for those who sign (FIXED_KEY) and one for all (PUBLIC_KEY)."""

    def __init__(
        self, name: str, keys: Mapping[str, str], port: int = 0, clock: Callable[[], Instant] = wall
    ) -> None:
        super().__init__(name, "storage", port)
        self._realm = Realm(keys, REGION, "s3")
        self._clock = clock
        fixed = b"An object that is always here, for those who sign.\n"
        public = b"An object that is always here, for everybody.\n"
        self.objects: dict[str, dict[str, bytes]] = {BUCKET: {FIXED_KEY: fixed, PUBLIC_KEY: public}}
        """Bucket → key → content."""

    def sha256(self, key: str) -> str:
        """Of an object of the first bucket, hexadecimal."""
        return hashlib.sha256(self.objects[BUCKET][key]).hexdigest()

    def refusal(self, request: web.BaseRequest) -> web.Response | None:
        found = _FAULTS.get(self.fault)
        return _failure(request, *found) if found is not None else None

    async def answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        bucket, _, key = unquote(request.raw_path.partition("?")[0]).removeprefix("/").partition("/")
        if not (key == PUBLIC_KEY and bucket == BUCKET and request.method in ("GET", "HEAD")):
            finding = check(request, body, self._realm, self._clock())
            if finding is not Finding.GOOD:
                return _failure(request, *_REFUSALS[finding])
        if not key:
            return self._on_bucket(request, bucket)
        if bucket not in self.objects:
            return _failure(request, 404, "NoSuchBucket")
        return self._on_object(request, self.objects[bucket], key, body)

    def _on_bucket(self, request: web.BaseRequest, bucket: str) -> web.Response:
        if request.method == "PUT" and bucket:
            self.objects.setdefault(bucket, {})
            return web.Response(headers=_ids())
        if request.method == "HEAD" and bucket in self.objects:
            return web.Response(headers=_ids())
        return _failure(
            request, *((404, "NoSuchBucket") if bucket not in self.objects else (405, "MethodNotAllowed"))
        )

    def _on_object(
        self, request: web.BaseRequest, held: dict[str, bytes], key: str, body: bytes
    ) -> web.Response:
        match request.method:
            case "PUT" if key not in held and len(held) >= _OBJECTS_MAX:
                return _failure(request, 403, "QuotaExceeded")
            case "PUT":
                held[key] = body
                return web.Response(headers={**_ids(), "ETag": _etag(body)})
            case "GET" | "HEAD" if key not in held:
                return _failure(request, 404, "NoSuchKey")
            case "GET" | "HEAD":
                headers = {**_ids(), "ETag": _etag(held[key]), "Content-Type": "application/octet-stream"}
                return web.Response(body=held[key], headers=headers)
            case "DELETE":
                held.pop(key, None)
                return web.Response(status=204, headers=_ids())
        return _failure(request, 405, "MethodNotAllowed")


def _failure(request: web.BaseRequest, status: int, code: str) -> web.Response:
    ids = _ids()
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code}</Message>'
        f"<Resource>{escape(request.path)}</Resource><RequestId>{ids['x-amz-request-id']}</RequestId></Error>\n"
    )
    return web.Response(status=status, text=text, content_type="application/xml", headers=ids)


def _ids() -> dict[str, str]:
    request_id = uuid.uuid4().hex
    return {"x-amz-request-id": request_id, "x-amz-id-2": request_id[::-1]}


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
