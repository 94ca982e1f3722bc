"""Object storage: what is published, what is fetched, and whose fault it is when not."""

import asyncio
import hashlib
from typing import Any

import msgspec
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from collector.core.record import Outcome, Reason
from collector.probes.s3 import Params
from tests.probes import scripted
from tests.probes.cases import OBJECT
from tests.probes.conftest import KEYS, Run
from tests.probes.scripted import Asked, response

ACCESS: dict[str, Any] = {
    "mode": "access",
    "bucket": "canary",
    "key": "fixed",
    "region": "eu-west-2",
    "sha256": hashlib.sha256(OBJECT).hexdigest(),
}
PUBLISH: dict[str, Any] = {"mode": "publish", "bucket": "canary", "key": "probe/é +", "region": "eu-west-2"}


class Storage:
    """Keeps objects, notes what it is asked, and answers `instead` where that says so."""

    def __init__(self, **instead: bytes) -> None:
        self.asked: list[Asked] = []
        self.kept: dict[str, bytes] = {}
        self._instead = instead

    def __call__(self, asked: Asked) -> bytes:
        self.asked.append(asked)
        if asked.method in self._instead:
            return self._instead[asked.method]
        named = {"x_amz_request_id": f"tx-{asked.method}", "x_amz_id_2": "host-7", "ETag": '"e"'}
        match asked.method:
            case "PUT":
                self.kept[asked.path] = asked.body
                return response(200, **named)
            case "DELETE":
                del self.kept[asked.path]
                return response(204, **named)
            case _ if asked.path not in self.kept:
                return error(404, "NoSuchKey")
            case "HEAD":
                return response(200, **named)
            case _:
                return response(200, self.kept[asked.path], **named)


def error(status: int, code: str) -> bytes:
    return response(status, f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode())


async def test_publishing_puts_finds_and_deletes_an_object_of_its_own(run: Run) -> None:
    storage = Storage()
    async with scripted.tcp(scripted.http(storage)) as port:
        first = await run("s3", f"http://127.0.0.1:{port}", **PUBLISH)
        await run("s3", f"http://127.0.0.1:{port}", **PUBLISH)

    assert first.outcome is Outcome.OK
    assert [asked.method for asked in storage.asked] == ["PUT", "HEAD", "DELETE"] * 2
    assert storage.asked[0].path == "/canary/probe/%C3%A9%20%2Btest-1"
    assert storage.asked[3].path == "/canary/probe/%C3%A9%20%2Btest-2"
    assert len(storage.asked[0].body) == 1024
    assert storage.kept == {}
    assert first.facts["request_id"] == "tx-PUT"
    assert first.facts["id2"] == "host-7"
    assert first.facts["deleted"] == 204
    assert set(first.phases) == {"connect", "first_byte", "transfer", "head", "delete"}
    assert first.value == sum(first.phases.values()) - first.phases["delete"]


async def test_ids_are_found_in_the_body_of_an_error_whose_headers_have_none(run: Run) -> None:
    body = b"<Error><Code>InternalError</Code><RequestId>tx-body</RequestId><HostId>host/8+=</HostId></Error>"
    async with scripted.tcp(scripted.http(Storage(PUT=response(500, body)))) as port:
        seen = await run("s3", f"http://127.0.0.1:{port}", **PUBLISH)

    assert (seen.outcome, seen.facts["code"]) == (Outcome.FAILED, "InternalError")
    assert (seen.facts["request_id"], seen.facts["id2"]) == ("tx-body", "host/8+=")


@pytest.mark.parametrize("refusal", [error(500, "InternalError"), b"", b"garbage\r\n\r\n"])
async def test_a_deletion_that_fails_is_not_a_failed_publication(refusal: bytes, run: Run) -> None:
    async with scripted.tcp(scripted.http(Storage(DELETE=refusal))) as port:
        seen = await run("s3", f"http://127.0.0.1:{port}", timeout_s=0.5, **PUBLISH)

    assert seen.outcome is Outcome.OK
    assert seen.facts["deleted"] == (500 if b"500" in refusal else 0)
    assert seen.value is not None


@pytest.mark.parametrize(
    ("method", "answer", "outcome", "reason"),
    [
        ("PUT", error(503, "SlowDown"), Outcome.THROTTLED, Reason.RATE_STORAGE),
        ("PUT", error(503, "ServiceUnavailable"), Outcome.FAILED, Reason.STATUS),
        ("PUT", error(500, "InternalError"), Outcome.FAILED, Reason.STATUS),
        ("PUT", response(503), Outcome.FAILED, Reason.STATUS),
        ("PUT", error(403, "AccessDenied"), Outcome.BLIND, Reason.CREDENTIALS),
        ("PUT", error(403, "RequestTimeTooSkewed"), Outcome.BLIND, Reason.CREDENTIALS),
        ("PUT", error(400, "InvalidToken"), Outcome.BLIND, Reason.CREDENTIALS),
        ("PUT", error(400, "InvalidArgument"), Outcome.BLIND, Reason.REQUEST),
        ("PUT", error(404, "NoSuchBucket"), Outcome.BLIND, Reason.REQUEST),
        ("PUT", error(307, "TemporaryRedirect"), Outcome.FAILED, Reason.REDIRECT),
        ("PUT", error(501, "NotImplemented"), Outcome.FAILED, Reason.STATUS),
        ("PUT", error(429, "TooManyRequests"), Outcome.THROTTLED, Reason.RATE_STORAGE),
        ("HEAD", response(404), Outcome.FAILED, Reason.CONTENT),
        ("HEAD", response(500), Outcome.FAILED, Reason.STATUS),
        ("HEAD", response(503), Outcome.THROTTLED, Reason.RATE_UNSAID),
        ("HEAD", response(403), Outcome.BLIND, Reason.CREDENTIALS),
    ],
)
async def test_each_refusal_of_a_publication_has_its_verdict(
    method: str, answer: bytes, outcome: Outcome, reason: Reason, run: Run
) -> None:
    if method == "HEAD":
        answer = answer.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
    async with scripted.tcp(scripted.http(Storage(**{method: answer}))) as port:
        seen = await run("s3", f"http://127.0.0.1:{port}", **PUBLISH)

    assert (seen.outcome, seen.reason) == (outcome, reason)


