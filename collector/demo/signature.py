"""Checks signatures as a server does, from what it received: AWS4 and OSC4, whatever headers were signed.

It shares no code with the side that signs, so that a mistake there is noticed here. The steps are those of
"Signature Version 4" in the AWS General Reference; OSC4 differs by its names only.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from urllib.parse import quote, unquote

from aiohttp import web

from collector.core.timeline import MINUTE, SECOND, Duration, Instant

_SKEW_MAX: Duration = 15 * MINUTE
_UNSIGNED = "UNSIGNED-PAYLOAD"
_AUTHORIZATION = re.compile(
    r"(?P<brand>AWS|OSC)4-HMAC-SHA256 +Credential=(?P<key>[^/]+)/(?P<scope>[^,]+), *"
    r"SignedHeaders=(?P<signed>[^,]+), *Signature=(?P<signature>[0-9a-f]{64})"
)


class Finding(Enum):
    """What a server finds when it looks at a request's signature."""

    ANONYMOUS = "not signed"
    GOOD = "signed by a key we know"
    SCHEME = "an Authorization header of another scheme"
    KEY = "signed by a key we do not know"
    SCOPE = "signed for another region or service"
    SKEW = "signed more than 15 minutes from now, or without a date"
    BODY = "not the body that was signed"
    SIGNATURE = "not the signature that the key gives"


@dataclass(frozen=True, slots=True)
class Realm:
    """Who may sign here: secret by access key, and the region and service that a signature must be for."""

    keys: Mapping[str, str]
    region: str
    service: str


def access_key(request: web.BaseRequest) -> str:
    """The access key that a request says it is signed by; empty if it says none."""
    match = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    return match["key"] if match else ""


def check(request: web.BaseRequest, body: bytes, realm: Realm, now: Instant) -> Finding:
    """What a request's signature is worth."""
    if "Authorization" not in request.headers:
        return Finding.ANONYMOUS
    match = _AUTHORIZATION.fullmatch(request.headers["Authorization"])
    if match is None:
        return Finding.SCHEME
    if match["key"] not in realm.keys:
        return Finding.KEY
    brand, scope = match["brand"], match["scope"]
    date = request.headers.get("X-Osc-Date" if brand == "OSC" else "X-Amz-Date", "")
    signed_at = _instant(date)
    if signed_at is None or abs(now - signed_at) > _SKEW_MAX:
        return Finding.SKEW
    if scope != f"{date[:8]}/{realm.region}/{realm.service}/{brand.lower()}4_request":
        return Finding.SCOPE
    body_hash = hashlib.sha256(body).hexdigest()
    stated = request.headers.get("X-Amz-Content-Sha256", body_hash)
    if stated not in (body_hash, _UNSIGNED):
        return Finding.BODY
    canonical = _canonical(request, match["signed"].split(";"), stated, raw=realm.service == "s3")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{brand}4-HMAC-SHA256\n{date}\n{scope}\n{digest}"
    key = f"{brand}4{realm.keys[match['key']]}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    right = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return Finding.GOOD if hmac.compare_digest(right, match["signature"]) else Finding.SIGNATURE


def _instant(date: str) -> Instant | None:
    try:
        return int(datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()) * SECOND
    except ValueError:
        return None


def _canonical(request: web.BaseRequest, signed: list[str], body_hash: str, *, raw: bool) -> str:
    path, _, query = request.raw_path.partition("?")
    if not raw:  # every service but S3 encodes the path once more
        path = quote(path, safe="/-_.~")
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed)
    return "\n".join((request.method, path, _canonical_query(query), headers, ";".join(signed), body_hash))


def _canonical_query(query: str) -> str:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    encoded = ((quote(unquote(k), safe="-_.~"), quote(unquote(v), safe="-_.~")) for k, _, v in pairs)
    return "&".join(f"{key}={value}" for key, value in sorted(encoded))
