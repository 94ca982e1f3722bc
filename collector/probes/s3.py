"""Object storage over its S3 interface: publish an object, or fetch a known one and compare it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal
from urllib.parse import quote, urlsplit

import msgspec

from collector.core.record import Outcome, Reason
from collector.host.network import CONNECTION_FACTS, PHASES, Answer, NetworkFault, Request, web_address
from collector.probe import KEYS, Observation, ProbeContext, ProbeSpec, answered
from collector.wire.sigv4 import AWS4, Signer


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which object. Signed requests need the region, and the credentials `access_key` and `secret_key`."""

    mode: Literal["publish", "access"]
    bucket: str
    key: str = ""
    """access: the object's key; publish: what the keys of the objects begin with."""
    region: str = ""
    sha256: str = ""
    """access: hash of the object as it was put there, hexadecimal."""
    signed: bool = True
    size: int = 1024
    """publish: bytes of each object."""
    warm: bool = False
    """access: over a connection that is already there: the latency commitment is about the way alone."""
    ca: str = ""
    """File of the authorities to trust, instead of the system's."""

    def __post_init__(self) -> None:
        if self.mode == "access" and not (self.key and re.fullmatch("[0-9a-f]{64}", self.sha256)):
            raise ValueError("key, sha256: expected the object's key and its SHA-256 (64 hexadecimal digits)")
        if self.mode == "publish" and not self.signed:
            raise ValueError("signed: expected true, since nothing can be published anonymously")
        if self.signed and not self.region:
            raise ValueError("region: expected the region that requests are signed for, got nothing")
        if not 1 <= self.size <= 1 << 20:
            raise ValueError(f"size: expected 1 to 1048576 bytes, got {self.size}")


_OURS = frozenset(
    {
        "AccessDenied", "AccountProblem", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId",
        "InvalidToken", "RequestTimeTooSkewed", "SignatureDoesNotMatch",
    }
)  # fmt: skip


def verdict(status: int, code: str, method: str) -> tuple[Outcome, Reason]:
    """Whether the service is up, by the status and the S3 error code of an answer that is no plain success.

    A 503 is not always a refusal for rate: only the code tells.
    """
    match status, code:
        case _, "SlowDown" | "TooManyRequests" | "RequestLimitExceeded":
            return Outcome.THROTTLED, Reason.RATE_STORAGE
        case 429, _:
            return Outcome.THROTTLED, Reason.RATE_STORAGE
        case 503, "" if method == "HEAD":  # has no body to name a code in
            return Outcome.THROTTLED, Reason.RATE_UNSAID
        case 404, "NoSuchBucket":
            return Outcome.BLIND, Reason.REQUEST
        case 404, _:
            return Outcome.FAILED, Reason.CONTENT
        case ((401 | 403), _):
            return Outcome.BLIND, Reason.CREDENTIALS
        case _ if code in _OURS:
            return Outcome.BLIND, Reason.CREDENTIALS
        case _ if 400 <= status < 500:
            return Outcome.BLIND, Reason.REQUEST
        case _ if 300 <= status < 400:
            return Outcome.FAILED, Reason.REDIRECT
        case _:
            return Outcome.FAILED, Reason.STATUS


class _Bucket:
    """Requests to one bucket, path style."""

    def __init__(self, target: str, params: Params, context: ProbeContext) -> None:
        self._base = target.rstrip("/")
        self._params = params
        self._context = context
        self._signer: Signer | None = None
        if params.signed:
            keys = context.credentials
            if not (keys.get("access_key") and keys.get("secret_key")):
                raise NetworkFault(Outcome.BLIND, Reason.CREDENTIALS)
            self._signer = Signer(
                brand=AWS4,
                region=params.region,
                service="s3",
                access_key=keys["access_key"],
                secret_key=keys["secret_key"],
            )

    async def ask(self, method: str, key: str, body: bytes = b"", *, warm: bool = False) -> Answer:
        """One request about the object `key`."""
        path = quote(f"/{self._params.bucket}/{key}", safe="/-_.~")
        headers: Mapping[str, str] = {"Content-Type": "application/octet-stream"} if body else {}
        if self._signer is not None:
            named = {
                **headers,
                "Host": urlsplit(self._base).netloc,
                "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
            }
            headers = self._signer.headers(method, path, named, body, self._context.wall())
        request = Request(
            method=method, url=self._base + path, headers=headers, body=body, ca=self._params.ca, warm=warm
        )
        return await self._context.network.http(request, self._context.phases)