async def test_a_deletion_that_hangs_is_not_a_timeout_of_the_publication(run: Run) -> None:
    storage = Storage()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def respond(asked: Asked) -> bytes:
            return b"" if asked.method == "DELETE" else storage(asked)

        await scripted.http(respond)(reader, writer)
        await asyncio.sleep(scripted.LATER)

    async with scripted.tcp(handler) as port:
        seen = await run("s3", f"http://127.0.0.1:{port}", timeout_s=0.4, **PUBLISH)

    assert seen.outcome is Outcome.OK
    assert seen.facts["deleted"] == 0


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (response(200, OBJECT), Outcome.OK, Reason.NONE),
        (response(200, OBJECT[::-1]), Outcome.FAILED, Reason.CONTENT),
        (response(200, b""), Outcome.FAILED, Reason.CONTENT),
        (response(200, b"<Error><Code>SlowDown</Code></Error>"), Outcome.FAILED, Reason.CONTENT),
        (error(404, "NoSuchKey"), Outcome.FAILED, Reason.CONTENT),
        (error(404, "NoSuchBucket"), Outcome.BLIND, Reason.REQUEST),
        (error(403, "InvalidAccessKeyId"), Outcome.BLIND, Reason.CREDENTIALS),
        (error(503, "SlowDown"), Outcome.THROTTLED, Reason.RATE_STORAGE),
        (error(503, "ServiceUnavailable"), Outcome.FAILED, Reason.STATUS),
        (response(206, OBJECT), Outcome.FAILED, Reason.STATUS),
    ],
)
async def test_a_fetched_object_must_be_the_one_that_was_kept(
    answer: bytes, outcome: Outcome, reason: Reason, run: Run
) -> None:
    async with scripted.tcp(scripted.http(Storage(GET=answer))) as port:
        seen = await run("s3", f"http://127.0.0.1:{port}", **ACCESS)

    assert (seen.outcome, seen.reason) == (outcome, reason)


async def test_the_latency_of_a_fetch_is_its_first_byte_on_a_warm_connection(run: Run) -> None:
    async with scripted.tcp(scripted.http(Storage(GET=response(200, OBJECT)))) as port:
        await run("s3", f"http://127.0.0.1:{port}", warm=True, **ACCESS)
        seen = await run("s3", f"http://127.0.0.1:{port}", warm=True, **ACCESS)

    assert seen.facts["reused"] == 1
    assert seen.value == seen.phases["first_byte"]
    assert "connect" not in seen.phases


async def test_a_public_object_is_fetched_without_keys_or_signature(run: Run) -> None:
    storage = Storage(GET=response(200, OBJECT))
    async with scripted.tcp(scripted.http(storage)) as port:
        seen = await run(
            "s3", f"http://127.0.0.1:{port}", keys={}, **(ACCESS | {"signed": False, "region": ""})
        )

    assert seen.outcome is Outcome.OK
    assert "authorization" not in storage.asked[0].headers


async def test_a_signed_request_without_keys_asks_nothing_and_is_blind(run: Run) -> None:
    seen = await run("s3", "http://127.0.0.1:1", keys={}, **ACCESS)

    assert (seen.outcome, seen.reason) == (Outcome.BLIND, Reason.CREDENTIALS)


async def test_every_signature_is_the_one_that_botocore_gives(run: Run) -> None:
    storage = Storage()
    async with scripted.tcp(scripted.http(storage)) as port:
        await run("s3", f"http://127.0.0.1:{port}", **PUBLISH)

    assert len(storage.asked) == 3
    for asked in storage.asked:
        assert asked.headers["authorization"] == aws4(asked, port)


def aws4(asked: Asked, port: int) -> str:
    """The signature over what was sent, by Amazon's own library."""
    names = asked.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    signing = AWSRequest(
        method=asked.method,
        url=f"http://127.0.0.1:{port}{asked.path}",
        headers={name: asked.headers[name] for name in names},
        data=asked.body,
    )
    stamp = asked.headers["x-amz-date"]
    signing.context["timestamp"] = stamp
    auth = S3SigV4Auth(Credentials(KEYS["access_key"], KEYS["secret_key"]), "s3", "eu-west-2")
    signature = auth.signature(auth.string_to_sign(signing, auth.canonical_request(signing)), signing)
    return (
        f"AWS4-HMAC-SHA256 Credential={auth.scope(signing)}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )


@pytest.mark.parametrize(
    "params",
    [
        {"mode": "steal", "bucket": "b"},
        {"mode": "access", "bucket": "b", "region": "r"},
        {"mode": "access", "bucket": "b", "region": "r", "key": "k", "sha256": "zz"},
        {"mode": "publish", "bucket": "b"},
        {"mode": "publish", "bucket": "b", "region": "r", "signed": False},
        {"mode": "publish", "bucket": "b", "region": "r", "size": 0},
    ],
)
def test_parameters_that_make_no_sense_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(params, Params)