def _facts(answer: Answer) -> dict[str, int | str]:
    facts: dict[str, int | str] = {"status": answer.status}
    for name, header in (
        ("request_id", "x-amz-request-id"),
        ("id2", "x-amz-id-2"),
        ("etag", "ETag"),
        ("date", "Date"),
    ):
        if value := answer.headers.get(header):
            facts[name] = value[:128]
    if answer.status >= 300:
        for name, tag in (("code", b"Code"), ("request_id", b"RequestId"), ("id2", b"HostId")):
            if said := _said(answer, tag):
                facts.setdefault(name, said)
    return facts


def _code(answer: Answer) -> str:
    return _said(answer, b"Code") if answer.status >= 300 else ""


def _said(answer: Answer, tag: bytes) -> str:
    """What an error's body says under a tag."""
    found = re.search(rb"<%b>\s*([\x21-\x3b\x3d-\x7e]{1,128})\s*</%b>" % (tag, tag), answer.body[:8192])
    return found[1].decode() if found else ""


def _wrong(answer: Answer, context: ProbeContext, method: str) -> Observation:
    outcome, reason = verdict(answer.status, _code(answer), method)
    return answered(context.phases, outcome, reason, _facts(answer), answer.body)


async def _access(bucket: _Bucket, params: Params, context: ProbeContext) -> Observation:
    answer = await bucket.ask("GET", params.key, warm=params.warm)
    if answer.status != 200:
        return _wrong(answer, context, "GET")
    same = hashlib.sha256(answer.body).hexdigest() == params.sha256
    facts = _facts(answer) | ({"reused": int(answer.reused)} if params.warm else {})
    return Observation(
        outcome=Outcome.OK if same else Outcome.FAILED,
        reason=Reason.NONE if same else Reason.CONTENT,
        value=context.phases.took["first_byte"],
        phases=context.phases.took,
        facts=context.phases.facts | facts,
        body=b"" if same else answer.body[:4096],
    )


async def _publish(bucket: _Bucket, params: Params, context: ProbeContext) -> Observation:
    key = params.key + context.unique
    content = (context.unique.encode() * (params.size // len(context.unique) + 1))[: params.size]
    put = await bucket.ask("PUT", key, content)
    if put.status not in (200, 201):
        return _wrong(put, context, "PUT")
    with context.phases.part("head"):
        head = await bucket.ask("HEAD", key)
    if head.status != 200:
        return _wrong(head, context, "HEAD")
    published = answered(context.phases, Outcome.OK, facts=_facts(put) | {"deleted": 0})
    # What becomes of the deletion changes nothing about what was published, even if time runs out in it.
    context.late.observation = published
    try:
        with context.phases.part("delete"):
            deleted = (await bucket.ask("DELETE", key)).status
    except NetworkFault:
        return published
    return replace(published, phases=dict(context.phases.took), facts={**published.facts, "deleted": deleted})


async def _run(target: str, params: msgspec.Struct, context: ProbeContext) -> Observation:
    assert isinstance(params, Params)
    bucket = _Bucket(target, params, context)
    return await (_publish if params.mode == "publish" else _access)(bucket, params, context)


SPEC = ProbeSpec(
    kind="s3",
    target="https://host[:port]",
    fits=web_address,
    params=Params,
    run=_run,
    facts={
        **CONNECTION_FACTS,
        "status": "HTTP status",
        "code": "S3 error code",
        "request_id": "the storage's id of this request (x-amz-request-id, or RequestId in an error's body), "
        "of the PUT when publishing",
        "id2": "its second id (x-amz-id-2, or HostId)",
        "etag": "the object's ETag",
        "date": "the Date header, the provider's own clock",
        "deleted": "HTTP status of the deletion of the published object, 0 if it was not answered",
        "reused": "1 if the answer came over a connection that was there before",
    },
    phases=(*PHASES, "head", "delete"),
    needs=KEYS,
)
